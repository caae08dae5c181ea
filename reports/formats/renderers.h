// One function for each format; format.cpp lists them.
#pragma once

#include <string>

#include "reports/formats/format.h"

namespace demarc {

std::string render_text(const Verdict& verdict, const ReportOptions& options);
std::string render_json(const Verdict& verdict, const ReportOptions& options);
std::string render_jsonl(const Verdict& verdict, const ReportOptions& options);
std::string render_csv(const Verdict& verdict, const ReportOptions& options);
std::string render_markdown(const Verdict& verdict, const ReportOptions& options);
std::string render_html(const Verdict& verdict, const ReportOptions& options);
std::string render_junit(const Verdict& verdict, const ReportOptions& options);
std::string render_sarif(const Verdict& verdict, const ReportOptions& options);

}  // namespace demarc
