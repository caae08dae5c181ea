// Cisco IOS XR IP Addresses and Services Command Reference: permit (IPv4), permit (IPv6).
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"http", 80},
    {"https", 443},
    {"ldp", 646},
    {"ssh", 22},
};
constexpr NamedNumber kUdp[] = {
    {"ldp", 646},
};
constexpr NamedNumber kProtocols[] = {
    {"eigrp", 88},    {"icmpv6", 58}, {"igrp", 9},  {"ipinip", 4},
    {"ipv6icmp", 58}, {"nos", 94},    {"pcp", 108}, {"vrrp", 112},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"address-unreachable", icmp_coded(1, 3)},
    {"administratively-prohibited", icmp_coded(1, 1)},
    {"echo", icmp_whole(128)},
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
    {"reassembly-timeout", icmp_coded(3, 1)},
    {"redirect", icmp_whole(137)},
    {"router-renumbering", icmp_whole(138)},
    {"unrecognized-next-header", icmp_coded(4, 1)},
    {"unrecognized-option", icmp_coded(4, 2)},
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
  static const RouterNames kNames =
      with_common({.tcp = kTcp, .udp = kUdp, .protocols = kProtocols, .icmpv6 = kIcmpv6});
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
