// `iptables -L -n` and `-L -v -n`: a table for people. What it prints is turned into the words that iptables-save
// would print, as far as they can be told; a listing that was made without -v hides interfaces, and is read as if
// it named none.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "rules/acl/readers/iptables_rule.h"

namespace demarc {

/// "Chain FORWARD (policy DROP 0 packets, 0 bytes)", "Chain web (2 references)".
struct ListedChain {
  std::string_view name, policy;
};
std::optional<ListedChain> listed_chain(std::string_view line);

/// " pkts bytes target     prot opt in     out     source               destination".
bool is_listing_header(std::string_view line);

struct ListedRule {
  std::vector<IptablesWord> words = {};
  std::optional<std::uint64_t> packets = {};
  bool hides_interfaces = false;
  std::string unread = {};  // what stands at its end and is not understood
};
std::optional<ListedRule> listed_rule(std::string_view line);

}  // namespace demarc
