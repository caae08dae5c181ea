#include "rules/verdict/explain.h"

#include <doctest/doctest.h>

#include "rules/evidence/journal.h"
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
  dns: { udp: [53] }
  ping: { icmp: [echo-request] }
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

/// One packet to web1, with a raw scan from `external` as the only evidence.
Explanation ask_raw(Protocol protocol, std::uint16_t port, const std::string& records) {
  static const ReadRuleSet read = read_rule_set_text("rules.yaml", kRules);
  REQUIRE(read.rules.has_value());
  const std::string header =
      R"({"demarc":"scan","version":1,"run":"r","vantage":"external","method":"syn","tries_max":3,"started":"2026-11-23T10:00:00Z"})";
  Result<ScanRun> run = read_journal("raw.jsonl", header + "\n" + records);
  REQUIRE_MESSAGE(run.has_value(), (run ? "" : render(run.error())));
  Snapshot snapshot;
  snapshot.scans.push_back(*run);
  Packet p;
  p.source = *parse_address("198.51.100.7");
  p.destination = *parse_address("192.0.2.11");
  p.protocol = protocol;
  if (protocol.is_icmp())
    p.icmp = {8, 0};
  else
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
  f.states.add(ConnState::SF, 4);
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

TEST_CASE("a filter's reset is told by its distance, and where the way ends is said") {
  const Explanation e = ask_raw(
      Protocol::tcp, 445,
      R"({"target":"192.0.2.11","protocol":"tcp","ports":"443","state":"open","passage":"passed","answer":"syn-ack","answered_by":"192.0.2.11","ttl":63,"tries":1}
{"target":"192.0.2.11","protocol":"tcp","ports":"445","state":"filtered","passage":"blocked","answer":"rst","ttl":64,"tries":1,"stops_at_hop":3,"last_hop":"203.0.113.1"}
)");
  REQUIRE(e.probes.size() == 1);
  CHECK(e.probes[0].who == "reset by a filter in between: its TTL is 64, the host's answers come with 63");
  CHECK(e.probes[0].stops == "stops at hop 3, after 203.0.113.1");
  CHECK(
      explanation_text(e).find(
          "filtered from external (zone internet): rst, TTL 64, passage blocked, reset by a filter in between: its "
          "TTL is 64, the host's answers come with 63, stops at hop 3, after 203.0.113.1") != std::string::npos);
  CHECK(e.conclusion ==
        "Forbidden; filtered from external, reset by a filter in between: its TTL is 64, the host's answers come "
        "with "
        "63; no conversation seen.");
  const std::string json = explanation_json(e);
  CHECK(json.find(R"("stops": "stops at hop 3, after 203.0.113.1")") != std::string::npos);
  CHECK(json.find(R"("ttl": 64)") != std::string::npos);
}

TEST_CASE("a datagram: silence, and what a witness knows of it") {
  const char* const record =
      R"({"target":"192.0.2.11","protocol":"udp","ports":"53","state":"open|filtered","passage":"%","answer":"silence","tries":3})";
  const auto with = [&](std::string_view passage) {
    std::string text = record;
    text.replace(text.find('%'), 1, passage);
    return ask_raw(Protocol::udp, 53, text + "\n");
  };
  CHECK(explanation_text(with("undetermined"))
            .find("open|filtered from external (zone internet): silence to 3 tries, passage undetermined") !=
        std::string::npos);
  CHECK(with("passed").conclusion ==
        "Not approved by any rule in force; open|filtered from external, a witness saw the probe arrive; no "
        "conversation seen.");
  CHECK(with("blocked").probes.at(0).who == "the probe did not reach the witness");
}

TEST_CASE("an echo request is matched by its type") {
  const Explanation e = ask_raw(
      Protocol::icmp, 0,
      R"({"target":"192.0.2.11","protocol":"icmp","types":"13/0","state":"open","passage":"passed","answer":"reply","answered_by":"192.0.2.11","ttl":61,"tries":1}
{"target":"192.0.2.11","protocol":"icmp","types":"8/0","state":"filtered","passage":"blocked","answer":"icmp-admin-prohibited","answered_by":"203.0.113.1","tries":1}
{"target":"192.0.2.11","protocol":"tcp","ports":"8","state":"open","passage":"passed","answer":"syn-ack","tries":1}
)");
  REQUIRE(e.probes.size() == 1);
  CHECK(e.probes[0].record == 3);
  CHECK(e.probes[0].who == "refused by 203.0.113.1");
}

}  // namespace
}  // namespace demarc
