// Corners: the pieces are those that the documents make, and the port of a piece speaks for it in every document.
#include "rules/plan/corners.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>
#include <set>

#include "rules/plan/work.h"
#include "rules/policy/approval.h"
#include "rules/policy/catalogue.h"
#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

namespace {

const PlanTarget* target(const ScanPlan& plan, std::string_view address) {
  for (const PlanTarget& t : plan.targets)
    if (t.target.address() == ip(address)) return &t;
  return nullptr;
}

bool noted(const ScanPlan& plan, std::string_view part) {
  return std::any_of(plan.notes.begin(), plan.notes.end(),
                     [&](const std::string& n) { return n.find(part) != std::string::npos; });
}

ScanPlan corners_of(const RuleSet& r, std::string_view vantage = "external", PlanOptions options = {}) {
  options.corners = true;
  options.asks = {true, true, true};
  Scope scope = Scope::from_rules(r).value();
  return plan_scan(r, scope, *r.vantage(vantage), options).value();
}

constexpr std::uint32_t kAxisEnd = 1500;  // brute force looks at every port up to there

RuleSet random_rules(std::mt19937_64& chance) {
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(chance() % n); };
  RuleSet r = small_dmz();
  r.hosts.back().name = "gate";  // no device: it is asked as well
  auto some_ports = [&]() -> std::string {
    std::string text;
    std::uint32_t at = 1;
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      std::uint32_t first = at + static_cast<std::uint32_t>(below(400)),
                    last = first + static_cast<std::uint32_t>(below(2) == 0 ? 0 : below(60));
      text += (text.empty() ? "" : ",") + std::to_string(first) + "-" + std::to_string(last);
      at = last + 1;
    }
    return text;
  };
  std::vector<std::string> services;
  for (int i = 0; i < 5; ++i) {
    services.push_back("s" + std::to_string(i));
    service(r, services.back(), below(4) == 0 ? "" : some_ports(), below(2) == 0 ? "" : some_ports());
  }
  services.push_back("every");
  const std::vector<std::string> places{"internet", "dmz", "office", "web1.front", "web2", "mail", "192.0.2.4/30"};
  auto pick = [&](const std::vector<std::string>& from) { return from[below(from.size())]; };
  for (int i = 0; i < 4; ++i) {
    Rule x = rule(r, "R-" + std::to_string(i), {pick(services), pick(services)}, {pick(places)}, {pick(places)});
    if (below(4) == 0) x.proposed = true;
    if (below(4) == 0) x.expires = day("2026-05-01");
    if (below(4) == 0) x.approved.clear();
    r.rules.push_back(std::move(x));
  }
  for (int i = 0; i < 2; ++i)
    r.forbidden.push_back(forbid(r, "F-" + std::to_string(i), {pick(services)}, {pick(places)}, {pick(places)},
                                 below(2) == 0 ? std::vector<std::string>{"R-1"} : std::vector<std::string>{}));
  Exception x;
  x.of = "F-0";
  x.rule = rule(r, "X-0", {pick(services)}, {pick(places)}, {pick(places)});
  x.rule.expires = day("2026-09-01");
  r.exceptions.push_back(std::move(x));
  return r;
}

/// How every document sees one port of a host.
std::vector<bool> sight(const RuleSet& r, const Address& real, Protocol protocol, Port port) {
  std::vector<bool> out;
  auto look = [&](const std::vector<std::uint32_t>& services, const AddressSet& to) {
    out.push_back(to.contains(real) && std::any_of(services.begin(), services.end(), [&](std::uint32_t s) {
                    const Service& x = r.services[s];
                    return x.all || (protocol == Protocol::tcp ? x.tcp : x.udp).contains(port);
                  }));
  };
  for (const Rule& x : r.rules) look(x.services, x.to.addresses);
  for (const ForbiddenEntry& x : r.forbidden) look(x.services, x.to.addresses);
  for (const Exception& x : r.exceptions) look(x.rule.services, x.rule.to.addresses);
  return out;
}

/// All of the piece, or nothing of it.
bool alike(const PortSet& set, const PortRange& piece) {
  PortSet inside = set.intersect(PortSet{piece});
  return inside.empty() || inside == PortSet{piece};
}

}  // namespace

TEST_CASE("each port has one piece, and a piece is what every document treats alike: brute force") {
  CHECK(rc::check([](std::uint64_t seed) {
    std::mt19937_64 chance(seed);
    const RuleSet r = random_rules(chance);
    PlanOptions options;
    options.tcp = options.udp = PortSet{{Port{1}, Port{kAxisEnd}}};
    const PortSet line = PortSet{{Port{700}, Port{1299}}};  // of a configuration
    if (chance() % 2 == 0) options.further = {line};
    const ScanPlan plan = corners_of(r, "external", options);
    PacketSpace space;
    std::vector<Documented> epochs_of;
    for (const char* at : {"2026-03-01T12:00:00Z", "2026-07-01T12:00:00Z", "2026-10-01T12:00:00Z"})
      epochs_of.emplace_back(r, space, when(at));
    for (std::string_view host : {"192.0.2.11", "192.0.2.5", "192.0.2.6"}) {
      const PlanTarget* t = target(plan, host);
      RC_ASSERT(t != nullptr);
      for (Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        const bool tcp = protocol == Protocol::tcp;
        const std::vector<PortRange>& pieces = tcp ? *t->tcp_pieces : *t->udp_pieces;
        const PortSet& asked = tcp ? t->tcp : t->udp;
        const PortSet alone = catalogue_ports(protocol).unite(tcp ? fragile_ports() : fragile_udp_ports());
        std::uint32_t next = 1;
        for (const PortRange& piece : pieces) {
          RC_ASSERT(piece.first.number() == next);  // so each port has exactly one
          next = piece.last.number() + 1U;
          RC_ASSERT(asked.intersect(PortSet{piece}).size() == 1U);
          for (std::string_view source : {"203.0.113.77", "10.50.0.9", "192.0.2.12"}) {
            for (const Documented& d : epochs_of) {
              RC_ASSERT(alike(d.approved_ports(ip(source), ip(host), protocol), piece));
              RC_ASSERT(alike(d.forbidden_ports(ip(source), ip(host), protocol), piece));
            }
          }
        }
        RC_ASSERT(next == kAxisEnd + 1);
        RC_ASSERT(asked.size() == pieces.size());
        // No cut without a reason, and none missing.
        std::vector<bool> seen_before = sight(r, ip(host), protocol, Port{1});
        for (std::uint32_t p = 2; p <= kAxisEnd; ++p) {
          const Port port(static_cast<std::uint16_t>(p)), before(static_cast<std::uint16_t>(p - 1));
          std::vector<bool> seen = sight(r, ip(host), protocol, port);
          const bool apart = seen != seen_before || alone.contains(port) || alone.contains(before) ||
                             (!options.further.empty() && line.contains(port) != line.contains(before));
          seen_before = std::move(seen);
          RC_ASSERT((t->stands_for(protocol, port) != t->stands_for(protocol, before)) == apart);
        }
      }
    }
  }));
}

TEST_CASE("edges and pieces") {
  PortEdges edges;
  add_edges(edges, ports("80-90,443"));
  CHECK(edges == PortEdges{80, 91, 443, 444});
  CHECK(cut_at(PortSet::probeable(), edges) == std::vector<PortRange>{{Port{1}, Port{79}},
                                                                      {Port{80}, Port{90}},
                                                                      {Port{91}, Port{442}},
                                                                      {Port{443}, Port{443}},
                                                                      {Port{444}, Port{65535}}});
  CHECK(cut_at(ports("85,89-100"), edges) ==
        std::vector<PortRange>{{Port{85}, Port{85}}, {Port{89}, Port{90}}, {Port{91}, Port{100}}});
  CHECK(cut_at(PortSet(), edges).empty());
  CHECK(cut_at(PortSet::probeable(), {}) == std::vector<PortRange>{{Port{1}, Port{65535}}});
  add_edges(edges, ports("65534-65535"), true);
  CHECK(edges == PortEdges{80, 91, 443, 444, 65534, 65535, 65536});
  CHECK(cut_at(ports("65533-65535"), edges).size() == 3);
}

TEST_CASE("the port that stands for a piece lies inside, away from its ends, and another seed takes another") {
  std::set<std::uint16_t> taken, of_two;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CHECK(port_for({Port{80}, Port{80}}, seed) == Port{80});
    of_two.insert(port_for({Port{80}, Port{81}}, seed).number());
    CHECK(port_for({Port{80}, Port{82}}, seed) == Port{81});
    Port port = port_for({Port{1000}, Port{1011}}, seed);
    CHECK(port == port_for({Port{1000}, Port{1011}}, seed));
    taken.insert(port.number());
  }
  CHECK(of_two == std::set<std::uint16_t>{80, 81});
  CHECK(taken.size() == 10);
  CHECK(*taken.begin() == 1001);
  CHECK(*taken.rbegin() == 1010);
}

TEST_CASE("a plan with corners asks little, keeps what it stands for, and says what it cannot see") {
  RuleSet r = small_dmz();
  r.rules.push_back(rule(r, "WEB-1", {"https", "dns"}, {"internet"}, {"web1.front"}));
  r.rules.push_back(rule(r, "WIDE-1", {"wide"}, {"office"}, {"web1.front"}));
  r.coverage.given = true;
  r.coverage.tcp.all = true;
  r.coverage.udp.approved = true;
  const ScanPlan plan = corners_of(r);
  const PlanTarget* web = target(plan, "192.0.2.11");
  REQUIRE(web != nullptr);
  CHECK(web->tcp.contains(Port{443}));
  CHECK(web->tcp.contains(Port{3389}));  // the catalogue's, in the middle of the range 1024-5000
  CHECK(web->stands_for(Protocol::tcp, Port{443}) == PortRange::single(Port{443}));
  CHECK(web->udp.contains(Port{53}));
  CHECK(web->stands_for(Protocol::udp, Port{60000}).size() > 1000);
  CHECK(web->stands_for(Protocol::tcp, Port{5000}).last == Port{5000});
  // Coverage asks no UDP of the mail server.
  CHECK(target(plan, "192.0.2.5")->udp.empty());
  CHECK(plan.corners);
  CHECK(plan.probes() < plan.sweep_probes / 100);
  CHECK(plan.sweep_probes == plan.targets.size() * 65535 + 65535);
  CHECK(plan.sweep_seconds_max > plan.seconds_max * 20);
  CHECK(plan.unmet == plan.targets.size() * 65535 - plan.tcp_probes);
  CHECK(noted(plan, "seen only by chance"));
  CHECK(noted(plan, "stay not measured"));
  // The same plan asks the same ports; a neighbour, another vantage point and another seed others.
  CHECK(corners_of(r).sha256() == plan.sha256());
  std::set<PortSet> choices;
  for (const PlanTarget& t : plan.targets)
    if (t.tcp_pieces == target(plan, "192.0.2.5")->tcp_pieces) choices.insert(t.tcp);
  CHECK(choices.size() > 3);
  PlanOptions other;
  other.corner_seed = 1;
  CHECK(target(corners_of(r, "external", other), "192.0.2.11")->tcp != web->tcp);
  CHECK(target(corners_of(r, "office"), "192.0.2.11")->tcp != web->tcp);
  // Without corners a probe stands for its port.
  PlanOptions plain;
  Scope scope = Scope::from_rules(r).value();
  ScanPlan sweep = plan_scan(r, scope, *r.vantage("external"), plain).value();
  CHECK(target(sweep, "192.0.2.11")->stands_for(Protocol::tcp, Port{60000}) == PortRange::single(Port{60000}));
  CHECK(sweep.sweep_probes == sweep.tcp_probes);
  CHECK(sweep.unmet == 0);
  CHECK_FALSE(noted(sweep, "corners"));
}

TEST_CASE("ports that a translation forwards, canaries and members of a virtual server are pieces of their own") {
  RuleSet r = small_dmz();
  Translation t;
  t.real_name = "db";
  t.real = {ip("10.30.0.3")};
  t.seen_as = ip("203.0.113.10");
  t.from = ends(r, {"internet"});
  t.ports = {{Port{11433}, Port{1433}}, {Port{11434}, Port{1434}}};
  r.translations.push_back(t);
  r.vantages[0].canaries = {{"mail:2222", ip("192.0.2.5"), Port{2222}}};
  Vip vip;
  vip.address = ip("192.0.2.13");
  vip.members = ends(r, {"web2"});
  r.vips.push_back(vip);
  service(r, "odd", "40000-40009");
  r.rules.push_back(rule(r, "ODD-1", {"odd"}, {"internet"}, {"web2"}));
  const ScanPlan plan = corners_of(r);
  REQUIRE(target(plan, "203.0.113.10") != nullptr);
  CHECK(target(plan, "203.0.113.10")->stands_for(Protocol::tcp, Port{11433}) == PortRange::single(Port{11433}));
  CHECK(target(plan, "203.0.113.10")->stands_for(Protocol::tcp, Port{11434}) == PortRange::single(Port{11434}));
  CHECK(target(plan, "192.0.2.5")->stands_for(Protocol::tcp, Port{2222}) == PortRange::single(Port{2222}));
  CHECK(target(plan, "192.0.2.6")->stands_for(Protocol::tcp, Port{2222}).size() > 1);
  CHECK(target(plan, "192.0.2.13")->stands_for(Protocol::tcp, Port{40003}) == PortRange{Port{40000}, Port{40009}});
}

TEST_CASE("care comes before corners") {
  RuleSet r = small_dmz();
  r.rules.push_back(rule(r, "MAIL-1", {"smtp"}, {"internet"}, {"mail"}));
  r.hosts[2].care = Care::discovery_only;
  const ScanPlan plan = corners_of(r);
  CHECK(target(plan, "192.0.2.5")->tcp == ports("25"));
  CHECK(target(plan, "192.0.2.11")->silent.contains(Port{502}));
  CHECK(target(plan, "192.0.2.11")->stands_for(Protocol::tcp, Port{502}) == PortRange::single(Port{502}));
}

TEST_CASE("corners without a rule set: the catalogue cuts what -p names") {
  Scope scope = Scope::from_prefixes(std::vector<Prefix>{net("192.0.2.7")}).value();
  PlanOptions options;
  options.corners = true;
  options.tcp = ports("440-450,30000-39999");
  const ScanPlan plan = plan_scan(scope, options).value();
  REQUIRE(plan.targets.size() == 1);
  CHECK(plan.targets[0].tcp.contains(ports("443,445")));
  CHECK(plan.sweep_probes == 10011);
  CHECK(plan.tcp_probes < 20);
  options.tcp.reset();
  CHECK(plan_scan(scope, options).value().sweep_probes == 65535);
}
