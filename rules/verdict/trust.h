// Which zones are the DMZ, and which of two zones is the less trusted: the two questions that decide how bad it is
// that something answers or is used. Both are read off the rule set itself; README.md says how and why.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/policy/rule_set.h"

namespace demarc {

/// A zone by its place in RuleSet::zones. kNoZone: an address that no zone claims.
using ZoneIndex = std::uint32_t;
inline constexpr ZoneIndex kNoZone = 0xFFFFFFFF;

class Trust {
 public:
  explicit Trust(const RuleSet& rules);

  ZoneIndex zone_of(const Address& address) const;
  bool is_any(ZoneIndex zone) const { return zone != kNoZone && any_[zone]; }
  /// A zone that a rule (in force or not) opens to the `any` zone, or in which a host of such a zone has another
  /// card. Without any such rule: the zones that the scope's targets touch.
  bool is_dmz(ZoneIndex zone) const { return zone != kNoZone && dmz_[zone]; }
  /// The DMZ, and what the scope's targets touch: there an address that answers must be documented.
  bool is_watched(ZoneIndex zone) const { return zone != kNoZone && watched_[zone]; }
  /// `from` is the `any` zone or nobody's; or a forbidden entry keeps it out of `to`; or it is the DMZ and `to` is
  /// inside.
  bool less_trusted(ZoneIndex from, ZoneIndex to) const;
  /// Both addresses lie in one subnet of a zone: no filter stands between them.
  bool same_subnet(const Address& a, const Address& b, ZoneIndex zone) const;
  bool intra_allowed(ZoneIndex zone) const { return zone != kNoZone && rules_->zones[zone].intra_allowed; }
  /// The network's own broadcast address (the last of an IPv4 prefix up to /30 of a zone).
  bool is_subnet_broadcast(const Address& address, ZoneIndex zone) const;
  std::string_view name(ZoneIndex zone) const;

 private:
  const RuleSet* rules_;
  std::vector<bool> any_, dmz_, watched_;
  std::vector<bool> kept_out_;  // [from * zones + to]
};

}  // namespace demarc
