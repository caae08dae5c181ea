#include "rules/verdict/paths.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

namespace demarc {

namespace {

ByteSet interfaces_of(const std::vector<Side>& sides) {
  ByteSet all;
  for (const Side& s : sides) all = all.unite(s.interfaces);
  return all;
}

std::vector<Side> only(const std::vector<Side>& sides, const AddressSet& addresses) {
  std::vector<Side> out;
  for (const Side& s : sides) {
    AddressSet common = s.addresses.intersect(addresses);
    if (!common.empty()) out.push_back({std::move(common), s.interfaces, s.by});
  }
  return out;
}

class PathFinder {
 public:
  explicit PathFinder(const Binding& binding) : b_(binding), rules_(*binding.rules), local_(rules_.zones.size()) {
    for (std::uint32_t p = 0; p < rules_.paths.size(); ++p)
      declared_.try_emplace(std::pair(rules_.paths[p].from, rules_.paths[p].to), p);
    for (std::uint32_t d = 0; d < b_.devices.size(); ++d) {
      if (b_.devices[d].own.empty()) continue;
      for (std::uint32_t z = 0; z < rules_.zones.size(); ++z)
        if (rules_.zones[z].addresses.overlaps(b_.devices[d].own)) local_[z].push_back(d);
    }
  }

  ZonePath find(std::uint32_t from, std::uint32_t to) {
    ZonePath path;
    path.from = from, path.to = to;
    const auto [declared, reversed] = declaration(from, to);
    path.declared = declared;
    if (declared == nullptr) {
      path.state = from == to ? ZonePath::State::inside : ZonePath::State::undeclared;
    } else {
      path.state = declared->none ? ZonePath::State::isolated : ZonePath::State::declared;
    }
    if (path.state == ZonePath::State::undeclared || path.state == ZonePath::State::isolated) return path;
    std::vector<std::vector<std::uint32_t>> hops;
    if (declared != nullptr) {
      for (const std::vector<std::string>& via : declared->via) {
        std::vector<std::uint32_t>& hop = hops.emplace_back();
        for (const std::string& name : via)
          for (std::uint32_t d = 0; d < b_.devices.size(); ++d)
            if (b_.devices[d].name == name && std::find(hop.begin(), hop.end(), d) == hop.end()) hop.push_back(d);
      }
      if (reversed) std::reverse(hops.begin(), hops.end());
    }
    add_hops(path, hops);
    return path;
  }

 private:
  /// What is declared for exactly this direction, else for the other one.
  std::pair<const Path*, bool> declaration(std::uint32_t from, std::uint32_t to) const {
    const std::string &a = rules_.zones[from].name, &b = rules_.zones[to].name;
    if (auto at = declared_.find({a, b}); at != declared_.end()) return {&rules_.paths[at->second], false};
    if (auto at = declared_.find({b, a}); at != declared_.end()) return {&rules_.paths[at->second], true};
    return {nullptr, false};
  }

  void add_hops(ZonePath& path, const std::vector<std::vector<std::uint32_t>>& hops) {
    const Zone &from = rules_.zones[path.from], &to = rules_.zones[path.to];
    std::vector<AddressSet> own;  // of each hop's devices
    for (const std::vector<std::uint32_t>& hop : hops) {
      AddressSet all;
      for (const std::uint32_t d : hop) all = all.unite(b_.devices[d].own);
      own.push_back(std::move(all));
    }
    const auto named = [&](std::uint32_t d) {
      return std::any_of(hops.begin(), hops.end(),
                         [d](const auto& hop) { return std::find(hop.begin(), hop.end(), d) != hop.end(); });
    };
    for (const std::uint32_t d : local_[path.from])
      if (!named(d)) add_local(path, d, Way::from_device);
    // What a hop's own addresses send begins there, what is meant for them ends there.
    std::vector<AddressSet> sent_behind(hops.size() + 1);
    for (std::size_t h = hops.size(); h-- > 0;) sent_behind[h] = sent_behind[h + 1].unite(own[h]);
    AddressSet ended;
    for (std::size_t h = 0; h < hops.size(); ++h) {
      const AddressSet sources = from.addresses.minus(sent_behind[h + 1]);
      const AddressSet destinations = to.addresses.minus(ended);
      Hop& hop = path.hops.emplace_back();
      for (const std::uint32_t d : hops[h])
        hop.alternatives.push_back(alternative(d, path, sources, destinations, own[h],
                                               h == 0 ? nullptr : &hops[h - 1],
                                               h + 1 == hops.size() ? nullptr : &hops[h + 1]));
      ended = ended.unite(own[h]);
    }
    for (const std::uint32_t d : local_[path.to])
      if (!named(d)) add_local(path, d, Way::to_device);
  }

  Alternative alternative(std::uint32_t index, const ZonePath& path, const AddressSet& sources,
                          const AddressSet& destinations, const AddressSet& own_of_hop,
                          const std::vector<std::uint32_t>* before, const std::vector<std::uint32_t>* behind) {
    const BoundDevice& device = b_.devices[index];
    Alternative out;
    out.device = index;
    std::vector<Side> ingress = known(index, path.from, sources, before);
    std::vector<Side> egress = known(index, path.to, destinations, behind);
    const ByteSet in = interfaces_of(ingress), away = interfaces_of(egress);
    if (ingress.empty()) ingress = remaining(device, path.from, sources, away);
    if (egress.empty()) egress = remaining(device, path.to, destinations, in);
    const auto add = [&out](Way way, const AddressSet& s, const AddressSet& d, std::vector<Side> i,
                            std::vector<Side> e) {
      if (s.empty() || d.empty()) return;
      out.crossings.push_back({way, s, d, std::move(i), std::move(e)});
    };
    const AddressSet others = sources.minus(own_of_hop), onward = destinations.minus(own_of_hop);
    const AddressSet to_it = destinations.intersect(device.own), by_it = sources.intersect(device.own);
    const AddressSet not_to_it = destinations.minus(device.own);
    add(Way::through, others, onward, only(ingress, others), only(egress, onward));
    add(Way::to_device, others, to_it, only(ingress, others), {});
    add(Way::from_device, by_it, not_to_it, {}, only(egress, not_to_it));
    return out;
  }

  /// A device that stands on no hop, where its own addresses are asked or ask.
  void add_local(ZonePath& path, std::uint32_t index, Way way) {
    const BoundDevice& device = b_.devices[index];
    const AddressSet &from = rules_.zones[path.from].addresses, &to = rules_.zones[path.to].addresses;
    const bool sends = way == Way::from_device;
    Crossing crossing;
    crossing.way = way;
    crossing.sources = sends ? from.intersect(device.own) : from.minus(device.own);
    crossing.destinations = sends ? to.minus(device.own) : to.intersect(device.own);
    if (crossing.sources.empty() || crossing.destinations.empty()) return;
    // It stands in one of the two zones and may have an interface in the other.
    ByteSet at = interfaces_of(known(index, path.from, from, nullptr));
    at = at.unite(interfaces_of(known(index, path.to, to, nullptr)));
    const Leads by = at.empty() ? Leads::remaining : Leads::attached;
    if (at.empty()) at = device.usable;
    (sends ? crossing.egress : crossing.ingress) = {{sends ? crossing.destinations : crossing.sources, at, by}};
    Hop& hop = path.hops.emplace_back();
    hop.local = true;
    hop.alternatives.push_back({index, {std::move(crossing)}});
  }

  /// What is declared, shared with the neighbouring hop, or attached; empty: nothing tells.
  std::vector<Side> known(std::uint32_t index, std::uint32_t zone, const AddressSet& addresses,
                          const std::vector<std::uint32_t>* neighbours) {
    const BoundDevice& device = b_.devices[index];
    if (device.device == nullptr || addresses.empty()) return {};
    ByteSet declared;
    for (std::size_t i = 0; i < device.declared_zones.size(); ++i)
      if (device.declared_zones[i] && leads_to(device, i, zone)) declared.insert(static_cast<InterfaceId>(i));
    if (!declared.empty()) return spread(device, zone, addresses, declared, Leads::declared);
    if (neighbours != nullptr) {
      ByteSet shared;
      for (const std::uint32_t n : *neighbours) shared = shared.unite(shared_with(index, n));
      for (std::size_t i = 0; i < device.declared_zones.size(); ++i)
        if (!leads_to(device, i, zone)) shared = shared.minus(ByteSet{static_cast<InterfaceId>(i)});
      if (!shared.empty()) return {{addresses, shared, Leads::neighbour}};
      return {};
    }
    ByteSet attached;
    for (std::size_t i = 0; i < device.networks.size(); ++i)
      if (leads_to(device, i, zone) && is_attached(device.networks[i], zone))
        attached.insert(static_cast<InterfaceId>(i));
    if (attached.empty()) return {};
    return spread(device, zone, addresses, attached, Leads::attached);
  }

  /// The zones declared for an interface are all that lie behind it.
  static bool leads_to(const BoundDevice& device, std::size_t interface, std::uint32_t zone) {
    const auto& zones = device.declared_zones[interface];
    return !zones || std::find(zones->begin(), zones->end(), zone) != zones->end();
  }

  /// A network of one address (a loopback interface) leads nowhere.
  static bool leads_on(const AddressSet& network) {
    return std::any_of(network.ranges().begin(), network.ranges().end(),
                       [](const AddressRange& r) { return r.first != r.last; });
  }

  bool is_attached(const AddressSet& network, std::uint32_t zone) const {
    if (!leads_on(network) || !network.overlaps(rules_.zones[zone].addresses)) return false;
    if (!rules_.zones[zone].any) return true;
    // The rest of a network that a named zone lies in is not the internet.
    return std::none_of(rules_.zones.begin(), rules_.zones.end(),
                        [&](const Zone& z) { return !z.any && network.overlaps(z.addresses); });
  }

  /// Addresses of a network on one of the interfaces use it; the rest any of them.
  std::vector<Side> spread(const BoundDevice& device, std::uint32_t zone, const AddressSet& addresses,
                           const ByteSet& interfaces, Leads by) const {
    if (interfaces.size() == 1) return {{addresses, interfaces, by}};
    std::vector<Side> out;
    AddressSet rest = addresses;
    for (std::size_t i = 0; i < device.networks.size(); ++i) {
      if (!interfaces.contains(static_cast<InterfaceId>(i))) continue;
      AddressSet on = device.networks[i].intersect(rules_.zones[zone].addresses).intersect(rest);
      if (on.empty()) continue;
      rest = rest.minus(on);
      out.push_back({std::move(on), ByteSet{static_cast<InterfaceId>(i)}, by});
    }
    if (!rest.empty()) out.push_back({std::move(rest), interfaces, by});
    return out;
  }

  std::vector<Side> remaining(const BoundDevice& device, std::uint32_t zone, const AddressSet& addresses,
                              const ByteSet& elsewhere) const {
    ByteSet candidates = device.usable.minus(elsewhere);
    for (std::size_t i = 0; i < device.declared_zones.size(); ++i)
      if (!leads_to(device, i, zone)) candidates = candidates.minus(ByteSet{static_cast<InterfaceId>(i)});
    // Where the configuration shows addresses, a port without any forwards nothing, unless a list stands on it.
    ByteSet in_use;
    for (std::size_t i = 0; i < device.networks.size(); ++i)
      if (leads_on(device.networks[i])) in_use.insert(static_cast<InterfaceId>(i));
    if (device.device != nullptr && !device.usable.is_all()) {
      for (const Stage& s : device.device->stages) {
        for (const InterfaceId i : s.ingress) in_use.insert(i);
        for (const InterfaceId i : s.egress) in_use.insert(i);
      }
      if (const ByteSet better = candidates.intersect(in_use); !better.empty()) candidates = better;
    }
    if (candidates.empty()) candidates = device.usable;  // one interface for both directions
    return {{addresses, candidates, Leads::remaining}};
  }

  /// The interfaces of a that share a network with b.
  const ByteSet& shared_with(std::uint32_t a, std::uint32_t b) {
    auto [at, fresh] = shared_.try_emplace({a, b});
    if (!fresh || a == b) return at->second;
    AddressSet there;
    for (const AddressSet& network : b_.devices[b].networks) there = there.unite(network);
    for (std::size_t i = 0; i < b_.devices[a].networks.size(); ++i)
      if (b_.devices[a].networks[i].overlaps(there)) at->second.insert(static_cast<InterfaceId>(i));
    return at->second;
  }

  const Binding& b_;
  const RuleSet& rules_;
  std::vector<std::vector<std::uint32_t>> local_;  // by zone: the devices with an own address in it
  std::map<std::pair<std::string, std::string>, std::uint32_t> declared_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, ByteSet> shared_;
};

const Side* side_of(const std::vector<Side>& sides, const Address& address) {
  const auto found =
      std::find_if(sides.begin(), sides.end(), [&](const Side& s) { return s.addresses.contains(address); });
  return found == sides.end() ? nullptr : &*found;
}

}  // namespace

ZonePath path_between(const Binding& binding, std::uint32_t from, std::uint32_t to) {
  return PathFinder(binding).find(from, to);
}

std::vector<ZonePath> all_paths(const Binding& binding) {
  PathFinder finder(binding);
  const auto zones = static_cast<std::uint32_t>(binding.rules->zones.size());
  std::vector<ZonePath> out;
  for (std::uint32_t from = 0; from < zones; ++from) {
    for (std::uint32_t to = 0; to < zones; ++to) {
      ZonePath path = finder.find(from, to);
      if (path.declared != nullptr || path.is_judged()) out.push_back(std::move(path));
    }
  }
  return out;
}

std::vector<PacketCrossing> crossings_of(const ZonePath& path, const Address& source, const Address& destination) {
  std::vector<PacketCrossing> out;
  for (std::uint32_t h = 0; h < path.hops.size(); ++h) {
    for (const Alternative& a : path.hops[h].alternatives) {
      for (const Crossing& c : a.crossings) {
        if (!c.sources.contains(source) || !c.destinations.contains(destination)) continue;
        PacketCrossing& crossing = out.emplace_back();
        crossing.hop = h, crossing.device = a.device, crossing.way = c.way;
        if (const Side* side = side_of(c.ingress, source)) crossing.ingress = side->interfaces;
        if (const Side* side = side_of(c.egress, destination)) crossing.egress = side->interfaces;
      }
    }
  }
  return out;
}

std::string describe(const Binding& binding, const ZonePath& path) {
  const std::string pair =
      fmt::format("{} to {}", binding.rules->zones[path.from].name, binding.rules->zones[path.to].name);
  std::vector<std::string> hops;
  for (const Hop& hop : path.hops) {
    if (hop.local) continue;
    std::vector<std::string_view> names;
    for (const Alternative& a : hop.alternatives) names.push_back(binding.devices[a.device].name);
    hops.push_back(fmt::format("{}", fmt::join(names, " or ")));
  }
  switch (path.state) {
    case ZonePath::State::isolated: return pair + ": isolated by design";
    case ZonePath::State::undeclared: return pair + ": no path is declared";
    case ZonePath::State::inside: return pair + ": inside the zone";
    case ZonePath::State::declared: break;
  }
  return hops.empty() ? pair : fmt::format("{} by {}", pair, fmt::join(hops, ", then "));
}

}  // namespace demarc
