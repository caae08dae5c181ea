// What a path lets through as sets, against one packet after the other through the same devices.
#include "rules/verdict/configured_path.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/rules/acl/random_device.h"
#include "tests/rules/policy/world.h"

namespace demarc {
namespace {

using world::ip;
using world::net;

/// Two zones that share the addresses of the random packets, and the paths between them.
RuleSet two_zones(std::vector<std::vector<std::string>> via) {
  RuleSet r;
  const auto zone = [&r](std::string name, std::string_view cidr) {
    Zone z;
    z.name = std::move(name);
    z.cidrs = {net(cidr)};
    z.addresses = AddressSet::of(z.cidrs);
    r.zones.push_back(std::move(z));
  };
  zone("near", "192.0.2.0/25");
  zone("far", "192.0.2.128/25");
  Path path;
  path.from = "near";
  path.to = "far";
  for (const std::vector<std::string>& hop : via)
    for (const std::string& name : hop) {
      DeclaredDevice d;
      d.name = name;
      r.devices.push_back(std::move(d));
    }
  path.via = std::move(via);
  r.paths.push_back(std::move(path));
  return r;
}

Interface interface(std::string name, std::string_view network) {
  Interface i;
  i.name = std::move(name);
  i.networks = {net(network)};
  return i;
}

/// Three interfaces, two of them towards `near`, and a stage or three with lists of the device.
void bind_lists(naive::Dice& dice, Device& d, std::string name) {
  d.name = name;
  d.file = name + ".cfg";
  d.interfaces = {interface("a", "192.0.2.0/26"), interface("b", "192.0.2.64/26"),
                  interface("c", "192.0.2.128/25")};
  for (unsigned n = 1 + dice.below(3); n > 0; --n) {
    Stage s;
    s.lists = {static_cast<ListIndex>(dice.below(static_cast<unsigned>(d.lists.size())))};
    if (dice.one_in(2)) s.ingress = {static_cast<InterfaceId>(dice.below(3))};
    if (dice.one_in(3)) s.egress = {static_cast<InterfaceId>(dice.below(3))};
    d.stages.push_back(std::move(s));
  }
}

/// What every choice of interfaces says.
Fate fate_of(const BoundDevice& d, const PacketCrossing& crossing, ConcretePacket packet) {
  Decider decider(*d.device);
  bool permit = false, deny = false, open = false;
  for (unsigned in = 0; in < 3; ++in)
    for (unsigned out = 0; out < 3; ++out) {
      packet.context.ingress = static_cast<InterfaceId>(in);
      packet.context.egress = static_cast<InterfaceId>(out);
      if (!crossing.ingress.contains(packet.context.ingress) || !crossing.egress.contains(packet.context.egress))
        continue;
      switch (decider.decide(PacketQuestion::of(packet, crossing.way)).fate) {
        case Fate::permit: permit = true; break;
        case Fate::deny: deny = true; break;
        case Fate::undetermined: open = true; break;
      }
    }
  if (permit && !deny && !open) return Fate::permit;
  return deny && !permit && !open ? Fate::deny : Fate::undetermined;
}

TEST_CASE("paths of random devices let through what their devices do, packet by packet") {
  std::size_t asked = 0, permitted = 0, undetermined = 0;
  for (std::uint32_t seed = 0; seed < 120; ++seed) {
    naive::Dice dice(seed);
    Device one = naive::random_device(dice), two = naive::random_device(dice);
    bind_lists(dice, one, "one");
    bind_lists(dice, two, "two");
    const bool series = dice.one_in(2);
    const RuleSet rules = two_zones(series ? std::vector<std::vector<std::string>>{{"one"}, {"two"}}
                                           : std::vector<std::vector<std::string>>{{"one", "two"}});
    const GivenConfiguration given[] = {{std::make_shared<Device>(one)}, {std::make_shared<Device>(two)}};
    const Binding binding = bind_devices(rules, given);
    const ZonePath path = path_between(binding, 0, 1);
    PacketSpace space;
    std::vector<std::unique_ptr<DeviceSets>> devices;
    PathSets sets(binding, path, space, devices);
    const Bounds all = sets.permitted();
    CHECK(all.possible.contains(all.certain));
    for (int n = 0; n < 60; ++n) {
      ConcretePacket p =
          naive::packet_near_list(dice, one.lists[dice.below(static_cast<unsigned>(one.lists.size()))]);
      p.packet.source = Address::ipv4(0xC0000200U + dice.below(128));
      p.packet.destination = Address::ipv4(0xC0000280U + dice.below(128));
      if (p.packet.protocol == Protocol::icmpv6) continue;
      INFO("seed " << seed << ", " << to_string(p.packet));
      bool certain = true, possible = true;
      std::uint32_t hop = 0;
      bool hop_possible = false;
      const std::vector<PacketCrossing> crossings = crossings_of(path, p.packet.source, p.packet.destination);
      REQUIRE(crossings.size() == 2);
      for (const PacketCrossing& c : crossings) {
        if (c.hop != hop) possible = possible && hop_possible, hop_possible = false, hop = c.hop;
        const Fate fate = fate_of(binding.devices[c.device], c, p);
        certain = certain && fate == Fate::permit;
        hop_possible = hop_possible || fate != Fate::deny;
      }
      possible = possible && hop_possible;
      ++asked;
      permitted += certain ? 1 : 0;
      undetermined += possible && !certain ? 1 : 0;
      // Sets may leave open what one packet decides (two stages that ask the same undecided line), never the
      // reverse.
      if (all.certain.contains(p)) CHECK(certain);
      if (!all.possible.contains(p)) CHECK_FALSE(possible);
      if (certain) CHECK(all.possible.contains(p));
      if (!possible) CHECK_FALSE(all.certain.contains(p));

      // Every line that is named is one that a packet of it meets, and all of the packet's fates are named.
      Box box = PacketQuestion::of(p).packets;
      box.ingress = box.egress = ByteSet::all();
      const PacketSet single = space.of(box);
      for (const PacketCrossing& c : crossings) {
        const std::uint32_t alternative = series ? 0 : c.device;
        const std::vector<LineShare> shares = sets.lines(c.hop, alternative, single);
        CHECK_FALSE(shares.empty());
        const Fate fate = fate_of(binding.devices[c.device], c, p);
        for (const LineShare& s : shares) {
          CHECK(single.contains(s.packets));
          if (fate == Fate::permit && !s.open) CHECK(s.fate == Fate::permit);
          if (fate == Fate::deny && !s.open) CHECK(s.fate == Fate::deny);
        }
      }
    }
  }
  CHECK(asked > 3000);
  CHECK(permitted > 100);
  CHECK(undetermined > 100);
}

/// A device with one list, `permit tcp any host <address> eq <port>`, inward on its first interface.
std::shared_ptr<Device> permits(std::string name, std::string_view destination, std::uint16_t port,
                                std::string_view source = "") {
  auto d = std::make_shared<Device>();
  d->name = name;
  d->file = name + ".cfg";
  d->interfaces = {interface("outside", "203.0.113.0/29"), interface("inside", "192.0.2.0/28")};
  List list;
  list.name = "IN";
  Entry e;
  e.line = 7;
  e.action = Action::permit;
  Match m;
  m.box.protocols = {Protocol::tcp};
  m.box.ports = PortSet::single(Port{port});
  m.box.destinations = AddressSet::single(ip(destination));
  if (!source.empty()) m.box.sources = AddressSet::single(ip(source));
  e.match = {m};
  list.entries = {e};
  d->lists = {list};
  Stage s;
  s.lists = {0};
  s.ingress = {0};
  d->stages = {s};
  return d;
}

TEST_CASE("translations: who sees the face, and who the host") {
  struct Row {
    const char* what;
    const char *edge, *inner;  // the address that each one's list permits, at these ports
    std::uint16_t edge_port, inner_port;
    bool edge_states, inner_states;  // the translation is in its configuration
    bool sees_real;                  // the translating device's own list
    const char* fate;
  };
  for (const Row& row : {
           Row{"the edge translates, before its list", "192.0.2.11", "192.0.2.11", 8443, 8443, true, false, true,
               "permit"},
           Row{"the edge translates, behind its list", "203.0.113.5", "192.0.2.11", 443, 8443, true, false, false,
               "permit"},
           Row{"its list sees the face and names the host", "192.0.2.11", "192.0.2.11", 8443, 8443, true, false,
               false, "deny"},
           Row{"the inner one translates", "203.0.113.5", "192.0.2.11", 443, 8443, false, true, true, "permit"},
           Row{"the inner one translates, and the edge names the host", "192.0.2.11", "192.0.2.11", 8443, 8443,
               false, true, true, "deny"},
           Row{"the right address, the wrong port", "203.0.113.5", "192.0.2.11", 8443, 8443, true, false, false,
               "deny"},
           Row{"nobody states it", "203.0.113.5", "203.0.113.5", 443, 443, false, false, true, "undetermined"},
       }) {
    CAPTURE(row.what);
    RuleSet rules = world::small_dmz();
    rules.zones[1].addresses = AddressSet{net("192.0.2.0/28")};
    rules.devices.clear();
    for (const char* name : {"edge", "inner"}) {
      DeclaredDevice d;
      d.name = name;
      rules.devices.push_back(std::move(d));
    }
    Path path;
    path.from = "internet";
    path.to = "dmz";
    path.via = {{"edge"}, {"inner"}};
    rules.paths = {path};
    Translation t;
    t.real_name = "web1";
    t.real = {ip("192.0.2.11")};
    t.seen_as = ip("203.0.113.5");
    t.from.addresses = rules.zones[0].addresses;
    t.ports = {{Port{443}, Port{8443}}};
    rules.translations = {t};
    rules.reindex();
    auto edge = permits("edge", row.edge, row.edge_port), inner = permits("inner", row.inner, row.inner_port);
    inner->interfaces[0] = interface("outside", "192.0.2.0/28");
    inner->interfaces[1] = interface("inside", "192.0.2.0/28");
    inner->stages[0].ingress.clear();
    Nat nat;
    nat.kind = Nat::Kind::destination;
    nat.match.box.destinations = AddressSet::single(ip("203.0.113.5"));
    nat.match.box.ports = PortSet::single(Port{443});
    nat.to = ip("192.0.2.11");
    nat.to_ports = PortRange::single(Port{8443});
    if (row.edge_states) edge->nats = {nat};
    if (row.inner_states) inner->nats = {nat};
    (row.edge_states ? edge : inner)->stages[0].real_destination = row.sees_real;
    const GivenConfiguration given[] = {{edge}, {inner}};
    const Binding binding = bind_devices(rules, given);
    const ZonePath between = path_between(binding, 0, 1);
    PacketSpace space;
    std::vector<std::unique_ptr<DeviceSets>> devices;
    PathSets sets(binding, between, space, devices);
    const ConcretePacket p{world::tcp("198.51.100.7", "192.0.2.11", 8443)};
    const Bounds all = sets.permitted();
    const std::string fate = all.certain.contains(p)    ? "permit"
                             : all.possible.contains(p) ? "undetermined"
                                                        : "deny";
    CHECK(fate == row.fate);
    // The face is no host of its own, and other ports of the host cannot be asked from there.
    CHECK_FALSE(sets.scope().contains(ConcretePacket{world::tcp("198.51.100.7", "203.0.113.5", 443)}));
    CHECK_FALSE(sets.scope().contains(ConcretePacket{world::tcp("198.51.100.7", "192.0.2.11", 22)}));
    if (fate == "permit") {
      Box box = PacketQuestion::of(p).packets;
      box.ingress = box.egress = ByteSet::all();
      for (std::uint32_t hop : {0U, 1U}) {
        const std::vector<LineShare> shares = sets.lines(hop, 0, space.of(box));
        REQUIRE(shares.size() == 1);
        CHECK(shares[0].fate == Fate::permit);
        CHECK(text_of(*binding.devices[shares[0].device].device, shares[0].line).line == 7);
      }
    }
  }
}

TEST_CASE("what is hidden behind a source translation is permitted as its face") {
  RuleSet rules = world::small_dmz();
  rules.zones[3].addresses = AddressSet{net("10.50.0.0/28")};
  rules.devices.resize(1);
  rules.devices[0].name = "edge";
  Path path;
  path.from = "office";
  path.to = "internet";
  path.via = {{"edge"}};
  rules.paths = {path};
  SourceTranslation t;
  t.real.addresses = rules.zones[3].addresses;
  t.seen_as = ip("203.0.113.2");
  t.to.addresses = rules.zones[0].addresses;
  rules.source_translations = {t};
  rules.reindex();
  auto edge = permits("edge", "198.51.100.4", 443, "203.0.113.2");
  edge->interfaces[1] = interface("inside", "10.50.0.0/28");
  edge->stages[0].ingress.clear();
  edge->stages[0].egress = {0};
  edge->stages[0].real_source = false;
  Nat nat;
  nat.match.box.sources = rules.zones[3].addresses;
  nat.to = ip("203.0.113.2");
  edge->nats = {nat};
  for (const bool sees_real : {false, true}) {
    auto d = std::make_shared<Device>(*edge);
    d->stages[0].real_source = sees_real;
    const GivenConfiguration given[] = {{d}};
    const Binding binding = bind_devices(rules, given);
    const ZonePath between = path_between(binding, 3, 0);
    PacketSpace space;
    std::vector<std::unique_ptr<DeviceSets>> devices;
    PathSets sets(binding, between, space, devices);
    CHECK(sets.permitted().certain.contains(ConcretePacket{world::tcp("10.50.0.9", "198.51.100.4", 443)}) !=
          sees_real);
    CHECK_FALSE(sets.permitted().possible.contains(ConcretePacket{world::tcp("10.50.0.9", "198.51.100.5", 443)}));
  }
}

}  // namespace
}  // namespace demarc
