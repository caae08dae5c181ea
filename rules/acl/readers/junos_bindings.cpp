#include "rules/acl/readers/junos_bindings.h"

#include <fmt/format.h>

#include "rules/acl/readers/junos_security.h"

namespace demarc::junos {

void FilterBindings::bind_units() {
  read_instances();
  for (const Interfaces::Unit& unit : interfaces_.units()) bind_unit(unit.node, unit.name);
  for (const NodeId unit : interfaces_.unplaced()) bind_unit(unit, {});
}

void FilterBindings::read_instances() {
  for (const NodeId r : tree_.children(tree_.find(root(), "routing-instances"))) {
    tree_.mark(r, Understanding::not_filtering);
    for (const NodeId i : tree_.children(tree_.find(r, "interface"))) {
      const std::string name = unit_name(word(i));
      instances_[name] = word(r);
      if (name.starts_with("lo0.")) loopbacks_.insert(word(r));
    }
  }
}

std::string_view FilterBindings::instance_of(const std::string& interface) const {
  const auto found = instances_.find(interface);
  return found == instances_.end() ? std::string_view() : found->second;
}

void FilterBindings::bind_unit(NodeId unit, const std::string& name) {
  const auto bind = [&](NodeId filter, std::string_view family) {
    tree_.mark(filter, Understanding::understood);
    for (const NodeId c : tree_.children(filter)) {
      const std::string_view w = word(c);
      const bool in = w.starts_with("input");
      if (w == "input" || w == "output" || w == "input-list" || w == "output-list") {
        std::vector<NodeId> names;
        for (const NodeId n : tree_.children(c)) {
          if (word(n) == "precedence") continue;
          if (word(n) == "filter-name")
            for (const NodeId named : tree_.children(n)) names.push_back(named);
          else
            names.push_back(n);
          if (w == "input" || w == "output") break;  // one; what a group adds comes behind
        }
        if (!names.empty()) place(filter_stage(names, in, family, name, c), can_tell(name));
      } else if (w != "group" && !w.starts_with("apply-groups")) {
        not_understood(c, fmt::format("'{}' is not known at an interface's filter", w));
      }
    }
  };
  if (const NodeId f = tree_.find(unit, "filter"); f != kNoNode) bind(f, "any");
  for (const NodeId family : tree_.children(tree_.find(unit, "family"))) {
    if (const NodeId f = tree_.find(family, "filter"); f != kNoNode) bind(f, word(family));
    for (const std::string_view unread : {"simple-filter", "service", "sampling"})
      if (const NodeId f = tree_.find(family, unread); f != kNoNode && unread != "sampling") {
        not_understood(f, fmt::format("{}: what it drops is not known", unread));
        Stage stage = stage_at(true, name, f);
        stage.name = fmt::format("{} on {}", unread, name);
        stage.lists = {unknown_list(stage.name, tree_[f].line, std::nullopt)};
        place(std::move(stage), !name.empty());
      }
    if (const NodeId p = tree_.find(family, "policer"); p != kNoNode) bind_policer(p, name, word(family));
    if (const NodeId rpf = tree_.find(family, "rpf-check"); rpf != kNoNode)
      tree_.mark(rpf, Understanding::in_part, "it drops what would be routed back another way");
  }
}

Stage FilterBindings::stage_at(bool in, const std::string& name, NodeId node) {
  Stage stage;
  const bool loopback = name.starts_with("lo0.");
  stage.line = tree_[node].line;
  stage.priority = in ? (loopback ? 10 : 0) : (loopback ? 5 : 20);
  if (loopback) {
    stage.ways = in ? Ways{Way::to_device} : Ways{Way::from_device};
    loopback_interfaces(name, stage);
  } else {
    stage.ways = in ? Ways{Way::through, Way::to_device} : Ways{Way::through, Way::from_device};
    if (!name.empty())
      if (const std::optional<InterfaceId> id = interfaces_.id(name)) (in ? stage.ingress : stage.egress) = {*id};
  }
  // Translation lies between the filters of the interfaces.
  stage.real_destination = !in;
  stage.real_source = in;
  return stage;
}

void FilterBindings::loopback_interfaces(const std::string& name, Stage& stage) {
  if (loopbacks_.empty()) return;
  const std::string_view mine = instance_of(name);
  for (std::size_t i = 0; i < device_.interfaces.size() && i < kInterfacesMax; ++i) {
    const std::string& other = device_.interfaces[i].name;
    const std::string_view its = instance_of(other);
    const bool seen = mine.empty() ? its.empty() || !loopbacks_.contains(its) : its == mine;
    if (!seen) continue;
    (stage.ways.contains(Way::to_device) ? stage.ingress : stage.egress).push_back(static_cast<InterfaceId>(i));
  }
}

void FilterBindings::place(Stage stage, bool seen) {
  if (!seen) {
    List list;
    list.name = fmt::format("{}, perhaps", stage.name);
    list.line = stage.line;
    list.at_end = Fallthrough::permit;
    for (const ListIndex called : stage.lists) {
      Entry e;
      e.line = e.line_last = stage.line;
      e.text = stage.name;
      e.action = Action::jump;
      e.target = called;
      e.maybe.push_back({});
      e.undecided = "on which interfaces it stands is not known";
      list.entries.push_back(std::move(e));
    }
    stage.ingress.clear();
    stage.egress.clear();
    stage.lists = {static_cast<ListIndex>(device_.lists.size())};
    device_.lists.push_back(std::move(list));
  }
  device_.stages.push_back(std::move(stage));
}

bool FilterBindings::can_tell(const std::string& name) {
  return !name.empty() && (name.starts_with("lo0.") || interfaces_.id(name).has_value());
}

Stage FilterBindings::filter_stage(const std::vector<NodeId>& names, bool in, std::string_view family,
                                   const std::string& name, NodeId node) {
  Stage stage = stage_at(in, name, node);
  const FilterFamily* known = filter_family(family);
  if (known != nullptr) stage.family = known->family;
  std::string words;
  for (const NodeId n : names) {
    words += fmt::format("{}{}", words.empty() ? "" : " ", word(n));
    stage.lists.push_back(filters_.applied(n, family, stage.family));
  }
  stage.name = fmt::format("{} {} on {}", words, in ? "in" : "out", name.empty() ? "a range" : name);
  return stage;
}

void FilterBindings::bind_policer(NodeId policer, const std::string& name, std::string_view family) {
  for (const NodeId c : tree_.children(policer)) {
    const bool in = word(c) == "input";
    if (!in && word(c) != "output") continue;
    for (const NodeId p : tree_.children(c)) {
      if (!filters_.may_discard(word(p))) continue;
      Stage stage = stage_at(in, name, c);
      stage.name = fmt::format("policer {} {} on {}", word(p), in ? "in" : "out", name);
      List list;
      list.name = stage.name;
      list.line = stage.line;
      if (const FilterFamily* f = filter_family(family)) list.family = stage.family = f->family;
      list.at_end = Fallthrough::permit;
      stage.lists = {static_cast<ListIndex>(device_.lists.size())};
      device_.lists.push_back(std::move(list));
      Entry all;
      all.match.push_back({});
      all.match[0].box.family = stage.family;
      filters_.add_policer(p, stage.lists[0], all);
      place(std::move(stage), can_tell(name));
    }
  }
}

void FilterBindings::bind_forwarding() {
  forwarding(tree_.find(root(), "forwarding-options"), {});
  for (const NodeId r : tree_.children(tree_.find(root(), "routing-instances")))
    forwarding(tree_.find(r, "forwarding-options"), word(r));
}

void FilterBindings::forwarding(NodeId options, std::string_view instance) {
  for (const NodeId family : tree_.children(tree_.find(options, "family"))) {
    for (const NodeId c : tree_.children(tree_.find(family, "filter"))) {
      if (word(c) != "input" && word(c) != "output") continue;
      tree_.mark(c, Understanding::understood);
      for (const NodeId n : tree_.children(c)) {
        Stage stage = filter_stage({n}, word(c) == "input", word(family), {}, c);
        stage.ways = {Way::through};
        stage.priority = 1;
        stage.real_source = stage.real_destination = true;
        stage.name =
            fmt::format("{} at the forwarding table{}{}", word(n), instance.empty() ? "" : " of ", instance);
        for (std::size_t i = 0; !instances_.empty() && i < device_.interfaces.size() && i < kInterfacesMax; ++i)
          if (instance_of(device_.interfaces[i].name) == instance)
            stage.ingress.push_back(static_cast<InterfaceId>(i));
        if (!instances_.empty() && stage.ingress.empty()) break;  // nothing comes in there
        device_.stages.push_back(std::move(stage));
        break;
      }
    }
  }
}

}  // namespace demarc::junos
