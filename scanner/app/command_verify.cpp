// demarc verify: the main job. And report, which renders what it saved.
#include <fmt/format.h>

#include "rules/verdict/reconcile.h"
#include "rules/verdict/verdict_json.h"
#include "scanner/app/configuration_files.h"
#include "scanner/app/console.h"
#include "scanner/app/evidence_files.h"
#include "scanner/app/outputs.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::uint64_t kVerdictFileMax = 1ULL << 30;

Result<Verdict> read_verdict_file(const std::string& file) {
  std::string text = DEMARC_TRY(read_whole_file(file, kVerdictFileMax));
  std::string_view head = std::string_view(text).substr(0, text.find('\n'));
  if (head.starts_with(R"({"demarc":"scan")") || head.starts_with(R"({"demarc":"flows")") ||
      head.starts_with(R"({"demarc":"witness")")) {
    return file_failure(file, "this is evidence, not a verdict",
                        "'demarc verify' judges it; --format json keeps the verdict");
  }
  return read_verdict(text, file);
}

Result<FailOn> parse_fail_on(const std::vector<std::string>& values) {
  FailOn fail_on;
  for (const std::string& value : values) DEMARC_TRY(add_fail_on(fail_on, value));
  return fail_on;
}

}  // namespace

int run_verify(const VerifyCommand& command) {
  Result<ReportPlan> reports = plan_reports(command.common, command.by);
  if (!reports) return say(reports.error()), kCouldNotRun;
  Result<FailOn> fail_on = parse_fail_on(command.fail_on);
  if (!fail_on) return say(fail_on.error()), kCouldNotRun;
  fail_on->new_only = command.new_only;
  if (command.new_only && command.baseline.empty())
    return say(Error{{}, "--new-only needs a verdict to compare with", "add --baseline VERDICT.json"}),
           kCouldNotRun;
  if (!command.require.empty() && command.require != "passage")
    return say(Error{{}, fmt::format("--require: '{}' is unknown", command.require), "passage"}), kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, true);
  if (!loaded.rules) return kCouldNotRun;
  const RuleSet& rules = *loaded.rules;
  Result<Timestamp> at = as_of(command.common, &rules);
  if (!at) return say(at.error()), kCouldNotRun;
  std::optional<Verdict> baseline;
  if (!command.baseline.empty()) {
    Result<Verdict> read = read_verdict_file(command.baseline);
    if (!read) return say(read.error()), kCouldNotRun;
    baseline = std::move(*read);
  }
  std::vector<GivenConfiguration> configurations;
  CaptureDigests digests;
  Result<Snapshot> snapshot =
      read_evidence({command.evidence, command.vantage, command.sensor, &rules, command.tunnels, command.sampling,
                     command.memory_mib, &configurations, command.dialect, &digests},
                    command.common);
  if (!snapshot) return say(snapshot.error()), kCouldNotRun;
  if (Result<void> added = add_declared_configurations(rules, configurations); !added)
    return say(added.error()), kCouldNotRun;
  if (stop_on_signals())
    return say_warning("interrupted while reading the evidence: there is no verdict"), kInconclusive;
  // From here on nothing is read or asked: the same rule set and evidence give the same verdict.
  Verdict verdict =
      judge(rules, *snapshot,
            {.as_of = *at, .require_passage = command.require == "passage", .tool_version = DEMARC_VERSION},
            configurations);
  if (Result<void> digested = digests.fill(snapshot->files); !digested) return say(digested.error()), kCouldNotRun;
  name_evidence(verdict, *snapshot, configurations);
  if (baseline) apply_baseline(verdict, *baseline);
  conclude(verdict, *fail_on);
  reports->sign_off = rules.review.approval_roles;
  bool written = write_reports(*reports, verdict);
  ExitDecision decision = exit_code(verdict, *fail_on);
  say_note(decision.why);
  return written ? decision.code : kCouldNotRun;
}

int run_report(const ReportCommand& command) {
  Result<ReportPlan> reports = plan_reports(command.common, command.by);
  if (!reports) return say(reports.error()), kCouldNotRun;
  Result<FailOn> fail_on = parse_fail_on(command.fail_on);
  if (!fail_on) return say(fail_on.error()), kCouldNotRun;
  Result<Verdict> verdict = read_verdict_file(command.verdict);
  if (!verdict) return say(verdict.error()), kCouldNotRun;
  return write_reports(*reports, *verdict) ? kConforms : kCouldNotRun;
}

}  // namespace demarc
