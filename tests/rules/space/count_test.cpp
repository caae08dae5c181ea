#include "rules/space/count.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("a count is exact far beyond 128 bits") {
  CHECK(to_string(Count()) == "0");
  CHECK(to_string(Count(1234567890)) == "1234567890");
  CHECK(to_string(Count::power_of_two(128)) == "340282366920938463463374607431768211456");
  CHECK(to_string(Count::power_of_two(128) - Count(1)) == "340282366920938463463374607431768211455");
  CHECK(to_string(Count::power_of_two(192) + Count(1)) ==
        "6277101735386680763835789423207666416102355444464034512897");
  CHECK((Count::power_of_two(300) - Count(1)) + Count(1) == Count::power_of_two(300));
  CHECK((Count::power_of_two(200) - Count(1)) < Count::power_of_two(200));
  CHECK(Count::power_of_two(64) > Count(~std::uint64_t{0}));
}

TEST_CASE("a count shifts across its limbs") {
  for (unsigned shift : {0U, 1U, 63U, 64U, 65U, 127U, 128U, 300U}) {
    CAPTURE(shift);
    CHECK((Count(1) << shift) == Count::power_of_two(shift));
    CHECK((Count::power_of_two(shift) >> shift) == Count(1));
    CHECK(((Count(0x123456789ABCDEF) << shift) >> shift) == Count(0x123456789ABCDEF));
  }
}

TEST_CASE("a count saturates, has a logarithm and a form for people") {
  CHECK(Count::power_of_two(127).saturated() == Uint128{1} << 127);
  CHECK(Count::power_of_two(128).saturated() == ~Uint128{0});
  CHECK(Count::power_of_two(200).log2() == doctest::Approx(200));
  CHECK(Count().log2() == -1);
  CHECK(describe(Count(65535)) == "65,535");
  CHECK(describe(Count(17)) == "17");
  CHECK(describe(Count::power_of_two(48)) == "about 2^48.0");
}
