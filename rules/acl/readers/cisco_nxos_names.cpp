// Cisco Nexus 7000 Series NX-OS Security Command Reference: permit (IPv4), permit (IPv6). NX-OS keeps most of IOS's
// names; what it lacks or adds is here.
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"bgp", 179},   {"chargen", 19},   {"cmd", 514},   {"daytime", 13},      {"discard", 9},  {"domain", 53},
    {"drip", 3949}, {"echo", 7},       {"exec", 512},  {"finger", 79},       {"ftp", 21},     {"ftp-data", 20},
    {"gopher", 70}, {"hostname", 101}, {"ident", 113}, {"irc", 194},         {"klogin", 543}, {"kshell", 544},
    {"login", 513}, {"lpd", 515},      {"nntp", 119},  {"pim-auto-rp", 496}, {"pop2", 109},   {"pop3", 110},
    {"smtp", 25},   {"sunrpc", 111},   {"tacacs", 49}, {"talk", 517},        {"telnet", 23},  {"time", 37},
    {"uucp", 540},  {"whois", 43},     {"www", 80},
};
constexpr NamedNumber kUdp[] = {
    {"biff", 512},       {"bootpc", 68},          {"bootps", 67},       {"discard", 9},
    {"dnsix", 195},      {"domain", 53},          {"echo", 7},          {"isakmp", 500},
    {"mobile-ip", 434},  {"nameserver", 42},      {"netbios-dgm", 138}, {"netbios-ns", 137},
    {"netbios-ss", 139}, {"non500-isakmp", 4500}, {"ntp", 123},         {"pim-auto-rp", 496},
    {"rip", 520},        {"snmp", 161},           {"snmptrap", 162},    {"sunrpc", 111},
    {"syslog", 514},     {"tacacs", 49},          {"talk", 517},        {"tftp", 69},
    {"time", 37},        {"vxlan", 4789},         {"who", 513},         {"xdmcp", 177},
};
constexpr NamedNumber kProtocols[] = {
    {"ahp", 51},  {"eigrp", 88}, {"esp", 50},  {"gre", 47},   {"icmp", 1}, {"igmp", 2}, {"nos", 94},
    {"ospf", 89}, {"pcp", 108},  {"pim", 103}, {"sctp", 132}, {"tcp", 6},  {"udp", 17},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"beyond-scope", icmp_coded(1, 2)},
    {"destination-unreachable", icmp_whole(1)},
    {"echo-reply", icmp_whole(129)},
    {"echo-request", icmp_whole(128)},
    {"header", icmp_coded(4, 0)},
    {"hop-limit", icmp_coded(3, 0)},
    {"mld-query", icmp_whole(130)},
    {"mld-reduction", icmp_whole(132)},
    {"mld-report", icmp_whole(131)},
    {"mldv2", icmp_whole(143)},
    {"nd-na", icmp_whole(136)},
    {"nd-ns", icmp_whole(135)},
    {"next-header", icmp_coded(4, 1)},
    {"no-admin", icmp_coded(1, 1)},
    {"no-route", icmp_coded(1, 0)},
    {"packet-too-big", icmp_whole(2)},
    {"parameter-option", icmp_coded(4, 2)},
    {"parameter-problem", icmp_whole(4)},
    {"port-unreachable", icmp_coded(1, 4)},
    {"reassembly-timeout", icmp_coded(3, 1)},
    {"redirect", icmp_whole(137)},
    {"renum-command", icmp_coded(138, 0)},
    {"renum-result", icmp_coded(138, 1)},
    {"renum-seq-number", icmp_coded(138, 255)},
    {"router-advertisement", icmp_whole(134)},
    {"router-renumbering", icmp_whole(138)},
    {"router-solicitation", icmp_whole(133)},
    {"time-exceeded", icmp_whole(3)},
    {"unreachable", icmp_whole(1)},
};

using Does = router::AceOption::Does;
using Takes = router::AceOption::Takes;

constexpr router::AceOption kOptions[] = {
    {"log", Does::nothing, Takes::none},
    {"capture", Does::nothing, Takes::rest},
    {"redirect", Does::nothing, Takes::rest},
    {"telemetry_path", Does::nothing, Takes::none},
    {"telemetry_queue", Does::nothing, Takes::none},
    {"time-range", Does::undecides, Takes::word},
    {"dscp", Does::undecides, Takes::comparison},
    {"precedence", Does::undecides, Takes::comparison},
    {"flow-label", Does::undecides, Takes::comparison},
    {"packet-length", Does::undecides, Takes::comparison},
    {"ttl", Does::undecides, Takes::comparison},
    {"tcp-flags-mask", Does::undecides, Takes::word},
    {"tcp-option-length", Does::undecides, Takes::word},
    {"http-method", Does::undecides, Takes::word},
    {"vlan", Does::undecides, Takes::word},
    {"vni", Does::undecides, Takes::word},
    {"udf", Does::undecides, Takes::rest},
    // Kinds of IGMP messages.
    {"dvmrp", Does::undecides, Takes::none},
    {"host-query", Does::undecides, Takes::none},
    {"host-report", Does::undecides, Takes::none},
    {"pim", Does::undecides, Takes::none},
    {"trace", Does::undecides, Takes::none},
};

constexpr RouterNames names() { return {kTcp, kUdp, kProtocols, {}, kIcmpv6}; }

}  // namespace

const RouterNames& nxos_names() {
  static const RouterNames kNames = [] {
    RouterNames all = names();
    all.icmp = router_icmp();
    return all;
  }();
  return kNames;
}

const router::AceDialect& router::nxos_ace() {
  static const AceDialect kDialect{.name = "NX-OS",
                                   .names = nxos_names(),
                                   .network_group = "addrgroup",
                                   .port_group = "portgroup",
                                   .prefixes = true,
                                   .flag_words_differ = true,
                                   .options = kOptions};
  return kDialect;
}

}  // namespace demarc
