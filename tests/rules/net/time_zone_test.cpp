#include "rules/net/time_zone.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace demarc;

namespace {

std::string number(std::uint64_t value, int width) {
  std::string out;
  for (int i = width - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

/// A TZif version 2 file (RFC 8536 §3) with one change to +1:00 in 1893 and a footer.
std::string tzif(const std::string& footer) {
  auto header = [](std::uint32_t times, std::uint32_t types) {
    return std::string("TZif2") + std::string(15, '\0') + number(0, 4) + number(0, 4) + number(0, 4) +
           number(times, 4) + number(types, 4) + number(4, 4);
  };
  std::string type_local = number(3208, 4) + std::string("\0\0", 2),
              type_cet = number(3600, 4) + std::string("\0\0", 2);
  return header(0, 1) + type_local + std::string("LMT\0", 4) + header(1, 2) +
         number(static_cast<std::uint64_t>(-2422054408LL), 8) + std::string("\1", 1) + type_local + type_cet +
         std::string("LMT\0", 4) + "\n" + footer + "\n";
}

TimeZone berlin() { return TimeZone::from_tzif("Europe/Berlin", tzif("CET-1CEST,M3.5.0,M10.5.0/3")).value(); }
LocalTime local(const char* date, int hours, int minutes) {
  return {*parse_date(date), std::chrono::hours(hours) + std::chrono::minutes(minutes)};
}

}  // namespace

TEST_CASE("summer time by the footer's rule") {
  TimeZone zone = berlin();
  struct Row {
    const char* utc;
    int offset;
  };
  for (const Row& row :
       {Row{"2026-03-29T00:59:59Z", 3600}, Row{"2026-03-29T01:00:00Z", 7200}, Row{"2026-10-25T00:59:59Z", 7200},
        Row{"2026-10-25T01:00:00Z", 3600}, Row{"2026-07-01T00:00:00Z", 7200}, Row{"1880-01-01T00:00:00Z", 3208}}) {
    CAPTURE(row.utc);
    CHECK(zone.offset_at(*parse_timestamp(row.utc)).count() == row.offset);
  }
}

TEST_CASE("local times become instants, also at the two changes") {
  TimeZone zone = berlin();
  struct Row {
    LocalTime local;
    const char* utc;
  };
  for (const Row& row :
       {Row{local("2026-11-23", 0, 0), "2026-11-22T23:00:00Z"},
        Row{local("2026-07-01", 12, 0), "2026-07-01T10:00:00Z"},
        Row{local("2026-03-29", 2, 30), "2026-03-29T01:00:00Z"},     // skipped: the instant of the change
        Row{local("2026-10-25", 2, 30), "2026-10-25T00:30:00Z"}}) {  // twice: the first
    CAPTURE(row.utc);
    CHECK(to_string(zone.instant(row.local)) == row.utc);
  }
  CHECK(to_string(zone.end_of(*parse_date("2026-03-31"))) == "2026-03-31T22:00:00Z");
  CHECK(to_string(zone.date(*parse_timestamp("2026-11-22T23:30:00Z"))) == "2026-11-23");
}

TEST_CASE("southern summers span the new year") {
  TimeZone zone = TimeZone::from_tzif("Australia/Sydney", tzif("AEST-10AEDT,M10.1.0,M4.1.0/3")).value();
  CHECK(zone.offset_at(*parse_timestamp("2026-01-15T00:00:00Z")).count() == 39600);
  CHECK(zone.offset_at(*parse_timestamp("2026-07-15T00:00:00Z")).count() == 36000);
}

TEST_CASE("a file cut at any byte is an error, never a crash") {
  std::string whole = tzif("CET-1CEST,M3.5.0,M10.5.0/3");
  REQUIRE(TimeZone::from_tzif("x", whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(TimeZone::from_tzif("x", std::string_view(whole).substr(0, n)));
  }
  for (const char* footer : {"CET", "CET-1CEST,M3.5", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0", "<-03",
                             "CET-1CEST,M3.5.0,M10.5.0/3x"})
    CHECK_FALSE(TimeZone::from_tzif("x", tzif(footer)));
  CHECK(
      TimeZone::from_tzif("x", tzif("<-03>3")).value().offset_at(Timestamp::from_seconds(2'000'000'000)).count() ==
      -10800);
}

TEST_CASE("without a file it is UTC") { CHECK(TimeZone().offset_at(Timestamp()).count() == 0); }
