// One entry of an IOS access list, from its action on.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/text/cursor.h"

namespace demarc::ios {

/// What an object-group stands for.
struct NetworkGroup {
  AddressSet addresses = {};
  bool complete = true;  // false: a member could not be read or is not defined
};
struct ServiceObject {
  ProtocolSet protocols = ProtocolSet::all();
  PortSet ports = PortSet::all(), source_ports = PortSet::all();
  IcmpSet icmp = IcmpSet::all();
};
struct ServiceGroup {
  std::vector<ServiceObject> members = {};
  bool complete = true;
};

/// The groups that entries may name. A function gives none for a name that is not defined.
struct Groups {
  std::function<const NetworkGroup*(std::string_view)> network;
  std::function<const ServiceGroup*(std::string_view)> service;
};

enum class Kind : std::uint8_t { standard, extended, ipv6 };

/// Fills action, match, maybe and undecided. An error is about the word where reading stopped.
Result<void> read_ace(Cursor& in, Kind kind, const Groups& groups, Entry& entry);

/// "tcp eq 80", "udp range 1 9", "icmp echo": a member of a service object-group.
Result<ServiceObject> read_service_object(Cursor& in);
/// "host 192.0.2.1", "192.0.2.0 255.255.255.0" (a netmask, unlike in entries), "192.0.2.0/24", "range A B", "any".
Result<AddressSet> read_network_object(Cursor& in);

/// A netmask as a prefix length; none if its ones are not in front.
std::optional<unsigned> netmask_length(const Address& mask);

}  // namespace demarc::ios
