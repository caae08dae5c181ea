// One rule of iptables, from the word behind its chain on.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/acl/readers/ipset.h"
#include "rules/acl/readers/netfilter_model.h"

namespace demarc {

/// A word of a line, quotes and backslashes resolved.
struct IptablesWord {
  std::string text = {};
  std::uint32_t column = 0, length = 0;  // where it stands, from 1
  bool quoted = false;
};
std::vector<IptablesWord> iptables_words(std::string_view line);

struct IptablesRule {
  netfilter::Rule rule = {};
  std::string target = {};              // of -j or -g; empty: the rule decides nothing
  bool goes = false;                    // -g
  std::optional<Refusal> refusal = {};  // --reject-with
  bool notrack = false;
  bool tracks = false;              // it makes the kernel track connections
  std::optional<Family> only = {};  // -4 or -6
  Nat nat = {};                     // where the target translates: to what
};

/// What rules need beside themselves.
struct IptablesAround {
  Family family = Family::ipv4;
  IpSets& sets;
  netfilter::InterfaceNames& interfaces;
  const std::vector<Address>* own_addresses = nullptr;  // none: not known
};

/// An option that is not understood leaves the rule with an open condition, and is told `warn` with its word; the
/// target holds all the same.
IptablesRule read_iptables_rule(
    std::span<const IptablesWord> words, const IptablesAround& around,
    const std::function<void(const IptablesWord&, std::string what, std::string hint)>& warn);

}  // namespace demarc
