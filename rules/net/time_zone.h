// Time zones as data: the bytes of a TZif file (RFC 8536), read elsewhere, turned into rules for local time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/time.h"
#include "rules/text/result.h"

namespace demarc {

/// Local wall-clock time: a day and the time since its midnight as the clock shows it.
struct LocalTime {
  Date date;
  std::chrono::seconds time_of_day{0};
};

class TimeZone {
 public:
  TimeZone() = default;  // UTC
  /// The bytes of a TZif file, version 2 or later, its footer included.
  static Result<TimeZone> from_tzif(std::string name, std::string_view bytes);

  const std::string& name() const { return name_; }
  std::chrono::seconds offset_at(Timestamp time) const;  // east of UTC is positive
  LocalTime local(Timestamp time) const;
  Date date(Timestamp time) const { return local(time).date; }
  /// The instant of a local time. A time that the clock skips becomes the instant of the change, one that it shows
  /// twice the first of the two.
  Timestamp instant(const LocalTime& local) const;
  Timestamp start_of(const Date& date) const { return instant({date, std::chrono::seconds{0}}); }
  /// The first instant after the day: `expires` and `valid_until` include their day.
  Timestamp end_of(const Date& date) const {
    return start_of(Date(std::chrono::sys_days(date) + std::chrono::days(1)));
  }

 private:
  struct Transition {
    std::int64_t at = 0;  // seconds since 1970
    std::int32_t offset = 0;
  };
  /// One of the two changes a year of the footer's POSIX rule (RFC 8536 §3.3): Mm.w.d/time.
  struct YearlyChange {
    enum class Kind { month_week_day, julian_without_leap, day_of_year } kind = Kind::month_week_day;
    int month = 0, week = 0, day = 0;
    std::int32_t time_of_day = 7200;
  };
  struct Footer {
    bool present = false, has_summer = false;
    std::int32_t standard_offset = 0, summer_offset = 0;
    YearlyChange to_summer, to_standard;
  };
  std::int32_t footer_offset(std::int64_t at) const;
  static std::int64_t change_instant(const YearlyChange& change, int year, std::int32_t offset_before);
  static Result<Footer> parse_footer(std::string_view text);

  std::string name_ = "UTC";
  std::int32_t first_offset_ = 0;
  std::vector<Transition> transitions_;
  Footer footer_;
};

}  // namespace demarc
