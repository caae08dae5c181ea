#include "rules/acl/readers/cisco_ios_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"bgp", 179},   {"chargen", 19},  {"cmd", 514},          {"daytime", 13},     {"discard", 9},
    {"domain", 53}, {"drip", 3949},   {"echo", 7},           {"exec", 512},       {"finger", 79},
    {"ftp", 21},    {"ftp-data", 20}, {"gopher", 70},        {"hostname", 101},   {"ident", 113},
    {"irc", 194},   {"klogin", 543},  {"kshell", 544},       {"login", 513},      {"lpd", 515},
    {"msrpc", 135}, {"nntp", 119},    {"onep-plain", 15001}, {"onep-tls", 15002}, {"pim-auto-rp", 496},
    {"pop2", 109},  {"pop3", 110},    {"smtp", 25},          {"sunrpc", 111},     {"syslog", 514},
    {"tacacs", 49}, {"talk", 517},    {"telnet", 23},        {"time", 37},        {"uucp", 540},
    {"whois", 43},  {"www", 80},
};
constexpr NamedNumber kUdp[] = {
    {"biff", 512},        {"bootpc", 68},      {"bootps", 67},      {"discard", 9},          {"dnsix", 195},
    {"domain", 53},       {"echo", 7},         {"isakmp", 500},     {"mobile-ip", 434},      {"nameserver", 42},
    {"netbios-dgm", 138}, {"netbios-ns", 137}, {"netbios-ss", 139}, {"non500-isakmp", 4500}, {"ntp", 123},
    {"pim-auto-rp", 496}, {"rip", 520},        {"ripv6", 521},      {"snmp", 161},           {"snmptrap", 162},
    {"sunrpc", 111},      {"syslog", 514},     {"tacacs", 49},      {"talk", 517},           {"tftp", 69},
    {"time", 37},         {"who", 513},        {"xdmcp", 177},
};
constexpr NamedNumber kProtocols[] = {
    {"ahp", 51}, {"eigrp", 88}, {"esp", 50},  {"gre", 47},  {"icmp", 1},   {"igmp", 2}, {"ipinip", 4},
    {"nos", 94}, {"ospf", 89},  {"pcp", 108}, {"pim", 103}, {"sctp", 132}, {"tcp", 6},  {"udp", 17},
};

constexpr IcmpType whole(std::uint8_t type) { return {type, {}}; }
constexpr IcmpType coded(std::uint8_t type, std::uint8_t code) { return {type, code}; }

constexpr NamedIcmp kIcmp[] = {
    {"administratively-prohibited", coded(3, 13)},
    {"alternate-address", whole(6)},
    {"conversion-error", whole(31)},
    {"dod-host-prohibited", coded(3, 10)},
    {"dod-net-prohibited", coded(3, 9)},
    {"echo", whole(8)},
    {"echo-reply", whole(0)},
    {"general-parameter-problem", coded(12, 0)},
    {"host-isolated", coded(3, 8)},
    {"host-precedence-unreachable", coded(3, 14)},
    {"host-redirect", coded(5, 1)},
    {"host-tos-redirect", coded(5, 3)},
    {"host-tos-unreachable", coded(3, 12)},
    {"host-unknown", coded(3, 7)},
    {"host-unreachable", coded(3, 1)},
    {"information-reply", whole(16)},
    {"information-request", whole(15)},
    {"mask-reply", whole(18)},
    {"mask-request", whole(17)},
    {"mobile-redirect", whole(32)},
    {"net-redirect", coded(5, 0)},
    {"net-tos-redirect", coded(5, 2)},
    {"net-tos-unreachable", coded(3, 11)},
    {"net-unreachable", coded(3, 0)},
    {"network-unknown", coded(3, 6)},
    {"no-room-for-option", coded(12, 2)},
    {"option-missing", coded(12, 1)},
    {"packet-too-big", coded(3, 4)},
    {"parameter-problem", whole(12)},
    {"port-unreachable", coded(3, 3)},
    {"precedence-unreachable", coded(3, 15)},
    {"protocol-unreachable", coded(3, 2)},
    {"reassembly-timeout", coded(11, 1)},
    {"redirect", whole(5)},
    {"router-advertisement", whole(9)},
    {"router-solicitation", whole(10)},
    {"source-quench", whole(4)},
    {"source-route-failed", coded(3, 5)},
    {"time-exceeded", whole(11)},
    {"timestamp-reply", whole(14)},
    {"timestamp-request", whole(13)},
    {"traceroute", whole(30)},
    {"ttl-exceeded", coded(11, 0)},
    {"unreachable", whole(3)},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"beyond-scope", coded(1, 2)},
    {"destination-unreachable", whole(1)},
    {"echo-reply", whole(129)},
    {"echo-request", whole(128)},
    {"header", coded(4, 0)},
    {"hop-limit", coded(3, 0)},
    {"mld-query", whole(130)},
    {"mld-reduction", whole(132)},
    {"mld-report", whole(131)},
    {"nd-na", whole(136)},
    {"nd-ns", whole(135)},
    {"next-header", coded(4, 1)},
    {"no-admin", coded(1, 1)},
    {"no-route", coded(1, 0)},
    {"packet-too-big", whole(2)},
    {"parameter-option", coded(4, 2)},
    {"parameter-problem", whole(4)},
    {"port-unreachable", coded(1, 4)},
    {"reassembly-timeout", coded(3, 1)},
    {"redirect", whole(137)},
    {"renum-command", coded(138, 0)},
    {"renum-result", coded(138, 1)},
    {"renum-seq-number", coded(138, 255)},
    {"router-advertisement", whole(134)},
    {"router-renumbering", whole(138)},
    {"router-solicitation", whole(133)},
    {"time-exceeded", whole(3)},
    {"unreachable", whole(1)},
};

}  // namespace

std::span<const NamedNumber> ios_tcp_ports() { return kTcp; }
std::span<const NamedNumber> ios_udp_ports() { return kUdp; }
std::span<const NamedNumber> ios_protocols() { return kProtocols; }
std::span<const NamedIcmp> ios_icmp() { return kIcmp; }
std::span<const NamedIcmp> ios_icmpv6() { return kIcmpv6; }

}  // namespace demarc
