// For a terminal, at three in the morning: the conclusion first, then the worst findings with proof and remedy, the
// rest a line each, what was not measured, and at the end, where the prompt comes back, the counts and what to do
// next.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "reports/formats/renderers.h"
#include "rules/text/escape.h"

namespace demarc {

namespace {

constexpr std::size_t kTextBytesMax = 400;  // of one foreign text
constexpr std::size_t kEvidenceShown = 3;   // of one finding; the other formats list all
constexpr std::size_t kConfigurationShown = 12;

std::string safe(std::string_view text) { return terminal_safe(clipped(text, kTextBytesMax)); }

/// Columns a UTF-8 text takes, one for each character: right for everything but East Asian wide ones, which only
/// wrap late.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string_view first_columns(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t next = at + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    if (count-- == 0) break;
    at = next;
  }
  return text.substr(0, at);
}

struct Style {
  std::string_view on, off;
};
constexpr Style kBold = {"\x1b[1m", "\x1b[0m"};
constexpr Style kDim = {"\x1b[2m", "\x1b[0m"};
constexpr Style kPlain = {"", ""};

Style style_of(Severity severity) {
  switch (severity) {
    case Severity::critical: return {"\x1b[1;37;41m", "\x1b[0m"};
    case Severity::high: return {"\x1b[1;31m", "\x1b[0m"};
    case Severity::medium: return {"\x1b[1;33m", "\x1b[0m"};
    case Severity::low: return {"\x1b[36m", "\x1b[0m"};
    case Severity::info:
    case Severity::none: return kDim;
  }
  return kPlain;
}

class Page {
 public:
  explicit Page(const ReportOptions& options)
      : color_(options.color), width_(std::clamp(options.width, 40U, 200U)) {}

  std::string styled(std::string_view text, Style style) const {
    return color_ ? fmt::format("{}{}{}", style.on, text, style.off) : std::string(text);
  }
  void line(std::string_view text = {}) { (out_ += text) += '\n'; }
  void heading(std::string_view text) {
    line();
    line(styled(text, kBold));
  }
  /// `label` (already styled; `label_columns` wide), then the text wrapped beside it.
  void beside(std::string_view label, std::size_t label_columns, std::size_t indent, std::string_view text) {
    out_ += label;
    out_.append(indent > label_columns ? indent - label_columns : 1, ' ');
    std::size_t room = std::max<std::size_t>(width_ - std::min<std::size_t>(width_, indent), 20);
    std::size_t used = 0;
    bool first = true;
    while (!text.empty()) {
      std::size_t end = std::min(text.find(' '), text.size());
      std::string_view word = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      while (true) {
        std::size_t wide = columns(word);
        if (!first && used + 1 + wide > room) {
          new_row(indent);
          used = 0, first = true;
        }
        if (!first) out_ += ' ', ++used;
        first = false;
        std::string_view part = wide > room ? first_columns(word, room) : word;
        out_ += part;
        used += columns(part);
        word.remove_prefix(part.size());
        if (word.empty()) break;
      }
    }
    out_ += '\n';
  }
  /// "  proof    what follows, wrapped".
  void field(std::string_view label, std::string_view text) {
    if (text.empty()) return;
    std::string padded = fmt::format("  {:<8}", label);
    beside(styled(padded, kDim), padded.size(), 11, text);
  }
  std::string take() { return std::move(out_); }

 private:
  void new_row(std::size_t indent) {
    out_ += '\n';
    out_.append(indent, ' ');
  }
  std::string out_;
  bool color_;
  std::size_t width_;
};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string joined(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += ", ";
    out += part;
  }
  return out;
}

void write_finding(Page& page, const Finding& finding) {
  std::string label = fmt::format("[{}]", upper(name(finding.severity)));
  page.line();
  page.beside(page.styled(label, style_of(finding.severity)), label.size(), 11, safe(finding.title));
  page.field("where", joined({safe(zone_pair(finding)), safe(subject_text(finding)), safe(finding.service)}));
  page.field("why", safe(finding.cause));
  std::string_view label_of_proof = "proof";
  if (finding.sample) {
    page.field(label_of_proof, to_string(*finding.sample));
    label_of_proof = "";
  }
  std::size_t shown = 0;
  for (const EvidenceRef& evidence : finding.evidence) {
    if (shown++ == kEvidenceShown) {
      page.field("", fmt::format("and {} more", finding.evidence.size() - kEvidenceShown));
      break;
    }
    std::string place = safe(place_text(evidence));
    page.field(label_of_proof, evidence.text.empty() ? place : place + ": " + safe(evidence.text));
    label_of_proof = "";
  }
  page.field("remedy", safe(finding.remedy));
  for (std::size_t i = 0; i < finding.remedy_configuration.size(); ++i) {
    if (i == kConfigurationShown) {
      page.field("", fmt::format("and {} more lines", finding.remedy_configuration.size() - i));
      break;
    }
    page.field(i == 0 ? "lines" : "", safe(finding.remedy_configuration[i]));
  }
  page.field("id", joined({safe(finding.id) + " " + std::string(name(finding.kind)),
                           finding.rule.empty() ? "" : "rule " + safe(finding.rule),
                           finding.owner.empty() ? "" : "owner " + safe(finding.owner),
                           std::string(name(finding.baseline))}));
}

void write_line(Page& page, const Finding& finding) {
  std::string label = fmt::format("  {:<8}", name(finding.severity));
  std::string tail = joined(
      {safe(finding.id), finding.rule.empty() ? "" : safe(finding.rule), std::string(name(finding.baseline))});
  page.beside(page.styled(label, style_of(finding.severity)), label.size(), 11,
              fmt::format("{} ({})", safe(finding.title), tail));
}

std::string coverage_text(const CoverageRow& row) {
  return fmt::format("{}: {}{}{}", safe(row.what), amounts_text(row), row.gap.empty() ? "" : "; ", safe(row.gap));
}

Style style_of(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::conforms: return {"\x1b[1;32m", "\x1b[0m"};
    case Conclusion::violates: return {"\x1b[1;37;41m", "\x1b[0m"};
    case Conclusion::inconclusive: return {"\x1b[1;33m", "\x1b[0m"};
  }
  return kPlain;
}

}  // namespace

std::string render_text(const Verdict& verdict, const ReportOptions& options) {
  View view = make_view(verdict, {.by = options.by});
  Page page(options);

  std::string conclusion = upper(name(verdict.conclusion));
  page.beside(page.styled(conclusion, style_of(verdict.conclusion)), conclusion.size(), conclusion.size() + 2,
              view.headline);
  if (!view.caveat.empty()) page.beside("", 0, conclusion.size() + 2, view.caveat);
  page.beside("", 0, conclusion.size() + 2,
              fmt::format("Rule set {}, as of {}, demarc {}.",
                          safe(verdict.rules_name.empty() ? verdict.rules_file : verdict.rules_name),
                          to_string(verdict.as_of), safe(verdict.tool_version)));

  if (!view.worst.empty()) {
    page.heading(view.worst.size() == view.open.size() ? "Findings, worst first" : "The worst findings");
    for (const Finding* finding : view.worst) write_finding(page, *finding);
  }
  if (view.open.size() > view.worst.size()) {
    bool grouped = options.by != GroupBy::none;
    page.heading(grouped              ? fmt::format("All findings by {}", name(options.by))
                 : view.worst.empty() ? "Findings"
                                      : "Other findings");
    for (const FindingGroup& group : view.groups) {
      if (grouped) page.beside(" ", 1, 2, page.styled(safe(group.name), kBold) + ": " + describe(group.tally));
      for (std::size_t i = grouped ? 0 : view.worst.size(); i < group.findings.size(); ++i)
        write_line(page, *group.findings[i]);
    }
  }
  if (!view.gaps.empty() || !view.unmet.empty()) {
    page.heading("Not measured");
    for (const Finding* gap : view.gaps)
      page.beside("  -", 3, 4,
                  fmt::format("{}: {}", safe(gap->title), safe(gap->cause.empty() ? gap->remedy : gap->cause)));
    for (const CoverageRow* row : view.unmet) page.beside("  -", 3, 4, coverage_text(*row));
  }
  if (!verdict.coverage.empty()) {
    page.heading("Coverage");
    for (const CoverageRow& row : verdict.coverage) {
      std::string label = row.met ? "  met" : "  NOT MET";
      page.beside(page.styled(label, row.met ? kPlain : kBold), label.size(), 11, coverage_text(row));
    }
  }
  if (!view.accepted.empty()) {
    page.heading("Accepted by the rule set");
    for (const Finding* finding : view.accepted) {
      page.beside(
          "  -", 3, 4,
          fmt::format("{} ({}): {}", safe(finding->title), safe(finding->id), safe(finding->accepted_reason)));
    }
  }
  if (!view.gone.empty()) {
    page.heading("Gone since the baseline");
    for (const Finding* finding : view.gone)
      page.beside("  -", 3, 4, fmt::format("{} ({})", safe(finding->title), safe(finding->id)));
  }
  if (!verdict.notes.empty()) {
    page.heading("Notes");
    for (const std::string& note : verdict.notes) page.beside("  -", 3, 4, safe(note));
  }

  page.line();
  std::string totals = fmt::format("{}; {}, {}", describe(view.tally), counted(view.gaps.size(), "gap", "gaps"),
                                   counted(view.accepted.size(), "accepted", "accepted"));
  if (view.has_baseline)
    totals += fmt::format("; {} new, {} gone since the baseline", grouped_number(view.fresh),
                          grouped_number(view.gone.size()));
  page.beside(page.styled("Counts", kBold), 6, 8, totals);
  for (std::size_t i = 0; i < view.next_steps.size(); ++i) {
    page.beside(i == 0 ? page.styled("Next", kBold) : "", i == 0 ? 4 : 0, 8,
                fmt::format("{}. {}", i + 1, safe(view.next_steps[i])));
  }
  return page.take();
}

}  // namespace demarc
