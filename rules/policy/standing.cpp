#include "rules/policy/standing.h"

#include <algorithm>

namespace demarc {

Standing::Standing(const RuleSet& rules, const Vantage& vantage)
    : rules_(&rules), host_(rules.host_of(vantage.address)), own_(vantage.address) {
  for (Family family : {Family::ipv4, Family::ipv6}) {
    std::optional<Address>& source = family == Family::ipv4 ? ipv4_ : ipv6_;
    if (own_.family() == family) {
      source = own_;
      continue;
    }
    if (host_ == nullptr) continue;
    for (const Address& a : host_->all_addresses()) {
      if (a.family() != family) continue;
      const Zone* zone = rules.zone_of(a);
      bool in_zone = zone != nullptr && zone->name == vantage.zone;
      if (in_zone || !source) source = a;
      if (in_zone) break;
    }
  }
}

NotAsked Standing::not_asked(const Address& target) const {
  if (target == own_ || (host_ != nullptr && rules_->host_of(target) == host_)) return NotAsked::own_host;
  std::optional<Address> source = source_for(target.family());
  if (!source) return NotAsked::no_address;
  const Zone* zone = rules_->zone_of(*source);
  if (zone == nullptr || !zone->intra_allowed || zone != rules_->zone_of(target)) return NotAsked::nothing;
  bool one_subnet = std::any_of(zone->cidrs.begin(), zone->cidrs.end(),
                                [&](const Prefix& p) { return p.contains(*source) && p.contains(target); });
  return one_subnet ? NotAsked::own_subnet : NotAsked::nothing;
}

}  // namespace demarc
