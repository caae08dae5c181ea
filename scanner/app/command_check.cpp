// demarc check: reads and lints the rule set.
#include <fmt/format.h>

#include <algorithm>

#include "reports/view/view.h"
#include "rules/policy/lint.h"
#include "rules/text/escape.h"
#include "rules/text/json_writer.h"
#include "rules/verdict/reconcile.h"
#include "scanner/app/console.h"
#include "scanner/app/outputs.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::string_view kFormats[] = {"text", "json"};

/// --fail-on SEVERITY or KIND=SEVERITY, where lint has kinds that verdicts do not.
struct LintFailOn {
  Severity severity = Severity::low;
  std::vector<std::pair<std::string, Severity>> by_kind;
  bool fails(const LintFinding& finding) const {
    Severity limit = severity;
    for (const auto& [kind, s] : by_kind)
      if (kind == finding.kind) limit = s;
    return limit != Severity::none && finding.severity >= limit;
  }
};

Result<LintFailOn> parse_fail_on(const std::vector<std::string>& values) {
  LintFailOn out;
  for (const std::string& value : values) {
    std::size_t equals = value.find('=');
    std::string word = value.substr(equals == std::string::npos ? 0 : equals + 1);
    std::optional<Severity> severity = word == "never" ? Severity::none : parse_severity(word);
    if (!severity)
      return failure(fmt::format("--fail-on: '{}' is no severity", word),
                     "info, low, medium, high, critical or none");
    if (equals == std::string::npos)
      out.severity = *severity;
    else
      out.by_kind.emplace_back(value.substr(0, equals), *severity);
  }
  return out;
}

std::string check_text(const RuleSet& rules, const std::vector<LintFinding>& findings, Timestamp at, bool color) {
  std::string out;
  auto tint = [&](Severity severity) {
    return !color                         ? ""
           : severity >= Severity::high   ? "\x1b[1;31m"
           : severity == Severity::medium ? "\x1b[33m"
           : severity == Severity::low    ? "\x1b[36m"
                                          : "\x1b[2m";
  };
  SeverityTally tally;
  for (const LintFinding& f : findings) {
    tally.add(f.severity);
    out += fmt::format("{}:{}: {}{}{} [{}] {}\n", terminal_safe(f.where.file), f.where.line, tint(f.severity),
                       name(f.severity), color ? "\x1b[0m" : "", f.kind, terminal_safe(f.title));
    if (!f.cause.empty()) out += fmt::format("    {}\n", terminal_safe(f.cause));
    if (!f.remedy.empty()) out += fmt::format("    remedy: {}\n", terminal_safe(f.remedy));
  }
  if (!findings.empty()) out += '\n';
  out += fmt::format("{}: {}, {}, {}, {} as of {}: {}\n", terminal_safe(rules.name),
                     counted(rules.rules.size(), "rule", "rules"),
                     counted(rules.forbidden.size(), "forbidden entry", "forbidden entries"),
                     counted(rules.zones.size(), "zone", "zones"), counted(rules.hosts.size(), "host", "hosts"),
                     to_string(at), describe(tally));
  return out;
}

std::string check_json(const RuleSet& rules, const std::vector<LintFinding>& findings, Timestamp at) {
  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object()
      .field("demarc", "check")
      .field("version", 1)
      .field("rules", rules.name)
      .field("rules_sha256", rules.sha256)
      .field("as_of", to_string(at));
  json.key("findings").begin_array();
  for (const LintFinding& f : findings) {
    json.begin_object()
        .field("kind", f.kind)
        .field("severity", name(f.severity))
        .field_unless_empty("rule", f.rule);
    json.field("file", f.where.file)
        .field("line", f.where.line)
        .field("title", f.title)
        .field_unless_empty("cause", f.cause)
        .field_unless_empty("remedy", f.remedy);
    if (!f.related_rules.empty()) {
      json.key("related_rules").begin_array();
      for (const std::string& id : f.related_rules) json.value(id);
      json.end_array();
    }
    if (f.sample) json.field("sample", to_string(*f.sample));
    json.end_object();
  }
  json.end_array().end_object();
  return json.take() + '\n';
}

}  // namespace

int run_check(const CheckCommand& command) {
  std::string format = command.common.format.empty() ? "text" : command.common.format;
  if (Result<void> known = check_format(format, kFormats); !known) return say(known.error()), kCouldNotRun;
  Result<std::vector<Output>> outputs =
      parse_outputs(command.common.outputs, kFormats, [](std::string_view file) -> std::string_view {
        return file.ends_with(".json") ? "json" : file.ends_with(".txt") ? "text" : "";
      });
  if (!outputs) return say(outputs.error()), kCouldNotRun;
  Result<LintFailOn> fail_on = parse_fail_on(command.fail_on);
  if (!fail_on) return say(fail_on.error()), kCouldNotRun;
  LoadedRules loaded = load_rules(command.common, true);
  if (!loaded.rules) return kCouldNotRun;
  const RuleSet& rules = *loaded.rules;
  Result<Timestamp> at = as_of(command.common, &rules);
  if (!at) return say(at.error()), kCouldNotRun;
  std::vector<LintFinding> findings = lint(rules, *at);
  for (const Output& output : *outputs) {
    std::string text =
        output.format == "json" ? check_json(rules, findings, *at) : check_text(rules, findings, *at, false);
    if (Result<void> written = write_file_atomically(output.file, text); !written)
      return say(written.error()), kCouldNotRun;
  }
  Result<void> shown = write_stdout(format == "json" ? check_json(rules, findings, *at)
                                                     : check_text(rules, findings, *at, use_color()));
  if (!shown) return say(shown.error()), kCouldNotRun;
  return std::any_of(findings.begin(), findings.end(), [&](const LintFinding& f) { return fail_on->fails(f); })
             ? kFindings
             : kConforms;
}

}  // namespace demarc
