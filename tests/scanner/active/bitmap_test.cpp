#include "scanner/active/bitmap.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace demarc;

TEST_CASE("a bitmap finds its members in order, also at the edges of words") {
  Bitmap bits;
  bits.resize(200);
  CHECK(bits.next(0, 200) == 200);
  for (std::uint64_t i : {0U, 63U, 64U, 127U, 199U}) bits.set(i);
  CHECK(bits.next(0, 200) == 0);
  CHECK(bits.next(1, 200) == 63);
  CHECK(bits.next(64, 200) == 64);
  CHECK(bits.next(65, 200) == 127);
  CHECK(bits.next(128, 200) == 199);
  CHECK(bits.next(128, 199) == 199);  // the end is not a member
  bits.clear(199);
  CHECK(bits.next(128, 200) == 200);
  bits.clear();
  CHECK(bits.next(0, 200) == 200);
}

TEST_CASE("a bitmap holds what a set holds") {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    std::uint64_t size = 1 + random() % 300;
    Bitmap bits;
    bits.resize(size);
    std::set<std::uint64_t> plain;
    for (int i = 0; i < 40; ++i) {
      std::uint64_t member = random() % size;
      if (random() % 3 == 0) {
        bits.clear(member);
        plain.erase(member);
      } else {
        bits.set(member);
        plain.insert(member);
      }
    }
    std::set<std::uint64_t> found;
    for (std::uint64_t i = bits.next(0, size); i < size; i = bits.next(i + 1, size)) found.insert(i);
    REQUIRE(found == plain);
  }
}
