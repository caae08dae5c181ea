// The judgement: the rule set, what probes found and what captures show become one verdict. README.md in this
// folder says by which rules. Pure: the same rule set, evidence and options give the same verdict, in whatever
// order the evidence came and however often the same file was given.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/snapshot.h"
#include "rules/net/time.h"
#include "rules/policy/rule_set.h"
#include "rules/text/result.h"
#include "rules/verdict/finding.h"
#include "rules/verdict/given_configuration.h"

namespace demarc {

struct JudgeOptions {
  Timestamp as_of;               // the rule set's own state, and the age of evidence, are judged at this time
  bool require_passage = false;  // `--require passage`: an undetermined passage is a gap of its own
  std::string tool_version;
  bool judge_rule_set = true;   // lint findings: expired, overdue, missing approvals, ...
  bool judge_reachable = true;  // scans, and what coverage demands of them; false: `traffic` judges a capture alone
  bool judge_observed = true;   // flows, and what unused rules and sensors demand of them
};

/// `configurations`: what devices say, each read by its dialect's reader (rules/acl). Without any the configured
/// view is not measured, and nothing else changes.
Verdict judge(const RuleSet& rules, const Snapshot& snapshot, const JudgeOptions& options,
              std::span<const GivenConfiguration> configurations = {});

/// The evidence that a verdict names, by content: the same bytes under two names are one. judge() has done so; again
/// where digests were only known later, which no finding depends on.
void name_evidence(Verdict& verdict, const Snapshot& snapshot, std::span<const GivenConfiguration> configurations);

/// What makes a verdict fail: `--fail-on high`, `--fail-on approved-unused=medium`. Never `not-measured`.
struct FailOn {
  Severity severity = Severity::low;        // at least this
  std::map<FindingKind, Severity> by_kind;  // for these kinds instead
  bool new_only = false;                    // findings that the baseline has too do not count
  bool fails(const Finding& finding) const;
};
/// Takes one `--fail-on` value into `fail_on`. "none" never fails. The error is a usage error.
Result<void> add_fail_on(FailOn& fail_on, std::string_view text);

/// The exit code (0, 1 or 3; design.md section 4) and the sentence that explains it.
struct ExitDecision {
  int code = 3;
  std::string why;
};
ExitDecision exit_code(const Verdict& verdict, const FailOn& fail_on);

/// Counts and conclusion again, under another threshold. judge() has done so for the default one.
void conclude(Verdict& verdict, const FailOn& fail_on = {});

/// Marks every finding as new or unchanged, and appends the baseline's findings that are gone (marked so; they
/// neither fail nor count). A finding whose view was not measured this time is not gone: only complete verdicts
/// show that.
void apply_baseline(Verdict& verdict, const Verdict& baseline);

// --- Parts that others use too
// -------------------------------------------------------------------------------------

/// Design order: severity falling, then kind, zones, target, protocol, ports, id.
bool finding_before(const Finding& a, const Finding& b);
/// Sets `id` from kind, rule or zone pair, target, protocol and ports.
void set_finding_id(Finding& finding);
/// The severity of a kind where nothing else decides (semantics.md section 5).
Severity default_severity(FindingKind kind);
/// What to do about a finding of this kind where neither the rule set nor the catalogue says more.
std::string_view default_remedy(FindingKind kind);

}  // namespace demarc
