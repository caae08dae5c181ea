// Banners, names and file names that try to break out of the report that shows them.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "reports/formats/format.h"
#include "rules/text/escape.h"
#include "tests/reports/formats/sample_verdict.h"

using namespace demarc;

namespace {

std::string hostile(std::string_view format, ReportOptions options = {}) {
  return find_report_format(format)->render(samples::hostile(), options);
}

/// What is left for a Markdown reader to interpret: without code blocks, and without characters that a backslash
/// takes.
std::string interpreted(std::string_view markdown) {
  std::string out, fence;
  while (!markdown.empty()) {
    std::size_t end = std::min(markdown.find('\n'), markdown.size() - 1);
    std::string_view line = markdown.substr(0, end);
    markdown.remove_prefix(end + 1);
    std::size_t run = std::min(line.find_first_not_of('`'), line.size());
    if (fence.empty() && run >= 3) {
      fence = line.substr(0, run);
    } else if (!fence.empty()) {
      if (line == fence) fence.clear();
    } else {
      out += '\n';
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\')
          ++i;
        else
          out += line[i];
      }
    }
  }
  CHECK(fence.empty());
  return out;
}

bool has_bidirectional_override(std::string_view text) {
  return text.find("\xe2\x80\xae") != std::string_view::npos || text.find("\xe2\x81\xa6") != std::string_view::npos;
}

}  // namespace

TEST_CASE("no format lets a control character, an override or a broken byte through") {
  for (const ReportFormat& format : report_formats()) {
    CAPTURE(format.name);
    // The JSON formats keep every text whole: megabytes in each field would only make the test slow.
    bool whole = format.name.starts_with("json");
    std::string out = whole ? format.render(samples::injected(), {}) : hostile(format.name);
    bool csv = format.name == "csv";  // its record separator, and line ends within quoted fields, are CRLF's
    CHECK(std::none_of(out.begin(), out.end(), [csv](char c) {
      auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\n' && !(csv && (c == '\r' || c == '\t'))) || byte == 0x7F;
    }));
    CHECK(out.find("\xc2\x9b") == std::string::npos);
    CHECK(utf8_repaired(out) == out);
    if (!csv)
      CHECK_FALSE(has_bidirectional_override(
          out));  // a spreadsheet shows the bytes of the banner; nothing is hidden by it there
  }
}

TEST_CASE("a megabyte of banner does not make a megabyte of report, and the report says that it was shortened") {
  // 64 findings meet it in nearly every field: untouched, it would be far more than 100 MB.
  for (std::string_view format : {"text", "csv", "markdown", "html", "junit", "sarif"}) {
    CAPTURE(format);
    std::string out = hostile(format);
    CHECK(out.size() < 3'000'000);
    CHECK(out.find("1,048,60") != std::string::npos);
  }
}

TEST_CASE("a spreadsheet finds no formula at the start of a cell") {
  std::string out = hostile("csv");
  bool at_cell = true, quoted = false;
  for (char c : out) {
    if (at_cell) {
      if (c == '"' && !quoted) {
        quoted = true;
        continue;
      }
      REQUIRE(std::string_view("=+-@\t").find(c) == std::string_view::npos);
      at_cell = false;
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ',' || c == '\n')) at_cell = true;
  }
}

TEST_CASE("Markdown from a banner stays text") {
  std::string out = interpreted(hostile("markdown"));
  CHECK(out.find("\n### Sign-off") != std::string::npos);
  for (std::string_view forbidden : {"<", "`", "](", "[link", "![", "://", "\n# heading", "\n~~~", "\n= ", "@"}) {
    CAPTURE(forbidden);
    CHECK(out.find(forbidden) == std::string::npos);
  }
}

TEST_CASE("a code fence in a configuration line does not end the block it stands in") {
  Verdict verdict = samples::ordinary();
  verdict.findings[0].remedy_configuration = {"deny ip any any", "````", "<script>"};
  std::string out = find_report_format("markdown")->render(verdict, {});
  CHECK(out.find("\n`````\ndeny ip any any\n````\n<script>\n`````\n") != std::string::npos);
}

TEST_CASE("JSON lines stay one line each") {
  Verdict verdict = samples::injected();
  std::string out = find_report_format("jsonl")->render(verdict, {});
  CHECK(static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n')) == verdict.findings.size());
}
