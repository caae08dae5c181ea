// What captures and flow records show: the OBSERVED view.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/outcome.h"
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

/// How many conversations ended in each state. Nearly every record knows one or two states, so two stand inside
/// and only a record with more of them allocates: a million records are a hundred bytes each, not two hundred.
class StateCounts {
 public:
  StateCounts() = default;
  StateCounts(const StateCounts& other) { *this = other; }
  StateCounts(StateCounts&& other) noexcept = default;
  StateCounts& operator=(const StateCounts& other);
  StateCounts& operator=(StateCounts&& other) noexcept = default;

  /// 0 for a state that never occurred. Counts stop at the largest number that fits.
  std::uint32_t operator[](ConnState state) const;
  void add(ConnState state, std::uint64_t count = 1);
  void add(const StateCounts& other);
  bool operator==(const StateCounts& other) const;

 private:
  using All = std::array<std::uint32_t, kConnStates>;
  struct Few {
    std::uint32_t first = 0, second = 0;
  };
  std::unique_ptr<All> all_;  // set: it counts, and `few_` does not
  Few few_;
  ConnState first_ = ConnState::S0, second_ = ConnState::S0;
};

/// "nothing of the kind": indices of an ObservedFlow into the lists of its FlowEvidence.
inline constexpr std::uint32_t kNone32 = 0xFFFFFFFF;

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
  std::uint32_t service = kNone32;  // into FlowEvidence::services: what speaks there, recognised in the first bytes
  std::uint32_t parent = kNone32;   // into FlowEvidence::parents: the conversation that announced this port
  std::uint32_t tunnel = kNone32;   // into FlowEvidence::tunnels: what carried it; none: it was on the outside
  std::uint32_t real = kNone32;  // into FlowEvidence::real_ends: a translation stood between, and was seen through
  std::uint32_t conversations = 0;
  std::uint32_t established = 0;                  // those in which both sides took part: use
  std::uint64_t packets_out = 0, packets_in = 0;  // from and to the initiator, whole IP packets
  std::uint64_t bytes_out = 0, bytes_in = 0;
  Timestamp first, last;
  StateCounts states;
};

/// Why a conversation belongs to another one, which announced its port.
enum class RelatedBy : std::uint8_t {
  ftp,         // RFC 959 PORT and PASV, RFC 2428 EPRT and EPSV
  msrpc,       // the endpoint mapper's answer (C706, ept_map)
  tftp,        // RFC 1350 section 4: the server answers from a port of its own choice
  sip,         // RFC 4566 media lines of a session description
  portmapper,  // RFC 1833
};
std::string_view name(RelatedBy by);  // "ftp"
std::optional<RelatedBy> parse_related_by(std::string_view text);

/// The conversation that announced others. Its approval is theirs.
struct ParentFlow {
  Address initiator, responder;
  Protocol protocol;
  Port port;  // the responder's
  RelatedBy by = RelatedBy::ftp;
  auto operator<=>(const ParentFlow&) const = default;
};

/// The outer packets around a conversation. Conversations of the two levels are never mixed: the outer one is a
/// flow of its own.
enum class TunnelKind : std::uint8_t { gre, ipip, sixinfour, vxlan, geneve, erspan, gtpu, other };
std::string_view name(TunnelKind kind);  // "gre", "ipip", "6in4", "vxlan", ...
std::optional<TunnelKind> parse_tunnel_kind(std::string_view text);
struct Tunnel {
  TunnelKind kind = TunnelKind::gre;
  Address low, high;     // the ends, the smaller address first
  std::uint32_t id = 0;  // VNI, GRE key, ERSPAN session; 0: it has none, or each direction its own (TEID, call)
  auto operator<=>(const Tunnel&) const = default;
};

/// Where captures from both sides of an address translation show the same conversation: who really talks. The real
/// initiator is seen on its own side of the translation, the real responder on its own (semantics.md section 2).
struct RealEnds {
  Address initiator, responder;
  Port port;                // the responder's
  bool seen_twice = false;  // another record of this evidence tells the same conversations: count one of them
  auto operator<=>(const RealEnds&) const = default;
};

/// What unanswered packets amount to when there are many of them. Never use, and not one record each.
enum class NoiseKind : std::uint8_t {
  port_scan,    // one source, many ports of one or a few hosts, nothing established
  host_scan,    // one source, the same few ports on many hosts
  syn_flood,    // many sources, one port, handshakes that nobody completes
  backscatter,  // answers (SYN-ACK, RST, ICMP errors) to what nobody here asked: somebody forged our address
  attempts,     // more unanswered questions than could be kept one by one
};
std::string_view name(NoiseKind kind);  // "port-scan"
std::optional<NoiseKind> parse_noise_kind(std::string_view text);
struct TrafficNoise {
  NoiseKind kind = NoiseKind::attempts;
  std::optional<Address> initiator;  // none: many
  std::optional<Address> responder;  // none: many
  Protocol protocol;
  PortSet ports;               // of responders; bounded: the first and last ports stand where the middle is lost
  std::uint64_t attempts = 0;  // unanswered conversations, exact
  std::uint64_t initiators = 1, responders = 1;  // distinct ones; an estimate above 1,024 (3 percent)
  std::uint64_t packets = 0, bytes = 0;          // exact
  std::uint32_t source = 0, record = 0;          // as in ObservedFlow: the first packet
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
  std::uint64_t one_sided = 0;   // TCP conversations of which only one direction was seen, though both took part
  std::uint64_t two_sided = 0;   // and those of which both were seen
  std::uint64_t tunneled = 0;    // packets of tunnels that nobody asked to open: what they carry is not counted
  bool truncated = false;        // the file ends in the middle of a packet
  std::string problem;           // what went wrong while reading, in words; empty: nothing
  std::optional<Timestamp> first, last;
};

struct FlowEvidence {
  std::string file;  // the flow record file, or the first capture
  std::vector<FlowSource> sources;
  std::vector<ObservedFlow> flows;
  std::vector<TrafficNoise> noise;
  std::vector<ServiceSeen> services;  // this and the next three: what flows refer to by index
  std::vector<ParentFlow> parents;
  std::vector<Tunnel> tunnels;
  std::vector<RealEnds> real_ends;
  std::vector<std::string>
      notes;             // what could not be told, in words, for people: counted, and no reason to distrust
  bool complete = true;  // false: no end record
};

}  // namespace demarc
