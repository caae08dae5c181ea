// When a scan may run: change windows, blackouts and the days of the authorisation, all in the rule set's time
// zone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/net/time.h"
#include "rules/net/time_zone.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// May packets be sent at an instant?
struct WindowDecision {
  bool allowed = false;
  std::string why;                 // a sentence: which window holds, or what forbids it
  std::optional<Timestamp> until;  // allowed: when that ends (none: no end within a year)
  std::optional<Timestamp> next;   // refused: the next instant at which it is allowed, within a year
};

/// Without windows any time is allowed; blackouts win over windows; the authorisation ends with the day
/// `valid_until` and begins with the day it was given.
WindowDecision window_at(const ScopePolicy& scope, const TimeZone& zone, Timestamp at);

/// [begin, end) as instants.
struct TimeSpan {
  Timestamp begin, end;
  auto operator<=>(const TimeSpan&) const = default;
};
/// Every occurrence of the window that overlaps [from, to), in order. A weekly window whose end is not after its
/// begin wraps around the week.
std::vector<TimeSpan> occurrences(const Window& window, const TimeZone& zone, Timestamp from, Timestamp to);

}  // namespace demarc
