#include "rules/acl/readers/cisco_ios_inspect.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/cisco_ios_inspect_entries.h"
#include "rules/acl/readers/cisco_ios_protocols.h"

namespace demarc {

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
