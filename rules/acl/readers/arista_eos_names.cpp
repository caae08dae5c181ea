// Arista EOS User Manual, "ACLs and Route Maps", and the read-only default-control-plane-acl, which uses names that
// are EOS's alone (mlag, ptp-event, gnmi, ...).
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"acap", 674},  {"acr-nema", 104}, {"afpovertcp", 548},  {"bootpc", 68}, {"bootps", 67},
    {"gnmi", 6030}, {"https", 443},    {"ldp", 646},         {"mlag", 4432}, {"msdp", 639},
    {"msrpc", 135}, {"nat", 4532},     {"netconf-ssh", 830}, {"snmp", 161},  {"ssh", 22},
};
constexpr NamedNumber kUdp[] = {
    {"bfd", 3784},
    {"bfd-echo", 3785},
    {"ldp", 646},
    {"micro-bfd", 6784},
    {"mlag", 4432},
    {"multihop-bfd", 4784},
    {"non500-isakmp", 4500},
    {"ptp-event", 319},
    {"ptp-general", 320},
    {"sbfd", 7784},
    {"sbfd-initiator", 49152},
    {"vxlan", 4789},
};
constexpr NamedNumber kProtocols[] = {
    {"rsvp", 46},
    {"vrrp", 112},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"erroneous-header", icmp_coded(4, 0)},
    {"hop-limit-exceeded", icmp_coded(3, 0)},
    {"neighbor-advertisement", icmp_whole(136)},
    {"neighbor-redirect", icmp_whole(137)},
    {"neighbor-solicitation", icmp_whole(135)},
    {"no-admin", icmp_coded(1, 1)},
    {"no-route", icmp_coded(1, 0)},
    {"reassembly-time-exceeded", icmp_coded(3, 1)},
    {"redirect-message", icmp_whole(137)},
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
  static const RouterNames kNames =
      with_common({.tcp = kTcp, .udp = kUdp, .protocols = kProtocols, .icmpv6 = kIcmpv6});
  return kNames;
}

const router::AceDialect& router::eos_ace() {
  static const AceDialect kDialect{
      .name = "EOS", .names = eos_names(), .prefixes = true, .flag_words_differ = true, .options = kOptions};
  return kDialect;
}

}  // namespace demarc
