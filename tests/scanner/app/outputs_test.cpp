#include "scanner/app/outputs.h"

#include <doctest/doctest.h>

using namespace demarc;

namespace {
std::string_view by_ending(std::string_view file) {
  return file.ends_with(".html") ? "html" : file.ends_with(".json") ? "json" : "";
}
constexpr std::string_view kFormats[] = {"text", "html", "json"};
}  // namespace

TEST_CASE("-o [NAME=]FILE") {
  std::vector<std::string> values = {"html=out", "report.html", "dir=x/verdict.json", "text=-"};
  // "dir=x/..." names no format: '=' stands behind no path separator or dot, so it is taken for a format and
  // refused.
  Result<std::vector<Output>> refused = parse_outputs(values, kFormats, by_ending);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == "'dir' is no output format");
  values[2] = "./dir=x/verdict.json";  // a path with '=' in it
  std::vector<Output> outputs = parse_outputs(values, kFormats, by_ending).value();
  CHECK(outputs[0].format == "html");
  CHECK(outputs[0].file == "out");
  CHECK(outputs[1].format == "html");
  CHECK(outputs[2].format == "json");
  CHECK(outputs[2].file == "./dir=x/verdict.json");
  CHECK(outputs[3].file == "-");
}

TEST_CASE("outputs that cannot be meant are refused before the work begins") {
  auto what = [](std::vector<std::string> values) {
    return parse_outputs(values, kFormats, by_ending).error().what;
  };
  CHECK(what({"report.doc"}) == "-o report.doc: the ending does not tell the format");
  CHECK(what({"html="}) == "-o html=: no file");
  CHECK(what({"a.html", "html=a.html"}) == "-o: 'a.html' is given twice");
  Result<void> slip = check_format("htlm", kFormats);
  REQUIRE_FALSE(slip);
  CHECK(slip.error().hint == "did you mean 'html'?");
}
