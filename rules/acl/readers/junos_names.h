// Junos's own names: protocols, ports and ICMP messages of firewall filters (Routing Policies, Firewall Filters,
// and Traffic Policers User Guide: "Firewall Filter Match Conditions for IPv4 Traffic", "... for IPv6 Traffic"),
// the applications `junos-*` of security policies (output of `show configuration groups junos-defaults
// applications`), and the services that a zone may admit to the device (`host-inbound-traffic`).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rules/acl/readers/name_table.h"
#include "rules/net/address.h"
#include "rules/net/protocol.h"

namespace demarc::junos {

std::span<const NamedNumber> ports();
std::span<const NamedNumber> protocols();
std::span<const NamedNumber> icmp_types(Family family);
/// Codes, which belong to a type each: type << 8 | code.
std::span<const NamedNumber> icmp_codes(Family family);

/// One way that an application or service speaks. Several rows may bear one name.
struct Service {
  std::string_view name;
  std::uint8_t protocol;  // 0: every one
  std::uint16_t port = 0, port_last = 65535;
  std::int16_t icmp_type = -1;
};
std::span<const Service> applications();
/// Predefined sets: the members are rows of applications().
struct ApplicationSet {
  std::string_view name, member;
};
std::span<const ApplicationSet> application_sets();
std::span<const Service> system_services();
std::span<const Service> host_protocols();

}  // namespace demarc::junos
