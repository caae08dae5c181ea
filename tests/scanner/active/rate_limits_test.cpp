#include "scanner/active/rate_limits.h"

#include <doctest/doctest.h>

#include <set>

using namespace demarc;

namespace {
const Refusals::By kRouter{*parse_address("203.0.113.1"), Answer::icmp_admin_prohibited};
}

TEST_CASE("silence among refused ports is near, silence far from them is not") {
  Refusals refusals;
  for (int port : {1000, 1090, 1200, 1290, 1400}) refusals.add(Port{static_cast<std::uint16_t>(port)}, kRouter);
  refusals.settle();
  CHECK(refusals.distance(Port{1000}) == 0);
  CHECK(refusals.distance(Port{1100}) == 10);
  CHECK(refusals.near(Port{1150}));
  CHECK(refusals.near(Port{999}));
  CHECK_FALSE(refusals.near(Port{9000}));
  CHECK(refusals.distance(Port{65535}) == 65535 - 1400);
}

TEST_CASE("a refusal is known by its router and its kind") {
  Refusals refusals;
  refusals.add(Port{25}, kRouter);
  CHECK(refusals.is_one_of(kRouter));
  CHECK_FALSE(refusals.is_one_of({kRouter.router, Answer::icmp_port_unreachable}));
  CHECK_FALSE(refusals.is_one_of({*parse_address("203.0.113.2"), kRouter.answer}));
}

TEST_CASE("half of the ports asked again are close to refused ones, none is asked twice") {
  Refusals refusals;
  refusals.add(Port{1000}, kRouter);
  refusals.settle();
  std::mt19937_64 random(1);
  RecheckChoice choice(6);
  for (std::uint16_t port = 1; port < 5000; ++port)
    if (port != 1000) choice.offer(port, Port{port}, refusals, random);
  std::set<std::uint64_t> seen;
  int near = 0;
  for (const RecheckChoice::Candidate& candidate : choice.take()) {
    CHECK(seen.insert(candidate.index).second);
    if (!candidate.near) continue;
    ++near;
    CHECK(refusals.distance(Port{static_cast<std::uint16_t>(candidate.index)}) <= 2);
  }
  CHECK(near == 3);
  CHECK(seen.size() == 6);
  CHECK(choice.offered() == 4998);
}

TEST_CASE("one silent port is asked again once") {
  Refusals refusals;
  refusals.add(Port{1000}, kRouter);
  refusals.settle();
  std::mt19937_64 random(1);
  RecheckChoice choice(6);
  choice.offer(7, Port{1001}, refusals, random);
  CHECK(choice.take().size() == 1);
}

TEST_CASE("refused ports are counted once, and their groups are named by one of each") {
  Refusals refusals;
  CHECK(refusals.groups().empty());
  // Two dense ranges far apart, asked in any order, some twice.
  for (int port : {8003, 20, 8001, 22, 21, 8002, 20, 23, 8000, 25, 24, 8004})
    refusals.add(Port{static_cast<std::uint16_t>(port)}, kRouter);
  refusals.settle();
  CHECK(refusals.count() == 11);
  const std::vector<std::uint16_t> groups = refusals.groups();
  REQUIRE(groups.size() == 2);
  CHECK((groups[0] >= 20 && groups[0] <= 25));
  CHECK((groups[1] >= 8000 && groups[1] <= 8004));
  CHECK(refusals.by() == std::vector<Refusals::By>{kRouter});
  refusals.add(Port{40000}, kRouter);
  refusals.settle();
  CHECK(refusals.count() == 12);
  CHECK(refusals.groups().size() == 3);
}

TEST_CASE("a hostile number of routers is not remembered") {
  Refusals refusals;
  for (std::uint32_t i = 0; i < 1000; ++i)
    refusals.add(Port{static_cast<std::uint16_t>(i)}, {Address::ipv4(0xCB007100U + i), kRouter.answer});
  refusals.settle();
  CHECK(refusals.by().size() <= 8);
  CHECK(refusals.count() == 1000);
  CHECK(refusals.groups().size() == 1);
}
