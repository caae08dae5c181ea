// What the parts of SRX's security configuration share: the tree, the device that comes of it, and the objects that
// the configuration defines, with how often they are used.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "rules/acl/readers/junos_security.h"

namespace demarc::junos {

/// Objects by the place where they are defined, their kind and their name.
class ObjectUses {
 public:
  /// The children of `of` that are of that kind.
  void define(const Tree& tree, NodeId of, std::string_view kind);
  void use(NodeId of, std::string_view kind, std::string_view name);
  void give_to(Device& device);

 private:
  std::map<std::tuple<NodeId, std::string_view, std::string_view>, NamedObject> objects_;
};

class SecurityPart {
 protected:
  SecurityPart(Tree& tree, Device& device, const SecurityContext& context)
      : tree_(tree), device_(device), context_(context) {}

  std::string_view word(NodeId id) const { return tree_[id].word; }
  void not_understood(NodeId node, std::string why, std::string hint = {});
  ListIndex add_list(std::string name, std::uint32_t line, Fallthrough at_end);
  /// An entry that may match anything and do anything, for a statement that is not known.
  void add_unknown(ListIndex list, NodeId node);

  Tree& tree_;
  Device& device_;
  const SecurityContext& context_;
};

/// How deep sets may lie in each other.
inline constexpr unsigned kSetDepthMax = 64;

}  // namespace demarc::junos
