#include "rules/acl/readers/iptables_names.h"

#include <algorithm>

#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/netfilter_names.h"

namespace demarc {

namespace {

// Beside the names that everybody uses (rules/net/icmp.h).
constexpr NamedIcmp kIcmp[] = {
    {"pong", icmp_whole(0)},
    {"source-route-failed", icmp_coded(3, 5)},
    {"network-unknown", icmp_coded(3, 6)},
    {"host-unknown", icmp_coded(3, 7)},
    {"network-prohibited", icmp_coded(3, 9)},
    {"host-prohibited", icmp_coded(3, 10)},
    {"TOS-network-unreachable", icmp_coded(3, 11)},
    {"TOS-host-unreachable", icmp_coded(3, 12)},
    {"communication-prohibited", icmp_coded(3, 13)},
    {"host-precedence-violation", icmp_coded(3, 14)},
    {"precedence-cutoff", icmp_coded(3, 15)},
    {"network-redirect", icmp_coded(5, 0)},
    {"host-redirect", icmp_coded(5, 1)},
    {"TOS-network-redirect", icmp_coded(5, 2)},
    {"TOS-host-redirect", icmp_coded(5, 3)},
    {"ping", icmp_whole(8)},
    {"ttl-exceeded", icmp_whole(11)},
    {"ttl-zero-during-transit", icmp_coded(11, 0)},
    {"ttl-zero-during-reassembly", icmp_coded(11, 1)},
    {"ip-header-bad", icmp_coded(12, 0)},
    {"required-option-missing", icmp_coded(12, 1)},
};
constexpr NamedIcmp kIcmp6[] = {
    {"communication-prohibited", icmp_coded(1, 1)},
    {"beyond-scope", icmp_coded(1, 2)},
    {"failed-policy", icmp_coded(1, 5)},
    {"reject-route", icmp_coded(1, 6)},
    {"ttl-exceeded", icmp_whole(3)},
    {"ttl-zero-during-transit", icmp_coded(3, 0)},
    {"ttl-zero-during-reassembly", icmp_coded(3, 1)},
    {"bad-header", icmp_coded(4, 0)},
    {"unknown-header-type", icmp_coded(4, 1)},
    {"unknown-option", icmp_coded(4, 2)},
    {"ping", icmp_whole(128)},
    {"pong", icmp_whole(129)},
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

constexpr auto kTargetWords = names_of(kTargets);

std::span<const NamedIcmp> own_icmp(Family family) {
  return family == Family::ipv4 ? std::span<const NamedIcmp>(kIcmp) : std::span<const NamedIcmp>(kIcmp6);
}

}  // namespace

std::optional<IcmpSet> iptables_icmp(Family family, std::string_view text) {
  if (text == "any" || text == "255") return IcmpSet::all();
  if (const NamedIcmp* row = find_named(text, own_icmp(family))) return IcmpSet{row->type};
  if (const std::optional<IcmpType> type = icmp_type_by_name(family, text)) return IcmpSet{*type};
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

std::vector<std::string_view> iptables_icmp_words(Family family) {
  std::vector<std::string_view> words = icmp_type_names(family);
  for (const NamedIcmp& row : own_icmp(family)) words.push_back(row.name);
  return words;
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
