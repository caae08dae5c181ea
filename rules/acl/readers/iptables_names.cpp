#include "rules/acl/readers/iptables_names.h"

#include <algorithm>
#include <array>

#include "rules/acl/readers/netfilter_names.h"

namespace demarc {

namespace {

struct NamedIcmp {
  std::string_view name;
  std::uint8_t type;
  std::int16_t code;  // -1: every one
};

constexpr NamedIcmp kIcmp[] = {
    {"echo-reply", 0, -1},
    {"pong", 0, -1},
    {"destination-unreachable", 3, -1},
    {"network-unreachable", 3, 0},
    {"host-unreachable", 3, 1},
    {"protocol-unreachable", 3, 2},
    {"port-unreachable", 3, 3},
    {"fragmentation-needed", 3, 4},
    {"source-route-failed", 3, 5},
    {"network-unknown", 3, 6},
    {"host-unknown", 3, 7},
    {"network-prohibited", 3, 9},
    {"host-prohibited", 3, 10},
    {"TOS-network-unreachable", 3, 11},
    {"TOS-host-unreachable", 3, 12},
    {"communication-prohibited", 3, 13},
    {"host-precedence-violation", 3, 14},
    {"precedence-cutoff", 3, 15},
    {"source-quench", 4, -1},
    {"redirect", 5, -1},
    {"network-redirect", 5, 0},
    {"host-redirect", 5, 1},
    {"TOS-network-redirect", 5, 2},
    {"TOS-host-redirect", 5, 3},
    {"echo-request", 8, -1},
    {"ping", 8, -1},
    {"router-advertisement", 9, -1},
    {"router-solicitation", 10, -1},
    {"time-exceeded", 11, -1},
    {"ttl-exceeded", 11, -1},
    {"ttl-zero-during-transit", 11, 0},
    {"ttl-zero-during-reassembly", 11, 1},
    {"parameter-problem", 12, -1},
    {"ip-header-bad", 12, 0},
    {"required-option-missing", 12, 1},
    {"timestamp-request", 13, -1},
    {"timestamp-reply", 14, -1},
    {"address-mask-request", 17, -1},
    {"address-mask-reply", 18, -1},
};
constexpr NamedIcmp kIcmp6[] = {
    {"destination-unreachable", 1, -1},
    {"no-route", 1, 0},
    {"communication-prohibited", 1, 1},
    {"beyond-scope", 1, 2},
    {"address-unreachable", 1, 3},
    {"port-unreachable", 1, 4},
    {"failed-policy", 1, 5},
    {"reject-route", 1, 6},
    {"packet-too-big", 2, -1},
    {"time-exceeded", 3, -1},
    {"ttl-exceeded", 3, -1},
    {"ttl-zero-during-transit", 3, 0},
    {"ttl-zero-during-reassembly", 3, 1},
    {"parameter-problem", 4, -1},
    {"bad-header", 4, 0},
    {"unknown-header-type", 4, 1},
    {"unknown-option", 4, 2},
    {"echo-request", 128, -1},
    {"ping", 128, -1},
    {"echo-reply", 129, -1},
    {"pong", 129, -1},
    {"router-solicitation", 133, -1},
    {"router-advertisement", 134, -1},
    {"neighbour-solicitation", 135, -1},
    {"neighbor-solicitation", 135, -1},
    {"neighbour-advertisement", 136, -1},
    {"neighbor-advertisement", 136, -1},
    {"redirect", 137, -1},
};

using Effect = IptablesTarget::Effect;
constexpr IptablesTarget kTargets[] = {
    {"ACCEPT", Effect::permit},
    {"DROP", Effect::deny},
    {"REJECT", Effect::deny, Refusal::port_unreachable},
    {"TARPIT", Effect::deny, Refusal::held},
    {"STEAL", Effect::deny},
    {"RETURN", Effect::give_back},
    {"LOG", Effect::go_on},
    {"NFLOG", Effect::go_on},
    {"ULOG", Effect::go_on},
    {"MARK", Effect::go_on},
    {"CONNMARK", Effect::go_on},
    {"TCPMSS", Effect::go_on},
    {"TCPOPTSTRIP", Effect::go_on},
    {"CLASSIFY", Effect::go_on},
    {"DSCP", Effect::go_on},
    {"TOS", Effect::go_on},
    {"TTL", Effect::go_on},
    {"HL", Effect::go_on},
    {"ECN", Effect::go_on},
    {"CT", Effect::go_on},
    {"NOTRACK", Effect::go_on},
    {"SECMARK", Effect::go_on},
    {"CONNSECMARK", Effect::go_on},
    {"CHECKSUM", Effect::go_on},
    {"TRACE", Effect::go_on},
    {"AUDIT", Effect::go_on},
    {"SET", Effect::go_on},
    {"RATEEST", Effect::go_on},
    {"IDLETIMER", Effect::go_on},
    {"LED", Effect::go_on},
    {"TEE", Effect::go_on},
    {"HMARK", Effect::go_on},
    {"QUEUE", Effect::unknown},
    {"NFQUEUE", Effect::unknown},
    {"TPROXY", Effect::unknown},
    {"SYNPROXY", Effect::unknown},
    {"CLUSTERIP", Effect::unknown},
    {"DNAT", Effect::destination_nat},
    {"REDIRECT", Effect::destination_nat},
    {"DNPT", Effect::go_on},
    {"SNPT", Effect::go_on},
    {"SNAT", Effect::source_nat},
    {"MASQUERADE", Effect::source_nat},
    {"NETMAP", Effect::destination_nat},
};

constexpr std::string_view kDecided[] = {"tcp",   "udp",     "udplite", "sctp",      "dccp",
                                         "icmp",  "icmp6",   "icmpv6",  "multiport", "conntrack",
                                         "state", "iprange", "set",     "comment",   "addrtype"};
constexpr std::string_view kUndecided[] = {
    "ah",       "bpf",    "cgroup",   "cluster",    "connbytes", "connlabel", "connlimit", "connmark",  "cpu",
    "devgroup", "dscp",   "dst",      "ecn",        "esp",       "eui64",     "frag",      "hashlimit", "hbh",
    "helper",   "hl",     "ipcomp",   "ipv6header", "ipvs",      "length",    "limit",     "mac",       "mark",
    "mh",       "nfacct", "osf",      "owner",      "physdev",   "pkttype",   "policy",    "quota",     "rateest",
    "realm",    "recent", "rpfilter", "rt",         "socket",    "srh",       "statistic", "string",    "tcpmss",
    "time",     "tos",    "ttl",      "u32",        "geoip",     "condition", "random"};
constexpr std::string_view kTracking[] = {"conntrack", "state",   "connbytes", "connlabel", "connlimit",
                                          "connmark",  "helper",  "cluster",   "CONNMARK",  "CONNSECMARK",
                                          "CT",        "NOTRACK", "SNAT",      "DNAT",      "MASQUERADE",
                                          "REDIRECT",  "NETMAP",  "SYNPROXY",  "TPROXY",    "socket"};

template <std::size_t N>
bool is_one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

template <typename Row, std::size_t N>
constexpr std::array<std::string_view, N> names_of(const Row (&rows)[N]) {
  std::array<std::string_view, N> names;
  for (std::size_t i = 0; i < N; ++i) names[i] = rows[i].name;
  return names;
}
constexpr auto kIcmpWords = names_of(kIcmp);
constexpr auto kIcmp6Words = names_of(kIcmp6);
constexpr auto kTargetWords = names_of(kTargets);

}  // namespace

std::optional<IcmpSet> iptables_icmp(Family family, std::string_view text) {
  if (text == "any" || text == "255") return IcmpSet::all();
  const std::span<const NamedIcmp> names =
      family == Family::ipv4 ? std::span<const NamedIcmp>(kIcmp) : std::span<const NamedIcmp>(kIcmp6);
  for (const NamedIcmp& row : names) {
    if (row.name != text) continue;
    IcmpType type{row.type, {}};
    if (row.code >= 0) type.code = static_cast<std::uint8_t>(row.code);
    return IcmpSet{type};
  }
  const std::size_t slash = text.find('/');
  const std::optional<std::uint64_t> type = netfilter::whole_number(text.substr(0, slash), 255);
  if (!type) return std::nullopt;
  IcmpType t{static_cast<std::uint8_t>(*type), {}};
  if (slash != std::string_view::npos) {
    const std::optional<std::uint64_t> code = netfilter::whole_number(text.substr(slash + 1), 255);
    if (!code) return std::nullopt;
    t.code = static_cast<std::uint8_t>(*code);
  }
  return IcmpSet{t};
}

std::span<const std::string_view> iptables_icmp_words(Family family) {
  return family == Family::ipv4 ? std::span<const std::string_view>(kIcmpWords)
                                : std::span<const std::string_view>(kIcmp6Words);
}

const IptablesTarget* find_iptables_target(std::string_view name) {
  for (const IptablesTarget& t : kTargets)
    if (t.name == name) return &t;
  return nullptr;
}
std::span<const std::string_view> iptables_target_words() { return kTargetWords; }

std::optional<IptablesMatch> find_iptables_match(std::string_view name) {
  if (is_one_of(name, kDecided)) return IptablesMatch::decided;
  if (is_one_of(name, kUndecided)) return IptablesMatch::undecided;
  return std::nullopt;
}
std::span<const std::string_view> iptables_match_words() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> words(std::begin(kDecided), std::end(kDecided));
    words.insert(words.end(), std::begin(kUndecided), std::end(kUndecided));
    return words;
  }();
  return all;
}

bool iptables_tracks(std::string_view name) { return is_one_of(name, kTracking); }

}  // namespace demarc
