#include "reports/view/view.h"

#include <doctest/doctest.h>

#include <algorithm>

#include <fmt/format.h>

#include "tests/reports/formats/sample_verdict.h"

using namespace demarc;

TEST_CASE("the headline says what was concluded, and never more than the evidence bears") {
  Verdict verdict = samples::clean();
  CHECK(make_view(verdict).headline ==
        "The boundary conforms to its rule set, and everything that had to be measured was measured.");
  CHECK(make_view(verdict).caveat.empty());
  CHECK(make_view(verdict).next_steps ==
        std::vector<std::string>{"Nothing to repair: have the report signed and file it with its evidence."});

  verdict = samples::ordinary();
  View view = make_view(verdict);
  CHECK(view.headline ==
        "The boundary does not conform to its rule set: 1 critical, 2 high, 1 medium, 2 low, 1 info.");
  CHECK(view.caveat ==
        "Not everything was measured (1 gap in the evidence): there may be more than is listed here.");
  CHECK(view.next_steps.front() ==
        "Start with a41f00c2d9e7 (critical): Unbind File and Printer Sharing from the NIC and deny the ports at "
        "both filters.");
  CHECK(view.next_steps.at(1) ==
        "Measure what is missing: Run a witness at web1 or give the configuration of fw-inner.");

  verdict = samples::inconclusive();
  view = make_view(verdict);
  CHECK(view.headline == "No verdict: nothing wrong was found, but not everything that had to be measured was.");
  CHECK(view.caveat == "This is not a clean answer: 1 gap in the evidence.");
  CHECK(view.next_steps.front() ==
        "Measure what is missing: Run demarc scan --vantage office and give its journal to verify.");
}

TEST_CASE("a saved verdict that contradicts itself is not called clean") {
  struct Row {
    const char* what;
    void (*spoil)(Verdict&);
  };
  for (const Row& row :
       {Row{"conforms, but incomplete", [](Verdict& v) { v.complete = false; }},
        Row{"conforms, with coverage unmet", [](Verdict& v) { v.coverage.front().met = false; }},
        Row{"conforms, with a gap", [](Verdict& v) { v.findings = samples::inconclusive().findings; }},
        Row{"complete, but inconclusive", [](Verdict& v) { v.conclusion = Conclusion::inconclusive; }}}) {
    CAPTURE(row.what);
    Verdict verdict = samples::clean();
    row.spoil(verdict);
    View view = make_view(verdict);
    CHECK(view.headline.starts_with("No verdict:"));
    CHECK(view.caveat.starts_with("This is not a clean answer:"));
    CHECK(view.next_steps.front().starts_with("Measure"));
  }
}

TEST_CASE("accepted findings, gaps and what is gone do not count as open") {
  Verdict verdict = samples::ordinary();
  View view = make_view(verdict);
  CHECK(view.open.size() == 7);
  CHECK(view.accepted.size() == 1);
  CHECK(view.gone.size() == 1);
  CHECK(view.gaps.size() == 1);
  CHECK(view.unmet.size() == 1);
  CHECK(view.has_baseline);
  CHECK(view.fresh == 2);
  CHECK(view.tally.total() == 7);
  CHECK(view.tally.worst() == Severity::critical);
  for (const auto& [name_of_severity, number] : verdict.counts) {
    if (auto severity = parse_severity(name_of_severity)) CHECK(view.tally[*severity] == number);
  }
}

TEST_CASE("the worst come first, even from a verdict that is not sorted, and information is not among them") {
  Verdict verdict = samples::ordinary();
  std::reverse(verdict.findings.begin(), verdict.findings.end());
  View view = make_view(verdict, {.worst_max = 10});
  REQUIRE(view.worst.size() == 6);
  CHECK(view.worst.front()->id == "a41f00c2d9e7");
  CHECK(view.worst.back()->severity == Severity::low);
  CHECK(make_view(verdict, {.worst_max = 2}).worst.size() == 2);
}

TEST_CASE("--by groups the open findings, the group with the worst first") {
  Verdict verdict = samples::ordinary();
  auto groups = [&verdict](GroupBy by) {
    std::string out;
    View view = make_view(verdict, {.by = by});
    for (const FindingGroup& group : view.groups)
      out += fmt::format("{} ({}); ", group.name, describe(group.tally));
    return out;
  };
  CHECK(groups(GroupBy::none) == " (1 critical, 2 high, 1 medium, 2 low, 1 info); ");
  CHECK(groups(GroupBy::owner) ==
        "web-team (1 critical, 2 high); windows-ops (1 medium, 1 low); no owner named (1 low, 1 info); ");
  CHECK(groups(GroupBy::application) ==
        "shop (1 critical); no application named (2 high, 1 medium, 2 low, 1 info); ");
  CHECK(groups(GroupBy::zone) ==
        "office to dmz-back (1 critical, 1 low); dmz-front to internet (1 high); internet to dmz-front (1 high, 1 "
        "info); no zone pair (1 medium); "
        "management to dmz-back (1 low); ");
  // The critical one has two tags and is in both groups.
  CHECK(groups(GroupBy::tag) ==
        "pci (1 critical, 1 high); windows (1 critical); no tag (1 high, 1 medium, 2 low, 1 info); ");
}

TEST_CASE("the names of --by are read as they are written") {
  for (GroupBy by : {GroupBy::none, GroupBy::application, GroupBy::zone, GroupBy::owner, GroupBy::tag})
    CHECK(parse_group_by(name(by)) == by);
  CHECK(parse_group_by("zones") == std::nullopt);
  CHECK(parse_group_by("") == std::nullopt);
}

TEST_CASE("the picture keeps what is of most concern and counts the rest") {
  Verdict verdict = samples::large();
  View view = make_view(verdict, {.matrix_services_max = 5, .matrix_rows_max = 7});
  CHECK(view.matrix.services.size() == 5);
  CHECK(view.matrix.services_left_out == 18);
  CHECK(view.matrix.rows.size() == 7);
  CHECK(view.matrix.rows_left_out == 132 - 7);
  CHECK(std::is_sorted(view.matrix.services.begin(), view.matrix.services.end()));
  for (const MatrixView::Row& row : view.matrix.rows) CHECK(row.cells.size() == 5);

  // A forbidden cell in the last pair and the last service outranks all that is blocked before it.
  verdict.matrix.clear();
  for (int i = 0; i < 9; ++i)
    verdict.matrix.push_back({"a",
                              fmt::format("zone{}", i),
                              fmt::format("service{}", i),
                              MatrixCell::State::unanswered,
                              false,
                              false,
                              false,
                              false,
                              {},
                              {}});
  verdict.matrix.push_back({"z", "z", "z", MatrixCell::State::forbidden, false, true, true, false, {}, {}});
  view = make_view(verdict, {.matrix_services_max = 1, .matrix_rows_max = 1});
  REQUIRE(view.matrix.rows.size() == 1);
  CHECK(view.matrix.rows[0].from_zone == "z");
  CHECK(view.matrix.services == std::vector<std::string>{"z"});
  REQUIRE(view.matrix.rows[0].cells[0] != nullptr);
  CHECK(view.matrix.rows[0].cells[0]->state == MatrixCell::State::forbidden);
}

TEST_CASE("two cells at one place show the worse of them") {
  Verdict verdict = samples::clean();
  verdict.matrix = {{"a", "b", "smb", MatrixCell::State::undocumented, false, false, true, false, {}, {}},
                    {"a", "b", "smb", MatrixCell::State::unanswered, false, false, false, false, {}, {}}};
  CHECK(make_view(verdict).matrix.rows.at(0).cells.at(0)->state == MatrixCell::State::undocumented);
}

TEST_CASE("ports are written with their protocol") {
  Finding finding;
  CHECK(ports_text(finding) == "");
  finding.protocol = Protocol::tcp;
  CHECK(ports_text(finding) == "tcp");
  finding.ports = parse_port_set("139,445").value();
  CHECK(ports_text(finding) == "tcp/139,445");
  finding.target = "web1.back";
  CHECK(subject_text(finding) == "web1.back tcp/139,445");
  finding.protocol = Protocol::icmp;
  finding.icmp = {IcmpType{8, 0}};
  CHECK(ports_text(finding) == "icmp echo-request");
  finding.protocol = Protocol::esp;
  finding.ports = {};
  CHECK(subject_text(finding) == "web1.back esp");
}

TEST_CASE("a coverage row of a sensor counts packets, every other one questions") {
  CHECK(amounts_text({"external tcp", 12, 3, 40, false, ""}) == "12 of 40 asked, 3 answered");
  CHECK(amounts_text({"external icmp", 12, 3, 0, true, ""}) == "12 asked, 3 answered");
  CHECK(amounts_text({"sensor tap", 184467, 0, 0, true, ""}) == "184,467 packets seen, none dropped");
  CHECK(amounts_text({"sensor tap", 1, 1200, 0, false, ""}) == "1 packet seen, 1,200 dropped");
}

TEST_CASE("a long text is cut between characters and says how long it was") {
  CHECK(clipped("short", 5) == "short");
  CHECK(clipped("longer", 5) == "longe... [shortened: 6 bytes in all]");
  CHECK(clipped("ab\xc3\xa9", 3) == "ab... [shortened: 4 bytes in all]");
  CHECK(clipped("a\xf0\x9f\x94\x92", 3) == "a... [shortened: 5 bytes in all]");
  CHECK(clipped(std::string(1U << 20, '\x80'), 10).size() < 60);
}

TEST_CASE("numbers are grouped and counted") {
  CHECK(grouped_number(0) == "0");
  CHECK(grouped_number(999) == "999");
  CHECK(grouped_number(1204) == "1,204");
  CHECK(grouped_number(1234567) == "1,234,567");
  CHECK(counted(1, "gap", "gaps") == "1 gap");
  CHECK(counted(0, "gap", "gaps") == "0 gaps");
}
