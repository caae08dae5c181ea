// For a change ticket: pasted as it is into GitLab, GitHub, Jira's Markdown field. Tables for the overview, one
// section a finding, configuration lines in code blocks. Foreign text is escaped in prose and fenced beyond its own
// backticks in code.
#include <fmt/format.h>

#include <algorithm>

#include "reports/formats/renderers.h"
#include "rules/text/escape.h"

namespace demarc {

namespace {

constexpr std::size_t kTextBytesMax = 1000;

/// markdown_escaped() leaves what several renderers still turn into a link or a mention; a zero-width break would
/// be foreign to whoever copies it, so the characters become entities.
std::string safe(std::string_view text) {
  std::string out;
  std::string escaped = markdown_escaped(clipped(text, kTextBytesMax));
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    char c = escaped[i];
    bool at_start = i == 0 || escaped[i - 1] == ' ';
    if (c == '@')
      out += "&#64;";
    else if (c == ':' && std::string_view(escaped).substr(i, 3) == "://")
      out += "&#58;";
    else if (at_start && (c == '-' || c == '+' || c == '=' || c == '!'))
      (out += '\\') += c;
    else
      out += c;
  }
  return out;
}

/// Lines in a fence longer than any run of backticks in them (CommonMark §4.5).
void write_code(std::string& out, const std::vector<std::string>& lines) {
  std::size_t longest = 2;
  std::vector<std::string> shown;
  for (const std::string& line : lines) {
    shown.push_back(terminal_safe(clipped(line, kTextBytesMax)));
    std::size_t run = 0;
    for (char c : shown.back()) {
      run = c == '`' ? run + 1 : 0;
      longest = std::max(longest, run);
    }
  }
  std::string fence(longest + 1, '`');
  out += fence + "\n";
  for (const std::string& line : shown) out += line + "\n";
  out += fence + "\n";
}

void write_finding(std::string& out, const Finding& finding) {
  out += fmt::format("\n#### {}: {}\n\n", name(finding.severity), safe(finding.title));
  auto item = [&out](std::string_view label, const std::string& text) {
    if (!text.empty()) out += fmt::format("- **{}**: {}\n", label, text);
  };
  item("Where", safe(zone_pair(finding)) +
                    (zone_pair(finding).empty() || subject_text(finding).empty() ? "" : ", ") +
                    safe(subject_text(finding)));
  item("Why", safe(finding.cause));
  if (finding.sample) item("Packet", safe(to_string(*finding.sample)));
  for (const EvidenceRef& evidence : finding.evidence) {
    item("Evidence", safe(place_text(evidence)) + (evidence.text.empty() ? "" : ": " + safe(evidence.text)));
  }
  item("Remedy", safe(finding.remedy));
  std::string about = fmt::format("{} {}", safe(finding.id), name(finding.kind));
  if (!finding.rule.empty()) about += ", rule " + safe(finding.rule);
  if (!finding.owner.empty()) about += ", owner " + safe(finding.owner);
  if (finding.baseline != BaselineStatus::none) about += fmt::format(", {}", name(finding.baseline));
  item("Finding", about);
  if (!finding.remedy_configuration.empty()) {
    out += '\n';
    write_code(out, finding.remedy_configuration);
  }
}

}  // namespace

std::string render_markdown(const Verdict& verdict, const ReportOptions& options) {
  View view = make_view(verdict, {.by = options.by});
  std::string out = fmt::format("## Boundary verification: {}\n\n**{}**", name(verdict.conclusion), view.headline);
  if (!view.caveat.empty()) out += " " + view.caveat;
  out += "\n\n| | |\n| --- | --- |\n";
  auto row = [&out](std::string_view label, const std::string& text) {
    if (!text.empty()) out += fmt::format("| {} | {} |\n", label, text);
  };
  row("Rule set", safe(verdict.rules_name.empty() ? verdict.rules_file : verdict.rules_name));
  row("Rule set SHA-256", safe(verdict.rules_sha256));
  row("As of", to_string(verdict.as_of));
  row("Authorised",
      safe(verdict.authorised_by + (verdict.authorised_ticket.empty() ? "" : ", " + verdict.authorised_ticket)));
  row("Findings", describe(view.tally));
  row("Accepted", grouped_number(view.accepted.size()));
  row("Not measured", grouped_number(std::max(view.gaps.size(), view.unmet.size())));
  if (view.has_baseline)
    row("Since the baseline",
        fmt::format("{} new, {} gone", grouped_number(view.fresh), grouped_number(view.gone.size())));
  row("Tool", "demarc " + safe(verdict.tool_version));

  out += "\n### Next\n\n";
  for (std::size_t i = 0; i < view.next_steps.size(); ++i)
    out += fmt::format("{}. {}\n", i + 1, safe(view.next_steps[i]));

  if (!view.open.empty()) {
    out += "\n### Findings\n";
    for (const FindingGroup& group : view.groups) {
      if (options.by != GroupBy::none)
        out += fmt::format("\n#### {}: {}\n", safe(group.name), describe(group.tally));
      out += "\n| Severity | Finding | Where | Rule | Owner | Id |\n| --- | --- | --- | --- | --- | --- |\n";
      for (const Finding* finding : group.findings) {
        out +=
            fmt::format("| {} | {} | {} | {} | {} | {} |\n", name(finding->severity), safe(finding->title),
                        safe(subject_text(*finding)), safe(finding->rule), safe(finding->owner), safe(finding->id));
      }
    }
    out += "\n### Proof and remedy\n";
    for (const Finding* finding : view.open) write_finding(out, *finding);
  }
  if (!view.gaps.empty() || !view.unmet.empty()) {
    out += "\n### Not measured\n\n";
    for (const Finding* gap : view.gaps)
      out += fmt::format("- {} {} ({})\n", safe(gap->title), safe(gap->cause), safe(gap->id));
    for (const CoverageRow* coverage : view.unmet)
      out += fmt::format("- {}: {}\n", safe(coverage->what), safe(coverage->gap));
  }
  if (!view.accepted.empty()) {
    out += "\n### Accepted\n\n";
    for (const Finding* finding : view.accepted) {
      out +=
          fmt::format("- {} ({}): {}\n", safe(finding->title), safe(finding->id), safe(finding->accepted_reason));
    }
  }
  if (!view.gone.empty()) {
    out += "\n### Gone since the baseline\n\n";
    for (const Finding* finding : view.gone)
      out += fmt::format("- {} ({})\n", safe(finding->title), safe(finding->id));
  }
  if (!verdict.lines.empty()) {
    constexpr std::size_t kLinesMax = 200;
    out += "\n### Lines of configurations\n\n| Line | Says | Needed by | Use |\n| --- | --- | --- | --- |\n";
    for (std::size_t i = 0; i < verdict.lines.size() && i < kLinesMax; ++i) {
      const LineRow& line = verdict.lines[i];
      std::string needed;
      for (const std::string& rule : line.rules) needed += (needed.empty() ? "" : ", ") + safe(rule);
      out += fmt::format("| {}:{} | {} | {} | {} |\n", safe(line.file), line.line, safe(line.text),
                         needed.empty() ? "no rule" : needed, safe(line.use.empty() ? "not measured" : line.use));
    }
    if (verdict.lines.size() > kLinesMax)
      out += fmt::format("\n{} more are in the JSON verdict.\n", verdict.lines.size() - kLinesMax);
  }
  if (!verdict.evidence.empty()) {
    out += "\n### Evidence\n\n| File | Kind | SHA-256 |\n| --- | --- | --- |\n";
    for (const EvidenceRow& evidence : verdict.evidence) {
      out += fmt::format("| {} | {} | {} |\n", safe(evidence.file), safe(evidence.kind), safe(evidence.sha256));
    }
  }
  if (!options.sign_off.empty()) {
    out += "\n### Sign-off\n\n| Committee | Name | Date |\n| --- | --- | --- |\n";
    for (const std::string& role : options.sign_off) out += fmt::format("| {} | | |\n", safe(role));
  }
  return out;
}

}  // namespace demarc
