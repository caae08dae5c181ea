// The numbers and the order of a plan's probes.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <random>
#include <set>

#include "rules/plan/work.h"
#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

namespace {

/// Targets with little or nothing of each protocol, alike or not, so that empty ones, shared tables and runs that
/// touch the ends of the axis all occur.
ScanPlan random_plan(std::mt19937_64& chance) {
  auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(chance() % n); };
  Scope scope = Scope::from_prefixes(std::vector<Prefix>{net("192.0.2.0/27"), net("2001:db8::/123")}).value();
  auto some_ports = [&] {
    std::vector<PortRange> ranges;
    for (std::uint32_t i = below(4); i > 0; --i) {
      std::uint32_t first = below(4) == 0 ? 65530 + below(6) : 1 + below(300);
      std::uint32_t last = std::min<std::uint32_t>(65535, first + below(20));
      ranges.push_back({Port(static_cast<std::uint16_t>(first)), Port(static_cast<std::uint16_t>(last))});
    }
    return PortSet::of(ranges);
  };
  ScanPlan plan;
  std::vector<PortSet> few{some_ports(), some_ports(), some_ports()};
  for (std::uint32_t i = 1 + below(29), n = 0; n < i; ++n) {
    Address address = below(3) == 0 ? Address::of(Family::ipv6, ip("2001:db8::").number() + n)
                                    : Address::of(Family::ipv4, ip("192.0.2.1").number() + n);
    PlanTarget target(scope.admit(address).value(), address, "");
    target.tcp = below(2) == 0 ? few[below(3)] : some_ports();
    target.udp = below(2) == 0 ? few[below(3)] : some_ports();
    for (std::uint8_t type : {std::uint8_t{8}, std::uint8_t{13}, std::uint8_t{17}, std::uint8_t{128}}) {
      if (IcmpType t{type, std::uint8_t{0}}; below(2) == 0 && can_be_asked(address.family(), t))
        target.icmp.push_back(t);
    }
    target.icmp_required = {{3, std::uint8_t{4}}};
    plan.targets.push_back(target);
  }
  return plan;
}

std::set<WorkItem> all_of(const ScanPlan& plan, Asks asks) {
  std::set<WorkItem> all;
  for (std::uint32_t t = 0; t < plan.targets.size(); ++t) {
    const PlanTarget& target = plan.targets[t];
    auto add = [&](Protocol protocol, const PortSet& ports) {
      for (const PortRange& r : ports.ranges())
        for (std::uint32_t p = r.first.number(); p <= r.last.number(); ++p)
          all.insert({t, protocol, Port(static_cast<std::uint16_t>(p)), {}});
    };
    if (asks.tcp) add(Protocol::tcp, target.tcp);
    if (asks.udp) add(Protocol::udp, target.udp);
    for (IcmpType type : target.icmp)
      if (asks.icmp)
        all.insert({t, target.target.address().is_ipv4() ? Protocol::icmp : Protocol::icmpv6, Port{}, type});
  }
  return all;
}

}  // namespace

TEST_CASE("over mixed protocols and shards, every probe comes once, has one number, and is found by it") {
  CHECK(rc::check([](std::uint64_t seed) {
    std::mt19937_64 chance(seed);
    const ScanPlan plan = random_plan(chance);
    const Asks asks{chance() % 2 == 0, chance() % 2 == 0, chance() % 2 == 0};
    const auto shards = static_cast<std::uint32_t>(1 + chance() % 5);
    const std::set<WorkItem> expected = all_of(plan, asks);
    std::set<WorkItem> seen;
    std::set<std::uint64_t> numbers;
    std::vector<WorkOrder> orders;
    for (std::uint32_t shard = 1; shard <= shards; ++shard) orders.emplace_back(plan, seed, shard, shards, asks);
    for (const WorkOrder& work : orders) {
      RC_ASSERT(work.total() == expected.size());
      for (std::uint64_t i = 0; i < work.size(); ++i) {
        WorkItem item = work.at(i);
        RC_ASSERT(seen.insert(item).second);
        std::optional<std::uint64_t> number = work.number(item);
        RC_ASSERT(number.has_value());
        RC_ASSERT(*number < work.total());
        RC_ASSERT(*number == work.number_at(i));
        RC_ASSERT(numbers.insert(*number).second);
        RC_ASSERT(work.item(*number) == item);
        RC_ASSERT(work.position_of(*number) == i);
        for (const WorkOrder& other : orders)
          if (&other != &work) RC_ASSERT(!other.position_of(*number));
      }
    }
    RC_ASSERT(seen == expected);
    // What is not asked has no number, and what borders on it is not mistaken for it.
    WorkOrder work(plan, seed, 1, 1, asks);
    for (std::uint32_t t = 0; t < plan.targets.size(); ++t) {
      for (std::uint32_t p = 0; p < 330; ++p) {
        Port port(static_cast<std::uint16_t>(p));
        for (Protocol protocol : {Protocol::tcp, Protocol::udp})
          RC_ASSERT(work.number(t, protocol, port).has_value() == expected.contains({t, protocol, port, {}}));
      }
      RC_ASSERT(!work.number(t, Protocol::sctp, Port{80}));
      RC_ASSERT(!work.number(t, IcmpType{3, std::uint8_t{4}}));
    }
  }));
}

TEST_CASE("numbers run through the targets, and at each through TCP, UDP and ICMP") {
  Scope scope = Scope::from_prefixes(std::vector<Prefix>{net("192.0.2.0/28")}).value();
  ScanPlan plan;
  for (std::string_view address : {"192.0.2.1", "192.0.2.2"}) {
    PlanTarget target(scope.admit(ip(address)).value(), ip(address), "");
    target.tcp = ports("80-82,443");
    target.udp = ports("53");
    target.icmp = {{8, std::uint8_t{0}}, {13, std::uint8_t{0}}};
    plan.targets.push_back(target);
  }
  WorkOrder all(plan, 1, 1, 1, {true, true, true});
  CHECK(all.total() == 14);
  CHECK(all.number(0, Protocol::tcp, Port{82}) == 2);
  CHECK(all.number(0, Protocol::udp, Port{53}) == 4);
  CHECK(all.number(1, IcmpType{13, std::nullopt}) == 13);
  CHECK(all.number(1, IcmpType{13, std::uint8_t{0}}) == 13);
  CHECK_FALSE(all.number(1, IcmpType{13, std::uint8_t{1}}));
  CHECK(all.item(12) == WorkItem{1, Protocol::icmp, Port{}, {8, std::uint8_t{0}}});
  // Without TCP the numbers close up.
  WorkOrder some(plan, 1, 1, 1, {false, true, true});
  CHECK(some.total() == 6);
  CHECK(some.number(0, Protocol::udp, Port{53}) == 0);
  CHECK_FALSE(some.number(0, Protocol::tcp, Port{82}));
  // By default what the plan asks.
  CHECK(WorkOrder(plan, 1).total() == 8);
  plan.asks.udp = true;
  CHECK(WorkOrder(plan, 1).total() == 10);
}

TEST_CASE("a large plan with a few large targets among many small ones") {
  Scope scope = Scope::from_prefixes(std::vector<Prefix>{net("198.18.0.0/16")}).value();
  ScanPlan plan;
  std::uint64_t expected = 0;
  for (std::uint32_t n = 1; n < 60000; ++n) {
    Address address = Address::of(Family::ipv4, ip("198.18.0.0").number() + n);
    PlanTarget target(scope.admit(address).value(), address, "");
    target.tcp = n % 20000 == 7 ? PortSet::probeable() : ports("22,443");
    expected += target.tcp.size();
    plan.targets.push_back(target);
  }
  WorkOrder work(plan, 5);
  REQUIRE(work.total() == expected);
  bool sound = true;
  for (std::uint64_t number = 0; number < work.total(); ++number) sound &= work.number(work.item(number)) == number;
  CHECK(sound);
}
