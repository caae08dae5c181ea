// Tables of names, a set for each dialect: the same word is another port in another dialect (`syslog` is TCP 514 in
// one and unknown in the next), so no dialect sees another's table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/icmp.h"
#include "rules/text/suggest.h"

namespace demarc {

struct NamedNumber {
  std::string_view name;
  std::uint16_t number;
};
struct NamedIcmp {
  std::string_view name;
  IcmpType type;
};
constexpr IcmpType icmp_whole(std::uint8_t type) { return {type, {}}; }
constexpr IcmpType icmp_coded(std::uint8_t type, std::uint8_t code) { return {type, code}; }

/// The names of one dialect. The protocols are without the word for all of them (`ip`, `ipv4`, `ipv6`).
struct RouterNames {
  std::span<const NamedNumber> tcp, udp, protocols;
  std::span<const NamedIcmp> icmp, icmpv6;
};
const RouterNames& ios_names();
const RouterNames& nxos_names();
const RouterNames& xr_names();
const RouterNames& eos_names();

/// ICMP message names that Cisco's routers and those that follow them share.
std::span<const NamedIcmp> router_icmp();

template <typename Row>
const Row* find_named(std::string_view word, std::span<const Row> rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [word](const Row& r) { return r.name == word; });
  return found == rows.end() ? nullptr : &*found;
}
template <typename Row>
std::string suggest_named(std::string_view word, std::span<const Row> rows) {
  std::vector<std::string_view> names;
  for (const Row& row : rows) names.push_back(row.name);
  return suggest(word, std::span<const std::string_view>(names));
}

}  // namespace demarc
