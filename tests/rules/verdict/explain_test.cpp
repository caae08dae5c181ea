#include "rules/verdict/explain.h"

#include <doctest/doctest.h>

#include "rules/policy/yaml_reader.h"
#include "rules/text/diagnostics.h"

namespace demarc {
namespace {

constexpr const char* kRules = R"(demarc: 1
name: x
review: { interval: 12 months, approval_roles: [network] }
zones:
  internet: { any: true }
  dmz: { cidrs: [192.0.2.0/26] }
hosts:
  web1: { addresses: [192.0.2.11] }
services:
  https: { tcp: [443] }
  smb: { tcp: [445] }
  ftp: { tcp: [21] }
vantages:
  external: { zone: internet, address: 203.0.113.77 }
rules:
  - { id: W-1, service: https, from: internet, to: web1, owner: o, reason: r, ticket: T, approved: { network: { by: a, date: 2026-01-12 } }, review_by: 2027-01-12 }
  - { id: W-2, service: ftp, from: internet, to: web1, owner: o, reason: r, ticket: T, approved: { network: { by: a, date: 2026-01-12 } }, expires: 2026-03-31 }
forbidden:
  - { id: F-SMB, services: [smb], from: internet, to: dmz, remedy: Deny it }
)";

Explanation ask(std::uint16_t port, const Snapshot& snapshot = {}) {
  static const ReadRuleSet read = read_rule_set_text("rules.yaml", kRules);
  REQUIRE_MESSAGE(read.rules.has_value(), render(read.diagnostics));
  Packet p;
  p.source = *parse_address("198.51.100.7");
  p.destination = *parse_address("192.0.2.11");
  p.protocol = Protocol::tcp;
  p.port = Port{port};
  return explain(*read.rules, snapshot, p, *parse_timestamp("2026-11-23T12:00:00Z"));
}

TEST_CASE("an approved packet names its rule, and nothing was measured") {
  const Explanation e = ask(443);
  CHECK(e.approved);
  REQUIRE(!e.rules.empty());
  CHECK(e.rules.front().kind == RuleOpinion::Kind::approves);
  CHECK(e.rules.front().id == "W-1");
  CHECK(e.source_zone == "internet");
  CHECK(e.destination_name == "web1");
  CHECK(e.conclusion == "Approved; not measured from zone internet; no conversation seen.");
}

TEST_CASE("a forbidden packet names its entry") {
  const Explanation e = ask(445);
  CHECK(e.forbidden);
  CHECK(!e.approved);
  CHECK(e.rules.front().kind == RuleOpinion::Kind::forbids);
  CHECK(e.rules.front().id == "F-SMB");
}

TEST_CASE("a near miss says what is off") {
  const Explanation expired = ask(21);
  CHECK(!expired.approved);
  REQUIRE(!expired.rules.empty());
  CHECK(expired.rules.front().id == "W-2");
  CHECK(expired.rules.front().why == "matches, but: expired 2026-03-31");
  const Explanation other = ask(8443);
  REQUIRE(other.rules.size() == 2);
  CHECK(other.rules.front().why == "it approves https");
}

TEST_CASE("probes and conversations of the packet are shown, those of others are not") {
  Snapshot s;
  ScanRun run;
  run.file = "scan.jsonl";
  run.header.vantage = "external";
  run.header.started = *parse_timestamp("2026-11-23T10:00:00Z");
  Outcome o;
  o.target = *parse_address("192.0.2.11");
  o.protocol = Protocol::tcp;
  o.ports = {Port{443}, Port{443}};
  o.state = PortState::open;
  o.answer = Answer::syn_ack;
  o.record = 2;
  run.outcomes = {o};
  o.ports = {Port{445}, Port{445}};
  run.outcomes.push_back(o);
  run.services = {};
  s.scans.push_back(run);
  FlowEvidence flows;
  flows.sources.emplace_back().file = "cap\x1b.pcap";
  ObservedFlow f;
  f.initiator = *parse_address("198.51.100.9");
  f.responder = *parse_address("192.0.2.11");
  f.protocol = Protocol::tcp;
  f.port = Port{443};
  f.conversations = f.established = 4;
  f.states[static_cast<std::size_t>(ConnState::SF)] = 4;
  flows.flows = {f};
  s.flows.push_back(flows);
  const Explanation e = ask(443, s);
  REQUIRE(e.probes.size() == 1);
  CHECK(e.probes[0].vantage == "external");
  CHECK(e.probes[0].state == "open");
  CHECK(e.probes[0].same_zone);
  REQUIRE(e.flows.size() == 1);
  CHECK(e.flows[0].states == "4 SF");
  CHECK(e.conclusion == "Approved; open from external; used (4 conversations established).");
  const std::string text = explanation_text(e);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("open from external (zone internet): syn-ack") != std::string::npos);
  CHECK(explanation_json(e).find(R"("record": 2)") != std::string::npos);
}

}  // namespace
}  // namespace demarc
