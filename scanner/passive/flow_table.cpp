// Four stores, each bounded:
//  - open conversations (conversation.h), found by a keyed hash of both ends. A clock hand walks over them and ends
//    the ones that have been silent too long; where there is no room it finds one to end early;
//  - ended conversations whose initiator no handshake told. They wait for the end of the interval, when it is known
//    which ends had the most partners: those are the servers;
//  - the records of the result (record_store.h), and what unanswered packets amount to (noise.h).
// A conversation is an attempt until both sides took part. Attempts give way to attempts and never push an
// established conversation out.
#include "scanner/passive/flow_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/net/icmp.h"
#include "scanner/passive/fragment_table.h"
#include "scanner/passive/handshake.h"
#include "scanner/passive/hash_index.h"
#include "scanner/passive/noise.h"
#include "scanner/passive/partners.h"
#include "scanner/passive/record_store.h"
#include "scanner/passive/speech.h"

namespace demarc {

namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr unsigned kTickPackets = 64, kTickSteps = 32;
/// What is called an attempt where there is no handshake: a sender of more datagrams means to be heard without an
/// answer (syslog, traps, flow export).
constexpr std::uint32_t kAttemptDatagrams = 3;
/// Packets in which the first payload of a conversation is looked for: retransmissions and reordering delay it.
constexpr unsigned kPayloadTries = 15;

std::int64_t ns(std::chrono::seconds s) { return std::chrono::nanoseconds(s).count(); }

bool speaks_to_many(const Address& address) {
  const AddressClass c = classify(address);
  return c == AddressClass::multicast || c == AddressClass::broadcast;
}

std::uint8_t query_of_reply(bool v4, std::uint8_t reply) {
  if (!v4) return reply == 129 ? 128 : reply == 161 ? 160 : reply;
  switch (reply) {
    case 0: return 8;
    case 14:
    case 16:
    case 18: return static_cast<std::uint8_t>(reply - 1);
    case 43: return 42;  // RFC 8335
    default: return reply;
  }
}

// An unreachable of any kind says that nobody takes part; "fragmentation needed" only asks for smaller packets.
bool refuses(bool v4, std::uint8_t type, std::uint8_t code) {
  if (v4) return (type == 3 && code != 4) || type == 12;
  return type == 1 || type == 4;
}

// A mark of a payload that no translation changes: its length and first bytes. Never 0.
std::uint32_t payload_mark(const PacketDigest& packet) {
  std::uint64_t h = 0xCBF29CE484222325ULL ^ packet.payload_length;  // FNV-1a
  const std::uint32_t count = std::min<std::uint32_t>(packet.payload_captured, 32);
  for (std::uint32_t i = 0; i < count; ++i) h = (h ^ packet.payload[i]) * 0x100000001B3ULL;
  return static_cast<std::uint32_t>(h ^ (h >> 32)) | 1;
}

}  // namespace

struct EndedConversations::List {
  struct One {
    Conversation conversation;
    ConversationDetail detail;
    std::uint32_t language = kNone32;  // of its service
  };
  std::vector<One> all;
  std::vector<WideAddresses> wide;  // of those that are IPv6
};
EndedConversations::EndedConversations() : list_(std::make_unique<List>()) {}
EndedConversations::~EndedConversations() = default;
EndedConversations::EndedConversations(EndedConversations&&) noexcept = default;
EndedConversations& EndedConversations::operator=(EndedConversations&&) noexcept = default;

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
  std::uint32_t find(const FlowPacket& packet, const PacketDigest& digest) const;
  /// `guess`: the number that the index names, before it was asked in earnest.
  std::uint32_t follow(const FlowPacket& packet, const PacketDigest& digest, std::uint32_t guess);
  void segment(std::uint32_t number, int& from, const PacketDigest& digest);
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

  Address address_of(const Ref& r, int end) const;
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

FlowTable::Body::Body(const FlowOptions& options, Speech* speech)
    : options_(options), hash_(options.hash_key), speech_(speech) {
  // What a conversation or a record costs with its share of an index that has just grown, and of the order in which
  // records are sorted.
  constexpr std::uint64_t kConversationBytes = 192, kRecordBytes = 216, kUndecidedBytes = 160;
  const std::uint64_t memory = std::max<std::uint64_t>(options.memory_max, std::uint64_t{16} << 20);
  const auto count = [](std::uint64_t bytes, std::uint64_t each) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes / each, 0x7FFFFFFF));
  };
  if (options_.conversations_max == 0) options_.conversations_max = count(memory * 3 / 8, kConversationBytes);
  if (options_.records_max == 0) options_.records_max = count(memory * 3 / 8, kRecordBytes);
  options_.conversations_max = std::max(16U, options_.conversations_max);
  options_.records_max = std::max(16U, options_.records_max);
  undecided_max_ = std::min(options_.records_max, std::max(16U, count(memory / 8, kUndecidedBytes)));
  established_max_ = options_.conversations_max - options_.conversations_max / 8;
  records_.emplace(RecordStore::Options{options_.records_max, options_.per_conversation, options_.hash_key});
  if (options_.noise)
    noise_.emplace(NoiseOptions{.memory_max = static_cast<std::size_t>(memory / 8), .hash_key = options_.hash_key});
  hooks_ = speech_ != nullptr || options_.traces_max != 0;
  const auto mark = [](const PortSet& ports, std::bitset<65536>& marked) {
    for (const PortRange& range : ports.ranges())
      for (std::size_t port = range.first.number(); port <= range.last.number(); ++port) marked[port] = true;
  };
  mark(options.server_ports_tcp, server_tcp_);
  mark(options.server_ports_udp, server_udp_);
  least_patience_ = ns(std::min({options_.timeout_tcp, options_.timeout_tcp_attempt, options_.timeout_tcp_closed,
                                 options_.timeout_udp, options_.timeout_icmp, options_.timeout_other}));
}

// ---------------------------------------------------------------- packets

void FlowTable::Body::prepare(FlowPacket& packet, const PacketDigest& p) const {
  std::uint16_t low_port = p.source_port, high_port = p.port;
  packet.is_reply = packet.is_query = false;
  if (p.protocol == (p.ipv6 ? Protocol::icmpv6 : Protocol::icmp).number()) {
    const auto type = static_cast<std::uint8_t>(p.icmp >> 8);
    const std::uint8_t query = query_of_reply(!p.ipv6, type);
    packet.is_reply = query != type;
    packet.is_query = !packet.is_reply;
    // Two machines may ask each other with the same identifier: here the order is who asked.
    packet.from_low = packet.is_query;
    high_port = static_cast<std::uint16_t>((query << 8) | (packet.is_reply ? 0 : p.icmp & 0xFF));
  } else {
    if (!p.ipv6)
      packet.from_low = (p.source_low << 16 | p.source_port) <= (p.destination_low << 16 | p.port);
    else
      packet.from_low = std::tie(p.source_high, p.source_low, p.source_port) <=
                        std::tie(p.destination_high, p.destination_low, p.port);
    if (!packet.from_low) std::swap(low_port, high_port);
  }
  const std::uint64_t low = packet.from_low ? p.source_low : p.destination_low,
                      high = packet.from_low ? p.destination_low : p.source_low;
  packet.key.rest = ConversationKey::rest_of(low_port, high_port, p.protocol, p.ipv6, packet.tunnel);
  packet.key.addresses = !p.ipv6 ? low << 32 | high
                                 : hash_.wide(packet.from_low ? p.source_high : p.destination_high, low,
                                              packet.from_low ? p.destination_high : p.source_high, high);
  packet.hash = hash_(packet.key.addresses, packet.key.rest);
}

// Some packets apart, so that every line of memory is on its way to the cache while others are dealt with: the slot
// of the index, the conversation it names, its detail where this packet will need it, what is known of the server.
void FlowTable::Body::on_packets(std::span<const FlowPacket> packets) {
  constexpr std::size_t kSome = 256, kApart = 8;
  constexpr std::uint64_t kNoTicket = ~std::uint64_t{0};
  std::array<std::uint32_t, kSome> numbers;
  std::array<std::uint64_t, kSome> tickets;
  for (; !packets.empty(); packets = packets.subspan(std::min(kSome, packets.size()))) {
    const std::size_t count = std::min(kSome, packets.size());
    for (std::size_t step = 0; step < count + 4 * kApart; ++step) {
      if (step < count && packets[step].odd == nullptr) index_.prefetch(packets[step].hash);
      if (const std::size_t i = step - kApart; i < count) {  // a step before 0 is a very large number
        const FlowPacket& p = packets[i];
        numbers[i] = p.odd == nullptr ? index_.likely(p.hash) : HashIndex::kNone;
        if (numbers[i] != HashIndex::kNone) {
          __builtin_prefetch(&open_[numbers[i]], 1);
          if (p.digest.ipv6) __builtin_prefetch(open_.wide_if_any(numbers[i]));
        }
      }
      if (const std::size_t i = step - 2 * kApart; i < count) {
        const PacketDigest& p = packets[i].digest;
        tickets[i] = kNoTicket;
        if (numbers[i] != HashIndex::kNone) {
          const Conversation& c = open_[numbers[i]];
          const int from = packets[i].from_low == c.initiator_is_low ? 0 : 1;
          const bool first_words = hooks_ && p.payload_captured != 0 && !c.asked(from);
          if (first_words || !c.spoke(from) || (p.tcp_flags & tcp_flag::syn))
            __builtin_prefetch(&open_.detail(numbers[i]), 1);
          if (first_words && speech_ != nullptr)
            tickets[i] = speech_->expect(from == 0 ? p.destination() : p.source(), Protocol(p.protocol),
                                         Port(from == 0 ? p.port : p.source_port), from == 1);
        }
      }
      if (const std::size_t i = step - 3 * kApart; i < count && tickets[i] != kNoTicket)
        speech_->expect(static_cast<std::uint32_t>(tickets[i]));
      if (const std::size_t i = step - 4 * kApart; i < count) {
        if (packets[i].odd == nullptr) {
          follow(packets[i], packets[i].digest, numbers[i]);
        } else {
          FlowPacket odd = packets[i];
          on_view(odd);
        }
      }
    }
  }
}

// Whatever decode() reads: pieces of datagrams, errors, and all the rest.
void FlowTable::Body::on_view(FlowPacket& packet) {
  const PacketView& view = *packet.odd;
  if (view.later_fragment) return later_fragment(packet);
  if (view.protocol.is_icmp() && is_icmp_error(view.source.family(), view.icmp_type) &&
      (view.protocol == Protocol::icmp) == view.source.is_ipv4())
    return icmp_error(packet);
  const PacketDigest digest = digest_of(view);
  prepare(packet, digest);
  const std::uint32_t number = follow(packet, digest, HashIndex::kNone);
  if (!view.fragment) return;
  Conversation& c = open_[number];
  const int from = packet.from_low == c.initiator_is_low ? 0 : 1;
  fragments_.first_seen(
      {view.source, view.destination, view.protocol, view.fragment_id, packet.tunnel}, number,
      open_.detail(number).serial, packet.from_low, packet.at,
      [&](const FragmentTable::Waiting& waiting) {
        c.packets[from] += waiting.packets;
        c.bytes[from] += waiting.bytes;
      },
      [&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; });
}

std::uint32_t FlowTable::Body::find(const FlowPacket& packet, const PacketDigest& p) const {
  if (!p.ipv6) return index_.find(packet.hash, [&](std::uint32_t i) { return open_[i].key == packet.key; });
  WideAddresses wide{p.source_high, p.source_low, p.destination_high, p.destination_low};
  if (!packet.from_low) std::swap(wide.low_high, wide.high_high), std::swap(wide.low_low, wide.high_low);
  return index_.find(packet.hash,
                     [&](std::uint32_t i) { return open_[i].key == packet.key && open_.wide(i) == wide; });
}

std::uint32_t FlowTable::Body::follow(const FlowPacket& packet, const PacketDigest& p, std::uint32_t guess) {
  const std::int64_t at = packet.at;
  if (started_ < 0) started_ = at;
  if (++packets_to_tick_ == kTickPackets) tick(at);
  // No two open conversations have the same key, so one that has it is the right one, whatever happened since.
  const bool guessed =
      guess != HashIndex::kNone && !p.ipv6 && open_[guess].in_use && open_[guess].key == packet.key;
  std::uint32_t number = guessed ? guess : find(packet, p);
  const bool tcp = p.protocol == kTcp;
  if (number != HashIndex::kNone) {
    const Conversation& c = open_[number];
    const int from = packet.from_low == c.initiator_is_low ? 0 : 1;
    const std::int64_t silent = at - c.last;
    if ((silent > least_patience_ && silent > patience(c)) || c.packets[from] == 0xFFFFFFFF ||
        (tcp && (p.tcp_flags & tcp_flag::syn) && begins_anew(c, open_.detail(number), at, from, p))) {
      end(number);
      number = HashIndex::kNone;
    }
  }
  if (number == HashIndex::kNone) number = begin(packet, p);

  Conversation& c = open_[number];
  int from = packet.from_low == c.initiator_is_low ? 0 : 1;
  if ((c.packets[0] | c.packets[1]) == 0) {  // the first in this interval
    ConversationDetail& d = open_.detail(number);
    d.first = at;
    d.source = packet.source;
    d.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(packet.frame, 0xFFFFFFFF));
  }
  if (tcp) {
    const std::uint8_t flags = p.tcp_flags;
    if (!(flags & tcp_flag::syn) && (flags & tcp_flag::ack) && !(flags & tcp_flag::rst) && !c.acknowledged_more &&
        c.spoke(from) && p.tcp_ack != c.first_ack[from] && c.tcp.end[from].spoke)
      c.acknowledged_more = true;
    if ((flags & (tcp_flag::syn | tcp_flag::fin | tcp_flag::rst)) || c.tcp.end[from].now == TcpEnd::inactive ||
        !c.spoke(from))
      segment(number, from, p);
    else
      c.tcp.on_more(from, flags & tcp_flag::ack, p.payload_length != 0);
  }
  if (!c.spoke(from)) {
    c.set_spoke(from);
    open_.detail(number).ttl[from] = p.ttl;
  }
  if (!c.established && took_part(c)) became_established(number);
  ++c.packets[from];
  c.bytes[from] += p.length;
  c.last = std::max(c.last, at);
  if (hooks_ && p.payload_captured != 0 && (c.listening || !c.asked(from))) hear(number, from, packet, p);
  return number;
}

void FlowTable::Body::segment(std::uint32_t number, int& from, const PacketDigest& p) {
  Conversation& c = open_[number];
  learn_from_handshake(c, open_.detail(number), from, p);
  c.tcp.on_segment(from, p.tcp_flags, p.payload_length != 0);
}

// The first payload of each direction says what speaks there. In TCP it is known by its sequence number, so it can
// only be told where the handshake was seen.
void FlowTable::Body::hear(std::uint32_t number, int from, const FlowPacket& packet, const PacketDigest& p) {
  Conversation& c = open_[number];
  ConversationDetail& d = open_.detail(number);
  const bool tcp = c.key.protocol() == kTcp;
  if (!c.asked(from)) {
    bool first = true;
    if (tcp) {
      const TcpState::End &sender = c.tcp.end[from], &peer = c.tcp.end[1 - from];
      if (sender.syn || sender.syn_ack)
        first = p.tcp_seq == d.first_seq[from] + 1;
      else
        first = peer.syn_ack && p.tcp_seq == c.first_ack[1 - from];
    } else {
      d.payload_mark[from] = payload_mark(p);
    }
    if (!first && ++c.tries == kPayloadTries) c.set_asked(0), c.set_asked(1);
    if (first) {
      c.set_asked(from);
      if (speech_ != nullptr && c.has_ports) {
        const Ref r = ref(open_, number);
        const Speech::Recognised heard =
            speech_->recognise(address_of(r, 1), Protocol(c.key.protocol()), Port(port_of(c, 1)), from == 1,
                               Bytes(p.payload, p.payload_captured));
        if (heard.service != kNone32) d.service = speech_->better(d.service, heard.service);
        c.listening = c.listening || heard.listen;
      }
    }
  }
  if (!c.listening) return;
  const Ref r = ref(open_, number);
  const FiveTuple tuple{
      Protocol(c.key.protocol()), {address_of(r, 0), Port(port_of(c, 0))}, {address_of(r, 1), Port(port_of(c, 1))}};
  c.listening = speech_->listen(tuple, from == 1, Timestamp(Nanoseconds(packet.at)), tcp ? p.tcp_seq : 0,
                                Bytes(p.payload, p.payload_captured));
}

void FlowTable::Body::later_fragment(const FlowPacket& packet) {
  const PacketView& view = *packet.odd;
  const auto lost = [&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; };
  const FragmentTable::Owner owner =
      fragments_.later({view.source, view.destination, view.protocol, view.fragment_id, packet.tunnel}, view.length,
                       packet.source, packet.at, lost);
  if (owner.conversation == FragmentTable::kUnknown) return;  // it waits for its first fragment
  Conversation& c = open_[owner.conversation];
  ConversationDetail& d = open_.detail(owner.conversation);
  if (!c.in_use || d.serial != owner.serial) return lost(packet.source, 1);
  const int from = owner.from_low == c.initiator_is_low ? 0 : 1;
  if ((c.packets[0] | c.packets[1]) == 0) {
    d.first = packet.at;
    d.source = packet.source;
    d.record = static_cast<std::uint32_t>(std::min<std::uint64_t>(packet.frame, 0xFFFFFFFF));
  }
  ++c.packets[from];
  c.bytes[from] += view.length;
  c.last = std::max(c.last, packet.at);
}

// An error is about the conversation it quotes. Only an answer to the initiator refuses, and only while nobody else
// answered.
void FlowTable::Body::icmp_error(const FlowPacket& packet) {
  const PacketView& view = *packet.odd;
  if (!view.has_quote || view.quote.later_fragment) return;
  if (!refuses(view.source.is_ipv4(), view.icmp_type, view.icmp_code)) return;
  const PacketDigest quote = digest_of(view.quote);
  FlowPacket quoted;
  quoted.tunnel = packet.tunnel;
  prepare(quoted, quote);
  const std::uint32_t number = find(quoted, quote);
  if (number == HashIndex::kNone) return;
  Conversation& c = open_[number];
  const bool from_initiator = quoted.from_low == c.initiator_is_low;
  if (from_initiator && !c.spoke_1) c.refused = true;
}

// ---------------------------------------------------------------- birth and end of a conversation

std::int64_t FlowTable::Body::patience(const Conversation& c) const {
  switch (c.key.protocol()) {
    case kTcp:
      if (c.tcp.over()) return ns(options_.timeout_tcp_closed);
      return ns(c.tcp.end[0].spoke || c.tcp.end[1].spoke ? options_.timeout_tcp : options_.timeout_tcp_attempt);
    case kUdp: return ns(options_.timeout_udp);
    case 1:
    case 58: return ns(options_.timeout_icmp);
    default: return ns(options_.timeout_other);
  }
}

std::uint32_t FlowTable::Body::begin(const FlowPacket& packet, const PacketDigest& p) {
  const std::uint32_t number = place_for_one();
  Conversation& c = open_[number];
  c = Conversation{};
  c.key = packet.key;
  c.in_use = true;
  c.has_ports = p.has_ports;
  c.last = packet.at;
  // The first to speak, until we learn better: a reply was asked for.
  c.initiator_is_low = packet.is_reply ? !packet.from_low : packet.from_low;
  c.certain = packet.is_query;
  ConversationDetail& d = open_.detail(number);
  d = ConversationDetail{};
  d.began = packet.at;
  d.serial = ++serial_;
  if (p.ipv6) {
    open_.need_wide(number);
    WideAddresses& wide = open_.wide(number);
    wide = {p.source_high, p.source_low, p.destination_high, p.destination_low};
    if (!packet.from_low) std::swap(wide.low_high, wide.high_high), std::swap(wide.low_low, wide.high_low);
  }
  index_.insert(packet.hash, number);
  begun.store(begun.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (speech_ != nullptr && p.has_ports) {
    const Protocol protocol(p.protocol);
    const bool tcp = p.protocol == kTcp;
    const bool syn = tcp && (p.tcp_flags & tcp_flag::syn), answer = syn && (p.tcp_flags & tcp_flag::ack);
    Endpoint asks{p.source(), Port(p.source_port)}, asked{p.destination(), Port(p.port)};
    if (answer) std::swap(asks, asked);
    d.parent = speech_->parent_of(protocol, asks, asked, Timestamp(Nanoseconds(packet.at)));
    bool turned = false;
    if (d.parent == kNone32 && tcp && !syn) {  // from the middle on, the end that was asked may be heard first
      d.parent = speech_->parent_of(protocol, asked, asks, Timestamp(Nanoseconds(packet.at)));
      turned = d.parent != kNone32;
    }
    // Announced conversations are opened by who was told: no port or number of partners knows better.
    if (d.parent != kNone32 && !syn) {
      c.decided = true;
      c.certain = !tcp;
      if (turned) c.initiator_is_low = !c.initiator_is_low;
    }
    c.listening = Speech::is_control(protocol, Port(p.port)) || Speech::is_control(protocol, Port(p.source_port));
  }
  return number;
}

std::uint32_t FlowTable::Body::place_for_one() {
  if (free_.empty() && open_.size() < options_.conversations_max) return open_.add();
  if (free_.empty()) {
    // All places are taken. Established conversations never hold more than seven eighths of them, so an attempt (or
    // something that is over) is a few steps away on average. Places are taken again in the order of the hand, so
    // it is among the oldest.
    for (;;) {
      hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
      const Conversation& c = open_[hand_];
      if (!c.established || (c.key.protocol() == kTcp && c.tcp.over())) break;
    }
    end(hand_);
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return number;
}

// Of the next few established ones under the hand, the one whose loss costs least ends: what is over, then whoever
// has been silent longest.
void FlowTable::Body::make_room_for_established(std::uint32_t except) {
  std::uint32_t victim = HashIndex::kNone;
  std::tuple<int, std::int64_t> least{2, 0};
  for (std::uint32_t looked = 0, seen = 0; looked < open_.size() && seen < 16; ++looked) {
    hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
    const Conversation& c = open_[hand_];
    if (!c.in_use || !c.established || hand_ == except) continue;
    ++seen;
    const std::tuple<int, std::int64_t> cost{c.key.protocol() == kTcp && c.tcp.over() ? 0 : 1, c.last};
    if (cost < least) victim = hand_, least = cost;
  }
  if (victim == HashIndex::kNone) return;
  const Conversation& c = open_[victim];
  if (std::get<0>(least) == 1 && open_[except].last - c.last <= patience(c))
    ++losses_of(open_.detail(victim).source).split;
  end(victim);
}

void FlowTable::Body::became_established(std::uint32_t number) {
  open_[number].established = true;
  if (++established_ > established_max_) make_room_for_established(number);
}

// First the places are looked at and what will be over is asked for, then it ends: erasing from the index touches a
// line that nobody has touched for a long time.
void FlowTable::Body::tick(std::int64_t now) {
  packets_to_tick_ = 0;
  if (now - started_ <= least_patience_ || open_.size() == 0) return;  // nobody can have been silent that long
  std::array<std::uint32_t, kTickSteps> over;
  std::size_t count = 0;
  for (unsigned i = 0; i < kTickSteps && i < open_.size(); ++i) {
    hand_ = hand_ + 1 < open_.size() ? hand_ + 1 : 0;
    const Conversation& c = open_[hand_];
    if (!c.in_use || now - c.last <= least_patience_ || now - c.last <= patience(c)) continue;
    over[count++] = hand_;
    index_.prefetch(hash_(c.key.addresses, c.key.rest));
    __builtin_prefetch(&open_.detail(hand_));
  }
  for (std::size_t i = 0; i < count; ++i) end(over[i]);
}

void FlowTable::Body::end(std::uint32_t number) {
  Conversation& c = open_[number];
  index_.erase(hash_(c.key.addresses, c.key.rest), number);
  if (c.established) --established_;
  const Ref r = ref(open_, number);
  if (c.packets[0] != 0 || c.packets[1] != 0) {
    if (knows_initiator(r) || undecided_.size() >= undecided_max_)
      hand_over(r);
    else
      keep_undecided(r);
  }
  c.in_use = false;
  c.established = false;
  free_.push_back(number);
}

void FlowTable::Body::keep_undecided(const Ref& r) {
  const std::uint32_t kept = undecided_.add();
  undecided_[kept] = r.c;
  undecided_.detail(kept) = r.d;
  if (r.wide == nullptr) return;
  undecided_.need_wide(kept);
  undecided_.wide(kept) = *r.wide;
}

// ---------------------------------------------------------------- who opened it, without a handshake

Address FlowTable::Body::address_of(const Ref& r, int end) const {
  const bool low = (end == 0) == r.c.initiator_is_low;
  if (r.wide != nullptr)
    return low ? Address::ipv6(r.wide->low_high, r.wide->low_low)
               : Address::ipv6(r.wide->high_high, r.wide->high_low);
  return Address::ipv4(static_cast<std::uint32_t>(low ? r.c.key.addresses >> 32 : r.c.key.addresses));
}

Partners::End FlowTable::Body::end_of(const Ref& r, int end) const {
  return {address_of(r, end), port_of(r.c, end), r.c.key.protocol(), r.c.key.tunnel()};
}

// 0 or 1: the end whose port, alone of the two, is one that servers use; -1: the ports do not tell.
int FlowTable::Body::hinted_server(const Conversation& c) const {
  if (!c.has_ports) return -1;
  const bool first = is_server_port(c, port_of(c, 0)), second = is_server_port(c, port_of(c, 1));
  return first == second ? -1 : first ? 0 : 1;
}

// Datagrams have no handshake, but some conversations leave no doubt: what goes to many was not asked for; and a
// request to a server's port is one. Between other ports the first packet that we saw need not be the first that
// there was, however long we have listened: packets are lost, and a conversation may be silent for longer than
// anybody waits and then go on from its other end.
bool FlowTable::Body::knows_initiator(const Ref& r) {
  Conversation& c = r.c;
  if (c.certain || c.decided || c.key.is_icmp()) return true;
  const std::uint8_t protocol = c.key.protocol();
  if (protocol == kTcp) return c.tcp.end[0].syn;  // a simultaneous open: both did
  if (speaks_to_many(address_of(r, 1))) {
    c.certain = true;
    return true;
  }
  if (hinted_server(c) == 1) c.certain = true;
  return c.certain;
}

// FTP's server opens its data conversations from port 20, and nothing else does (RFC 959 §3.2). Otherwise the end
// with more partners was asked; where they hardly differ, the one on a server's port; else who spoke second.
void FlowTable::Body::decide_by_partners(const Ref& r, const Partners& partners) {
  constexpr std::uint16_t kFtpData = 20, kFirstFree = 1024;
  if (r.c.key.protocol() == kTcp && r.c.has_ports) {
    const std::uint16_t ports[2] = {port_of(r.c, 0), port_of(r.c, 1)};
    for (const int end : {0, 1})
      if (ports[end] == kFtpData && ports[1 - end] >= kFirstFree) {
        if (end == 1) swap_ends(r.c, r.d);
        return;
      }
  }
  const std::uint64_t first = partners.of(end_of(r, 0)), second = partners.of(end_of(r, 1));
  const int hint = hinted_server(r.c);
  int server = 1;
  if (first > second + 1 || second > first + 1)
    server = first > second ? 0 : 1;
  else if (hint >= 0)
    server = hint;
  else if (first != second)
    server = first > second ? 0 : 1;
  if (server == 0) swap_ends(r.c, r.d);
}

// ---------------------------------------------------------------- results

void FlowTable::Body::on_packets(std::span<const FlowPacket> packets, Ended& ended) {
  ended_ = &ended;
  on_packets(packets);
  ended_ = nullptr;
}

void FlowTable::Body::hand_over(const Ref& r) {
  if (ended_ == nullptr) return report(r, language_of(r.d));
  ended_->all.push_back({r.c, r.d, language_of(r.d)});
  if (r.wide != nullptr) ended_->wide.push_back(*r.wide);
}

void FlowTable::Body::keep(Ended& ended) {
  const WideAddresses* wide = ended.wide.data();
  for (Ended::One& one : ended.all)
    report({one.conversation, one.detail, one.conversation.key.ipv6() ? wide++ : nullptr}, one.language);
  ended.all.clear();
  ended.wide.clear();
}

void FlowTable::Body::report(const Ref& r, std::uint32_t language) {
  const Conversation& c = r.c;
  const ConnState state = state_of(c);
  const bool established = took_part(c);
  if (c.key.protocol() == kTcp && established) {
    FlowLosses& counts = counts_of(r.d.source);
    ++(c.spoke_0 && c.spoke_1 ? counts.two_sided : counts.one_sided);
  }
  // What was announced is no attempt: media often go one way only.
  if (noise_ && !established && !options_.per_conversation && r.d.parent == kNone32) {
    if (is_backscatter(c)) return report_attempt(r, state, true);
    const bool attempt =
        c.key.protocol() == kTcp ? c.tcp.end[0].syn : c.spoke_0 && !c.spoke_1 && c.packets[0] <= kAttemptDatagrams;
    if (attempt) return report_attempt(r, state, false);
  }
  report_flow(r, language, state, established);
}

void FlowTable::Body::report_flow(const Ref& r, std::uint32_t language, ConnState state, bool established) {
  if (pending_count_ == pending_.size()) flush_pending();
  const Conversation& c = r.c;
  Pending& pending = pending_[pending_count_++];
  ObservedFlow& f = pending.flow = ObservedFlow{};
  f.initiator = address_of(r, 0);
  f.responder = address_of(r, 1);
  f.protocol = Protocol(c.key.protocol());
  // A SYN-ACK proves that its receiver asked only where the conversation came about: the SYN may have been forged.
  f.initiator_certain = c.certain && (established || c.key.protocol() != kTcp || c.tcp.end[0].syn);
  if (options_.per_conversation) f.initiator_port = Port(port_of(c, 0));
  if (c.key.is_icmp())
    f.icmp = {static_cast<std::uint8_t>(c.key.high_port() >> 8), static_cast<std::uint8_t>(c.key.high_port())};
  else
    f.port = Port(port_of(c, 1));
  f.source = r.d.source;
  f.record = r.d.record;
  f.service = r.d.service;
  f.parent = r.d.parent;
  f.tunnel = c.key.tunnel();
  f.conversations = 1;
  f.established = established ? 1 : 0;
  f.packets_out = c.packets[0], f.packets_in = c.packets[1];
  f.bytes_out = c.bytes[0], f.bytes_in = c.bytes[1];
  f.first = Timestamp(Nanoseconds(r.d.first));
  f.last = Timestamp(Nanoseconds(std::max(r.d.first, c.last)));
  f.states.add(state);
  pending.hash = records_->hash_of(f);
  pending.language = language;
  records_->prefetch(pending.hash);
  trace(r, state, pending);
}

void FlowTable::Body::report_attempt(const Ref& r, ConnState state, bool backscatter) {
  if (attempts_count_ == attempts_.size()) flush_pending();
  const Conversation& c = r.c;
  attempt_is_answer_[attempts_count_] = backscatter;
  Attempt& a = attempts_[attempts_count_++] = Attempt{};
  // Whoever answers unasked stands as initiator, with the port it was sent from.
  const int sender = backscatter && !c.spoke_0 ? 1 : 0;
  a.initiator = address_of(r, sender);
  a.responder = address_of(r, 1 - sender);
  a.protocol = Protocol(c.key.protocol());
  a.initiator_certain = c.certain && !backscatter && (c.key.protocol() != kTcp || c.tcp.end[0].syn);
  a.state = state;
  a.port = c.key.is_icmp() ? c.key.high_port() : port_of(c, backscatter ? sender : 1);
  a.source = r.d.source;
  a.record = r.d.record;
  a.tunnel = c.key.tunnel();
  a.packets_out = c.packets[sender], a.packets_in = c.packets[1 - sender];
  a.bytes_out = c.bytes[sender], a.bytes_in = c.bytes[1 - sender];
  a.first = Timestamp(Nanoseconds(r.d.first));
  a.last = Timestamp(Nanoseconds(std::max(r.d.first, c.last)));
  noise_->prefetch(a);
}

void FlowTable::Body::trace(const Ref& r, ConnState state, Pending& pending) const {
  pending.traced = false;
  if (options_.traces_max == 0) return;
  const Conversation& c = r.c;
  std::uint64_t half[2];
  for (const int i : {0, 1}) {
    const bool numbered = c.tcp.end[i].syn || c.tcp.end[i].syn_ack;
    half[i] = c.key.protocol() != kTcp ? r.d.payload_mark[i] : numbered ? r.d.first_seq[i] : 0;
  }
  if ((half[0] | half[1]) == 0) return;
  pending.traced = true;
  pending.trace = {.flow = 0,
                   .protocol = Protocol(c.key.protocol()),
                   .initiator = {pending.flow.initiator, Port(port_of(c, 0))},
                   .responder = {pending.flow.responder, Port(port_of(c, 1))},
                   .mark = half[0] << 32 | half[1],
                   .first = pending.flow.first,
                   .ttl_out = r.d.ttl[0],
                   .ttl_in = r.d.ttl[1],
                   .last = pending.flow.last,
                   .packets_out = pending.flow.packets_out,
                   .packets_in = pending.flow.packets_in,
                   .bytes_out = pending.flow.bytes_out,
                   .bytes_in = pending.flow.bytes_in,
                   .established = pending.flow.established != 0,
                   .state = state};
}

void FlowTable::Body::flush_pending() {
  for (std::size_t i = 0; i < pending_count_; ++i) {
    Pending& p = pending_[i];
    const std::uint32_t source = p.flow.source, conversations = p.flow.conversations;
    const std::uint32_t number = records_->add(std::move(p.flow), p.hash, p.language);
    if (number == kNone32) {
      counts_of(source).aggregated += conversations;
    } else if (p.traced && traces.size() < options_.traces_max) {
      p.trace.flow = number;
      traces.push_back(p.trace);
    }
  }
  pending_count_ = 0;
  for (std::size_t i = 0; i < attempts_count_; ++i) {
    if (attempt_is_answer_[i])
      noise_->backscatter(attempts_[i]);
    else
      noise_->attempt(attempts_[i]);
  }
  attempts_count_ = 0;
}

// All that is open: what its own packets decide becomes records at once. At the end the rest moves to the
// undecided, and block by block the memory is given back.
void FlowTable::Body::settle_open(bool last) {
  for (std::uint32_t begin = 0; begin < open_.size(); begin += Conversations::kBlock) {
    for (std::uint32_t i = begin; i < std::min(open_.size(), begin + Conversations::kBlock); ++i) {
      Conversation& c = open_[i];
      if (!c.in_use || (c.packets[0] | c.packets[1]) == 0) continue;
      const Ref r = ref(open_, i);
      if (!knows_initiator(r)) {
        if (last) keep_undecided(r);
        continue;
      }
      report(r, language_of(r.d));
      c.packets[0] = c.packets[1] = 0;
      c.bytes[0] = c.bytes[1] = 0;
    }
    if (last) open_.give_back(begin >> Conversations::kBits);
  }
  if (last) open_.clear();
  flush_pending();
}

// Those that only the others can decide.
void FlowTable::Body::settle_undecided(bool last) {
  Partners partners(hash_, options_.records_max);
  const auto each = [&](auto&& work) {
    for (std::uint32_t i = 0; i < undecided_.size(); ++i) work(ref(undecided_, i));
    for (std::uint32_t i = 0; i < open_.size(); ++i) {
      if (open_[i].in_use && (open_[i].packets[0] | open_[i].packets[1]) != 0) work(ref(open_, i));
    }
  };
  bool any = false;
  each([&](const Ref& r) {
    any = true;
    partners.watch(end_of(r, 0));
    partners.watch(end_of(r, 1));
  });
  if (any) {
    for (const ObservedFlow& f : records_->records()) {
      partners.count({f.responder, f.port.number(), f.protocol.number(), f.tunnel}, f.established);
    }
    each([&](const Ref& r) {
      partners.count(end_of(r, 0), 1);
      partners.count(end_of(r, 1), 1);
    });
    each([&](const Ref& r) {
      decide_by_partners(r, partners);
      report(r, language_of(r.d));
      r.c.decided = true;
      r.c.packets[0] = r.c.packets[1] = 0;
      r.c.bytes[0] = r.c.bytes[1] = 0;
    });
  }
  undecided_.clear();
  if (last) {
    free_ = {};
    index_.clear();
    hand_ = 0;
    established_ = 0;
    started_ = -1;
  }
  flush_pending();
}

void FlowTable::Body::close(FlowEvidence& evidence, bool last, unsigned threads) {
  traces.clear();
  flush_pending();
  if (last) {
    index_.clear();
    fragments_.finish([&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; });
  }
  settle_open(last);
  settle_undecided(last);
  if (noise_) {
    const std::vector<std::uint64_t>& given_up = noise_->given_up();
    for (std::uint32_t i = 0; i < given_up.size(); ++i)
      if (given_up[i] != 0) counts_of(i).aggregated += given_up[i];
    std::vector<ObservedFlow> kept;
    noise_->finish(records_->records(), kept, evidence.noise);
    for (ObservedFlow& f : kept) {
      const std::uint32_t hash = records_->hash_of(f), source = f.source, conversations = f.conversations;
      const std::uint32_t language = speech_ == nullptr ? kNone32 : speech_->language_of(f.service);
      if (records_->add(std::move(f), hash, language) == kNone32) counts_of(source).aggregated += conversations;
    }
  }
  std::vector<std::uint32_t> positions;
  records_->finish(evidence.flows, traces.empty() ? nullptr : &positions, threads);
  for (ConversationTrace& t : traces) t.flow = positions[t.flow];
  std::stable_sort(traces.begin(), traces.end(), [](const ConversationTrace& a, const ConversationTrace& b) {
    return std::tie(a.flow, a.first) < std::tie(b.flow, b.first);
  });
  losses = std::exchange(losses_now_, {});
  for (std::uint32_t i = 0; i < counts_now_.size(); ++i) {
    FlowLosses& all = of_source(losses, i);
    all.aggregated += counts_now_[i].aggregated;
    all.one_sided += counts_now_[i].one_sided;
    all.two_sided += counts_now_[i].two_sided;
  }
  counts_now_.clear();
  for (std::size_t i = 0; i < losses.size() && i < evidence.sources.size(); ++i) {
    FlowSource& source = evidence.sources[i];
    source.aggregated += losses[i].aggregated + losses[i].split;
    source.undecoded += losses[i].orphans;
    source.one_sided += losses[i].one_sided;
    source.two_sided += losses[i].two_sided;
  }
}

// ---------------------------------------------------------------- the outside

FlowTable::FlowTable(const FlowOptions& options, Speech* speech) : body_(std::make_unique<Body>(options, speech)) {}
FlowTable::~FlowTable() = default;
FlowTable::FlowTable(FlowTable&&) noexcept = default;

void FlowTable::on_packet(Timestamp at, const PacketView& packet, PacketPlace place, std::uint32_t tunnel) {
  FlowPacket p;
  p.at = std::max<std::int64_t>(0, at.since_epoch().count());
  p.frame = place.frame;
  p.source = place.source;
  p.tunnel = tunnel;
  p.odd = &packet;
  body_->on_view(p);
}
void FlowTable::prepare(FlowPacket& packet) const { body_->prepare(packet); }
void FlowTable::on_packets(std::span<const FlowPacket> packets) { body_->on_packets(packets); }
void FlowTable::on_packets(std::span<const FlowPacket> packets, EndedConversations& ended) {
  body_->on_packets(packets, *ended.list_);
}
void FlowTable::keep(EndedConversations& ended) { body_->keep(*ended.list_); }
void FlowTable::finish(FlowEvidence& evidence, unsigned threads) { body_->close(evidence, true, threads); }
void FlowTable::rotate(FlowEvidence& evidence) { body_->close(evidence, false, 1); }
const std::vector<FlowLosses>& FlowTable::losses() const { return body_->losses; }
std::vector<ConversationTrace> FlowTable::take_traces() { return std::exchange(body_->traces, {}); }
std::size_t FlowTable::open_conversations() const { return body_->open(); }
std::uint64_t FlowTable::conversations() const { return body_->begun.load(std::memory_order_relaxed); }

}  // namespace demarc
