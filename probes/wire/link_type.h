// Link-layer types by the numbers that capture files carry (the LINKTYPE_ values registered at tcpdump.org).
#pragma once

#include <cstdint>
#include <string_view>

namespace demarc {

/// Any number may come out of a file; the names are those that decode() reads.
enum class LinkType : std::uint16_t {
  null = 0,  // BSD loopback: the address family in the byte order of the machine that captured
  ethernet = 1,
  raw_bsd = 12,  // raw IP as some systems number it in their files
  raw_openbsd = 14,
  raw = 101,           // raw IPv4 or IPv6
  loop = 108,          // OpenBSD loopback: the address family in network byte order
  linux_cooked = 113,  // "any" interface, version 1
  ipv4 = 228,
  ipv6 = 229,
  linux_cooked2 = 276,  // version 2, with the interface
};

/// "Ethernet", "Linux cooked v2"; "" for a type that decode() does not read.
std::string_view name(LinkType type);
inline bool is_readable(LinkType type) { return !name(type).empty(); }

}  // namespace demarc
