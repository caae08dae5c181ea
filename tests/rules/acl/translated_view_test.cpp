// Packets that a device translates: which line decides about them, by the address that its stage sees.
#include "rules/acl/translated_view.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"
#include "tests/rules/acl/random_translations.h"

namespace demarc {
namespace {

constexpr std::string_view kNft = R"(table ip nat {
 chain prerouting {
  type nat hook prerouting priority dstnat; policy accept;
  iifname "eth0" ip daddr 203.0.113.80 tcp dport 443 dnat to 192.0.2.10:8443
  ip daddr 203.0.113.81 dnat to 192.0.2.11
 }
 chain postrouting {
  type nat hook postrouting priority srcnat; policy accept;
  oifname "eth0" ip saddr 192.0.2.0/24 snat to 203.0.113.1
 }
}
table inet filter {
 chain raw {
  type filter hook prerouting priority raw; policy accept;
  ip daddr 203.0.113.81 tcp dport 23 drop
 }
 chain forward {
  type filter hook forward priority filter; policy drop;
  iifname "eth0" ip daddr 192.0.2.10 tcp dport 8443 accept
  ip daddr 192.0.2.11 tcp dport { 22, 23 } accept
  oifname "eth0" ip saddr 192.0.2.0/24 tcp dport 25 accept
 }
 chain late {
  type filter hook postrouting priority 200; policy accept;
  ip saddr 203.0.113.1 tcp dport 2525 drop
  ip saddr 192.0.2.0/24 tcp dport 25 drop
 }
}
)";

// Statements in front keep some from being translated; what a called chain says may not be all.
constexpr std::string_view kKept = R"(table ip nat {
 chain web {
  tcp dport 8080 dnat to 192.0.2.12:80
 }
 chain pre {
  type nat hook prerouting priority dstnat; policy accept;
  ip saddr 198.51.100.0/29 ip daddr 203.0.113.80 return
  ip daddr 203.0.113.80 dnat to 192.0.2.10
  ip daddr 203.0.113.81 jump web
 }
}
table ip f {
 chain forward {
  type filter hook forward priority filter; policy drop;
  ip daddr { 192.0.2.10, 192.0.2.12 } accept
 }
}
)";

constexpr std::string_view kIos = R"(hostname edge
ip nat inside source static tcp 192.0.2.10 8443 203.0.113.80 443
ip nat inside source static 192.0.2.12 203.0.113.82
interface Gi0/0
 ip address 203.0.113.1 255.255.255.0
 ip access-group IN in
 ip access-group OUT out
 ip nat outside
interface Gi0/1
 ip address 192.0.2.1 255.255.255.0
 ip access-group SERVERS in
 ip nat inside
ip access-list extended IN
 permit tcp any host 203.0.113.80 eq 443
 permit tcp any host 192.0.2.12 eq 22
ip access-list extended OUT
 permit tcp host 203.0.113.82 any eq 25
 permit tcp host 203.0.113.80 eq 443 any
ip access-list extended SERVERS
 permit tcp host 192.0.2.12 any eq 25
 permit tcp host 192.0.2.10 eq 8443 any
)";

constexpr std::string_view kAsa = R"(ASA Version 9.16(1)
hostname fw
interface GigabitEthernet0/0
 nameif outside
 security-level 0
 ip address 203.0.113.1 255.255.255.0
interface GigabitEthernet0/1
 nameif dmz
 security-level 50
 ip address 192.0.2.1 255.255.255.0
object network web
 host 192.0.2.10
 nat (dmz,outside) static 203.0.113.80 service tcp 8443 443
access-list outside_in extended permit tcp any host 192.0.2.10 eq 8443
access-group outside_in in interface outside
)";

struct Packet4 {
  const char *source, *destination;
  std::uint16_t source_port, port;
};

PacketQuestion question(const Device& device, const Packet4& p, std::string_view in, std::string_view out) {
  ConcretePacket packet;
  packet.packet = {*parse_address(p.source),
                   *parse_address(p.destination),
                   Protocol::tcp,
                   Port(p.source_port),
                   Port(p.port),
                   {}};
  PacketQuestion q = PacketQuestion::of(packet);
  q.packets.ingress = q.packets.egress = ByteSet::all();
  for (const auto& [name, set] : {std::pair{in, &q.packets.ingress}, std::pair{out, &q.packets.egress}}) {
    if (name.empty()) continue;  // any
    std::size_t i = 0;           // behind the last: one that the configuration does not name
    while (i < device.interfaces.size() && device.interfaces[i].name != name && device.interfaces[i].nameif != name)
      ++i;
    *set = ByteSet{static_cast<InterfaceId>(i)};
  }
  return q;
}

/// "permit 18", "deny 0" (the end of a list).
std::string answer(const Device& device, const PacketQuestion& q) {
  const FilterDecision d = Decider(device).decide(q);
  const bool entry = d.by.list != kNoList && d.by.entry;
  return fmt::format("{} {}", name(d.fate), entry ? device.lists[d.by.list].entries[*d.by.entry].line : 0);
}

TEST_CASE("a stage decides by the address that it sees") {
  struct Row {
    std::string_view config;
    Packet4 packet;
    const char *in, *out, *answer;
  };
  const Row rows[] = {
      // netfilter: the destination is translated before FORWARD, the source behind it.
      {kNft, {"198.51.100.7", "203.0.113.80", 40000, 443}, "eth0", "eth1", "permit 19"},
      {kNft, {"198.51.100.7", "192.0.2.10", 40000, 8443}, "eth0", "eth1", "permit 19"},
      {kNft, {"198.51.100.7", "203.0.113.80", 40000, 8443}, "eth0", "eth1", "deny 0"},
      {kNft, {"198.51.100.7", "203.0.113.80", 40000, 443}, "eth2", "eth1", "deny 0"},
      {kNft, {"198.51.100.7", "203.0.113.80", 40000, 443}, "", "eth1", "undetermined 19"},
      {kNft, {"198.51.100.7", "203.0.113.81", 40000, 22}, "eth0", "eth1", "permit 20"},
      {kNft, {"198.51.100.7", "203.0.113.81", 40000, 23}, "eth0", "eth1", "deny 15"},
      {kNft, {"198.51.100.7", "192.0.2.11", 40000, 23}, "eth0", "eth1", "permit 20"},
      {kNft, {"192.0.2.30", "198.51.100.7", 40000, 25}, "eth1", "eth0", "permit 21"},
      {kNft, {"192.0.2.30", "198.51.100.7", 40000, 25}, "eth1", "eth2", "deny 0"},
      {kKept, {"198.51.100.3", "203.0.113.80", 40000, 443}, "eth0", "eth1", "deny 0"},
      {kKept, {"198.51.100.30", "203.0.113.80", 40000, 443}, "eth0", "eth1", "permit 15"},
      {kKept, {"198.51.100.30", "203.0.113.81", 40000, 8080}, "eth0", "eth1", "undetermined 15"},
      {kKept, {"198.51.100.30", "203.0.113.81", 40000, 81}, "eth0", "eth1", "deny 0"},
      // IOS: outside's list inward sees what stands on the wire, outside's list outward what was translated.
      {kIos, {"198.51.100.7", "203.0.113.80", 40000, 443}, "Gi0/0", "Gi0/1", "permit 14"},
      {kIos, {"198.51.100.7", "203.0.113.82", 40000, 22}, "Gi0/0", "Gi0/1", "deny 0"},
      {kIos, {"198.51.100.7", "192.0.2.12", 40000, 22}, "Gi0/0", "Gi0/1", "permit 15"},
      {kIos, {"192.0.2.12", "198.51.100.7", 40000, 25}, "Gi0/1", "Gi0/0", "permit 17"},
      {kIos, {"192.0.2.12", "198.51.100.7", 40000, 26}, "Gi0/1", "Gi0/0", "deny 0"},
      // ASA since 8.3: real addresses and ports.
      {kAsa, {"198.51.100.7", "203.0.113.80", 40000, 443}, "outside", "dmz", "permit 14"},
      {kAsa, {"198.51.100.7", "203.0.113.80", 40000, 8443}, "outside", "dmz", "deny 0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.packet.source);
    CAPTURE(row.packet.destination);
    CAPTURE(row.packet.port);
    CAPTURE(row.in);
    const Device device = read_configuration(Source("edge.cfg", std::string(row.config)), std::nullopt).value();
    REQUIRE_FALSE(device.nats.empty());
    CHECK(answer(device, question(device, row.packet, row.in, row.out)) == row.answer);
  }
}

TEST_CASE("a reply shares the translation of what it answers") {
  const Device device = read_configuration(Source("edge.cfg", std::string(kIos)), std::nullopt).value();
  const PacketQuestion opening = question(device, {"198.51.100.7", "203.0.113.80", 40000, 443}, "Gi0/0", "Gi0/1");
  PacketQuestion reply = question(device, {"192.0.2.10", "198.51.100.7", 8443, 40000}, "Gi0/1", "Gi0/0");
  reply.packets.states = {ConnectionState::established};
  reply.opening = opening.packets, reply.is_reply = true;
  CHECK(answer(device, reply) == "permit 18");  // by SERVERS as the host's own, and by OUT as the address outside
  reply.opening->destinations = AddressSet::single(*parse_address("203.0.113.83"));
  CHECK(answer(device, reply) == "deny 0");
}

TEST_CASE("what is translated is said, and what is not known of it") {
  const Device device = read_configuration(Source("fw.nft", std::string(kNft)), std::nullopt).value();
  const auto said = [&](const Packet4& p, std::string_view in, std::string_view out) {
    return words_of(Translations(device).courses(question(device, p, in, out).packets, Way::through).courses);
  };
  CHECK(said({"198.51.100.7", "203.0.113.80", 40000, 443}, "eth0", "eth1") ==
        "line 4 translates the destination to 192.0.2.10 port 8443");
  CHECK(said({"198.51.100.7", "203.0.113.80", 40000, 443}, "", "eth1") ==
        "line 4 translates the destination of some of these packets to 192.0.2.10 port 8443");
  CHECK(said({"192.0.2.30", "198.51.100.7", 40000, 25}, "eth1", "eth0") ==
        "line 9 translates the source to 203.0.113.1");
  CHECK(said({"198.51.100.7", "192.0.2.10", 40000, 443}, "eth0", "eth1").empty());
}

Fate fate_of(const naive::Fates& fates) {
  return fates.permit && fates.deny ? Fate::undetermined : fates.permit ? Fate::permit : Fate::deny;
}

TEST_CASE("one packet is decided as the naive judge decides, whatever translates it") {
  std::uint64_t permits = 0, denials = 0, open = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device device = naive::random_translating_device(dice);
    Decider decider(device);
    for (int n = 0; n < 24; ++n) {
      ConcretePacket p = naive::few_packets(dice);
      p.context.state = ConnectionState::fresh;
      const Fate expected = fate_of(naive::fates_on_the_way(device, p));
      REQUIRE(name(decider.decide(PacketQuestion::of(p)).fate) == name(expected));
      (expected == Fate::permit ? permits : expected == Fate::deny ? denials : open) += 1;
    }
  }
  CHECK(permits > 3000);
  CHECK(denials > 3000);
  CHECK(open > 1000);
}

TEST_CASE("many translated packets are decided only if all of them fare alike, and then they are") {
  std::uint64_t decided = 0, mixed = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device device = naive::random_translating_device(dice);
    PacketQuestion q = PacketQuestion::of(naive::few_packets(dice));
    q.packets.protocols = {Protocol::tcp};
    q.packets.flags = {tcp_flag::syn};
    q.packets.icmp = IcmpSet::all();
    q.packets.states = {ConnectionState::fresh};
    const auto some = [&dice](auto all) {
      std::erase_if(all, [&dice](const auto&) { return dice.one_in(2); });
      return all;
    };
    std::vector<Address> sources = some(naive::all_few_addresses()),
                         destinations = some(naive::all_few_addresses());
    std::vector<Port> ports = some(std::vector{Port(80), Port(443)});
    if (sources.empty() || destinations.empty() || ports.empty()) continue;
    q.packets.sources = q.packets.destinations = {}, q.packets.ports = {};
    for (const Address& a : sources) q.packets.sources = q.packets.sources.unite(AddressSet::single(a));
    for (const Address& a : destinations)
      q.packets.destinations = q.packets.destinations.unite(AddressSet::single(a));
    for (const Port port : ports) q.packets.ports = q.packets.ports.unite(PortSet::single(port));
    q.packets.source_ports = PortSet::single(Port(443));
    PacketSpace space;
    ConcretePacket p = *space.of(q.packets).sample();
    naive::Fates all;
    for (const Address& source : sources)
      for (const Address& destination : destinations)
        for (const Port port : ports) {
          p.packet.source = source, p.packet.destination = destination, p.packet.port = port;
          const naive::Fates fates = naive::fates_on_the_way(device, p);
          all.permit = all.permit || fates.permit, all.deny = all.deny || fates.deny;
        }
    REQUIRE(name(Decider(device).decide(q).fate) == name(fate_of(all)));
    (all.permit && all.deny ? mixed : decided) += 1;
  }
  CHECK(decided > 300);
  CHECK(mixed > 200);
}

}  // namespace
}  // namespace demarc
