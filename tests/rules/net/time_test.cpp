#include "rules/net/time.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("timestamps are RFC 3339, in UTC") {
  struct Row {
    const char *in, *out;
  };
  for (const Row& row :
       {Row{"2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"},
        Row{"2026-11-23T11:00:00+01:00", "2026-11-23T10:00:00Z"},
        Row{"1970-01-01T00:00:00.5Z", "1970-01-01T00:00:00.500Z"},
        Row{"1970-01-01T00:00:07.00012Z", "1970-01-01T00:00:07.000120Z"},
        Row{"1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"},
        Row{"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"}, Row{"2026-11-23t10:00:00z", "2026-11-23T10:00:00Z"}}) {
    CAPTURE(row.in);
    REQUIRE(parse_timestamp(row.in));
    CHECK(to_string(*parse_timestamp(row.in)) == row.out);
  }
  for (const char* bad :
       {"", "2026-11-23", "2026-02-29T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T10:00:00",
        "2026-11-23T10:00:00.Z", "2026-11-23T10:00:00Zx", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_timestamp(bad));
  }
}

TEST_CASE("dates and periods") {
  CHECK(to_string(*parse_date("2026-11-23")) == "2026-11-23");
  CHECK_FALSE(parse_date("2026-11-31"));
  CHECK_FALSE(parse_date("2026-1-1"));
  CHECK(to_string(*parse_date("2026-01-31") + *parse_period("1 month")) == "2026-02-28");
  CHECK(to_string(*parse_date("2026-02-03") + *parse_period("12 months")) == "2027-02-03");
  CHECK(to_string(*parse_date("2026-12-30") + *parse_period("45 days")) == "2027-02-13");
  CHECK(days_between(*parse_date("2026-02-28"), *parse_date("2026-03-01")) == 1);
  CHECK(parse_period("1 year")->months == 12);
  CHECK(parse_period("36 hours")->hours == 36);
  for (const char* bad : {"", "12", "months", "12months", "-1 days", "1 fortnight", "99999999 days", "12  months"})
    CHECK_FALSE(parse_period(bad));
}

TEST_CASE("durations for people") {
  CHECK(describe_duration(std::chrono::seconds(242)) == "4 min 2 s");
  CHECK(describe_duration(std::chrono::hours(73)) == "3 d 1 h");
  CHECK(describe_duration(std::chrono::milliseconds(250)) == "250 ms");
  CHECK(describe_duration(Nanoseconds(0)) == "0 s");
}
