// The picture of the boundary, zone by service, and one row for each rule with what every view says about it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "rules/text/number.h"
#include "rules/verdict/configured.h"
#include "rules/verdict/judging.h"

namespace demarc {

namespace {

using CellKey = std::tuple<std::string, std::string, std::string>;

std::vector<ZoneIndex> zones_of(const Judging& j, const AddressSet& addresses) {
  std::vector<ZoneIndex> out;
  for (ZoneIndex z = 0; z < j.rules.zones.size(); ++z)
    if (j.rules.zones[z].addresses.overlaps(addresses)) out.push_back(z);
  return out;
}

void add_unique(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

bool is_exposure(FindingKind kind) {
  switch (kind) {
    case FindingKind::exposed_forbidden:
    case FindingKind::exposed_undocumented:
    case FindingKind::passed_undocumented:
    case FindingKind::outbound_undocumented:
    case FindingKind::flow_forbidden:
    case FindingKind::flow_undocumented: return true;
    default: return false;
  }
}

/// Rules of large sets repeat the same few endpoint sets; each one's zones are found once.
class ZoneCache {
 public:
  explicit ZoneCache(const Judging& j) : j_(j) {}
  const std::vector<ZoneIndex>& of(const AddressSet& addresses) {
    const auto [it, fresh] = known_.try_emplace(addresses);
    if (fresh) it->second = zones_of(j_, addresses);
    return it->second;
  }

 private:
  const Judging& j_;
  std::map<AddressSet, std::vector<ZoneIndex>> known_;
};

std::string standpoint_names(const Judging& j, const std::vector<std::uint16_t>& list) {
  std::vector<std::string> names;
  for (const std::uint16_t s : list) names.push_back(j.reachable.standpoints[s].name);
  std::sort(names.begin(), names.end());
  return list_some(names, 8);
}

/// What was clearly asked from one zone in another.
class Questions {
 public:
  explicit Questions(const Judging& j) : j_(j) {
    for (const auto& [key, asked] : j.asked) {
      const Zone* zone = j.rules.zone(j.reachable.standpoints[key.standpoint].zone);
      const ZoneIndex to = j.trust.zone_of(key.real);
      if (zone == nullptr || to == kNoZone || !(key.protocol.has_ports() || key.protocol.is_icmp())) continue;
      const auto from = static_cast<ZoneIndex>(zone - j.rules.zones.data());
      by_pair_[{from, to, key.protocol}].push_back(PortSet::of(asked.clear));
    }
  }
  /// Every address of the zone that was asked from there was asked for every port of the service and clearly
  /// answered, or its silence explained; UDP counts where the coverage wants it, and so do ICMP queries. What
  /// nobody can ask (other protocols, ICMP errors) cannot have been.
  bool asked(ZoneIndex from, ZoneIndex to, const Service& service) const {
    const bool needs_udp = !service.udp.empty() && !j_.rules.coverage.udp.none;
    const bool needs_icmp = !j_.rules.coverage.icmp.none;
    const PortSet icmp = needs_icmp ? icmp_queries(service.icmp, Family::ipv4) : PortSet(),
                  icmpv6 = needs_icmp ? icmp_queries(service.icmpv6, Family::ipv6) : PortSet();
    // Of two families of ICMP the zone may have one address only.
    const bool icmp_asked = by_pair_.contains({from, to, Protocol::icmp}) || icmpv6.empty(),
               icmpv6_asked = by_pair_.contains({from, to, Protocol::icmpv6}) || icmp.empty();
    if (service.tcp.empty() && !needs_udp && icmp.empty() && icmpv6.empty()) return false;
    return covers({from, to, Protocol::tcp}, service.tcp) &&
           (!needs_udp || covers({from, to, Protocol::udp}, service.udp)) &&
           (!icmp_asked || covers({from, to, Protocol::icmp}, icmp)) &&
           (!icmpv6_asked || covers({from, to, Protocol::icmpv6}, icmpv6)) &&
           (icmp.empty() && icmpv6.empty() ? true : icmp_asked || icmpv6_asked);
  }

 private:
  using Pair = std::tuple<ZoneIndex, ZoneIndex, Protocol>;
  bool covers(const Pair& pair, const PortSet& ports) const {
    if (ports.empty()) return true;
    const auto found = by_pair_.find(pair);
    return found != by_pair_.end() && std::all_of(found->second.begin(), found->second.end(),
                                                  [&](const PortSet& clear) { return clear.contains(ports); });
  }
  const Judging& j_;
  std::map<Pair, std::vector<PortSet>> by_pair_;
};

/// " (3 of them announced by ftp)".
std::string announced(const RuleFacts& facts) {
  if (facts.announced == 0) return {};
  std::vector<std::string> by;
  for (const RelatedBy b : facts.announced_by) by.emplace_back(name(b));
  return fmt::format(" ({} of them data connections announced by {})", grouped_number(facts.announced),
                     list_some(by));
}

/// "permitted by edge.cfg:12", "blocked in part by edge.cfg:30".
void configured_words(const Judging& j, std::uint32_t rule, RuleRow& row) {
  row.configured = "not measured";
  if (j.configured == nullptr || !row.in_force) return;
  const RuleConfigured& c = j.configured->rules[rule];
  if (!c.measured) return;
  for (const LineKey& key : c.lines) {
    const Device& device = *j.configured->binding.devices[key.device].device;
    const LineText text =
        text_of(device, {key.list, key.entry == LineKey::kEnd ? std::nullopt : std::optional(key.entry)});
    add_unique(row.lines, fmt::format("{}:{}", text.file, text.line));
  }
  std::string_view what = "undetermined";
  if (c.blocked)
    what = c.permitted ? "blocked in part" : "blocked";
  else if (c.permitted)
    what = c.undetermined || c.unmeasured ? "permitted in part" : "permitted";
  else if (c.unmeasured)
    what = "not measured";
  row.configured = row.lines.empty() ? std::string(what) : fmt::format("{} by {}", what, list_some(row.lines, 4));
}

}  // namespace

void draw_matrix(Judging& j) {
  std::map<CellKey, MatrixCell> cells;
  ZoneCache zones(j);
  const auto cell_at = [&](std::string_view from, std::string_view to, std::string_view service) -> MatrixCell& {
    MatrixCell& c = cells[{std::string(from), std::string(to), std::string(service)}];
    c.from_zone = from;
    c.to_zone = to;
    c.service = service;
    return c;
  };
  const Documented& doc = j.documented.at(j.options.as_of);
  const Questions questions(j);
  std::set<CellKey> asked;
  for (std::uint32_t r = 0; r < j.rules.rules.size(); ++r) {
    const Rule& rule = j.rules.rules[r];
    if (!doc.state(r).in_force()) continue;
    for (const ZoneIndex from : zones.of(rule.from.addresses)) {
      for (const ZoneIndex to : zones.of(rule.to.addresses)) {
        for (const std::uint32_t s : rule.services) {
          MatrixCell& c = cell_at(j.trust.name(from), j.trust.name(to), j.rules.services[s].name);
          c.approved = true;
          if (c.rules.empty() || c.rules.back() != rule.id) c.rules.push_back(rule.id);
          const CellFacts& facts = j.cell(from, to, s);
          c.reachable = c.reachable || facts.reachable;
          c.observed = c.observed || facts.observed;
          if (facts.asked || facts.observed) asked.insert({c.from_zone, c.to_zone, c.service});
        }
      }
    }
  }
  for (const ForbiddenEntry& entry : j.rules.forbidden) {
    for (const ZoneIndex from : zones.of(entry.from.addresses)) {
      for (const ZoneIndex to : zones.of(entry.to.addresses)) {
        if (from == to) continue;
        for (const std::uint32_t s : entry.services) {
          const Service& service = j.rules.services[s];
          if (service.all) continue;
          MatrixCell& c = cell_at(j.trust.name(from), j.trust.name(to), service.name);
          c.forbidden = true;
          if (questions.asked(from, to, service)) asked.insert({c.from_zone, c.to_zone, c.service});
        }
      }
    }
  }
  for (const Finding& f : j.verdict.findings) {
    if (!is_exposure(f.kind) || !f.protocol) continue;
    std::string service = f.service;
    if (service.empty()) {
      const std::string ports =
          f.ports.ranges().size() > 4 ? fmt::format("{} ports", f.ports.size()) : to_string(f.ports);
      service = ports.empty() ? to_string(*f.protocol) : fmt::format("{}/{}", to_string(*f.protocol), ports);
    }
    MatrixCell& c = cell_at(f.from_zone, f.to_zone, service);
    add_unique(c.findings, f.id);
    const bool forbidden = f.kind == FindingKind::exposed_forbidden || f.kind == FindingKind::flow_forbidden;
    c.forbidden = c.forbidden || forbidden;
    if (f.kind == FindingKind::exposed_forbidden || f.kind == FindingKind::exposed_undocumented) c.reachable = true;
    if (f.kind == FindingKind::flow_forbidden || f.kind == FindingKind::flow_undocumented ||
        f.kind == FindingKind::outbound_undocumented)
      c.observed = true;
    if (forbidden)
      c.state = MatrixCell::State::forbidden;
    else if (c.state != MatrixCell::State::forbidden)
      c.state = MatrixCell::State::undocumented;
  }
  if (j.configured != nullptr) {
    for (const auto& [key, state] : j.configured->cells) {
      const auto& [from, to, service] = key;
      const auto at = cells.find(
          {std::string(j.trust.name(from)), std::string(j.trust.name(to)), j.rules.services[service].name});
      if (at != cells.end()) at->second.configured = name(state);
    }
    for (auto& [key, c] : cells)
      if (c.configured.empty()) c.configured = name(ConfiguredState::not_measured);
  }
  for (auto& [key, c] : cells) {
    if (c.findings.empty()) {
      if (c.approved)
        c.state = c.reachable || c.observed ? MatrixCell::State::approved_seen
                  : asked.contains(key)     ? MatrixCell::State::approved_not_seen
                                            : MatrixCell::State::approved_not_measured;
      else
        c.state = asked.contains(key) ? MatrixCell::State::unanswered : MatrixCell::State::not_measured;
    }
    std::sort(c.rules.begin(), c.rules.end());
    c.rules.erase(std::unique(c.rules.begin(), c.rules.end()), c.rules.end());
    std::sort(c.findings.begin(), c.findings.end());
    j.verdict.matrix.push_back(std::move(c));
  }
}

void list_rules(Judging& j) {
  std::unordered_map<std::string, std::vector<std::string>> by_rule;
  for (const Finding& f : j.verdict.findings)
    if (!f.rule.empty()) by_rule[f.rule].push_back(f.id);
  const Documented& doc = j.documented.at(j.options.as_of);
  std::optional<Timestamp> first, last;
  for (const FlowEvidence& e : j.snapshot.flows) {
    for (const FlowSource& s : e.sources) {
      if (s.first) first = first ? std::min(*first, *s.first) : *s.first;
      if (s.last) last = last ? std::max(*last, *s.last) : *s.last;
    }
  }
  j.verdict.rules.reserve(j.rules.rules.size());
  for (std::uint32_t r = 0; r < j.rules.rules.size(); ++r) {
    const Rule& rule = j.rules.rules[r];
    const RuleFacts& facts = j.facts[r];
    RuleRow row;
    row.id = rule.id;
    for (const std::uint32_t s : rule.services)
      row.service += (row.service.empty() ? "" : ", ") + j.rules.services[s].name;
    row.from = list_some(rule.from.names, 8);
    row.to = list_some(rule.to.names, 8);
    row.owner = rule.owner;
    row.application = rule.application;
    row.ticket = rule.ticket;
    row.reason = rule.reason;
    row.tags = rule.tags;
    row.in_force = doc.state(r).in_force();
    row.state = doc.state(r).words;
    const ReviewState review = review_of(j.rules, rule);
    if (review.due) row.review_by = to_string(*review.due);
    const auto say = [&](std::string_view what, const std::vector<std::uint16_t>& list) {
      if (!list.empty())
        row.reachable +=
            fmt::format("{}{} from {}", row.reachable.empty() ? "" : "; ", what, standpoint_names(j, list));
    };
    say("open", facts.open);
    say("arrives (by a witness)", facts.arrived);
    say("blocked", facts.blocked);
    say("closed", facts.closed);
    say("undecided", facts.unproven);
    if (row.reachable.empty()) row.reachable = "not measured";
    if (facts.conversations != 0)
      row.observed = fmt::format("{} conversation{}{}, last {}", grouped_number(facts.conversations),
                                 facts.conversations == 1 ? "" : "s", announced(facts), to_string(*facts.last_use));
    else if (first && last)
      row.observed = fmt::format("none in {}", describe_duration(*last - *first));
    else
      row.observed = "not measured";
    configured_words(j, r, row);
    if (const auto found = by_rule.find(rule.id); found != by_rule.end()) row.findings = found->second;
    row.where = rule.where;
    j.verdict.rules.push_back(std::move(row));
  }
}

}  // namespace demarc
