#include "rules/acl/readers/junos_interfaces.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rules/acl/readers/junos_security.h"
#include "rules/acl/readers/junos_values.h"

namespace demarc::junos {

void Interfaces::read() {
  const NodeId interfaces = tree_.find(root(), "interfaces");
  for (const NodeId i : tree_.all_children(interfaces)) {
    if (tree_[i].inactive) continue;
    if (word(i).starts_with("apply-")) continue;
    tree_.mark(i, Understanding::not_filtering);
    if (word(i) == "interface-range") {
      for (const NodeId range : tree_.children(i)) range_units(range);
    } else {
      units_of(i, word(i));
    }
  }
  // Those with filters or zones come first: only so many can be told apart.
  std::set<std::string, std::less<>> zoned;
  for (const NodeId zone : tree_.children(tree_.find(root(), {"security", "zones", "security-zone"})))
    for (const NodeId i : tree_.children(tree_.find(zone, "interfaces"))) zoned.insert(unit_name(word(i)));
  std::stable_partition(units_.begin(), units_.end(),
                        [&](const Unit& u) { return zoned.contains(u.name) || is_filtered(u.node); });
  for (const Unit& u : units_) add_interface(u);
}

void Interfaces::units_of(NodeId i, std::string_view name) {
  for (const NodeId unit : tree_.children(tree_.find(i, "unit")))
    units_.push_back({fmt::format("{}.{}", name, word(unit)), unit, i});
}

void Interfaces::range_units(NodeId range) {
  bool plain = true;
  for (const NodeId m : tree_.children(tree_.find(range, "member"))) {
    if (word(m).find_first_of("*[") == std::string_view::npos)
      units_of(range, word(m));
    else
      plain = false;
  }
  plain = plain && !tree_.has(range, "member-range");
  if (plain || tree_.find(range, "unit") == kNoNode) return;
  not_understood(range, "which interfaces the range holds is not known");
  for (const NodeId unit : tree_.children(tree_.find(range, "unit")))
    if (is_filtered(unit)) unplaced_.push_back(unit);
}

bool Interfaces::is_filtered(NodeId unit) const {
  if (tree_.has(unit, "filter")) return true;
  for (const NodeId f : tree_.children(tree_.find(unit, "family")))
    if (tree_.has(f, "filter") || tree_.has(f, "simple-filter") || tree_.has(f, "policer")) return true;
  return false;
}

void Interfaces::add_interface(const Unit& unit) {
  if (interface_ids_.contains(unit.name)) return;
  Interface i;
  i.name = unit.name;
  i.line = tree_[unit.node].line;
  i.shut = tree_.has(unit.node, "disable") || tree_.has(unit.interface, "disable");
  tree_.mark(unit.node, Understanding::not_filtering);
  for (const FilterFamily& f : filter_families())
    for (const NodeId a : tree_.children(tree_.find(unit.node, {"family", f.name, "address"}))) {
      const auto written = parse_junos_address(word(a));
      if (!written || written->bits) continue;
      i.networks.push_back(written->prefix);
      const std::string_view host = word(a).substr(0, word(a).find('/'));
      if (const std::optional<Address> own = parse_address(host)) i.addresses.push_back(*own);
      tree_.mark(a, Understanding::understood);
    }
  interface_ids_.emplace(unit.name, device_.interfaces.size());
  device_.interfaces.push_back(std::move(i));
}

std::optional<InterfaceId> Interfaces::id(std::string_view name) {
  const auto found = interface_ids_.find(std::string(name));
  std::size_t index = device_.interfaces.size();
  if (found != interface_ids_.end()) {
    index = found->second;
  } else {
    Interface i;  // named, and configured elsewhere
    i.name = std::string(name);
    interface_ids_.emplace(i.name, index);
    device_.interfaces.push_back(std::move(i));
  }
  if (index >= kInterfacesMax) return std::nullopt;
  return static_cast<InterfaceId>(index);
}

std::optional<std::vector<InterfaceId>> Interfaces::like(std::string_view pattern) {
  std::vector<InterfaceId> ids;
  if (pattern.find('*') == std::string_view::npos && pattern.find('.') != std::string_view::npos) {
    const std::optional<InterfaceId> one = id(pattern);
    if (!one) return std::nullopt;
    return std::vector{*one};
  }
  const std::string glob = fmt::format("<{}>", pattern), units = fmt::format("<{}.*>", pattern);
  for (std::size_t i = 0; i < device_.interfaces.size(); ++i) {
    const std::string& name = device_.interfaces[i].name;
    if (!glob_matches(glob, name) && !glob_matches(units, name)) continue;
    if (i >= kInterfacesMax) return std::nullopt;
    ids.push_back(static_cast<InterfaceId>(i));
  }
  return ids;
}

}  // namespace demarc::junos
