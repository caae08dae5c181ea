#include "rules/space/diagram.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace demarc;

namespace {

constexpr unsigned kVariables = 5;
constexpr std::uint32_t kAssignments = 1U << kVariables;

bool evaluate(const Diagram& d, Diagram::Edge e, std::uint32_t assignment) {  // bit i is the variable at level i
  while (e > Diagram::kFalse) e = (assignment >> d.level(e) & 1) != 0 ? d.high(e) : d.low(e);
  return e == Diagram::kTrue;
}

/// The function with that truth table, built variable by variable.
Diagram::Edge of_table(Diagram& d, std::uint32_t table, unsigned level = 0, std::uint32_t fixed = 0) {
  if (level == kVariables) return (table >> fixed & 1) != 0 ? Diagram::kTrue : Diagram::kFalse;
  const Diagram::Edge low = of_table(d, table, level + 1, fixed);
  return d.make(level, low, of_table(d, table, level + 1, fixed | 1U << level));
}

}  // namespace

TEST_CASE("a function is one edge, and operations on edges are operations on truth tables") {
  std::mt19937 random(7);
  Diagram d(kVariables);
  for (int round = 0; round < 2000; ++round) {
    const auto a = static_cast<std::uint32_t>(random()), b = static_cast<std::uint32_t>(random());
    const Diagram::Edge ea = of_table(d, a), eb = of_table(d, b);
    REQUIRE(d.conjunction(ea, eb) == of_table(d, a & b));
    REQUIRE(d.disjunction(ea, eb) == of_table(d, a | b));
    REQUIRE(d.difference(ea, eb) == of_table(d, a & ~b));
    REQUIRE(Diagram::complement(ea) == of_table(d, ~a));
    REQUIRE(d.overlap(ea, eb) == ((a & b) != 0));
    REQUIRE(d.overlap(ea, Diagram::complement(ea)) == false);
    REQUIRE(d.count(ea) == Count(static_cast<std::uint64_t>(__builtin_popcount(a))));
    for (std::uint32_t x = 0; x < kAssignments; ++x) REQUIRE(evaluate(d, ea, x) == ((a >> x & 1) != 0));
  }
}

TEST_CASE("forgetting a variable joins its two halves") {
  std::mt19937 random(11);
  Diagram d(kVariables);
  for (int round = 0; round < 500; ++round) {
    const auto table = static_cast<std::uint32_t>(random() & random());
    std::vector<bool> forgotten(kVariables);
    for (unsigned v = 0; v < kVariables; ++v) forgotten[v] = random() % 2 == 0;
    std::uint32_t expected = 0;
    for (std::uint32_t x = 0; x < kAssignments; ++x) {
      for (std::uint32_t y = 0; y < kAssignments; ++y) {
        bool same = true;
        for (unsigned v = 0; v < kVariables; ++v) same &= forgotten[v] || (x >> v & 1) == (y >> v & 1);
        if (same && (table >> y & 1) != 0) expected |= 1U << x;
      }
    }
    REQUIRE(d.forget(of_table(d, table), forgotten) == of_table(d, expected));
  }
}

TEST_CASE("a variable is inserted wherever its level lies") {
  std::mt19937 random(13);
  Diagram d(kVariables);
  for (int round = 0; round < 500; ++round) {
    const auto a = static_cast<std::uint32_t>(random()), b = static_cast<std::uint32_t>(random());
    const unsigned level = static_cast<unsigned>(random() % kVariables);
    // Two functions that do not test the level: each assignment is read as if its bit were 0.
    std::uint32_t low = 0, high = 0, expected = 0;
    for (std::uint32_t x = 0; x < kAssignments; ++x) {
      const std::uint32_t y = x & ~(1U << level);
      low |= (a >> y & 1) << x;
      high |= (b >> y & 1) << x;
      expected |= ((x >> level & 1) != 0 ? b >> y & 1 : a >> y & 1) << x;
    }
    REQUIRE(d.insert(level, of_table(d, low), of_table(d, high)) == of_table(d, expected));
  }
}

TEST_CASE("tables grow without losing a node") {
  Diagram d(40);
  std::vector<Diagram::Edge> cubes;
  auto cube = [&d](std::uint64_t n) {
    Diagram::Edge e = Diagram::kTrue;
    for (unsigned l = 40; l-- > 0;)
      e = (n >> l & 1) != 0 ? d.make(l, Diagram::kFalse, e) : d.make(l, e, Diagram::kFalse);
    return e;
  };
  for (std::uint64_t n = 0; n < 3000; ++n) cubes.push_back(cube(n * 0x9E3779B97ULL));
  const std::size_t nodes = d.node_count();
  for (std::uint64_t n = 0; n < 3000; ++n) REQUIRE(cube(n * 0x9E3779B97ULL) == cubes[n]);
  CHECK(d.node_count() == nodes);
  CHECK(nodes > 16384);
}

TEST_CASE("a space says when it is exhausted, and goes on working") {
  SUBCASE("nodes") {
    Diagram d(64, {.nodes_max = 50, .steps_max = 1000});
    Diagram::Edge parity = Diagram::kFalse;
    CHECK_THROWS_WITH_AS(
        [&] {
          for (unsigned l = 64; l-- > 0;) parity = d.make(l, parity, Diagram::complement(parity));
        }(),
        "a comparison of packet sets needs more than 50 diagram nodes", SpaceExhausted);
    CHECK(d.node_count() == 50);
    CHECK(d.conjunction(Diagram::kTrue, parity) == parity);
  }
  SUBCASE("steps") {
    Diagram d(20, {.nodes_max = 100000, .steps_max = 5});
    auto variable = [&d](unsigned l) { return d.make(l, Diagram::kFalse, Diagram::kTrue); };
    CHECK_THROWS_WITH_AS(
        [&] {
          Diagram::Edge e = Diagram::kTrue;
          for (unsigned l = 0; l < 20; ++l) e = d.conjunction(e, variable(l));
        }(),
        "a comparison of packet sets needs more than 5 steps", SpaceExhausted);
  }
}
