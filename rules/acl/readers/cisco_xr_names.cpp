// Cisco IOS XR IP Addresses and Services Command Reference: permit (IPv4), permit (IPv6).
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"bgp", 179},      {"chargen", 19}, {"cmd", 514},   {"daytime", 13}, {"discard", 9},   {"domain", 53},
    {"echo", 7},       {"exec", 512},   {"finger", 79}, {"ftp", 21},     {"ftp-data", 20}, {"gopher", 70},
    {"hostname", 101}, {"http", 80},    {"https", 443}, {"ident", 113},  {"irc", 194},     {"klogin", 543},
    {"kshell", 544},   {"ldp", 646},    {"login", 513}, {"lpd", 515},    {"nntp", 119},    {"pim-auto-rp", 496},
    {"pop2", 109},     {"pop3", 110},   {"smtp", 25},   {"ssh", 22},     {"sunrpc", 111},  {"tacacs", 49},
    {"talk", 517},     {"telnet", 23},  {"time", 37},   {"uucp", 540},   {"whois", 43},    {"www", 80},
};
constexpr NamedNumber kUdp[] = {
    {"biff", 512},        {"bootpc", 68},       {"bootps", 67},      {"discard", 9},      {"dnsix", 195},
    {"domain", 53},       {"echo", 7},          {"isakmp", 500},     {"ldp", 646},        {"mobile-ip", 434},
    {"nameserver", 42},   {"netbios-dgm", 138}, {"netbios-ns", 137}, {"netbios-ss", 139}, {"ntp", 123},
    {"pim-auto-rp", 496}, {"rip", 520},         {"snmp", 161},       {"snmptrap", 162},   {"sunrpc", 111},
    {"syslog", 514},      {"tacacs", 49},       {"talk", 517},       {"tftp", 69},        {"time", 37},
    {"who", 513},         {"xdmcp", 177},
};
constexpr NamedNumber kProtocols[] = {
    {"ahp", 51},  {"eigrp", 88}, {"esp", 50},   {"gre", 47},      {"icmp", 1}, {"icmpv6", 58},
    {"igmp", 2},  {"igrp", 9},   {"ipinip", 4}, {"ipv6icmp", 58}, {"nos", 94}, {"ospf", 89},
    {"pcp", 108}, {"pim", 103},  {"sctp", 132}, {"tcp", 6},       {"udp", 17}, {"vrrp", 112},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"address-unreachable", icmp_coded(1, 3)},
    {"administratively-prohibited", icmp_coded(1, 1)},
    {"beyond-scope", icmp_coded(1, 2)},
    {"destination-unreachable", icmp_whole(1)},
    {"echo", icmp_whole(128)},
    {"echo-reply", icmp_whole(129)},
    {"echo-request", icmp_whole(128)},
    {"erroneous-header-field", icmp_coded(4, 0)},
    {"group-membership-query", icmp_whole(130)},
    {"group-membership-report", icmp_whole(131)},
    {"group-membership-termination", icmp_whole(132)},
    {"hop-limit-exceeded", icmp_coded(3, 0)},
    {"nd-na", icmp_whole(136)},
    {"nd-ns", icmp_whole(135)},
    {"neighbor-advertisement", icmp_whole(136)},
    {"neighbor-redirect", icmp_whole(137)},
    {"neighbor-solicitation", icmp_whole(135)},
    {"no-route-to-destination", icmp_coded(1, 0)},
    {"packet-too-big", icmp_whole(2)},
    {"parameter-problem", icmp_whole(4)},
    {"port-unreachable", icmp_coded(1, 4)},
    {"reassembly-timeout", icmp_coded(3, 1)},
    {"redirect", icmp_whole(137)},
    {"router-advertisement", icmp_whole(134)},
    {"router-renumbering", icmp_whole(138)},
    {"router-solicitation", icmp_whole(133)},
    {"time-exceeded", icmp_whole(3)},
    {"unrecognized-next-header", icmp_coded(4, 1)},
    {"unrecognized-option", icmp_coded(4, 2)},
    {"unreachable", icmp_whole(1)},
};

using Does = router::AceOption::Does;
using Takes = router::AceOption::Takes;

constexpr router::AceOption kOptions[] = {
    {"log", Does::nothing, Takes::none},
    {"log-input", Does::nothing, Takes::none},
    {"counter", Does::nothing, Takes::word},
    {"capture", Does::nothing, Takes::none},
    {"icmp-off", Does::silences, Takes::none},
    {"icmp-on", Does::nothing, Takes::none},
    {"set", Does::nothing, Takes::rest},
    {"police", Does::undecides, Takes::rest},
    // Policy routing: the packet is permitted, and sent another way.
    {"default", Does::nothing, Takes::rest},
    {"nexthop", Does::nothing, Takes::rest},
    {"nexthop1", Does::nothing, Takes::rest},
    {"dscp", Does::undecides, Takes::comparison},
    {"precedence", Does::undecides, Takes::comparison},
    {"tos", Does::undecides, Takes::comparison},
    {"ttl", Does::undecides, Takes::comparison},
    {"packet-length", Does::undecides, Takes::comparison},
    {"flow-label", Does::undecides, Takes::comparison},
    {"fragment-type", Does::undecides, Takes::word},
    {"fragment-offset", Does::undecides, Takes::comparison},
    {"destopts", Does::undecides, Takes::none},
    {"routing", Does::undecides, Takes::none},
    {"hop-by-hop", Does::undecides, Takes::none},
    {"authen", Does::undecides, Takes::none},
    {"qos-group", Does::undecides, Takes::word},
    {"ttl-match", Does::undecides, Takes::word},
};

}  // namespace

const RouterNames& xr_names() {
  static const RouterNames kNames{kTcp, kUdp, kProtocols, router_icmp(), kIcmpv6};
  return kNames;
}

const router::AceDialect& router::xr_ace() {
  static const AceDialect kDialect{.name = "IOS-XR",
                                   .names = xr_names(),
                                   .network_group = "net-group",
                                   .port_group = "port-group",
                                   .prefixes = true,
                                   .source_alone = true,
                                   .options = kOptions};
  return kDialect;
}

}  // namespace demarc
