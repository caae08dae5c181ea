#include "rules/acl/relation.h"

#include "rules/acl/match_fields.h"

namespace demarc {

namespace {

template <typename Set>
Relation relation(const Set& match, const Set& asked) {
  const Set common = match.intersect(asked);
  if (common.empty()) return Relation::none;
  return common == asked ? Relation::all : Relation::some;
}
Relation relation(const AddressSet& match, const AddressSet& asked, Family family) {
  if (match == AddressSet::all()) return Relation::all;
  if (const std::optional<Address> one = asked.only()) return match.contains(*one) ? Relation::all : Relation::none;
  const AddressSet whole = AddressSet::all(family);
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

Relation relation(const AddressBits& bits, const AddressSet& asked) {
  const std::optional<Address> one = asked.only();
  if (!one) return Relation::some;
  return has_bits(bits, *one) ? Relation::all : Relation::none;
}

/// A box of one protocol and one family, field by field.
class AskedBox {
 public:
  using Answer = Relation;
  static constexpr Relation kAll = Relation::all;
  AskedBox(const Box& box, Protocol protocol, Family family) : box_(box), protocol_(protocol), family_(family) {}

  Protocol protocol() const { return protocol_; }
  Family family() const { return family_; }
  Relation ports(const PortSet& set) const { return relation(set, box_.ports); }
  Relation source_ports(const PortSet& set) const { return relation(set, box_.source_ports); }
  Relation icmp(const IcmpSet& set) const { return relation(set.numbers(), box_.icmp.numbers()); }
  Relation flags(const ByteSet& set) const { return relation(set, box_.flags); }
  Relation states(const StateSet& set) const { return relation(set, box_.states); }
  Relation fragments(const FragmentSet& set) const { return relation(set, box_.fragments); }
  Relation ingress(const ByteSet& set) const { return relation(set, box_.ingress); }
  Relation egress(const ByteSet& set) const { return relation(set, box_.egress); }
  Relation sources(const AddressSet& set) const { return relation(set, box_.sources, family_); }
  Relation destinations(const AddressSet& set) const { return relation(set, box_.destinations, family_); }
  Relation source_bits(const AddressBits& bits) const { return relation(bits, box_.sources); }
  Relation destination_bits(const AddressBits& bits) const { return relation(bits, box_.destinations); }

 private:
  const Box& box_;
  Protocol protocol_;
  Family family_;
};

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

Relation Question::operator()(const Match& match) const {
  return compare(match, AskedBox(box_, *protocol_, *family_));
}

}  // namespace demarc
