// Applications of SRX: names that policies use for protocols, ports and ICMP messages, written or predefined.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/junos_names.h"
#include "rules/acl/readers/junos_parts.h"

namespace demarc::junos {

/// One way of an application.
struct ServiceWay {
  ProtocolSet protocols = ProtocolSet::all();
  PortSet ports = PortSet::all(), source_ports = PortSet::all();
  IcmpSet icmp = IcmpSet::all();
};
struct NamedServices {
  std::vector<ServiceWay> ways = {};
  std::string incomplete = {};
};

ServiceWay way_of(const Service& service);
Match match_of(const AddressSet& sources, const AddressSet& destinations, const ServiceWay& way);

class Applications : SecurityPart {
 public:
  Applications(Tree& tree, Device& device, const SecurityContext& context, ObjectUses& uses)
      : SecurityPart(tree, device, context), uses_(uses) {}

  void read();
  const NamedServices& services(std::string_view name, unsigned depth = 0);

 private:
  /// `application A { protocol tcp; destination-port 80; }`, or with terms, which may be written on one line.
  NamedServices custom(NodeId node);
  void service_words(NodeId node, NamedServices& out);
  static std::optional<unsigned> icmp_number(std::string_view v, Family family);

  static constexpr std::size_t kWaysMax = 5000;
  ObjectUses& uses_;
  NodeId applications_ = kNoNode;
  std::map<std::string_view, NamedServices> services_;
};

}  // namespace demarc::junos
