// From other sensors' records to the OBSERVED view. Some sensors write a conversation as one record; others write
// each direction apart, and long conversations in pieces. Here the pieces are put together, and it is said who
// opened a conversation, and how certain that is:
//
//  - a TCP direction that carries SYN and never ACK asked: certain. So is the peer of one whose SYN came with ACK
//    where a sensor tells that apart (AWS). Where flags are accumulated over a whole connection (NetFlow), both
//    ends show SYN and ACK, and nothing is certain;
//  - without that, in this order: the end with more partners was asked; else the one whose port servers use; else
//    the direction that was seen later;
//  - UDP is certain towards a server's port or a group, as for captures (scanner/passive/README.md);
//  - ICMP is certain where the record names a query.
//
// Established means that both sides took part, as everywhere: a direction that only answered with resets, or only
// repeated a SYN, did not. Where a sensor gives no flags, answers of bare headers (40 bytes of IPv4, 60 of IPv6: a
// reset's size, while a SYN-ACK carries options) count as refusals.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "rules/net/port.h"

namespace demarc {

struct RecordFlowOptions {
  /// Conversations put together at a time (about 200 bytes each). When there are more, the next in turn is ended
  /// early and counted in `aggregated`.
  std::uint32_t conversations_max = 1'000'000;
  /// Records kept for the result. What finds no place is counted in `aggregated`; a quarter is kept for established
  /// conversations, so that a scan cannot push use out.
  std::uint32_t records_max = 4'000'000;
  bool per_conversation = false;               // one record each, with the initiator's port
  PortSet server_ports_tcp, server_ports_udp;  // of rules and well-known services: decide where nothing better does
  std::uint64_t hash_key = 0;                  // keys the hash, so that records cannot aim at it
  std::uint32_t sampling = 0;                  // one packet in N, where somebody said so; 0: as the files say

  // How long a pause a conversation may make; as scanner/passive/flow_table.h.
  std::chrono::seconds timeout_tcp{7440}, timeout_tcp_attempt{120}, timeout_tcp_closed{30}, timeout_udp{120},
      timeout_icmp{60}, timeout_other{120};
};

/// TCP flags as they stand in the header (RFC 9293 section 3.1).
namespace record_flag {
inline constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16;
}

/// How a record's flags are to be read.
enum class FlagKind : std::uint8_t {
  none,         // the record has none
  accumulated,  // the OR of all packets of this direction
  syn_ack_only  // so, but ACK only where it came with SYN (AWS)
};

/// What one direction of a conversation, or a piece of it, was.
struct RecordDirection {
  std::uint64_t packets = 0, bytes = 0;
  std::uint64_t refused = 0;  // of the packets: by the filter that wrote the record
  std::uint8_t flags = 0;
};

/// A record, read. `out` is from source to destination, `in` the way back.
struct FlowPiece {
  Address source, destination;
  Protocol protocol;
  Port source_port, destination_port;
  std::optional<IcmpType> icmp;  // of the packets from source to destination
  RecordDirection out, in;
  FlagKind flags = FlagKind::none;
  Timestamp first, last;
  /// Set: the sensor followed the conversation, and its source opened it, or so it believes. Unset: one direction.
  bool whole = false;
  bool opener_known = false;        // whole, or the record says who opened it (Azure)
  bool certain = false;             // and the record proves it
  bool refused = false;             // by the filter, before any answer
  std::optional<ConnState> state;   // as the sensor says; otherwise it is derived
  std::optional<bool> established;  // likewise
  std::uint32_t conversations = 1;
  std::uint32_t service = kNone32, tunnel = kNone32, real = kNone32;  // of RecordFlows' lists
  std::uint64_t interface_id = 0;  // where one sensor sees the same packets at several: 0: it does not say
  bool begins = false;             // this record says that the conversation begins here
  bool ends = false;               // or that it ends
  bool continues = false;          // or that it goes on: the pause before it may be long
  std::uint32_t file = 0;          // into the sources
  std::uint32_t record = 0;        // line
};

/// Puts records of one sensor together; its files, however many, share one of these.
class RecordFlows {
 public:
  explicit RecordFlows(const RecordFlowOptions& options);
  ~RecordFlows();
  RecordFlows(RecordFlows&&) noexcept;
  RecordFlows& operator=(RecordFlows&&) noexcept;

  std::uint32_t add_source(std::string file, std::string sensor);
  /// Valid until the next add_source().
  FlowSource& source(std::uint32_t index);
  /// Names what pieces refer to; equal ones share an index. kNone32 when there are too many (counted, and said by
  /// finish()).
  std::uint32_t service(std::string_view name, std::string_view evidence);
  std::uint32_t tunnel(const Tunnel& tunnel);
  /// `initiator` stands for the piece's source, `responder` for its destination, `port` for the latter's.
  std::uint32_t real(const RealEnds& ends);

  /// False: it is about nothing that could be a conversation (an ICMP error, ICMP of an unknown type), and was left
  /// out.
  bool add(const FlowPiece& piece);
  void interrupted();  // a file ends early: the evidence is not complete
  const RecordFlowOptions& options() const;
  /// Packets that another interface of the same sensor had counted already.
  std::uint64_t seen_twice() const;
  /// Everything; this is empty afterwards.
  FlowEvidence finish();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace demarc
