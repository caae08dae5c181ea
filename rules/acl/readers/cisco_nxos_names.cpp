// Cisco Nexus 7000 Series NX-OS Security Command Reference: permit (IPv4), permit (IPv6). NX-OS keeps most of IOS's
// names; what it lacks or adds is here.
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"drip", 3949},
};
constexpr NamedNumber kUdp[] = {
    {"non500-isakmp", 4500},
    {"vxlan", 4789},
};
constexpr NamedNumber kProtocols[] = {
    {"eigrp", 88},
    {"nos", 94},
    {"pcp", 108},
};
constexpr NamedIcmp kIcmpv6[] = {
    {"mldv2", icmp_whole(143)},
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

}  // namespace

const RouterNames& nxos_names() {
  static const RouterNames kNames =
      with_common({.tcp = kTcp, .udp = kUdp, .protocols = kProtocols, .icmpv6 = kIcmpv6, .terse_icmpv6 = true});
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
