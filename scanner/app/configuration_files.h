// Configurations among the evidence: told apart by content, and fetched where the rule set says they lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/policy/rule_set.h"
#include "rules/text/result.h"
#include "rules/verdict/given_configuration.h"

namespace demarc {

enum class Dialect : std::uint8_t;

/// The file looks like a configuration of a dialect that is read.
bool is_configuration(const std::string& file);

/// The word of `--dialect`; empty: none. The error is a usage error.
Result<std::optional<Dialect>> parse_dialect_option(const std::string& word);

/// `said`: the device it is said to be, or empty. What could not be read of it is said once, on standard error.
Result<GivenConfiguration> read_configuration_file(const std::string& file, const std::string& said,
                                                   std::optional<Dialect> dialect);

/// Adds the files that `enforcement.devices.*.config` names, relative to the rule set's file, where they exist and
/// no configuration of their device was given.
Result<void> add_declared_configurations(const RuleSet& rules, std::vector<GivenConfiguration>& given);

}  // namespace demarc
