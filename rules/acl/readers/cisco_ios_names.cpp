// Cisco IOS Security Command Reference: access-list (IP extended), permit (IP), permit (IPv6).
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/router_names.h"

namespace demarc {

namespace {

constexpr NamedNumber kTcp[] = {
    {"drip", 3949}, {"msrpc", 135}, {"onep-plain", 15001}, {"onep-tls", 15002}, {"syslog", 514},
};
constexpr NamedNumber kUdp[] = {
    {"non500-isakmp", 4500},
    {"ripv6", 521},
};
constexpr NamedNumber kProtocols[] = {
    {"eigrp", 88},
    {"ipinip", 4},
    {"nos", 94},
    {"pcp", 108},
};

using Does = router::AceOption::Does;
using Takes = router::AceOption::Takes;

constexpr router::AceOption kOptions[] = {
    {"log", Does::nothing, Takes::cookie},
    {"log-input", Does::nothing, Takes::cookie},
    {"time-range", Does::undecides, Takes::word},
    {"dscp", Does::undecides, Takes::comparison},
    {"precedence", Does::undecides, Takes::comparison},
    {"tos", Does::undecides, Takes::comparison},
    {"ttl", Does::undecides, Takes::comparison},
    {"option", Does::undecides, Takes::word},
    {"flow-label", Does::undecides, Takes::comparison},
    {"dest-option-type", Does::undecides, Takes::word},
    {"routing-type", Does::undecides, Takes::word},
    {"mobility-type", Does::undecides, Takes::word},
    {"routing", Does::undecides, Takes::none},
    {"mobility", Does::undecides, Takes::none},
    {"dest-option", Does::undecides, Takes::none},
    {"hbh", Does::undecides, Takes::none},
    {"auth", Does::undecides, Takes::none},
    {"undetermined-transport", Does::undecides, Takes::none},
    {"reflect", Does::nothing, Takes::word},  // the entry itself matches as ever; what it opens, `evaluate` says
    {"timeout", Does::nothing, Takes::word},
    {"sequence", Does::nothing, Takes::word},  // IPv6 shows its number last
};

}  // namespace

const RouterNames& ios_names() {
  static const RouterNames kNames =
      with_common({.tcp = kTcp, .udp = kUdp, .protocols = kProtocols, .terse_icmpv6 = true});
  return kNames;
}

const router::AceDialect& router::ios_ace() {
  static const AceDialect kDialect{.name = "IOS",
                                   .names = ios_names(),
                                   .network_group = "object-group",
                                   .service_group = "object-group",
                                   .options = kOptions};
  return kDialect;
}

}  // namespace demarc
