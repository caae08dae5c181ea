// JUnit XML for continuous integration: a rule that has findings is a failed test, what was not measured is an
// error (the test could not run), and an accepted finding is a skipped one.
#include <fmt/format.h>

#include <map>

#include "reports/formats/renderers.h"
#include "rules/text/escape.h"

namespace demarc {

namespace {

constexpr std::size_t kTextBytesMax = 2000;

std::string safe(std::string_view text) { return html_escaped(clipped(text, kTextBytesMax)); }

struct Suite {
  std::string cases;
  std::size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  std::string take(std::string_view suite_name, std::string_view time) const {
    return fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" timestamp=\"{}\">\n{}  "
        "</testsuite>\n",
        suite_name, tests, failures, errors, skipped, time, cases);
  }
};

std::string body(const Finding& finding) {
  std::string out = fmt::format("{}: {}\n{}\n", name(finding.severity), safe(finding.title), safe(finding.cause));
  if (finding.sample) out += "packet: " + safe(to_string(*finding.sample)) + "\n";
  for (const EvidenceRef& evidence : finding.evidence)
    out += fmt::format("evidence: {}: {}\n", safe(place_text(evidence)), safe(evidence.text));
  return out + "remedy: " + safe(finding.remedy) + "\n";
}

std::string element(std::string_view tag, const Finding& finding) {
  return fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", tag, name(finding.kind),
                     safe(finding.title), body(finding));
}

}  // namespace

std::string render_junit(const Verdict& verdict, const ReportOptions&) {
  View view = make_view(verdict);
  std::map<std::string, std::vector<const Finding*>> by_rule;
  for (const Finding* finding : view.open) {
    if (!finding->rule.empty()) by_rule[finding->rule].push_back(finding);
  }
  auto open_case = [](std::string_view class_name, std::string_view case_name) {
    return fmt::format("    <testcase classname=\"demarc.{}\" name=\"{}\">\n", class_name, safe(case_name));
  };

  // JUnit knows one outcome a test, so a rule's findings share one failure.
  Suite rules;
  std::map<std::string, bool> listed;
  auto add_rule = [&](const std::string& id, const std::string& title) {
    ++rules.tests;
    listed[id] = true;
    rules.cases += open_case("rules", title);
    if (auto found = by_rule.find(id); found != by_rule.end()) {
      ++rules.failures;
      const Finding& first = *found->second.front();
      rules.cases += fmt::format("      <failure type=\"{}\" message=\"{}\">", name(first.kind), safe(first.title));
      for (const Finding* finding : found->second) rules.cases += body(*finding);
      rules.cases += "</failure>\n";
    }
    rules.cases += "    </testcase>\n";
  };
  for (const RuleRow& rule : verdict.rules)
    add_rule(rule.id, fmt::format("{} {} from {} to {}", rule.id, rule.service, rule.from, rule.to));
  for (const auto& [id, _] : by_rule) {
    if (!listed.contains(id)) add_rule(id, id);
  }

  Suite boundary;
  for (const Finding* finding : view.open) {
    if (!finding->rule.empty()) continue;
    ++boundary.tests, ++boundary.failures;
    boundary.cases += open_case("boundary", finding->id + " " + finding->title) + element("failure", *finding) +
                      "    </testcase>\n";
  }
  for (const Finding* finding : view.accepted) {
    ++boundary.tests, ++boundary.skipped;
    boundary.cases +=
        open_case("boundary", finding->id + " " + finding->title) +
        fmt::format("      <skipped message=\"accepted: {}\"/>\n    </testcase>\n", safe(finding->accepted_reason));
  }

  Suite coverage;
  for (const CoverageRow& row : verdict.coverage) {
    ++coverage.tests;
    coverage.cases += open_case("coverage", row.what);
    if (!row.met) {
      ++coverage.errors;
      coverage.cases += fmt::format("      <error type=\"not-measured\" message=\"{}\"/>\n", safe(row.gap));
    }
    coverage.cases += "    </testcase>\n";
  }
  for (const Finding* gap : view.gaps) {
    ++coverage.tests, ++coverage.errors;
    coverage.cases +=
        open_case("coverage", gap->id + " " + gap->title) + element("error", *gap) + "    </testcase>\n";
  }
  if (!verdict.complete && coverage.errors == 0) {  // never a clean answer from missing evidence
    ++coverage.tests, ++coverage.errors;
    coverage.cases +=
        open_case("coverage", "complete") +
        "      <error type=\"not-measured\" message=\"the evidence is incomplete\"/>\n    </testcase>\n";
  }

  std::string time = to_string(verdict.as_of);
  return fmt::format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"demarc\" tests=\"{}\" failures=\"{}\" "
             "errors=\"{}\" skipped=\"{}\">\n",
             rules.tests + boundary.tests + coverage.tests, rules.failures + boundary.failures, coverage.errors,
             boundary.skipped) +
         rules.take("rules", time) + boundary.take("boundary", time) + coverage.take("coverage", time) +
         "</testsuites>\n";
}

}  // namespace demarc
