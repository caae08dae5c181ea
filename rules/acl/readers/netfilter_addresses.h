// The addresses of a Linux host's interfaces, where a listing of them stands before or behind its rule set: the
// lines of `ip -o addr`, or the document of `ip -j addr`. Neither iptables nor nft says them, and without them
// nobody knows which zone an interface leads to.
#pragma once

#include <string_view>

#include "rules/acl/device.h"
#include "rules/acl/readers/json_tree.h"

namespace demarc::netfilter {

/// "2: eth0    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0": adds it; false if the line is something else.
bool read_address_line(std::string_view line, std::uint32_t number, std::vector<Interface>& interfaces);
/// A line of `ip -o link` or of its `ip addr` that says no address: it is about an interface and about no filter.
bool is_link_line(std::string_view line);
/// One interface of `ip -j addr`.
bool read_address_object(JsonValue object, std::uint32_t line, std::vector<Interface>& interfaces);

/// All of their own addresses.
std::vector<Address> own_addresses(const std::vector<Interface>& interfaces);

}  // namespace demarc::netfilter
