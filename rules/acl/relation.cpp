#include "rules/acl/relation.h"

#include <algorithm>

namespace demarc {

namespace {

Relation both(Relation a, Relation b) { return std::min(a, b); }

template <typename Set>
Relation relation(const Set& match, const Set& asked) {
  const Set common = match.intersect(asked);
  if (common.empty()) return Relation::none;
  return common == asked ? Relation::all : Relation::some;
}
Relation relation(const AddressSet& match, const AddressSet& asked, Family family) {
  if (match == AddressSet::all()) return Relation::all;
  if (asked.ranges().size() == 1 && asked.ranges()[0].first == asked.ranges()[0].last)
    return match.contains(asked.ranges()[0].first) ? Relation::all : Relation::none;
  const AddressSet whole{Prefix::containing(family == Family::ipv4 ? Address{} : Address::ipv6(0, 0), 0)};
  return relation(match, asked.intersect(whole));
}
template <typename E>
Relation relation(const FourSet<E>& match, const FourSet<E>& asked) {
  bool any = false, every = true;
  for (unsigned i = 0; i < 4; ++i) {
    if (!asked.contains(E(i))) continue;
    any = any || match.contains(E(i));
    every = every && match.contains(E(i));
  }
  return !any ? Relation::none : every ? Relation::all : Relation::some;
}

Relation relation(const std::optional<AddressBits>& bits, const AddressSet& asked) {
  if (!bits) return Relation::all;
  if (asked.ranges().size() != 1 || asked.ranges()[0].first != asked.ranges()[0].last) return Relation::some;
  const Address& address = asked.ranges()[0].first;
  const Uint128 width = address.is_ipv4() ? Uint128{0xFFFFFFFF} : ~Uint128{0};
  return address.family() == bits->family && ((address.number() ^ bits->value) & bits->mask & width) == 0
             ? Relation::all
             : Relation::none;
}

}  // namespace

Question::Question(const Box& box) : box_(box) {
  // Of one protocol and one family, every field is either there or not, and each can be compared by itself.
  for (unsigned n = 0; n < 256; ++n) {
    if (!box.protocols.contains(Protocol(static_cast<std::uint8_t>(n)))) continue;
    one_protocol_ = !protocol_;
    if (!one_protocol_) break;
    protocol_ = Protocol(static_cast<std::uint8_t>(n));
  }
  family_ = box.family;
}
Relation Question::operator()(const Match& m) const {
  const Protocol p = *protocol_;
  if (m.box.family && *m.box.family != *family_) return Relation::none;
  if (!m.box.protocols.contains(p)) return Relation::none;
  Relation r = Relation::all;
  const auto meet = [&r](Relation other) { r = both(r, other); };
  const bool ports = p.has_ports();
  if (m.box.ports != PortSet::all()) meet(ports ? relation(m.box.ports, box_.ports) : Relation::none);
  if (m.box.source_ports != PortSet::all())
    meet(ports ? relation(m.box.source_ports, box_.source_ports) : Relation::none);
  if (m.box.icmp != IcmpSet::all())
    meet(p.is_icmp() ? relation(m.box.icmp.numbers(), box_.icmp.numbers()) : Relation::none);
  if (!m.box.flags.is_all()) meet(p == Protocol::tcp ? relation(m.box.flags, box_.flags) : Relation::none);
  if (r == Relation::none) return r;
  meet(relation(m.box.destinations, box_.destinations, *family_));
  meet(relation(m.box.sources, box_.sources, *family_));
  meet(relation(m.source_bits, box_.sources));
  meet(relation(m.destination_bits, box_.destinations));
  meet(relation(m.box.states, box_.states));
  meet(relation(m.box.fragments, box_.fragments));
  meet(relation(m.box.ingress, box_.ingress));
  meet(relation(m.box.egress, box_.egress));
  return r;
}

}  // namespace demarc
