// A capture whose every conversation is known: whoever makes packets says which conversation each belongs to, and
// what is true of that conversation is written beside the capture. Tests and benchmarks compare with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/wire/craft.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/flow.h"
#include "rules/net/time.h"
#include "rules/text/result.h"

namespace demarc::traffic {

/// What can be known of who opened a conversation from the packets that the capture holds.
enum class Opener : std::uint8_t {
  known,   // the packets tell, or the company they are in does
  either,  // both did (simultaneous open), or no packet tells: any answer will do that is not called certain
};

/// "no such flow", "no such tunnel".
inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

/// One conversation as it was made. For ICMP both ports hold the identifier.
struct TrueFlow {
  std::string kind;
  Protocol protocol;
  Endpoint initiator = {}, responder = {};
  IcmpType icmp = {};  // of the query
  ConnState state = ConnState::OTH;
  bool established = false;
  Opener opener = Opener::known;
  std::string service = {};      // what speaks there, if its first bytes are in the capture; "": nothing is claimed
  std::uint32_t parent = kNone;  // into the capture's flows
  std::optional<RelatedBy> by = {};
  std::optional<TunnelKind> tunnel = {};
  std::uint32_t frame_first = 0;                  // from 1, of the written capture
  std::uint64_t packets_out = 0, packets_in = 0;  // as in ObservedFlow
  std::uint64_t bytes_out = 0, bytes_in = 0;
  Timestamp first = {}, last = {};
};

struct MadePacket {
  Timestamp at;
  std::uint32_t flow = kNone;
  std::uint16_t vlan = 0;
  Frame ip;
};

class MadeCapture {
 public:
  std::uint32_t add_flow(TrueFlow flow);
  /// A packet of that conversation; kNone: of none (ICMP errors, orphaned fragments).
  void add_packet(Timestamp at, std::uint32_t flow, bool from_initiator, Frame ip, std::uint16_t vlan = 0);
  /// One more packet and its bytes for a conversation that travels inside a packet already added.
  void count(Timestamp at, std::uint32_t flow, bool from_initiator, std::size_t bytes);

  /// Puts packets in the order of their times, keeping the order of making where those are equal. Flows of which no
  /// packet was captured are taken out. Call once, before anything below.
  void arrange();
  const std::vector<MadePacket>& packets() const { return packets_; }
  const std::vector<TrueFlow>& flows() const { return flows_; }
  TrueFlow& flow(std::uint32_t number) { return flows_[number]; }
  Timestamp begin() const { return packets_.empty() ? Timestamp{} : packets_.front().at; }

  /// A pcap file with nanoseconds. VLAN tags stand where the link type is Ethernet.
  Result<void> write(const std::string& path, LinkType link, std::uint32_t snaplen) const;
  /// The frame as write() writes it.
  static Frame framed(const MadePacket& packet, LinkType link);

 private:
  std::vector<MadePacket> packets_;
  std::vector<TrueFlow> flows_;
};

/// JSON Lines: a header, one record for each conversation, an end record.
Result<void> write_truth(const std::string& path, const std::vector<TrueFlow>& flows);

}  // namespace demarc::traffic
