// From findings to a conclusion: which of them count, what the exit code is, what changed since the last verdict.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "rules/text/suggest.h"
#include "rules/verdict/reconcile.h"

namespace demarc {

bool FailOn::fails(const Finding& finding) const {
  if (finding.kind == FindingKind::not_measured || finding.accepted || finding.baseline == BaselineStatus::gone)
    return false;
  if (new_only && finding.baseline == BaselineStatus::unchanged) return false;
  const auto found = by_kind.find(finding.kind);
  const Severity least = found == by_kind.end() ? severity : found->second;
  return least != Severity::none && finding.severity >= least && finding.severity != Severity::none;
}

namespace {

Result<Severity> threshold(std::string_view text) {
  if (const std::optional<Severity> severity = parse_severity(text)) return *severity;  // "none": never
  static constexpr std::string_view kNames[] = {"critical", "high", "medium", "low", "info", "none"};
  return failure(fmt::format("--fail-on: '{}' is no severity", text), suggest(text, kNames));
}

}  // namespace

Result<void> add_fail_on(FailOn& fail_on, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    fail_on.severity = DEMARC_TRY(threshold(text));
    return {};
  }
  const std::string_view kind_text = text.substr(0, equals);
  const std::optional<FindingKind> kind = parse_finding_kind(kind_text);
  if (!kind) {
    std::vector<std::string_view> names;
    for (std::size_t k = 0; k < kFindingKinds; ++k) names.push_back(name(static_cast<FindingKind>(k)));
    return failure(fmt::format("--fail-on: '{}' is no kind of finding", kind_text), suggest(kind_text, names));
  }
  if (*kind == FindingKind::not_measured)
    return failure("--fail-on: 'not-measured' is a gap in the evidence, never a finding that fails",
                   "it makes the verdict inconclusive: exit code 3");
  const Severity least = DEMARC_TRY(threshold(text.substr(equals + 1)));
  fail_on.by_kind[*kind] = least;
  return {};
}

ExitDecision exit_code(const Verdict& verdict, const FailOn& fail_on) {
  const auto failing = static_cast<std::size_t>(std::count_if(verdict.findings.begin(), verdict.findings.end(),
                                                              [&](const Finding& f) { return fail_on.fails(f); }));
  std::size_t gaps = 0;
  for (const Finding& f : verdict.findings)
    if (f.kind == FindingKind::not_measured && f.baseline != BaselineStatus::gone) ++gaps;
  if (failing != 0) {
    std::string why = fmt::format("{} finding{} at or above the threshold", failing, failing == 1 ? "" : "s");
    if (!verdict.complete)
      why += fmt::format("; the evidence is incomplete as well ({} gap{})", gaps, gaps == 1 ? "" : "s");
    return {1, std::move(why)};
  }
  FailOn with_known = fail_on;
  with_known.new_only = false;
  const auto known = static_cast<std::size_t>(std::count_if(verdict.findings.begin(), verdict.findings.end(),
                                                            [&](const Finding& f) { return with_known.fails(f); }));
  const std::string nothing_new = known == 0 ? ""
                                             : fmt::format("nothing new; {} known finding{} remain{}; ", known,
                                                           known == 1 ? "" : "s", known == 1 ? "s" : "");
  if (!verdict.complete)
    return {3, fmt::format("{}the evidence is incomplete: {} gap{}", nothing_new, gaps, gaps == 1 ? "" : "s")};
  if (known != 0) return {0, nothing_new + "the evidence is complete"};
  return {0, "conforms, and the evidence is complete"};
}

void conclude(Verdict& verdict, const FailOn& gate) {
  // What was known before still violates the rule set: `--new-only` decides the exit code, not what is true.
  FailOn fail_on = gate;
  fail_on.new_only = false;
  verdict.counts.clear();
  for (const Severity s : {Severity::critical, Severity::high, Severity::medium, Severity::low, Severity::info})
    verdict.counts[std::string(name(s))] = 0;
  verdict.counts["accepted"] = 0;
  verdict.counts["not-measured"] = 0;
  verdict.complete = true;
  bool fails = false;
  for (const Finding& f : verdict.findings) {
    if (f.baseline == BaselineStatus::gone) continue;
    if (f.kind == FindingKind::not_measured) {
      ++verdict.counts["not-measured"];
      verdict.complete = false;
      continue;
    }
    ++verdict.counts[f.accepted ? "accepted" : std::string(name(f.severity))];
    fails = fails || fail_on.fails(f);
  }
  for (const CoverageRow& row : verdict.coverage)
    if (!row.met) verdict.complete = false;
  verdict.conclusion = fails              ? Conclusion::violates
                       : verdict.complete ? Conclusion::conforms
                                          : Conclusion::inconclusive;
}

void apply_baseline(Verdict& verdict, const Verdict& baseline) {
  std::unordered_map<std::string_view, const Finding*> before;
  for (const Finding& f : baseline.findings)
    if (f.baseline != BaselineStatus::gone) before.emplace(f.id, &f);
  std::erase_if(verdict.findings, [](const Finding& f) { return f.baseline == BaselineStatus::gone; });
  for (Finding& f : verdict.findings)
    f.baseline = before.erase(f.id) != 0 ? BaselineStatus::unchanged : BaselineStatus::fresh;
  // What an incomplete verdict did not find may only not have been looked at. A gap that closed is gone in any
  // case.
  bool undecided = false;
  for (const auto& [id, finding] : before) {
    if (!verdict.complete && finding->kind != FindingKind::not_measured) {
      undecided = true;
      continue;
    }
    Finding gone = *finding;
    gone.baseline = BaselineStatus::gone;
    verdict.findings.push_back(std::move(gone));
  }
  if (undecided) {
    constexpr std::string_view kNote =
        "Findings of the baseline that do not appear here are not called gone: the evidence is incomplete, so they "
        "may only not have been looked for.";
    if (std::find(verdict.notes.begin(), verdict.notes.end(), kNote) == verdict.notes.end())
      verdict.notes.emplace_back(kNote);
  }
  std::sort(verdict.findings.begin(), verdict.findings.end(), finding_before);
}

}  // namespace demarc
