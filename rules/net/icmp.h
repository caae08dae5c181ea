// ICMP and ICMPv6 messages by type and code (RFC 792, RFC 4443; IANA registries).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/address.h"
#include "rules/text/result.h"

namespace demarc {

struct IcmpType {
  std::uint8_t type = 0;
  std::optional<std::uint8_t> code;  // none: every code of the type
  auto operator<=>(const IcmpType&) const = default;
};

/// "echo-request", "packet-too-big", as the rule set spells them; nullopt for an unknown name. The numbers differ
/// by family.
std::optional<IcmpType> icmp_type_by_name(Family family, std::string_view name);
/// Every known name of that family, for suggestions.
const std::vector<std::string_view>& icmp_type_names(Family family);
/// The name where there is one, otherwise "type/code" or "type".
std::string describe(Family family, IcmpType type);
/// "8/0", or "8" for every code: the form of `types` in evidence files.
std::string to_string(IcmpType type);
Result<IcmpType> parse_icmp_type(std::string_view text);
/// The reply to a query (echo request -> echo reply, ...), if the type is a query.
std::optional<std::uint8_t> icmp_reply_type(Family family, std::uint8_t query);
/// An error message that quotes another packet: ICMP 3, 4, 5, 11, 12; ICMPv6 1-127 (RFC 4443 §2.1).
bool is_icmp_error(Family family, std::uint8_t type);

}  // namespace demarc
