// Link-layer types by the numbers that capture files carry (the LINKTYPE_ values registered at tcpdump.org).
#pragma once

#include <cstdint>
#include <string_view>

namespace demarc {

/// Any number may come out of a file; the names are those that decode() reads.
enum class LinkType : std::uint16_t {
  null = 0,  // BSD loopback: the address family in the byte order of the machine that captured
  ethernet = 1,
  ppp = 9,       // RFC 1661, with or without the address and control bytes of RFC 1662
  raw_bsd = 12,  // raw IP as some systems number it in their files
  raw_openbsd = 14,
  ppp_hdlc = 50,   // PPP in HDLC-like framing, or Cisco HDLC (RFC 1547)
  ppp_ether = 51,  // from the PPPoE header on
  raw = 101,       // raw IPv4 or IPv6
  cisco_hdlc = 104,
  wifi = 105,          // IEEE 802.11, nothing before
  loop = 108,          // OpenBSD loopback: the address family in network byte order
  enc = 109,           // OpenBSD and FreeBSD: IPsec traffic in the clear
  linux_cooked = 113,  // "any" interface, version 1
  pflog = 117,         // what a pf filter logs
  prism = 119,         // IEEE 802.11 behind Prism monitor headers
  radiotap = 127,
  docsis = 143,
  pktap_old = 149,  // "user 2", as old Darwin files number PKTAP
  avs = 163,        // IEEE 802.11 behind AVS monitor headers
  ppp_pppd = 166,   // pppd: the direction in place of the address byte
  ppi = 192,        // per-packet information, then any link type
  erf = 197,        // Endace's extensible record format
  ppp_with_direction = 204,
  cisco_hdlc_with_direction = 205,
  mpls = 219,
  ipnet = 226,  // Solaris
  ipv4 = 228,
  ipv6 = 229,
  nflog = 239,          // what netfilter logs
  pktap = 258,          // Darwin: process information, then any link type
  linux_cooked2 = 276,  // version 2, with the interface
};

/// "Ethernet", "Linux cooked v2"; "" for a type that decode() does not read.
std::string_view name(LinkType type);
inline bool is_readable(LinkType type) { return !name(type).empty(); }

}  // namespace demarc
