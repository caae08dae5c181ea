// Zones of SRX: the interfaces that policies call by one name.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "rules/acl/readers/junos_parts.h"

namespace demarc::junos {

struct Zone {
  std::string_view name;
  NodeId node = kNoNode;
  std::vector<InterfaceId> interfaces = {};
  bool told_apart = true;  // false: one of its interfaces has no number
};

class Zones : SecurityPart {
 public:
  Zones(Tree& tree, Device& device, const SecurityContext& context) : SecurityPart(tree, device, context) {}

  void read(NodeId zones);
  const Zone* find(std::string_view name) const;
  const std::vector<Zone>& all() const { return zones_; }
  /// Functional zones, which forward nothing.
  const std::vector<Zone>& management() const { return management_; }

 private:
  void add_zone(NodeId node, std::vector<Zone>& into);

  static constexpr std::size_t kZonesMax = 2048;
  std::vector<Zone> zones_, management_;
  std::map<std::string_view, std::size_t> zone_index_;
};

}  // namespace demarc::junos
