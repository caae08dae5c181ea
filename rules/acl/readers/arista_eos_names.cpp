// Arista EOS User Manual, "ACLs and Route Maps", and the read-only default-control-plane-acl, which uses names that
// are EOS's alone (mlag, ptp-event, gnmi, ...).
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"acap", 674},    {"acr-nema", 104},    {"afpovertcp", 548}, {"bgp", 179},         {"bootpc", 68},
    {"bootps", 67},   {"chargen", 19},      {"cmd", 514},        {"daytime", 13},      {"discard", 9},
    {"domain", 53},   {"echo", 7},          {"exec", 512},       {"finger", 79},       {"ftp", 21},
    {"ftp-data", 20}, {"gnmi", 6030},       {"gopher", 70},      {"hostname", 101},    {"https", 443},
    {"ident", 113},   {"irc", 194},         {"klogin", 543},     {"kshell", 544},      {"ldp", 646},
    {"login", 513},   {"lpd", 515},         {"mlag", 4432},      {"msdp", 639},        {"msrpc", 135},
    {"nat", 4532},    {"netconf-ssh", 830}, {"nntp", 119},       {"pim-auto-rp", 496}, {"pop2", 109},
    {"pop3", 110},    {"smtp", 25},         {"snmp", 161},       {"ssh", 22},          {"sunrpc", 111},
    {"tacacs", 49},   {"talk", 517},        {"telnet", 23},      {"time", 37},         {"uucp", 540},
    {"whois", 43},    {"www", 80},
};
constexpr NamedNumber kUdp[] = {
    {"bfd", 3784},
    {"bfd-echo", 3785},
    {"biff", 512},
    {"bootpc", 68},
    {"bootps", 67},
    {"discard", 9},
    {"dnsix", 195},
    {"domain", 53},
    {"echo", 7},
    {"isakmp", 500},
    {"ldp", 646},
    {"micro-bfd", 6784},
    {"mlag", 4432},
    {"mobile-ip", 434},
    {"multihop-bfd", 4784},
    {"nameserver", 42},
    {"netbios-dgm", 138},
    {"netbios-ns", 137},
    {"netbios-ss", 139},
    {"non500-isakmp", 4500},
    {"ntp", 123},
    {"pim-auto-rp", 496},
    {"ptp-event", 319},
    {"ptp-general", 320},
    {"rip", 520},
    {"sbfd", 7784},
    {"sbfd-initiator", 49152},
    {"snmp", 161},
    {"snmptrap", 162},
    {"sunrpc", 111},
    {"syslog", 514},
    {"tacacs", 49},
    {"talk", 517},
    {"tftp", 69},
    {"time", 37},
    {"vxlan", 4789},
    {"who", 513},
    {"xdmcp", 177},
};
constexpr NamedNumber kProtocols[] = {
    {"ahp", 51},  {"esp", 50},  {"gre", 47},   {"icmp", 1}, {"igmp", 2}, {"ospf", 89},
    {"pim", 103}, {"rsvp", 46}, {"sctp", 132}, {"tcp", 6},  {"udp", 17}, {"vrrp", 112},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"beyond-scope", icmp_coded(1, 2)},
    {"destination-unreachable", icmp_whole(1)},
    {"echo-reply", icmp_whole(129)},
    {"echo-request", icmp_whole(128)},
    {"erroneous-header", icmp_coded(4, 0)},
    {"hop-limit-exceeded", icmp_coded(3, 0)},
    {"neighbor-advertisement", icmp_whole(136)},
    {"neighbor-redirect", icmp_whole(137)},
    {"neighbor-solicitation", icmp_whole(135)},
    {"no-admin", icmp_coded(1, 1)},
    {"no-route", icmp_coded(1, 0)},
    {"packet-too-big", icmp_whole(2)},
    {"parameter-problem", icmp_whole(4)},
    {"port-unreachable", icmp_coded(1, 4)},
    {"reassembly-time-exceeded", icmp_coded(3, 1)},
    {"redirect-message", icmp_whole(137)},
    {"router-advertisement", icmp_whole(134)},
    {"router-solicitation", icmp_whole(133)},
    {"time-exceeded", icmp_whole(3)},
    {"unreachable", icmp_whole(1)},
    {"unrecognized-ipv6-option", icmp_coded(4, 2)},
    {"unrecognized-next-header", icmp_coded(4, 1)},
};

using Does = router::AceOption::Does;
using Takes = router::AceOption::Takes;

constexpr router::AceOption kOptions[] = {
    {"log", Does::nothing, Takes::none},
    {"copy", Does::nothing, Takes::rest},
    {"mirror", Does::nothing, Takes::rest},
    {"nexthop-group", Does::nothing, Takes::word},
    // Replies to conversations of the switch itself; which those are, the traffic decides.
    {"tracked", Does::undecides, Takes::none},
    {"dscp", Does::undecides, Takes::comparison},
    {"ttl", Does::undecides, Takes::comparison},
    {"hop-limit", Does::undecides, Takes::comparison},
    {"ip-length", Does::undecides, Takes::comparison},
    {"flow-label", Does::undecides, Takes::comparison},
    {"payload", Does::undecides, Takes::rest},
    {"vlan", Does::undecides, Takes::rest},
};

}  // namespace

const RouterNames& eos_names() {
  static const RouterNames kNames{kTcp, kUdp, kProtocols, router_icmp(), kIcmpv6};
  return kNames;
}

const router::AceDialect& router::eos_ace() {
  static const AceDialect kDialect{
      .name = "EOS", .names = eos_names(), .prefixes = true, .flag_words_differ = true, .options = kOptions};
  return kDialect;
}

}  // namespace demarc
