#include "rules/policy/approval.h"

#include <doctest/doctest.h>

#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

TEST_CASE("a rule is in force from its last required approval to the end of the day it expires") {
  RuleSet r = small_dmz();
  Rule x = rule(r, "R-1", {"https"}, {"internet"}, {"web1.front"});
  x.approved[1].date = day("2026-02-05");
  x.expires = day("2026-03-31");
  struct Row {
    const char* at;
    const char* words;
    bool in_force;
  };
  for (const Row& row :
       {Row{"2026-02-04T23:59:59Z", "not in force before 2026-02-05", false},
        Row{"2026-02-05T00:00:00Z", "in force", true}, Row{"2026-03-31T23:59:59Z", "in force", true},
        Row{"2026-04-01T00:00:00Z", "expired 2026-03-31", false}}) {
    CAPTURE(row.at);
    RuleState state = state_of(r, x, when(row.at));
    CHECK(state.words == row.words);
    CHECK(state.in_force() == row.in_force);
  }
  r.rules.push_back(x);
  CHECK(epochs(r) == std::vector<Timestamp>{when("2026-02-03T00:00:00Z"), when("2026-02-05T00:00:00Z"),
                                            when("2026-04-01T00:00:00Z")});
}

TEST_CASE("an approval counts if the person may give it") {
  using Kind = ApprovalProblem::Kind;
  struct Row {
    const char* role;
    const char* by;
    const char* date;
    Kind kind;
    RuleStatus status;
  };
  for (const Row& row :
       {Row{"network", "nobody", "2026-02-03", Kind::person_unknown, RuleStatus::approval_invalid},
        Row{"network", "lind", "2026-02-03", Kind::person_lacks_role, RuleStatus::approval_invalid},
        Row{"network", "web", "2026-02-03", Kind::person_owns, RuleStatus::approval_invalid},
        Row{"network", "ito", "2027-02-03", Kind::in_future, RuleStatus::not_yet}}) {
    CAPTURE(row.by);
    RuleSet r = small_dmz();
    Rule x = rule(r, "R-1", {"https"}, {"internet"}, {"web1.front"});
    x.approved[0].role = row.role;
    x.approved[0].by = row.by;
    x.approved[0].date = day(row.date);
    RuleState state = state_of(r, x, noon("2026-11-23"));
    REQUIRE(state.problems.size() == 1);
    CHECK(state.problems[0].kind == row.kind);
    CHECK(state.status == row.status);
  }
  RuleSet r = small_dmz();
  Rule x = rule(r, "R-1", {"https"}, {"internet"}, {"web1.front"});
  x.approved.pop_back();
  CHECK(state_of(r, x, noon("2026-11-23")).words == "approval missing: security");
  x.proposed = true;
  CHECK(state_of(r, x, noon("2026-11-23")).words == "proposed");
  SUBCASE("the owner may approve where the policy allows it") {
    Rule own = rule(r, "R-2", {"https"}, {"internet"}, {"web1.front"});
    own.approved[0].by = "web";
    r.review.approver_is_not_owner = false;
    CHECK(state_of(r, own, noon("2026-11-23")).in_force());
  }
  SUBCASE("without people nobody is unknown") {
    Rule any = rule(r, "R-2", {"https"}, {"internet"}, {"web1.front"});
    any.approved[0].by = "somebody";
    CHECK_FALSE(state_of(r, any, noon("2026-11-23")).in_force());
    r.people.clear();
    r.reindex();
    CHECK(state_of(r, any, noon("2026-11-23")).in_force());
  }
  SUBCASE("a second approval for a role takes nothing from the first") {
    Rule twice = rule(r, "R-2", {"https"}, {"internet"}, {"web1.front"});
    twice.approved.push_back(twice.approved[0]);
    twice.approved.back().by = "nobody";
    RuleState state = state_of(r, twice, noon("2026-11-23"));
    CHECK(state.in_force());
    REQUIRE(state.problems.size() == 1);
    CHECK(state.problems[0].is_harmless());
  }
  SUBCASE("an exception must expire") {
    Exception e;
    e.rule = rule(r, "X-1", {"smb"}, {"office"}, {"web1"});
    CHECK(state_of(r, e, noon("2026-11-23")).words == "approval invalid: no expiry");
    e.rule.expires = day("2026-12-31");
    CHECK(state_of(r, e, noon("2026-11-23")).in_force());
  }
}

TEST_CASE("a review is due an interval after the last look, or earlier by wish") {
  RuleSet r = small_dmz();
  Rule x = rule(r, "R-1", {"https"}, {"internet"}, {"web1.front"});
  CHECK(review_of(r, x).due == day("2027-02-03"));
  x.review_by = day("2026-08-05");
  CHECK(review_of(r, x).due == day("2026-08-05"));
  x.review_by = day("2029-01-01");
  CHECK(review_of(r, x).due == day("2027-02-03"));
  x.review_by = day("2026-08-05");
  x.reviewed.push_back({"lind", day("2026-08-06"), "keep"});
  CHECK(review_of(r, x).due == day("2027-08-06"));
}

TEST_CASE("replies: ends swapped, TCP with ACK or RST, errors that quote") {
  RuleSet r = small_dmz();
  PacketSpace space;
  PacketSet replies = space.of(reply_boxes(r, {number_of(r, "https"), number_of(r, "dns"), number_of(r, "ping")},
                                           AddressSet{net("198.51.100.7")}, AddressSet{net("192.0.2.11")}));
  Packet back = tcp("192.0.2.11", "198.51.100.7", 40000);
  back.source_port = Port{443};
  CHECK(replies.contains(back, {.flags = tcp_flag::syn | tcp_flag::ack}));
  CHECK(replies.contains(back, {.flags = tcp_flag::rst}));
  CHECK_FALSE(replies.contains(back, {.flags = tcp_flag::syn}));
  back.source_port = Port{80};
  CHECK_FALSE(replies.contains(back, {.flags = tcp_flag::ack}));
  Packet answer = packet("192.0.2.11", "198.51.100.7", Protocol::udp, 5353);
  answer.source_port = Port{53};
  CHECK(replies.contains(answer));
  Packet icmp = packet("192.0.2.11", "198.51.100.7", Protocol::icmp, 0);
  icmp.icmp = {0, std::uint8_t{0}};
  CHECK(replies.contains(icmp));
  icmp.icmp = {8, std::uint8_t{0}};
  CHECK_FALSE(replies.contains(icmp));
  icmp.source = ip("203.0.113.1");  // a router on the way
  icmp.icmp = {3, std::uint8_t{4}};
  CHECK(replies.contains(icmp));
}
