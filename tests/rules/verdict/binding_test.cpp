#include "rules/verdict/binding.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rules/verdict/paths.h"
#include "tests/rules/policy/world.h"

namespace demarc {
namespace {

using world::ip;
using world::net;

struct Port_ {  // an interface in a few words
  const char* name;
  const char* address;  // "192.0.2.1/28", or empty
  bool shut = false;
};

std::shared_ptr<Device> device(std::string name, std::vector<Port_> ports, Dialect dialect = Dialect::cisco_ios) {
  auto out = std::make_shared<Device>();
  out->name = name;
  out->file = name + ".cfg";
  out->dialect = dialect;
  for (const Port_& p : ports) {
    Interface i;
    i.name = p.name;
    i.shut = p.shut;
    const std::string_view text = p.address;
    if (!text.empty()) {
      const Address own = ip(text.substr(0, text.find('/')));
      i.addresses = {own};
      i.networks = {
          Prefix::containing(own, static_cast<unsigned>(std::stoi(std::string(text.substr(text.find('/') + 1)))))};
    }
    out->interfaces.push_back(std::move(i));
  }
  return out;
}

ListIndex add_list(Device& device, std::string name) {
  List list;
  list.name = std::move(name);
  device.lists.push_back(std::move(list));
  return static_cast<ListIndex>(device.lists.size() - 1);
}
void add_stage(Device& device, const std::string& list, InterfaceId on, bool out = false) {
  Stage stage;
  stage.name = fmt::format("{} {} on {}", list, out ? "out" : "in", device.interfaces[on].name);
  stage.lists = {device.find_list(list)};
  (out ? stage.egress : stage.ingress) = {on};
  device.stages.push_back(std::move(stage));
}

DeclaredDevice declared(std::string name, std::string dialect = "cisco-ios", std::string config = "") {
  DeclaredDevice out;
  out.name = std::move(name);
  out.dialect = std::move(dialect);
  out.config = std::move(config);
  return out;
}
Path way(std::string from, std::string to, std::vector<std::vector<std::string>> via) {
  Path out;
  out.from = std::move(from);
  out.to = std::move(to);
  out.none = via.empty();
  out.via = std::move(via);
  return out;
}

/// small_dmz() with these devices and paths.
RuleSet rules_with(std::vector<DeclaredDevice> devices, std::vector<Path> paths = {}) {
  RuleSet r = world::small_dmz();
  r.devices = std::move(devices);
  r.paths = std::move(paths);
  r.reindex();
  return r;
}

std::uint32_t zone(const RuleSet& rules, std::string_view name) {
  return static_cast<std::uint32_t>(rules.zone(name) - rules.zones.data());
}

std::string words(const Binding& b) {
  std::string out;
  for (const BindingProblem& p : b.problems) out += fmt::format("{} {}\n", name(p.kind), p.what);
  return out;
}

std::string interfaces(const BoundDevice& d, const ByteSet& set) {
  if (set.is_all()) return "*";
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 256; ++i)
    if (set.contains(static_cast<std::uint8_t>(i)))
      names.push_back(d.device && i < d.device->interfaces.size() ? d.device->interfaces[i].name
                                                                  : fmt::format("#{}", i));
  return fmt::format("{}", fmt::join(names, "|"));
}

/// "rtr forward wan>lan; fw local-in lan"
std::string way_of(const Binding& b, std::string_view from, std::string_view to, std::string_view source,
                   std::string_view destination) {
  const ZonePath path = path_between(b, zone(*b.rules, from), zone(*b.rules, to));
  std::string out;
  std::uint32_t hop = 0;
  for (const PacketCrossing& c : crossings_of(path, ip(source), ip(destination))) {
    const BoundDevice& d = b.devices[c.device];
    if (!out.empty()) out += c.hop == hop ? " / " : "; ";
    hop = c.hop;
    out += fmt::format("{} {}", d.name, name(c.way));
    if (c.way != Way::from_device) out += " " + interfaces(d, c.ingress);
    if (c.way == Way::through) out += ">";
    if (c.way == Way::from_device) out += " ";
    if (c.way != Way::to_device) out += interfaces(d, c.egress);
  }
  return out;
}

TEST_CASE("short interface names") {
  struct Row {
    const char *a, *b;
    bool same;
  };
  for (const Row& row : {Row{"Gi0/0", "GigabitEthernet0/0", true}, Row{"gi0/0", "GigabitEthernet0/1", false},
                         Row{"GigabitEthernet 0/0", "Gi0/0", true}, Row{"G0/0", "GigabitEthernet0/0", false},
                         Row{"eth0", "eth0", true}, Row{"eth0", "eth1", false}, Row{"outside", "outside", true},
                         Row{"out", "outside", false}, Row{"Te1/1", "GigabitEthernet1/1", false},
                         Row{"Vlan10", "vlan10", true}, Row{"", "", true}, Row{"0/0", "Gi0/0", false}}) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(same_interface(row.a, row.b) == row.same);
    CHECK(same_interface(row.b, row.a) == row.same);
  }
  Device d = *device("rtr", {{"GigabitEthernet0/0", ""}, {"GigabitEthernet0/0.10", ""}, {"GigaFlow0/0", ""}});
  CHECK(find_interface(d, "GigabitEthernet0/0") == InterfaceId{0});
  CHECK(find_interface(d, "gi0/0.10") == InterfaceId{1});
  CHECK(!find_interface(d, "Gi0/0").has_value());  // two of them
}

TEST_CASE("which device a configuration is") {
  struct Row {
    const char *said, *file, *hostname;
    const char* bound;  // "edge", "core", or the problem
  };
  const RuleSet rules = rules_with({declared("edge", "cisco-ios", "configs/edge.cfg"), declared("core")});
  for (const Row& row : {
           Row{"core", "x.cfg", "whatever", "core"},
           Row{"core", "configs/edge.cfg", "edge", "core"},  // what is said wins
           Row{"", "configs/edge.cfg", "Router", "edge"},
           Row{"", "/srv/site/configs/edge.cfg", "Router", "edge"},
           Row{"", "./configs/edge.cfg", "core", "edge"},
           Row{"", "otherconfigs/edge.cfg", "Router", "not-declared"},
           Row{"", "edge.cfg", "Router", "not-declared"},
           Row{"", "x.cfg", "CORE", "core"},
           Row{"", "x.cfg", "core.example.net", "core"},
           Row{"", "x.cfg", "core2", "not-declared"},
           Row{"cor", "x.cfg", "core", "unknown-device"},
       }) {
    CAPTURE(row.file);
    CAPTURE(row.hostname);
    auto d = device(row.hostname, {{"a", "192.0.2.1/28"}});
    d->file = row.file;
    const GivenConfiguration given[] = {{d, row.said, ""}};
    const Binding b = bind_devices(rules, given);
    std::string bound;
    for (const BoundDevice& x : b.devices)
      if (x.device != nullptr) bound += x.name;
    for (const BindingProblem& p : b.problems)
      if (p.kind != BindingProblem::Kind::no_configuration) bound += name(p.kind);
    CHECK(bound == row.bound);
    CHECK(b.has_configurations() == b.unused.empty());
  }
}

TEST_CASE("a configuration given twice is one, two different ones are none") {
  const RuleSet rules = rules_with({declared("edge")});
  auto a = device("edge", {}), b = device("edge", {});
  b->file = "later.cfg";
  const GivenConfiguration same[] = {{a, "", "11"}, {b, "", "11"}, {a, "", "11"}};
  CHECK(bind_devices(rules, same).devices[0].device != nullptr);
  const GivenConfiguration forth[] = {{a, "", "11"}, {b, "", "22"}}, back[] = {{b, "", "22"}, {a, "", "11"}};
  const Binding two = bind_devices(rules, forth);
  CHECK(two.devices[0].device == nullptr);
  CHECK(words(two) == "given-twice edge has several configurations: edge.cfg, later.cfg\n");
  CHECK(words(bind_devices(rules, back)) == words(two));
  const GivenConfiguration said[] = {{a, "", "11"}, {b, "edge", "22"}};
  CHECK(bind_devices(rules, said).devices[0].device == b);
}

TEST_CASE("a declaration that contradicts the configuration") {
  struct Row {
    const char* what;
    void (*change)(DeclaredDevice&);
    const char* problem;
  };
  const Row rows[] = {
      {"nothing wrong", [](DeclaredDevice&) {}, ""},
      {"dialect", [](DeclaredDevice& d) { d.dialect = "nftables"; },
       "dialect-contradicts edge is declared as nftables, and edge.cfg is written in cisco-ios\n"},
      {"no dialect", [](DeclaredDevice& d) { d.dialect = "cisco-io"; },
       "dialect-contradicts edge is declared as 'cisco-io', which is no dialect that is read\n"},
      {"state", [](DeclaredDevice& d) { d.stateful = true; },
       "state-contradicts edge is declared stateful, and edge.cfg decides every packet by itself, replies as "
       "well\n"},
      {"no state", [](DeclaredDevice& d) { d.stateful = false; }, ""},
      {"filter",
       [](DeclaredDevice& d) {
         d.filters = {{"OUTSIDE-IN", "Gi0/0", "in"}};
       },
       ""},
      {"filter's direction",
       [](DeclaredDevice& d) {
         d.filters = {{"OUTSIDE-IN", "Gi0/0", "out"}};
       },
       "filter-contradicts the rule set says that OUTSIDE-IN stands on Gi0/0 (outward); edge.cfg has OUTSIDE-IN in "
       "on GigabitEthernet0/0\n"},
      {"filter's interface",
       [](DeclaredDevice& d) {
         d.filters = {{"OUTSIDE-IN", "Gi0/1", "in"}};
       },
       "filter-contradicts the rule set says that OUTSIDE-IN stands on Gi0/1 (inward); edge.cfg has OUTSIDE-IN in "
       "on GigabitEthernet0/0\n"},
      {"a list that stands nowhere",
       [](DeclaredDevice& d) {
         d.filters = {{"SPARE", "Gi0/0", "in"}};
       },
       "filter-contradicts the rule set says that SPARE stands on Gi0/0 (inward); edge.cfg has OUTSIDE-IN in on "
       "GigabitEthernet0/0 there\n"},
      {"no such list",
       [](DeclaredDevice& d) {
         d.filters = {{"OUTSIDE", "Gi0/0", "in"}};
       },
       "filter-contradicts edge.cfg has no list 'OUTSIDE', which the rule set declares\n"},
      {"no such interface",
       [](DeclaredDevice& d) {
         d.interfaces = {{"Gi0/7", {"dmz"}, {}}};
       },
       "interface-unknown edge.cfg has no interface 'Gi0/7', which the rule set names\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    DeclaredDevice edge = declared("edge");
    row.change(edge);
    auto d = device("edge", {{"GigabitEthernet0/0", "203.0.113.2/29"}, {"GigabitEthernet0/1", "192.0.2.1/28"}});
    add_list(*d, "OUTSIDE-IN"), add_list(*d, "SPARE");
    add_stage(*d, "OUTSIDE-IN", 0);
    const RuleSet rules = rules_with({edge});
    const GivenConfiguration given[] = {{d, "", ""}};
    const Binding b = bind_devices(rules, given);
    CHECK(words(b) == row.problem);
    for (const BindingProblem& p : b.problems) CHECK(p.contradicts());
    CHECK(b.devices[0].device != nullptr);
  }
}

TEST_CASE("a listing of the lists alone is placed by the declared filters") {
  auto d = device("edge", {});
  add_list(*d, "OUTSIDE-IN"), add_list(*d, "OUTSIDE-OUT");
  const GivenConfiguration given[] = {{d, "", ""}};
  const RuleSet nothing = rules_with({declared("edge")});
  const Binding unknown = bind_devices(nothing, given);
  CHECK(unknown.devices[0].device == nullptr);
  CHECK(words(unknown) == "binding-unknown edge.cfg does not say where its lists stand\n");

  DeclaredDevice edge = declared("edge");
  edge.filters = {{"OUTSIDE-OUT", "Gi0/0", "out"}, {"OUTSIDE-IN", "Gi0/0", "in"}};
  edge.interfaces = {{"Gi0/0", {"internet"}, {}}};
  const RuleSet rules = rules_with({edge}, {way("internet", "dmz", {{"edge"}})});
  const Binding b = bind_devices(rules, given);
  CHECK(words(b) == "");
  REQUIRE(b.devices[0].device != nullptr);
  REQUIRE(b.devices[0].device->stages.size() == 2);
  CHECK(b.devices[0].device->stages[0].name == "OUTSIDE-IN in on Gi0/0");
  CHECK(b.devices[0].device->stages[1].egress == std::vector<InterfaceId>{0});
  CHECK(d->stages.empty());  // the given one is not touched
}

TEST_CASE("statefulness is read") {
  Device plain = *device("edge", {});
  const ListIndex list = add_list(plain, "FORWARD");
  Entry e;
  e.action = Action::permit;
  e.match.push_back({});
  plain.lists[list].entries.push_back(e);
  CHECK_FALSE(is_stateful(plain));
  Device by_state = plain;
  by_state.lists[list].entries[0].match[0].box.states = {ConnectionState::established};
  CHECK(is_stateful(by_state));
  by_state.lists[list].entries[0].action = Action::deny;
  CHECK_FALSE(is_stateful(by_state));
  Device implied = plain;
  implied.replies_implied = true;
  CHECK(is_stateful(implied));
}

TEST_CASE("an interface of a cloud's document is a machine behind the filter, not the filter") {
  const RuleSet rules = world::small_dmz();
  for (const auto& [dialect, own] : {std::pair(Dialect::cisco_ios, true), std::pair(Dialect::aws, false),
                                     std::pair(Dialect::azure, false), std::pair(Dialect::gcp, false)}) {
    const GivenConfiguration given{device("fw", {{"web1", "192.0.2.11/32"}}, dialect), "fw", ""};
    CHECK(bind_devices(rules, std::span(&given, 1)).devices.at(0).own.contains(ip("192.0.2.11")) == own);
  }
}

TEST_CASE("which way a packet takes") {
  // internet --- wan [edge] core --- up [fw] dmz|back|office
  auto edge = device("edge", {{"wan", "203.0.113.2/29"},
                              {"core", "172.16.0.1/30"},
                              {"Loopback0", "203.0.113.254/32"},
                              {"spare", ""},
                              {"old", "10.50.0.1/28", true}});
  auto fw = device("fw", {{"up", "172.16.0.2/30"},
                          {"dmz", "192.0.2.1/28"},
                          {"back", "10.20.0.1/28"},
                          {"office", "10.50.0.1/28"},
                          {"transit", "10.99.0.1/24"}});
  const RuleSet rules = rules_with(
      {declared("edge"), declared("fw")},
      {way("internet", "dmz", {{"edge"}, {"fw"}}), way("dmz", "back", {{"fw"}}), way("office", "dmz", {{"fw"}}),
       way("office", "database", {{"fw"}}), way("internet", "database", {}), way("database", "back", {{"fw"}})});
  const GivenConfiguration given[] = {{edge, "", ""}, {fw, "", ""}};
  const Binding b = bind_devices(rules, given);
  CHECK(words(b) == "");
  struct Row {
    const char *from, *to, *source, *destination, *way;
  };
  for (const Row& row : {
           Row{"internet", "dmz", "198.51.100.7", "192.0.2.11", "edge forward wan>core; fw forward up>dmz"},
           Row{"dmz", "internet", "192.0.2.11", "198.51.100.7", "fw forward dmz>up; edge forward core>wan"},
           Row{"dmz", "back", "192.0.2.11", "10.20.0.11", "fw forward dmz>back"},
           Row{"office", "dmz", "10.50.0.9", "192.0.2.11", "fw forward office>dmz"},
           // fw's own address in the dmz ends the way there; edge's is asked before it.
           Row{"internet", "dmz", "198.51.100.7", "192.0.2.1", "edge forward wan>core; fw local-in up"},
           Row{"dmz", "internet", "192.0.2.11", "203.0.113.2", "fw forward dmz>up; edge local-in core"},
           Row{"dmz", "internet", "192.0.2.1", "198.51.100.7", "fw local-out up; edge forward core>wan"},
           Row{"internet", "dmz", "203.0.113.2", "192.0.2.11", "edge local-out core; fw forward up>dmz"},
           // Nobody has the database's network: any interface that is not the office's.
           Row{"office", "database", "10.50.0.9", "10.30.0.3", "fw forward office>up|dmz|back|transit"},
           // Inside a zone only the addressed device filters.
           Row{"dmz", "dmz", "192.0.2.11", "192.0.2.12", ""},
           Row{"dmz", "dmz", "192.0.2.11", "192.0.2.1", "fw local-in dmz"},
           Row{"dmz", "dmz", "192.0.2.1", "192.0.2.11", "fw local-out dmz"},
           Row{"internet", "database", "198.51.100.7", "10.30.0.3", ""},
           Row{"back", "office", "10.20.0.11", "10.50.0.9", ""},
       }) {
    CAPTURE(row.from);
    CAPTURE(row.source);
    CAPTURE(row.destination);
    CHECK(way_of(b, row.from, row.to, row.source, row.destination) == row.way);
  }
  const auto state = [&](const char* from, const char* to) {
    return path_between(b, zone(rules, from), zone(rules, to)).state;
  };
  CHECK(state("internet", "dmz") == ZonePath::State::declared);
  CHECK(state("internet", "database") == ZonePath::State::isolated);
  CHECK(state("database", "internet") == ZonePath::State::isolated);
  CHECK(state("back", "office") == ZonePath::State::undeclared);
  CHECK(state("dmz", "dmz") == ZonePath::State::inside);
  CHECK(describe(b, path_between(b, zone(rules, "dmz"), zone(rules, "internet"))) ==
        "dmz to internet by fw, then edge");
}

TEST_CASE("what is declared of interfaces wins over what addresses say") {
  DeclaredDevice fw = declared("fw", "iptables");
  fw.interfaces = {{"eth0", {"internet"}, {}}, {"eth1", {"dmz", "back"}, {}}};
  // iptables-save names only the interfaces that rules ask for, and no addresses.
  auto read = device("fw", {{"eth0", ""}, {"eth1", ""}, {"eth2", ""}}, Dialect::iptables);
  const RuleSet rules = rules_with({fw}, {way("internet", "dmz", {{"fw"}}), way("office", "dmz", {{"fw"}}),
                                          way("office", "database", {{"fw"}})});
  const GivenConfiguration given[] = {{read, "", ""}};
  const Binding b = bind_devices(rules, given);
  CHECK(way_of(b, "internet", "dmz", "198.51.100.7", "192.0.2.11") == "fw forward eth0>eth1");
  const ZonePath office = path_between(b, zone(rules, "office"), zone(rules, "dmz"));
  const std::vector<PacketCrossing> crossings = crossings_of(office, ip("10.50.0.9"), ip("192.0.2.11"));
  REQUIRE(crossings.size() == 1);
  CHECK_FALSE(crossings[0].ingress.contains(0));
  CHECK_FALSE(crossings[0].ingress.contains(1));
  CHECK(crossings[0].ingress.contains(2));
  CHECK(crossings[0].ingress.contains(200));  // one that no rule names
  CHECK(crossings[0].egress == ByteSet{1});
  CHECK(office.hops[0].alternatives[0].crossings[0].ingress[0].by == Leads::remaining);
  CHECK(office.hops[0].alternatives[0].crossings[0].egress[0].by == Leads::declared);
  // The host of the device's name gives it its own addresses.
  CHECK(way_of(b, "internet", "dmz", "198.51.100.7", "192.0.2.1") == "fw local-in eth0");
}

TEST_CASE("a zone on several interfaces is told apart by address as far as it goes") {
  auto fw = device("fw", {{"a", "10.50.0.1/30"}, {"b", "10.50.0.5/30"}, {"dmz", "192.0.2.1/28"}});
  const RuleSet rules = rules_with({declared("fw")}, {way("office", "dmz", {{"fw"}})});
  const GivenConfiguration given[] = {{fw, "", ""}};
  const Binding b = bind_devices(rules, given);
  CHECK(way_of(b, "office", "dmz", "10.50.0.2", "192.0.2.11") == "fw forward a>dmz");
  CHECK(way_of(b, "office", "dmz", "10.50.0.6", "192.0.2.11") == "fw forward b>dmz");
  CHECK(way_of(b, "office", "dmz", "10.50.0.9", "192.0.2.11") == "fw forward a|b>dmz");
}

TEST_CASE("the rest of a network that a named zone lies in is not the internet") {
  auto edge = device("edge", {{"wan", "10.200.0.2/30"}, {"lan", "192.0.2.1/24"}});
  RuleSet rules = rules_with({declared("edge")}, {way("internet", "dmz", {{"edge"}})});
  rules.zones[0].addresses = rules.zones[0].addresses.unite(AddressSet{net("192.0.2.128/25")});
  const GivenConfiguration given[] = {{edge, "", ""}};
  const Binding b = bind_devices(rules, given);
  CHECK(way_of(b, "internet", "dmz", "198.51.100.7", "192.0.2.11") == "edge forward wan>lan");
}

TEST_CASE("alternatives, a device without configuration, a host's own firewall") {
  auto a = device("fw-a", {{"out", "203.0.113.2/29"}, {"in", "192.0.2.2/28"}});
  auto web = device("web1", {}, Dialect::iptables);
  const RuleSet rules = rules_with({declared("fw-a"), declared("fw-b"), declared("web1", "iptables")},
                                   {way("internet", "dmz", {{"fw-a", "fw-b"}})});
  const GivenConfiguration given[] = {{a, "", ""}, {web, "", ""}};
  const Binding b = bind_devices(rules, given);
  CHECK(words(b) == "no-configuration no configuration of fw-b was given\n");
  CHECK(way_of(b, "internet", "dmz", "198.51.100.7", "192.0.2.12") == "fw-a forward out>in / fw-b forward *>*");
  CHECK(way_of(b, "internet", "dmz", "198.51.100.7", "192.0.2.11") ==
        "fw-a forward out>in / fw-b forward *>*; web1 local-in *");
  CHECK(way_of(b, "dmz", "internet", "192.0.2.11", "198.51.100.7") ==
        "web1 local-out *; fw-a forward in>out / fw-b forward *>*");
  // What is meant for fw-a itself does not pass fw-b.
  CHECK(way_of(b, "internet", "dmz", "198.51.100.7", "192.0.2.2") == "fw-a local-in out");
  CHECK(way_of(b, "dmz", "dmz", "192.0.2.12", "192.0.2.11") == "web1 local-in *");
}

TEST_CASE("a direction declared by itself wins over the reverse of the other") {
  const RuleSet rules = rules_with({declared("a"), declared("b")},
                                   {way("office", "dmz", {{"a"}, {"b"}}), way("dmz", "office", {{"b"}})});
  const Binding b = bind_devices(rules, {});
  CHECK(path_between(b, zone(rules, "office"), zone(rules, "dmz")).hops.size() == 2);
  CHECK(path_between(b, zone(rules, "dmz"), zone(rules, "office")).hops.size() == 1);
  std::size_t judged = 0;
  for (const ZonePath& p : all_paths(b)) judged += p.is_judged() ? 1 : 0;
  CHECK(judged == 2);
}

}  // namespace
}  // namespace demarc
