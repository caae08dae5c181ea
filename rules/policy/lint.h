// What is wrong with the rule set itself: approvals, dates, overlap, breadth, contradiction, names that nobody
// uses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rules/net/flow.h"
#include "rules/policy/rule_set.h"
#include "rules/text/result.h"

namespace demarc {

/// Kinds: rule-expired, review-overdue, approval-missing, approval-invalid, rule-overlap, rule-broad,
/// rule-temporary of the verdict, and rule-forbidden, review-due, exception-unbounded, name-unused, id-retired,
/// accepted-expired, people-undeclared, rule-empty, which `check` alone reports.
struct LintFinding {
  std::string kind;
  Severity severity = Severity::none;
  std::string rule;  // the id of the rule, exception, entry, or the name of what is unused
  Location where;
  std::string title;  // one line, with names
  std::string cause, remedy;
  std::vector<std::string> related_rules;
  std::optional<Packet> sample;
};

/// Above these a rule is called broad (rule-broad).
struct BreadthLimits {
  std::uint32_t ports_max = 1024;          // of one protocol of one service
  std::uint32_t addresses_max_ipv4 = 256;  // destinations, where no zone is named
};

/// Sorted by place in the files, then kind. A rule set of 10,000 rules takes well under a second.
std::vector<LintFinding> lint(const RuleSet& rules, Timestamp at, const BreadthLimits& limits = {});

}  // namespace demarc
