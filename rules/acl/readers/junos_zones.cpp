#include "rules/acl/readers/junos_zones.h"

#include <fmt/format.h>

namespace demarc::junos {

void Zones::read(NodeId zones) {
  if (zones == kNoNode) return;
  tree_.mark(zones, Understanding::understood);
  for (const NodeId c : tree_.children(zones))
    if (word(c) != "security-zone" && word(c) != "functional-zone" && !word(c).starts_with("apply-"))
      not_understood(c, fmt::format("'{}' is not known in zones", word(c)));
  for (const NodeId z : tree_.children(tree_.find(zones, "security-zone"))) {
    if (zones_.size() == kZonesMax) {
      not_understood(z, "more zones than any device has: the rest is not read");
      Stage stage;
      stage.name = "zones that are not read";
      stage.lists = {add_list(stage.name, tree_[z].line, Fallthrough::permit)};
      add_unknown(stage.lists[0], z);
      context_.add_stage(std::move(stage), true);
      break;
    }
    zone_index_.emplace(word(z), zones_.size());
    add_zone(z, zones_);
  }
  if (const NodeId management = tree_.find(zones, {"functional-zone", "management"}); management != kNoNode)
    add_zone(management, management_);
  if (const NodeId f = tree_.find(zones, "functional-zone"); f != kNoNode) tree_.mark(f, Understanding::understood);
}

void Zones::add_zone(NodeId node, std::vector<Zone>& into) {
  Zone zone{word(node), node};
  tree_.mark(node, Understanding::understood);
  for (const NodeId i : tree_.children(tree_.find(node, "interfaces"))) {
    if (word(i).starts_with("apply-")) continue;
    const std::optional<InterfaceId> id = context_.interface(unit_name(word(i)));
    if (!id) {
      zone.told_apart = false;
      continue;
    }
    zone.interfaces.push_back(*id);
    device_.interfaces[*id].nameif = std::string(zone.name);
  }
  if (const NodeId screen = tree_.find(node, "screen"); screen != kNoNode)
    tree_.mark(screen, Understanding::in_part, "a screen drops floods and malformed packets");
  into.push_back(std::move(zone));
}

const Zone* Zones::find(std::string_view name) const {
  const auto found = zone_index_.find(name);
  return found == zone_index_.end() ? nullptr : &zones_[found->second];
}

}  // namespace demarc::junos
