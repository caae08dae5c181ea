// With the ports on top of the diagram a slice visits every port; with the addresses on top it is one walk. So the
// set is reduced to addresses, protocol and port, and copied once into a space with the addresses on top. Pairs
// that are treated alike end at the same node, whose ports are listed once. Where the copy would grow too large,
// answers come from the set itself: slower, and the same.
#include "rules/space/port_slices.h"

#include <deque>

#include <boost/unordered/unordered_flat_map.hpp>

namespace demarc {
namespace {

constexpr std::size_t kListsMax = 1'000'000;  // remembered port lists

}  // namespace

struct PortSlices::Prepared {
  explicit Prepared(SpaceLimits limits) : space(VariableOrder::addresses_first, limits) {}
  PacketSet original;
  SliceContext fixed;
  PacketSpace space;
  std::optional<PacketSet> copy;
  boost::unordered_flat_map<Diagram::Edge, std::size_t> list_of;
  std::deque<PortSet> lists;
  PortSet last;
};

PortSlices::PortSlices(const PacketSet& set, const SliceContext& fixed, SpaceLimits copy_limits)
    : prepared_(std::make_unique<Prepared>(copy_limits)) {
  Prepared& p = *prepared_;
  p.original = set;
  p.fixed = fixed;
  try {
    p.copy = p.space.copy_of(set.fix(fixed).forget(
        {Field::ingress, Field::egress, Field::state, Field::fragment, Field::flags, Field::source_port}));
  } catch (const SpaceExhausted&) {
    p.copy.reset();
  }
}

PortSlices::~PortSlices() = default;

bool PortSlices::is_prepared() const { return prepared_->copy.has_value(); }

const PortSet& PortSlices::between(const Address& source, const Address& destination, Protocol protocol) {
  Prepared& p = *prepared_;
  if (!p.copy || source.family() != destination.family()) {
    return p.last = p.original.ports_between(source, destination, protocol, p.fixed);
  }
  const Family family = source.family();
  const Diagram& d = p.space.diagram_;
  BitKey key;
  key.put(p.space.span(Field::source, family), source.number());
  key.put(p.space.span(Field::destination, family), destination.number());
  key.put(p.space.span(Field::protocol, family), protocol.number());
  const FieldSpan port = p.space.span(Field::port_or_icmp, family);
  Diagram::Edge e = p.copy->root(family);
  while (d.level(e) < port.first) e = key.bit(d.level(e)) ? d.high(e) : d.low(e);
  if (auto found = p.list_of.find(e); found != p.list_of.end()) return p.lists[found->second];

  std::vector<PortRange> ranges;
  for_each_range(d, e, port, [&ranges](Range r, Diagram::Edge) {
    ranges.push_back({Port(static_cast<std::uint16_t>(r.first)), Port(static_cast<std::uint16_t>(r.last))});
    return true;
  });
  PortSet ports = PortSet::of(std::move(ranges));
  if (p.lists.size() >= kListsMax) return p.last = std::move(ports);
  p.list_of.emplace(e, p.lists.size());
  return p.lists.emplace_back(std::move(ports));
}

}  // namespace demarc
