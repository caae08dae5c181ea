// Values as Junos writes them: addresses, ports, protocols, TCP flags, and what a list of prefixes comes down to.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/name_table.h"

namespace demarc::junos {

/// An address or prefix as Junos writes it: "10.0.0.0/8", "10/8", "192.0.2.1", or with a mask that has holes.
struct WrittenAddress {
  Prefix prefix = {};
  std::optional<AddressBits> bits = {};  // a mask with holes
};
std::optional<WrittenAddress> parse_junos_address(std::string_view word);
/// "80", "http", "1024-65535".
std::optional<PortRange> parse_junos_ports(std::string_view word);
std::optional<Protocol> parse_junos_protocol(std::string_view word);

/// One entry of an address list.
struct ListedPrefix {
  Prefix prefix;
  bool except = false;
};
/// The addresses of which the longest prefix that holds them is not an exception.
AddressSet longest_match(std::vector<ListedPrefix> prefixes);

/// A value or a range of a table's names or of numbers up to `most`: "80", "http", "ftp-data-http".
std::optional<PortRange> parse_junos_range(std::string_view word, std::span<const NamedNumber> names,
                                           unsigned most);
/// "(syn & !ack) | rst": a set of flag bytes. None where it is no such expression.
std::optional<ByteSet> parse_junos_flags(std::string_view text);

}  // namespace demarc::junos
