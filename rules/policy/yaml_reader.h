// Reads the DOCUMENTED view: one YAML file and what it includes become a RuleSet, or all that is wrong with them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "rules/policy/rule_set.h"
#include "rules/text/diagnostics.h"
#include "rules/text/result.h"

namespace demarc {

/// The world as the reader may see it: it opens no file and reads no environment itself.
struct RuleFiles {
  /// The bytes of a file. Paths of includes are made from the path of the file that includes them.
  std::function<Result<std::string>(const std::string& path)> read;
  /// The value of an environment variable, for include: "env/${DEMARC_ENV}.yaml".
  std::function<std::optional<std::string>(std::string_view name)> environment;
  /// The bytes of the TZif file of a time zone ("Europe/Berlin"). Not asked for UTC.
  std::function<Result<std::string>(std::string_view zone_name)> time_zone_bytes;
};

struct ReadRuleSet {
  /// Absent exactly if there is an error among the diagnostics.
  std::optional<RuleSet> rules;
  /// Errors, warnings and notes of all files, sorted by file and line.
  Diagnostics diagnostics;
};

ReadRuleSet read_rule_set(const std::string& path, const RuleFiles& files);

/// The same for a rule set in memory that includes nothing and keeps UTC: tests, drafts, what `init` wrote.
ReadRuleSet read_rule_set_text(const std::string& name, const std::string& text);

}  // namespace demarc
