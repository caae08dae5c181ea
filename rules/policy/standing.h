// Where a vantage point stands, and what it can be asked about from there. The plan leaves out what it cannot ask,
// and the verdict does not miss it: both look here.
#pragma once

#include <optional>

#include "rules/net/address.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// Why a vantage point does not ask an address.
enum class NotAsked : std::uint8_t {
  nothing,     // it asks
  own_host,    // the vantage point itself, or a card of the same host: no filter lies between
  own_subnet,  // in its own subnet, where the zone says `intra: allowed`
  no_address,  // it has no address of that family
};

/// The rule set must outlive it.
class Standing {
 public:
  Standing(const RuleSet& rules, const Vantage& vantage);
  /// The vantage point's address that a target of this family sees: its own, or another one of the same host, first
  /// one in the vantage point's zone. nullopt: it has none.
  std::optional<Address> source_for(Family family) const { return family == Family::ipv4 ? ipv4_ : ipv6_; }
  NotAsked not_asked(const Address& target) const;

 private:
  const RuleSet* rules_;
  const Host* host_ = nullptr;
  Address own_;
  std::optional<Address> ipv4_, ipv6_;
};

}  // namespace demarc
