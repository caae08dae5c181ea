#include "rules/policy/lint.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

namespace {

/// A rule set without a complaint but for names nobody uses yet, which these tests leave out.
RuleSet clean() {
  RuleSet r = small_dmz();
  r.rules.push_back(rule(r, "WEB-1", {"https"}, {"internet"}, {"web1.front"}));
  return r;
}

std::vector<LintFinding> found(const RuleSet& r, const std::string& date = "2026-11-23") {
  std::vector<LintFinding> out = lint(r, noon(date));
  std::erase_if(out, [](const LintFinding& f) { return f.kind == "name-unused"; });
  return out;
}

std::string titles(const std::vector<LintFinding>& findings) {
  std::string out;
  for (const LintFinding& f : findings)
    out += std::string(out.empty() ? "" : "\n") + f.kind + " " + std::string(name(f.severity)) + ": " + f.title;
  return out;
}

}  // namespace

TEST_CASE("a clean rule set has no complaint") { CHECK(titles(found(clean())) == ""); }

TEST_CASE("dates and approvals") {
  RuleSet r = clean();
  Rule& x = r.rules[0];
  SUBCASE("expired") {
    x.expires = day("2026-11-22");
    CHECK(titles(found(r)) == "rule-expired medium: WEB-1 expired on 2026-11-22");
  }
  SUBCASE("about to expire") {
    x.expires = day("2026-11-23");
    CHECK(titles(found(r)) == "review-due info: WEB-1 expires on 2026-11-23");
  }
  SUBCASE("overdue") {
    CHECK(titles(found(r, "2027-02-03")) == "review-due info: WEB-1 is due for review on 2027-02-03");
    CHECK(titles(found(r, "2027-02-04")) == "review-overdue low: WEB-1 was due for review on 2027-02-03");
  }
  SUBCASE("missing") {
    x.approved.pop_back();
    CHECK(titles(found(r)) == "approval-missing medium: WEB-1 lacks the approval of security");
  }
  SUBCASE("invalid") {
    x.approved[0].by = "web";
    std::vector<LintFinding> findings = found(r);
    CHECK(titles(findings) == "approval-invalid medium: WEB-1 has an approval that does not count");
    CHECK(findings[0].cause == "web belongs to web-team, the team that owns WEB-1, and may not approve it.");
  }
  SUBCASE("proposed rules owe nothing yet") {
    x.proposed = true;
    x.approved.clear();
    CHECK(titles(found(r)) == "");
  }
  SUBCASE("temporary") {
    x.temporary = true;
    CHECK(titles(found(r)) == "rule-temporary low: WEB-1 is temporary and has no end");
    x.temporary_until = day("2026-11-22");
    CHECK(titles(found(r)) == "rule-temporary low: WEB-1 was to be temporary until 2026-11-22");
    x.temporary_until = day("2026-11-23");
    CHECK(titles(found(r)) == "");
  }
}

TEST_CASE("overlap: duplicates, coverage, and packets in common") {
  RuleSet r = clean();
  SUBCASE("duplicate") {
    r.rules.push_back(rule(r, "WEB-2", {"https"}, {"internet"}, {"web1.front"}));
    CHECK(titles(found(r)) == "rule-overlap low: WEB-1 and WEB-2 approve the same");
  }
  SUBCASE("covered") {
    r.rules.push_back(rule(r, "WEB-2", {"https", "http"}, {"internet", "office"}, {"web1.front", "web2"}));
    std::vector<LintFinding> findings = found(r);
    CHECK(titles(findings) == "rule-overlap low: WEB-1 is covered by WEB-2");
    CHECK(findings[0].related_rules == std::vector<std::string>{"WEB-1"});
    REQUIRE(findings[0].sample);
    CHECK(findings[0].sample->port == Port{443});
    CHECK(findings[0].sample->destination == ip("192.0.2.11"));
  }
  SUBCASE("overlap") {
    r.rules.push_back(rule(r, "WEB-2", {"https"}, {"198.51.100.0/25", "office"}, {"web1.front"}));
    CHECK(titles(found(r)) == "rule-overlap low: WEB-1 and WEB-2 overlap");
  }
  SUBCASE("nothing in common") {
    r.rules.push_back(rule(r, "WEB-2", {"http"}, {"internet"}, {"web1.front"}));
    r.rules.push_back(rule(r, "WEB-3", {"https"}, {"office"}, {"web1.front"}));
    r.rules.push_back(rule(r, "WEB-4", {"https"}, {"internet"}, {"mail"}));
    CHECK(titles(found(r)) == "");
  }
  SUBCASE("IPv4 sources and IPv6 destinations in common are no packet in common") {
    r.rules.push_back(rule(r, "A", {"smtp"}, {"198.51.100.0/24", "2001:db8:f:1::/64"}, {"2001:db8:d::12"}));
    r.rules.push_back(rule(r, "B", {"smtp"}, {"198.51.100.0/24", "2001:db8:f:2::/64"}, {"2001:db8:d::12"}));
    CHECK(titles(found(r)) == "");
  }
  SUBCASE("what is expired overlaps nothing") {
    r.rules.push_back(rule(r, "WEB-2", {"https"}, {"internet"}, {"web1.front"}));
    r.rules.back().expires = day("2026-03-31");
    CHECK(titles(found(r)) == "rule-expired medium: WEB-2 expired on 2026-03-31");
  }
}

TEST_CASE("breadth") {
  RuleSet r = clean();
  SUBCASE("everything") {
    r.rules.push_back(rule(r, "ALL", {"every"}, {"office"}, {"web1.back"}));
    std::vector<LintFinding> findings = found(r);
    CHECK(titles(findings) == "rule-broad low: ALL is broader than a service needs");
    CHECK(findings[0].cause == "service every is every protocol and port.");
  }
  SUBCASE("many ports, a whole zone") {
    r.rules.push_back(rule(r, "RPC", {"wide"}, {"office"}, {"back"}));
    CHECK(found(r)[0].cause == "service wide has 3977 TCP ports; `to` is the whole zone back.");
  }
  SUBCASE("a whole zone may be pinged") {
    r.rules.push_back(rule(r, "PING", {"ping"}, {"office"}, {"back"}));
    CHECK(titles(found(r)) == "");
  }
  SUBCASE("a large prefix") {
    r.rules.push_back(rule(r, "NET", {"https"}, {"office"}, {"203.0.112.0/23"}));
    r.rules.push_back(rule(r, "OK", {"http"}, {"office"}, {"203.0.113.0/24"}));
    CHECK(titles(found(r)) == "rule-broad low: NET is broader than a service needs");
  }
}

TEST_CASE("a rule that approves what an entry forbids") {
  RuleSet r = clean();
  r.rules.push_back(rule(r, "SMB", {"smb", "http"}, {"office"}, {"web1.front"}));
  r.forbidden.push_back(forbid(r, "F-SMB", {"smb"}, {"office"}, {"dmz"}));
  std::vector<LintFinding> findings = found(r);
  REQUIRE(titles(findings) == "rule-forbidden medium: SMB approves what F-SMB forbids");
  CHECK(findings[0].related_rules == std::vector<std::string>{"F-SMB"});
  REQUIRE(findings[0].sample);
  CHECK(ports("139,445,137-138").contains(findings[0].sample->port));
  SUBCASE("not if the entry excepts it") {
    r.forbidden[0].except_rules = {"SMB"};
    CHECK(titles(found(r)) == "");
  }
  SUBCASE("not if an exception lifts all of it") {
    Exception x;
    x.of = "F-SMB";
    x.rule = rule(r, "X-1", {"smb"}, {"office"}, {"web1.front"});
    x.rule.expires = day("2027-06-01");
    r.rules[1] = rule(r, "SMB", {"smb"}, {"office"}, {"web1.front"});
    r.exceptions.push_back(x);
    CHECK(titles(found(r)) == "");
    r.exceptions[0].rule = rule(r, "X-1", {"smb"}, {"office", "internet"}, {"web1.front"});
    r.exceptions[0].rule.expires = day("2027-06-01");
    CHECK(titles(found(r)) == "exception-unbounded medium: X-1 reaches beyond F-SMB");
  }
}

TEST_CASE("names that nobody uses, ids that come back, findings accepted too long") {
  RuleSet r = clean();
  std::vector<LintFinding> all = lint(r, noon("2026-11-23"));
  auto unused = [&](const std::string& n) {
    return std::any_of(all.begin(), all.end(),
                       [&](const LintFinding& f) { return f.kind == "name-unused" && f.rule == n; });
  };
  CHECK(unused("mssql"));
  CHECK(unused("back"));
  CHECK(unused("web"));
  CHECK_FALSE(unused("https"));
  CHECK_FALSE(unused("dmz"));
  CHECK_FALSE(unused("ito"));
  CHECK_FALSE(unused("mail"));  // its zone is in the scope
  for (const LintFinding& f : all) CHECK(f.severity == Severity::info);

  RetiredId retired;
  retired.id = "WEB-1";
  retired.removed = day("2026-01-20");
  r.retired.push_back(retired);
  AcceptedFinding accepted;
  accepted.kind = "approved-not-listening";
  accepted.rule = "WEB-1";
  accepted.approved = {approvals()[1]};
  accepted.expires = day("2026-06-30");
  r.accepted.push_back(accepted);
  CHECK(titles(found(r)) ==
        "accepted-expired low: the accepted finding approved-not-listening, WEB-1 was accepted until 2026-06-30\n"
        "id-retired medium: WEB-1 was retired on 2026-01-20 and is used again");
}
