#include "tests/rules/acl/readers/router_reader_test.h"

namespace demarc::testing {
namespace {

Device read(std::string text) { return read_as(Dialect::arista_eos, std::move(text)); }

const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";

const std::string kSample =
    "! Command: show running-config\n"
    "! device: leaf1 (DCS-7050SX3, EOS-4.28.3M)\n"
    "hostname leaf1\n"
    "ip access-list OUTSIDE-IN\n"
    "   counters per-entry\n"
    "   10 remark the web farm\n"
    "   20 permit tcp any host 192.0.2.10 eq www https\n"
    "   30 permit tcp any any established\n"
    "   40 permit icmp any any echo\n"
    "   50 deny ip any any log\n"
    "!\n"
    "ip access-list standard STAFF\n"
    "   10 permit 192.0.2.0/26\n"
    "   20 permit host 198.51.100.9\n"
    "!\n"
    "ipv6 access-list V6\n"
    "   10 permit tcp any host 2001:db8:d::10 eq https\n"
    "!\n"
    "traffic-policies\n"
    "   field-set ipv4 prefix BOGONS\n"
    "      203.0.113.128/25 198.51.100.66/32\n"
    "   field-set l4-port BAD\n"
    "      135-139, 445\n"
    "   traffic-policy EDGE\n"
    "      match BOGUS ipv4\n"
    "         source prefix field-set BOGONS\n"
    "         actions\n"
    "            drop\n"
    "      match SMB ipv4\n"
    "         protocol tcp destination port field-set BAD\n"
    "         actions\n"
    "            count SMB\n"
    "            drop\n"
    "      match ipv4-all-default ipv4\n"
    "      match ipv6-all-default ipv6\n"
    "         actions\n"
    "            drop\n"
    "!\n"
    "interface Ethernet1\n"
    "   no switchport\n"
    "   ip address 203.0.113.1/29\n"
    "   ip access-group OUTSIDE-IN in\n"
    "!\n"
    "interface Ethernet2\n"
    "   no switchport\n"
    "   ip address 192.0.2.1/26\n"
    "   traffic-policy input EDGE\n"
    "!\n"
    "interface Ethernet3\n"
    "   switchport access vlan 30\n"
    "   ip access-group OUTSIDE-IN in\n"
    "!\n"
    "interface Vlan30\n"
    "   ip address 192.0.2.129/26\n"
    "!\n"
    "management ssh\n"
    "   ip access-group STAFF in\n"
    "!\n";

TEST_CASE("EOS: an entry matches what EOS says it matches") {
  ConcretePacket ack = packet(kOut, kWeb, Protocol::tcp, 80);
  ack.context.flags = tcp_flag::ack;
  const EntryRow rows[] = {
      {"permit tcp any 192.0.2.0/24 eq www https", packet(kOut, kWeb, Protocol::tcp, 443), "permit 2"},
      {"permit tcp any 192.0.2.0 0.0.0.255 eq ssh", packet(kOut, kWeb, Protocol::tcp, 22), "permit 2"},
      {"permit udp any any eq snmp", packet(kOut, kWeb, Protocol::udp, 161), "permit 2"},
      {"permit tcp any any eq gnmi", packet(kOut, kWeb, Protocol::tcp, 6030), "permit 2"},
      {"permit vrrp any any", packet(kOut, kWeb, Protocol::vrrp, 0), "permit 2"},
      {"permit tcp any any established", ack, "permit 2"},
      {"permit tcp any any syn", ack, "deny 3"},
      {"permit ip any any tracked", packet(kOut, kWeb, Protocol::tcp, 80), "undetermined 2"},
      {"permit tcp any any eq bgp ttl eq 255", packet(kOut, kWeb, Protocol::tcp, 179), "undetermined 2"},
      {"permit tcp any any eq www [match 12 packets, 0:01:02 ago]", packet(kOut, kWeb, Protocol::tcp, 80),
       "permit 2"},
      {"permit tcp any any eq www log [match 12, 11 days, 0:01:02 ago]", packet(kOut, kWeb, Protocol::tcp, 80),
       "permit 2"},
  };
  check_entries(Dialect::arista_eos, rows, "ip access-list L\n   10 {}\n   20 {} ip any any\n");
}

TEST_CASE("EOS: a list that is applied and not defined decides nothing") {
  // That such a reference is taken, EOS 4.25.0F tells ("a configuration option which provides a CLI error if a
  // reference is made to an unconfigured policy"); what it then does, no document found says.
  const Device d = read(
      "interface Ethernet1\n   no switchport\n   ip address 198.51.100.1/24\n   ip access-group NONE in\n"
      "interface Ethernet2\n   no switchport\n   ip address 192.0.2.1/24\n");
  CHECK(through(d, packet(kOut, kWeb, Protocol::tcp, 80), "Ethernet1", "Ethernet2") == "undetermined");
  CHECK(render(d.diagnostics).find("what that does is not known") != std::string::npos);
}

TEST_CASE("EOS: a whole configuration decides as the switch does") {
  const Device d = read(kSample);
  CHECK(d.coverage.not_understood == 0);
  CHECK(ask::counted(d.coverage) == ask::lines_not_blank(kSample));
  CHECK(d.diagnostics.all().empty());
  const auto in = [&](const char* from, Protocol protocol, std::uint16_t port, const char* at = "Ethernet1") {
    return through(d, packet(from, kWeb, protocol, port), at, "Ethernet2");
  };
  CHECK(in(kOut, Protocol::tcp, 443) == "permit");
  CHECK(in(kOut, Protocol::tcp, 25) == "deny");
  // The traffic policy drops by field-sets and permits the rest.
  CHECK(in(kWeb, Protocol::tcp, 445, "Ethernet2") == "deny");
  CHECK(in(kWeb, Protocol::udp, 445, "Ethernet2") == "permit");
  CHECK(in("203.0.113.200", Protocol::tcp, 80, "Ethernet2") == "deny");
  CHECK(through(d, packet("2001:db8::1", "2001:db8::2", Protocol::tcp, 80), "Ethernet2", "Ethernet1") == "deny");
  // A list on a switched port: some of what comes by the VLAN's interface meets it.
  CHECK(in(kOut, Protocol::tcp, 25, "Vlan30") == "undetermined");
  CHECK(in(kOut, Protocol::tcp, 443, "Vlan30") == "permit");
  // To the switch itself: its service lists, and what the default list of the control plane permits everywhere.
  const auto to_switch = [&](const char* from, Protocol protocol, std::uint16_t port) {
    return through(d, packet(from, "192.0.2.1", protocol, port), "Ethernet2", "Ethernet2", Way::to_device);
  };
  CHECK(to_switch("192.0.2.9", Protocol::tcp, 22) == "permit");
  CHECK(to_switch(kOut, Protocol::tcp, 22) == "deny");
  CHECK(to_switch(kOut, Protocol::udp, 161) == "permit");
  CHECK(to_switch(kOut, Protocol::tcp, 9999) == "undetermined");
  for (const NamedObject& o : d.objects) CHECK(o.uses == 1);
}

TEST_CASE("EOS: another list on the control plane takes the default one's place") {
  const Device d = read(
      "ip access-list CP\n   10 permit tcp any any eq bgp\ninterface Ethernet1\n   no switchport\n"
      "   ip address 192.0.2.1/24\ncontrol-plane\n   ip access-group CP in\n");
  const auto to_switch = [&](std::uint16_t port) {
    return through(d, packet(kOut, "192.0.2.1", Protocol::tcp, port), "Ethernet1", "Ethernet1", Way::to_device);
  };
  CHECK(to_switch(179) == "permit");
  CHECK(to_switch(22) == "deny");
}

TEST_CASE("EOS: IPv6 lists end in deny, and neighbour discovery before it is not decided") {
  const Device d = read(kSample);
  CHECK(decide(d, "V6", packet("2001:db8::1", "2001:db8:d::10", Protocol::tcp, 443)) == "permit 17");
  CHECK(decide(d, "V6", packet("2001:db8::1", "2001:db8:d::10", Protocol::tcp, 80)) == "deny end");
  CHECK(decide(d, "V6", icmp("2001:db8::1", "2001:db8:d::10", 135, 0)) == "undetermined 0");
}

TEST_CASE("EOS: show ip access-lists has counters, and the control plane's list") {
  const Device d = read(
      "IP Access List default-control-plane-acl [readonly]\n        counters per-entry\n"
      "        10 permit icmp any any\n"
      "        20 permit ip any any tracked [match 482 packets, 0:35:48 ago]\n"
      "        80 permit tcp any any eq ssh telnet www snmp bgp https msdp ldp netconf-ssh gnmi [match 3 packets, "
      "0:39:06 ago]\n        Total rules configured: 3\n");
  REQUIRE(d.lists.size() == 1);
  CHECK(d.lists[0].name == "default-control-plane-acl");
  CHECK(!d.lists[0].entries[0].packets);
  CHECK(d.lists[0].entries[1].packets == 482);
  CHECK(d.lists[0].entries[2].packets == 3);
  CHECK(d.coverage.not_understood == 0);
}

TEST_CASE("EOS: cut and mutated") { survives_cuts_and_mutations(Dialect::arista_eos, kSample); }

}  // namespace
}  // namespace demarc::testing
