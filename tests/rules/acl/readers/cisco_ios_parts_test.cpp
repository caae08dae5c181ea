// What stands around IOS's lists: address translation, inspection, zones, reverse path checks, who may log in.
#include "tests/rules/acl/readers/router_reader_test.h"

namespace demarc::testing {
namespace {

Device read(std::string text) { return read_as(Dialect::cisco_ios, std::move(text)); }

const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";

const std::string kInterfaces =
    "interface Gi0\n ip address 203.0.113.1 255.255.255.248\ninterface Gi1\n ip address 192.0.2.1 255.255.255.0\n";

ConcretePacket reply(const char* from, const char* to, Protocol protocol, std::uint16_t from_port,
                     std::uint16_t to_port) {
  ConcretePacket p = packet(from, to, protocol, to_port, from_port);
  p.context.state = ConnectionState::established;
  p.context.flags = protocol == Protocol::tcp ? tcp_flag::ack : std::uint8_t{0};
  return p;
}

TEST_CASE("IOS: static translations, and which addresses lists see") {
  const Device d = read(
      "interface Gi0\n ip address 203.0.113.1 255.255.255.248\n ip nat outside\n ip access-group IN in\n"
      " ip access-group OUT out\ninterface Gi1\n ip address 192.0.2.1 255.255.255.0\n ip nat inside\n"
      " ip access-group DMZ in\nip access-list extended IN\n permit ip any any\nip access-list extended OUT\n"
      " permit ip any any\nip access-list extended DMZ\n permit ip any any\n"
      "ip nat inside source static tcp 192.0.2.10 443 203.0.113.3 8443 extendable\n"
      "ip nat inside source static 192.0.2.11 203.0.113.4\n"
      "ip nat inside source static tcp 192.0.2.12 25 interface Gi0 25\n"
      "ip nat inside source list 7 interface Gi0 overload\naccess-list 7 permit 192.0.2.0 0.0.0.255\n");
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.coverage.in_part == 0);
  REQUIRE(d.nats.size() == 7);
  CHECK(d.nats[0].kind == Nat::Kind::source);
  CHECK(to_string(d.nats[0].match.box.sources) == "192.0.2.10");
  CHECK(to_string(d.nats[0].match.box.source_ports) == "443");
  CHECK(d.nats[0].match.box.egress.contains(0));
  CHECK(!d.nats[0].match.box.egress.contains(1));
  CHECK(d.nats[0].to == parse_address("203.0.113.3"));
  CHECK(d.nats[0].to_ports == PortRange::single(Port(8443)));
  CHECK(d.nats[1].kind == Nat::Kind::destination);
  CHECK(to_string(d.nats[1].match.box.destinations) == "203.0.113.3");
  CHECK(to_string(d.nats[1].match.box.ports) == "8443");
  CHECK(d.nats[1].match.box.ingress.contains(0));
  CHECK(d.nats[1].to == parse_address("192.0.2.10"));
  CHECK(d.nats[1].to_ports == PortRange::single(Port(443)));
  CHECK(d.nats[5].to == parse_address("192.0.2.12"));
  CHECK(to_string(d.nats[5].match.box.destinations) == "203.0.113.1");
  CHECK(to_string(d.nats[6].match.box.sources) == "192.0.2.0/24");
  CHECK(d.nats[6].to == parse_address("203.0.113.1"));
  for (const Stage& s : d.stages) {
    CAPTURE(s.name);
    CHECK(s.real_destination == (s.name != "IN in on Gi0"));
    CHECK(s.real_source == (s.name != "OUT out on Gi0"));
  }
}

TEST_CASE("IOS: a network is translated address by address, and one that is too large is said") {
  const Device d = read(
      "interface Gi0\n ip nat outside\ninterface Gi1\n ip nat inside\n"
      "ip nat inside source static network 192.0.2.64 203.0.113.64 /26\n"
      "ip nat inside source static network 10.0.0.0 11.0.0.0 255.0.0.0\n");
  REQUIRE(d.nats.size() == 128);
  CHECK(to_string(d.nats[10].match.box.sources) == "192.0.2.69");
  CHECK(d.nats[10].to == parse_address("203.0.113.69"));
  CHECK(d.diagnostics.all().size() == 1);
}

TEST_CASE("IOS: reflexive lists let back what went out") {
  const Device d = read(
      "ip access-list extended OUT\n deny tcp any any eq 25\n permit tcp 192.0.2.0 0.0.0.255 any eq 443 reflect R\n"
      "ip access-list extended IN\n evaluate R\n deny ip any any\n");
  CHECK(d.coverage.in_part == 0);
  CHECK(decide(d, "IN", reply(kOut, kWeb, Protocol::tcp, 443, 40000)) == "permit 5");
  CHECK(decide(d, "IN", reply(kOut, kWeb, Protocol::tcp, 80, 40000)) == "deny 6");
  CHECK(decide(d, "IN", packet(kOut, kWeb, Protocol::tcp, 40000, 443)) == "deny 6");  // nobody asked for it
  // What another entry lets out first leaves no mirror image.
  const Device e = read(
      "ip access-list extended OUT\n permit ip host 192.0.2.10 any\n permit tcp any any reflect R\n"
      "ip access-list extended IN\n evaluate R\n deny ip any any\n");
  CHECK(e.coverage.in_part == 1);
  CHECK(decide(e, "IN", reply(kOut, kWeb, Protocol::tcp, 443, 40000)) == "undetermined 5");
}

TEST_CASE("IOS: ip inspect opens lists for replies") {
  const std::string text =
      "ip inspect name FW tcp\nip inspect name FW ftp\ninterface Gi0\n ip address 203.0.113.1 255.255.255.248\n"
      " ip access-group IN in\n ip inspect FW out\ninterface Gi1\n ip address 192.0.2.1 255.255.255.0\n"
      "ip access-list extended IN\n deny ip any any\n";
  const Device d = read(text);
  CHECK(d.coverage.not_understood == 0);
  CHECK(through(d, reply(kOut, kWeb, Protocol::tcp, 443, 40000), "Gi0", "Gi1") == "permit");
  CHECK(through(d, packet(kOut, kWeb, Protocol::tcp, 443), "Gi0", "Gi1") == "deny");
  CHECK(through(d, reply(kOut, kWeb, Protocol::udp, 53, 40000), "Gi0", "Gi1") == "deny");
  ConcretePacket data = packet(kOut, kWeb, Protocol::tcp, 40001, 20);
  data.context.state = ConnectionState::related;
  CHECK(through(d, data, "Gi0", "Gi1") == "undetermined");
}

const std::string kZones =
    "zone security IN\nzone security OUT\nclass-map type inspect match-any WEB\n match protocol http\n"
    " match protocol https\nclass-map type inspect match-all MAIL\n match access-group name MX\n match protocol "
    "smtp\n"
    "class-map type inspect match-any DNS\n match access-group 120\n"
    "policy-map type inspect P\n class type inspect WEB\n  inspect\n class type inspect MAIL\n  drop log\n"
    " class type inspect DNS\n  inspect\n class class-default\n  drop\n"
    "zone-pair security IN-OUT source IN destination OUT\n service-policy type inspect P\n"
    "ip access-list extended MX\n permit ip host 192.0.2.25 any\naccess-list 120 deny udp host 192.0.2.66 any eq "
    "53\n"
    "access-list 120 permit udp any any eq 53\n"
    "interface Gi0\n ip address 203.0.113.1 255.255.255.248\n zone-member security OUT\n"
    "interface Gi1\n ip address 192.0.2.1 255.255.255.0\n zone-member security IN\n"
    "interface Gi2\n ip address 198.51.100.129 255.255.255.128\n"
    "interface Gi3\n ip address 192.0.2.129 255.255.255.128\n zone-member security IN\n";

TEST_CASE("IOS: between zones only what a pair's policy passes") {
  const Device d = read(kZones);
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.coverage.in_part == 0);
  const auto out = [&](const char* from, Protocol protocol, std::uint16_t port) {
    return through(d, packet(from, kOut, protocol, port), "Gi1", "Gi0");
  };
  CHECK(out(kWeb, Protocol::tcp, 80) == "permit");
  CHECK(out(kWeb, Protocol::tcp, 443) == "permit");
  CHECK(out("192.0.2.25", Protocol::tcp, 25) == "deny");
  CHECK(out(kWeb, Protocol::tcp, 22) == "deny");
  CHECK(out(kWeb, Protocol::udp, 53) == "permit");
  CHECK(out("192.0.2.66", Protocol::udp, 53) == "deny");  // the list denies it: no match, and the default drops
  // Back only what is part of an inspected conversation; nothing between a zone and an interface of none.
  CHECK(through(d, packet(kOut, kWeb, Protocol::tcp, 80), "Gi0", "Gi1") == "deny");
  CHECK(through(d, reply(kOut, kWeb, Protocol::tcp, 80, 40000), "Gi0", "Gi1") == "permit");
  CHECK(through(d, packet(kWeb, kOut, Protocol::tcp, 80), "Gi1", "Gi2") == "deny");
  CHECK(through(d, packet(kOut, kWeb, Protocol::tcp, 80), "Gi2", "Gi1") == "deny");
  CHECK(through(d, packet(kWeb, "192.0.2.130", Protocol::tcp, 445), "Gi1", "Gi3") == "permit");  // within a zone
  CHECK(through(d, packet(kOut, "203.0.113.1", Protocol::tcp, 22), "Gi0", "Gi0", Way::to_device) == "permit");
}

TEST_CASE("IOS: a pair with self guards the router") {
  const Device d =
      read(kZones +
           "policy-map type inspect ME\n class type inspect WEB\n  pass\n"
           "zone-pair security OUT-SELF source OUT destination self\n service-policy type inspect ME\n");
  const auto to_router = [&](std::uint16_t port, const char* at) {
    return through(d, packet(kOut, "203.0.113.1", Protocol::tcp, port), at, at, Way::to_device);
  };
  CHECK(to_router(443, "Gi0") == "permit");
  CHECK(to_router(22, "Gi0") == "deny");
  CHECK(to_router(22, "Gi1") == "permit");
}

TEST_CASE("IOS: what a class asks for and is not known is left open") {
  std::string text = kZones;
  text.replace(text.find("protocol https"), 14, "protocol skype");
  const Device d = read(text);
  CHECK(d.coverage.in_part == 1);
  CHECK(through(d, packet(kWeb, kOut, Protocol::tcp, 80), "Gi1", "Gi0") == "permit");
  CHECK(through(d, packet(kWeb, kOut, Protocol::tcp, 9999), "Gi1", "Gi0") == "undetermined");
}

TEST_CASE("IOS: sources that routing does not expect are dropped") {
  const std::string text =
      "interface Gi0\n ip address 203.0.113.1 255.255.255.248\n ip verify unicast source reachable-via rx "
      "allow-default\n"
      "interface Gi1\n ip address 192.0.2.1 255.255.255.0\n ip verify unicast source reachable-via rx\n";
  const std::string route = "ip route 0.0.0.0 0.0.0.0 203.0.113.2\n";
  const auto fate = [](const Device& d, const char* from, const char* in, const char* out) {
    return through(d, packet(from, kWeb, Protocol::tcp, 80), in, out);
  };
  const Device d = read(text + route);
  CHECK(d.coverage.in_part == 0);
  CHECK(fate(d, kOut, "Gi0", "Gi1") == "permit");
  CHECK(fate(d, "192.0.2.9", "Gi0", "Gi1") == "deny");  // it lives elsewhere
  CHECK(fate(d, "192.0.2.9", "Gi1", "Gi0") == "permit");
  CHECK(fate(d, kOut, "Gi1", "Gi0") == "deny");
  // A next hop that is not at hand, or an interface of another table: routes are not known.
  CHECK(fate(read(text + route + "ip route 198.51.100.0 255.255.255.0 10.9.9.9\n"), kOut, "Gi1", "Gi0") ==
        "undetermined");
  CHECK(fate(read(text + " vrf forwarding BLUE\n" + route), kOut, "Gi1", "Gi0") == "undetermined");
  // With a routing protocol, only what is connected is certain.
  const Device e = read(text + route + "router ospf 1\n network 0.0.0.0 255.255.255.255 area 0\n");
  CHECK(e.coverage.in_part == 2);
  CHECK(fate(e, kOut, "Gi0", "Gi1") == "undetermined");
  CHECK(fate(e, "192.0.2.9", "Gi0", "Gi1") == "deny");
  CHECK(fate(e, "192.0.2.9", "Gi1", "Gi0") == "permit");
}

TEST_CASE("IOS: terminal lines with other lists leave open which one decides") {
  const std::string lists =
      kInterfaces + "access-list 10 permit 192.0.2.0 0.0.0.255\naccess-list 11 permit 198.51.100.7\n";
  const auto login = [&](const std::string& lines, const char* from) {
    return through(read(lists + lines), packet(from, "192.0.2.1", Protocol::tcp, 22), "Gi1", "Gi1", Way::to_device);
  };
  CHECK(login("line vty 0 4\n access-class 10 in\n", "192.0.2.9") == "permit");
  CHECK(login("line vty 0 4\n access-class 10 in\n", kOut) == "deny");
  CHECK(login("line vty 0 4\n access-class 10 in\nline vty 5 15\n access-class 10 in\n", kOut) == "deny");
  CHECK(login("line vty 0 4\n access-class 10 in\nline vty 5 15\n access-class 11 in\n", kOut) == "undetermined");
  CHECK(login("line vty 0 4\n access-class 10 in\nline vty 5 15\n login\n", kOut) == "undetermined");
  CHECK(login("line vty 0 4\n access-class 10 in\nline vty 5 15\n transport input none\n", kOut) == "deny");
  CHECK(login("line vty 0 4\n access-class 10 in\nline vty 5 15\n login\n", "203.0.113.5") == "undetermined");
  CHECK(through(read(lists + "ip http access-class 10\n"), packet(kOut, "192.0.2.1", Protocol::tcp, 443), "Gi1",
                "Gi1", Way::to_device) == "deny");
}

TEST_CASE("IOS: what several communities' lists permit alike is certain") {
  const std::string lists =
      kInterfaces + "access-list 10 permit 192.0.2.0 0.0.0.255\naccess-list 11 permit 192.0.2.9\n";
  const auto ask = [&](const std::string& lines, const char* from) {
    return through(read(lists + lines), packet(from, "192.0.2.1", Protocol::udp, 161), "Gi1", "Gi1",
                   Way::to_device);
  };
  const std::string one = "snmp-server community S view V RO 10\n";
  CHECK(ask(one, "192.0.2.8") == "permit");
  CHECK(ask(one, kOut) == "deny");
  CHECK(ask(one + "snmp-server community T RW 11\n", "192.0.2.8") == "undetermined");
  CHECK(ask(one + "snmp-server community T RW 11\n", "192.0.2.9") == "permit");
  CHECK(ask(one + "snmp-server community T RW 11\n", kOut) == "deny");
  CHECK(ask(one + "snmp-server community T RO\n", kOut) == "undetermined");
}

TEST_CASE("IOS: groups in groups, however deep, and in circles") {
  std::string text = "ip access-list extended L\n permit ip object-group G0 any\n permit ip object-group C1 any\n";
  for (int i = 0; i < 2000; ++i) text += fmt::format("object-group network G{}\n group-object G{}\n", i, i + 1);
  text += "object-group network G2000\n host 192.0.2.10\n";
  text +=
      "object-group network C1\n group-object C2\n host 192.0.2.20\nobject-group network C2\n group-object C1\n";
  const Device d = read(text);
  CHECK(decide(d, "L", packet(kWeb, kOut, Protocol::tcp, 80)) == "permit 2");
  CHECK(decide(d, "L", packet("192.0.2.20", kOut, Protocol::tcp, 80)) == "permit 3");
  CHECK(decide(d, "L", packet("192.0.2.30", kOut, Protocol::tcp, 80)) == "undetermined 3");
  CHECK(d.lists[0].entries[0].undecided.empty());
}

TEST_CASE("IOS: what a banner says is no configuration, and a counter behind log is one") {
  const Device d = read(
      "banner motd ^C\naccess-list 110 permit ip any any\ninterface Gi9\n^C\nip access-list extended L\n"
      " permit tcp any any eq 443 log (12 matches)\n permit udp any any eq 53 time-range NIGHT (active) (3 "
      "matches)\n");
  CHECK(d.lists.size() == 1);
  CHECK(d.interfaces.empty());
  CHECK(d.lists[0].entries[0].packets == 12);
  CHECK(d.lists[0].entries[1].packets == 3);
  CHECK(d.coverage.not_understood == 0);
}

TEST_CASE("IOS: cut and mutated") {
  survives_cuts_and_mutations(
      Dialect::cisco_ios,
      kZones +
          "object-group network SERVERS\n host 192.0.2.10\n group-object MORE\nobject-group service WEB2\n tcp eq "
          "443\n"
          "ip access-list extended OUT\n 10 permit object-group WEB2 any object-group SERVERS log (3 matches)\n"
          " 20 permit tcp any any match-all +syn -ack reflect R timeout 60\n 30 evaluate R\n"
          "ipv6 access-list V6\n sequence 10 permit tcp any host 2001:DB8::1 eq 443\n"
          "ip inspect name FW tcp\ninterface Gi4\n ip access-group OUT out\n ip inspect FW in\n ip nat inside\n"
          " ip verify unicast source reachable-via any 120\nip nat inside source static tcp 192.0.2.10 443 "
          "203.0.113.3 443\n"
          "line vty 0 4\n access-class 120 in\nbanner motd ^C\nhi\n^C\n");
}

}  // namespace
}  // namespace demarc::testing
