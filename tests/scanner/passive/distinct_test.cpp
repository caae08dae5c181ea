#include "scanner/passive/distinct.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>

namespace demarc {

TEST_CASE("different things are counted exactly up to 1,024") {
  std::mt19937_64 random(1);
  DistinctCount count;
  std::vector<std::uint64_t> seen;
  for (std::uint64_t i = 1; i <= 1024; ++i) {
    seen.push_back(random());
    count.add(seen.back());
    count.add(seen[random() % seen.size()]);
    REQUIRE(count.count() == i);
  }
  CHECK(count.exact());
  count.add(random());
  CHECK_FALSE(count.exact());
  CHECK(count.count() >= 1025);
}

TEST_CASE("above that they are estimated within 3 percent") {
  for (const std::uint64_t many : {1'100, 2'000, 5'000, 20'000, 50'000, 300'000, 3'000'000}) {
    std::mt19937_64 random(many);
    DistinctCount count;
    for (std::uint64_t i = 0; i < many; ++i) {
      const std::uint64_t thing = random();
      count.add(thing);
      count.add(thing);
    }
    CAPTURE(many);
    CHECK(std::abs(static_cast<double>(count.count()) / static_cast<double>(many) - 1) < 0.03);
    CHECK(count.heap() <= 8192);
  }
}

TEST_CASE("two counts added together count what both saw once") {
  std::mt19937_64 random(3);
  for (const std::uint64_t many : {300, 900, 4'000}) {
    DistinctCount one, two, both;
    for (std::uint64_t i = 0; i < many; ++i) {
      const std::uint64_t thing = random();
      if (i % 3 != 0) one.add(thing);
      if (i % 3 != 1) two.add(thing);
      both.add(thing);
    }
    one.add(two);
    CHECK(one.count() == both.count());
  }
}

TEST_CASE("a port set keeps its first and last ranges") {
  PortBits ports;
  for (std::uint16_t port = 10; port < 400; port = static_cast<std::uint16_t>(port + 10)) ports.add(port);
  ports.add(11);
  ports.add(65535);
  CHECK(ports.count() == 41);
  CHECK(to_string(ports.ports(4)) == "10-11,20,390,65535");
  CHECK(to_string(ports.ports(1000)).starts_with("10-11,20,30,"));
  PortBits many;
  std::set<std::uint16_t> naive;
  std::mt19937 random(5);
  for (int i = 0; i < 5000; ++i) {
    const auto port = static_cast<std::uint16_t>(random());
    many.add(port);
    naive.insert(port);
    if (i % 500 == 7) CHECK(many.count() == naive.size());
  }
  const PortSet all = many.ports(100'000);
  CHECK(all.size() == naive.size());
  for (const std::uint16_t port : naive) REQUIRE(all.contains(Port(port)));
  PortBits sum;
  sum.add(7);
  sum.add(many);
  naive.insert(7);
  CHECK(sum.count() == naive.size());
}

}  // namespace demarc
