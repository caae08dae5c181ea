// The report formats: one file and one table row each. All of them are pure: a verdict in, text out, and the same
// verdict always gives the same bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/view/view.h"
#include "rules/verdict/finding.h"

namespace demarc {

struct ReportOptions {
  GroupBy by = GroupBy::none;
  bool color = false;    // text: ANSI colours
  unsigned width = 100;  // text: columns of the terminal
  std::vector<std::string> sign_off = {"network", "systems",
                                       "security"};  // html, markdown: the committees (`review.approval_roles`)
};

struct ReportFormat {
  std::string_view name;       // "html": what --format and -o NAME=FILE take
  std::string_view extension;  // ".html": what -o FILE is told apart by
  std::string_view media_type;
  std::string_view description;  // for --help
  std::string (*render)(const Verdict& verdict, const ReportOptions& options);
};

/// Every format, in the order in which help lists them.
std::span<const ReportFormat> report_formats();
const ReportFormat* find_report_format(std::string_view name);
/// The format a file name's ending asks for; null if none does.
const ReportFormat* report_format_for_file(std::string_view file_name);
/// Their names, for "did you mean".
std::vector<std::string_view> report_format_names();

}  // namespace demarc
