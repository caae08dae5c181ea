// What a zone of SRX admits to the device itself: `host-inbound-traffic`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/junos_names.h"
#include "rules/acl/readers/junos_zones.h"

namespace demarc::junos {

class HostInbound : SecurityPart {
 public:
  /// sessions: the list that lets packets of sessions by; none if replies are implied.
  HostInbound(Tree& tree, Device& device, const SecurityContext& context, const Zones& zones, ListIndex sessions)
      : SecurityPart(tree, device, context), zones_(zones), sessions_(sessions) {}

  void read();

 private:
  void inbound_stage(NodeId node, std::string name, std::vector<InterfaceId> ingress, NodeId zone = kNoNode);
  void inbound_entry(NodeId node, std::span<const Service> rows, std::string_view kind, ListIndex list,
                     bool except);

  const Zones& zones_;
  ListIndex sessions_;
};

}  // namespace demarc::junos
