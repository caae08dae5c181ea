// Windows are local wall-clock times, so they are turned into spans of instants first; what is allowed is then
// plain arithmetic on spans: windows, less blackouts, within the days of the authorisation.
#include "rules/policy/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace demarc {

namespace {

using namespace std::chrono;

constexpr days kLookBack{8};     // a weekly window that holds now began at most a week ago
constexpr days kLookAhead{400};  // beyond this an end or an opening is not worth naming

Date day_after(const Date& date, int n) { return Date(sys_days(date) + days(n)); }

std::vector<TimeSpan> merged(std::vector<TimeSpan> spans) {
  std::sort(spans.begin(), spans.end());
  std::vector<TimeSpan> out;
  for (const TimeSpan& span : spans) {
    if (span.end <= span.begin) continue;
    if (!out.empty() && span.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, span.end);
    } else {
      out.push_back(span);
    }
  }
  return out;
}

std::vector<TimeSpan> minus(const std::vector<TimeSpan>& from, const std::vector<TimeSpan>& cuts) {
  std::vector<TimeSpan> out;
  for (TimeSpan span : from) {
    for (const TimeSpan& cut : cuts) {
      if (cut.end <= span.begin || span.end <= cut.begin) continue;
      if (span.begin < cut.begin) out.push_back({span.begin, cut.begin});
      span.begin = cut.end;
      if (span.end <= span.begin) break;
    }
    if (span.begin < span.end) out.push_back(span);
  }
  return out;
}

const TimeSpan* holding(const std::vector<TimeSpan>& spans, Timestamp at) {
  for (const TimeSpan& span : spans)
    if (span.begin <= at && at < span.end) return &span;
  return nullptr;
}

const Window* holding_window(const std::vector<Window>& windows, const TimeZone& zone, Timestamp at) {
  for (const Window& window : windows)
    if (holding(occurrences(window, zone, at, at + Nanoseconds(1)), at) != nullptr) return &window;
  return nullptr;
}

std::string named(const Window& window) {
  std::string out = window.text.empty() ? "a span given in the rule set" : "'" + window.text + "'";
  if (!window.ticket.empty()) out += fmt::format(" ({})", window.ticket);
  if (!window.reason.empty()) out += ": " + window.reason;
  return out;
}

}  // namespace

std::vector<TimeSpan> occurrences(const Window& window, const TimeZone& zone, Timestamp from, Timestamp to) {
  std::vector<TimeSpan> out;
  auto keep = [&](const TimeSpan& span) {
    if (span.begin < span.end && span.begin < to && from < span.end) out.push_back(span);
  };
  if (!window.weekly) {
    keep({zone.instant(window.begin), zone.instant(window.end)});
    return out;
  }
  // In minutes since Sunday 00:00. An end that is not later lies in the next week; the two equal is the whole week.
  constexpr int kDay = 24 * 60, kWeek = 7 * kDay;
  int begin = window.day_from * kDay + static_cast<int>(window.from.count());
  int end = window.day_to * kDay + static_cast<int>(window.to.count());
  if (end <= begin) end += kWeek;
  Date first = day_after(zone.date(from), -8);
  first = day_after(first, -static_cast<int>(weekday(sys_days(first)).c_encoding()));  // its Sunday
  auto local = [&](const Date& sunday, int minutes_since) {
    return LocalTime{day_after(sunday, minutes_since / kDay), minutes(minutes_since % kDay)};
  };
  for (Date sunday = first;; sunday = day_after(sunday, 7)) {
    TimeSpan span{zone.instant(local(sunday, begin)), zone.instant(local(sunday, end))};
    if (to <= span.begin) break;
    keep(span);
  }
  return out;
}

WindowDecision window_at(const ScopePolicy& scope, const TimeZone& zone, Timestamp at) {
  // Away from the ends of what a Timestamp can hold, so that the sums below cannot overflow.
  constexpr Nanoseconds kEnd{std::numeric_limits<std::int64_t>::max()};
  at = std::clamp(at, Timestamp(days(500) - kEnd), Timestamp(kEnd - days(500)));
  const Timestamp from = at - kLookBack, to = at + kLookAhead;
  std::vector<TimeSpan> allowed;
  if (scope.windows.empty()) {
    allowed.push_back({from, to});
  } else {
    for (const Window& window : scope.windows) {
      std::vector<TimeSpan> spans = occurrences(window, zone, from, to);
      allowed.insert(allowed.end(), spans.begin(), spans.end());
    }
  }
  std::vector<TimeSpan> cuts;
  for (const Window& blackout : scope.blackouts) {
    std::vector<TimeSpan> spans = occurrences(blackout, zone, from, to);
    cuts.insert(cuts.end(), spans.begin(), spans.end());
  }
  // The days of the authorisation as two more blackouts.
  if (scope.valid_until && zone.end_of(*scope.valid_until) < to)
    cuts.push_back({std::max(from, zone.end_of(*scope.valid_until)), to + days(1)});
  if (scope.authorised_on && from < zone.start_of(*scope.authorised_on))
    cuts.push_back({from - days(1), std::min(to + days(1), zone.start_of(*scope.authorised_on))});
  allowed = minus(merged(std::move(allowed)), merged(std::move(cuts)));

  WindowDecision decision;
  if (const TimeSpan* now = holding(allowed, at)) {
    decision.allowed = true;
    if (now->end < to) decision.until = now->end;
    const Window* window = holding_window(scope.windows, zone, at);
    decision.why = window == nullptr ? "any time is allowed" : "inside the window " + named(*window);
    return decision;
  }
  auto later = std::find_if(allowed.begin(), allowed.end(), [&](const TimeSpan& span) { return span.begin > at; });
  if (later != allowed.end()) decision.next = later->begin;
  if (scope.valid_until && at >= zone.end_of(*scope.valid_until)) {
    decision.why = fmt::format("the authorisation ended with {}", to_string(*scope.valid_until));
  } else if (scope.authorised_on && at < zone.start_of(*scope.authorised_on)) {
    decision.why = fmt::format("the authorisation begins on {}", to_string(*scope.authorised_on));
  } else if (const Window* blackout = holding_window(scope.blackouts, zone, at)) {
    decision.why = "inside the blackout " + named(*blackout);
  } else {
    decision.why = "outside every window of the scope";
  }
  return decision;
}

}  // namespace demarc
