#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rules/acl/meaning.h"
#include "rules/acl/readers/junos_from.h"
#include "tests/rules/acl/readers/ask.h"
#include "tests/rules/acl/readers/junos_samples.h"

namespace demarc {
namespace {

using ask::icmp;
using ask::packet;

Device read(std::string text) {
  return read_configuration(Source("edge.conf", std::move(text)), Dialect::junos).value();
}
const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";

/// Everything of a device but lines.
std::string written(const Device& d) {
  std::string out = fmt::format("{} {}\n", d.name, d.replies_implied);
  for (const Interface& i : d.interfaces) {
    out += fmt::format("interface {} {} {}", i.name, i.nameif, i.shut);
    for (const Prefix& p : i.networks) out += fmt::format(" {}", to_string(p));
    for (const Address& a : i.addresses) out += fmt::format(" {}", to_string(a));
    out += "\n";
  }
  const auto match = [](const Match& m) {
    std::string ids;
    for (unsigned i = 0; i < 256; ++i) {
      if (!m.box.ingress.is_all() && m.box.ingress.contains(static_cast<std::uint8_t>(i)))
        ids += fmt::format(" <{}", i);
      if (!m.box.egress.is_all() && m.box.egress.contains(static_cast<std::uint8_t>(i)))
        ids += fmt::format(" >{}", i);
    }
    return fmt::format(" ({}{})", to_string(m.box), ids);
  };
  for (const List& l : d.lists) {
    out += fmt::format("list {} {} {}\n", l.name, static_cast<int>(l.at_end), l.family ? name(*l.family) : "both");
    for (const Entry& e : l.entries) {
      out += fmt::format("  {} {} {} {}:", name(e.action), e.text, e.inactive, e.undecided);
      if (e.target != kNoList) out += fmt::format(" -> {}", d.lists[e.target].name);
      for (const Match& m : e.match) out += match(m);
      for (const Match& m : e.maybe) out += " perhaps" + match(m);
      out += "\n";
    }
  }
  for (const Stage& s : d.stages) {
    out += fmt::format("stage {} {}:", s.name, s.priority);
    for (const ListIndex l : s.lists) out += fmt::format(" {}", d.lists[l].name);
    for (const InterfaceId i : s.ingress) out += fmt::format(" <{}", i);
    for (const InterfaceId i : s.egress) out += fmt::format(" >{}", i);
    for (const Way w : {Way::through, Way::to_device, Way::from_device})
      if (s.ways.contains(w)) out += fmt::format(" {}", name(w));
    out += "\n";
  }
  for (const Nat& n : d.nats)
    out += fmt::format("nat {}{} to {} {}\n", static_cast<int>(n.kind), match(n.match),
                       n.to ? to_string(*n.to) : "-", n.to_ports ? to_string(*n.to_ports) : "-");
  for (const NamedObject& o : d.objects) out += fmt::format("{} {} {}\n", o.kind, o.name, o.uses);
  return out;
}

TEST_CASE("the same configuration in braces and as set commands is the same device") {
  const std::string router = written(read(samples::kJunosHierarchy));
  CHECK(router == written(read(samples::kJunosSet)));
  CHECK(router.find("list OUTSIDE-IN") != std::string::npos);
  // The pool's port stands on a line of its own there, so texts of translations are not compared.
  CHECK(written(read(samples::kSrxHierarchy)) == written(read(samples::kSrxSet)));
}

TEST_CASE("a term matches what Junos says it matches") {
  struct Row {
    const char* from;
    ConcretePacket packet;
    const char* answer;  // of a term that accepts, before one that discards: "permit", "deny", "undetermined"
  };
  const auto with = [](ConcretePacket p, std::uint8_t flags) {
    p.context.flags = flags;
    return p;
  };
  const auto part = [](ConcretePacket p, Fragment fragment) {
    p.context.fragment = fragment;
    return p;
  };
  const ConcretePacket web = packet(kOut, kWeb, Protocol::tcp, 80), dns = packet(kOut, kWeb, Protocol::udp, 53);
  const Row rows[] = {
      {"", web, "permit"},
      {"protocol tcp;", web, "permit"},
      {"protocol tcp;", dns, "deny"},
      {"protocol [ tcp udp ];", dns, "permit"},
      {"protocol 17;", dns, "permit"},
      {"protocol-except tcp;", dns, "permit"},
      {"protocol-except tcp;", web, "deny"},
      {"protocol tcp; destination-port http;", web, "permit"},
      {"protocol tcp; destination-port 81;", web, "deny"},
      {"protocol tcp; destination-port 79-81;", web, "permit"},
      {"protocol tcp; destination-port ftp-data-http;", web, "permit"},
      {"protocol tcp; destination-port-except [ http https ];", web, "deny"},
      {"protocol tcp; destination-port-except 443;", web, "permit"},
      {"protocol tcp; source-port 1024-65535;", web, "permit"},
      {"protocol tcp; source-port 80;", web, "deny"},
      {"protocol tcp; port 80;", web, "permit"},
      {"protocol tcp; port 40000;", web, "permit"},
      {"protocol tcp; port 81;", web, "deny"},
      // Without a protocol the port's bytes are compared in all packets.
      {"destination-port 80;", web, "permit"},
      {"destination-port 80;", dns, "deny"},
      {"destination-port 80;", packet(kOut, kWeb, Protocol::esp, 0), "undetermined"},
      {"tcp-established;", with(web, tcp_flag::ack), "permit"},
      {"tcp-established;", dns, "undetermined"},
      {"icmp-type echo-request;", icmp(kOut, kWeb, 8), "permit"},
      {"icmp-type echo-request;", web, "undetermined"},
      {"protocol icmp; icmp-type echo-request;", icmp(kOut, kWeb, 8), "permit"},
      {"protocol icmp; icmp-type echo-request;", icmp(kOut, kWeb, 0), "deny"},
      {"protocol icmp; icmp-type-except echo-request;", icmp(kOut, kWeb, 0), "permit"},
      {"protocol icmp; icmp-type unreachable; icmp-code fragmentation-needed;", icmp(kOut, kWeb, 3, 4), "permit"},
      {"protocol icmp; icmp-type unreachable; icmp-code fragmentation-needed;", icmp(kOut, kWeb, 3, 1), "deny"},
      {"protocol icmp; icmp-type [ 3 11 ]; icmp-code 0;", icmp(kOut, kWeb, 11, 0), "permit"},
      {"protocol tcp; tcp-established;", with(web, tcp_flag::syn), "deny"},
      {"protocol tcp; tcp-established;", with(web, tcp_flag::rst), "permit"},
      {"protocol tcp; tcp-initial;", with(web, tcp_flag::syn), "permit"},
      {"protocol tcp; tcp-initial;", with(web, tcp_flag::syn | tcp_flag::ack), "deny"},
      {"protocol tcp; tcp-flags \"(syn & !ack) | rst\";", with(web, tcp_flag::syn), "permit"},
      {"protocol tcp; tcp-flags \"(syn & !ack) | rst\";", with(web, tcp_flag::syn | tcp_flag::ack), "deny"},
      {"protocol tcp; tcp-flags \"(syn & !ack) | rst\";", with(web, tcp_flag::rst | tcp_flag::ack), "permit"},
      {"protocol tcp; tcp-flags \"!syn\";", with(web, tcp_flag::syn), "deny"},
      {"protocol tcp; tcp-flags \"syn, fin\";", with(web, tcp_flag::fin), "permit"},
      {"protocol tcp; tcp-flags 0x2;", with(web, tcp_flag::syn), "permit"},
      {"is-fragment;", part(web, Fragment::first), "deny"},
      {"is-fragment;", part(web, Fragment::last), "permit"},
      {"first-fragment;", part(web, Fragment::first), "permit"},
      {"first-fragment;", web, "deny"},
      {"fragment-offset 0;", part(web, Fragment::first), "permit"},
      {"fragment-offset-except 0;", part(web, Fragment::middle), "permit"},
      {"fragment-flags more-fragments;", part(web, Fragment::middle), "permit"},
      {"protocol tcp; destination-port 80;", part(web, Fragment::last), "deny"},
      // Policy Framework Configuration Guide, "Bit-Field Values": the first fragment is not checked for when
      // matching TCP flags; fragment-offset, for IPv4 only, asks for it.
      {"protocol tcp; tcp-established;", part(web, Fragment::last), "undetermined"},
      {"tcp-initial;", part(web, Fragment::middle), "undetermined"},
      {"protocol tcp; tcp-established; fragment-offset 0;", part(web, Fragment::last), "deny"},
      {"protocol tcp; tcp-established;", part(dns, Fragment::last), "deny"},
      {"source-address { 198.51.100.0/24; }", web, "permit"},
      {"source-address { 198.51.100.0/24; 198.51.100.0/28 except; }", web, "deny"},
      {"source-address { 198.51.100.0/28 except; 198.51.100.7/32; 198.51.100.0/24; }", web, "permit"},
      {"source-address { 198.51.100.0/24 except; 0.0.0.0/0; }", web, "deny"},
      {"source-address { 198.51.100.0/24 except; }", web, "deny"},
      {"source-address { 203.0.113.0/24 except; }", web, "undetermined"},
      {"source-address { 198.51/16; }", web, "permit"},
      {"source-address { 198.51.100.7; }", web, "permit"},
      {"source-address { 0.0.0.7/0.0.0.255; }", web, "permit"},
      {"source-address { 0.0.0.8/0.0.0.255; }", web, "deny"},
      {"source-address { 198.51.100.0/255.255.255.0; }", web, "permit"},
      {"destination-address 192.0.2.0/24;", web, "permit"},
      {"address { 192.0.2.0/24; }", web, "permit"},
      {"address { 198.51.100.0/24; }", web, "permit"},
      {"address { 203.0.113.0/24; }", web, "deny"},
      {"source-prefix-list { net; }", web, "permit"},
      {"source-prefix-list { net; } source-address { 198.51.100.7/32 except; }", web, "deny"},
      {"source-prefix-list { empty; }", web, "undetermined"},
      {"source-prefix-list { gone; }", web, "undetermined"},
      {"prefix-list net;", web, "permit"},
      {"destination-prefix-list net;", web, "deny"},
      // What no packet set holds.
      {"protocol tcp; ttl 1;", web, "undetermined"},
      {"protocol udp; dscp ef;", web, "deny"},
      {"protocol tcp; frobnicate 5;", web, "undetermined"},
      {"protocol tpc;", web, "undetermined"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from);
    const Device d =
        read(fmt::format("policy-options {{ prefix-list net {{ 198.51.100.0/24; }} prefix-list empty; }}\n"
                         "firewall {{ family inet {{ filter F {{\n"
                         "term a {{ from {{ {} }} then accept; }}\n"
                         "term b {{ then discard; }} }} }} }}\n",
                         row.from));
    const std::string answer = ask::list(d, "F", row.packet);
    CHECK(fmt::format("{}: {}", row.from, answer.substr(0, answer.find(' '))) ==
          fmt::format("{}: {}", row.from, row.answer));
  }
}

TEST_CASE("then: without a terminating action a term accepts, unless it goes on") {
  struct Row {
    const char* then;
    const char* answer;
  };
  for (const Row& row : {
           Row{"", "permit 2"},
           Row{"then accept;", "permit 2"},
           Row{"then { count x; log; }", "permit 2"},
           Row{"then { count x; next term; }", "deny end"},
           Row{"then { count x; discard; }", "deny 2"},
           Row{"then { reject tcp-reset; }", "deny 2"},
           Row{"then { routing-instance r; }", "permit 2"},
           Row{"then { policer gentle; accept; }", "permit 2"},
           Row{"then { policer hard; accept; }", "undetermined 2"},
           Row{"then { frobnicate; }", "undetermined 2"},
           Row{"then { inactive: discard; }", "permit 2"},
       }) {
    CAPTURE(row.then);
    const Device d = read(fmt::format(
        "firewall {{ policer gentle {{ if-exceeding {{ bandwidth-limit 1m; }} then loss-priority high; }} "
        "policer hard {{ then discard; }} family inet {{ filter F {{\nterm a {{ {} }} }} }} }}\n",
        row.then));
    CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::tcp, 80)) == row.answer);
  }
}

TEST_CASE("the router's filters decide where they stand") {
  const Device d = read(samples::kJunosHierarchy);
  CHECK(d.name == "edge-rtr");
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.diagnostics.all().empty());
  CHECK(ask::counted(d.coverage) == ask::lines_not_blank(samples::kJunosHierarchy));
  const char *const kIn = "ge-0/0/0.0", *const kDmz = "ge-0/0/1.10", *const kBack = "203.0.113.2";
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::tcp, 443), kIn, kDmz).starts_with("permit"));
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::tcp, 21), kIn, kDmz).starts_with("deny"));
  // The chain: 10/8 is a bogon, 10.1/16 is not; the first list's end is none.
  CHECK(ask::way(d, packet("10.2.0.1", kWeb, Protocol::tcp, 443), kIn, kDmz) == "deny 82");
  CHECK(ask::way(d, packet("10.1.0.1", kWeb, Protocol::tcp, 443), kIn, kDmz).starts_with("permit"));
  // A filter within another: its term accepts, its end discards nothing.
  CHECK(ask::list(d, "OUTSIDE-IN", icmp(kOut, kWeb, 8)) == "permit 141");
  CHECK(ask::list(d, "OUTSIDE-IN", icmp(kOut, kWeb, 13)) == "deny 134");
  CHECK(d.lists[d.find_list("ICMP")].at_end == Fallthrough::give_back);
  // What the group says holds at both interfaces.
  CHECK(ask::way(d, packet(kWeb, kOut, Protocol::tcp, 25), kDmz, kIn).starts_with("deny"));
  CHECK(ask::way(d, packet(kWeb, kOut, Protocol::tcp, 443), kDmz, kIn).starts_with("permit"));
  // To the device: lo0's filter, and before it the interface's.
  CHECK(ask::way(d, packet("198.51.100.65", "192.0.2.1", Protocol::tcp, 22), kDmz, kDmz, Way::to_device)
            .starts_with("permit"));
  CHECK(ask::way(d, packet("192.0.2.33", "192.0.2.1", Protocol::tcp, 22), kDmz, kDmz, Way::to_device)
            .starts_with("deny"));
  CHECK(ask::list(d, "PROTECT-RE", packet(kBack, "203.0.113.1", Protocol::tcp, 40000, 179)).starts_with("permit"));
  CHECK(ask::list(d, "V6-IN", icmp("2001:db8:f::2", "2001:db8:f::1", 135)) == "deny end");
  CHECK(ask::list(d, "V6-IN", packet("2001:db8:f::2", "2001:db8:d::12", Protocol::tcp, 443)).starts_with("permit"));
}

TEST_CASE("what is wrong is said where it stands, and taken for possible") {
  const Device d = read(
      "firewall {\n    family inet {\n        filter F {\n            term a {\n                from {\n"
      "                    protocol tcp;\n                    destination-port smpt;\n                }\n"
      "                then discard;\n            }\n            term b { then accept; }\n        }\n    }\n}\n");
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(render(d.diagnostics.all()[0].error, DiagnosticLevel::warning) ==
        "edge.conf:7:38: warning: 'smpt' is neither a port number nor a Junos port name\n"
        "                    destination-port smpt;\n"
        "                                     ^~~~ did you mean 'smtp'?\n");
  CHECK(d.coverage.not_understood == 1);
  REQUIRE(d.lines.size() == 1);
  CHECK(d.lines[0].line == 7);
  CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::tcp, 25)) == "undetermined 4");
  CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::udp, 53)) == "permit 11");
}

TEST_CASE("filters that are not defined or not read do not open anything") {
  const Device d = read(
      "set interfaces ge-0/0/0 unit 0 family inet filter input GONE\n"
      "set interfaces ge-0/0/1 unit 0 family ethernet-switching filter input L2\n"
      "set interfaces ge-0/0/2 unit 0 family inet address 192.0.2.1/24\n"
      "set firewall family ethernet-switching filter L2 term a then discard\n");
  CHECK(d.coverage.not_understood == 2);
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::tcp, 80), "ge-0/0/0.0", "ge-0/0/2.0").starts_with("undetermined"));
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::tcp, 80), "ge-0/0/1.0", "ge-0/0/2.0").starts_with("undetermined"));
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::tcp, 80), "ge-0/0/2.0", "ge-0/0/2.0").starts_with("permit"));
}

TEST_CASE("deactivate, delete and insert change what was set") {
  const Device d = read(
      "set firewall filter F term a from protocol tcp\nset firewall filter F term a then accept\n"
      "set firewall filter F term b then discard\nset firewall filter F term c then accept\n"
      "insert firewall filter F term c before term a\ndelete firewall filter F term c\n"
      "set firewall filter F term d then reject\ninsert firewall filter F term b after term d\n"
      "deactivate firewall filter F term a from\nset interfaces xe-0/0/0 unit 0 disable\n");
  REQUIRE(d.lists.size() == 1);
  const auto names = [&] {
    std::string out;
    for (const Entry& e : d.lists[0].entries) out += e.text + "\n";
    return out;
  };
  CHECK(
      names() ==
      "inactive: term \"\" then accept\nterm a { inactive: from protocol tcp; then accept; }\nterm d then reject\n"
      "term b then discard\n");
  CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::udp, 80)).starts_with("permit"));
  CHECK(d.interfaces[0].shut);
}

TEST_CASE("a group that is not applied leaves open what it may say") {
  const Device d = read(
      "groups { g { firewall { family inet { filter F { term <[ab]*> { then discard; } } } } } }\napply-groups g;\n"
      "firewall { family inet { filter F { term a1 { then accept; } } } }\n"
      "interfaces { ge-0/0/0 { unit 0 { family inet { filter { input F; } } } } }\n");
  CHECK(d.coverage.not_understood > 0);
  CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::tcp, 80)).starts_with("undetermined"));
  const Device e = read(
      "groups { g { firewall { family inet { filter F { term last { then accept; } } } } } }\n"
      "firewall { family inet { filter F { apply-groups g; term a { from protocol tcp; then discard; } } } }\n");
  CHECK(ask::list(e, "F", packet(kOut, kWeb, Protocol::udp, 53)) == "permit 1");
  CHECK(ask::list(e, "F", packet(kOut, kWeb, Protocol::tcp, 80)) == "deny 2");
}

TEST_CASE("a filter that is bound and named by another ends in discard at the one place only") {
  const Device d = read(
      "set interfaces ge-0/0/0 unit 0 family inet filter input G\nset interfaces ge-0/0/1 unit 0 family inet "
      "filter input F\n"
      "set firewall family inet filter F term a filter G\nset firewall family inet filter F term b then accept\n"
      "set firewall family inet filter G term a from protocol tcp\nset firewall family inet filter G term a then "
      "discard\n");
  CHECK(ask::list(d, "G", packet(kOut, kWeb, Protocol::udp, 53)) == "deny end");
  CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::udp, 53)) == "permit 4");
  CHECK(ask::list(d, "F", packet(kOut, kWeb, Protocol::tcp, 53)) == "deny 5");
}

TEST_CASE("filters of routing instances, interface ranges, forwarding tables and interfaces' policers") {
  const Device d = read(
      "set interfaces interface-range R member ge-0/0/4\nset interfaces interface-range R unit 0 family inet "
      "filter input NO\n"
      "set interfaces ge-0/0/5 unit 0 family inet filter input YES\nset interfaces ge-0/0/6 unit 0 family inet\n"
      "set interfaces ge-0/0/7 unit 0 family inet policer input P\n"
      "set interfaces lo0 unit 0 family inet filter input YES\nset interfaces lo0 unit 1 family inet filter input "
      "NO\n"
      "set routing-instances V interface ge-0/0/6.0\nset routing-instances V interface lo0.1\n"
      "set forwarding-options family inet filter input SMTP\n"
      "set firewall family inet filter NO term a then discard\nset firewall family inet filter YES term a then "
      "accept\n"
      "set firewall family inet filter SMTP term a from protocol tcp\n"
      "set firewall family inet filter SMTP term a from destination-port smtp\n"
      "set firewall family inet filter SMTP term a then discard\nset firewall family inet filter SMTP term b then "
      "accept\n"
      "set firewall policer P then discard\n");
  CHECK(d.coverage.not_understood == 0);
  const auto fate = [&](std::uint16_t port, const char* in, Way way) {
    const std::string a = ask::way(d, packet(kOut, kWeb, Protocol::tcp, port), in, in, way);
    return a.substr(0, a.find(' '));
  };
  CHECK(fate(80, "ge-0/0/4.0", Way::through) == "deny");
  CHECK(fate(80, "ge-0/0/5.0", Way::through) == "permit");
  CHECK(fate(25, "ge-0/0/5.0", Way::through) == "deny");
  CHECK(fate(25, "ge-0/0/6.0", Way::through) == "permit");  // another table's
  CHECK(fate(80, "ge-0/0/7.0", Way::through) == "undetermined");
  CHECK(fate(22, "ge-0/0/5.0", Way::to_device) == "permit");
  CHECK(fate(22, "ge-0/0/6.0", Way::to_device) == "deny");
}

TEST_CASE("predefined applications of security policies") {
  struct Row {
    const char* application;
    ConcretePacket packet;
    const char* answer;
  };
  const auto at = [](Protocol protocol, std::uint16_t port) { return packet(kOut, kWeb, protocol, port); };
  for (const Row& row : {
           // Security Policies User Guide, "Predefined Policy Applications", and the group junos-defaults as devices
           // show it.
           Row{"junos-http-ext", at(Protocol::tcp, 7001), "permit 5"},
           Row{"junos-http-ext", at(Protocol::tcp, 8080), "deny end"},
           Row{"junos-icmp-ping", icmp(kOut, kWeb, 8), "permit 5"},
           Row{"junos-icmp-ping", icmp(kOut, kWeb, 13), "deny end"},
           Row{"junos-ping", icmp(kOut, kWeb, 13), "permit 5"},  // all of ICMP, whatever the name says
           Row{"junos-nsm", at(Protocol::udp, 69), "permit 5"},
           Row{"junos-talk", at(Protocol::tcp, 517), "permit 5"},
           Row{"junos-smtps", at(Protocol::tcp, 587), "permit 5"},
           Row{"junos-smtps", at(Protocol::tcp, 465), "permit 5"},
           Row{"junos-ymsg", at(Protocol::udp, 5010), "permit 5"},
           Row{"junos-routing-inbound", at(Protocol::tcp, 179), "permit 5"},
           Row{"junos-routing-inbound", at(Protocol::tcp, 22), "deny end"},
       }) {
    CAPTURE(row.application);
    const Device d = read(
        fmt::format("set interfaces ge-0/0/0 unit 0 family inet address 198.51.100.1/24\n"
                    "set interfaces ge-0/0/1 unit 0 family inet address 192.0.2.1/24\n"
                    "set security zones security-zone a interfaces ge-0/0/0.0\n"
                    "set security zones security-zone b interfaces ge-0/0/1.0\n"
                    "set security policies from-zone a to-zone b policy p match source-address any\n"
                    "set security policies from-zone a to-zone b policy p match destination-address any\n"
                    "set security policies from-zone a to-zone b policy p match application {}\n"
                    "set security policies from-zone a to-zone b policy p then permit\n",
                    row.application));
    CHECK(ask::way(d, row.packet, "ge-0/0/0.0", "ge-0/0/1.0") == std::string(row.answer));
  }
}

TEST_CASE("a static translation holds both ways; of several outside addresses nobody knows which") {
  const Device d = read(
      "set security zones security-zone untrust interfaces ge-0/0/0.0\n"
      "set security policies from-zone untrust to-zone untrust policy p match source-address any\n"
      "set security policies from-zone untrust to-zone untrust policy p match destination-address any\n"
      "set security policies from-zone untrust to-zone untrust policy p match application any\n"
      "set security policies from-zone untrust to-zone untrust policy p then deny\n"
      "set security nat static rule-set S from zone untrust\n"
      "set security nat static rule-set S rule one match destination-address 203.0.113.10/32\n"
      "set security nat static rule-set S rule one then static-nat prefix 192.0.2.10/32\n"
      "set security nat static rule-set S rule many match destination-address 203.0.113.16/28\n"
      "set security nat static rule-set S rule many then static-nat prefix 192.0.2.11/32\n"
      "set security nat static rule-set S rule port match destination-address 203.0.113.12/32\n"
      "set security nat static rule-set S rule port match destination-port 443\n"
      "set security nat static rule-set S rule port then static-nat prefix 192.0.2.12/32\n"
      "set security nat static rule-set S rule port then static-nat prefix mapped-port 8443\n");
  const auto outside = [&](const char* inside) {
    for (const Nat& n : d.nats)
      if (n.kind == Nat::Kind::source && n.match.box.sources == AddressSet::single(*parse_address(inside)))
        return n.to;
    FAIL("no translation of " << inside);
    return std::optional<Address>();
  };
  CHECK(outside("192.0.2.10") == parse_address("203.0.113.10"));
  CHECK(outside("192.0.2.11") == std::nullopt);
  const auto port = std::find_if(d.nats.begin(), d.nats.end(), [](const Nat& n) {
    return n.kind == Nat::Kind::source && n.to == parse_address("203.0.113.12");
  });
  REQUIRE(port != d.nats.end());
  CHECK(port->match.box.source_ports == PortSet::single(Port(8443)));
  CHECK(port->to_ports == PortRange::single(Port(443)));
}

TEST_CASE("policies of junos-host stand beside what a zone admits") {
  const Device d = read(
      "set security zones security-zone a interfaces ge-0/0/0.0 host-inbound-traffic system-services ssh\n"
      "set security policies from-zone a to-zone junos-host policy p match source-address 198.51.100.64/32\n"
      "set security policies from-zone a to-zone junos-host policy p match destination-address any\n"
      "set security policies from-zone a to-zone junos-host policy p match application any\n"
      "set security policies from-zone a to-zone junos-host policy p then deny\n"
      "set security policies frobnicate\n");
  CHECK(d.coverage.not_understood == 1);
  const auto fate = [&](const char* from, std::uint16_t port) {
    const std::string a = ask::way(d, packet(from, kWeb, Protocol::tcp, port), "a", "a", Way::to_device);
    return a.substr(0, a.find(' '));
  };
  CHECK(fate("198.51.100.64", 22) == "deny");
  CHECK(fate("198.51.100.65", 22) == "undetermined");
  CHECK(fate("198.51.100.65", 80) == "deny");
}

TEST_CASE("more interfaces than can be told apart: a filter of one of them leaves all of them open") {
  std::string text = "set firewall family inet filter NO term a then discard\n";
  for (int i = 0; i < 300; ++i)
    text += fmt::format("set interfaces ge-0/0/{} unit 0 family inet filter input NO\n", i);
  const Device d = read(text);
  CHECK(d.interfaces.size() == 300);
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::tcp, 80), "ge-0/0/1.0", "ge-0/0/2.0").starts_with("deny"));
  CHECK(d.stages.back().ingress.empty());
  CHECK(d.lists[d.stages.back().lists[0]].entries[0].undecided == "on which interfaces it stands is not known");
}

TEST_CASE("longest match") {
  using junos::ListedPrefix;
  const auto p = [](const char* text, bool except = false) {
    return ListedPrefix{parse_prefix(text).value(), except};
  };
  CHECK(to_string(junos::longest_match({p("0.0.0.0/0"), p("128.0.0.0/1", true)})) == "0.0.0.0/1");
  CHECK(to_string(junos::longest_match(
                      {p("10.0.0.0/8", true), p("10.1.0.0/16"), p("10.1.1.0/24", true), p("10.1.1.1/32")}))
            .find("10.1.1.1") != std::string::npos);
  CHECK(junos::longest_match({p("::/0"), p("ffff::/16", true)}).contains(parse_address("fffe::1").value()));
  CHECK(!junos::longest_match({p("::/0"), p("ffff::/16", true)}).contains(parse_address("ffff::1").value()));
  CHECK(junos::longest_match({p("0.0.0.0/0", true), p("::/0", true)}).empty());
  CHECK(junos::longest_match({p("0.0.0.0/0"), p("::/0")}) == AddressSet::all());
}

TEST_CASE("SRX: zones, policies, the default, and what the device takes itself") {
  const Device d = read(samples::kSrxHierarchy);
  CHECK(d.replies_implied);
  CHECK(d.coverage.not_understood == 0);
  CHECK(ask::counted(d.coverage) == ask::lines_not_blank(samples::kSrxHierarchy));
  const auto through = [&](const char* from, const char* to, Protocol protocol, std::uint16_t port, const char* in,
                           const char* out) {
    const std::string a = ask::way(d, packet(from, to, protocol, port), in, out);
    return a.substr(0, a.find(' '));
  };
  CHECK(d.interfaces[*d.find_interface("dmz")].name == "ge-0/0/1.0");
  CHECK(through(kOut, kWeb, Protocol::tcp, 443, "untrust", "dmz") == "permit");
  CHECK(through(kOut, "192.0.2.21", Protocol::tcp, 8085, "untrust", "dmz") == "permit");
  CHECK(through(kOut, "192.0.2.12", Protocol::tcp, 443, "untrust", "dmz") == "deny");
  CHECK(through(kOut, "192.0.2.12", Protocol::tcp, 25, "untrust", "dmz") == "undetermined");  // the name's address
  CHECK(through(kOut, "192.0.2.33", Protocol::tcp, 1433, "office", "dmz") == "permit");
  CHECK(through(kOut, "192.0.2.33", Protocol::udp, 1434, "office", "dmz") == "permit");
  CHECK(through(kOut, "192.0.2.33", Protocol::udp, 1433, "office", "dmz") == "deny");
  CHECK(through(kOut, "192.0.2.11", Protocol::tcp, 22, "office", "dmz") == "permit");
  CHECK(through(kOut, kWeb, Protocol::tcp, 22, "office", "dmz") == "deny");
  CHECK(through(kWeb, kOut, Protocol::tcp, 443, "dmz", "untrust") == "deny");
  CHECK(through(kWeb, "192.0.2.11", Protocol::tcp, 443, "dmz", "dmz") == "deny");  // within a zone too
  CHECK(through(kWeb, kOut, Protocol::tcp, 443, "ge-0/0/3.0", "untrust") == "deny");
  CHECK(ask::way(d, icmp(kWeb, kOut, 8), "dmz", "untrust").starts_with("permit"));
  CHECK(ask::way(d, icmp(kOut, kWeb, 8), "untrust", "dmz").starts_with("deny"));
  const auto to_device = [&](Protocol protocol, std::uint16_t port, const char* in) {
    const std::string a = ask::way(d, packet(kOut, "192.0.2.1", protocol, port), in, in, Way::to_device);
    return a.substr(0, a.find(' '));
  };
  CHECK(to_device(Protocol::tcp, 22, "office") == "permit");
  CHECK(to_device(Protocol::tcp, 23, "office") == "deny");
  CHECK(to_device(Protocol::tcp, 179, "office") == "permit");
  CHECK(to_device(Protocol::tcp, 9999, "office") == "undetermined");
  CHECK(to_device(Protocol::tcp, 22, "dmz") == "deny");
  CHECK(to_device(Protocol::tcp, 22, "untrust") == "deny");
  CHECK(ask::way(d, icmp(kOut, "192.0.2.1", 8), "dmz", "dmz", Way::to_device).starts_with("permit"));
  REQUIRE(d.nats.size() == 2);
  CHECK(d.nats[0].kind == Nat::Kind::source);
  CHECK(!d.nats[0].to);
  CHECK(to_string(*d.nats[1].to) == "192.0.2.10");
  CHECK(to_string(*d.nats[1].to_ports) == "8443");
  CHECK(to_string(d.nats[1].match.box) == "any > 203.0.113.3 ip/443 in 0");
  for (const NamedObject& o : d.objects)
    if (o.name == "unused") CHECK(o.uses == 0);
}

TEST_CASE("SRX with filters beside: replies are said by state, not for the whole device") {
  const Device d = read(
      "set interfaces ge-0/0/0 unit 0 family inet filter input F\nset interfaces ge-0/0/1 unit 0 family inet\n"
      "set firewall family inet filter F term a from protocol tcp\n"
      "set security zones security-zone a interfaces ge-0/0/0\nset security zones security-zone b interfaces "
      "ge-0/0/1\n"
      "set security policies from-zone a to-zone b policy p match source-address any\n"
      "set security policies from-zone a to-zone b policy p match destination-address any\n"
      "set security policies from-zone a to-zone b policy p match application any\n"
      "set security policies from-zone a to-zone b policy p then permit\n");
  CHECK(!d.replies_implied);
  ConcretePacket back = packet(kWeb, kOut, Protocol::tcp, 40000, 80);
  CHECK(ask::way(d, back, "b", "a").starts_with("deny"));
  back.context.state = ConnectionState::established;
  CHECK(ask::way(d, back, "b", "a").starts_with("permit"));
  CHECK(ask::way(d, packet(kOut, kWeb, Protocol::udp, 53), "a", "b").starts_with("deny"));  // by the filter
}

TEST_CASE("every cut and mutation is read, and every line is accounted for") {
  for (const char* sample :
       {samples::kJunosHierarchy, samples::kJunosSet, samples::kSrxHierarchy, samples::kSrxSet})
    ask::mangle(sample, 7, 300, [](const std::string& text) {
      CAPTURE(text);
      const Result<Device> d = read_configuration(Source("edge.conf", text), Dialect::junos);
      if (d) REQUIRE(ask::counted(d->coverage) == ask::lines_not_blank(text));
    });
}

TEST_CASE("a cut filter is not taken for a whole one") {
  const std::string_view sample = samples::kJunosHierarchy;
  const std::size_t at = sample.find("term back");
  const Device d = read(std::string(sample.substr(0, at)));
  CHECK(ask::list(d, "OUTSIDE-IN", packet(kOut, kWeb, Protocol::tcp, 25)).starts_with("undetermined"));
  CHECK(ask::list(d, "OUTSIDE-IN", packet(kOut, kWeb, Protocol::tcp, 443)).starts_with("permit"));
}

}  // namespace
}  // namespace demarc
