#include "rules/policy/window.h"

#include <doctest/doctest.h>

#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;
using namespace std::chrono_literals;

namespace {
Window weekly(int day_from, std::chrono::minutes from, int day_to, std::chrono::minutes to) {
  Window w;
  w.weekly = true;
  w.day_from = day_from;
  w.day_to = day_to;
  w.from = from;
  w.to = to;
  w.text = "weekly";
  return w;
}
Window single(const char* begin, const char* end) {
  Window w;
  w.begin.date = day(begin);
  w.end.date = day(end);
  return w;
}
std::string text(const std::optional<Timestamp>& t) { return t ? to_string(*t) : "-"; }
}  // namespace

TEST_CASE("windows, blackouts and the days of the authorisation") {
  ScopePolicy scope;
  scope.windows = {weekly(6, 22h, 0, 4h)};  // Sat 22:00-Sun 04:00
  scope.blackouts = {single("2026-12-20", "2027-01-06")};
  scope.authorised_on = day("2026-02-05");
  scope.valid_until = day("2027-02-05");
  struct Row {
    const char* at;
    bool allowed;
    const char* boundary;  // until, or next
    const char* why;
  };
  for (const Row& row : {
           Row{"2026-11-28T21:59:59Z", false, "2026-11-28T22:00:00Z", "outside every window of the scope"},
           Row{"2026-11-28T22:00:00Z", true, "2026-11-29T04:00:00Z", "inside the window 'weekly'"},
           Row{"2026-11-29T03:59:59Z", true, "2026-11-29T04:00:00Z", "inside the window 'weekly'"},
           Row{"2026-11-29T04:00:00Z", false, "2026-12-05T22:00:00Z", "outside every window of the scope"},
           Row{"2026-12-19T23:00:00Z", true, "2026-12-20T00:00:00Z",
               "inside the window 'weekly'"},  // the blackout cuts it
           Row{"2026-12-20T01:00:00Z", false, "2027-01-09T22:00:00Z",
               "inside the blackout a span given in the rule set"},
           Row{"2027-02-06T23:00:00Z", false, "-", "the authorisation ended with 2027-02-05"},
           Row{"2026-01-31T23:00:00Z", false, "2026-02-07T22:00:00Z", "the authorisation begins on 2026-02-05"},
       }) {
    CAPTURE(row.at);
    WindowDecision d = window_at(scope, TimeZone(), when(row.at));
    CHECK(d.allowed == row.allowed);
    CHECK(text(row.allowed ? d.until : d.next) == row.boundary);
    CHECK(d.why == row.why);
  }
}

TEST_CASE("no windows: any time, with no end; and windows that touch are one") {
  ScopePolicy scope;
  WindowDecision d = window_at(scope, TimeZone(), noon("2026-11-23"));
  CHECK(d.allowed);
  CHECK_FALSE(d.until);
  scope.windows = {weekly(1, 0min, 2, 0min), weekly(2, 0min, 3, 0min)};
  CHECK(text(window_at(scope, TimeZone(), noon("2026-11-23")).until) == "2026-11-25T00:00:00Z");  // a Monday
  // At the ends of time nothing overflows.
  CHECK(window_at(ScopePolicy(), TimeZone(), Timestamp(Nanoseconds::max())).allowed);
  CHECK(window_at(ScopePolicy(), TimeZone(), Timestamp(Nanoseconds::min())).allowed);
}
