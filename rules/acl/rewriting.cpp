#include "rules/acl/rewriting.h"

namespace demarc {

namespace {

/// `address` in another network: its own host bits behind that network's prefix.
Address moved(const Address& address, const Prefix& to) {
  const Uint128 host = to.length() == 0 ? ~Uint128{0} : (Uint128{1} << (bits(to.family()) - to.length())) - 1;
  return Address::of(to.family(), (to.base().number() & ~host) | (address.number() & host));
}

}  // namespace

Box Rewriting::image(const Box& packets) const {
  Box out = packets;
  AddressSet& side = end == End::source ? out.sources : out.destinations;
  const std::optional<Address> one = side.only();
  if (network && one && one->family() == network->family())
    side = AddressSet::single(moved(*one, *network));
  else
    side = packets.family ? places().intersect(AddressSet::all(*packets.family)) : places();
  const bool have_ports = !packets.protocols.numbers().intersect(ProtocolSet::with_ports().numbers()).empty();
  if (ports && have_ports) (end == End::source ? out.source_ports : out.ports) = *ports;
  return out;
}

AddressSet Rewriting::places() const {
  return network ? addresses.minus(AddressSet::all(network->family())).unite(AddressSet{*network}) : addresses;
}

/// Rewrites packets with their places in the field's stead: `bare` takes the address from them, of which the host's
/// bits may be kept. Those that have ports are told apart where they get others.
template <typename F>
PacketSet Rewriting::by_ports(const PacketSet& packets, F&& rewrite) const {
  PacketSpace& space = *packets.space();
  const Field address = end == End::source ? Field::source : Field::destination;
  const auto bare = [&](const PacketSet& set) {
    return network ? set.forget_network(address, *network) : set.forget({address});
  };
  Box place;
  (end == End::source ? place.sources : place.destinations) = places();
  if (!ports) return rewrite(packets, space.of(place), bare);
  const PacketSet have_ports = space.of(Box{.protocols = ProtocolSet::with_ports()});
  const PacketSet others = rewrite(packets - have_ports, space.of(place), bare);
  (end == End::source ? place.source_ports : place.ports) = *ports;
  return others | rewrite(packets & have_ports, space.of(place), [&](const PacketSet& set) {
           return bare(set).forget({end == End::source ? Field::source_port : Field::port_or_icmp});
         });
}

PacketSet Rewriting::image(const PacketSet& packets) const {
  return by_ports(packets,
                  [](const PacketSet& some, const PacketSet& place, auto&& bare) { return bare(some) & place; });
}

PacketSet Rewriting::origin(const PacketSet& packets) const {
  return by_ports(packets,
                  [](const PacketSet& some, const PacketSet& place, auto&& bare) { return bare(some & place); });
}

}  // namespace demarc
