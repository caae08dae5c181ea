#include "rules/acl/readers/cisco_ios_inspect.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

/// What inspection knows by name, at its usual ports (Cisco IOS Security Command Reference, ip port-map). `opens`:
/// it opens further conversations that belong to it.
struct Inspected {
  std::string_view name;
  bool tcp, udp;
  std::uint16_t port;  // 0: every port
  bool opens = false;
};
constexpr Inspected kInspected[] = {
    {"tcp", true, false, 0},           {"udp", false, true, 0},
    {"bgp", true, false, 179},         {"bootps", false, true, 67},
    {"dns", true, true, 53},           {"finger", true, false, 79},
    {"ftp", true, false, 21, true},    {"gopher", true, false, 70},
    {"h323", true, false, 1720, true}, {"http", true, false, 80},
    {"https", true, false, 443},       {"ident", true, false, 113},
    {"imap", true, false, 143},        {"imaps", true, false, 993},
    {"isakmp", false, true, 500},      {"kerberos", true, true, 88},
    {"ldap", true, false, 389},        {"ldaps", true, false, 636},
    {"netbios-dgm", false, true, 138}, {"netbios-ns", false, true, 137},
    {"netbios-ssn", true, false, 139}, {"ntp", false, true, 123},
    {"pop3", true, false, 110},        {"pop3s", true, false, 995},
    {"pptp", true, false, 1723, true}, {"rtsp", true, false, 554, true},
    {"sip", true, true, 5060, true},   {"skinny", true, false, 2000, true},
    {"smtp", true, false, 25},         {"snmp", false, true, 161},
    {"snmptrap", false, true, 162},    {"sqlnet", true, false, 1521, true},
    {"ssh", true, false, 22},          {"syslog", false, true, 514},
    {"telnet", true, false, 23},       {"tftp", false, true, 69, true},
};

const Inspected* find_inspected(std::string_view name) {
  const auto found = std::find_if(std::begin(kInspected), std::end(kInspected),
                                  [name](const Inspected& i) { return i.name == name; });
  return found == std::end(kInspected) ? nullptr : found;
}

bool opens_more(std::string_view protocol) {
  const Inspected* row = find_inspected(protocol);
  return row == nullptr ? protocol != "icmp" : row->opens;
}

/// Both constraints; none where no packet meets them.
std::optional<Match> restricted(Match m, const Box& by) {
  m.box.protocols = ProtocolSet(m.box.protocols.numbers().intersect(by.protocols.numbers()));
  m.box.ports = m.box.ports.intersect(by.ports);
  m.box.source_ports = m.box.source_ports.intersect(by.source_ports);
  if (m.box.protocols.empty() || m.box.ports.empty() || m.box.source_ports.empty()) return std::nullopt;
  return m;
}

Entry entry_at(const router::RouterDraft& draft, std::uint32_t line, Action action) {
  Entry e;
  e.line = e.line_last = line;
  e.text = LineLedger::bounded(draft.source().line(line));
  e.action = action;
  return e;
}

void leave_open(Entry& e, std::string why) {
  e.maybe.insert(e.maybe.end(), std::make_move_iterator(e.match.begin()), std::make_move_iterator(e.match.end()));
  e.match.clear();
  if (e.maybe.empty()) e.maybe.push_back({});
  e.undecided = std::move(why);
}

}  // namespace

// --- Reading ---

void IosInspect::top_line(std::string_view first, Cursor& in) {
  block_ = Block::other;
  const std::uint32_t line = draft_.line;
  if (first == "class-map") {
    bool any = false;
    std::string_view word = in.word();
    if (word == "type") {
      if (in.word() != "inspect") return draft_.mark(Understanding::not_filtering);
      word = in.word();
    }
    if (word == "match-any" || word == "match-all") {
      any = word == "match-any";
      word = in.word();
    }
    if (!in.at_end())  // "type inspect http match-any NAME": it looks into what an application says
      return draft_.in_part("what this class matches in an application's data is not read");
    class_map_ = &class_maps_[std::string(word)];
    *class_map_ = {.any = any, .statements = {}, .line = line};
    block_ = Block::class_map;
    return draft_.mark(Understanding::understood);
  }
  if (first == "policy-map") {
    std::string_view word = in.word();
    const bool typed = word == "type";
    const bool inspects = typed && in.word() == "inspect";
    if (typed) word = in.word();
    if (typed && (!inspects || !in.at_end())) return draft_.mark(Understanding::not_filtering);
    policy_ = &policies_[std::string(word)];
    *policy_ = {.classes = {}, .line = line, .inspects = inspects};
    block_ = Block::policy_map;
    return draft_.mark(inspects ? Understanding::understood : Understanding::not_filtering);
  }
  if (first == "zone") {
    if (in.word() != "security") return draft_.unread("a zone is written 'zone security NAME'");
    zones_.emplace(std::string(in.word()), line);
    return draft_.mark(Understanding::understood);
  }
  if (first == "zone-pair") {
    Pair pair;
    pair.line = line;
    if (in.word() != "security")
      return draft_.unread("a pair is written 'zone-pair security NAME source A destination B'");
    pair.name = in.word();
    while (!in.at_end()) {
      const std::string_view word = in.word();
      if (word == "source") pair.from = in.word();
      if (word == "destination") pair.to = in.word();
    }
    if (pair.from.empty() || pair.to.empty()) return draft_.unread("a zone pair has a source and a destination");
    pairs_.push_back(std::move(pair));
    block_ = Block::pair;
    return draft_.mark(Understanding::understood);
  }
  draft_.mark(Understanding::not_filtering);  // parameter-map: thresholds and logging
}

void IosInspect::inner_line(Cursor& in) {
  const std::string_view first = in.word();
  switch (block_) {
    case Block::class_map: return match_line();
    case Block::policy_map: return policy_line(first, in);
    case Block::pair:
      if (first == "service-policy" && in.word() == "type" && in.word() == "inspect") {
        pairs_.back().policy = in.word();
        return draft_.mark(Understanding::understood);
      }
      return draft_.mark(first == "description" ? Understanding::not_filtering : Understanding::not_understood);
    case Block::none:
    case Block::other: return draft_.mark(Understanding::not_filtering);
  }
}

void IosInspect::match_line() {
  const std::string_view text = draft_.text();
  Cursor again = draft_.cursor();
  const std::string_view first = again.word();
  if (first == "description") return draft_.mark(Understanding::not_filtering);
  Statement s;
  s.line = draft_.line;
  const std::string_view what = first == "match" ? again.word() : std::string_view();
  if (what == "protocol") {
    s.kind = Statement::Kind::protocol;
    s.name = again.word();
    const bool known = find_inspected(s.name) != nullptr || s.name == "icmp";
    class_map_->statements.push_back(std::move(s));
    if (known) return draft_.mark(Understanding::understood);
    return draft_.in_part("which ports this protocol means is not known");
  }
  if (what == "access-group") {
    s.kind = Statement::Kind::list;
    s.name = again.word();
    if (s.name == "name") s.name = again.word();
    class_map_->statements.push_back(std::move(s));
    return draft_.mark(Understanding::understood);
  }
  if (what == "class-map") {
    s.kind = Statement::Kind::class_map;
    s.name = again.word();
    class_map_->statements.push_back(std::move(s));
    return draft_.mark(Understanding::understood);
  }
  s.name = LineLedger::bounded(text);
  class_map_->statements.push_back(std::move(s));
  draft_.in_part("what this statement matches is not known");
}

void IosInspect::policy_line(std::string_view first, Cursor& in) {
  if (first == "class") {
    PolicyClass c;
    c.line = draft_.line;
    std::string_view word = in.word();
    if (word == "type") in.word(), word = in.word();
    c.name = word;
    policy_->classes.push_back(std::move(c));
    return draft_.mark(policy_->inspects ? Understanding::understood : Understanding::not_filtering);
  }
  if (policy_->classes.empty()) return draft_.mark(Understanding::not_filtering);
  PolicyClass& c = policy_->classes.back();
  if (!policy_->inspects) {
    const bool drops = first == "drop" || draft_.text().find("drop") != std::string_view::npos;
    if (!drops) return draft_.mark(Understanding::not_filtering);
    c.verb = Verb::drop;
    return draft_.in_part("what is dropped by class or rate is not modelled");
  }
  if (first == "inspect")
    c.verb = Verb::inspect;
  else if (first == "pass")
    c.verb = Verb::pass;
  else if (first == "drop")
    c.verb = Verb::drop;
  else if (first == "police" || first == "urlfilter" || first == "service-policy")
    return draft_.in_part("it drops by rate or by what an application says");
  else
    return draft_.mark(Understanding::not_filtering);
  draft_.mark(Understanding::understood);
}

bool IosInspect::policy_may_drop(std::string_view policy) const {
  const auto found = policies_.find(policy);
  if (found == policies_.end()) return true;
  return std::any_of(found->second.classes.begin(), found->second.classes.end(),
                     [](const PolicyClass& c) { return c.verb == Verb::drop; });
}

void IosInspect::inspect_line(Cursor& in) {
  if (in.peek() != "name") return draft_.mark(Understanding::not_filtering);  // thresholds, logging
  in.word();
  const std::string_view name = in.word();
  Rule rule;
  rule.protocol = in.word();
  rule.line = draft_.line;
  if (rule.protocol.empty()) return draft_.unread("the protocol that is inspected is missing");
  const bool known = find_inspected(rule.protocol) != nullptr || rule.protocol == "icmp";
  rules_[std::string(name)].push_back(std::move(rule));
  if (known) return draft_.mark(Understanding::understood);
  draft_.in_part("which ports this protocol means is not known");
}

void IosInspect::interface_inspect(Cursor& in, std::size_t interface) {
  Applied a;
  a.rule = in.word();
  a.interface = interface;
  a.line = draft_.line;
  const std::string_view direction = in.word();
  if (direction != "in" && direction != "out")
    return draft_.unread(fmt::format("'{}' is no direction: in or out", direction));
  a.in = direction == "in";
  applied_.push_back(std::move(a));
  draft_.mark(Understanding::understood);
}

void IosInspect::zone_member(Cursor& in, std::size_t interface) {
  if (in.word() != "security") return draft_.unread("membership is written 'zone-member security NAME'");
  members_[interface] = in.word();
  draft_.mark(Understanding::understood);
}

// --- Meaning ---

/// The packets of a protocol that open conversations, or of their replies.
std::vector<Box> IosInspect::boxes_of(std::string_view protocol, bool replies, bool& certain) const {
  certain = true;
  if (protocol == "icmp") {
    Box four, six;
    four.protocols = {Protocol::icmp};
    six.protocols = {Protocol::icmpv6};
    return {four, six};
  }
  const Inspected* row = find_inspected(protocol);
  if (row == nullptr || (row->port != 0 && ports_mapped_)) {
    certain = false;
    return {Box{}};
  }
  std::vector<Box> boxes;
  for (const Protocol p : {Protocol::tcp, Protocol::udp}) {
    if (!(p == Protocol::tcp ? row->tcp : row->udp)) continue;
    Box box;
    box.protocols = {p};
    if (row->port != 0) (replies ? box.source_ports : box.ports) = PortSet::single(Port(row->port));
    boxes.push_back(std::move(box));
  }
  return boxes;
}

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

void IosInspect::inspection_stages() {
  struct Opening {
    std::optional<ListIndex> certain, perhaps;
  };
  std::map<std::string, Opening> openings;
  const auto opening = [&](const std::string& rule, bool certain) {
    std::optional<ListIndex>& known = certain ? openings[rule].certain : openings[rule].perhaps;
    if (known) return *known;
    List list;
    list.name = fmt::format("ip inspect {}{}", rule, certain ? "" : ", perhaps");
    list.at_end = Fallthrough::give_back;
    for (const Rule& r : rules_[rule]) {
      if (list.line == 0) list.line = r.line;
      Entry e = entry_at(draft_, r.line, Action::permit);
      bool known_ports = true;
      for (Box& box : boxes_of(r.protocol, true, known_ports)) {
        box.states = {ConnectionState::established};
        e.match.push_back({.box = std::move(box)});
      }
      if (!known_ports) leave_open(e, fmt::format("which ports {} means is not known", r.protocol));
      if (!certain) leave_open(e, "whether replies are let through here is not decided");
      if (opens_more(r.protocol) || r.protocol == "icmp") {
        Match related;
        related.box.states = {ConnectionState::related};
        e.maybe.push_back(std::move(related));
        if (e.undecided.empty()) e.undecided = "which further conversations belong to an inspected one";
      }
      list.entries.push_back(std::move(e));
    }
    known = draft_.add_list(std::move(list));
    return *known;
  };
  // Replies to what is inspected inward come out at that interface, and in at the others; to what is inspected
  // outward, in at that interface.
  constexpr std::size_t kAppliedMax = 512;
  for (std::size_t n = 0; n < applied_.size() && n < kAppliedMax; ++n) {
    const Applied& a = applied_[n];
    if (!rules_.contains(a.rule)) {
      draft_.warn(a.line, fmt::format("ip inspect name {} is not defined: it inspects nothing", a.rule));
      continue;
    }
    const std::vector<InterfaceId> here = draft_.ids(a.interface);
    for (std::size_t i = 0; i < draft_.device().stages.size(); ++i) {
      const Stage& s = draft_.device().stages[i];
      if (s.name.starts_with("verify unicast") || s.lists.empty()) continue;
      const bool inward = !s.ingress.empty(), same = (inward ? s.ingress : s.egress) == here && !here.empty();
      if (!s.ways.contains(Way::through) || (s.ingress.empty() && s.egress.empty())) continue;
      std::optional<bool> certain;
      if (same && inward != a.in) certain = true;   // the other direction of that interface
      if (!same && inward == a.in) certain = a.in;  // inward everywhere else; outward perhaps
      if (!certain) continue;
      const ListIndex list = opening(a.rule, *certain);
      draft_.device().stages[i].lists.insert(draft_.device().stages[i].lists.begin(), list);
    }
  }
  if (applied_.size() > kAppliedMax)
    draft_.warn(applied_[kAppliedMax].line,
                "inspection at this and further interfaces is not modelled: too many of them");
}

void IosInspect::finish() {
  inspection_stages();
  zone_stages();
}

}  // namespace demarc
