#include "tests/rules/acl/readers/router_reader_test.h"

namespace demarc::testing {
namespace {

Device read(std::string text) { return read_as(Dialect::cisco_nxos, std::move(text)); }

const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";

const std::string kSample =
    "!Command: show running-config\n"
    "version 9.3(5) Bios:version\n"
    "hostname n9k-dmz\n"
    "feature interface-vlan\n"
    "object-group ip address WEB\n"
    "  10 host 192.0.2.10\n"
    "  20 192.0.2.64/26\n"
    "object-group ip port SAFE\n"
    "  10 eq 443\n"
    "  20 range 8000 8010\n"
    "object-group ipv6 address WEB6\n"
    "  10 host 2001:db8:d::10\n"
    "ip access-list OUTSIDE-IN\n"
    "  statistics per-entry\n"
    "  10 remark the web farm\n"
    "  20 permit tcp any addrgroup WEB portgroup SAFE log\n"
    "  30 permit tcp any any established\n"
    "  40 permit tcp 198.51.100.0 0.0.0.255 192.0.2.10/32 eq www time-range NIGHT\n"
    "  50 deny ip any any fragments\n"
    "ipv6 access-list V6-IN\n"
    "  10 permit tcp any addrgroup WEB6 eq 443\n"
    "ip access-list VTY\n"
    "  10 permit ip 192.0.2.0/26 any\n"
    "ip access-list NOISE\n"
    "  10 permit udp any any eq 1434\n"
    "ip access-list REST\n"
    "  10 permit ip any any\n"
    "vlan access-map CLEAN 10\n"
    "  match ip address NOISE\n"
    "  action drop\n"
    "vlan access-map CLEAN 20\n"
    "  match ip address REST\n"
    "  action forward\n"
    "vlan filter CLEAN vlan-list 10,20-21\n"
    "time-range NIGHT\n"
    "  10 periodic daily 22:00:00 to 23:00:00\n"
    "interface Vlan10\n"
    "  no shutdown\n"
    "  ip address 192.0.2.1/26\n"
    "interface Ethernet1/1\n"
    "  no switchport\n"
    "  ip address 203.0.113.1/29\n"
    "  ip access-group OUTSIDE-IN in\n"
    "  ipv6 traffic-filter V6-IN in\n"
    "interface Ethernet1/2\n"
    "  switchport access vlan 10\n"
    "  ip port access-group NOISE in\n"
    "interface mgmt0\n"
    "  ip address 198.51.100.130/25\n"
    "  ip access-group GONE in\n"
    "line vty\n"
    "  access-class VTY in\n";

TEST_CASE("NX-OS: an entry matches what NX-OS says it matches") {
  ConcretePacket ack = packet(kOut, kWeb, Protocol::tcp, 80);
  ack.context.flags = tcp_flag::ack;
  ConcretePacket both = ack;
  both.context.flags = tcp_flag::ack | tcp_flag::syn;
  ConcretePacket later = packet(kOut, kWeb, Protocol::tcp, 25);
  later.context.fragment = Fragment::middle;
  const EntryRow rows[] = {
      {"permit tcp any 192.0.2.0/24 eq 80", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
      {"permit tcp any 192.0.2.10/32 eq www", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
      {"permit tcp any 192.0.2.99/24 eq www", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
      {"permit tcp 198.51.100.1 0.0.0.254 any", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
      {"permit tcp 198.51.100.0 0.0.0.254 any", packet(kOut, kWeb, Protocol::tcp, 80), "deny 3"},
      {"permit udp any any neq 53", packet(kOut, kWeb, Protocol::udp, 53), "deny 3"},
      {"permit tcp any any range 20 21", packet(kOut, kWeb, Protocol::tcp, 21), "permit 2"},
      {"permit tcp any any established", ack, "permit 2"},
      {"permit tcp any any established", packet(kOut, kWeb, Protocol::tcp, 80), "deny 3"},
      {"permit tcp any any ack", ack, "permit 2"},
      {"permit tcp any any syn ack", both, "permit 2"},
      {"permit tcp any any syn ack", ack, "undetermined 2"},  // any or all of them: it is not said
      {"permit icmp any any echo", icmp(kOut, kWeb, 8, 0), "permit 2"},
      {"permit icmp any any 3 4", icmp(kOut, kWeb, 3, 1), "deny 3"},
      {"permit icmp any any unreachable", icmp(kOut, kWeb, 3, 1), "permit 2"},
      {"deny tcp any any eq 25", later, "permit 3"},
      {"permit tcp any any eq 80", later, "permit 2"},
      {"permit ip any any packet-length gt 1000", packet(kOut, kWeb, Protocol::tcp, 80), "undetermined 2"},
      {"permit tcp any any eq 80 [match=12]", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
  };
  check_entries(Dialect::cisco_nxos, rows, "ip access-list L\n  10 {}\n  20 {} ip any any\n");
}

TEST_CASE("NX-OS: a whole configuration decides as the switch does") {
  const Device d = read(kSample);
  CHECK(d.name == "n9k-dmz");
  CHECK(d.coverage.not_understood == 0);
  CHECK(ask::counted(d.coverage) == ask::lines_not_blank(kSample));
  const auto in = [&](std::uint16_t port) {
    return through(d, packet(kOut, kWeb, Protocol::tcp, port), "Ethernet1/1", "Vlan10");
  };
  CHECK(in(443) == "permit");
  CHECK(in(8005) == "permit");
  CHECK(in(25) == "deny");
  CHECK(in(80) == "undetermined");  // the time range
  CHECK(d.objects.size() == 3);
  for (const NamedObject& o : d.objects) CHECK(o.uses == 1);

  // IPv6: what is written, and neighbour and router discovery before the end.
  CHECK(decide(d, "V6-IN", packet("2001:db8:1::1", "2001:db8:d::10", Protocol::tcp, 443)) == "permit 21");
  CHECK(decide(d, "V6-IN", icmp("2001:db8:1::1", "2001:db8:d::10", 134, 0)) == "permit 0");
  CHECK(decide(d, "V6-IN", icmp("2001:db8:1::1", "2001:db8:d::10", 128, 0)) == "deny end");

  // The map of the VLAN drops in both directions, outside of the router's lists.
  CHECK(through(d, packet(kWeb, kOut, Protocol::udp, 1434), "Vlan10", "Ethernet1/1") == "deny");
  CHECK(through(d, packet(kWeb, kOut, Protocol::udp, 53), "Vlan10", "Ethernet1/1") ==
        "undetermined");  // a port's list
  CHECK(through(d, packet("2001:db8::1", "2001:db8::2", Protocol::udp, 53), "Vlan10", "Ethernet1/1") ==
        "undetermined");
  CHECK(through(d, packet(kOut, "203.0.113.1", Protocol::tcp, 22), "mgmt0", "mgmt0", Way::to_device) == "deny");
  CHECK(through(d, packet("192.0.2.9", "192.0.2.1", Protocol::tcp, 22), "mgmt0", "mgmt0", Way::to_device) ==
        "permit");
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what == "access list GONE is applied and not defined: it permits everything");
}

TEST_CASE("NX-OS: the list says what becomes of later fragments that no entry decided") {
  ConcretePacket later = packet(kOut, kWeb, Protocol::udp, 53);
  later.context.fragment = Fragment::last;
  ConcretePacket tcp = later;
  tcp.packet.protocol = Protocol::tcp;
  const std::string entries = "  10 permit tcp any any eq 80\n";
  CHECK(decide(read("ip access-list L\n" + entries), "L", later) == "deny end");
  CHECK(decide(read("ip access-list L\n  fragments permit-all\n" + entries), "L", later) == "permit 2");
  CHECK(decide(read("ip access-list L\n  fragments deny-all\n" + entries), "L", later) == "deny 2");
  CHECK(decide(read("ip access-list L\n  fragments deny-all\n" + entries), "L", tcp) == "undetermined 3");
  CHECK(decide(read("ip access-list L\n  fragments permit-all\n" + entries), "L", tcp) == "permit 3");
}

TEST_CASE("NX-OS: show access-lists has counters") {
  const Device d = read(
      "IP access list OUTSIDE-IN\n        statistics per-entry \n        10 permit tcp any 192.0.2.10/32 eq 443 "
      "[match=1204] \n        20 deny ip any any [match=0] \n");
  REQUIRE(d.lists.size() == 1);
  CHECK(d.lists[0].entries[0].packets == 1204);
  CHECK(d.lists[0].entries[1].packets == 0);
  CHECK(d.coverage.not_understood == 0);
}

TEST_CASE("NX-OS: what is not known is said, and decides nothing") {
  const Device d = read(
      "ip access-list L\n  10 deny tcp any any eq smpt\n  20 permit ip any addrgroup NOBODY\n  30 permit ip any "
      "any\n"
      "ip access-list EMPTY\n");
  CHECK(d.coverage.not_understood == 1);
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what == "'smpt' is neither a port number nor an NX-OS port name");
  CHECK(d.diagnostics.all()[0].error.hint == "did you mean 'smtp'?");
  CHECK(decide(d, "L", packet(kOut, kWeb, Protocol::tcp, 25)) == "undetermined 2");
  CHECK(d.lists[0].entries[1].undecided == "object-group NOBODY is not defined");
  CHECK(decide(d, "EMPTY", packet(kOut, kWeb, Protocol::tcp, 25)) == "undetermined 0");
}

TEST_CASE("NX-OS: cut and mutated") { survives_cuts_and_mutations(Dialect::cisco_nxos, kSample); }

}  // namespace
}  // namespace demarc::testing
