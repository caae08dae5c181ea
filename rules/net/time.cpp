#include "rules/net/time.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace demarc {

namespace {

using namespace std::chrono;

/// Exactly `width` digits at `at`, which moves past them.
std::optional<int> digits(std::string_view text, std::size_t& at, std::size_t width) {
  if (text.size() < at + width) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < width; ++i) {
    char c = text[at + i];
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  at += width;
  return number;
}

/// Exactly `width` digits, with zeros in front.
void append_digits(std::string& out, std::uint64_t number, std::size_t width) {
  const std::size_t begin = out.size();
  out.append(width, '0');
  for (std::size_t i = begin + width; i > begin; number /= 10) out[--i] = static_cast<char>('0' + number % 10);
}

bool skip(std::string_view text, std::size_t& at, char c) {
  if (at >= text.size() || text[at] != c) return false;
  ++at;
  return true;
}

std::optional<Date> read_date(std::string_view text, std::size_t& at) {
  std::optional<int> y = digits(text, at, 4);
  if (!y || !skip(text, at, '-')) return std::nullopt;
  std::optional<int> m = digits(text, at, 2);
  if (!m || !skip(text, at, '-')) return std::nullopt;
  std::optional<int> d = digits(text, at, 2);
  if (!d) return std::nullopt;
  Date date{year{*y}, month{static_cast<unsigned>(*m)}, day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return std::nullopt;
  return date;
}

constexpr int kYearFirst = 1678, kYearLast = 2261;  // what 64 bits of nanoseconds hold

}  // namespace

std::string to_string(Timestamp time) {
  const sys_days day = floor<days>(sys_time<Nanoseconds>(time.since_epoch()));
  const Date date{day};
  const hh_mm_ss<Nanoseconds> clock(sys_time<Nanoseconds>(time.since_epoch()) - day);
  // Written by the million: digit by digit. The years that 64 bits hold have four digits.
  std::string out;
  out.reserve(30);
  append_digits(out, static_cast<std::uint64_t>(int(date.year())), 4);
  append_digits(out += '-', unsigned(date.month()), 2);
  append_digits(out += '-', unsigned(date.day()), 2);
  append_digits(out += 'T', static_cast<std::uint64_t>(clock.hours().count()), 2);
  append_digits(out += ':', static_cast<std::uint64_t>(clock.minutes().count()), 2);
  append_digits(out += ':', static_cast<std::uint64_t>(clock.seconds().count()), 2);
  const auto fraction = static_cast<std::uint64_t>(clock.subseconds().count());
  if (fraction != 0) {
    out += '.';
    if (fraction % 1'000'000 == 0)
      append_digits(out, fraction / 1'000'000, 3);
    else if (fraction % 1'000 == 0)
      append_digits(out, fraction / 1'000, 6);
    else
      append_digits(out, fraction, 9);
  }
  return out += 'Z';
}

Result<Timestamp> parse_timestamp(std::string_view text) {
  auto wrong = [&] {
    return failure(fmt::format("'{}' is no time", text), "write 2026-11-23T10:00:00Z or 2026-11-23T11:00:00+01:00");
  };
  std::size_t at = 0;
  std::optional<Date> date = read_date(text, at);
  if (!date || int(date->year()) < kYearFirst || int(date->year()) > kYearLast) return wrong();
  if (!skip(text, at, 'T') && !skip(text, at, 't') && !skip(text, at, ' ')) return wrong();
  std::optional<int> h = digits(text, at, 2);
  if (!h || *h > 23 || !skip(text, at, ':')) return wrong();
  std::optional<int> m = digits(text, at, 2);
  if (!m || *m > 59 || !skip(text, at, ':')) return wrong();
  std::optional<int> s = digits(text, at, 2);
  if (!s || *s > 60) return wrong();  // 60 is a leap second (RFC 3339 §5.6)
  std::int64_t fraction = 0;
  if (skip(text, at, '.')) {
    std::int64_t unit = 1'000'000'000;
    std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      unit /= 10;
      fraction += unit * (text[at] - '0');
    }
    if (at == begin) return wrong();
  }
  minutes offset{0};
  if (!skip(text, at, 'Z') && !skip(text, at, 'z')) {
    bool east = skip(text, at, '+');
    if (!east && !skip(text, at, '-')) return wrong();
    std::optional<int> oh = digits(text, at, 2);
    if (!oh || *oh > 23 || !skip(text, at, ':')) return wrong();
    std::optional<int> om = digits(text, at, 2);
    if (!om || *om > 59) return wrong();
    offset = minutes((*oh * 60 + *om) * (east ? 1 : -1));
  }
  if (at != text.size()) return wrong();
  Nanoseconds since =
      sys_days(*date).time_since_epoch() + hours(*h) + minutes(*m) + seconds(*s) + nanoseconds(fraction) - offset;
  return Timestamp(since);
}

std::string to_string(const Date& date) {
  return fmt::format("{:04}-{:02}-{:02}", int(date.year()), unsigned(date.month()), unsigned(date.day()));
}

Result<Date> parse_date(std::string_view text) {
  std::size_t at = 0;
  std::optional<Date> date = read_date(text, at);
  if (!date || at != text.size())
    return failure(fmt::format("'{}' is no date", text), "write a day that exists as 2026-11-23");
  if (int(date->year()) < kYearFirst || int(date->year()) > kYearLast)
    return failure(fmt::format("the year of '{}' is out of range", text));
  return *date;
}

Date add_months(const Date& date, int count) {
  Date moved = date + months(count);
  return moved.ok() ? moved : Date(moved.year() / moved.month() / last);
}

int days_between(const Date& from, const Date& to) {
  return static_cast<int>((sys_days(to) - sys_days(from)).count());
}

Result<Period> parse_period(std::string_view text) {
  auto wrong = [&] {
    return failure(fmt::format("'{}' is no period", text), "write 12 months, 45 days, 1 year or 36 hours");
  };
  int number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number < 0 || number > 36500 || end == text.data()) return wrong();
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.size() < 2 || unit.front() != ' ') return wrong();
  unit.remove_prefix(1);
  if (unit.ends_with('s')) unit.remove_suffix(1);
  if (unit == "hour") return Period{.hours = number};
  if (unit == "day") return Period{.days = number};
  if (unit == "week") return Period{.days = number * 7};
  if (unit == "month" && number <= 1200) return Period{.months = number};
  if (unit == "year" && number <= 100) return Period{.months = number * 12};
  return wrong();
}

std::string to_string(const Period& period) {
  std::string out;
  auto part = [&](int number, std::string_view unit) {
    if (number != 0) out += fmt::format("{}{} {}{}", out.empty() ? "" : " ", number, unit, number == 1 ? "" : "s");
  };
  part(period.months, "month");
  part(period.days, "day");
  part(period.hours, "hour");
  return out.empty() ? "0 days" : out;
}

Date operator+(const Date& date, const Period& period) {
  return Date(sys_days(add_months(date, period.months)) + days(period.days));
}

Nanoseconds nominal(const Period& period) {
  return hours(period.hours) + days(period.days) + period.months * (hours(730) + minutes(29));
}

std::string describe_duration(Nanoseconds duration) {
  if (duration < Nanoseconds{0}) return "-" + describe_duration(-duration);
  struct Unit {
    std::int64_t ns;
    std::string_view name;
  };
  constexpr Unit kUnits[] = {
      {86'400'000'000'000, "d"}, {3'600'000'000'000, "h"}, {60'000'000'000, "min"}, {1'000'000'000, "s"}};
  std::int64_t rest = duration.count();
  if (rest < 1'000'000'000) return rest == 0 ? "0 s" : fmt::format("{:.3g} ms", static_cast<double>(rest) / 1e6);
  std::string out;
  int shown = 0;
  for (const Unit& unit : kUnits) {
    if (rest < unit.ns || shown == 2) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : " ", rest / unit.ns, unit.name);
    rest %= unit.ns;
    ++shown;
  }
  return out;
}

}  // namespace demarc
