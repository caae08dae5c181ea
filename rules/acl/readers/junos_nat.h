// Address translation of SRX: rule sets for sources, destinations, and static ones.
#pragma once

#include <string_view>

#include "rules/acl/readers/junos_books.h"

namespace demarc::junos {

class Translations : SecurityPart {
 public:
  Translations(Tree& tree, Device& device, const SecurityContext& context, const Zones& zones, AddressBooks& books)
      : SecurityPart(tree, device, context), zones_(zones), books_(books) {}

  void read(NodeId nat);

 private:
  /// Between which interfaces; false: not known.
  bool ends(NodeId node, ByteSet& ids);
  void nat_rule(NodeId rule, std::string_view kind, NodeId of_kind, const Box& around);
  void translate(NodeId then, NodeId of_kind, std::string_view kind, Nat& nat);

  const Zones& zones_;
  AddressBooks& books_;
};

}  // namespace demarc::junos
