#include "reports/formats/format.h"

#include <algorithm>
#include <array>

#include "reports/formats/renderers.h"

namespace demarc {

namespace {

constexpr std::array kFormats = {
    ReportFormat{"text", ".txt", "text/plain",
                 "for a terminal: the conclusion, the worst findings, what is missing, what to do next",
                 render_text},
    ReportFormat{"json", ".json", "application/json",
                 "the whole verdict as one document, which demarc report reads again", render_json},
    ReportFormat{"jsonl", ".jsonl", "application/jsonl", "one finding a line, as JSON", render_jsonl},
    ReportFormat{"csv", ".csv", "text/csv", "one finding a row, for spreadsheets", render_csv},
    ReportFormat{"markdown", ".md", "text/markdown", "for a change ticket", render_markdown},
    ReportFormat{"html", ".html", "text/html",
                 "one self-contained page: executive summary first, then every finding and rule with its evidence",
                 render_html},
    ReportFormat{"junit", ".xml", "application/xml",
                 "JUnit XML: one test case for each rule and each kind of coverage", render_junit},
    ReportFormat{"sarif", ".sarif", "application/sarif+json",
                 "SARIF 2.1.0, each result at its line of the rule set", render_sarif},
};

}  // namespace

std::span<const ReportFormat> report_formats() { return kFormats; }

const ReportFormat* find_report_format(std::string_view name) {
  auto at = std::find_if(kFormats.begin(), kFormats.end(),
                         [&](const ReportFormat& format) { return format.name == name; });
  return at == kFormats.end() ? nullptr : &*at;
}

const ReportFormat* report_format_for_file(std::string_view file_name) {
  auto at = std::find_if(kFormats.begin(), kFormats.end(),
                         [&](const ReportFormat& format) { return file_name.ends_with(format.extension); });
  return at == kFormats.end() ? nullptr : &*at;
}

std::vector<std::string_view> report_format_names() {
  std::vector<std::string_view> names;
  for (const ReportFormat& format : kFormats) names.push_back(format.name);
  return names;
}

}  // namespace demarc
