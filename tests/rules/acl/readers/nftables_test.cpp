#include "tests/rules/acl/readers/netfilter_packets.h"

namespace demarc {
namespace {

using namespace netfilter_test;

Device read(std::string text) {
  return read_configuration(Source("rules.nft", std::move(text)), Dialect::nftables).value();
}

/// The rule drops, or the one behind it accepts.
bool matches(std::string_view rule, const ConcretePacket& p, std::string_view sets = "") {
  const Device d =
      read(fmt::format("table inet fw {{\n{}chain forward {{\ntype filter hook forward priority filter; policy "
                       "accept;\n{} drop\n}}\nchain track {{\nct state new\n}}\n}}\n",
                       sets, rule));
  CAPTURE(rule);
  CAPTURE(render(d.diagnostics));
  CHECK(d.coverage.not_understood == 0);
  const std::string decided = decide(d, p);
  REQUIRE((decided.starts_with("deny") || decided == "permit end"));
  return decided.starts_with("deny");
}

TEST_CASE("a rule matches what nft says it matches") {
  const ConcretePacket web = tcp(kOut, kWeb, 80), web6 = tcp(kOut6, kWeb6, 80),
                       dns = packet(kOut, kWeb, Protocol::udp, 53);
  const auto flags = [&](std::uint8_t f) { return with_flags(web, f); };
  const std::uint8_t sa = tcp_flag::syn | tcp_flag::ack;
  const MatchRow rows[] = {
      {"ip saddr 198.51.100.7", web, true},
      {"ip saddr != 198.51.100.7", web, false},
      {"ip saddr != 198.51.100.8", web6, false},  // the test is about IPv4
      {"ip saddr 198.51.100.0/24", web, true},
      {"ip saddr 198.51.100.5-198.51.100.9", web, true},
      {"ip saddr { 198.51.100.7, 192.0.2.0/24 }", web, true},
      {"ip saddr != { 198.51.100.7, 192.0.2.0/24 }", web, false},
      {"ip saddr & 0.0.0.255 == 0.0.0.7", web, true},
      {"ip saddr & 0.0.0.255 != 0.0.0.7", web, false},
      {"ip daddr & 255.255.255.0 == 192.0.2.0", web, true},
      {"ip daddr > 192.0.2.9", web, true},
      {"ip6 daddr 2001:db8:c::/64", web6, true},
      {"ip6 daddr & ::ff == ::10", web6, true},
      {"meta l4proto tcp", web, true},
      {"meta l4proto { tcp, udp }", web6, true},
      {"meta l4proto != tcp", web, false},
      {"meta l4proto 17", dns, true},
      {"ip protocol tcp", web, true},
      {"ip protocol tcp", web6, false},
      {"ip6 nexthdr tcp", web6, true},
      {"meta nfproto ipv6", web, false},
      {"meta protocol ip", web, true},
      {"tcp dport 80", web, true},
      {"tcp dport http", web, true},
      {"tcp dport != 80", web, false},
      {"tcp dport != 81", dns, false},
      {"tcp dport 79-81", web, true},
      {"tcp dport 79 - 81", web, true},
      {"tcp dport { 22, 79-81 }", web, true},
      {"tcp dport != { 22, 443 }", web, true},
      {"tcp dport >= 80", web, true},
      {"tcp dport < 80", web, false},
      {"tcp sport 40000 tcp dport 80", web, true},
      {"udp dport 53", dns, true},
      {"sctp dport 80", packet(kOut, kWeb, Protocol::sctp, 80), true},
      {"meta l4proto { tcp, udp } th dport 53", dns, true},
      {"meta l4proto udp @th,16,16 53", dns, true},
      {"tcp flags syn", flags(sa), true},
      {"tcp flags == syn", flags(sa), false},
      {"tcp flags == syn", flags(tcp_flag::syn), true},
      {"tcp flags != syn", flags(sa), true},
      {"tcp flags syn,ack", flags(tcp_flag::ack), true},
      {"tcp flags syn / syn,ack", flags(tcp_flag::syn), true},
      {"tcp flags syn / syn,ack", flags(sa), false},
      {"tcp flags != syn / syn,ack", flags(sa), true},
      {"tcp flags & (fin | syn | rst | ack) == syn", flags(tcp_flag::syn | tcp_flag::psh), true},
      {"tcp flags & (syn | ack) == syn | ack", flags(sa), true},
      {"tcp flags ! syn,rst", flags(tcp_flag::ack), true},
      {"tcp flags ! syn,rst", flags(sa), false},
      {"tcp flags { syn, syn | ack }", flags(sa), true},
      {"tcp flags { syn, ack }", flags(sa), false},
      {"icmp type echo-request", icmp(kOut, kWeb, 8), true},
      {"icmp type { destination-unreachable, time-exceeded } icmp code 1", icmp(kOut, kWeb, 3, 1), true},
      {"icmp code host-unreachable", icmp(kOut, kWeb, 3, 4), false},
      {"icmp type . icmp code { 3 . 4, 8 . 0 }", icmp(kOut, kWeb, 3, 4), true},
      {"icmpv6 type nd-neighbor-solicit", icmp(kOut6, kWeb6, 135), true},
      {"icmpv6 type != 128", icmp(kOut6, kWeb6, 128), false},
      {"ct state new", web, true},
      {"ct state established,related", with_state(web, ConnectionState::related), true},
      {"ct state { established, related }", web, false},
      {"ct state != new", web, false},
      {"ct state != established | related", with_state(web, ConnectionState::related),
       true},  // both bits at once: never equal
      {"ct state != { established, related }", with_state(web, ConnectionState::related), false},
      {"ct state invalid", with_state(web, ConnectionState::invalid), true},
      {"ct state untracked", web, false},
      {"ct state untracked", icmp(kOut6, kWeb6, 135), true},
      {"ct state { new, established, related, invalid }", icmp(kOut6, kWeb6, 136), false},
      {"fib daddr type multicast", packet(kOut, "224.0.0.5", Protocol::ospf, 0), true},
      {"ip saddr @nets", web, true},
      {"ip saddr != @nets", tcp("198.51.100.9", kWeb, 80), true},
      {"ip daddr . tcp dport @pairs", web, true},
      {"ip daddr . tcp dport @pairs", tcp(kOut, kWeb, 81), false},
      {"ip daddr . tcp dport != @pairs", web, false},
      {"ip daddr . tcp dport != @pairs", dns, false},
      {"ip daddr . meta l4proto . th dport @triples", dns, true},
      {"tcp dport 80 comment \"a # { } \\ drop\"", web, true},
      {"tcp dport 80 counter packets 3 bytes 180 log prefix \"drop \" level info flags tcp options", web, true},
      {"meta mark set 0x1 ct mark set meta mark tcp dport 80", web, true},
  };
  const char* const sets =
      "set nets {\ntype ipv4_addr\nflags interval\nelements = { 198.51.100.0/29,\n 192.0.2.1-192.0.2.9 }\n}\n"
      "set pairs { type ipv4_addr . inet_service; flags interval; elements = { 192.0.2.0/24 . 80, 192.0.2.10 . "
      "443-444 }; }\n"
      "set triples { type ipv4_addr . inet_proto . inet_service; elements = { 192.0.2.10 . udp . 53 }; }\n";
  for (const MatchRow& row : rows) CHECK_MESSAGE(matches(row.rule, row.packet, sets) == row.matches, row.rule);
}

TEST_CASE("what no rule set decides is open, with its reason; what is not understood may do anything") {
  for (const OpenRow& row : {
           OpenRow{"limit rate over 5/second burst 5 packets", "limit", true},
           OpenRow{"meta mark 0x00000001", "meta mark", true},
           OpenRow{"ip ttl < 5", "ip ttl", true},
           OpenRow{"ct status dnat", "ct status", true},
           OpenRow{"ct direction reply", "ct direction", true},
           OpenRow{"ct state != established,new",
                   "versions of nft differ in what 'ct state != established,new' says", true},
           OpenRow{"fib saddr . iif oif missing", "fib saddr . iif oif", true},
           OpenRow{"tcp option maxseg size 536", "tcp option maxseg size", true},
           OpenRow{"ip saddr @dyn", "the content of set dyn changes", true},
           OpenRow{"add @dyn { ip saddr limit rate 5/second }", "whether an element can be added to the set", true},
           OpenRow{"ip saddr @nobody", "set nobody is not defined", false},
           OpenRow{"tcp dprt 80 accept # x", "tcp dprt", true},
           OpenRow{"tcp dport smpt", "'smpt' is no port", false},
           OpenRow{"jmp web", "'jmp' begins no statement of a rule", false},
           OpenRow{"tcp dport 80 # xt_recent",
                   "a match or target stands in a comment, because nft could not print it", false},
       }) {
    CAPTURE(row.rule);
    const Device d =
        read(fmt::format("table inet fw {{\nset dyn {{ type ipv4_addr; flags dynamic,timeout; elements = {{ "
                         "198.51.100.7 timeout 1h }}; }}\nchain f {{\n"
                         "type filter hook forward priority 0; policy drop;\n{}\n}}\n}}\n",
                         row.understood ? fmt::format("{} accept", row.rule) : row.rule));
    CAPTURE(render(d.diagnostics));
    CHECK(d.coverage.not_understood == (row.understood ? 0 : 1));
    CHECK(d.lists[0].entries.at(0).undecided.find(row.why) == 0);
    CHECK(decide(d, tcp(kOut, kWeb, 80)) == "undetermined 5");
  }
}

TEST_CASE("an error says where and what was meant") {
  const Device d = read(
      "table inet fw {\nchain f {\ntype filter hook forward priority 0; policy accept;\ntcp dport 22 "
      "accpet\n}\n}\n");
  CHECK(render(d.diagnostics) ==
        "rules.nft:4:14: warning: 'accpet' begins no statement of a rule\n"
        "tcp dport 22 accpet\n"
        "             ^~~~~~ did you mean 'accept'?\n");
  CHECK(decide(d, tcp(kOut, kWeb, 443)) == "undetermined 4");
}

TEST_CASE("accept ends its base chain, drop ends all; jump, goto and return as the kernel has them") {
  const Device d = read(R"(table inet fw {
	chain web {
		ip saddr 198.51.100.7 return
		ip saddr 198.51.100.8 accept
	}
	chain first {
		type filter hook forward priority filter - 10; policy accept;
		ip daddr 192.0.2.66 drop
		ip daddr 192.0.2.67 accept
	}
	chain second {
		type filter hook forward priority filter; policy drop;
		tcp dport 80 jump web
		tcp dport 81 goto web
		tcp dport { 80, 81, 443 } counter packets 12 bytes 720 accept
		udp dport vmap { 53 : accept, 123 : drop, 1000-2000 : jump web, * : continue }
		ct state vmap { established : accept, related : jump web }
		meta l4proto udp reject with icmpx admin-prohibited
		tcp dport 25 queue num 1 bypass
	}
}
table ip other {
	chain forward { type filter hook forward priority 100; policy accept; ip daddr 192.0.2.68 drop; }
}
)");
  CHECK(d.coverage.not_understood == 0);
  CHECK(decide(d, tcp(kOut, "192.0.2.66", 443)) == "deny 8");
  CHECK(decide(d, tcp(kOut, "192.0.2.67", 9)) ==
        "deny end");  // accepted by the first chain, dropped by the second one's end
  CHECK(decide(d, tcp(kOut, "192.0.2.68", 443)) == "deny 23");
  CHECK(decide(d, tcp("198.51.100.7", kWeb, 80)) == "permit 15");
  CHECK(decide(d, tcp("198.51.100.7", kWeb, 81)) == "deny end");
  CHECK(decide(d, tcp("198.51.100.8", kWeb, 81)) == "permit 4");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 53)) == "permit 16");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 123)) == "deny 16");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 1500)) == "deny 18");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 9)) == "deny 18");
  CHECK(decide(d, with_state(tcp(kOut, kWeb, 25), ConnectionState::established)) == "permit 17");
  CHECK(decide(d, tcp(kOut, kWeb, 25)) == "undetermined 19");
  CHECK(decide(d, tcp(kOut, kWeb, 443), Way::to_device) == "permit none");  // no chain at the hook
  CHECK(d.lists[d.find_list("inet fw second")].entries[2].packets == 12);
}

TEST_CASE("a later element of a map does not take what an earlier key sent away and got back") {
  const Device d = read(
      "table ip t {\nchain back {\nreturn\n}\nchain f {\ntype filter hook forward priority 0; policy accept;\n"
      "tcp dport vmap { 22 : jump back, * : drop }\n}\n}\n");
  CHECK(decide(d, tcp(kOut, kWeb, 22)) == "permit end");
  CHECK(decide(d, tcp(kOut, kWeb, 23)) == "deny 7");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 23)) == "permit end");
}

TEST_CASE("hooks before tracking, notrack, NAT and the loopback") {
  const Device d = read(R"(table inet fw {
	chain raw {
		type filter hook prerouting priority raw; policy accept;
		udp dport 53 notrack
		ct state established drop
	}
	chain dst {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "eth0" tcp dport 8080 dnat ip to 192.0.2.10:80
	}
	chain in {
		type filter hook input priority filter; policy drop;
		iif "lo" accept
		ct state untracked accept
		ct state established,related accept
		oifname "eth0" accept
		oifname != "eth0" tcp dport 22 accept
	}
	chain src {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "eth0" masquerade
	}
}
)");
  CHECK(d.coverage.not_understood == 0);
  // At raw no conversation is known yet: everything is in state invalid, and `established` never holds.
  CHECK(decide(d, with_state(tcp(kOut, kWeb, 80), ConnectionState::established), Way::to_device, "eth0") ==
        "permit 15");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 53), Way::to_device, "eth0") == "permit 14");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 54), Way::to_device, "eth0") == "deny end");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 54), Way::to_device, "lo") == "permit 13");
  CHECK(decide(d, tcp(kOut, kWeb, 22), Way::to_device, "eth0") == "permit 17");
  REQUIRE(d.nats.size() == 2);
  CHECK(to_string(*d.nats[0].to) == "192.0.2.10");
  CHECK(to_string(d.nats[0].match.box.ports) == "8080");
  CHECK(d.nats[1].kind == Nat::Kind::source);
  CHECK(!d.stages[0].real_destination);
  CHECK(d.stages.back().real_source);
}

TEST_CASE("notrack in the same hook: a test of the state may come before it or behind it") {
  const Device d = read(
      "table inet fw {\nchain raw {\ntype filter hook prerouting priority raw; policy accept;\nudp dport 53 "
      "notrack\n"
      "ct state invalid drop\n}\n}\n");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 54)) == "deny 5");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::udp, 53)) == "undetermined 5");  // the kernel: untracked, permitted
}

TEST_CASE("without tracking a later fragment's data may be taken for its header") {
  const Device d = read(
      "table ip t {\nchain f {\ntype filter hook forward priority 0; policy accept;\nip frag-off & 0x1fff != 0 udp "
      "dport 9 drop\n"
      "ip frag-off & 0x1fff != 0 meta l4proto gre drop\ntcp dport != 80 drop\n}\n}\n");
  CHECK(decide(d, tcp(kOut, kWeb, 25)) == "deny 6");
  CHECK(decide(d, fragment(tcp(kOut, kWeb, 25), Fragment::first)) == "deny 6");
  CHECK(decide(d, fragment(tcp(kOut, kWeb, 25), Fragment::last)) == "undetermined 6");
  CHECK(decide(d, fragment(packet(kOut, kWeb, Protocol::gre, 0), Fragment::middle)) == "deny 5");
  CHECK(decide(d, packet(kOut, kWeb, Protocol::gre, 0)) == "permit end");
}

TEST_CASE("files for nft -f: definitions, comments, continuation, commands") {
  const Device d = read(R"(#!/usr/sbin/nft -f
flush ruleset
define web = { 192.0.2.10, 192.0.2.11 }
define lan = 198.51.100.0/24
table inet fw {
  # what follows
  chain f {
    type filter hook forward priority 0
    policy drop
    ip saddr $lan ip daddr $web \
      tcp dport { 80, # the portal
                  443 } accept  # and this
    ip saddr { $lan, 203.0.113.9 } ip daddr 192.0.2.12 accept
  }
}
add rule inet fw f udp dport 53 accept
insert rule inet fw f ip daddr 192.0.2.11 drop
include "more.nft"
)");
  CHECK(d.coverage.not_understood == 1);  // the included file
  CHECK(ask::counted(d.coverage) == 18);
  CHECK(decide(d, tcp(kOut, kWeb, 443)) == "permit 10");
  CHECK(decide(d, tcp(kOut, "192.0.2.12", 1)) == "permit 13");
  CHECK(decide(d, tcp(kOut, "192.0.2.11", 443)) == "deny 17");
  CHECK(decide(d, packet(kOut, "192.0.2.1", Protocol::udp, 53)) == "permit 16");
  CHECK(decide(d, tcp(kOut, kWeb, 25)) == "deny end");
}

TEST_CASE("other layers: a bridge that may drop leaves everything open, ARP and dormant tables nothing") {
  const char* const inet =
      "table inet fw {\nchain f {\ntype filter hook forward priority 0; policy accept;\n}\n}\n";
  const Device bridge =
      read(fmt::format("{}table bridge b {{\nchain f {{\ntype filter hook forward priority 0; policy "
                       "accept;\nether type ip drop\n}}\n}}\n",
                       inet));
  CHECK(decide(bridge, tcp(kOut, kWeb, 80)).starts_with("undetermined"));
  const Device arp = read(
      fmt::format("{}table arp b {{\nchain f {{\ntype filter hook input priority 0; policy drop;\n}}\n}}\n", inet));
  CHECK(decide(arp, tcp(kOut, kWeb, 80)) == "permit end");
  const Device dormant = read(fmt::format(
      "{}table ip d {{\nflags dormant\nchain f {{\ntype filter hook forward priority 0; policy drop;\n}}\n}}\n",
      inet));
  CHECK(decide(dormant, tcp(kOut, kWeb, 80)) == "permit end");
  const Device netdev = read(
      "table netdev n {\nchain i {\ntype filter hook ingress device \"eth0\" priority 0; policy accept;\nip saddr "
      "198.51.100.0/24 drop\n}\n}\n");
  CHECK(decide(netdev, tcp(kOut, kWeb, 80), Way::through, "eth0") == "deny 4");
  CHECK(decide(netdev, tcp(kOut, kWeb, 80), Way::through, "*").starts_with("permit"));
}

TEST_CASE("it is recognised, and is taken for nothing else") {
  for (const char* const text : {
           "table inet fw {\n}\n",
           "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy "
           "accept;\n\t}\n}\n",
           "#!/usr/sbin/nft -f\nflush ruleset\n",
           "{\"nftables\": []}",
       })
    CHECK(recognise_dialect(text) == Dialect::nftables);
  CHECK(recognise_dialect("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n") == Dialect::iptables);
  CHECK(recognise_dialect("{\"SecurityGroups\": []}") != Dialect::nftables);
  CHECK(!read_configuration(Source("x", "nothing of the kind\n"), Dialect::nftables).has_value());
  CHECK(!read_configuration(Source("x", "{\"nftables\": ["), Dialect::nftables).has_value());
}

/// What nft 1.0.6 prints for kSample, both ways.
constexpr const char* kSample = R"(table inet fw {
	set nets {
		type ipv4_addr
		flags interval
		elements = { 192.0.2.0/25, 198.51.100.1-198.51.100.9 }
	}

	map ports {
		type inet_service : verdict
		elements = { 22 : accept, 80 : jump web }
	}

	chain web {
		ip saddr @nets counter packets 5 bytes 300 accept
		tcp flags syn / fin,syn,rst,ack return
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct state vmap { invalid : drop }
		tcp dport vmap @ports
		iifname . ip saddr { "eth0" . 192.0.2.1 } accept
		ip saddr . tcp dport vmap { 192.0.2.1 . 25 : accept, * : continue } comment "a # b"
		meta l4proto { tcp, udp } th dport 53 accept
		icmp type { destination-unreachable, echo-request } limit rate 5/second accept
		oifname { "eth0", "wan*" } tcp dport != 22-25 reject with tcp reset
	}
}
)";
constexpr const char* kSampleJson =
    R"({"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
{"table": {"family": "inet", "name": "fw", "handle": 1}},
{"set": {"family": "inet", "name": "nets", "table": "fw", "type": "ipv4_addr", "handle": 3, "flags": ["interval"], "elem": [{"prefix": {"addr": "192.0.2.0", "len": 25}}, {"range": ["198.51.100.1", "198.51.100.9"]}]}},
{"map": {"family": "inet", "name": "ports", "table": "fw", "type": "inet_service", "handle": 4, "map": "verdict", "elem": [[22, {"accept": null}], [80, {"jump": {"target": "web"}}]]}},
{"chain": {"family": "inet", "table": "fw", "name": "web", "handle": 1}},
{"chain": {"family": "inet", "table": "fw", "name": "forward", "handle": 2, "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}},
{"rule": {"family": "inet", "table": "fw", "chain": "web", "handle": 5, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@nets"}}, {"counter": {"packets": 5, "bytes": 300}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "web", "handle": 6, "expr": [{"match": {"op": "==", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["fin", "syn", "rst", "ack"]]}, "right": "syn"}}, {"return": null}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 7, "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 9, "expr": [{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}]]}}}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 10, "expr": [{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@ports"}}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 12, "expr": [{"match": {"op": "==", "left": {"concat": [{"meta": {"key": "iifname"}}, {"payload": {"protocol": "ip", "field": "saddr"}}]}, "right": {"set": [{"concat": ["eth0", "192.0.2.1"]}]}}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 14, "comment": "a # b", "expr": [{"vmap": {"key": {"concat": [{"payload": {"protocol": "ip", "field": "saddr"}}, {"payload": {"protocol": "tcp", "field": "dport"}}]}, "data": {"set": [[{"concat": ["192.0.2.1", 25]}, {"accept": null}], ["*", {"continue": null}]]}}}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 16, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": ["tcp", "udp"]}}}, {"match": {"op": "==", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": 53}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 18, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "icmp", "field": "type"}}, "right": {"set": ["destination-unreachable", "echo-request"]}}}, {"limit": {"rate": 5, "burst": 5, "per": "second"}}, {"accept": null}]}},
{"rule": {"family": "inet", "table": "fw", "chain": "forward", "handle": 20, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": {"set": ["eth0", "wan*"]}}}, {"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"range": [22, 25]}}}, {"reject": {"type": "tcp reset"}}]}}]}
)";

TEST_CASE("text and JSON of one rule set are one device") {
  const Device text = read(kSample);
  const Device json = read_configuration(Source("rules.json", kSampleJson)).value();
  CHECK(text.coverage.not_understood == 0);
  CHECK(json.coverage.not_understood == 0);
  CHECK(ask::counted(json.coverage) == 16);
  REQUIRE(text.lists.size() == json.lists.size());
  for (std::size_t i = 0; i < text.lists.size(); ++i) {
    CHECK(text.lists[i].name == json.lists[i].name);
    CHECK(text.lists[i].at_end == json.lists[i].at_end);
    REQUIRE(text.lists[i].entries.size() == json.lists[i].entries.size());
    for (std::size_t k = 0; k < text.lists[i].entries.size(); ++k) {
      const Entry &a = text.lists[i].entries[k], &b = json.lists[i].entries[k];
      CAPTURE(a.text);
      CHECK(a.match == b.match);
      CHECK(a.maybe == b.maybe);
      CHECK(name(a.action) == name(b.action));
      CHECK(a.packets == b.packets);
      CHECK(a.remark == b.remark);
    }
  }
  REQUIRE(text.stages.size() == json.stages.size());
  REQUIRE(text.objects.size() == 2);
  CHECK(text.objects[0].uses == 1);
  const List& forward = json.lists[json.find_list("inet fw forward")];
  CHECK(forward.entries[0].line == 9);
  CHECK(forward.entries[0].text == "ct state established,related accept");
}

TEST_CASE("every cut and mutation of both forms is read, and every line has its state") {
  constexpr std::string_view kBytes = "\n {}();,.:@#\"\\-*/&|=!$0a\xFF";
  survives_cuts_and_mutations(Dialect::nftables, kSample, kBytes, 600);
  survives_cuts_and_mutations(Dialect::nftables, kSampleJson, kBytes, 600, false);
}

}  // namespace
}  // namespace demarc
