// The world outside: the clock, the environment, files of rules, signals. Commands ask for it here and nowhere
// else.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "rules/net/time.h"
#include "rules/policy/rule_set.h"
#include "rules/text/result.h"
#include "scanner/app/commands.h"
#include "scanner/app/remote_request.h"

namespace demarc {

Timestamp now();
/// "203.0.113.7-1795428000-5f3a": an id no two runs share.
std::string new_run_id();
std::uint64_t random_seed();
/// The seed that all shards of a plan come to by themselves: their parts fit only in one and the same order.
std::uint64_t common_seed(std::string_view plan_sha256);

/// The rule set of --rules, or of demarc.yaml here. Says all diagnostics. nullopt: there are errors (exit 2).
/// `required`: without a file that is an error too; otherwise `absent` tells.
struct LoadedRules {
  std::optional<RuleSet> rules;
  bool absent = false;  // no rule set was given and none lies here
  RuleBundle read;      // all that was read for it
};
LoadedRules load_rules(const CommonOptions& options, bool required);

/// --as-of: a time, or a day of the rule set's time zone (its last second). Without it: now.
Result<Timestamp> as_of(const CommonOptions& options, const RuleSet* rules);

/// The first Ctrl-C (or SIGTERM) sets the flag, a second one ends the process with 130.
const std::atomic<bool>& stop_on_signals();
/// As the first Ctrl-C does.
void request_stop();

/// Bytes that following conversations may take: half of what this process may have (RLIMIT_AS, its control groups),
/// a quarter of the machine's memory, and never more than 2 GiB.
std::uint64_t memory_for_flows();

/// "90s", "15m", "2h", "1d", or a number of seconds.
Result<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace demarc
