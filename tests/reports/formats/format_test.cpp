#include "reports/formats/format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/reports/formats/sample_verdict.h"

using namespace demarc;

namespace {

/// RFC 4180, strictly: CRLF between records, quotes doubled, nothing after a closing quote but a separator.
std::vector<std::vector<std::string>> read_csv(std::string_view text) {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record;
  std::size_t at = 0;
  while (at < text.size()) {
    std::string field;
    if (text[at] == '"') {
      for (++at;; ++at) {
        REQUIRE(at < text.size());
        if (text[at] != '"')
          field += text[at];
        else if (at + 1 < text.size() && text[at + 1] == '"')
          field += text[++at];
        else
          break;
      }
      ++at;
    } else {
      while (at < text.size() && text[at] != ',' && text[at] != '\r') {
        REQUIRE(text[at] != '"');
        REQUIRE(text[at] != '\n');
        field += text[at++];
      }
    }
    record.push_back(field);
    REQUIRE(at < text.size());
    if (text[at] == ',') {
      ++at;
    } else {
      REQUIRE(text.substr(at, 2) == "\r\n");
      at += 2;
      records.push_back(std::move(record));
      record.clear();
    }
  }
  return records;
}

}  // namespace

TEST_CASE("each format has its own name, and a file's ending finds it") {
  std::set<std::string_view> names, extensions;
  for (const ReportFormat& format : report_formats()) {
    CHECK(names.insert(format.name).second);
    CHECK(extensions.insert(format.extension).second);
    CHECK(find_report_format(format.name) == &format);
    CHECK(report_format_for_file("out/report" + std::string(format.extension)) == &format);
    CHECK_FALSE(format.description.empty());
  }
  CHECK(names == std::set<std::string_view>{"text", "json", "jsonl", "csv", "markdown", "html", "junit", "sarif"});
  CHECK(find_report_format("pdf") == nullptr);
  CHECK(find_report_format("") == nullptr);
  CHECK(report_format_for_file("report") == nullptr);
  CHECK(report_format_names().size() == names.size());
}

TEST_CASE("the same verdict gives the same bytes in every format") {
  for (const ReportFormat& format : report_formats()) {
    CAPTURE(format.name);
    for (GroupBy by : {GroupBy::none, GroupBy::tag}) {
      std::string first = format.render(samples::ordinary(), {.by = by});
      CHECK(first == format.render(samples::ordinary(), {.by = by}));
      CHECK(first.ends_with("\n"));
    }
  }
}

TEST_CASE("an empty verdict can be rendered, and is not taken for a clean one") {
  for (const ReportFormat& format : report_formats()) {
    CAPTURE(format.name);
    std::string out = format.render(Verdict{}, {});
    CHECK(out.find("conforms to its rule set") == std::string::npos);
  }
  CHECK(find_report_format("text")->render(Verdict{}, {}).starts_with("INCONCLUSIVE"));
  CHECK(find_report_format("html")->render(Verdict{}, {}).find("No verdict") != std::string::npos);
  CHECK(find_report_format("junit")->render(Verdict{}, {}).find("errors=\"1\"") != std::string::npos);
}

TEST_CASE("CSV is one record a finding with the columns its first record names") {
  for (std::string_view sample : {"ordinary", "injected", "hostile", "large", "clean"}) {
    CAPTURE(sample);
    Verdict verdict = samples::by_name(sample);
    auto records = read_csv(find_report_format("csv")->render(verdict, {}));
    REQUIRE(records.size() == verdict.findings.size() + 1);
    for (const auto& record : records) REQUIRE(record.size() == records[0].size());
    for (std::size_t i = 0; i < verdict.findings.size() && sample == "ordinary"; ++i) {
      CHECK(records[i + 1][0] == verdict.findings[i].id);
      CHECK(records[i + 1][1] == name(verdict.findings[i].severity));
    }
  }
}

TEST_CASE("the terminal report keeps to its width, and has colour only when asked") {
  for (unsigned width : {40U, 72U, 100U, 132U}) {
    CAPTURE(width);
    for (std::string_view sample : {"ordinary", "hostile"}) {
      std::string out = find_report_format("text")->render(samples::by_name(sample), {.width = width});
      CHECK(out.find('\x1b') == std::string::npos);
      std::size_t longest = 0, columns = 0;
      for (char c : out) {
        if (c == '\n')
          longest = std::max(longest, columns), columns = 0;
        else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
          ++columns;
      }
      CHECK(longest <= width);
    }
  }
  std::string plain = find_report_format("text")->render(samples::ordinary(), {});
  std::string colored = find_report_format("text")->render(samples::ordinary(), {.color = true});
  std::string stripped;
  for (std::size_t i = 0; i < colored.size(); ++i) {
    if (colored[i] == '\x1b')
      i = colored.find('m', i);
    else
      stripped += colored[i];
  }
  CHECK(colored != plain);
  CHECK(stripped == plain);  // colours change no word and no line
}

TEST_CASE("JUnit counts a failed rule once, gaps as errors and accepted findings as skipped") {
  std::string out = find_report_format("junit")->render(samples::ordinary(), {});
  CHECK(out.find("<testsuites name=\"demarc\" tests=\"16\" failures=\"7\" errors=\"2\" skipped=\"1\">") !=
        std::string::npos);
  out = find_report_format("junit")->render(samples::clean(), {});
  CHECK(out.find("<testsuites name=\"demarc\" tests=\"7\" failures=\"0\" errors=\"0\" skipped=\"0\">") !=
        std::string::npos);
}

TEST_CASE("SARIF points at the rule's line, and marks what is accepted and what is gone") {
  std::string out = find_report_format("sarif")->render(samples::ordinary(), {});
  CHECK(out.find("\"startLine\": 305") != std::string::npos);
  CHECK(out.find("\"uri\": \"demarc.yaml\"") != std::string::npos);
  CHECK(out.find("\"baselineState\": \"absent\"") != std::string::npos);
  CHECK(out.find("\"suppressions\"") != std::string::npos);
  CHECK(out.find("\"kind\": \"open\"") != std::string::npos);
}
