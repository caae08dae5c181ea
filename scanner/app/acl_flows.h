// A device and how conversations are led through it: what `acl replay` and `acl suggest` ask both.
#pragma once

#include <memory>
#include <string>

#include "rules/policy/rule_set.h"
#include "rules/verdict/replay.h"
#include "rules/verdict/replay_routes.h"
#include "scanner/app/commands.h"

namespace demarc {

struct RoutedDevice {
  std::shared_ptr<const Device> device;
  std::shared_ptr<const Binding> binding;  // null: no rule set, or it does not declare the device
  std::uint32_t bound = 0;                 // into Binding::devices
  Routing routing;
};

/// By what was said, else by the rule set's paths where it declares the device, else by the networks on its
/// interfaces. The error names the word that the device does not know.
Result<RoutedDevice> route_device(Device device, const RuleSet* rules, const AclRoutes& routes);

/// "198.51.100.7 > 192.0.2.25 (mail1) tcp/25: 3 conversations, 2 used, last seen ... (dmz.pcap 12)"
std::string replayed_flow_words(const ReplayedFlow& flow, const RuleSet* rules);

}  // namespace demarc
