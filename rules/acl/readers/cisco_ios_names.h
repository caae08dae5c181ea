// IOS's own names: protocols, ports and ICMP messages (Cisco IOS Security Command Reference, access-list (IP
// extended), permit (IP), permit (IPv6)). The same word means another number in other dialects, so this table is
// IOS's alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rules/net/icmp.h"
#include "rules/net/protocol.h"

namespace demarc {

struct NamedNumber {
  std::string_view name;
  std::uint16_t number;
};
std::span<const NamedNumber> ios_tcp_ports();
std::span<const NamedNumber> ios_udp_ports();
/// Without `ip` and `ipv6`, which mean every protocol.
std::span<const NamedNumber> ios_protocols();

struct NamedIcmp {
  std::string_view name;
  IcmpType type;
};
std::span<const NamedIcmp> ios_icmp();
std::span<const NamedIcmp> ios_icmpv6();

}  // namespace demarc
