#include "scanner/app/world.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("durations on the command line") {
  CHECK(parse_duration("90s")->count() == 90);
  CHECK(parse_duration("90")->count() == 90);
  CHECK(parse_duration("15m")->count() == 900);
  CHECK(parse_duration("2h")->count() == 7200);
  CHECK(parse_duration("1d")->count() == 86400);
  for (const char* bad : {"", "0s", "-1s", "1w", "s", "1.5h", "99999999999d"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("--as-of takes a day for its last second, in the rule set's zone") {
  CommonOptions options;
  options.as_of = "2026-11-23";
  CHECK(to_string(*as_of(options, nullptr)) == "2026-11-23T23:59:59Z");
  options.as_of = "2026-11-23T10:00:00+01:00";
  CHECK(to_string(*as_of(options, nullptr)) == "2026-11-23T09:00:00Z");
  options.as_of = "yesterday";
  CHECK_FALSE(as_of(options, nullptr));
}

TEST_CASE("seeds are exact in JSON") {
  for (int i = 0; i < 100; ++i) CHECK(random_seed() < (1ULL << 53));
}

TEST_CASE("all shards of a plan take the same order, and another plan another one") {
  CHECK(common_seed("abc") == common_seed("abc"));
  CHECK(common_seed("abc") != common_seed("abd"));
  CHECK(common_seed("abc") < (1ULL << 53));
}
