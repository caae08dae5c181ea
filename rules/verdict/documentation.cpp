// The documentation itself: what the rule set's own lint says, with one cause in one finding; and the findings that
// were accepted, which stay listed and do not fail.
#include <fmt/format.h>

#include <algorithm>

#include "rules/policy/lint.h"
#include "rules/verdict/judging.h"

namespace demarc {

namespace {

void add_lint(Judging& j) {
  for (LintFinding& l : lint(j.rules, j.options.as_of)) {
    const std::optional<FindingKind> kind = parse_finding_kind(l.kind);
    if (!kind) continue;  // kinds that `check` alone reports
    const bool not_in_force = *kind == FindingKind::rule_expired || *kind == FindingKind::approval_missing ||
                              *kind == FindingKind::approval_invalid;
    if (not_in_force && j.cited_rules.contains(l.rule)) continue;  // it is the cause of an exposure that says so
    Finding f;
    f.kind = *kind;
    f.severity = l.severity == Severity::none ? default_severity(*kind) : l.severity;
    f.rule = l.rule;
    f.title = std::move(l.title);
    f.cause = std::move(l.cause);
    f.remedy = l.remedy.empty() ? std::string(default_remedy(*kind)) : std::move(l.remedy);
    f.sample = l.sample;
    if (l.where.line != 0)
      f.evidence.push_back({l.where.file, fmt::format("line {}", l.where.line), l.where.line_text});
    if (*kind == FindingKind::rule_overlap) f.target = list_some(l.related_rules);
    if (const Rule* rule = j.rules.rule(l.rule)) {
      f.application = rule->application;
      f.owner = rule->owner;
      f.tags = rule->tags;
      if (!rule->services.empty()) f.service = j.rules.services[rule->services.front()].name;
    }
    j.verdict.findings.push_back(std::move(f));
  }
}

bool covers(const AcceptedFinding& a, const Finding& f) {
  if (a.kind.empty() && a.rule.empty() && a.target.empty() && a.id.empty()) return false;
  if (!a.kind.empty() && a.kind != name(f.kind)) return false;
  if (!a.rule.empty() && a.rule != f.rule) return false;
  if (!a.id.empty() && a.id != f.id) return false;
  if (a.target.empty() || a.target == f.target) return true;
  return f.target_address && a.target_addresses.contains(*f.target_address);
}

}  // namespace

void judge_documentation(Judging& j) {
  if (j.options.judge_rule_set) add_lint(j);
  for (Finding& f : j.verdict.findings) set_finding_id(f);
  for (const AcceptedFinding& a : j.rules.accepted) {
    const std::string what = a.id.empty() ? fmt::format("{}{}{}", a.kind, a.rule.empty() ? "" : " " + a.rule,
                                                        a.target.empty() ? "" : " " + a.target)
                                          : a.id;
    const bool expired = j.options.as_of >= j.rules.time_zone.end_of(a.expires);
    const bool approved = std::any_of(a.approved.begin(), a.approved.end(), [&](const Approval& x) {
      return j.rules.time_zone.start_of(x.date) <= j.options.as_of;
    });
    std::size_t matched = 0;
    for (Finding& f : j.verdict.findings) {
      if (f.kind == FindingKind::not_measured || !covers(a, f)) continue;
      ++matched;
      if (expired || !approved) continue;
      f.accepted = true;
      f.accepted_reason = a.reason;
      if (!a.compensating.empty())
        f.accepted_reason += fmt::format(" (compensating: {}; until {})", a.compensating, to_string(a.expires));
      else
        f.accepted_reason += fmt::format(" (until {})", to_string(a.expires));
    }
    if (expired)
      j.note(fmt::format("The acceptance of '{}' expired {}{}.", what, to_string(a.expires),
                         matched != 0 ? "; what it covered counts again" : ""));
    else if (!approved)
      j.note(fmt::format("The acceptance of '{}' is not approved and does not count.", what));
    else if (matched == 0)
      j.note(fmt::format("The acceptance of '{}' covers nothing any more and can be removed.", what));
  }
}

}  // namespace demarc
