#include "scanner/app/outputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/text/suggest.h"
#include "scanner/app/console.h"
#include "scanner/files/file.h"

namespace demarc {

Result<void> check_format(std::string_view format, std::span<const std::string_view> formats) {
  if (std::find(formats.begin(), formats.end(), format) != formats.end()) return {};
  std::string hint = suggest(format, formats);
  if (hint.empty()) hint = fmt::format("one of {}", fmt::join(formats, ", "));
  return failure(fmt::format("'{}' is no output format", format), std::move(hint));
}

Result<std::vector<Output>> parse_outputs(std::span<const std::string> values,
                                          std::span<const std::string_view> formats,
                                          std::string_view (*by_ending)(std::string_view file)) {
  std::vector<Output> outputs;
  for (const std::string& value : values) {
    std::size_t equals = value.find('=');
    bool named = equals != std::string::npos && equals > 0 && value.find_first_of("/.") > equals;
    Output output{named ? value.substr(0, equals) : std::string(by_ending(value)),
                  named ? value.substr(equals + 1) : value};
    if (output.file.empty()) return failure(fmt::format("-o {}: no file", value), "write -o NAME=FILE");
    if (output.format.empty()) {
      return failure(fmt::format("-o {}: the ending does not tell the format", value),
                     fmt::format("write -o NAME=FILE with one of {}", fmt::join(formats, ", ")));
    }
    DEMARC_TRY(check_format(output.format, formats));
    for (const Output& other : outputs)
      if (other.file == output.file && output.file != "-")
        return failure(fmt::format("-o: '{}' is given twice", output.file));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

namespace {
std::string_view report_by_ending(std::string_view file) {
  const ReportFormat* format = report_format_for_file(file);
  return format == nullptr ? std::string_view() : format->name;
}
}  // namespace

Result<ReportPlan> plan_reports(const CommonOptions& options, std::string_view by) {
  ReportPlan plan;
  std::vector<std::string_view> names = report_format_names();
  plan.stdout_format = options.format.empty() ? "text" : options.format;
  DEMARC_TRY(check_format(plan.stdout_format, names));
  plan.files = DEMARC_TRY(parse_outputs(options.outputs, names, report_by_ending));
  std::optional<GroupBy> group = parse_group_by(by);
  if (!group) return failure(fmt::format("--by: '{}' is no grouping", by), "application, zone, owner or tag");
  plan.by = *group;
  return plan;
}

bool write_reports(const ReportPlan& plan, const Verdict& verdict) {
  ReportOptions options;
  options.by = plan.by;
  options.width = terminal_width();
  if (!plan.sign_off.empty()) options.sign_off = plan.sign_off;
  bool good = true;
  for (const Output& output : plan.files) {
    Result<void> written =
        write_file_atomically(output.file, find_report_format(output.format)->render(verdict, options));
    if (written) {
      say_note(fmt::format("{} report: {}", output.format, output.file));
    } else {
      say(written.error());
      good = false;
    }
  }
  options.color = use_color();
  Result<void> shown = write_stdout(find_report_format(plan.stdout_format)->render(verdict, options));
  if (!shown) {
    say(shown.error());
    good = false;
  }
  return good;
}

}  // namespace demarc
