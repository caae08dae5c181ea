#include "rules/acl/readers/nftables_names.h"

#include "rules/acl/readers/name_table.h"

namespace demarc::nft {

namespace {

// Beside the names that everybody uses (rules/net/icmp.h).
constexpr NamedNumber kIcmpTypes[] = {
    {"info-request", 15},
    {"info-reply", 16},
};
constexpr NamedNumber kIcmp6Types[] = {
    {"mld-listener-query", 130},     {"mld-listener-report", 131},  {"mld-listener-done", 132},
    {"mld-listener-reduction", 132}, {"nd-router-solicit", 133},    {"nd-router-advert", 134},
    {"nd-neighbor-solicit", 135},    {"nd-neighbor-advert", 136},   {"nd-redirect", 137},
    {"router-renumbering", 138},     {"ind-neighbor-solicit", 141}, {"ind-neighbor-advert", 142},
    {"mld2-listener-report", 143},
};
constexpr NamedNumber kIcmpCodes[] = {
    {"net-unreachable", 0}, {"host-unreachable", 1}, {"prot-unreachable", 2}, {"port-unreachable", 3},
    {"frag-needed", 4},     {"net-prohibited", 9},   {"host-prohibited", 10}, {"admin-prohibited", 13},
};
constexpr NamedNumber kIcmp6Codes[] = {
    {"no-route", 0},         {"admin-prohibited", 1}, {"addr-unreachable", 3},
    {"port-unreachable", 4}, {"policy-fail", 5},      {"reject-route", 6},
};
constexpr NamedNumber kFlags[] = {{"fin", tcp_flag::fin}, {"syn", tcp_flag::syn}, {"rst", tcp_flag::rst},
                                  {"psh", tcp_flag::psh}, {"ack", tcp_flag::ack}, {"urg", tcp_flag::urg},
                                  {"ecn", tcp_flag::ece}, {"cwr", tcp_flag::cwr}};
constexpr std::pair<std::string_view, std::int32_t> kPriorities[] = {
    {"raw", -300},    {"mangle", -150}, {"dstnat", -100}, {"filter", 0},
    {"security", 50}, {"srcnat", 100},  {"out", 100}};

std::optional<std::uint8_t> find(std::string_view name, std::span<const NamedNumber> rows) {
  const NamedNumber* row = find_named(name, rows);
  return row == nullptr ? std::nullopt : std::optional(static_cast<std::uint8_t>(row->number));
}

std::span<const NamedNumber> own_types(Family family) {
  return family == Family::ipv4 ? std::span<const NamedNumber>(kIcmpTypes)
                                : std::span<const NamedNumber>(kIcmp6Types);
}

constexpr std::string_view kStatements[] = {
    "accept", "drop", "return", "jump",  "goto",    "continue", "counter",    "log",     "limit",
    "reject", "dnat", "snat",   "queue", "ip",      "ip6",      "tcp",        "udp",     "icmp",
    "icmpv6", "th",   "ct",     "meta",  "iif",     "oif",      "fib",        "iifname", "oifname",
    "ether",  "mark", "sctp",   "dccp",  "notrack", "redirect", "masquerade", "comment"};

}  // namespace

std::optional<std::uint8_t> icmp_type(Family family, std::string_view name) {
  if (const std::optional<std::uint8_t> own = find(name, own_types(family))) return own;
  const std::optional<IcmpType> type = icmp_type_by_name(family, name);
  return type && !type->code ? std::optional(type->type) : std::nullopt;
}
std::optional<std::uint8_t> icmp_code(Family family, std::string_view name) {
  return family == Family::ipv4 ? find(name, kIcmpCodes) : find(name, kIcmp6Codes);
}
std::optional<std::uint8_t> tcp_flag_bit(std::string_view name) { return find(name, kFlags); }

std::optional<std::int32_t> priority(std::string_view name) {
  for (const auto& [word, number] : kPriorities)
    if (word == name) return number;
  return std::nullopt;
}

std::span<const std::string_view> statement_words() { return kStatements; }
std::vector<std::string_view> icmp_type_words(Family family) {
  std::vector<std::string_view> words;
  for (const std::string_view name : icmp_type_names(family))
    if (icmp_type(family, name)) words.push_back(name);
  for (const NamedNumber& row : own_types(family)) words.push_back(row.name);
  return words;
}

}  // namespace demarc::nft
