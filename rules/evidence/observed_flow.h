// What captures and flow records show: the OBSERVED view.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/flow.h"
#include "rules/net/time.h"

namespace demarc {

/// Zeek's connection states (conn.log, conn_state), for every protocol:
/// TCP as Zeek; UDP and ICMP queries: S0 only the initiator spoke, SF both did, SHR only the responder was seen,
/// REJ refused by an ICMP error that quotes it; other protocols likewise. OTH: mid-stream, no handshake seen.
enum class ConnState : std::uint8_t { S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH };
inline constexpr std::size_t kConnStates = 13;
std::string_view name(ConnState state);
std::optional<ConnState> parse_conn_state(std::string_view text);

/// All conversations of one initiator with one responder's port (or one of them, where initiator_port is not 0).
struct ObservedFlow {
  Address initiator, responder;
  Protocol protocol;
  bool initiator_certain = false;
  Port initiator_port{};     // 0: conversations of any source port, taken together
  Port port{};               // the responder's
  IcmpType icmp{};           // ICMP: the query's type and code
  std::uint32_t source = 0;  // into FlowEvidence::sources
  std::uint32_t record = 0;  // line of a flow file, or frame number (from 1) of the first packet in a capture
  std::uint64_t conversations = 0;
  std::uint64_t established = 0;  // those in which both sides took part: use
  std::array<std::uint32_t, kConnStates> states{};
  std::uint64_t packets_out = 0, packets_in = 0;  // from and to the initiator, whole IP packets
  std::uint64_t bytes_out = 0, bytes_in = 0;
  Timestamp first, last;
};

/// One capture or flow file, and how much of the truth it saw.
struct FlowSource {
  std::string file;
  std::string sensor;          // "" if nobody said
  std::uint32_t sampling = 1;  // one packet in N
  std::uint64_t packets = 0;
  std::uint64_t dropped = 0;     // by the kernel or the interface, as the capture says
  std::uint64_t undecoded = 0;   // packets we could not read, and so could not count
  std::uint64_t snapped = 0;     // packets cut by the snap length so short that their ports are missing
  std::uint64_t aggregated = 0;  // conversations whose detail was given up to bound memory
  bool truncated = false;        // the file ends in the middle of a packet
  std::string problem;           // what went wrong while reading, in words; empty: nothing
  std::optional<Timestamp> first, last;
};

struct FlowEvidence {
  std::string file;  // the flow record file, or the first capture
  std::vector<FlowSource> sources;
  std::vector<ObservedFlow> flows;
  bool complete = true;  // false: no end record
};

}  // namespace demarc
