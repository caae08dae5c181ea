// Named groups of addresses, services and ports, and groups in groups. They may be written behind what names them,
// in any order and any depth, so they are resolved in one go after all are read: members first, each group once.
//
// A hostile text can make groups whose written-out size is the square of its length (each group holding the one
// before it and an address more). What is written out in one configuration is bounded; a group beyond the bound is
// incomplete, and entries that name it say so.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/address_set.h"
#include "rules/space/box.h"

namespace demarc::router {

struct NetworkGroup {
  AddressSet addresses = {};
  bool complete = true;  // false: a member could not be read, is not defined, or did not fit
};
struct ServiceObject {
  ProtocolSet protocols = ProtocolSet::all();
  PortSet ports = PortSet::all(), source_ports = PortSet::all();
  IcmpSet icmp = IcmpSet::all();
};
struct ServiceGroup {
  std::vector<ServiceObject> members = {};
  bool complete = true;
};
struct PortGroup {
  PortSet ports = {};
  bool complete = true;
};

/// Why what a group holds is not all of it, or not known; empty: it is all there.
template <typename Group>
std::string why_incomplete(const Group* known, std::string_view name) {
  if (known == nullptr) return fmt::format("object-group {} is not defined", name);
  return known->complete ? std::string() : fmt::format("a member of object-group {} is not known", name);
}

/// All groups that a configuration defines, by kind and name.
class GroupTable {
 public:
  // While reading. A group is there from the first time it is named here.
  void define_network(std::string_view group) { draft(networks_, group); }
  void define_service(std::string_view group) { draft(services_, group); }
  void define_ports(std::string_view group) { draft(ports_, group); }
  void add(std::string_view network, const AddressSet& addresses);
  void add(std::string_view service, ServiceObject object);
  void add(std::string_view ports, const PortSet& set);
  void nest_network(std::string_view group, std::string_view member);
  void nest_service(std::string_view group, std::string_view member);
  void nest_ports(std::string_view group, std::string_view member);
  /// A member of the group could not be read.
  void spoil_network(std::string_view group) { draft(networks_, group).spoilt = true; }
  void spoil_service(std::string_view group) { draft(services_, group).spoilt = true; }
  void spoil_ports(std::string_view group) { draft(ports_, group).spoilt = true; }

  /// Call once, when all are read.
  void resolve();

  // After that. None: not defined.
  const NetworkGroup* network(std::string_view group) const;
  const ServiceGroup* service(std::string_view group) const;
  const PortGroup* ports(std::string_view group) const;

 private:
  template <typename Own>
  struct Draft {
    std::vector<Own> own = {};
    std::vector<std::string> members = {};
    bool spoilt = false;
  };
  template <typename Own>
  using Drafts = std::map<std::string, Draft<Own>, std::less<>>;

  template <typename Own>
  static Draft<Own>& draft(Drafts<Own>& drafts, std::string_view group) {
    const auto found = drafts.find(group);
    return found != drafts.end() ? found->second : drafts.emplace(std::string(group), Draft<Own>{}).first->second;
  }
  template <typename Own, typename Group, typename Build, typename Flatten>
  static void resolve(Drafts<Own>& drafts, std::map<std::string, Group, std::less<>>& groups,
                      std::size_t written_out_max, Build build, Flatten flatten);

  Drafts<AddressRange> networks_;
  Drafts<ServiceObject> services_;
  Drafts<PortRange> ports_;
  std::map<std::string, NetworkGroup, std::less<>> network_groups_;
  std::map<std::string, ServiceGroup, std::less<>> service_groups_;
  std::map<std::string, PortGroup, std::less<>> port_groups_;
};

}  // namespace demarc::router
