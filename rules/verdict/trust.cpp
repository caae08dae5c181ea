#include "rules/verdict/trust.h"

#include <algorithm>

namespace demarc {

Trust::Trust(const RuleSet& rules) : rules_(&rules) {
  const std::size_t n = rules.zones.size();
  any_.resize(n);
  dmz_.resize(n);
  watched_.resize(n);
  kept_out_.resize(n * n);
  for (std::size_t z = 0; z < n; ++z) any_[z] = rules.zones[z].any;

  AddressSet outside;
  for (const Zone& zone : rules.zones)
    if (zone.any) outside = outside.unite(zone.addresses);

  // Rules that let the any zone in make a zone a DMZ. Sets are asked by overlap, because a rule may name part of a
  // zone.
  AddressSet opened;
  {
    std::vector<AddressRange> ranges;
    for (const Rule& rule : rules.rules)
      if (rule.from.addresses.overlaps(outside))
        ranges.insert(ranges.end(), rule.to.addresses.ranges().begin(), rule.to.addresses.ranges().end());
    opened = AddressSet::of_ranges(std::move(ranges));
  }
  bool found = false;
  for (std::size_t z = 0; z < n; ++z) {
    if (any_[z] || !rules.zones[z].addresses.overlaps(opened)) continue;
    dmz_[z] = true;
    found = true;
  }
  if (found) {
    const std::vector<bool> front = dmz_;
    for (const Host& host : rules.hosts) {
      bool has_card = false;
      const std::vector<Address> addresses = host.all_addresses();
      for (const Address& a : addresses) {
        const ZoneIndex z = zone_of(a);
        has_card = has_card || (z != kNoZone && front[z] && opened.contains(a));
      }
      if (!has_card) continue;
      for (const Address& a : addresses)
        if (const ZoneIndex z = zone_of(a); z != kNoZone && !any_[z]) dmz_[z] = true;
    }
  }
  for (std::size_t z = 0; z < n; ++z) {
    const bool in_scope = !any_[z] && rules.zones[z].addresses.overlaps(rules.scope.targets.addresses);
    if (!found && in_scope) dmz_[z] = true;
    watched_[z] = dmz_[z] || in_scope;
  }
  for (const ForbiddenEntry& entry : rules.forbidden) {
    for (std::size_t f = 0; f < n; ++f) {
      if (!rules.zones[f].addresses.overlaps(entry.from.addresses)) continue;
      for (std::size_t t = 0; t < n; ++t)
        if (t != f && rules.zones[t].addresses.overlaps(entry.to.addresses)) kept_out_[f * n + t] = true;
    }
  }
}

ZoneIndex Trust::zone_of(const Address& address) const {
  const Zone* zone = rules_->zone_of(address);
  return zone == nullptr ? kNoZone : static_cast<ZoneIndex>(zone - rules_->zones.data());
}

bool Trust::less_trusted(ZoneIndex from, ZoneIndex to) const {
  if (from == to) return false;
  if (from == kNoZone || any_[from]) return true;
  if (to == kNoZone || any_[to]) return false;  // outward is a matter of its own: outbound-undocumented
  return kept_out_[std::size_t{from} * any_.size() + to] || (dmz_[from] && !dmz_[to]);
}

bool Trust::same_subnet(const Address& a, const Address& b, ZoneIndex zone) const {
  if (zone == kNoZone) return false;
  return std::any_of(rules_->zones[zone].cidrs.begin(), rules_->zones[zone].cidrs.end(),
                     [&](const Prefix& p) { return p.contains(a) && p.contains(b); });
}

bool Trust::is_subnet_broadcast(const Address& address, ZoneIndex zone) const {
  if (zone == kNoZone || !address.is_ipv4()) return false;
  return std::any_of(rules_->zones[zone].cidrs.begin(), rules_->zones[zone].cidrs.end(), [&](const Prefix& p) {
    return p.family() == Family::ipv4 && p.length() <= 30 && p.last() == address;
  });
}

std::string_view Trust::name(ZoneIndex zone) const {
  return zone == kNoZone ? std::string_view("unclaimed") : std::string_view(rules_->zones[zone].name);
}

}  // namespace demarc
