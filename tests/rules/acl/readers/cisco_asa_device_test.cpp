// A whole ASA: what passes between interfaces, what reaches the appliance, translation, and damage to the text.
#include "tests/rules/acl/readers/asa_support.h"

namespace demarc {
namespace {

using namespace asa_support;

const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";

TEST_CASE("a whole configuration decides as the appliance would") {
  const std::string text = sample("asa_edge.cfg");
  const Device d = read(text);
  CAPTURE(open_lines(d));
  CHECK(d.name == "edge-fw1");
  CHECK(lines_counted(d) == lines_not_blank(text));
  CHECK(d.coverage.not_understood == 0);
  CHECK(d.coverage.in_part == 2);  // a name that is looked up, a time range
  CHECK(d.replies_implied);
  CHECK(d.icmp_replies_implied);
  CHECK(!d.icmp_errors_implied);
  struct Row {
    const char *in, *out;
    ConcretePacket packet;
    const char* answer;
  };
  const Row rows[] = {
      {"outside", "dmz", tcp(kOut, kWeb, 443), "permit"},
      {"outside", "dmz", tcp(kOut, kWeb, 8083), "permit"},
      {"outside", "dmz", tcp(kOut, kWeb, 8084), "deny"},
      {"outside", "dmz", tcp(kOut, "192.0.2.25", 25), "deny"},
      {"outside", "dmz", tcp("198.51.100.25", "192.0.2.25", 25), "permit"},
      {"outside", "dmz", tcp("198.51.100.95", "192.0.2.25", 25), "permit"},
      {"outside", "dmz", tcp("198.51.100.130", "192.0.2.25", 25), "permit"},
      {"outside", "dmz", packet(kOut, "192.0.2.30", Protocol::udp, 53), "permit"},
      {"outside", "dmz", icmp(kOut, kWeb, 3), "permit"},
      {"outside", "dmz", icmp(kOut, kWeb, 8), "permit"},  // by the global list
      {"outside", "dmz", icmp(kOut, kWeb, 13), "deny"},
      {"outside", "dmz", tcp("2001:db8:1::7", "2001:db8:d::10", 443), "permit"},
      {"outside", "dmz", tcp("2001:db8:1::7", "2001:db8:d::10", 80), "deny"},
      {"outside", "dmz", tcp(kOut, "192.0.2.12", 2222), "undetermined"},
      // The DMZ: its list, then the global one; levels no longer count.
      {"dmz", "inside", packet(kWeb, "10.1.0.53", Protocol::udp, 53), "permit"},
      {"dmz", "inside", tcp(kWeb, "10.1.0.53", 53), "deny"},
      {"dmz", "outside", tcp(kWeb, "198.51.100.80", 443), "undetermined"},
      {"dmz", "outside", tcp(kWeb, "198.51.100.80", 80), "deny"},
      {"dmz", "outside", icmp(kWeb, kOut, 8), "permit"},
      // The list outward at the outside.
      {"dmz", "outside", tcp(kWeb, kOut, 25), "deny"},
      // Nothing is bound inward, but a global list is: levels no longer count there either.
      {"inside", "outside", tcp("10.1.0.9", kOut, 443), "deny"},
      {"inside", "outside", icmp("10.1.0.9", kOut, 8), "permit"},
      // Equal levels, and back out where it came in.
      {"dmz", "dmz2", icmp(kWeb, "192.0.2.70", 8), "deny"},
      {"outside", "outside", icmp(kOut, "198.51.100.9", 8), "permit"},
      {"management", "inside", icmp("10.255.0.9", "10.1.0.9", 8), "deny"},
      {"inside", "management", icmp("10.1.0.9", "10.255.0.9", 8), "deny"},
      {"GigabitEthernet1/2", "inside", icmp("10.1.0.9", "10.255.0.9", 8), "deny"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.in);
    CAPTURE(row.out);
    CAPTURE(to_string(row.packet.packet));
    const std::string answer = through(d, row.packet, row.in, row.out);
    CHECK(answer.substr(0, answer.find(' ')) == row.answer);
  }
  const char *const kOutside = "203.0.113.2", *const kManagement = "10.255.0.1";
  const struct {
    const char* in;
    ConcretePacket packet;
    const char* answer;
  } own[] = {
      {"outside", tcp("198.51.100.9", kOutside, 22), "permit"},  // ssh admits before the control-plane list denies
      {"outside", tcp("203.0.113.99", kOutside, 22), "deny"},
      {"outside", tcp("203.0.113.99", kOutside, 23), "deny"},
      {"outside", tcp("198.51.100.9", kOutside, 9999), "deny"},  // the control-plane list
      {"outside", tcp("203.0.113.99", kOutside, 9999), "undetermined"},
      {"outside", icmp("198.51.100.7", kOutside, 8), "permit"},
      {"outside", icmp("198.51.100.8", kOutside, 8), "deny"},
      {"outside", packet(kOut, kOutside, Protocol::udp, 500), "permit"},
      {"outside", tcp("203.0.113.99", "10.1.0.1", 22), "deny"},  // another interface's address
      {"management", tcp("10.255.0.77", kManagement, 8443), "permit"},
      {"management", tcp("10.255.1.77", kManagement, 8443), "deny"},
      {"management", icmp("10.255.0.77", kManagement, 8), "permit"},
      {"inside", tcp("10.1.0.9", "10.1.0.1", 22), "deny"},
  };
  for (const auto& row : own) {
    CAPTURE(row.in);
    CAPTURE(to_string(row.packet.packet));
    const std::string answer = to_device(d, row.packet, row.in);
    CHECK(answer.substr(0, answer.find(' ')) == row.answer);
  }
  const std::optional<InterfaceId> dmz = d.find_interface("dmz");
  REQUIRE(dmz.has_value());
  CHECK(d.interfaces[*dmz].name == "GigabitEthernet1/2.10");
  REQUIRE(d.interfaces[*dmz].networks.size() == 2);
  CHECK(to_string(d.interfaces[*dmz].networks[0]) == "192.0.2.0/26");
  CHECK(d.interfaces[0].addresses.size() == 3);  // its own, the standby's, IPv6
  CHECK(d.interfaces[5].shut);
  CHECK(!d.lists[d.find_list("VPN-TRAFFIC")].other_use.empty());
  CHECK(!d.lists[d.find_list("SPLIT")].other_use.empty());
  CHECK(d.lists[d.find_list("OUTSIDE-IN")].other_use.empty());
  std::vector<std::string> unused;
  for (const NamedObject& o : d.objects)
    if (o.uses == 0) unused.push_back(o.name);
  CHECK(unused == std::vector<std::string>{"HIGH-TO-SYSLOG"});
}

std::string interfaces() {
  return "interface Gi0/0\n nameif outside\n security-level 0\n ip address 203.0.113.2 255.255.255.248\n"
         "interface Gi0/1\n nameif dmz\n security-level 50\n ip address 192.0.2.1 255.255.255.192\n"
         "interface Gi0/2\n nameif inside\n security-level 100\n ip address 10.1.0.1 255.255.255.0\n"
         "interface Gi0/3\n nameif lab\n security-level 50\n ip address 10.9.0.1 255.255.255.0\n";
}

TEST_CASE("without lists the security levels decide") {
  const Device d = read9(interfaces());
  const ConcretePacket p = tcp("10.1.0.9", "192.0.2.10", 22);
  CHECK(through(d, p, "inside", "dmz") == "permit 0");
  CHECK(through(d, p, "inside", "outside").starts_with("permit"));
  CHECK(through(d, p, "dmz", "outside").starts_with("permit"));
  CHECK(through(d, p, "dmz", "inside").starts_with("deny"));
  CHECK(through(d, p, "outside", "inside").starts_with("deny"));
  CHECK(through(d, p, "dmz", "lab").starts_with("deny"));
  CHECK(through(d, p, "lab", "dmz").starts_with("deny"));
  CHECK(through(d, p, "dmz", "dmz").starts_with("deny"));

  const Device same = read9(interfaces() + "same-security-traffic permit inter-interface\n");
  CHECK(through(same, p, "dmz", "lab").starts_with("permit"));
  CHECK(through(same, p, "dmz", "dmz").starts_with("deny"));
  CHECK(through(same, p, "dmz", "inside").starts_with("deny"));
  const Device intra = read9(interfaces() + "same-security-traffic permit intra-interface\n");
  CHECK(through(intra, p, "dmz", "lab").starts_with("deny"));
  CHECK(through(intra, p, "dmz", "dmz").starts_with("permit"));
}

TEST_CASE("a list inward takes the place of the levels, and cannot permit between equal ones") {
  const std::string list = "access-list IN extended permit tcp any any eq 443\naccess-group IN in interface dmz\n";
  const Device d = read9(interfaces() + list);
  const ConcretePacket https = tcp("192.0.2.10", "10.1.0.9", 443), ssh = tcp("192.0.2.10", "10.1.0.9", 22);
  CHECK(through(d, https, "dmz", "inside").starts_with("permit"));
  CHECK(through(d, ssh, "dmz", "outside") == "deny end");
  CHECK(through(d, https, "dmz", "lab") == "deny 0");
  CHECK(through(d, ssh, "inside", "outside").starts_with("permit"));
  const Device both = read9(interfaces() + list + "same-security-traffic permit inter-interface\n");
  CHECK(through(both, https, "dmz", "lab").starts_with("permit"));
}

TEST_CASE("a global list stands behind the interface's own, and its end denies everywhere") {
  const Device d =
      read9(interfaces() +
            "access-list IN extended deny tcp any any eq 80\naccess-list ALL extended permit tcp any any\n"
            "access-group IN in interface outside\naccess-group ALL global\n");
  CHECK(through(d, tcp(kOut, kWeb, 80), "outside", "dmz") == "deny 18");
  CHECK(through(d, tcp(kOut, kWeb, 81), "outside", "dmz").starts_with("permit"));
  CHECK(through(d, packet(kOut, kWeb, Protocol::udp, 53), "outside", "dmz") == "deny end");
  CHECK(through(d, tcp("10.1.0.9", kOut, 80), "inside", "outside").starts_with("permit"));
  CHECK(through(d, packet("10.1.0.9", kOut, Protocol::udp, 53), "inside", "outside") == "deny end");
}

TEST_CASE("what is bound and not known leaves everything open") {
  const ConcretePacket p = tcp("10.1.0.9", kOut, 443);
  const Device missing = read9(interfaces() + "access-group GONE in interface inside\n");
  CHECK(through(missing, p, "inside", "outside").starts_with("undetermined"));
  CHECK(through(missing, p, "dmz", "outside").starts_with("permit"));
  REQUIRE(!missing.diagnostics.all().empty());
  CHECK(missing.diagnostics.all()[0].error.what ==
        "access list GONE is applied and not in this file: what it permits is not known");
  const char* const broken[] = {"access-group\n",
                                "access-group A in interface insid\n",
                                "access-group A sideways\n",
                                "access-group A in\n",
                                "same-security-traffic permit inter\n",
                                "no access-list L extended permit ip any any\n"};
  for (const char* line : broken) {
    CAPTURE(line);
    const Device d = read9(interfaces() + line);
    CHECK(d.coverage.not_understood == 1);
    CHECK(through(d, p, "inside", "outside").starts_with("undetermined"));
  }
  const Device ssh = read9(interfaces() + "ssh 10.1.0.0 255.255.255.0 insid\nicmp permit any outsid\n");
  CHECK(to_device(ssh, tcp("10.1.0.9", "10.1.0.1", 22), "inside").starts_with("undetermined"));
  CHECK(to_device(ssh, icmp("10.1.0.9", "10.1.0.1", 8), "inside").starts_with("undetermined"));
}

TEST_CASE("a level that is not written decides nothing") {
  const Device d =
      read9("interface Gi0/0\n nameif outside\ninterface Gi0/1\n nameif inside\n security-level 100\n");
  CHECK(through(d, tcp("10.1.0.9", kOut, 443), "inside", "outside").starts_with("undetermined"));
}

TEST_CASE("members of a bridge group have their BVI's level and list towards the rest") {
  const Device d = read9(
      "interface Gi0/0\n nameif outside\n security-level 0\n ip address 203.0.113.2 255.255.255.248\n"
      "interface Gi0/1\n bridge-group 1\n nameif left\n security-level 100\n"
      "interface Gi0/2\n bridge-group 1\n nameif right\n security-level 40\n"
      "interface BVI1\n nameif inside\n security-level 100\n ip address 10.1.0.1 255.255.255.0\n"
      "access-list BRIDGE extended permit tcp any any eq 443\naccess-group BRIDGE in interface inside\n"
      "ssh 10.1.0.0 255.255.255.0 left\n");
  CHECK(d.coverage.not_understood == 0);
  CHECK(through(d, tcp("10.1.0.9", kOut, 443), "right", "outside").starts_with("permit"));
  CHECK(through(d, tcp("10.1.0.9", kOut, 80), "right", "outside") == "deny end");
  CHECK(to_device(d, tcp("10.1.0.9", "10.1.0.1", 22), "left").starts_with("permit"));
  const Device levels = read9(
      "interface Gi0/0\n nameif outside\n security-level 50\n"
      "interface Gi0/1\n bridge-group 1\n nameif left\n security-level 10\n"
      "interface Gi0/2\n bridge-group 1\n nameif right\n security-level 40\n"
      "interface BVI1\n nameif inside\n security-level 100\n");
  CHECK(through(levels, tcp("10.1.0.9", kOut, 80), "left", "outside").starts_with("permit"));
  CHECK(through(levels, tcp("10.1.0.9", kOut, 80), "left", "right").starts_with("deny"));
  CHECK(through(levels, tcp("10.1.0.9", kOut, 80), "right", "left").starts_with("permit"));
}

TEST_CASE("ICMP replies are implied only where every packet is inspected for ICMP") {
  const std::string classes =
      "class-map inspection_default\n match default-inspection-traffic\n"
      "class-map SOME\n match access-list X\n";
  const std::string policy = "policy-map P\n class {}\n  inspect icmp\n  inspect icmp error\n";
  struct Row {
    std::string text;
    bool implied;
  };
  for (const Row& row : {
           Row{"", false},
           Row{classes + fmt::format(fmt::runtime(policy), "inspection_default") + "service-policy P global\n",
               true},
           Row{classes + fmt::format(fmt::runtime(policy), "class-default") + "service-policy P global\n", true},
           Row{classes + fmt::format(fmt::runtime(policy), "SOME") + "service-policy P global\n", false},
           Row{classes + fmt::format(fmt::runtime(policy), "inspection_default") +
                   "service-policy P interface dmz\n",
               false},
           Row{classes + fmt::format(fmt::runtime(policy), "inspection_default"), false},
       }) {
    CAPTURE(row.text);
    const Device d = read9(interfaces() + row.text);
    CHECK(d.coverage.not_understood == 0);
    CHECK(d.icmp_replies_implied == row.implied);
    CHECK(d.icmp_errors_implied == row.implied);
  }
}

TEST_CASE("before 8.3 lists see translated addresses, and it is said") {
  const std::string text = sample("asa_82.cfg");
  const Device d = read(text);
  CAPTURE(open_lines(d));
  CHECK(lines_counted(d) == lines_not_blank(text));
  CHECK(d.coverage.not_understood == 0);
  REQUIRE(d.diagnostics.all().size() == 1);
  CHECK(d.diagnostics.all()[0].error.what ==
        "this is of before 8.3: lists see addresses as they are translated on the wire");
  for (const Stage& s : d.stages)
    if (s.name.starts_with("OUT")) CHECK(!s.real_destination);
  CHECK(through(d, tcp(kOut, "192.0.2.10", 80), "outside", "dmz").starts_with("permit"));
  CHECK(through(d, tcp(kOut, "203.0.113.2", 25), "outside", "dmz").starts_with("permit"));
  CHECK(through(d, tcp("2001:db8:1::7", "2001:db8:5::10", 443), "outside", "dmz").starts_with("permit"));
  CHECK(through(d, tcp("2001:db8:1::7", "2001:db8:5::10", 80), "outside", "dmz") == "deny end");
  bool found = false;
  for (const Nat& n : d.nats)
    found = found || (n.kind == Nat::Kind::destination && n.to == parse_address("10.5.0.10") &&
                      n.match.box.destinations == AddressSet::single(*parse_address("192.0.2.10")));
  CHECK(found);
}

TEST_CASE("translations, in the order in which they are tried") {
  const Device d =
      read9(interfaces() +
            "object network NET\n subnet 10.9.0.0 255.255.255.0\n nat (lab,outside) static 203.0.113.0\n"
            "object network WEB\n host 192.0.2.10\n nat (dmz,outside) static 203.0.113.10 service tcp www 8080\n"
            "object network HIDDEN\n subnet 10.1.0.0 255.255.255.0\n nat (inside,outside) dynamic interface\n"
            "object network FAR\n host 198.51.100.7\nobject network FAR-SEEN\n host 10.1.0.200\n"
            "object network ME\n host 10.1.0.9\nobject network ME-SEEN\n host 203.0.113.9\n"
            "nat (any,outside) after-auto source dynamic any interface\n"
            "nat (inside,outside) source static ME ME-SEEN destination static FAR-SEEN FAR\n"
            "nat (inside,outside) source static ME ME-SEEN inactive\n"
            "nat (inside,outside) source static ME ME-SEEN unidirectional\n");
  CAPTURE(open_lines(d));
  CHECK(d.coverage.not_understood == 0);
  std::string rows;
  for (const Nat& n : d.nats)
    rows += fmt::format("{} {} {} -> {}{}\n", n.line, n.kind == Nat::Kind::source ? "source" : "destination",
                        to_string(n.match.box),
                        n.to           ? to_string(*n.to)
                        : n.to_network ? to_string(*n.to_network)
                                       : "?",
                        n.to_ports ? fmt::format(" port {}", to_string(*n.to_ports)) : "");
  CHECK(rows ==
        "36 source 10.1.0.9 > 10.1.0.200 ip in 2 out 0 -> 203.0.113.9\n"
        "36 destination 10.1.0.9 > 10.1.0.200 ip in 2 out 0 -> 198.51.100.7\n"
        "36 destination 198.51.100.7 > 203.0.113.9 ip in 0 out 2 -> 10.1.0.9\n"
        "36 source 198.51.100.7 > 203.0.113.9 ip in 0 out 2 -> 10.1.0.200\n"
        "38 source 10.1.0.9 > any ip in 2 out 0 -> 203.0.113.9\n"
        "23 source 192.0.2.10 > any tcp from port 80 in 1 out 0 -> 203.0.113.10 port 8080\n"
        "23 destination any > 203.0.113.10 tcp/8080 in 0 out 1 -> 192.0.2.10 port 80\n"
        "20 source 10.9.0.0/24 > any ip in 3 out 0 -> 203.0.113.0/24\n"
        "20 destination any > 203.0.113.0/24 ip in 0 out 3 -> 10.9.0.0/24\n"
        "26 source 10.1.0.0/24 > any ip in 2 out 0 -> ?\n"
        "35 source any > any ip out 0 -> ?\n");
}

TEST_CASE("more interfaces than can be told apart leave the rest undetermined") {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += fmt::format("interface Gi0/0.{}\n nameif if{}\n security-level {}\n", i, i, i % 101);
  const Device d = read9(text);
  ConcretePacket p = tcp("10.1.0.9", kOut, 443);
  CHECK(through(d, p, "if100", "if0").starts_with("permit"));
  p.context.ingress = 255, p.context.egress = 0;
  CHECK(name(Decider(d).decide(PacketQuestion::of(p)).fate) == "undetermined");
}

TEST_CASE("Firepower's lists: interfaces in entries, and what inspection may still stop") {
  const std::string text = sample("ftd_lina.cfg");
  const Device d = read(text);
  CAPTURE(open_lines(d));
  CHECK(lines_counted(d) == lines_not_blank(text));
  CHECK(d.coverage.not_understood == 0);
  CHECK(through(d, tcp(kOut, kWeb, 443), "outside", "dmz").starts_with("permit"));
  CHECK(through(d, tcp(kOut, kWeb, 443), "dmz", "outside").starts_with("deny"));
  CHECK(through(d, tcp(kOut, kWeb, 80), "outside", "dmz").starts_with("undetermined"));
  CHECK(through(d, tcp(kOut, kWeb, 22), "outside", "dmz").starts_with("deny"));
}

TEST_CASE("every line has a state of understanding") {
  const Device d = read9(
      "hostname fw\n!\nfrobnicate the filter\n of everything\nno access-list L extended permit ip any any\n"
      "filter url http 0 0 0 0\nip verify reverse-path interface outside\nroute outside 0 0 203.0.113.1\n");
  CHECK(d.coverage.understood == 1);
  CHECK(d.coverage.not_filtering == 3);
  CHECK(d.coverage.in_part == 2);
  CHECK(d.coverage.not_understood == 3);
  REQUIRE(d.lines.size() == 5);
  CHECK(d.lines[0].line == 4);
}

TEST_CASE("a configuration cut at any byte, or damaged, is read to its end") {
  for (const char* file : {"asa_edge.cfg", "asa_82.cfg", "asa_show_access_list.txt", "ftd_lina.cfg"}) {
    const std::string text = sample(file);
    CAPTURE(file);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      const std::string part = text.substr(0, cut);
      const Device d = read(part);
      REQUIRE_MESSAGE(lines_counted(d) == lines_not_blank(part), cut);
    }
    std::uint64_t seed = 1;
    const auto dice = [&seed](std::size_t below) {
      seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
      return static_cast<std::size_t>(seed >> 33) % below;
    };
    for (int round = 0; round < 300; ++round) {
      std::string damaged = text;
      for (std::size_t n = 1 + dice(6); n > 0; --n) {
        const std::size_t at = dice(damaged.size());
        switch (dice(5)) {
          case 0: damaged[at] = static_cast<char>(dice(256)); break;
          case 1: damaged.erase(at, 1 + dice(40)); break;
          case 2: damaged.insert(at, damaged.substr(dice(damaged.size()), dice(60))); break;
          case 3: damaged.insert(at, 1, "\n \t0(,"[dice(6)]); break;
          default: std::swap(damaged[at], damaged[dice(damaged.size())]); break;
        }
      }
      const Device d = read(damaged);
      REQUIRE_MESSAGE(lines_counted(d) == lines_not_blank(damaged), round);
    }
  }
}

TEST_CASE("groups that repeat each other stay within bounds") {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += fmt::format("object-group network G{}\n network-object host 10.{}.{}.1\n", i, i / 200, i % 200);
    if (i > 0) text += fmt::format(" group-object G{}\n", i - 1);
  }
  for (int i = 0; i < 3000; ++i) text += fmt::format("access-list L extended permit ip object-group G{} any\n", i);
  const Device d = read9(text);
  std::size_t ranges = 0;
  for (const Entry& e : d.lists[0].entries)
    for (const Match& m : e.match) ranges += m.box.sources.ranges().size();
  CHECK(ranges < 7'000'000);
  CHECK(d.lists[0].entries.size() == 3000);
}

}  // namespace
}  // namespace demarc
