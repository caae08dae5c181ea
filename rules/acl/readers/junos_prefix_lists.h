// Prefix lists of Junos, which filters and routing policies name.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "rules/acl/readers/junos_from.h"
#include "rules/acl/readers/junos_parts.h"

namespace demarc::junos {

class PrefixLists : JunosPart {
 public:
  PrefixLists(Tree& tree, Device& device) : JunosPart(tree, device) {}

  void read();
  /// None: not defined.
  PrefixList* find(std::string_view name) {
    const auto found = lists_.find(name);
    return found == lists_.end() ? nullptr : &found->second;
  }
  /// As objects, with how often they are used; when everything is read.
  void give_to_device();

 private:
  /// Routing policies use prefix lists as well.
  void count_routing_uses(NodeId statements);
  /// `apply-path "protocols bgp group <*> neighbor <*>"`: the words that the last pattern stands for. Configuration
  /// elsewhere holds them, so they are looked up there.
  void apply_path(NodeId node, PrefixList& list);

  static constexpr std::size_t kApplyPathStepsMax = 2'000'000;
  std::map<std::string_view, PrefixList> lists_;
  std::map<std::string_view, std::uint32_t> routing_uses_;
  std::size_t apply_path_steps_ = 0;
};

}  // namespace demarc::junos
