// The `from` of a firewall filter's term: what it matches.
//
// Conditions of different kinds must all hold; the values of one kind are alternatives. What is peculiar to Junos
// (Firewall Filters User Guide, "Firewall Filter Match Conditions Based on Address Fields" and "... Protocol
// Fields"):
//  - the longest prefix of an address list decides, also among those of prefix lists; `except` makes it no match,
//  and
//    what no prefix holds does not match;
//  - `address`, `prefix-list` and `port` are met by either end;
//  - nothing is implied: a port, an ICMP type or a TCP flag is compared at its place in the packet whatever the
//  protocol
//    is. Without `protocol` other protocols' packets may match, so they are undecided;
//  - later fragments have no such fields. Conditions on ports and ICMP messages are taken not to match them;
//  whether
//    a condition on TCP flags does is undecided in IPv4, since nothing looks whether the header is there (Policy
//    Framework Configuration Guide, "Bit-Field Values": the first fragment is not checked for when matching TCP
//    flags, unless `fragment-offset` asks for it).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/readers/junos_tree.h"
#include "rules/acl/readers/junos_values.h"

namespace demarc::junos {

struct PrefixList {
  NodeId node = kNoNode;
  std::vector<Prefix> prefixes = {};
  std::string incomplete = {};  // why its content is not known; empty: it is
  std::uint32_t uses = 0;
};

/// What the conditions of a term may refer to.
struct FilterContext {
  std::optional<Family> family;
  std::function<PrefixList*(std::string_view)> prefix_list;
  /// Interfaces by name or pattern; none if they cannot be told apart.
  std::function<std::optional<std::vector<InterfaceId>>(std::string_view)> interfaces;
  std::function<NodeId(std::string_view)> interface_set;
  /// How many ranges of addresses terms may still hold together: each names whole lists, so a small text could fill
  /// the memory.
  std::uint64_t* ranges_left;
};
inline constexpr std::uint64_t kAddressRangesMax = 10'000'000;

/// Fills match, maybe and undecided. Conditions that are not understood are marked and warned of.
void read_from(Tree& tree, Device& device, NodeId from, const FilterContext& context, Entry& entry);

}  // namespace demarc::junos
