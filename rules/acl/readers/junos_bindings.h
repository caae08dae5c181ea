// Where Junos's filters stand: at interfaces and their families, at lo0, at the forwarding table, and what routing
// instances make of that.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/junos_filters.h"

namespace demarc::junos {

class FilterBindings : JunosPart {
 public:
  FilterBindings(Tree& tree, Device& device, Interfaces& interfaces, Filters& filters)
      : JunosPart(tree, device), interfaces_(interfaces), filters_(filters) {}

  void read() {
    bind_units();
    bind_forwarding();
  }
  /// `seen` false: the interfaces cannot be told, so the stage may or may not see a packet.
  void place(Stage stage, bool seen);

 private:
  void bind_units();
  void read_instances();
  std::string_view instance_of(const std::string& interface) const;
  void bind_unit(NodeId unit, const std::string& name);
  Stage stage_at(bool in, const std::string& name, NodeId node);
  /// lo0's unit in a routing instance sees what comes in by the instance's interfaces; lo0.0 all that no other
  /// does.
  void loopback_interfaces(const std::string& name, Stage& stage);
  bool can_tell(const std::string& name);
  Stage filter_stage(const std::vector<NodeId>& names, bool in, std::string_view family, const std::string& name,
                     NodeId node);
  void bind_policer(NodeId policer, const std::string& name, std::string_view family);
  /// `forwarding-options family inet filter input F`, also of a routing instance.
  void bind_forwarding();
  void forwarding(NodeId options, std::string_view instance);

  Interfaces& interfaces_;
  Filters& filters_;
  std::map<std::string, std::string_view> instances_;
  std::set<std::string_view> loopbacks_;  // routing instances with a lo0 of their own
};

}  // namespace demarc::junos
