#include "rules/policy/coverage.h"

#include <algorithm>
#include <map>

#include "rules/policy/catalogue.h"

namespace demarc {

namespace {

struct ByValue {
  bool operator()(const AddressSet* a, const AddressSet* b) const { return *a < *b; }
};

void tidy(std::vector<IcmpType>& types) {
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
}

}  // namespace

CoverageMap::CoverageMap(const RuleSet& rules) : rules_(&rules), coverage_(rules.coverage) {
  if (!coverage_.given) {
    coverage_.tcp = PortCoverage{};
    coverage_.tcp.approved = coverage_.tcp.forbidden = coverage_.tcp.catalogue = true;
    coverage_.udp = coverage_.icmp = PortCoverage{};
  }
  // Many rules share a destination: group them, so that an address meets each group once.
  auto group = [&](std::vector<Named>& list, auto each) {
    std::map<const AddressSet*, std::size_t, ByValue> groups;
    each([&](const std::vector<std::uint32_t>& services, const AddressSet& to) {
      auto [at, fresh] = groups.emplace(&to, list.size());
      if (fresh) {
        list.emplace_back();
        list.back().to = &to;
      }
      Named& named = list[at->second];
      for (std::uint32_t index : services) {
        const Service& s = rules_->services.at(index);
        if (s.all) {
          named.tcp = named.udp = PortSet::all();
          named.icmp.push_back({8, std::uint8_t{0}});
          named.icmpv6.push_back({128, std::uint8_t{0}});
          continue;
        }
        named.tcp = named.tcp.unite(s.tcp).unite(s.related_tcp);
        named.named_udp = named.named_udp.unite(s.udp).unite(s.related_udp);
        named.udp = named.udp.unite(named.named_udp);
        named.icmp.insert(named.icmp.end(), s.icmp.begin(), s.icmp.end());
        named.icmpv6.insert(named.icmpv6.end(), s.icmpv6.begin(), s.icmpv6.end());
        tidy(named.icmp);
        tidy(named.icmpv6);
      }
    });
  };
  group(approved_, [&](auto add) {
    for (const Rule& rule : rules.rules) add(rule.services, rule.to.addresses);
    for (const Exception& x : rules.exceptions) add(x.rule.services, x.rule.to.addresses);
  });
  group(forbidden_, [&](auto add) {
    for (const ForbiddenEntry& f : rules.forbidden) add(f.services, f.to.addresses);
  });
  auto cut = [&](const Address& first, const Address& last) {
    cuts_.push_back(first);
    if (last.is_ipv4()) {
      cuts_.push_back(last.number() == 0xFFFFFFFF ? Address::ipv6(0, 0)
                                                  : Address::of(Family::ipv4, last.number() + 1));
    } else if (last.number() != ~Uint128{0}) {
      cuts_.push_back(Address::of(Family::ipv6, last.number() + 1));
    }
  };
  cut(Address::ipv4(0), Address::ipv4(0xFFFFFFFF));
  for (const std::vector<Named>* list : {&approved_, &forbidden_})
    for (const Named& named : *list)
      for (const AddressRange& r : named.to->ranges()) cut(r.first, r.last);
  for (const Vip& vip : rules.vips) cut(vip.address, vip.address);
  std::sort(cuts_.begin(), cuts_.end());
  cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
  known_.resize(cuts_.size());
  auto spread = [&](const std::vector<Named>& list, std::vector<std::vector<std::uint32_t>>& at) {
    at.resize(cuts_.size());
    for (std::uint32_t i = 0; i < list.size(); ++i)
      for (const AddressRange& r : list[i].to->ranges())
        for (std::size_t slot = slot_of(r.first), last = slot_of(r.last); slot <= last; ++slot)
          at[slot].push_back(i);
  };
  spread(approved_, approved_at_);
  spread(forbidden_, forbidden_at_);
}

std::size_t CoverageMap::slot_of(const Address& real) const {
  return static_cast<std::size_t>(std::upper_bound(cuts_.begin(), cuts_.end(), real) - cuts_.begin()) - 1;
}

const RequiredPorts& CoverageMap::required(const Address& real) const {
  std::size_t slot = slot_of(real);
  auto& [known, ports] = known_[slot];
  if (!known) {
    ports = make(real, slot);
    known = true;
  }
  return ports;
}

PortSet CoverageMap::approved_tcp(const Address& real) const {
  PortSet out;
  for (const Named& named : approved_)
    if (named.to->contains(real)) out = out.unite(named.tcp);
  return out;
}

PortSet CoverageMap::named_udp(const Address& real) const {
  PortSet out;
  for (const Named& named : approved_)
    if (named.to->contains(real)) out = out.unite(named.named_udp);
  return out;
}

RequiredPorts CoverageMap::make(const Address& real, std::size_t slot) const {
  std::vector<const AddressSet*> behind;  // the members of a virtual server
  for (const Vip& vip : rules_->vips)
    if (vip.address == real) behind.push_back(&vip.members.addresses);
  RequiredPorts out;
  auto add_types = [&](const std::vector<IcmpType>& types) {
    out.icmp.insert(out.icmp.end(), types.begin(), types.end());
  };
  auto add_list = [&](const std::vector<Named>& list, const std::vector<std::uint32_t>& here, bool tcp, bool udp,
                      bool icmp) {
    auto add = [&](const Named& named) {
      if (tcp) out.tcp = out.tcp.unite(named.tcp);
      if (udp) out.udp = out.udp.unite(named.udp);
      if (icmp) add_types(real.is_ipv4() ? named.icmp : named.icmpv6);
    };
    for (std::uint32_t i : here) add(list[i]);
    if (behind.empty()) return;
    for (const Named& named : list)
      if (std::any_of(behind.begin(), behind.end(),
                      [&](const AddressSet* set) { return set->overlaps(*named.to); }))
        add(named);
  };
  add_list(approved_, approved_at_[slot], coverage_.tcp.approved, coverage_.udp.approved, coverage_.icmp.approved);
  add_list(forbidden_, forbidden_at_[slot], coverage_.tcp.forbidden, coverage_.udp.forbidden,
           coverage_.icmp.forbidden);
  auto finish = [&](const PortCoverage& coverage, Protocol protocol, PortSet& ports) {
    if (coverage.catalogue) ports = ports.unite(catalogue_ports(protocol));
    ports = ports.unite(coverage.ports);
    if (coverage.all) ports = PortSet::all();
    ports = coverage.none ? PortSet() : ports.intersect(PortSet::probeable());
  };
  finish(coverage_.tcp, Protocol::tcp, out.tcp);
  finish(coverage_.udp, Protocol::udp, out.udp);
  if (coverage_.icmp.all) add_types({{static_cast<std::uint8_t>(real.is_ipv4() ? 8 : 128), std::uint8_t{0}}});
  if (coverage_.icmp.none) out.icmp.clear();
  tidy(out.icmp);
  return out;
}

}  // namespace demarc
