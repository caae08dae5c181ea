// Follows conversations in a packet stream and says who opened them. No clock: time is what the packets say it is.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "probes/wire/decode.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/port.h"
#include "rules/net/time.h"

namespace demarc {

struct FlowOptions {
  /// Conversations followed at a time (128 bytes each). The longest silent one goes early when the table is full.
  std::uint32_t conversations_max = 4'000'000;
  /// Records kept for the result (about 200 bytes each). What finds no place is counted in `aggregated`; a quarter
  /// is kept for established conversations, so that a scan cannot push use out.
  std::uint32_t records_max = 4'000'000;
  /// One record for each conversation, with the initiator's port, instead of one for each initiator and service.
  bool per_conversation = false;
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

/// What a flow table could not do, for one source.
struct FlowLosses {
  std::uint64_t aggregated = 0;  // conversations whose record found no place
  std::uint64_t split = 0;       // conversations ended early because the table was full
  std::uint64_t orphans = 0;     // later fragments whose first one never came: not counted to any conversation
};

class FlowTable {
 public:
  explicit FlowTable(const FlowOptions& options);
  ~FlowTable();
  FlowTable(FlowTable&&) noexcept;

  /// No allocation a packet; memory grows with conversations only.
  void on_packet(Timestamp at, const PacketView& packet, PacketPlace place);
  /// Says that this packet comes soon, so that its place is in the cache by then.
  /// In two steps: all packets of a batch first, then all tickets that this gave.
  std::uint32_t prefetch(const PacketView& packet) const;
  void prefetch_conversation(std::uint32_t ticket) const;
  /// End of capture: everything that was followed, sorted. The table is empty afterwards.
  void finish(std::vector<ObservedFlow>& flows);
  /// Valid after finish(); indexed by source, shorter where nothing was lost.
  const std::vector<FlowLosses>& losses() const;
  /// Conversations that are being followed now.
  std::size_t open_conversations() const;
  /// Conversations begun so far.
  std::uint64_t conversations() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace demarc
