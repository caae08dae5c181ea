// One captured frame as who sent what to whom: decoded once, in place, without allocation. Every length in a packet
// is a claim; the bytes that are there and the length on the wire decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "probes/wire/bytes.h"
#include "probes/wire/link_type.h"
#include "rules/net/address.h"
#include "rules/net/protocol.h"
#include "rules/net/tcp_flag.h"

namespace demarc {

enum class DecodeProblem : std::uint8_t {
  none,
  not_ip,         // ARP, spanning tree, LLDP, ...: no packet of the IP layer, nothing to count
  encapsulated,   // encrypted, compressed or not understood: may carry IP that cannot be opened; PacketView::closed
  link_unknown,   // a link type that we do not read
  snapped,        // the capture kept too few bytes to tell the ports
  malformed,      // the packet contradicts itself
  tiny_fragment,  // a first fragment too short for the ports (RFC 1858 §3)
};
std::string_view name(DecodeProblem problem);

/// A packet of the IP layer; also what an ICMP error quotes. Numbers in host byte order.
struct IpView {
  Address source, destination;
  Protocol protocol;            // behind the IPv6 extension headers
  bool has_ports = false;       // the two ports were there
  bool fragment = false;        // a part of a datagram
  bool later_fragment = false;  // not its first part: no ports, no flags
  std::uint8_t icmp_type = 0, icmp_code = 0;
  std::uint16_t icmp_id = 0;    // of queries that have one, otherwise 0
  std::uint32_t icmp_rest = 0;  // the second word of the header, whatever it means; 0 if it was not captured
  std::uint16_t source_port = 0, port = 0;
  std::uint8_t tcp_flags = 0;
  std::uint16_t tcp_window = 0;  // as it stands in the header, not scaled
  std::uint32_t tcp_seq = 0, tcp_ack = 0;
  std::uint32_t fragment_id = 0;
  std::uint32_t length = 0;          // of the whole IP packet on the wire
  std::uint32_t payload_length = 0;  // behind the transport header, on the wire
  std::uint8_t ttl = 0;
};

struct PacketView : IpView {
  DecodeProblem problem = DecodeProblem::none;
  bool has_quote = false;   // an ICMP error whose quoted packet can be told
  std::uint16_t vlan = 0;   // the innermost VLAN id; 0: none
  Bytes payload;            // what was captured behind the transport header
  Bytes tcp_options;        // what was captured of them
  IpView quote;             // valid if has_quote
  std::string_view closed;  // "MACsec, encrypted": what cannot be opened; valid if the problem is `encapsulated`
  // A link frame may hold several packets (A-MSDU, IEEE 802.11-2020 section 9.3.2.2): where the next one begins,
  // from the front of the frame, and how long the rest is on the wire. 0: this was the last. See decode_next().
  std::uint32_t more_at = 0, more_wire = 0;
};

/// TSval of the timestamps option (RFC 7323 §3.2), looked for only when somebody asks.
std::optional<std::uint32_t> tcp_timestamp(Bytes tcp_options);

/// Decodes a frame. `wire_length` is how long the frame was on the wire; a number below bytes.size() counts as
/// bytes.size(). False: out.problem says why, and nothing else in `out` counts but `closed` and `more_at`.
bool decode(LinkType link, Bytes frame, std::uint32_t wire_length, PacketView& out);

/// The next packet of the same frame, of which `out` is the one before. To be called while out.more_at is not 0,
/// whether or not the one before could be read; it ends, because every call takes at least 14 bytes.
bool decode_next(Bytes frame, PacketView& out);

/// The same from the IP header on.
bool decode_ip(Bytes packet, std::uint32_t wire_length, PacketView& out);

}  // namespace demarc
