// The remembered judgement of conversations against the plain one: every packet asked by itself.
#include "rules/verdict/flow_list.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "rules/policy/approval.h"
#include "rules/policy/yaml_reader.h"

namespace demarc {
namespace {

constexpr const char* kRules = R"(
demarc: 1
name: list
review: { interval: 12 months, warn_before: 1 days, approval_roles: [network] }
zones:
  internet: { any: true }
  dmz: { cidrs: [192.0.2.0/26] }
  office: { cidrs: [10.50.0.0/16] }
hosts:
  web1: { addresses: [192.0.2.11] }
  web2: { addresses: [192.0.2.12] }
services:
  https: { tcp: [443] }
  ntp: { udp: [123], source_ports: [123] }
  any-high: { tcp: ["1024-65535"] }
  ping: { icmp: [echo-request] }
rules:
  - { id: W-1, service: https, from: internet, to: [web1, web2], owner: t, reason: t, ticket: C-1, approved: { network: { by: a.ito, date: 2026-01-12 } }, review_by: 2027-01-12 }
  - { id: W-2, service: any-high, from: office, to: web1, owner: t, reason: t, ticket: C-1, approved: { network: { by: a.ito, date: 2026-11-10 } }, expires: 2026-11-20, review_by: 2027-01-12 }
  - { id: N-1, service: ntp, from: dmz, to: internet, owner: t, reason: t, ticket: C-1, approved: { network: { by: a.ito, date: 2026-01-12 } }, review_by: 2027-01-12 }
  - { id: P-1, service: ping, from: office, to: dmz, owner: t, reason: t, ticket: C-1, approved: { network: { by: a.ito, date: 2026-01-12 } }, review_by: 2027-01-12 }
forbidden:
  - { id: X-1, services: [any-high], from: internet, to: web2, severity: high, remedy: Deny it }
  - { id: X-2, services: [any-high], from: [internet, office], to: dmz, severity: critical, remedy: Deny it, except_rules: [W-2] }
)";

RuleSet rules() {
  ReadRuleSet read = read_rule_set_text("rules.yaml", kRules);
  REQUIRE_MESSAGE(read.rules.has_value(), render(read.diagnostics));
  return *read.rules;
}

Timestamp at(const char* text) { return *parse_timestamp(text); }

TEST_CASE("a list of conversations is judged as each of them would be alone") {
  const RuleSet set = rules();
  const Address ends[] = {*parse_address("198.51.100.7"), *parse_address("203.0.113.9"),
                          *parse_address("192.0.2.11"),   *parse_address("192.0.2.12"),
                          *parse_address("192.0.2.40"),   *parse_address("10.50.1.9"),
                          *parse_address("10.50.0.0"),    *parse_address("10.51.0.0"),
                          *parse_address("2001:db8::7"),  *parse_address("2001:db8::8")};
  const std::uint16_t ports[] = {0, 22, 123, 443, 1023, 1024, 8080, 65535};
  // Before and after W-2 begins and ends, and across both days.
  const Timestamp instants[] = {at("2026-01-01T00:00:00Z"), at("2026-11-09T10:00:00Z"), at("2026-11-15T10:00:00Z"),
                                at("2026-11-22T10:00:00Z")};
  std::mt19937 random(3);
  const auto one_of = [&random](const auto& list) { return list[random() % std::size(list)]; };
  FlowEvidence evidence;
  evidence.sources.emplace_back();
  for (int i = 0; i < 20000; ++i) {
    ObservedFlow f;
    f.initiator = one_of(ends);
    do f.responder = one_of(ends);
    while (f.responder.family() != f.initiator.family());
    const Protocol protocols[] = {Protocol::tcp, Protocol::udp, Protocol::icmp, Protocol{47}};
    f.protocol = one_of(protocols);
    f.initiator_certain = true;
    if (f.protocol.has_ports()) {
      f.port = Port{one_of(ports)};
      f.initiator_port = Port{one_of(ports)};
    } else if (f.protocol.is_icmp()) {
      f.icmp = {8, 0};
    }
    f.conversations = f.established = 1;
    f.first = one_of(instants);
    f.last = std::max(f.first, one_of(instants));
    evidence.flows.push_back(std::move(f));
  }
  const std::vector<FlowOpinionRow> rows = judge_flow_list(set, evidence);
  REQUIRE(rows.size() == evidence.flows.size());
  std::size_t seen[6] = {};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ObservedFlow& f = evidence.flows[i];
    ++seen[static_cast<std::size_t>(rows[i].state)];
    Packet p;
    p.source = f.initiator;
    p.destination = f.responder;
    p.protocol = f.protocol;
    p.source_port = f.initiator_port;
    p.port = f.port;
    p.icmp = f.icmp;
    CAPTURE(to_string(p));
    CAPTURE(to_string(f.first));
    CAPTURE(to_string(f.last));
    static PacketSpace space;
    static const Documented documented[] = {
        {set, space, instants[0]}, {set, space, instants[1]}, {set, space, instants[2]}, {set, space, instants[3]}};
    const auto doc = [&](Timestamp t) -> const Documented& {
      return documented[static_cast<std::size_t>(std::find(std::begin(instants), std::end(instants), t) -
                                                 instants)];
    };
    const Judgement first = doc(f.first).judge(p);
    const Judgement last = doc(f.last).judge(p);
    REQUIRE((rows[i].state == FlowState::approved) == (first.approved && last.approved));
    if (rows[i].state == FlowState::approved) {
      REQUIRE(rows[i].rule == set.rules[first.approved_by.front()].id);
    } else {
      const Judgement& deciding = first.approved ? last : first;
      REQUIRE((rows[i].state == FlowState::forbidden) == !deciding.forbidden_by.empty());
    }
  }
  CHECK(seen[static_cast<std::size_t>(FlowState::approved)] > 200);
  CHECK(seen[static_cast<std::size_t>(FlowState::undocumented)] > 200);
  CHECK(seen[static_cast<std::size_t>(FlowState::forbidden)] > 200);
}

TEST_CASE("what a list refers to may be missing, and nothing is read beyond it") {
  const RuleSet set = rules();
  FlowEvidence evidence;  // no sources, services, parents, tunnels or real ends
  ObservedFlow f;
  f.initiator = *parse_address("198.51.100.7");
  f.responder = *parse_address("192.0.2.11");
  f.protocol = Protocol::tcp;
  f.port = Port{443};
  f.conversations = f.established = 1;
  f.first = f.last = at("2026-11-15T10:00:00Z");
  f.source = 7;
  f.service = 3;
  f.parent = 4;
  f.tunnel = 5;
  f.real = 6;
  evidence.flows.push_back(f);
  const auto rows = judge_flow_list(set, evidence);
  CHECK(rows.front().state == FlowState::approved);
  CHECK(rows.front().rule == "W-1");
  CHECK(rows.front().note.empty());
}

TEST_CASE("every state of a conversation has a name of its own") {
  std::vector<std::string_view> names;
  for (int s = 0; s <= static_cast<int>(FlowState::no_conversation); ++s)
    names.push_back(name(static_cast<FlowState>(s)));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(!names.front().empty());
}

}  // namespace
}  // namespace demarc
