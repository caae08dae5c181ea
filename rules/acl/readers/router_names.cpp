// The names that IOS, NX-OS, IOS-XR and EOS share (the command references of each, `permit`), and how a dialect's
// own are put beside them.
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"bgp", 179},      {"chargen", 19}, {"cmd", 514},         {"daytime", 13}, {"discard", 9},   {"domain", 53},
    {"echo", 7},       {"exec", 512},   {"finger", 79},       {"ftp", 21},     {"ftp-data", 20}, {"gopher", 70},
    {"hostname", 101}, {"ident", 113},  {"irc", 194},         {"klogin", 543}, {"kshell", 544},  {"login", 513},
    {"lpd", 515},      {"nntp", 119},   {"pim-auto-rp", 496}, {"pop2", 109},   {"pop3", 110},    {"smtp", 25},
    {"sunrpc", 111},   {"tacacs", 49},  {"talk", 517},        {"telnet", 23},  {"time", 37},     {"uucp", 540},
    {"whois", 43},     {"www", 80},
};
constexpr NamedNumber kUdp[] = {
    {"biff", 512},        {"bootpc", 68},      {"bootps", 67},      {"discard", 9},     {"dnsix", 195},
    {"domain", 53},       {"echo", 7},         {"isakmp", 500},     {"mobile-ip", 434}, {"nameserver", 42},
    {"netbios-dgm", 138}, {"netbios-ns", 137}, {"netbios-ss", 139}, {"ntp", 123},       {"pim-auto-rp", 496},
    {"rip", 520},         {"snmp", 161},       {"snmptrap", 162},   {"sunrpc", 111},    {"syslog", 514},
    {"tacacs", 49},       {"talk", 517},       {"tftp", 69},        {"time", 37},       {"who", 513},
    {"xdmcp", 177},
};
constexpr NamedNumber kProtocols[] = {
    {"ahp", 51},  {"esp", 50},  {"gre", 47},   {"icmp", 1}, {"igmp", 2},
    {"ospf", 89}, {"pim", 103}, {"sctp", 132}, {"tcp", 6},  {"udp", 17},
};
constexpr NamedIcmp kIcmp[] = {
    {"administratively-prohibited", icmp_coded(3, 13)},
    {"alternate-address", icmp_whole(6)},
    {"conversion-error", icmp_whole(31)},
    {"dod-host-prohibited", icmp_coded(3, 10)},
    {"dod-net-prohibited", icmp_coded(3, 9)},
    {"echo", icmp_whole(8)},
    {"echo-reply", icmp_whole(0)},
    {"general-parameter-problem", icmp_coded(12, 0)},
    {"host-isolated", icmp_coded(3, 8)},
    {"host-precedence-unreachable", icmp_coded(3, 14)},
    {"host-redirect", icmp_coded(5, 1)},
    {"host-tos-redirect", icmp_coded(5, 3)},
    {"host-tos-unreachable", icmp_coded(3, 12)},
    {"host-unknown", icmp_coded(3, 7)},
    {"host-unreachable", icmp_coded(3, 1)},
    {"information-reply", icmp_whole(16)},
    {"information-request", icmp_whole(15)},
    {"mask-reply", icmp_whole(18)},
    {"mask-request", icmp_whole(17)},
    {"mobile-redirect", icmp_whole(32)},
    {"net-redirect", icmp_coded(5, 0)},
    {"net-tos-redirect", icmp_coded(5, 2)},
    {"net-tos-unreachable", icmp_coded(3, 11)},
    {"net-unreachable", icmp_coded(3, 0)},
    {"network-unknown", icmp_coded(3, 6)},
    {"no-room-for-option", icmp_coded(12, 2)},
    {"option-missing", icmp_coded(12, 1)},
    {"packet-too-big", icmp_coded(3, 4)},
    {"parameter-problem", icmp_whole(12)},
    {"port-unreachable", icmp_coded(3, 3)},
    {"precedence-unreachable", icmp_coded(3, 15)},
    {"protocol-unreachable", icmp_coded(3, 2)},
    {"reassembly-timeout", icmp_coded(11, 1)},
    {"redirect", icmp_whole(5)},
    {"router-advertisement", icmp_whole(9)},
    {"router-solicitation", icmp_whole(10)},
    {"source-quench", icmp_whole(4)},
    {"source-route-failed", icmp_coded(3, 5)},
    {"time-exceeded", icmp_whole(11)},
    {"timestamp-reply", icmp_whole(14)},
    {"timestamp-request", icmp_whole(13)},
    {"traceroute", icmp_whole(30)},
    {"ttl-exceeded", icmp_coded(11, 0)},
    {"unreachable", icmp_whole(3)},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"beyond-scope", icmp_coded(1, 2)},       {"destination-unreachable", icmp_whole(1)},
    {"echo-reply", icmp_whole(129)},          {"echo-request", icmp_whole(128)},
    {"packet-too-big", icmp_whole(2)},        {"parameter-problem", icmp_whole(4)},
    {"port-unreachable", icmp_coded(1, 4)},   {"router-advertisement", icmp_whole(134)},
    {"router-solicitation", icmp_whole(133)}, {"time-exceeded", icmp_whole(3)},
    {"unreachable", icmp_whole(1)},
};
/// What IOS and NX-OS call the rest of ICMPv6.
constexpr NamedIcmp kTerseIcmpv6[] = {
    {"header", icmp_coded(4, 0)},
    {"hop-limit", icmp_coded(3, 0)},
    {"mld-query", icmp_whole(130)},
    {"mld-reduction", icmp_whole(132)},
    {"mld-report", icmp_whole(131)},
    {"nd-na", icmp_whole(136)},
    {"nd-ns", icmp_whole(135)},
    {"next-header", icmp_coded(4, 1)},
    {"no-admin", icmp_coded(1, 1)},
    {"no-route", icmp_coded(1, 0)},
    {"parameter-option", icmp_coded(4, 2)},
    {"reassembly-timeout", icmp_coded(3, 1)},
    {"redirect", icmp_whole(137)},
    {"renum-command", icmp_coded(138, 0)},
    {"renum-result", icmp_coded(138, 1)},
    {"renum-seq-number", icmp_coded(138, 255)},
    {"router-renumbering", icmp_whole(138)},
};

template <typename Row>
std::vector<Row> joined(std::span<const Row> common, std::span<const Row> own, std::span<const Row> more = {}) {
  std::vector<Row> all(common.begin(), common.end());
  all.insert(all.end(), own.begin(), own.end());
  all.insert(all.end(), more.begin(), more.end());
  std::sort(all.begin(), all.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  return all;
}

}  // namespace

RouterNames with_common(const OwnNames& own) {
  return {joined<NamedNumber>(kTcp, own.tcp),
          joined<NamedNumber>(kUdp, own.udp),
          joined<NamedNumber>(kProtocols, own.protocols),
          {std::begin(kIcmp), std::end(kIcmp)},
          joined<NamedIcmp>(
              kIcmpv6, own.icmpv6,
              own.terse_icmpv6 ? std::span<const NamedIcmp>(kTerseIcmpv6) : std::span<const NamedIcmp>())};
}

}  // namespace demarc
