// Four stores, each bounded:
//  - open conversations (conversation.h), found by a keyed hash of both ends. A clock hand walks over them and ends
//    the ones that have been silent too long; where there is no room it finds one to end early;
//  - ended conversations whose initiator no handshake told. They wait for the end of the interval, when it is known
//    which ends had the most partners: those are the servers;
//  - the records of the result (record_store.h), and what unanswered packets amount to (noise.h).
// A conversation is an attempt until both sides took part. Attempts give way to attempts and never push an
// established conversation out.
//
// flow_table.cpp follows packets, flow_result.cpp makes records of what has ended.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "scanner/passive/conversation.h"
#include "scanner/passive/flow_table.h"
#include "scanner/passive/fragment_table.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/noise.h"
#include "scanner/passive/partners.h"
#include "scanner/passive/record_store.h"
#include "scanner/passive/speech.h"

namespace demarc {

struct EndedConversations::List {
  struct One {
    Conversation conversation;
    ConversationDetail detail;
    std::uint32_t language = kNone32;  // of its service
  };
  std::vector<One> all;
  std::vector<WideAddresses> wide;  // of those that are IPv6
};

class FlowTable::Body {
 public:
  using Ended = EndedConversations::List;
  Body(const FlowOptions& options, Speech* speech);

  void prepare(FlowPacket& packet) const { prepare(packet, packet.digest); }
  void on_packets(std::span<const FlowPacket> packets);
  void on_packets(std::span<const FlowPacket> packets, Ended& ended);
  void keep(Ended& ended);
  void on_view(FlowPacket& packet);
  void close(FlowEvidence& evidence, bool last, unsigned threads);

  std::vector<FlowLosses> losses;
  std::vector<ConversationTrace> traces;
  std::atomic<std::uint64_t> begun{0};  // may be asked for by another thread
  std::size_t open() const { return index_.size(); }

 private:
  static constexpr std::uint8_t kTcp = 6, kUdp = 17;

  // A conversation at rest: open, or among the undecided.
  struct Ref {
    Conversation& c;
    ConversationDetail& d;
    const WideAddresses* wide;
  };
  static Ref ref(Conversations& of, std::uint32_t i) {
    return {of[i], of.detail(i), of[i].key.ipv6() ? &of.wide(i) : nullptr};
  }
  struct Pending {
    ObservedFlow flow;
    std::uint32_t hash = 0, language = kNone32;
    bool traced = false;
    ConversationTrace trace;
  };

  void prepare(FlowPacket& packet, const PacketDigest& digest) const;
  void order_query(FlowPacket& packet, const PacketDigest& digest) const;
  void order_wide(FlowPacket& packet, const PacketDigest& digest) const;
  std::uint32_t find(const FlowPacket& packet, const PacketDigest& digest) const;
  /// `guess`: the number that the index names, before it was asked in earnest.
  std::uint32_t follow(const FlowPacket& packet, const PacketDigest& digest, std::uint32_t guess);
  /// Says from which end it is, now that it has been understood.
  int segment(std::uint32_t number, int from, const PacketDigest& digest);
  void hear(std::uint32_t number, int from, const FlowPacket& packet, const PacketDigest& digest);
  std::uint32_t begin(const FlowPacket& packet, const PacketDigest& digest);
  std::uint32_t place_for_one();
  void make_room_for_established(std::uint32_t except);
  void became_established(std::uint32_t number);
  void end(std::uint32_t number);
  void keep_undecided(const Ref& r);
  void tick(std::int64_t now);
  std::int64_t patience(const Conversation& c) const;
  void icmp_error(const FlowPacket& packet);
  void later_fragment(const FlowPacket& packet);

  Address address_of(const Ref& r, int end) const {
    const bool low = (end == 0) == r.c.initiator_is_low;
    if (r.wide != nullptr)
      return low ? Address::ipv6(r.wide->low_high, r.wide->low_low)
                 : Address::ipv6(r.wide->high_high, r.wide->high_low);
    return Address::ipv4(static_cast<std::uint32_t>(low ? r.c.key.addresses >> 32 : r.c.key.addresses));
  }
  Partners::End end_of(const Ref& r, int end) const;
  bool is_server_port(const Conversation& c, std::uint16_t port) const {
    const std::uint8_t protocol = c.key.protocol();
    return protocol == kTcp ? server_tcp_[port] : protocol == kUdp && server_udp_[port];
  }
  std::uint16_t port_of(const Conversation& c, int end) const {
    if (c.key.is_icmp()) return c.key.low_port();
    return (end == 0) == c.initiator_is_low ? c.key.low_port() : c.key.high_port();
  }
  int hinted_server(const Conversation& c) const;
  bool knows_initiator(const Ref& r);
  void decide_by_partners(const Ref& r, const Partners& partners);
  void settle_open(bool last);
  void settle_undecided(bool last);

  std::uint32_t language_of(const ConversationDetail& d) const {
    return speech_ == nullptr ? kNone32 : speech_->language_of(d.service);
  }
  void hand_over(const Ref& r);
  void report(const Ref& r, std::uint32_t language);
  void report_flow(const Ref& r, std::uint32_t language, ConnState state, bool established);
  void report_attempt(const Ref& r, ConnState state, bool backscatter);
  void trace(const Ref& r, ConnState state, Pending& pending) const;
  void flush_pending();
  static FlowLosses& of_source(std::vector<FlowLosses>& losses, std::uint32_t source) {
    if (losses.size() <= source) losses.resize(std::size_t{source} + 1);
    return losses[source];
  }
  /// What following gave up, and what keeping did.
  FlowLosses& losses_of(std::uint32_t source) { return of_source(losses_now_, source); }
  FlowLosses& counts_of(std::uint32_t source) { return of_source(counts_now_, source); }

  FlowOptions options_;
  KeyedHash hash_;
  Speech* speech_;
  bool hooks_ = false;  // somebody wants payload
  std::bitset<65536> server_tcp_, server_udp_;

  Conversations open_;
  std::vector<std::uint32_t> free_;
  HashIndex index_;
  std::uint32_t hand_ = 0, serial_ = 0, established_ = 0, established_max_ = 0;
  unsigned packets_to_tick_ = 0;
  std::int64_t started_ = -1, least_patience_ = 0;
  FragmentTable fragments_;

  Conversations undecided_;
  std::uint32_t undecided_max_ = 0;

  std::vector<FlowLosses> losses_now_;
  Ended* ended_ = nullptr;  // set: what ends is handed over there, and somebody else keeps it

  // What keep() and report() work with, and nothing else does while packets are followed.
  std::optional<RecordStore> records_;
  std::array<Pending, 16> pending_;
  std::size_t pending_count_ = 0;
  std::optional<NoiseTable> noise_;
  std::array<Attempt, 16> attempts_;
  std::array<bool, 16> attempt_is_answer_{};
  std::size_t attempts_count_ = 0;
  std::vector<FlowLosses> counts_now_;
};

}  // namespace demarc
