#include "rules/acl/readers/refusal_words.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "rules/acl/readers/reader.h"

namespace demarc {
namespace {

TEST_CASE("what the sender of a denied packet hears, in each dialect that tells") {
  struct Row {
    Dialect dialect;
    std::string rule;
    Refusal refusal;
  };
  const auto text = [](const Row& row) {
    switch (row.dialect) {
      case Dialect::iptables:
        return "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j " + row.rule + "\nCOMMIT\n";
      case Dialect::nftables:
        return "table inet fw {\nchain forward {\ntype filter hook forward priority 0; policy accept;\nip protocol "
               "tcp " +
               row.rule + "\n}\n}\n";
      case Dialect::junos: return "firewall { family inet { filter F { term t { then " + row.rule + "; } } } }\n";
      default: return "ipv4 access-list L\n 10 " + row.rule + "\n";
    }
  };
  for (const Row& row : {
           Row{Dialect::iptables, "DROP", Refusal::plain},
           Row{Dialect::iptables, "REJECT", Refusal::port_unreachable},  // iptables-extensions(8): the default
           Row{Dialect::iptables, "REJECT --reject-with icmp-port-unreachable", Refusal::port_unreachable},
           Row{Dialect::iptables, "REJECT --reject-with tcp-reset", Refusal::reset},
           Row{Dialect::iptables, "REJECT --reject-with icmp-admin-prohibited", Refusal::prohibited},
           Row{Dialect::iptables, "TARPIT", Refusal::held},
           Row{Dialect::nftables, "drop", Refusal::plain},
           Row{Dialect::nftables, "reject", Refusal::port_unreachable},  // nft(8): the default
           Row{Dialect::nftables, "reject with icmpx type admin-prohibited", Refusal::prohibited},
           Row{Dialect::nftables, "reject with icmpx host-unreachable", Refusal::host_unreachable},
           Row{Dialect::nftables, "reject with icmp type prot-unreachable", Refusal::protocol_unreachable},
           Row{Dialect::nftables, "reject with tcp reset", Refusal::reset},
           Row{Dialect::nftables, "reject with icmp 13", Refusal::other},
           Row{Dialect::junos, "discard", Refusal::plain},
           Row{Dialect::junos, "reject", Refusal::prohibited},
           Row{Dialect::junos, "reject tcp-reset", Refusal::reset},
           Row{Dialect::junos, "reject network-unreachable", Refusal::network_unreachable},
           Row{Dialect::cisco_xr, "deny ipv4 any any", Refusal::plain},
           Row{Dialect::cisco_xr, "deny ipv4 any any icmp-off", Refusal::silence},
           Row{Dialect::cisco_xr, "deny ipv4 any any icmp-on", Refusal::plain},
       }) {
    CAPTURE(row.rule);
    const Device d = read_configuration(Source("fw", text(row)), row.dialect).value();
    CHECK(d.coverage.not_understood == 0);
    const Entry* denial = nullptr;
    for (const List& list : d.lists)
      for (const Entry& e : list.entries)
        if (e.action == Action::deny) denial = &e;
    REQUIRE(denial != nullptr);
    CHECK(static_cast<int>(denial->refusal) == static_cast<int>(row.refusal));
  }
}

TEST_CASE("other forms of the same: a listing, JSON, a policy between zones") {
  const auto refusal = [](Dialect dialect, const char* text) {
    const Device d = read_configuration(Source("fw", text), dialect).value();
    for (const List& list : d.lists)
      for (const Entry& e : list.entries)
        if (e.action == Action::deny && e.line != 0) return static_cast<int>(e.refusal);
    return -1;
  };
  CHECK(
      refusal(Dialect::iptables,
              "Chain FORWARD (policy ACCEPT)\ntarget     prot opt source               destination\n"
              "REJECT     tcp  --  anywhere             192.0.2.9            tcp dpt:80 reject-with tcp-reset\n") ==
      static_cast<int>(Refusal::reset));
  CHECK(refusal(Dialect::nftables, R"({"nftables": [{"table": {"family": "ip", "name": "f"}},
{"chain": {"family": "ip", "table": "f", "name": "c", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
{"rule": {"family": "ip", "table": "f", "chain": "c", "expr": [{"reject": {"type": "icmp", "expr": "net-prohibited"}}]}}]})") ==
        static_cast<int>(Refusal::network_prohibited));
  CHECK(refusal(Dialect::junos,
                "set security zones security-zone a interfaces ge-0/0/0.0\n"
                "set security zones security-zone b interfaces ge-0/0/1.0\n"
                "set security policies from-zone a to-zone b policy p match source-address any\n"
                "set security policies from-zone a to-zone b policy p match destination-address any\n"
                "set security policies from-zone a to-zone b policy p match application any\n"
                "set security policies from-zone a to-zone b policy p then reject\n") ==
        static_cast<int>(Refusal::reset_or_unreachable));
}

TEST_CASE("a word that is not known is another message than all that are") {
  CHECK(refusal_by_word("icmp6-adm-prohibited") == Refusal::prohibited);
  CHECK(refusal_by_word("source-host-isolated") == Refusal::other);
  CHECK(refusal_by_word("") == Refusal::other);
}

}  // namespace
}  // namespace demarc
