// print_report SAMPLE FORMAT [BY]: one of the sample verdicts in one of the formats, for the browser's test and for
// looking at.
#include <cstdio>
#include <string>

#include "reports/formats/format.h"
#include "tests/reports/formats/sample_verdict.h"

int main(int count, char** words) {
  if (count < 3) return 2;
  const demarc::ReportFormat* format = demarc::find_report_format(words[2]);
  demarc::ReportOptions options;
  if (count > 3) options.by = demarc::parse_group_by(words[3]).value_or(demarc::GroupBy::none);
  if (format == nullptr) return 2;
  std::string report = format->render(demarc::samples::by_name(words[1]), options);
  return std::fwrite(report.data(), 1, report.size(), stdout) == report.size() ? 0 : 1;
}
