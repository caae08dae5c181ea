// What the parts of a Junos configuration share: the tree, the device that comes of it, the families of filters,
// and the objects that the configuration defines, with how often they are used.
#pragma once

#include <map>
#include <optional>
#include <span>
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

class JunosPart {
 protected:
  JunosPart(Tree& tree, Device& device) : tree_(tree), device_(device) {}

  static constexpr NodeId root() { return Tree::root(); }
  std::string_view word(NodeId id) const { return tree_[id].word; }
  void not_understood(NodeId node, std::string why, std::string hint = {});
  ListIndex add_list(std::string name, std::uint32_t line, Fallthrough at_end);
  /// A list that may do anything to packets of the family.
  ListIndex unknown_list(std::string name, std::uint32_t line, std::optional<Family> family);
  /// An entry that may match anything and do anything: of a group that is not applied.
  static Entry anything(std::optional<Family> family);

  Tree& tree_;
  Device& device_;
};

class SecurityPart : protected JunosPart {
 protected:
  SecurityPart(Tree& tree, Device& device, const SecurityContext& context)
      : JunosPart(tree, device), context_(context) {}

  /// The same for a statement that is not known.
  void add_unknown(ListIndex list, NodeId node);

  const SecurityContext& context_;
};

/// The families whose filters are about packets that a packet set can say.
struct FilterFamily {
  std::string_view name;
  std::optional<Family> family;
};
std::span<const FilterFamily> filter_families();
const FilterFamily* filter_family(std::string_view name);

/// How deep sets may lie in each other.
inline constexpr unsigned kSetDepthMax = 64;

}  // namespace demarc::junos
