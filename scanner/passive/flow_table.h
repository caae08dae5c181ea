// Follows conversations in a packet stream and says who opened them. No clock: time is what the packets say it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "probes/wire/decode.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/port.h"
#include "rules/net/time.h"
#include "scanner/passive/conversation.h"

namespace demarc {

class Speech;

struct FlowOptions {
  /// Bytes that following may take in all: half of it for conversations, a good third for records, the rest for
  /// noise. The two bounds below follow from it where they are 0.
  std::uint64_t memory_max = std::uint64_t{2} << 30;
  /// Conversations followed at a time. Where all places are taken an attempt gives way, or what is over;
  /// established conversations hold at most seven eighths of the places and give way only to each other.
  std::uint32_t conversations_max = 0;
  /// Records kept for the result. What finds no place is counted in `aggregated`; a quarter is kept for established
  /// conversations, so that a scan cannot push use out.
  std::uint32_t records_max = 0;
  /// One record for each conversation, with the initiator's port, instead of one for each initiator and service.
  bool per_conversation = false;
  /// Fold unanswered conversations into FlowEvidence::noise where they are many. False: all of them are records.
  bool noise = true;
  /// Keep what lets the same conversation be found again behind an address translation, for so many conversations.
  std::uint32_t traces_max = 0;
  /// Ports that servers use: of the approved rules and of well-known services. Decide only where nothing better
  /// does.
  PortSet server_ports_tcp, server_ports_udp;
  /// Keys the hash; 0: the listener draws one for each run, so that a capture cannot aim at it.
  std::uint64_t hash_key = 0;

  // How long a silent conversation is waited for. Packets after that begin a new one.
  std::chrono::seconds timeout_tcp{7440};         // RFC 5382 REQ-5: 2 h 4 min, past the usual keep-alive
  std::chrono::seconds timeout_tcp_attempt{120};  // past the longest gap between SYN retries (64 s)
  std::chrono::seconds timeout_tcp_closed{30};    // for late retransmissions
  std::chrono::seconds timeout_udp{120};          // RFC 4787 REQ-5
  std::chrono::seconds timeout_icmp{60};          // RFC 5508 REQ-1
  std::chrono::seconds timeout_other{120};
};

/// Where a packet was: the capture, and its frame number.
struct PacketPlace {
  std::uint32_t source = 0;
  std::uint64_t frame = 0;
};

/// What a flow table has to say of one source besides its flows, for one interval.
struct FlowLosses {
  std::uint64_t aggregated = 0;  // conversations whose record found no place
  std::uint64_t split = 0;       // living conversations ended early because the table was full
  std::uint64_t orphans = 0;     // later fragments whose first one never came: not counted to any conversation
  std::uint64_t one_sided = 0, two_sided = 0;  // as in FlowSource
};

/// What survives an address translation, to find the same conversation in the capture of its other side.
struct ConversationTrace {
  std::uint32_t flow = 0;  // into FlowEvidence::flows
  Protocol protocol;
  Endpoint initiator, responder;
  /// TCP: both initial sequence numbers, the initiator's in the upper half. Others: of the first payload each way,
  /// its length and up to 32 bytes; of ICMP without its identifier. Half of it is 0 where a side was silent.
  std::uint64_t mark = 0;
  Timestamp first;
  std::uint8_t ttl_out = 0, ttl_in = 0;  // of the first packet from and to the initiator; 0: there was none
  // What it added to its flow, so that it can be taken out again.
  Timestamp last;
  std::uint64_t packets_out = 0, packets_in = 0;
  std::uint64_t bytes_out = 0, bytes_in = 0;
  bool established = false;
  ConnState state = ConnState::OTH;
};

/// Conversations that have ended and are not yet kept for the result: FlowTable::on_packets() gives them, keep()
/// takes them.
class EndedConversations {
 public:
  EndedConversations();
  ~EndedConversations();
  EndedConversations(EndedConversations&&) noexcept;
  EndedConversations& operator=(EndedConversations&&) noexcept;

 private:
  friend class FlowTable;
  struct List;
  std::unique_ptr<List> list_;
};

class FlowTable {
 public:
  /// `speech`, if given, hears payload and must outlive the table. One may serve several tables of one thread.
  explicit FlowTable(const FlowOptions& options, Speech* speech = nullptr);
  ~FlowTable();
  FlowTable(FlowTable&&) noexcept;

  /// One packet. `tunnel`: index into FlowEvidence::tunnels of what carried it. Conversations of different levels
  /// are never mixed. No allocation a packet; memory grows with conversations only.
  void on_packet(Timestamp at, const PacketView& packet, PacketPlace place, std::uint32_t tunnel = kNone32);

  /// The same for many, faster: prepare() each, in any thread, then on_packets() all in the order of the capture.
  /// Whatever the batches, the result is the same.
  void prepare(FlowPacket& packet) const;
  void on_packets(std::span<const FlowPacket> packets);
  /// The same in two steps, which two threads may do side by side: the first follows and says what has ended, the
  /// second keeps that. All that the first gave must be kept, in that order, before finish() or rotate().
  void on_packets(std::span<const FlowPacket> packets, EndedConversations& ended);
  void keep(EndedConversations& ended);

  /// End of capture: everything that was followed goes to the end of `evidence.flows`, sorted; `noise` and the
  /// counters of those `sources` that are there are added to. The table is empty afterwards. `threads`: 1 or 2; the
  /// result is the same.
  void finish(FlowEvidence& evidence, unsigned threads = 1);
  /// The same for what happened since the last rotation, and following goes on: conversations that live on stand in
  /// it with what they moved in this interval, if they moved anything, and keep their initiator and its certainty.
  /// A conversation counts once in every interval in which it moved packets.
  void rotate(FlowEvidence& evidence);

  /// The last interval's, after finish() or rotate(); indexed by source, shorter where there is nothing to say.
  const std::vector<FlowLosses>& losses() const;
  /// The last interval's, sorted by flow; empty unless FlowOptions::traces_max asks.
  std::vector<ConversationTrace> take_traces();
  /// Conversations that are being followed now.
  std::size_t open_conversations() const;
  /// Conversations begun so far. May be asked while another thread is in on_packets().
  std::uint64_t conversations() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace demarc
