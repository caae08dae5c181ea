// Whole reports, byte for byte. After a change that is meant: DEMARC_UPDATE_GOLDEN=1 ctest -R
// reports_formats/golden, then read the difference.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "reports/formats/format.h"
#include "tests/reports/formats/sample_verdict.h"

using namespace demarc;

namespace {

void compare(std::string_view sample, std::string_view format_name, const ReportOptions& options,
             std::string_view suffix = "") {
  const ReportFormat* format = find_report_format(format_name);
  REQUIRE(format != nullptr);
  std::string file = std::string(DEMARC_SOURCE_DIR "/tests/golden/reports/") + std::string(sample) +
                     std::string(suffix) + std::string(format->extension);
  CAPTURE(file);
  std::string report = format->render(samples::by_name(sample), options);
  if (std::getenv("DEMARC_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file, std::ios::binary) << report;
    return;
  }
  std::ifstream in(file, std::ios::binary);
  REQUIRE(in.good());
  std::ostringstream golden;
  golden << in.rdbuf();
  CHECK(report == golden.str());
}

}  // namespace

// The JSON formats are rules/verdict's own writing and have their golden documents there.
constexpr std::string_view kOurs[] = {"text", "csv", "markdown", "html", "junit", "sarif"};

TEST_CASE("an ordinary verdict in every format") {
  for (std::string_view format : kOurs) compare("ordinary", format, {});
}

TEST_CASE("a verdict with hostile banners in every format") {
  for (std::string_view format : kOurs) compare("injected", format, {});
}

TEST_CASE("clean and inconclusive verdicts for people") {
  for (std::string_view format : {"text", "markdown"}) {
    compare("clean", format, {});
    compare("inconclusive", format, {});
  }
}

TEST_CASE("findings by tag, and in colour on a narrow terminal") {
  compare("ordinary", "markdown", {.by = GroupBy::tag}, "_by_tag");
  compare("ordinary", "text", {.by = GroupBy::owner, .color = true, .width = 60}, "_by_owner_color");
}
