#include "rules/net/time_zone.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

using namespace std::chrono;

constexpr std::size_t kHeaderSize = 44;       // RFC 8536 §3.1
constexpr std::uint32_t kCountMax = 100'000;  // no zone has a hundredth of this many changes

std::uint64_t big_endian(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = (value << 8) | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

struct Counts {
  std::uint32_t isut, isstd, leap, time, type, chars;
  std::size_t body_size(std::size_t time_size) const {
    return time * (time_size + 1) + type * 6U + chars + leap * (time_size + 4) + isstd + isut;
  }
};

Result<Counts> read_header(std::string_view bytes, std::size_t at) {
  if (bytes.size() < at + kHeaderSize || bytes.substr(at, 4) != "TZif")
    return failure("not a time zone file (TZif, RFC 8536)");
  auto count = [&](std::size_t i) { return static_cast<std::uint32_t>(big_endian(bytes, at + 20 + 4 * i, 4)); };
  Counts counts{count(0), count(1), count(2), count(3), count(4), count(5)};
  for (std::uint32_t n : {counts.isut, counts.isstd, counts.leap, counts.time, counts.type, counts.chars})
    if (n > kCountMax) return failure("the time zone file's counts are out of range");
  return counts;
}

// The pieces of a POSIX TZ rule: "CET-1CEST,M3.5.0,M10.5.0/3".
class PosixReader {
 public:
  explicit PosixReader(std::string_view text) : text_(text) {}
  bool done() const { return at_ >= text_.size(); }
  bool take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool name() {
    std::size_t begin = at_;
    if (take('<')) {
      while (!done() && text_[at_] != '>') ++at_;
      return take('>') && at_ > begin + 2;
    }
    while (!done() && ((text_[at_] | 0x20) >= 'a' && (text_[at_] | 0x20) <= 'z')) ++at_;
    return at_ >= begin + 3;
  }
  std::optional<int> number() {
    std::size_t begin = at_;
    int value = 0;
    while (!done() && text_[at_] >= '0' && text_[at_] <= '9' && at_ - begin < 4)
      value = value * 10 + (text_[at_++] - '0');
    if (at_ == begin) return std::nullopt;
    return value;
  }
  /// [+-]hh[:mm[:ss]] in seconds.
  std::optional<std::int32_t> time() {
    bool negative = take('-');
    if (!negative) take('+');
    std::int32_t total = 0, unit = 3600;
    for (int part = 0; part < 3; ++part) {
      if (part > 0 && !take(':')) break;
      std::optional<int> n = number();
      if (!n || *n > 167) return std::nullopt;
      total += *n * unit;
      unit /= 60;
    }
    return negative ? -total : total;
  }
  char peek() const { return done() ? '\0' : text_[at_]; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<TimeZone::Footer> TimeZone::parse_footer(std::string_view text) {
  Footer footer;
  if (text.empty()) return footer;
  auto wrong = [&] { return failure(fmt::format("the time zone's rule '{}' cannot be read", text)); };
  PosixReader in(text);
  if (!in.name()) return wrong();
  std::optional<std::int32_t> west = in.time();
  if (!west) return wrong();
  footer.present = true;
  footer.standard_offset = footer.summer_offset = -*west;
  if (in.done()) return footer;
  if (!in.name()) return wrong();
  footer.has_summer = true;
  footer.summer_offset = footer.standard_offset + 3600;
  if (in.peek() != ',') {
    std::optional<std::int32_t> summer_west = in.time();
    if (!summer_west) return wrong();
    footer.summer_offset = -*summer_west;
  }
  for (YearlyChange* change : {&footer.to_summer, &footer.to_standard}) {
    if (!in.take(',')) return wrong();
    if (in.take('M')) {
      std::optional<int> m = in.number();
      if (!m || *m < 1 || *m > 12 || !in.take('.')) return wrong();
      std::optional<int> w = in.number();
      if (!w || *w < 1 || *w > 5 || !in.take('.')) return wrong();
      std::optional<int> d = in.number();
      if (!d || *d > 6) return wrong();
      *change = {YearlyChange::Kind::month_week_day, *m, *w, *d, 7200};
    } else {
      bool julian = in.take('J');
      std::optional<int> d = in.number();
      if (!d || *d > 365) return wrong();
      *change = {julian ? YearlyChange::Kind::julian_without_leap : YearlyChange::Kind::day_of_year, 0, 0, *d,
                 7200};
    }
    if (in.take('/')) {
      std::optional<std::int32_t> time = in.time();
      if (!time) return wrong();
      change->time_of_day = *time;
    }
  }
  if (!in.done()) return wrong();
  return footer;
}

std::int64_t TimeZone::change_instant(const YearlyChange& change, int y, std::int32_t offset_before) {
  sys_days first_of_january = year{y} / January / 1;
  sys_days day;
  switch (change.kind) {
    case YearlyChange::Kind::month_week_day: {
      auto m = year{y} / month{static_cast<unsigned>(change.month)};
      weekday wd{static_cast<unsigned>(change.day)};
      day = change.week == 5 ? sys_days(m / wd[last]) : sys_days(m / wd[static_cast<unsigned>(change.week)]);
      break;
    }
    case YearlyChange::Kind::julian_without_leap:  // 29 February never counts
      day = first_of_january + days(change.day - 1 + (year{y}.is_leap() && change.day >= 60 ? 1 : 0));
      break;
    case YearlyChange::Kind::day_of_year: day = first_of_january + days(change.day); break;
  }
  return duration_cast<seconds>(day.time_since_epoch()).count() + change.time_of_day - offset_before;
}

std::int32_t TimeZone::footer_offset(std::int64_t at) const {
  if (!footer_.has_summer) return footer_.standard_offset;
  int y = int(Date(floor<days>(sys_seconds(seconds(at)))).year());
  std::int64_t summer = change_instant(footer_.to_summer, y, footer_.standard_offset);
  std::int64_t standard = change_instant(footer_.to_standard, y, footer_.summer_offset);
  bool is_summer = summer < standard ? at >= summer && at < standard
                                     : at >= summer || at < standard;  // south: summer spans the new year
  return is_summer ? footer_.summer_offset : footer_.standard_offset;
}

Result<TimeZone> TimeZone::from_tzif(std::string name, std::string_view bytes) {
  Counts old = DEMARC_TRY(read_header(bytes, 0));
  if (bytes[4] == '\0') return failure("the time zone file has version 1 and no 64-bit times");
  std::size_t at = kHeaderSize + old.body_size(4);
  Counts counts = DEMARC_TRY(read_header(bytes, at));
  at += kHeaderSize;
  if (counts.type == 0 || bytes.size() < at + counts.body_size(8) + 2)
    return failure("the time zone file is cut short");
  std::size_t indices = at + counts.time * 8U, types = indices + counts.time;
  auto offset_of = [&](std::size_t type) {
    return static_cast<std::int32_t>(big_endian(bytes, types + 6 * type, 4));
  };
  TimeZone zone;
  zone.name_ = std::move(name);
  zone.first_offset_ = offset_of(0);
  for (std::uint32_t i = 0; i < counts.time; ++i) {
    std::size_t type = static_cast<std::uint8_t>(bytes[indices + i]);
    if (type >= counts.type) return failure("the time zone file names a type it does not have");
    zone.transitions_.push_back({static_cast<std::int64_t>(big_endian(bytes, at + 8 * i, 8)), offset_of(type)});
    if (i > 0 && zone.transitions_[i].at <= zone.transitions_[i - 1].at)
      return failure("the time zone file's changes are out of order");
  }
  for (std::uint32_t type = 0; type < counts.type; ++type)
    if (std::abs(std::int64_t{offset_of(type)}) > 26 * 3600)
      return failure("the time zone file has an impossible offset");
  std::string_view tail = bytes.substr(at + counts.body_size(8));
  std::size_t end = tail.find('\n', 1);
  if (tail.empty() || tail.front() != '\n' || end == std::string_view::npos)
    return failure("the time zone file has no footer");
  zone.footer_ = DEMARC_TRY(parse_footer(tail.substr(1, end - 1)));
  return zone;
}

seconds TimeZone::offset_at(Timestamp time) const {
  std::int64_t at = time.seconds();
  if (transitions_.empty()) return seconds(footer_.present ? footer_offset(at) : first_offset_);
  auto after = std::upper_bound(transitions_.begin(), transitions_.end(), at,
                                [](std::int64_t t, const Transition& x) { return t < x.at; });
  if (after == transitions_.begin()) return seconds(first_offset_);
  if (after == transitions_.end() && footer_.present) return seconds(footer_offset(at));
  return seconds(std::prev(after)->offset);
}

LocalTime TimeZone::local(Timestamp time) const {
  sys_time<Nanoseconds> shown(time.since_epoch() + offset_at(time));
  sys_days day = floor<days>(shown);
  return {Date(day), floor<seconds>(shown - day)};
}

Timestamp TimeZone::instant(const LocalTime& local) const {
  Nanoseconds shown = sys_days(local.date).time_since_epoch() + local.time_of_day;
  // The offset a day before and a day after bracket any change near by.
  Timestamp guess(shown);
  seconds early = offset_at(guess - hours(26)), late = offset_at(guess + hours(26));
  Timestamp first = guess - early, second = guess - late;
  if (offset_at(first) == early) return first;
  if (offset_at(second) == late) return second;
  // The clock skips this time: the change lies between the two guesses.
  Timestamp low = std::min(first, second), high = std::max(first, second);
  while (high - low > seconds(1)) {
    Timestamp middle = low + seconds((high.seconds() - low.seconds()) / 2);
    (offset_at(middle) == early ? low : high) = middle;
  }
  return Timestamp::from_seconds(high.seconds());
}

}  // namespace demarc
