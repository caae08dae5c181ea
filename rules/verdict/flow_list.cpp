#include "rules/verdict/flow_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/net/app_protocol.h"
#include "rules/verdict/flow_judge.h"
#include "rules/verdict/noise_naming.h"

namespace demarc {

namespace {

/// The service of a rule that approves a conversation, and is not what speaks there.
bool speaks_otherwise(const RuleSet& rules, const Decision& d, const ServiceSeen& seen) {
  return !seen.name.empty() && !d.uses.empty() && std::none_of(d.uses.begin(), d.uses.end(), [&](const UseOf& use) {
    const std::string& expected = rules.services[use.service].speaks;
    return expected.empty() || satisfies(seen.name, seen.tls_inside, expected);
  });
}

std::string_view first_rule(const RuleSet& rules, const Judgement& j) {
  if (!j.approved_by.empty()) return rules.rules[j.approved_by.front()].id;
  if (!j.approved_by_exception.empty()) return rules.exceptions[j.approved_by_exception.front()].rule.id;
  return {};
}

std::string note_of(const RuleSet& rules, const FlowEvidence& evidence, const ObservedFlow& f,
                    const JudgedFlow& j) {
  std::string note;
  const auto add = [&note](std::string text) { note += (note.empty() ? "" : "; ") + std::move(text); };
  const auto by = [&] { return std::string(name(j.announced->by)); };
  switch (j.carried) {
    case Carried::no: break;
    case Carried::by_parent:
      add(j.state == FlowState::approved ? "data connection announced by " + by()
                                         : "announced by " + by() + ", which is approved");
      break;
    case Carried::outside_related: add("announced by " + by() + " outside the ports of `related`"); break;
    case Carried::not_announcing: add("announced by " + by() + ", where that is not approved"); break;
    case Carried::by_unapproved: add("announced by " + by() + ", which nothing approves"); break;
  }
  if (j.turned) add("nobody saw who opened it; approved the other way round");
  if (j.decision->source_unknown) add("several addresses stand behind the initiator's, and not all are approved");
  if (j.state == FlowState::undocumented && !j.decision->judgement.not_in_force.empty())
    add(fmt::format("{} is not in force", rules.rules[j.decision->judgement.not_in_force.front()].id));
  const bool another = j.initiator != (j.turned ? f.responder : f.initiator) ||
                       j.responder != (j.turned ? f.initiator : f.responder) ||
                       (f.protocol.has_ports() && !j.turned && j.port != f.port);
  if (another) {
    Packet p = packet_of(f);
    p.source = j.initiator;
    p.destination = j.responder;
    p.port = j.port;
    add("really " + to_string(p));
  }
  if (j.seen_twice) add("seen on both sides of a translation, and counted once");
  if (f.service < evidence.services.size() && j.carried != Carried::by_parent) {
    const ServiceSeen& seen = evidence.services[f.service];
    if (const std::string spoken = spoken_name(seen); !spoken.empty())
      add(j.state == FlowState::approved && speaks_otherwise(rules, *j.decision, seen)
              ? spoken + " is not what is approved"
              : spoken);
  }
  return note;
}

}  // namespace

std::string_view name(FlowState state) {
  switch (state) {
    case FlowState::approved: return "approved";
    case FlowState::undocumented: return "undocumented";
    case FlowState::forbidden: return "forbidden";
    case FlowState::link_control: return "link-control";
    case FlowState::same_subnet: return "same-subnet";
    case FlowState::no_conversation: return "no-conversation";
  }
  return "";
}

std::vector<FlowOpinionRow> judge_flow_list(const RuleSet& rules, const FlowEvidence& evidence) {
  const Trust trust(rules);
  const Translator translator(rules);
  DocumentedOverTime documented(rules);
  FlowJudge judge(rules, trust, translator, documented);
  std::vector<bool> inside;
  for (const FlowSource& s : evidence.sources) {
    const Sensor* sensor = s.sensor.empty() ? nullptr : rules.sensor(s.sensor);
    inside.push_back(sensor != nullptr && !sensor->beyond_filter);
  }
  // In the order of the rule set's states, of which few stay in memory at a time.
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> order;
  order.reserve(evidence.flows.size());
  for (std::uint32_t i = 0; i < evidence.flows.size(); ++i)
    order.emplace_back(judge.epoch_of(evidence.flows[i].first), judge.epoch_of(evidence.flows[i].last), i);
  if (!std::is_sorted(order.begin(), order.end())) std::sort(order.begin(), order.end());
  std::vector<FlowOpinionRow> rows(evidence.flows.size());
  std::vector<const ObservedFlow*> unanswered;
  for (const ObservedFlow& f : evidence.flows)
    if (f.established == 0) unanswered.push_back(&f);
  const std::vector<std::optional<NoiseKind>> names =
      name_noise(unanswered, [&](const std::function<void(const ObservedFlow&)>& each) {
        for (const ObservedFlow& f : evidence.flows) each(f);
      });
  JudgedFlow j;
  for (const auto& [first, last, i] : order) {
    const ObservedFlow& f = evidence.flows[i];
    // Most conversations need no more than a look at what is remembered.
    if (f.parent == kNone32 && f.real == kNone32 && f.service == kNone32 && !f.protocol.is_icmp() &&
        judge.at_epochs(first, last)) {
      if (const auto* slot =
              judge.plainly_approved(judge.key_of(f, f.source < inside.size() && inside[f.source]))) {
        rows[i].state = FlowState::approved;
        rows[i].rule = slot->rule;
        continue;
      }
    }
    judge.judge(evidence, f, f.source < inside.size() && inside[f.source], j);
    FlowOpinionRow& row = rows[i];
    row.state = j.state;
    if (j.state == FlowState::no_conversation) continue;
    const Judgement& own = j.decision->judgement;
    if (j.state == FlowState::approved)
      row.rule = first_rule(rules, j.carried == Carried::by_parent ? j.parent->judgement : own);
    else if (j.state == FlowState::forbidden)
      row.rule = rules.forbidden[worst_forbidden(rules, j.forbidden_by).value_or(j.forbidden_by.front())].id;
    else if (j.state == FlowState::undocumented &&
             (j.carried == Carried::outside_related || j.carried == Carried::not_announcing))
      row.rule = first_rule(rules, j.parent->judgement);
    row.note = note_of(rules, evidence, f, j);
  }
  for (std::size_t u = 0; u < unanswered.size(); ++u) {
    if (!names[u]) continue;
    std::string& note = rows[static_cast<std::size_t>(unanswered[u] - evidence.flows.data())].note;
    note = std::string(name(*names[u])) + (note.empty() ? "" : "; ") + note;
  }
  return rows;
}

}  // namespace demarc
