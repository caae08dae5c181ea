// Where results go: --format for standard output, -o [NAME=]FILE for files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/formats/format.h"
#include "rules/text/result.h"
#include "rules/verdict/finding.h"
#include "scanner/app/commands.h"

namespace demarc {

struct Output {
  std::string format, file;
};

/// Takes -o values apart. Without a name the ending decides; `formats` are the known names, `by_ending` maps a file
/// to one.
Result<std::vector<Output>> parse_outputs(std::span<const std::string> values,
                                          std::span<const std::string_view> formats,
                                          std::string_view (*by_ending)(std::string_view file));
/// Refuses an unknown name with a suggestion.
Result<void> check_format(std::string_view format, std::span<const std::string_view> formats);

/// Everything a verdict is to be written to, checked before the work begins.
struct ReportPlan {
  std::string stdout_format;
  std::vector<Output> files;
  GroupBy by = GroupBy::none;
  std::vector<std::string> sign_off;
};
Result<ReportPlan> plan_reports(const CommonOptions& options, std::string_view by);
/// Writes all of it; says every failure. False if anything could not be written.
bool write_reports(const ReportPlan& plan, const Verdict& verdict);

}  // namespace demarc
