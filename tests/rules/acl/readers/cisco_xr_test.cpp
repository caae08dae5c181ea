#include "tests/rules/acl/readers/router_reader_test.h"

namespace demarc::testing {
namespace {

Device read(std::string text) { return read_as(Dialect::cisco_xr, std::move(text)); }

const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";

const std::string kSample =
    "!! IOS XR Configuration 7.3.2\n"
    "hostname xr-edge\n"
    "object-group network ipv4 SERVERS\n"
    " host 192.0.2.10\n"
    " 192.0.2.64/26\n"
    " range 192.0.2.20 192.0.2.22\n"
    " object-group MORE\n"
    "!\n"
    "object-group network ipv4 MORE\n"
    " host 192.0.2.33\n"
    "!\n"
    "object-group port WEB\n"
    " eq www\n"
    " range 8000 8010\n"
    "!\n"
    "ipv4 access-list COMMON\n"
    " 10 deny ipv4 host 198.51.100.66 any\n"
    "!\n"
    "ipv4 access-list EDGE-IN\n"
    " 10 remark the web farm\n"
    " 20 permit tcp any net-group SERVERS port-group WEB\n"
    " 30 permit tcp any any match-all -syn +ack\n"
    " 40 permit ipv4 203.0.113.0 0.0.0.7 any nexthop1 ipv4 203.0.113.6\n"
    " 50 deny ipv4 any any log\n"
    "!\n"
    "ipv6 access-list V6\n"
    " 10 permit tcp any 2001:db8:d::/64 eq https\n"
    "!\n"
    "ipv4 access-list STAFF\n"
    " 10 permit ipv4 192.0.2.0/26 any\n"
    "!\n"
    "line default\n"
    " access-class ingress STAFF\n"
    "!\n"
    "control-plane\n"
    " management-plane\n"
    "  inband\n"
    "   interface GigabitEthernet0/0/0/1\n"
    "    allow SSH peer\n"
    "     address ipv4 192.0.2.0/26\n"
    "    !\n"
    "    allow SNMP\n"
    "   !\n"
    "  !\n"
    " !\n"
    "!\n"
    "interface MgmtEth0/RP0/CPU0/0\n"
    " ipv4 address 198.51.100.129 255.255.255.128\n"
    "!\n"
    "interface GigabitEthernet0/0/0/0\n"
    " ipv4 address 203.0.113.1 255.255.255.248\n"
    " ipv4 access-group common COMMON EDGE-IN ingress hardware-count compress level 3\n"
    " ipv6 access-group V6 ingress\n"
    "!\n"
    "interface GigabitEthernet0/0/0/1\n"
    " ipv4 address 192.0.2.1/26\n"
    " ipv4 access-group GONE egress\n"
    "!\n"
    "router static\n"
    " address-family ipv4 unicast\n"
    "  0.0.0.0/0 203.0.113.2\n"
    " !\n"
    "!\n";

TEST_CASE("IOS-XR: an entry matches what IOS-XR says it matches") {
  ConcretePacket ack = packet(kOut, kWeb, Protocol::tcp, 80);
  ack.context.flags = tcp_flag::ack;
  ConcretePacket later = packet(kOut, kWeb, Protocol::tcp, 25);
  later.context.fragment = Fragment::middle;
  const EntryRow rows[] = {
      {"permit tcp any 192.0.2.0/24 eq https", packet(kOut, kWeb, Protocol::tcp, 443), "permit 2"},
      {"permit tcp any 192.0.2.0 0.0.0.255 eq ssh", packet(kOut, kWeb, Protocol::tcp, 22), "permit 2"},
      {"permit ipv4 any any", packet(kOut, kWeb, Protocol::esp, 0), "permit 2"},
      {"permit any", packet(kOut, kWeb, Protocol::esp, 0), "permit 2"},
      {"permit 198.51.100.0 0.0.0.255", packet(kOut, kWeb, Protocol::tcp, 1), "permit 2"},
      {"permit host 198.51.100.8 log", packet(kOut, kWeb, Protocol::tcp, 1), "deny 3"},
      {"permit tcp any any match-any + rst + ack", ack, "permit 2"},
      {"permit tcp any any match-all -syn +ack", packet(kOut, kWeb, Protocol::tcp, 80), "deny 3"},
      {"permit tcp any any established", ack, "permit 2"},
      {"permit udp any any range 33434 33523", packet(kOut, kWeb, Protocol::udp, 33440), "permit 2"},
      {"permit icmp any any echo", icmp(kOut, kWeb, 8, 0), "permit 2"},
      {"permit tcp any any eq 80 counter WEB capture", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
      {"permit tcp any any eq 80 nexthop1 vrf A ipv4 203.0.113.6 nexthop2 ipv4 203.0.113.5",
       packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
      {"permit tcp any any eq 80 dscp ef", packet(kOut, kWeb, Protocol::tcp, 80), "undetermined 2"},
      {"permit tcp any any packet-length range 100 200", packet(kOut, kWeb, Protocol::tcp, 80), "undetermined 2"},
      {"deny tcp any any eq 25", later, "permit 3"},
      {"deny tcp any any fragments", later, "deny 2"},
      {"permit tcp any any eq 80 (12 matches)", packet(kOut, kWeb, Protocol::tcp, 80), "permit 2"},
  };
  check_entries(Dialect::cisco_xr, rows, "ipv4 access-list L\n 10 {}\n 20 {} ipv4 any any\n!\n");
}

TEST_CASE("IOS-XR: a whole configuration decides as the router does") {
  const Device d = read(kSample);
  CHECK(d.coverage.not_understood == 0);
  CHECK(ask::counted(d.coverage) == ask::lines_not_blank(kSample));
  const char *const kIn = "GigabitEthernet0/0/0/0", *const kDmz = "GigabitEthernet0/0/0/1";
  const auto in = [&](const char* from, const char* to, std::uint16_t port) {
    return through(d, packet(from, to, Protocol::tcp, port), kIn, kDmz);
  };
  CHECK(in(kOut, kWeb, 80) == "permit");
  CHECK(in(kOut, "192.0.2.33", 8010) == "permit");  // a group in a group
  CHECK(in(kOut, "192.0.2.21", 80) == "permit");
  CHECK(in(kOut, "192.0.2.23", 80) == "deny");
  CHECK(in("198.51.100.66", kWeb, 80) == "deny");  // by the common list
  CHECK(in("203.0.113.3", kWeb, 25) == "permit");  // and sent another way
  CHECK(decide(d, "V6", icmp("2001:db8:1::1", "2001:db8:d::12", 135, 0)) == "permit 0");
  CHECK(decide(d, "V6", icmp("2001:db8:1::1", "2001:db8:d::12", 133, 0)) == "deny end");

  const auto to_router = [&](const char* from, Protocol protocol, std::uint16_t port, const char* at) {
    return through(d, packet(from, "192.0.2.1", protocol, port), at, at, Way::to_device);
  };
  CHECK(to_router("192.0.2.9", Protocol::tcp, 22, kDmz) == "permit");
  CHECK(to_router("192.0.2.99", Protocol::tcp, 22, kDmz) == "deny");  // no peer
  CHECK(to_router("192.0.2.9", Protocol::tcp, 23, kDmz) == "deny");   // not allowed there
  CHECK(to_router("192.0.2.99", Protocol::udp, 161, kDmz) == "permit");
  CHECK(to_router("203.0.113.3", Protocol::tcp, 22, kIn) == "deny");
  CHECK(to_router("192.0.2.9", Protocol::tcp, 22, "MgmtEth0/RP0/CPU0/0") == "permit");
  CHECK(to_router("198.51.100.200", Protocol::tcp, 22, "MgmtEth0/RP0/CPU0/0") == "deny");  // the access-class
  CHECK(to_router("203.0.113.3", Protocol::tcp, 179, kIn) == "permit");
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what == "access list GONE is applied and not defined: it permits everything");
}

TEST_CASE("IOS-XR: a list without entries") {
  const Device d = read("ipv4 access-list L\n!\nipv6 access-list L6\n!\n");
  CHECK(decide(d, "L", packet(kOut, kWeb, Protocol::tcp, 25)) == "undetermined 0");  // not documented
  CHECK(decide(d, "L6", packet("2001:db8::1", "2001:db8::2", Protocol::tcp, 25)) == "permit end");
}

TEST_CASE("IOS-XR: cut and mutated") { survives_cuts_and_mutations(Dialect::cisco_xr, kSample); }

}  // namespace
}  // namespace demarc::testing
