// Security policies of SRX: zones, address books, applications, policies between zones and their default, what a
// zone admits to the device itself, and address translation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/junos_tree.h"

namespace demarc::junos {

/// Interfaces named in `security zones`, with the unit that is understood: "ge-0/0/0" is "ge-0/0/0.0".
std::string unit_name(std::string_view interface);

struct SecurityContext {
  /// None: the device has more interfaces than can be told apart.
  std::function<std::optional<InterfaceId>(std::string_view)> interface;
  /// The list sees packets on these interfaces; `seen` false: on which it sees them is not known.
  std::function<void(Stage stage, bool seen)> add_stage;
  /// Stateless filters stand beside: replies must be said by connection state, not for the whole device.
  bool filters_beside = false;
};

/// Whether the configuration makes the device a stateful firewall.
bool has_security(const Tree& tree);
void read_security(Tree& tree, Device& device, const SecurityContext& context);

}  // namespace demarc::junos
