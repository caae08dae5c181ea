#include "rules/acl/readers/nftables_names.h"

#include <algorithm>
#include <array>

namespace demarc::nft {

namespace {

struct Named {
  std::string_view name;
  std::uint8_t number;
};

constexpr Named kIcmpTypes[] = {
    {"echo-reply", 0},         {"destination-unreachable", 3}, {"source-quench", 4},        {"redirect", 5},
    {"echo-request", 8},       {"router-advertisement", 9},    {"router-solicitation", 10}, {"time-exceeded", 11},
    {"parameter-problem", 12}, {"timestamp-request", 13},      {"timestamp-reply", 14},     {"info-request", 15},
    {"info-reply", 16},        {"address-mask-request", 17},   {"address-mask-reply", 18},
};
constexpr Named kIcmp6Types[] = {
    {"destination-unreachable", 1},  {"packet-too-big", 2},         {"time-exceeded", 3},
    {"parameter-problem", 4},        {"echo-request", 128},         {"echo-reply", 129},
    {"mld-listener-query", 130},     {"mld-listener-report", 131},  {"mld-listener-done", 132},
    {"mld-listener-reduction", 132}, {"nd-router-solicit", 133},    {"nd-router-advert", 134},
    {"nd-neighbor-solicit", 135},    {"nd-neighbor-advert", 136},   {"nd-redirect", 137},
    {"router-renumbering", 138},     {"ind-neighbor-solicit", 141}, {"ind-neighbor-advert", 142},
    {"mld2-listener-report", 143},
};
constexpr Named kIcmpCodes[] = {
    {"net-unreachable", 0}, {"host-unreachable", 1}, {"prot-unreachable", 2}, {"port-unreachable", 3},
    {"frag-needed", 4},     {"net-prohibited", 9},   {"host-prohibited", 10}, {"admin-prohibited", 13},
};
constexpr Named kIcmp6Codes[] = {
    {"no-route", 0},         {"admin-prohibited", 1}, {"addr-unreachable", 3},
    {"port-unreachable", 4}, {"policy-fail", 5},      {"reject-route", 6},
};
constexpr Named kFlags[] = {{"fin", tcp_flag::fin}, {"syn", tcp_flag::syn}, {"rst", tcp_flag::rst},
                            {"psh", tcp_flag::psh}, {"ack", tcp_flag::ack}, {"urg", tcp_flag::urg},
                            {"ecn", tcp_flag::ece}, {"cwr", tcp_flag::cwr}};
constexpr std::pair<std::string_view, std::int32_t> kPriorities[] = {
    {"raw", -300},    {"mangle", -150}, {"dstnat", -100}, {"filter", 0},
    {"security", 50}, {"srcnat", 100},  {"out", 100}};

template <std::size_t N>
std::optional<std::uint8_t> find(std::string_view name, const Named (&rows)[N]) {
  for (const Named& row : rows)
    if (row.name == name) return row.number;
  return std::nullopt;
}

template <std::size_t N>
constexpr std::array<std::string_view, N> names_of(const Named (&rows)[N]) {
  std::array<std::string_view, N> names;
  for (std::size_t i = 0; i < N; ++i) names[i] = rows[i].name;
  return names;
}
constexpr auto kIcmpWords = names_of(kIcmpTypes);
constexpr auto kIcmp6Words = names_of(kIcmp6Types);
constexpr std::string_view kStatements[] = {
    "accept", "drop", "return", "jump",  "goto",    "continue", "counter",    "log",     "limit",
    "reject", "dnat", "snat",   "queue", "ip",      "ip6",      "tcp",        "udp",     "icmp",
    "icmpv6", "th",   "ct",     "meta",  "iif",     "oif",      "fib",        "iifname", "oifname",
    "ether",  "mark", "sctp",   "dccp",  "notrack", "redirect", "masquerade", "comment"};

}  // namespace

std::optional<std::uint8_t> icmp_type(Family family, std::string_view name) {
  return family == Family::ipv4 ? find(name, kIcmpTypes) : find(name, kIcmp6Types);
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
std::span<const std::string_view> icmp_type_words(Family family) {
  return family == Family::ipv4 ? std::span<const std::string_view>(kIcmpWords)
                                : std::span<const std::string_view>(kIcmp6Words);
}

}  // namespace demarc::nft
