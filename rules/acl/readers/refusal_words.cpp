#include "rules/acl/readers/refusal_words.h"

namespace demarc {

namespace {

struct Row {
  std::string_view word;
  Refusal refusal;
};

// iptables-extensions(8), REJECT; nft(8), REJECT STATEMENT; Junos "Firewall Filter Terminating Actions". Without
// the `icmp-` and `icmp6-` that iptables puts before.
constexpr Row kRows[] = {
    {"tcp-reset", Refusal::reset},
    {"tcp-rst", Refusal::reset},
    {"net-unreachable", Refusal::network_unreachable},
    {"net-unreach", Refusal::network_unreachable},
    {"network-unreachable", Refusal::network_unreachable},
    {"no-route", Refusal::network_unreachable},
    {"host-unreachable", Refusal::host_unreachable},
    {"host-unreach", Refusal::host_unreachable},
    {"addr-unreachable", Refusal::host_unreachable},
    {"addr-unreach", Refusal::host_unreachable},
    {"address-unreachable", Refusal::host_unreachable},
    {"proto-unreachable", Refusal::protocol_unreachable},
    {"proto-unreach", Refusal::protocol_unreachable},
    {"prot-unreachable", Refusal::protocol_unreachable},
    {"protocol-unreachable", Refusal::protocol_unreachable},
    {"port-unreachable", Refusal::port_unreachable},
    {"port-unreach", Refusal::port_unreachable},
    {"net-prohibited", Refusal::network_prohibited},
    {"net-prohib", Refusal::network_prohibited},
    {"network-prohibited", Refusal::network_prohibited},
    {"host-prohibited", Refusal::host_prohibited},
    {"host-prohib", Refusal::host_prohibited},
    {"admin-prohibited", Refusal::prohibited},
    {"admin-prohib", Refusal::prohibited},
    {"adm-prohibited", Refusal::prohibited},
    {"administratively-prohibited", Refusal::prohibited},
    {"policy-fail", Refusal::policy_failed},
    {"reject-route", Refusal::route_rejected},
};

}  // namespace

Refusal refusal_by_word(std::string_view word) {
  for (const std::string_view prefix : {"icmp-", "icmp6-"})
    if (word.starts_with(prefix)) word.remove_prefix(prefix.size());
  for (const Row& row : kRows)
    if (row.word == word) return row.refusal;
  return Refusal::other;
}

}  // namespace demarc
