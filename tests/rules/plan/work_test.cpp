#include "rules/plan/work.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/policy/catalogue.h"
#include "rules/policy/coverage.h"
#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

namespace {

RuleSet planned() {
  RuleSet r = small_dmz();
  r.rules.push_back(rule(r, "WEB-1", {"https"}, {"internet"}, {"web1.front"}));
  r.rules.push_back(rule(r, "DNS-1", {"dns", "ping"}, {"office"}, {"mail"}));
  r.forbidden.push_back(forbid(r, "F-SMB", {"smb"}, {"internet"}, {"dmz"}));
  r.coverage.given = true;
  r.coverage.tcp.approved = r.coverage.tcp.forbidden = true;
  r.coverage.udp.approved = true;
  r.coverage.icmp.approved = true;
  return r;
}

const PlanTarget* target(const ScanPlan& plan, std::string_view address) {
  for (const PlanTarget& t : plan.targets)
    if (t.target.address() == ip(address)) return &t;
  return nullptr;
}

bool noted(const ScanPlan& plan, std::string_view part) {
  return std::any_of(plan.notes.begin(), plan.notes.end(),
                     [&](const std::string& n) { return n.find(part) != std::string::npos; });
}

ScanPlan plan_of(const RuleSet& r, std::string_view vantage = "external", const PlanOptions& options = {}) {
  Scope scope = Scope::from_rules(r).value();
  return plan_scan(r, scope, *r.vantage(vantage), options).value();
}

}  // namespace

TEST_CASE("coverage asks for what any rule names, from wherever; UDP and ICMP are kept as not asked") {
  ScanPlan plan = plan_of(planned());
  REQUIRE(target(plan, "192.0.2.11") != nullptr);
  CHECK(target(plan, "192.0.2.11")->tcp == ports("139,443,445"));
  CHECK(target(plan, "192.0.2.11")->name == "web1.front");
  REQUIRE(target(plan, "192.0.2.5") != nullptr);
  CHECK(target(plan, "192.0.2.5")->tcp == ports("53,139,445"));
  CHECK(target(plan, "192.0.2.5")->udp == ports("53"));
  CHECK(target(plan, "192.0.2.5")->icmp == std::vector<IcmpType>{{8, std::uint8_t{0}}});
  CHECK(target(plan, "192.0.2.1") == nullptr);  // the firewall
  CHECK(plan.udp_required == 1);
  CHECK(plan.icmp_required == 1);
  CHECK(noted(plan, "coverage requires 1 UDP ports and 1 ICMP types here, which connect cannot ask"));
  std::uint64_t probes = 0;
  for (const PlanTarget& t : plan.targets) probes += t.tcp.size();
  CHECK(plan.tcp_probes == probes);
  CHECK(plan.seconds_max > plan.seconds_min);
}

TEST_CASE("coverage as the rule set words it") {
  RuleSet r = planned();
  auto tcp_of = [&](auto change) {
    RuleSet x = r;
    change(x.coverage);
    return CoverageMap(x).required(ip("192.0.2.11")).tcp;
  };
  CHECK(tcp_of([](Coverage& c) {
          c.tcp = {};
          c.tcp.all = true;
        }) == ports("1-65535"));
  CHECK(tcp_of([](Coverage& c) {
          c.tcp = {};
          c.tcp.approved = true;
        }) == ports("443"));
  CHECK(tcp_of([](Coverage& c) {
          c.tcp = {};
          c.tcp.forbidden = true;
        }) == ports("139,445"));
  CHECK(tcp_of([](Coverage& c) {
          c.tcp = {};
          c.tcp.catalogue = true;
        }) == catalogue_ports(Protocol::tcp));
  CHECK(tcp_of([](Coverage& c) {
          c.tcp = {};
          c.tcp.ports = ports("0-22");
        }) == ports("1-22"));
  CHECK(tcp_of([](Coverage& c) { c.tcp.none = true; }).empty());
  PortSet without = tcp_of([](Coverage& c) { c.given = false; });
  CHECK(without.contains(Port{443}));
  CHECK(without.contains(Port{3389}));
  CHECK_FALSE(without.contains(Port{4}));
  CoverageMap map(r);
  CHECK(map.required(ip("192.0.2.5")).udp == ports("53"));
  CHECK(map.required(ip("192.0.2.6")).udp.empty());
  CHECK(map.approved_tcp(ip("192.0.2.11")) == ports("443"));
}

TEST_CASE("hosts are asked under the address that the vantage point sees") {
  RuleSet r = planned();
  Translation t;
  t.real_name = "db";
  t.real = {ip("10.30.0.3")};
  t.seen_as = ip("203.0.113.10");
  t.from = ends(r, {"internet"});
  t.ports = {{Port{11433}, Port{1433}}};
  r.translations.push_back(t);
  r.rules.push_back(rule(r, "DB-1", {"mssql"}, {"internet"}, {"db"}));
  ScanPlan plan = plan_of(r);
  REQUIRE(target(plan, "203.0.113.10") != nullptr);
  CHECK(target(plan, "203.0.113.10")->real == ip("10.30.0.3"));
  CHECK(target(plan, "203.0.113.10")->name == "db");
  CHECK(target(plan, "203.0.113.10")->tcp == ports("1433,11433"));
  CHECK(target(plan, "10.30.0.3") == nullptr);
  // The rest of the private zone cannot be addressed from the internet, and that is said, not counted as blocked.
  CHECK(std::any_of(plan.unroutable.begin(), plan.unroutable.end(),
                    [](const Unroutable& u) { return u.real == ip("10.30.0.4"); }));
  CHECK_FALSE(std::any_of(plan.unroutable.begin(), plan.unroutable.end(),
                          [](const Unroutable& u) { return u.real == ip("10.30.0.3"); }));
  // From the office the database is itself.
  ScanPlan inside = plan_of(r, "office");
  CHECK(target(inside, "10.30.0.3") != nullptr);
  CHECK(std::none_of(inside.unroutable.begin(), inside.unroutable.end(),
                     [](const Unroutable& u) { return u.real.is_ipv4(); }));
  // IPv6 targets, from a vantage point without IPv6.
  CHECK(std::any_of(plan.unroutable.begin(), plan.unroutable.end(),
                    [](const Unroutable& u) { return u.why == "the vantage point has no IPv6 address"; }));
}

TEST_CASE("what the command line changes") {
  RuleSet r = planned();
  PlanOptions options;
  options.tcp = ports("22,0-3");
  options.targets = {net("192.0.2.8/29")};
  options.exclude = {net("192.0.2.12")};
  ScanPlan plan = plan_of(r, "external", options);
  CHECK(plan.targets.size() == 6);  // .8-.14, without .12 and the broadcast
  for (const PlanTarget& t : plan.targets) CHECK(t.tcp == ports("1-3,22"));
  CHECK(plan.udp_required + plan.icmp_required == 0);
  Scope scope = Scope::from_rules(r).value();
  options.targets = {net("198.51.100.7")};
  CHECK(plan_scan(r, scope, *r.vantage("external"), options).error().what ==
        "198.51.100.7 is outside the authorised scope");
  options.targets = {net("198.51.100.0/24")};
  CHECK(plan_scan(r, scope, *r.vantage("external"), options).error().what ==
        "198.51.100.0/24 is outside the authorised scope");
  options.targets = {net("192.0.2.0/24")};
  CHECK(noted(plan_of(r, "external", options), "of 192.0.2.0/24 outside the scope and not asked"));
  options.targets = {net("10.30.0.3")};  // unroutable by the rule set, but somebody insists
  CHECK(plan_of(r, "external", options).targets.size() == 1);
  options.rate = 100000;
  CHECK_FALSE(plan_scan(r, scope, *r.vantage("external"), options));
}

TEST_CASE("care, the vantage point's own host, its own subnet") {
  RuleSet r = planned();
  r.hosts[2].care = Care::discovery_only;  // mail
  Vantage v;
  v.name = "on-web1";
  v.zone = "dmz";
  v.address = ip("192.0.2.11");
  r.vantages.push_back(v);
  ScanPlan plan = plan_of(r, "on-web1");
  CHECK(target(plan, "192.0.2.11") == nullptr);
  CHECK(noted(plan, "web1.front (192.0.2.11): the vantage point itself"));
  REQUIRE(target(plan, "192.0.2.5") != nullptr);
  CHECK(target(plan, "192.0.2.5")->tcp == ports("53"));
  CHECK(target(plan, "192.0.2.5")->silent == ports("53"));
  CHECK(target(plan, "192.0.2.5")->udp.empty());
  r.zones[1].intra_allowed = true;
  plan = plan_of(r, "on-web1");
  CHECK(target(plan, "192.0.2.12") == nullptr);
  CHECK(noted(plan, "`intra: allowed`"));
}

TEST_CASE("canaries are asked as seen, and only inside the scope") {
  RuleSet r = planned();
  Translation t;
  t.real_name = "web1.front";
  t.real = {ip("192.0.2.11")};
  t.seen_as = ip("203.0.113.10");
  t.from = ends(r, {"internet"});
  t.ports = {{Port{8443}, Port{443}}};
  r.translations.push_back(t);
  r.vantages[0].canaries = {{"web1.front:443", ip("192.0.2.11"), Port{443}},
                            {"elsewhere:80", ip("198.51.100.1"), Port{80}}};
  ScanPlan plan = plan_of(r);
  REQUIRE(plan.canaries.size() == 1);
  CHECK(plan.canaries[0].target.address() == ip("203.0.113.10"));
  CHECK(plan.canaries[0].port == Port{8443});
  CHECK(noted(plan, "canary elsewhere:80: not asked, 198.51.100.1 is outside the authorised scope"));
  CHECK(noted(plan_of(r, "office"), "no canary"));
}

TEST_CASE("the hash of a plan follows what is asked and nothing else") {
  RuleSet r = planned();
  PlanOptions fast;
  fast.rate = 500;
  fast.processes = 2;
  CHECK(plan_of(r).sha256() == plan_of(r, "external", fast).sha256());
  CHECK(plan_of(r).sha256() != plan_of(r, "office").sha256());
  PlanOptions other;
  other.tcp = ports("22");
  CHECK(plan_of(r).sha256() != plan_of(r, "external", other).sha256());
}

TEST_CASE("the shards together are the whole, each probe once") {
  RuleSet r = planned();
  ScanPlan plan = plan_of(r);
  for (std::uint32_t shards : {1U, 2U, 3U, 7U}) {
    CAPTURE(shards);
    std::map<WorkItem, int> asked;
    std::uint64_t total = 0;
    for (std::uint32_t shard = 1; shard <= shards; ++shard) {
      WorkOrder work(plan, 42, shard, shards);
      total += work.size();
      for (std::uint64_t i = 0; i < work.size(); ++i) {
        WorkItem item = work.at(i);
        ++asked[item];
        std::optional<std::uint64_t> number = work.number(item);
        REQUIRE(number);
        REQUIRE(work.item(*number) == item);
        REQUIRE(work.position_of(*number) == i);
      }
    }
    CHECK(total == plan.tcp_probes);
    CHECK(asked.size() == plan.tcp_probes);
    for (const auto& [item, times] : asked) {
      REQUIRE(times == 1);
      REQUIRE(plan.targets[item.target].tcp.contains(item.port));
    }
  }
  WorkOrder work(plan, 42);
  CHECK_FALSE(work.number(0, Protocol::tcp, Port{7}));
  CHECK_FALSE(work.number(9999, Protocol::tcp, Port{443}));
  CHECK(plan.targets[*work.find(ip("192.0.2.11"))].target.address() == ip("192.0.2.11"));
  CHECK_FALSE(work.find(ip("192.0.2.1")));
  ScanPlan nothing;
  CHECK(WorkOrder(nothing, 1).size() == 0);
}

TEST_CASE("without a rule set: the scope and the given ports") {
  std::vector<Prefix> prefixes = {net("127.0.0.1")};
  Scope scope = Scope::from_prefixes(prefixes).value();
  PlanOptions options;
  options.tcp = PortSet::all();
  ScanPlan plan = plan_scan(scope, options).value();
  REQUIRE(plan.targets.size() == 1);
  CHECK(plan.tcp_probes == 65535);
  CHECK(plan.targets[0].silent.contains(Port{9100}));
  options.tcp.reset();
  CHECK(plan_scan(scope, options)->targets[0].tcp == catalogue_ports(Protocol::tcp));
}

TEST_CASE("the estimate knows that a filter remembers silence for two minutes") {
  Scope scope = Scope::from_prefixes(std::vector<Prefix>{*parse_prefix("198.51.100.7")}).value();
  PlanOptions options;
  options.tcp = PortSet::probeable();
  options.tries = 1;
  ScanPlan plan = plan_scan(scope, options).value();
  double states = plan.rate.states_per_path;
  REQUIRE(states < 65535);
  CHECK(plan.seconds_max >= (65535 - states) * 120 / states);
  options.tcp = ports("1-100");
  CHECK(plan_scan(scope, options).value().seconds_max < 10);
}

TEST_CASE("what each engine can ask, and what nobody can") {
  RuleSet r = planned();
  service(r, "icmp-mtu");
  r.services.back().icmp = {{3, std::uint8_t{4}}, {13, std::uint8_t{0}}, {8, std::uint8_t{7}}};
  service(r, "bacnet", "", "47808");
  r.rules.push_back(rule(r, "MTU-1", {"icmp-mtu"}, {"internet"}, {"mail"}));
  r.rules.push_back(rule(r, "BAC-1", {"bacnet"}, {"office"}, {"web1.front"}));
  r.forbidden.push_back(forbid(r, "F-BAC", {"bacnet"}, {"internet"}, {"dmz"}));
  r.coverage.udp.forbidden = true;
  PlanOptions raw;
  raw.asks = {true, true, true};
  ScanPlan plan = plan_of(r, "external", raw);
  const PlanTarget* mail = target(plan, "192.0.2.5");
  REQUIRE(mail != nullptr);
  CHECK(mail->icmp == std::vector<IcmpType>{{8, std::uint8_t{0}}, {13, std::uint8_t{0}}});
  CHECK(mail->icmp_required == std::vector<IcmpType>{{3, std::uint8_t{4}}, {8, std::uint8_t{7}}});
  CHECK(plan.icmp_probes == 2);
  CHECK(plan.icmp_required == 4);
  CHECK(plan.udp_probes == plan.udp_required);
  CHECK(WorkOrder(plan, 1).total() == plan.probes());
  CHECK(noted(plan, "coverage requires 2 ICMP types here that are no queries"));
  CHECK_FALSE(noted(plan, "connect"));
  // A controller's port gets no bytes unless a rule names it there.
  CHECK(mail->udp.contains(Port{47808}));
  CHECK(mail->silent_udp == ports("47808"));
  CHECK(target(plan, "192.0.2.11")->udp.contains(Port{47808}));
  CHECK(target(plan, "192.0.2.11")->silent_udp.empty());
  ScanPlan connect = plan_of(r);
  CHECK(connect.udp_probes + connect.icmp_probes == 0);
  CHECK(connect.udp_required == plan.udp_required);
  CHECK(WorkOrder(connect, 1).total() == connect.tcp_probes);
  CHECK(noted(connect, "which connect cannot ask"));
  CHECK(connect.sha256() != plan.sha256());
  CHECK(plan.seconds_max > connect.seconds_max);
}

TEST_CASE("an `all` service does not name a controller's port") {
  RuleSet r = planned();
  r.rules.push_back(rule(r, "ALL-1", {"every"}, {"office"}, {"web1.front"}));
  PlanOptions raw;
  raw.asks.udp = true;
  ScanPlan plan = plan_of(r, "external", raw);
  CHECK(target(plan, "192.0.2.11")->udp.size() == 65535);
  CHECK(target(plan, "192.0.2.11")->silent_udp == fragile_udp_ports());
}

TEST_CASE("-p asks ICMP queries of each family") {
  RuleSet r = planned();
  PlanOptions options;
  options.asks = {true, true, true};
  options.tcp = options.udp = PortSet();
  options.icmp = std::vector<IcmpType>{{8, std::nullopt}, {13, std::nullopt}, {128, std::nullopt}};
  options.known = {ip("2001:db8:d::12")};
  Vantage v;
  v.name = "v6";
  v.zone = "internet";
  v.address = ip("2001:db8:f::1");
  r.vantages.push_back(v);
  ScanPlan four = plan_of(r, "external", options);
  CHECK(target(four, "192.0.2.11")->icmp == std::vector<IcmpType>{{8, std::uint8_t{0}}, {13, std::uint8_t{0}}});
  CHECK(four.tcp_probes == 0);
  CHECK(four.icmp_probes == 2 * four.targets.size());
  CHECK(four.icmp_required == four.icmp_probes);
  ScanPlan six = plan_of(r, "v6", options);
  REQUIRE(target(six, "2001:db8:d::12") != nullptr);
  CHECK(target(six, "2001:db8:d::12")->icmp == std::vector<IcmpType>{{128, std::uint8_t{0}}});
}

TEST_CASE("states are counted by the filters on the way") {
  RuleSet r = planned();
  r.forbidden.push_back(forbid(r, "F-SMB2", {"smb"}, {"internet"}, {"database"}));
  ScanPlan undeclared = plan_of(r, "office");
  REQUIRE(undeclared.paths.size() == 1);
  CHECK(undeclared.paths[0].name == "no path declared");
  CHECK(undeclared.paths[0].probes == undeclared.tcp_probes);
  CHECK(undeclared.paths[0].states == undeclared.tcp_probes);
  CHECK(undeclared.paths[0].states_silent == 2 * undeclared.tcp_probes);
  CHECK(undeclared.states_max ==
        std::min<std::uint64_t>(2 * undeclared.tcp_probes, undeclared.rate.states_per_path));
  auto way = [&](std::string from, std::string to, std::vector<std::vector<std::string>> via) {
    Path p;
    p.from = std::move(from);
    p.to = std::move(to);
    p.via = std::move(via);
    r.paths.push_back(std::move(p));
  };
  way("office", "dmz", {{"core"}, {"edge"}});
  way("database", "office", {{"vault"}});  // the way back passes the same devices
  ScanPlan apart = plan_of(r, "office");
  REQUIRE(apart.paths.size() == 3);
  std::uint64_t together = 0;
  for (const PlanPath& p : apart.paths) together += p.probes;
  CHECK(together == apart.tcp_probes);
  CHECK(apart.paths.at(target(apart, "192.0.2.5")->path).name == "office to dmz by core, edge");
  CHECK(apart.paths.at(target(apart, "10.30.0.3")->path).name == "office to database by vault");
  // A third way through devices of both makes one of them.
  way("office", "back", {{"edge"}, {"vault"}});
  ScanPlan joined = plan_of(r, "office");
  CHECK(target(joined, "192.0.2.5")->path == target(joined, "10.30.0.3")->path);
  CHECK(joined.paths.at(target(joined, "192.0.2.5")->path).probes == joined.tcp_probes);
  // The peak: what two minutes at that rate make, and never more than the cap.
  r.scope.states_max_per_path = 100000;
  PlanOptions slow;
  slow.rate = 1;
  slow.tcp = PortSet::probeable();
  CHECK(plan_of(r, "office", slow).states_max == 120);
  r.scope.states_max_per_path = 50;
  CHECK(plan_of(r, "office", slow).states_max == 50);
}
