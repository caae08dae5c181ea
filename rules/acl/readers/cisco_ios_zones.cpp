// The zone-based policy firewall: class-maps and policy-maps as lists, pairs of zones as stages.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/cisco_ios_inspect.h"
#include "rules/acl/readers/cisco_ios_inspect_entries.h"

namespace demarc {

namespace {

/// Both constraints; none where no packet meets them.
std::optional<Match> restricted(Match m, const Box& by) {
  m.box.protocols = ProtocolSet(m.box.protocols.numbers().intersect(by.protocols.numbers()));
  m.box.ports = m.box.ports.intersect(by.ports);
  m.box.source_ports = m.box.source_ports.intersect(by.source_ports);
  if (m.box.protocols.empty() || m.box.ports.empty() || m.box.source_ports.empty()) return std::nullopt;
  return m;
}

}  // namespace

void IosInspect::add_any(List& list, const ClassMap& map, Action action) {
  for (const Statement& s : map.statements) {
    Entry e = entry_at(draft_, s.line, action);
    switch (s.kind) {
      case Statement::Kind::protocol: {
        bool certain = true;
        for (Box& box : boxes_of(s.name, false, certain)) e.match.push_back({.box = std::move(box)});
        if (!certain) leave_open(e, fmt::format("which ports {} means is not known", s.name));
        break;
      }
      case Statement::Kind::list: {
        const ListIndex named = draft_.bound(s.name, Family::ipv4, s.line, router::Missing::permits);
        e.target = draft_.classifier(named, action, fmt::format("{} as matched by {}", s.name, list.name), s.line);
        e.action = Action::jump;
        e.match.push_back({});
        e.match.back().box.family = Family::ipv4;
        break;
      }
      case Statement::Kind::class_map:
        e.target = class_list(s.name, action, s.line);
        e.action = Action::jump;
        e.match.push_back({});
        break;
      case Statement::Kind::unknown: leave_open(e, "what this statement matches is not known"); break;
    }
    list.entries.push_back(std::move(e));
  }
}

/// Everything must match: one list at most, cut down to the protocols.
void IosInspect::add_all(List& list, const ClassMap& map, Action action) {
  const Statement* named = nullptr;
  bool open = false;
  std::vector<Box> boxes{Box{}};
  for (const Statement& s : map.statements) {
    if (s.kind == Statement::Kind::list && named == nullptr) {
      named = &s;
    } else if (s.kind == Statement::Kind::protocol) {
      bool certain = true;
      std::vector<Box> both;
      for (const Box& more : boxes_of(s.name, false, certain))
        for (const Box& box : boxes)
          if (const std::optional<Match> m = restricted({.box = box}, more); m) both.push_back(m->box);
      boxes = std::move(both);
      open = open || !certain;
    } else {
      open = true;
    }
  }
  const std::string why = "not all that this class asks for is known";
  if (named == nullptr) {
    Entry e = entry_at(draft_, map.line, action);
    for (const Box& box : boxes) e.match.push_back({.box = box});
    if (open) leave_open(e, why);
    list.entries.push_back(std::move(e));
    return;
  }
  const ListIndex from = draft_.bound(named->name, Family::ipv4, named->line, router::Missing::permits);
  const ListIndex copy =
      draft_.classifier(from, action, fmt::format("{} as matched by {}", named->name, list.name), named->line);
  if (map.statements.size() > 1) {
    for (Entry& e : draft_.list(copy).entries) {
      for (std::vector<Match>* matches : {&e.match, &e.maybe}) {
        std::vector<Match> cut;
        for (const Match& m : *matches)
          for (const Box& box : boxes)
            if (std::optional<Match> both = restricted(m, box)) cut.push_back(std::move(*both));
        *matches = std::move(cut);
      }
      if (open && e.action == action && !(e.match.empty() && e.maybe.empty())) leave_open(e, why);
    }
  }
  Entry e = entry_at(draft_, named->line, Action::jump);
  e.target = copy;
  e.match.push_back({});
  e.match.back().box.family = Family::ipv4;
  list.entries.push_back(std::move(e));
}

ListIndex IosInspect::class_list(const std::string& name, Action action, std::uint32_t line) {
  const auto key = std::pair(name, action);
  if (const auto known = class_lists_.find(key); known != class_lists_.end()) return known->second;
  List list;
  list.name = fmt::format("class {}{}", name, action == Action::permit ? "" : " dropped");
  list.line = line;
  list.at_end = Fallthrough::give_back;
  const auto map = class_maps_.find(name);
  constexpr unsigned kDepthMax = 64;
  if (map == class_maps_.end() || depth_ > kDepthMax) {
    Entry e = entry_at(draft_, line, action);
    const std::string why = map == class_maps_.end() ? fmt::format("class-map {} is not defined", name)
                                                     : "class-maps are nested too deep to be followed";
    draft_.warn(line, why);
    leave_open(e, why);
    list.entries.push_back(std::move(e));
    return class_lists_[key] = draft_.add_list(std::move(list));
  }
  list.line = map->second.line;
  // It has its place before it is filled: a class that matches itself calls itself, which decides nothing.
  const ListIndex index = class_lists_[key] = draft_.add_list(list);
  ++depth_;
  if (map->second.any || map->second.statements.size() == 1)
    add_any(list, map->second, action);
  else
    add_all(list, map->second, action);
  --depth_;
  draft_.list(index) = std::move(list);
  return index;
}

ListIndex IosInspect::policy_list(const std::string& name, const std::string& pair, std::uint32_t line) {
  List list;
  list.name = fmt::format("zone-pair {}", pair);
  list.line = list.at_end_line = line;
  const auto policy = policies_.find(name);
  if (name.empty() || policy == policies_.end()) {
    if (!name.empty())
      draft_.warn(line, fmt::format("policy-map {} is not defined: the pair drops everything", name));
    return draft_.add_list(std::move(list));  // a pair without a policy drops
  }
  for (const PolicyClass& c : policy->second.classes) {
    const bool passes = c.verb == Verb::inspect || c.verb == Verb::pass;
    Entry e = entry_at(draft_, c.line, passes ? Action::permit : Action::deny);
    if (c.name != "class-default") {
      e.target = class_list(c.name, e.action, c.line);
      e.action = Action::jump;
    }
    e.match.push_back({});
    list.entries.push_back(std::move(e));
  }
  return draft_.add_list(std::move(list));
}

std::pair<bool, bool> IosInspect::inspects_and_passes(const Pair* pair) const {
  std::pair<bool, bool> both{false, false};
  if (pair == nullptr) return both;
  const auto policy = policies_.find(pair->policy);
  if (policy == policies_.end()) return both;
  for (const PolicyClass& c : policy->second.classes) {
    both.first = both.first || c.verb == Verb::inspect;
    both.second = both.second || c.verb == Verb::pass;
  }
  return both;
}

/// Conversations between two zones that one of the pairs inspects pass by themselves. Where a pair also passes
/// without inspection, which of them were inspected is not decided here.
std::optional<ListIndex> IosInspect::replies(const Pair* forth, const Pair* back, const std::string& name) {
  const auto [inspects, passes] = inspects_and_passes(forth);
  const auto [inspects_back, passes_back] = inspects_and_passes(back);
  if (!inspects && !inspects_back) return std::nullopt;
  const Pair& by = inspects_back ? *back : *forth;
  List list;
  list.name = fmt::format("inspected between {}", name);
  list.line = by.line;
  list.at_end = Fallthrough::give_back;
  Entry e = entry_at(draft_, by.line, Action::permit);
  Match replies;
  replies.box.states = {ConnectionState::established};
  e.match.push_back(std::move(replies));
  if (passes || passes_back) leave_open(e, "whether the conversation was inspected or passed without");
  Match related;
  related.box.states = {ConnectionState::related};
  e.maybe.push_back(std::move(related));
  if (e.undecided.empty()) e.undecided = "which further conversations belong to an inspected one";
  list.entries.push_back(std::move(e));
  return draft_.add_list(std::move(list));
}

void IosInspect::zone_stages() {
  if (zones_.empty() && members_.empty()) return;
  const std::size_t interfaces = std::min(draft_.device().interfaces.size(), kInterfacesMax);
  std::map<std::string, std::vector<InterfaceId>> zones;
  std::vector<InterfaceId> outside_all;
  const bool has_default = zones_.contains("default");
  for (std::size_t i = 0; i < interfaces; ++i) {
    const auto member = members_.find(i);
    if (member != members_.end())
      zones[member->second].push_back(static_cast<InterfaceId>(i));
    else if (has_default)
      zones["default"].push_back(static_cast<InterfaceId>(i));
    else
      outside_all.push_back(static_cast<InterfaceId>(i));
  }
  std::map<std::pair<std::string, std::string>, const Pair*> pairs;
  for (const Pair& p : pairs_) pairs[{p.from, p.to}] = &p;
  const auto find = [&pairs](const std::string& from, const std::string& to) -> const Pair* {
    const auto found = pairs.find({from, to});
    return found == pairs.end() ? nullptr : found->second;
  };
  const auto stage = [this](std::string name, std::uint32_t line, Ways ways, std::vector<InterfaceId> in,
                            std::vector<InterfaceId> out, std::vector<ListIndex> lists) {
    Stage s;
    s.name = std::move(name);
    s.ways = ways;
    s.ingress = std::move(in), s.egress = std::move(out);
    s.lists = std::move(lists);
    s.priority = 2;
    s.line = line;
    draft_.add_stage(std::move(s));
  };
  const auto nothing = [this](std::string name, std::uint32_t line) {
    List list;
    list.name = std::move(name);
    list.line = line;
    return draft_.add_list(std::move(list));
  };
  // Pairs that are written.
  for (const auto& [ends, pair] : pairs) {
    const auto& [from, to] = ends;
    const Pair* back = find(to, from);
    std::vector<ListIndex> lists;
    if (const auto list = replies(pair, back, fmt::format("{} and {}", from, to))) lists.push_back(*list);
    lists.push_back(policy_list(pair->policy, pair->name, pair->line));
    const std::vector<InterfaceId> in = from == "self" ? std::vector<InterfaceId>{} : zones[from];
    const std::vector<InterfaceId> out = to == "self" ? std::vector<InterfaceId>{} : zones[to];
    if ((from != "self" && in.empty()) || (to != "self" && out.empty())) continue;  // a zone without interfaces
    stage(fmt::format("zone-pair {}", pair->name), pair->line,
          to == "self"     ? Ways{Way::to_device}
          : from == "self" ? Ways{Way::from_device}
                           : Ways{Way::through},
          in, out, std::move(lists));
  }
  // Between zones without a pair nothing passes but replies to what the other direction inspects.
  for (const auto& [from, in] : zones) {
    std::vector<InterfaceId> closed = outside_all;
    for (const auto& [to, out] : zones) {
      if (from == to || find(from, to) != nullptr || in.empty() || out.empty()) continue;
      const Pair* back = find(to, from);
      const auto list = back == nullptr ? std::nullopt : replies(nullptr, back, fmt::format("{} and {}", to, from));
      if (!list) {
        closed.insert(closed.end(), out.begin(), out.end());
        continue;
      }
      const std::string name = fmt::format("no zone-pair from {} to {}", from, to);
      stage(name, back->line, {Way::through}, in, out, {*list, nothing(name, back->line)});
    }
    if (closed.empty() || in.empty()) continue;
    const auto written = zones_.find(from);
    const std::uint32_t line = written == zones_.end() ? 0 : written->second;
    const std::string name = fmt::format("no zone-pair from {}", from);
    stage(name, line, {Way::through}, in, closed, {nothing(name, line)});
  }
  std::vector<InterfaceId> all;
  for (const auto& [name, ids] : zones) all.insert(all.end(), ids.begin(), ids.end());
  if (!all.empty() && !outside_all.empty()) {
    const std::string name = "into zones from interfaces of none";
    stage(name, 0, {Way::through}, outside_all, all, {nothing(name, 0)});
  }
}

}  // namespace demarc
