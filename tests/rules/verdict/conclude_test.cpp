#include <doctest/doctest.h>

#include <algorithm>

#include "rules/verdict/reconcile.h"

namespace demarc {
namespace {

Finding finding(FindingKind kind, std::string id, Severity severity) {
  Finding f;
  f.kind = kind;
  f.id = std::move(id);
  f.severity = severity;
  f.title = f.id;
  return f;
}
Finding gap() { return finding(FindingKind::not_measured, "gap", Severity::none); }
Finding exposed(std::string id = "exposed") {
  return finding(FindingKind::exposed_undocumented, std::move(id), Severity::medium);
}

Verdict verdict_of(std::vector<Finding> findings) {
  Verdict v;
  v.findings = std::move(findings);
  conclude(v);
  return v;
}

TEST_CASE("conclusion and exit code follow from findings and gaps") {
  struct Row {
    std::vector<Finding> findings;
    int code;
    Conclusion conclusion;
    bool complete;
  };
  Finding accepted = exposed();
  accepted.accepted = true;
  for (const Row& row :
       {Row{{}, 0, Conclusion::conforms, true}, Row{{gap()}, 3, Conclusion::inconclusive, false},
        Row{{exposed()}, 1, Conclusion::violates, true}, Row{{exposed(), gap()}, 1, Conclusion::violates, false},
        Row{{accepted}, 0, Conclusion::conforms, true}, Row{{accepted, gap()}, 3, Conclusion::inconclusive, false},
        Row{{finding(FindingKind::scan_noise, "noise", Severity::info)}, 0, Conclusion::conforms, true}}) {
    const Verdict v = verdict_of(row.findings);
    CHECK(exit_code(v, {}).code == row.code);
    CHECK(v.conclusion == row.conclusion);
    CHECK(v.complete == row.complete);
  }
}

TEST_CASE("a coverage row that is not met makes a verdict incomplete") {
  Verdict v;
  v.coverage.push_back({"external tcp", 1, 1, 2, false, "1 not asked"});
  conclude(v);
  CHECK(exit_code(v, {}).code == 3);
}

TEST_CASE("counts leave accepted findings out") {
  Finding accepted = exposed("a");
  accepted.accepted = true;
  Verdict v = verdict_of({exposed("b"), accepted, gap()});
  CHECK(v.counts["medium"] == 1);
  CHECK(v.counts["accepted"] == 1);
  CHECK(v.counts["not-measured"] == 1);
  CHECK(v.counts["critical"] == 0);
}

TEST_CASE("--fail-on takes a severity, a kind with one, and refuses the rest with a hint") {
  FailOn f;
  REQUIRE(add_fail_on(f, "high"));
  CHECK(!f.fails(exposed()));
  REQUIRE(add_fail_on(f, "exposed-undocumented=medium"));
  CHECK(f.fails(exposed()));
  REQUIRE(add_fail_on(f, "exposed-undocumented=none"));
  CHECK(!f.fails(exposed()));
  REQUIRE(add_fail_on(f, "info"));
  CHECK(f.fails(finding(FindingKind::scan_noise, "n", Severity::info)));
  CHECK(!f.fails(gap()));

  const Result<void> severity = add_fail_on(f, "hihg");
  REQUIRE(!severity);
  CHECK(severity.error().what == "--fail-on: 'hihg' is no severity");
  CHECK(severity.error().hint == "did you mean 'high'?");
  const Result<void> kind = add_fail_on(f, "exposed-forbiden=low");
  REQUIRE(!kind);
  CHECK(kind.error().hint == "did you mean 'exposed-forbidden'?");
  CHECK(!add_fail_on(f, "not-measured=low"));
  CHECK(!add_fail_on(f, ""));
}

TEST_CASE("a baseline tells new from unchanged and gone") {
  const Verdict before = verdict_of({exposed("old"), exposed("fixed")});
  Verdict now = verdict_of({exposed("old"), exposed("fresh")});
  apply_baseline(now, before);
  const auto status = [&](std::string_view id) {
    const auto found =
        std::find_if(now.findings.begin(), now.findings.end(), [&](const Finding& f) { return f.id == id; });
    return found == now.findings.end() ? BaselineStatus::none : found->baseline;
  };
  CHECK(status("old") == BaselineStatus::unchanged);
  CHECK(status("fresh") == BaselineStatus::fresh);
  CHECK(status("fixed") == BaselineStatus::gone);
  conclude(now);
  CHECK(now.counts["medium"] == 2);

  FailOn new_only;
  new_only.new_only = true;
  CHECK(exit_code(now, new_only).code == 1);
  Verdict same = verdict_of({exposed("old")});
  apply_baseline(same, before);
  CHECK(exit_code(same, new_only).code == 0);
  CHECK(exit_code(same, new_only).why.starts_with("nothing new; "));
  conclude(same, new_only);
  CHECK(same.conclusion == Conclusion::violates);  // known findings are findings
  CHECK(exit_code(same, {}).code == 1);
}

TEST_CASE("an incomplete verdict calls nothing gone but a gap that closed") {
  const Verdict before =
      verdict_of({exposed("fixed"), finding(FindingKind::not_measured, "closed gap", Severity::none)});
  Verdict now = verdict_of({gap()});
  apply_baseline(now, before);
  std::vector<std::string> gone;
  for (const Finding& f : now.findings)
    if (f.baseline == BaselineStatus::gone) gone.push_back(f.id);
  CHECK(gone == std::vector<std::string>{"closed gap"});
  CHECK(now.notes.size() == 1);
}

}  // namespace
}  // namespace demarc
