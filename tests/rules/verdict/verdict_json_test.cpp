#include "rules/verdict/verdict_json.h"

#include <doctest/doctest.h>

#include "rules/verdict/reconcile.h"

namespace demarc {
namespace {

Verdict sample() {
  Verdict v;
  v.as_of = *parse_timestamp("2026-11-23T12:00:00Z");
  v.rules_name = "iis-dmz";
  Finding f;
  f.kind = FindingKind::exposed_forbidden;
  f.severity = Severity::critical;
  f.rule = "F-SMB";
  f.target = "web1";
  f.target_address = parse_address("192.0.2.11");
  f.protocol = Protocol::tcp;
  f.ports = *parse_port_set("139,445");
  f.title = "smb <b>answers</b> \x1b[31m";
  f.sample = Packet{*parse_address("203.0.113.77"), *f.target_address, Protocol::tcp, Port{}, Port{445}, {}};
  f.evidence.push_back({"scan.jsonl", "record 3", "open \"quoted\""});
  f.vantages = {"external"};
  f.tags = {"pci"};
  set_finding_id(f);
  v.findings.push_back(f);
  v.coverage.push_back({"external tcp", 1, 2, 3, false, "2 not asked"});
  MatrixCell cell;
  cell.from_zone = "internet";
  cell.to_zone = "dmz";
  cell.service = "smb";
  cell.state = MatrixCell::State::forbidden;
  cell.findings = {f.id};
  v.matrix.push_back(cell);
  RuleRow row;
  row.id = "W-1";
  row.in_force = true;
  row.where.file = "rules.yaml";
  row.where.line = 12;
  v.rules.push_back(row);
  v.vantages.push_back({"external", "internet", "203.0.113.77", "connect", "", "", "complete", 10, 0.25});
  v.evidence.push_back({"scan.jsonl", "scan journal", "00", "", 7});
  v.notes = {"a note"};
  conclude(v);
  return v;
}

std::string complaint(std::string_view text) {
  const Result<Verdict> read = read_verdict(text, "v.json");
  return read ? "" : read.error().what;
}

TEST_CASE("what is written is read again, field by field") {
  const std::string text = verdict_json(sample());
  const Result<Verdict> read = read_verdict(text, "v.json");
  REQUIRE(read.has_value());
  CHECK(verdict_json(*read) == text);
  REQUIRE(read->findings.size() == 1);
  CHECK(read->findings[0].sample == sample().findings[0].sample);
  CHECK(read->findings[0].title == sample().findings[0].title);
  CHECK(read->conclusion == Conclusion::violates);
  CHECK(read->vantages[0].loss_estimate == 0.25);
}

TEST_CASE("foreign text cannot reach a terminal raw") {
  CHECK(verdict_json(sample()).find('\x1b') == std::string::npos);
}

TEST_CASE("one finding is one line") {
  const std::string line = finding_json(sample().findings[0]);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.starts_with(R"({"id":")"));
}

TEST_CASE("unknown fields are ignored, another version is refused") {
  CHECK(complaint(R"({"demarc":"verdict","version":1,"as_of":"2026-11-23T12:00:00Z","later":{"x":[1]}})").empty());
  CHECK(complaint(R"({"demarc":"verdict","version":2,"as_of":"2026-11-23T12:00:00Z"})") ==
        "this verdict has version 2, and this demarc reads version 1");
}

TEST_CASE("bad input is refused with what is wrong") {
  CHECK(complaint("") == "the file is empty");
  CHECK(complaint("{\"demarc\":\"verdict\"") == "the JSON ends in the middle: the file is cut short");
  CHECK(complaint("[]") == "this is not a verdict");
  CHECK(complaint(R"({"demarc":"scan","version":1})") == "this is not a verdict");
  CHECK(complaint(R"({"demarc":"verdict","version":1})") == "this verdict cannot be used: as_of is missing");
  CHECK(
      complaint(
          R"({"demarc":"verdict","version":1,"as_of":"2026-11-23T12:00:00Z","findings":[{"id":"x","kind":"odd"}]})") ==
      "this verdict cannot be used: findings[0].kind is no kind of finding: 'odd'");
  CHECK(complaint(R"({"demarc":"verdict","version":1,"as_of":"2026-11-23T12:00:00Z","findings":7})") ==
        "this verdict cannot be used: findings is not a list");
  CHECK(complaint(R"({"demarc":"verdict","version":1,"as_of":"2026-11-23T12:00:00Z"} x)") ==
        "there is something after the end of the document");
  const Result<Verdict> located = read_verdict("{\n  \"demarc\" 1}", "v.json");
  REQUIRE(!located.has_value());
  CHECK(located.error().where.line == 2);
}

TEST_CASE("a document cut at any byte is refused, never half a verdict") {
  const std::string text = verdict_json(sample());
  for (std::size_t n = 0; n + 2 < text.size(); ++n)
    REQUIRE(!read_verdict(std::string_view(text).substr(0, n), "v.json").has_value());
}

TEST_CASE("depth is bounded") { CHECK(!complaint(std::string(100000, '[')).empty()); }

TEST_CASE("the schema names every kind") {
  for (std::size_t k = 0; k < kFindingKinds; ++k)
    CHECK(verdict_json_schema().find("\"" + std::string(name(static_cast<FindingKind>(k))) + "\"") !=
          std::string_view::npos);
}

}  // namespace
}  // namespace demarc
