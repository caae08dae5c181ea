#include "tests/rules/acl/readers/router_reader_test.h"

namespace demarc::testing {
namespace {

Device read(std::string text) { return read_as(Dialect::cisco_ios, std::move(text)); }

TEST_CASE("an extended entry matches what IOS says it matches") {
  struct Row {
    const char* entry;
    ConcretePacket packet;
    bool matches;
  };
  const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";
  ConcretePacket ack = packet(kOut, kWeb, Protocol::tcp, 80);
  ack.context.flags = tcp_flag::ack;
  ConcretePacket later = packet(kOut, kWeb, Protocol::tcp, 25);
  later.context.fragment = Fragment::middle;
  const Row rows[] = {
      {"permit tcp any host 192.0.2.10 eq 80", packet(kOut, kWeb, Protocol::tcp, 80), true},
      {"permit tcp any host 192.0.2.10 eq www", packet(kOut, kWeb, Protocol::tcp, 80), true},
      {"permit tcp any host 192.0.2.10 eq 80", packet(kOut, kWeb, Protocol::udp, 80), false},
      {"permit tcp any host 192.0.2.11 eq 80", packet(kOut, kWeb, Protocol::tcp, 80), false},
      {"permit tcp any any eq 25 80 443", packet(kOut, kWeb, Protocol::tcp, 443), true},
      {"permit tcp any any neq 80 443", packet(kOut, kWeb, Protocol::tcp, 443), false},
      {"permit tcp any any neq 80 443", packet(kOut, kWeb, Protocol::tcp, 25), true},
      {"permit tcp any gt 1023 any eq 80", packet(kOut, kWeb, Protocol::tcp, 80, 1023), false},
      {"permit tcp any gt 1023 any eq 80", packet(kOut, kWeb, Protocol::tcp, 80, 1024), true},
      {"permit tcp any any lt 80", packet(kOut, kWeb, Protocol::tcp, 80), false},
      {"permit tcp any any range 90 80", packet(kOut, kWeb, Protocol::tcp, 85), true},
      {"permit udp any any eq snmp", packet(kOut, kWeb, Protocol::udp, 161), true},
      {"permit udp any any eq syslog", packet(kOut, kWeb, Protocol::udp, 514), true},
      {"permit ip any any", packet(kOut, kWeb, Protocol::esp, 0), true},
      {"permit 50 any any", packet(kOut, kWeb, Protocol::esp, 0), true},
      {"permit tcp 198.51.100.0 0.0.0.255 any", packet(kOut, kWeb, Protocol::tcp, 1), true},
      {"permit tcp 198.51.100.99 0.0.0.255 any", packet(kOut, kWeb, Protocol::tcp, 1), true},  // an unaligned base
      {"permit tcp 198.51.100.1 0.0.0.254 any", packet(kOut, kWeb, Protocol::tcp, 1), true},   // odd hosts
      {"permit tcp 198.51.100.0 0.0.0.254 any", packet(kOut, kWeb, Protocol::tcp, 1), false},  // even hosts
      {"permit tcp any any established", packet(kOut, kWeb, Protocol::tcp, 80), false},
      {"permit tcp any any established", ack, true},
      {"permit tcp any any syn", packet(kOut, kWeb, Protocol::tcp, 80), true},
      {"permit tcp any any match-all +syn -ack", packet(kOut, kWeb, Protocol::tcp, 80), true},
      {"permit tcp any any match-all +syn -ack", ack, false},
      {"permit tcp any any match-any +fin +ack", ack, true},
      {"permit icmp any any echo", icmp(kOut, kWeb, 8, 0), true},
      {"permit icmp any any 3 4", icmp(kOut, kWeb, 3, 4), true},
      {"permit icmp any any 3 4", icmp(kOut, kWeb, 3, 1), false},
      {"permit icmp any any packet-too-big", icmp(kOut, kWeb, 3, 4), true},
      {"permit icmp any any", icmp(kOut, kWeb, 13, 0), true},
      // Later fragments show no port: a permit lets them by, a deny does not stop them.
      {"permit tcp any any eq 80", later, true},
      {"deny tcp any any eq 25", later, false},
      {"deny tcp any any fragments", later, true},
      {"permit tcp any any eq 80 fragments", packet(kOut, kWeb, Protocol::tcp, 80), false},
      {"permit tcp any any eq 80 log", packet(kOut, kWeb, Protocol::tcp, 80), true},
      {"permit tcp any any eq 80 (12 matches)", packet(kOut, kWeb, Protocol::tcp, 80), true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.entry);
    const Device d = read(fmt::format("ip access-list extended L\n 10 {}\n 20 {} ip any any\n", row.entry,
                                      std::string_view(row.entry).starts_with("permit") ? "deny" : "permit"));
    CHECK(d.coverage.not_understood == 0);
    CHECK(decide(d, "L", row.packet).ends_with(row.matches ? " 2" : " 3"));
  }
}

TEST_CASE("an entry that cannot be read may do anything, and says where and why") {
  const Device d =
      read("access-list 110 deny tcp any host 192.0.2.25 eq smpt\naccess-list 110 permit tcp any any eq 25\n");
  CHECK(d.coverage.not_understood == 1);
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(render(d.diagnostics.all()[0].error, DiagnosticLevel::warning) ==
        "edge.cfg:1:49: warning: 'smpt' is neither a port number nor an IOS port name\n"
        "access-list 110 deny tcp any host 192.0.2.25 eq smpt\n"
        "                                                ^~~~ did you mean 'smtp'?\n");
  CHECK(decide(d, "110", packet("198.51.100.7", "192.0.2.25", Protocol::tcp, 25)) == "undetermined 1");
}

TEST_CASE("groups hold netmasks and other groups, wherever they are written") {
  const Device d = read(
      "ip access-list extended L\n permit object-group WEB object-group CLIENTS object-group SERVERS\n"
      "object-group service WEB\n tcp eq 443\n tcp source gt 1023 range 8000 8010\n icmp echo\n"
      "object-group network SERVERS\n host 192.0.2.10\n group-object MORE\n"
      "object-group network MORE\n 192.0.2.64 255.255.255.192\n range 192.0.2.20 192.0.2.22\n"
      "object-group network CLIENTS\n any\n");
  CHECK(d.coverage.not_understood == 0);
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.10", Protocol::tcp, 443)) == "permit 2");
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.127", Protocol::tcp, 443)) == "permit 2");
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.21", Protocol::tcp, 8005)) == "permit 2");
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.21", Protocol::tcp, 8005, 80)) == "deny end");
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.11", Protocol::tcp, 443)) == "deny end");
  CHECK(decide(d, "L", icmp("198.51.100.7", "192.0.2.10", 8, 0)) == "permit 2");
}

TEST_CASE("what is not defined is not decided, and a time range neither") {
  const Device d = read(
      "ip access-list extended L\n deny tcp object-group NOBODY any\n permit tcp any any eq 22 time-range NIGHT\n"
      " permit tcp any any eq 443\n");
  CHECK(d.coverage.in_part == 2);
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.10", Protocol::tcp, 22)) == "undetermined 2");
  CHECK(decide(d, "L", packet("198.51.100.7", "192.0.2.10", Protocol::tcp, 25)) ==
        "deny 2");  // by line 2 or by the end
  CHECK(d.lists[0].entries[1].undecided == "time-range NIGHT");
}

TEST_CASE("entries stand in the order of their numbers") {
  const Device d = read(
      "ip access-list extended L\n 20 permit tcp any any\n 10 deny tcp any any eq 25\n permit udp any any\n"
      " 15 remark mail goes through the relay\n");
  REQUIRE(d.lists[0].entries.size() == 3);
  CHECK(d.lists[0].entries[0].line == 3);
  CHECK(d.lists[0].entries[2].line == 4);
}

TEST_CASE("standard lists name sources, IPv6 lists permit neighbour discovery before their end") {
  const Device d = read(
      "access-list 10 permit 192.0.2.1\naccess-list 10 permit 198.51.100.0 0.0.0.255\naccess-list 10 deny any\n"
      "ipv6 access-list V6\n permit tcp any host 2001:DB8:D::12 eq 443\n");
  CHECK(decide(d, "10", packet("192.0.2.1", "203.0.113.1", Protocol::tcp, 22)) == "permit 1");
  CHECK(decide(d, "10", packet("198.51.100.9", "203.0.113.1", Protocol::udp, 161)) == "permit 2");
  CHECK(decide(d, "10", packet("203.0.113.9", "203.0.113.1", Protocol::tcp, 22)) == "deny 3");
  CHECK(decide(d, "V6", packet("2001:db8:1::1", "2001:db8:d::12", Protocol::tcp, 443)) == "permit 5");
  CHECK(decide(d, "V6", icmp("2001:db8:1::1", "2001:db8:d::12", 135, 0)) == "permit 0");
  CHECK(decide(d, "V6", icmp("2001:db8:1::1", "2001:db8:d::12", 134, 0)) == "deny end");
}

TEST_CASE("lists filter where they are bound; one that is not written permits everything") {
  const Device d = read(
      "hostname edge-rtr\ninterface GigabitEthernet0/0\n ip address 203.0.113.1 255.255.255.248\n"
      " ip access-group OUTSIDE-IN in\n ip access-group GONE out\n!\ninterface GigabitEthernet0/1\n"
      " ip address 192.0.2.1 255.255.255.192\n!\nip access-list extended OUTSIDE-IN\n permit tcp any any eq 443\n"
      "line vty 0 4\n access-class 10 in\naccess-list 10 permit 192.0.2.0 0.0.0.63\n");
  CHECK(d.name == "edge-rtr");
  REQUIRE(d.interfaces.size() == 2);
  CHECK(to_string(d.interfaces[0].networks[0]) == "203.0.113.0/29");
  Decider decider(d);
  const auto through = [&](std::uint16_t port, InterfaceId in, InterfaceId out, Way way = Way::through) {
    ConcretePacket p =
        packet("198.51.100.7", way == Way::through ? "192.0.2.10" : "203.0.113.1", Protocol::tcp, port);
    p.context.ingress = in, p.context.egress = out;
    return std::string(name(decider.decide(PacketQuestion::of(p, way)).fate));
  };
  CHECK(through(443, 0, 1) == "permit");
  CHECK(through(80, 0, 1) == "deny");
  CHECK(through(80, 1, 0) == "permit");
  CHECK(through(443, 0, 0, Way::to_device) == "permit");
  CHECK(through(22, 1, 0, Way::to_device) == "deny");  // by the access class: the source is not in list 10
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what == "access list GONE is applied and not defined: it permits everything");
}

TEST_CASE("show access-lists adds its counters") {
  const Device d = read(
      "ip access-list extended L\n permit tcp any any eq 443\n deny ip any any\n"
      "Extended IP access list L\n    10 permit tcp any any eq 443 (1204 matches)\n    20 deny ip any any (7 "
      "matches)\n"
      "Standard IP access list 10\n    10 permit 192.0.2.0, wildcard bits 0.0.0.255 (3 matches)\n");
  REQUIRE(d.lists.size() == 2);
  REQUIRE(d.lists[0].entries.size() == 2);
  CHECK(d.lists[0].entries[0].packets == 1204);
  CHECK(d.lists[0].entries[0].line == 2);
  CHECK(d.lists[0].entries[1].packets == 7);
  CHECK(decide(d, "10", packet("192.0.2.77", "203.0.113.1", Protocol::tcp, 22)) == "permit 8");
}

TEST_CASE("every line has a state of understanding") {
  const Device d = read(
      "version 15.7\nhostname r\n!\nfrobnicate the filter\n of everything\nzone-pair security A source IN "
      "destination OUT\n"
      " service-policy type inspect P\nip route 0.0.0.0 0.0.0.0 203.0.113.2\n");
  CHECK(d.coverage.understood == 2);
  CHECK(d.coverage.not_filtering == 4);
  CHECK(d.coverage.not_understood == 2);
  CHECK(d.lines.size() == 2);
  CHECK(d.lines[0].line == 4);
}

}  // namespace
}  // namespace demarc::testing
