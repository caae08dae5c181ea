// Time as data: nothing here reads a clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/text/result.h"

namespace demarc {

using Nanoseconds = std::chrono::nanoseconds;

/// An instant, UTC, nanoseconds since 1970-01-01 without leap seconds. Covers the years 1678 to 2262.
class Timestamp {
 public:
  constexpr Timestamp() = default;
  explicit constexpr Timestamp(Nanoseconds since_epoch) : since_epoch_(since_epoch) {}
  static constexpr Timestamp from_seconds(std::int64_t seconds) { return Timestamp(std::chrono::seconds(seconds)); }
  constexpr Nanoseconds since_epoch() const { return since_epoch_; }
  constexpr std::int64_t seconds() const { return std::chrono::floor<std::chrono::seconds>(since_epoch_).count(); }
  constexpr auto operator<=>(const Timestamp&) const = default;
  friend constexpr Timestamp operator+(Timestamp t, Nanoseconds d) { return Timestamp(t.since_epoch_ + d); }
  friend constexpr Timestamp operator-(Timestamp t, Nanoseconds d) { return Timestamp(t.since_epoch_ - d); }
  friend constexpr Nanoseconds operator-(Timestamp a, Timestamp b) { return a.since_epoch_ - b.since_epoch_; }

 private:
  Nanoseconds since_epoch_{0};
};

/// RFC 3339 in UTC: 2026-11-23T10:00:00Z, with as many digits of a second (3, 6, 9) as it needs.
std::string to_string(Timestamp time);
/// RFC 3339 with Z or an offset. The error has no place.
Result<Timestamp> parse_timestamp(std::string_view text);

/// A calendar day; what day it is depends on the rule set's time zone.
using Date = std::chrono::year_month_day;
std::string to_string(const Date& date);         // 2026-11-23
Result<Date> parse_date(std::string_view text);  // ISO 8601, a real day
Date add_months(const Date& date, int months);   // the last day of the month where the day does not exist
int days_between(const Date& from, const Date& to);

/// "12 months", "45 days", "1 year", "7 days", "36 hours": calendar months and exact days are kept apart.
struct Period {
  int months = 0;
  int days = 0;
  int hours = 0;
  auto operator<=>(const Period&) const = default;
};
Result<Period> parse_period(std::string_view text);
std::string to_string(const Period& period);
Date operator+(const Date& date, const Period& period);  // hours do not count
Nanoseconds nominal(const Period& period);               // a month as 30.44 days: for ages, never for due dates

/// "3 days", "4 min 2 s": for people.
std::string describe_duration(Nanoseconds duration);

}  // namespace demarc
