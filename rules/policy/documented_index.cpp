#include "rules/policy/documented_index.h"

#include <algorithm>
#include <string_view>

namespace demarc {

using namespace documented;

Documented::Index::Index(const RuleSet& rules_in, Timestamp at_in) : rules(&rules_in), at(at_in) {
  for (const Rule& rule : rules->rules) states.push_back(state_of(*rules, rule, at));
  for (const Exception& x : rules->exceptions) exception_states.push_back(state_of(*rules, x, at));
  auto add = [&](Entry::Kind kind, std::size_t number, const std::vector<std::uint32_t>& services,
                 const EndpointSet& from, const EndpointSet& to) {
    entries_.push_back(
        {kind, static_cast<std::uint32_t>(number), &services, from_.add(from.addresses), to_.add(to.addresses)});
  };
  for (std::size_t i = 0; i < rules->rules.size(); ++i)
    add(Entry::Kind::rule, i, rules->rules[i].services, rules->rules[i].from, rules->rules[i].to);
  for (std::size_t i = 0; i < rules->exceptions.size(); ++i) {
    const Rule& rule = rules->exceptions[i].rule;
    add(Entry::Kind::exception, i, rule.services, rule.from, rule.to);
  }
  for (std::size_t i = 0; i < rules->forbidden.size(); ++i) {
    const ForbiddenEntry& f = rules->forbidden[i];
    add(Entry::Kind::forbidden, i, f.services, f.from, f.to);
  }
  from_.build();
  to_.build();
  for (std::uint32_t e = 0; e < entries_.size(); ++e) {
    auto [pair, fresh] =
        pairs_.emplace(key(entries_[e].to, entries_[e].from), static_cast<std::uint32_t>(pairs_.size()));
    if (fresh) pair_entries_.emplace_back();
    pair_entries_[pair->second].push_back(e);
    std::vector<std::uint32_t> services = *entries_[e].services;
    std::sort(services.begin(), services.end());
    services.erase(std::unique(services.begin(), services.end()), services.end());
    for (std::uint32_t s : services) by_service_[key(pair->second, s)].push_back(e);
  }
  std::unordered_map<std::string_view, std::uint32_t> rule_ids, exception_ids, forbidden_ids;
  for (std::uint32_t i = 0; i < rules->rules.size(); ++i) rule_ids.emplace(rules->rules[i].id, i);
  for (std::uint32_t i = 0; i < rules->exceptions.size(); ++i)
    exception_ids.emplace(rules->exceptions[i].rule.id, i);
  for (std::uint32_t i = 0; i < rules->forbidden.size(); ++i) forbidden_ids.emplace(rules->forbidden[i].id, i);
  except_rules.resize(rules->forbidden.size());
  except_exceptions.resize(rules->forbidden.size());
  lifted_by.resize(rules->forbidden.size());
  for (std::uint32_t f = 0; f < rules->forbidden.size(); ++f) {
    for (const std::string& id : rules->forbidden[f].except_rules) {
      if (auto r = rule_ids.find(id); r != rule_ids.end()) except_rules[f].push_back(r->second);
      if (auto x = exception_ids.find(id); x != exception_ids.end()) except_exceptions[f].push_back(x->second);
    }
    std::sort(except_rules[f].begin(), except_rules[f].end());
    std::sort(except_exceptions[f].begin(), except_exceptions[f].end());
  }
  for (std::uint32_t x = 0; x < rules->exceptions.size(); ++x) {
    auto f = forbidden_ids.find(rules->exceptions[x].of);
    exception_of.push_back(f == forbidden_ids.end() ? kNone : f->second);
    if (f != forbidden_ids.end()) lifted_by[f->second].push_back(x);
  }
}

bool Documented::Index::excepts_rule(std::uint32_t f, std::uint32_t rule) const {
  return std::binary_search(except_rules[f].begin(), except_rules[f].end(), rule);
}

bool Documented::Index::excepts_exception(std::uint32_t f, std::uint32_t x) const {
  return std::binary_search(except_exceptions[f].begin(), except_exceptions[f].end(), x);
}

const Judgement& Documented::Index::judge(const Packet& packet) {
  const PortClasses& classes = classes_of(packet.protocol);
  std::uint32_t port_class = classes.of_port[port_number(packet)];
  bool by_source = classes.by_source_port[port_class] && packet.protocol.has_ports();
  JudgementKey k{from_.slot(packet.source),
                 to_.slot(packet.destination),
                 port_class,
                 packet.protocol.number(),
                 by_source ? packet.source_port.number() : std::uint16_t{0},
                 packet.source.family() == packet.destination.family()};
  auto found = judgements_.find(k);
  if (found != judgements_.end()) return found->second;
  std::vector<std::uint32_t> matched = matching(packet, classes.services[port_class]);
  // Most packets of a scan concern nobody: finding that again is cheaper than remembering it.
  static const Judgement kNothingMatches;
  if (matched.empty()) return kNothingMatches;
  if (judgements_.size() >= kRememberedMax) judgements_.clear();
  return judgements_.emplace(k, judge_entries(matched)).first->second;
}

const Documented::Index::Slice& Documented::Index::slice(const Address& source, const Address& destination,
                                                         Protocol protocol) {
  SliceKey k{from_.slot(source), to_.slot(destination), protocol.number(), source.family() == destination.family()};
  auto found = slices_.find(k);
  if (found != slices_.end()) return found->second;
  if (slices_.size() >= kRememberedMax) slices_.clear();
  return slices_.emplace(k, k.same_family ? make_slice(source, destination, protocol) : Slice{}).first->second;
}

PortClass Documented::Index::port_class(Protocol protocol, std::uint16_t number) {
  const PortClasses& classes = classes_of(protocol);
  const std::uint32_t found = classes.of_port[number];
  return {found, classes.by_source_port[found] && protocol.has_ports()};
}

const PortClasses& Documented::Index::classes_of(Protocol protocol) {
  std::unique_ptr<PortClasses>& classes = classes_[protocol.number()];
  if (!classes) classes = std::make_unique<PortClasses>(*rules, protocol);
  return *classes;
}

template <typename F>
void Documented::Index::each_pair(const Address& source, const Address& destination, F f) {
  const std::vector<std::uint32_t>& froms = from_.holders(from_.slot(source));
  for (std::uint32_t to : to_.holders(to_.slot(destination)))
    for (std::uint32_t from : froms)
      if (auto pair = pairs_.find(key(to, from)); pair != pairs_.end()) f(pair->second);
}

std::vector<std::uint32_t> Documented::Index::matching(const Packet& packet,
                                                       const std::vector<std::uint32_t>& services) {
  std::vector<std::uint32_t> out;
  if (packet.source.family() != packet.destination.family()) return out;
  each_pair(packet.source, packet.destination, [&](std::uint32_t pair) {
    for (std::uint32_t s : services) {
      auto found = by_service_.find(key(pair, s));
      if (found == by_service_.end()) continue;
      const Service& service = rules->services[s];
      bool fixed =
          service.source_ports && !service.all && packet.protocol.has_ports() && packet.source_port.number() != 0;
      if (fixed && !service.source_ports->contains(packet.source_port)) continue;
      out.insert(out.end(), found->second.begin(), found->second.end());
    }
  });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Judgement Documented::Index::judge_entries(const std::vector<std::uint32_t>& matched) const {
  Judgement j;
  std::vector<std::uint32_t> live_rules, live_exceptions, entries;
  for (std::uint32_t e : matched) {
    const Entry& entry = entries_[e];
    switch (entry.kind) {
      case Entry::Kind::rule:
        (states[entry.number].in_force() ? live_rules : j.not_in_force).push_back(entry.number);
        break;
      case Entry::Kind::exception:
        (exception_states[entry.number].in_force() ? live_exceptions : j.exceptions_not_in_force)
            .push_back(entry.number);
        break;
      case Entry::Kind::forbidden: entries.push_back(entry.number); break;
    }
  }
  auto lifted = [&](std::uint32_t f) {
    return std::any_of(live_exceptions.begin(), live_exceptions.end(),
                       [&](std::uint32_t x) { return exception_of[x] == f; });
  };
  std::vector<std::uint32_t> standing;  // entries that no exception lifts here
  for (std::uint32_t f : entries)
    if (!lifted(f)) standing.push_back(f);
  for (std::uint32_t r : live_rules) {
    bool cut = std::any_of(standing.begin(), standing.end(), [&](std::uint32_t f) { return !excepts_rule(f, r); });
    (cut ? j.overruled : j.approved_by).push_back(r);
  }
  for (std::uint32_t x : live_exceptions) {
    bool inside = std::find(entries.begin(), entries.end(), exception_of[x]) != entries.end();
    bool cut =
        std::any_of(standing.begin(), standing.end(), [&](std::uint32_t f) { return !excepts_exception(f, x); });
    if (inside && !cut) j.approved_by_exception.push_back(x);
  }
  for (std::uint32_t f : entries) {
    bool out =
        lifted(f) ||
        std::any_of(live_rules.begin(), live_rules.end(), [&](std::uint32_t r) { return excepts_rule(f, r); }) ||
        std::any_of(j.approved_by_exception.begin(), j.approved_by_exception.end(),
                    [&](std::uint32_t x) { return excepts_exception(f, x); });
    (out ? j.forbidden_lifted : j.forbidden_by).push_back(f);
  }
  j.approved = !j.approved_by.empty() || !j.approved_by_exception.empty();
  j.forbidden = !j.forbidden_by.empty();
  return j;
}

PortSet Documented::Index::entry_ports(const Entry& entry, Protocol protocol) const {
  PortSet ports;
  for (std::uint32_t s : *entry.services) ports = ports.unite(ports_of(rules->services[s], protocol));
  return ports;
}

Documented::Index::Slice Documented::Index::make_slice(const Address& source, const Address& destination,
                                                       Protocol protocol) {
  struct Part {
    std::uint32_t number;
    PortSet ports;
  };
  std::vector<Part> live_rules, live_exceptions, entries;
  each_pair(source, destination, [&](std::uint32_t pair) {
    for (std::uint32_t e : pair_entries_[pair]) {
      const Entry& entry = entries_[e];
      if (entry.kind == Entry::Kind::rule && !states[entry.number].in_force()) continue;
      if (entry.kind == Entry::Kind::exception && !exception_states[entry.number].in_force()) continue;
      PortSet ports = entry_ports(entry, protocol);
      if (ports.empty()) continue;
      (entry.kind == Entry::Kind::rule        ? live_rules
       : entry.kind == Entry::Kind::exception ? live_exceptions
                                              : entries)
          .push_back({entry.number, std::move(ports)});
    }
  });
  // An exception counts inside the entry it narrows only.
  std::vector<Part> inside;
  for (const Part& x : live_exceptions) {
    for (const Part& f : entries)
      if (f.number == exception_of[x.number]) inside.push_back({x.number, x.ports.intersect(f.ports)});
  }
  std::vector<Part> standing;
  for (const Part& f : entries) {
    PortSet ports = f.ports;
    for (const Part& x : inside)
      if (exception_of[x.number] == f.number) ports = ports.minus(x.ports);
    standing.push_back({f.number, std::move(ports)});
  }
  Slice out;
  PortSet plain_cut;  // of the rules that no entry excepts, which is nearly all of them
  for (const Part& f : standing) plain_cut = plain_cut.unite(f.ports);
  PortSet plain;
  for (const Part& r : live_rules) {
    bool excepted = std::any_of(standing.begin(), standing.end(),
                                [&](const Part& f) { return excepts_rule(f.number, r.number); });
    if (!excepted) {
      plain = plain.unite(r.ports);
      continue;
    }
    PortSet ports = r.ports;
    for (const Part& f : standing)
      if (!excepts_rule(f.number, r.number)) ports = ports.minus(f.ports);
    out.approved = out.approved.unite(ports);
  }
  out.approved = out.approved.unite(plain.minus(plain_cut));
  std::vector<Part> approving;  // exceptions, less other entries
  for (const Part& x : inside) {
    PortSet ports = x.ports;
    for (const Part& f : standing)
      if (!excepts_exception(f.number, x.number)) ports = ports.minus(f.ports);
    out.approved = out.approved.unite(ports);
    approving.push_back({x.number, std::move(ports)});
  }
  for (const Part& f : standing) {
    PortSet ports = f.ports;
    for (const Part& r : live_rules)
      if (excepts_rule(f.number, r.number)) ports = ports.minus(r.ports);
    for (const Part& x : approving)
      if (excepts_exception(f.number, x.number)) ports = ports.minus(x.ports);
    out.forbidden = out.forbidden.unite(ports);
  }
  return out;
}

}  // namespace demarc
