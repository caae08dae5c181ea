// Interfaces of Junos: units, those of interface ranges among them, and which of them filters and zones can tell
// apart.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/junos_parts.h"

namespace demarc::junos {

class Interfaces : JunosPart {
 public:
  Interfaces(Tree& tree, Device& device) : JunosPart(tree, device) {}

  struct Unit {
    std::string name;
    NodeId node = kNoNode;       // the unit
    NodeId interface = kNoNode;  // the interface; the unit may be one of a range
  };

  void read();
  const std::vector<Unit>& units() const { return units_; }
  /// Filtered units of ranges whose interfaces are not known.
  const std::vector<NodeId>& unplaced() const { return unplaced_; }
  /// Makes one that is named and configured elsewhere. None: there are more than can be told apart.
  std::optional<InterfaceId> id(std::string_view name);
  /// Interfaces that a pattern means: "ge-0/0/0.0", "ge-*", "ge-0/0/0" (all of its units).
  std::optional<std::vector<InterfaceId>> like(std::string_view pattern);

 private:
  void units_of(NodeId i, std::string_view name);
  /// `interface-range R { member ge-0/0/1; unit 0 { ... } }`.
  void range_units(NodeId range);
  bool is_filtered(NodeId unit) const;
  void add_interface(const Unit& unit);

  std::vector<Unit> units_;
  std::vector<NodeId> unplaced_;
  std::map<std::string, std::size_t> interface_ids_;
};

}  // namespace demarc::junos
