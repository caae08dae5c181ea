#include "rules/acl/readers/arista_eos_policies.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {

/// "80, 443,8000-8010": the next number or range, without what separates it.
std::string_view next_part(std::string_view& rest) {
  constexpr std::string_view kBetween = " \t\r,";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
  const std::string_view part = rest.substr(0, rest.find_first_of(kBetween));
  rest.remove_prefix(part.size());
  return part;
}

std::optional<PortRange> port_range(std::string_view part) {
  const std::size_t dash = part.find('-');
  const auto first = router::decimal(part.substr(0, dash), 65535);
  const auto last = dash == std::string_view::npos ? first : router::decimal(part.substr(dash + 1), 65535);
  if (!first || !last || *last < *first) return std::nullopt;
  return PortRange{Port(static_cast<std::uint16_t>(*first)), Port(static_cast<std::uint16_t>(*last))};
}

}  // namespace

void EosPolicies::undecide(std::string why) {
  Rule& rule = policy_->back();
  rule.undecided = why;
  draft_.in_part(std::move(why));
}

void EosPolicies::line(Cursor& in) {
  const std::string_view first = in.peek();
  if (first == "field-set") {
    in.word();
    return field_set_line(in);
  }
  if (first == "traffic-policy") {
    in.word();
    policy_ = &policies_[std::string(in.word())];
    part_ = Part::policy;
    return draft_.mark(Understanding::understood);
  }
  if (part_ == Part::prefixes || part_ == Part::ports) return member_line(in);
  if (policy_ == nullptr) return draft_.mark(Understanding::not_filtering);
  in.word();
  if (first == "match") {
    Rule rule;
    rule.name = in.word();
    rule.line = draft_.line;
    const std::string_view family = in.word();
    if (family != "ipv4" && family != "ipv6")
      return draft_.unread(fmt::format("'{}' is neither ipv4 nor ipv6", family));
    rule.family = family == "ipv6" ? Family::ipv6 : Family::ipv4;
    policy_->push_back(std::move(rule));
    part_ = Part::policy;
    return draft_.mark(Understanding::understood);
  }
  if (first.starts_with('!') || first == "counter" || first == "counters" || policy_->empty())
    return draft_.mark(Understanding::not_filtering);
  rule_line(first, in);
}

void EosPolicies::field_set_line(Cursor& in) {
  const std::string_view kind = in.word();
  const bool ports = kind == "l4-port";
  if (!ports && ((kind != "ipv4" && kind != "ipv6") || in.word() != "prefix")) {
    part_ = Part::none;
    return draft_.unread(fmt::format("field-sets of {} are not read", kind));
  }
  const std::string_view name = in.word();
  draft_.define_object(name, fmt::format("field-set {}", kind));
  set_ = &(ports ? ports_ : prefixes_)[std::string(name)];
  part_ = ports ? Part::ports : Part::prefixes;
  draft_.mark(Understanding::understood);
}

void EosPolicies::member_line(Cursor& in) {
  std::string_view rest = in.rest();
  bool except = false, bad = false;
  for (std::string_view part = next_part(rest); !part.empty(); part = next_part(rest)) {
    if (part == "except") {
      except = true;
    } else if (part_ == Part::ports) {
      if (const std::optional<PortRange> range = port_range(part))
        set_->ports.push_back(*range);
      else
        bad = true;
    } else {
      const Family family = part.find(':') != std::string_view::npos ? Family::ipv6 : Family::ipv4;
      if (const Result<Prefix> prefix = router::read_prefix(part, family, in))
        (except ? set_->except : set_->addresses).push_back({prefix->first(), prefix->last()});
      else
        bad = true;
    }
  }
  if (except && part_ == Part::ports) bad = true;
  if (!bad) return draft_.mark(Understanding::understood);
  set_->complete = false;
  draft_.unread("a member of this field-set is not understood");
}

void EosPolicies::rule_line(std::string_view first, Cursor& in) {
  Rule& rule = policy_->back();
  if (first == "actions") {
    part_ = Part::actions;
    return draft_.mark(Understanding::understood);
  }
  if (part_ == Part::actions) {
    if (first == "drop") {
      rule.drops = true;
      return draft_.mark(Understanding::understood);
    }
    if (first == "count" || first == "log" || first == "set" || first == "redirect" || first == "mirror")
      return draft_.mark(Understanding::not_filtering);
    return undecide(fmt::format("what the action {} does is not known", first));
  }
  if (first == "source" || first == "destination") {
    if (in.word() != "prefix") return undecide("what this statement matches is not known");
    Names& names = first == "source" ? rule.source : rule.destination;
    names.said = true;
    bool sets = false;
    std::string_view rest = in.rest();
    for (std::string_view part = next_part(rest); !part.empty(); part = next_part(rest)) {
      if (part == "field-set") {
        sets = true;
      } else if (sets) {
        names.sets.emplace_back(part);
        draft_.use_object(part);
      } else if (const Result<Prefix> prefix = router::read_prefix(part, rule.family, in)) {
        names.prefixes.push_back(*prefix);
      } else {
        return undecide("what this statement matches is not known");
      }
    }
    return draft_.mark(Understanding::understood);
  }
  if (first == "protocol") return protocol_line(in);
  if (first == "fragment" && in.at_end()) {
    rule.fragments = true;
    return draft_.mark(Understanding::understood);
  }
  undecide("what this statement matches is not known");
}

/// "25-30 443" or "field-set WEB".
bool EosPolicies::ports(Cursor& in, PortSet& set, std::vector<std::string>& sets) {
  std::vector<PortRange> ranges;
  if (in.peek() == "field-set") {
    in.word();
    while (!in.at_end() && in.peek() != "destination" && in.peek() != "source") {
      sets.emplace_back(in.word());
      draft_.use_object(sets.back());
    }
    set = PortSet{};
    return !sets.empty();
  }
  while (!in.at_end() && in.peek() != "destination" && in.peek() != "source") {
    std::string_view rest = in.word();
    for (std::string_view part = next_part(rest); !part.empty(); part = next_part(rest)) {
      const std::optional<PortRange> range = port_range(part);
      if (!range) return false;
      ranges.push_back(*range);
    }
  }
  set = PortSet::of(std::move(ranges));
  return !set.empty();
}

/// "protocol tcp [flags established] [source port P] [destination port P]", "protocol icmp type echo"
void EosPolicies::protocol_line(Cursor& in) {
  Rule& rule = policy_->back();
  Service service;
  service.object.protocols = {};
  std::string_view names = in.word();
  for (std::string_view name = next_part(names); !name.empty(); name = next_part(names)) {
    if (name == "icmp" || name == "icmpv6") {
      service.object.protocols.insert(rule.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6);
    } else if (const NamedNumber* row = find_named(name, eos_names().protocols)) {
      service.object.protocols.insert(Protocol(static_cast<std::uint8_t>(row->number)));
    } else if (const std::optional<PortRange> range = port_range(name); range && range->last.number() <= 255) {
      for (unsigned n = range->first.number(); n <= range->last.number(); ++n)
        service.object.protocols.insert(Protocol(static_cast<std::uint8_t>(n)));
    } else {
      return undecide(fmt::format("'{}' is no protocol that is known here", name));
    }
  }
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (word == "source" || word == "destination") {
      if (in.word() != "port") return undecide("what this statement matches is not known");
      const bool source = word == "source";
      if (!ports(in, source ? service.object.source_ports : service.object.ports,
                 source ? service.source_ports : service.ports))
        return undecide("the ports of this statement are not understood");
    } else if (word == "flags" && in.peek() == "established") {
      in.word();
      service.flags = tcp_flags_established();
    } else if (word == "type") {
      std::vector<IcmpType> types;
      while (!in.at_end() && in.peek() != "code") {
        std::string_view rest = in.word();
        for (std::string_view part = next_part(rest); !part.empty(); part = next_part(rest)) {
          const NamedIcmp* row =
              find_named(part, rule.family == Family::ipv4 ? eos_names().icmp : eos_names().icmpv6);
          const std::optional<std::uint64_t> n = router::decimal(part, 255);
          if (!row && !n) return undecide(fmt::format("'{}' is no ICMP type that is known here", part));
          types.push_back(row ? row->type : icmp_whole(static_cast<std::uint8_t>(*n)));
        }
      }
      if (!in.at_end()) return undecide("ICMP codes are not read here");
      service.object.icmp = IcmpSet::of(types);
    } else {
      return undecide(fmt::format("'{}' is not understood here", word));
    }
  }
  rule.services.push_back(std::move(service));
  draft_.mark(Understanding::understood);
}

void EosPolicies::bind(Cursor& in, std::size_t interface) {
  const std::string_view direction = in.word();
  if (direction != "input" && direction != "output")
    return draft_.unread(fmt::format("'{}' is no direction: input or output", direction));
  bound_.push_back({std::string(in.word()), interface, direction == "input", draft_.line});
  draft_.mark(Understanding::understood);
}

AddressSet EosPolicies::addresses(const Names& names, Rule& rule, bool& complete) {
  if (!names.said) return AddressSet::all();
  std::vector<AddressRange> ranges, except;
  for (const Prefix& p : names.prefixes) ranges.push_back({p.first(), p.last()});
  for (const std::string& name : names.sets) {
    const auto set = prefixes_.find(name);
    if (set == prefixes_.end() || !set->second.complete || set->second.addresses.size() > ranges_left_) {
      complete = false;
      rule.undecided = set == prefixes_.end() ? fmt::format("field-set {} is not defined", name)
                                              : fmt::format("a member of field-set {} is not known", name);
      continue;
    }
    ranges_left_ -= set->second.addresses.size();
    const AddressSet held =
        AddressSet::of_ranges(set->second.addresses).minus(AddressSet::of_ranges(set->second.except));
    ranges.insert(ranges.end(), held.ranges().begin(), held.ranges().end());
  }
  return AddressSet::of_ranges(std::move(ranges));
}

PortSet EosPolicies::ports_of(const std::vector<std::string>& sets, const PortSet& written, Rule& rule,
                              bool& complete) {
  std::vector<PortRange> ranges = written.ranges();
  for (const std::string& name : sets) {
    const auto set = ports_.find(name);
    if (set == ports_.end() || !set->second.complete || set->second.ports.size() > ranges_left_) {
      complete = false;
      rule.undecided = set == ports_.end() ? fmt::format("field-set {} is not defined", name)
                                           : fmt::format("a member of field-set {} is not known", name);
      continue;
    }
    ranges_left_ -= set->second.ports.size();
    ranges.insert(ranges.end(), set->second.ports.begin(), set->second.ports.end());
  }
  return PortSet::of(std::move(ranges));
}

Entry EosPolicies::entry(Rule& rule) {
  Entry e;
  e.line = e.line_last = rule.line;
  e.text = LineLedger::bounded(draft_.source().line(rule.line));
  e.action = rule.drops ? Action::deny : Action::permit;
  // Some statement of the rule is not known: it may match less than the others say, or do something else.
  if (!rule.undecided.empty()) {
    router::make_unknown(e, rule.family, rule.undecided);
    return e;
  }
  bool sources_known = true, destinations_known = true;
  const AddressSet sources = addresses(rule.source, rule, sources_known);
  const AddressSet destinations = addresses(rule.destination, rule, destinations_known);
  if (rule.services.empty()) rule.services.emplace_back();
  const std::size_t ranges = (sources.ranges().size() + destinations.ranges().size()) * rule.services.size();
  if (ranges > ranges_left_) {
    router::make_unknown(e, rule.family, "its field-sets, written out, are more than is kept of one configuration");
    return e;
  }
  ranges_left_ -= ranges;
  bool complete = true;
  std::vector<Match> certain, possible;
  for (const Service& s : rule.services) {
    Match m;
    m.box.family = rule.family;
    m.box.sources = sources, m.box.destinations = destinations;
    m.box.protocols = s.object.protocols;
    bool ports_known = true;
    m.box.ports = ports_of(s.ports, s.object.ports, rule, ports_known);
    m.box.source_ports = ports_of(s.source_ports, s.object.source_ports, rule, ports_known);
    m.box.icmp = s.object.icmp;
    if (s.flags) m.box.flags = *s.flags;
    if (rule.fragments)
      m.box.fragments = kLaterFragments;
    else if (m.box.ports != PortSet::all() || m.box.source_ports != PortSet::all() || s.flags ||
             m.box.icmp != IcmpSet::all())
      m.box.fragments = {Fragment::whole, Fragment::first};
    Match wide = m;
    if (!sources_known) wide.box.sources = AddressSet::all();
    if (!destinations_known) wide.box.destinations = AddressSet::all();
    if (!ports_known) wide.box.ports = wide.box.source_ports = PortSet::all();
    complete = complete && sources_known && destinations_known && ports_known;
    certain.push_back(std::move(m));
    possible.push_back(std::move(wide));
  }
  e.match = std::move(certain);
  if (!complete) e.maybe = std::move(possible), e.undecided = rule.undecided;
  return e;
}

ListIndex EosPolicies::list(const std::string& name, std::uint32_t line) {
  if (const auto known = lists_.find(name); known != lists_.end()) return known->second;
  List list;
  list.name = fmt::format("traffic-policy {}", name);
  list.line = line;
  list.at_end = Fallthrough::permit;
  const auto policy = policies_.find(name);
  if (policy == policies_.end()) {
    list.defined = false;
    draft_.warn(line, fmt::format("traffic-policy {} is applied and not defined: it permits everything", name));
  } else {
    // The rules for everything of a family come last, wherever they are written.
    const auto is_last = [](const Rule& r) { return r.name == "ipv4-all-default" || r.name == "ipv6-all-default"; };
    for (const bool last : {false, true})
      for (Rule& rule : policy->second)
        if (is_last(rule) == last) list.entries.push_back(entry(rule));
    if (!policy->second.empty()) list.line = policy->second.front().line;
  }
  return lists_[name] = draft_.add_list(std::move(list));
}

void EosPolicies::finish() {
  for (const Bound& b : bound_) {
    Stage stage;
    stage.lists = {list(b.policy, b.line)};
    stage.name = fmt::format("traffic-policy {} {} on {}", b.policy, b.in ? "input" : "output",
                             draft_.interface(b.interface).name);
    stage.ways = b.in ? Ways{Way::through, Way::to_device} : Ways{Way::through};
    stage.priority = b.in ? 1 : 2;
    stage.line = b.line;
    draft_.add_stage_at(std::move(stage), b.interface, b.in);
  }
  for (const auto& [name, rules] : policies_)  // those that nothing binds are lists all the same
    if (!lists_.contains(name)) list(name, rules.empty() ? 0 : rules.front().line);
}

}  // namespace demarc
