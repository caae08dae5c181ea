#include "rules/plan/order.h"

#include <doctest/doctest.h>

#include <vector>

using namespace demarc;

TEST_CASE("every thing comes once, whatever the size, and can be found again") {
  for (std::uint64_t size : {1ULL, 2ULL, 3ULL, 4ULL, 5ULL, 17ULL, 64ULL, 1000ULL, 65535ULL}) {
    CAPTURE(size);
    Permutation order(size, 7);
    std::vector<bool> seen(size);
    bool sound = true;
    for (std::uint64_t i = 0; i < size; ++i) {
      std::uint64_t thing = order.at(i);
      sound &= thing < size && !seen[thing] && order.position_of(thing) == i;
      if (thing < size) seen[thing] = true;
    }
    CHECK(sound);
  }
}

TEST_CASE("the order is random, the seed decides it, and huge ranges work") {
  Permutation a(65535, 1), b(65535, 2), again(65535, 1);
  int same = 0, neighbours = 0;
  for (std::uint64_t i = 0; i + 1 < 65535; ++i) {
    same += a.at(i) == b.at(i) ? 1 : 0;
    neighbours += a.at(i) + 1 == a.at(i + 1) ? 1 : 0;
    REQUIRE(a.at(i) == again.at(i));
  }
  CHECK(same < 20);
  CHECK(neighbours < 20);
  Permutation huge(0xFFFFFFFFFFFFULL, 3);
  CHECK(huge.at(12345) < huge.size());
  CHECK(huge.position_of(huge.at(0xFFFFFFFFFFFEULL)) == 0xFFFFFFFFFFFEULL);
}
