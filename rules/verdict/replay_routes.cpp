#include "rules/verdict/replay_routes.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "rules/net/address_intervals.h"

namespace demarc {

namespace {

struct Paths {
  const Binding* binding = nullptr;
  std::map<std::pair<std::uint32_t, std::uint32_t>, ZonePath> known;

  const ZonePath& between(std::uint32_t from, std::uint32_t to) {
    const auto at = known.find({from, to});
    return at != known.end() ? at->second
                             : known.emplace(std::pair(from, to), path_between(*binding, from, to)).first->second;
  }
};

}  // namespace

Routing routing_by_paths(const Binding& binding, std::uint32_t device) {
  const RuleSet& rules = *binding.rules;
  const BoundDevice& bound = binding.devices[device];
  Routing routing = routing_by_networks(*bound.device);
  const auto cut = [&routing](const AddressSet& set) { add_cuts(set, routing.cuts); };
  for (const Zone& zone : rules.zones) cut(zone.addresses);
  for (const BoundDevice& other : binding.devices) {
    cut(other.own);
    for (const AddressSet& network : other.networks) cut(network);
  }
  routing.assumed.assign(
      1, fmt::format("conversations meet {} as the rule set's enforcement.paths say; pairs of zones without a path "
                     "are led by the networks on its interfaces",
                     bound.name));
  const auto paths = std::make_shared<Paths>();
  paths->binding = &binding;
  const auto by_networks = routing.route;
  routing.route = [paths, by_networks, device, &rules](const Address& source, const Address& destination,
                                                       bool reply) {
    const Zone *from = rules.zone_of(source), *to = rules.zone_of(destination);
    if (from == nullptr || to == nullptr) return by_networks(source, destination, reply);
    const ZonePath& path = paths->between(static_cast<std::uint32_t>(from - rules.zones.data()),
                                          static_cast<std::uint32_t>(to - rules.zones.data()));
    if (path.state == ZonePath::State::undeclared) return by_networks(source, destination, reply);
    for (const PacketCrossing& c : crossings_of(path, source, destination))
      if (c.device == device) return ReplayRoute{true, c.way, c.ingress, c.egress};
    return ReplayRoute{.meets = false};
  };
  return routing;
}

}  // namespace demarc
