// Address books of SRX: names that policies and translations use for addresses.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "rules/acl/readers/junos_zones.h"

namespace demarc::junos {

/// What a name of an address book stands for.
struct NamedAddresses {
  AddressSet known = {};
  std::string incomplete = {};  // why more may belong to it
};
class AddressBooks : SecurityPart {
 public:
  AddressBooks(Tree& tree, Device& device, const SecurityContext& context, ObjectUses& uses)
      : SecurityPart(tree, device, context), uses_(uses) {}

  void read(NodeId books, const Zones& zones);
  /// The name in the book of the zone, then in the global one.
  NamedAddresses addresses(std::string_view zone, std::string_view name);

 private:
  void define(NodeId book);
  bool is_in(NodeId book, std::string_view name) const;
  NamedAddresses in_book(NodeId book, std::string_view name, unsigned depth);
  NamedAddresses one_address(NodeId node);

  ObjectUses& uses_;
  std::map<std::string_view, NodeId> attached_;
  NodeId global_ = kNoNode;
  std::map<std::pair<NodeId, std::string_view>, NamedAddresses> resolved_;
};

}  // namespace demarc::junos
