#include "rules/acl/readers/netfilter_match.h"

#include <algorithm>

namespace demarc::netfilter {

namespace {

template <typename E>
FourSet<E> meet_values(const FourSet<E>& a, const FourSet<E>& b) {
  FourSet<E> both;
  for (unsigned i = 0; i < 4; ++i)
    if (a.contains(E(i)) && b.contains(E(i))) both.insert(E(i));
  return both;
}
template <typename E>
FourSet<E> minus_values(const FourSet<E>& a, const FourSet<E>& b) {
  FourSet<E> rest;
  for (unsigned i = 0; i < 4; ++i)
    if (a.contains(E(i)) && !b.contains(E(i))) rest.insert(E(i));
  return rest;
}

// One pair of functions for each kind of set, so that every field can be treated alike. A comparison with
// everything comes first: sets of a hundred thousand ranges stand beside fields that nobody constrains.
bool is_all(const AddressSet& s) {
  static const AddressSet all = AddressSet::all();
  return s == all;
}
bool is_all(const PortSet& s) { return s.ranges().size() == 1 && s.ranges()[0] == PortRange::all(); }
bool is_all(const IcmpSet& s) { return is_all(s.numbers()); }
bool is_all(const ByteSet& s) { return s.is_all(); }
template <typename E>
bool is_all(const FourSet<E>& s) {
  return s == FourSet<E>::all();
}
AddressSet common(const AddressSet& a, const AddressSet& b) { return a.intersect(b); }
PortSet common(const PortSet& a, const PortSet& b) { return a.intersect(b); }
IcmpSet common(const IcmpSet& a, const IcmpSet& b) {
  return IcmpSet::of_numbers(a.numbers().intersect(b.numbers()));
}
ByteSet common(const ByteSet& a, const ByteSet& b) { return a.intersect(b); }
template <typename E>
FourSet<E> common(const FourSet<E>& a, const FourSet<E>& b) {
  return meet_values(a, b);
}
AddressSet rest_of(const AddressSet& a, const AddressSet& b) { return a.minus(b); }
PortSet rest_of(const PortSet& a, const PortSet& b) { return a.minus(b); }
IcmpSet rest_of(const IcmpSet& a, const IcmpSet& b) { return IcmpSet::of_numbers(a.numbers().minus(b.numbers())); }
ByteSet rest_of(const ByteSet& a, const ByteSet& b) { return a.minus(b); }
template <typename E>
FourSet<E> rest_of(const FourSet<E>& a, const FourSet<E>& b) {
  return minus_values(a, b);
}

/// Narrows `into`; false if nothing is left.
template <typename Set>
bool narrow(Set& into, const Set& by) {
  if (is_all(by)) return !into.empty();
  into = is_all(into) ? by : common(into, by);
  return !into.empty();
}

bool narrow(std::optional<AddressBits>& into, const std::optional<AddressBits>& by) {
  if (!by) return true;
  if (!into) {
    into = by;
    return true;
  }
  if (into->family != by->family) return false;
  if (((into->value ^ by->value) & into->mask & by->mask) != 0) return false;
  into->value = (into->value & into->mask) | (by->value & by->mask);
  into->mask |= by->mask;
  return true;
}

/// The protocols whose packets have all the fields that the box names.
ByteSet protocols_of(const Box& box) {
  ByteSet set = box.protocols.numbers();
  if (!is_all(box.ports) || !is_all(box.source_ports)) set = set.intersect(ProtocolSet::with_ports().numbers());
  if (!is_all(box.icmp)) set = set.intersect(ProtocolSet::icmp().numbers());
  if (!is_all(box.flags)) set = set.intersect(ByteSet{Protocol::tcp.number()});
  return set;
}

std::optional<Family> family_of(const Match& m) {
  if (m.box.family) return m.box.family;
  if (m.source_bits) return m.source_bits->family;
  if (m.destination_bits) return m.destination_bits->family;
  return std::nullopt;
}

/// Takes from `rest` what does not have the values of `cut` in one field: that is a piece, what remains has them.
template <typename Set>
void cut(Match& rest, Set Box::*field, const Set& by, Matches& pieces) {
  if (is_all(by)) return;
  Set outside = rest_of(rest.box.*field, by);
  if (!outside.empty()) {
    Match piece = rest;
    piece.box.*field = std::move(outside);
    pieces.push_back(std::move(piece));
  }
  narrow(rest.box.*field, by);
}

/// Addresses that differ in one of the bits that count: one piece a bit, which agrees in those above it.
void cut_bits(Match& rest, std::optional<AddressBits> Match::*field, const std::optional<AddressBits>& by,
              Matches& pieces) {
  if (!by) return;
  Uint128 agreed = 0;
  for (unsigned i = bits(by->family); i-- > 0;) {
    const Uint128 bit = Uint128{1} << i;
    if ((by->mask & bit) == 0) continue;
    AddressBits differs{by->family, (by->value & agreed) | (~by->value & bit), agreed | bit};
    Match piece = rest;
    if (narrow(piece.*field, std::optional(differs))) pieces.push_back(std::move(piece));
    agreed |= bit;
  }
  narrow(rest.*field, by);
}

void subtract_one(const Match& from, const Match& without, Matches& pieces) {
  if (!meet(from, without)) {
    pieces.push_back(from);
    return;
  }
  Match rest = from;
  if (const std::optional<Family> family = family_of(without); family && !rest.box.family) {
    Match other = rest;
    other.box.family = *family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
    if (meet(other, other)) pieces.push_back(std::move(other));
    rest.box.family = *family;
  }
  const ByteSet protocols = protocols_of(without.box);
  if (const ByteSet outside = rest.box.protocols.numbers().minus(protocols); !outside.empty()) {
    Match piece = rest;
    piece.box.protocols = ProtocolSet(outside);
    if (meet(piece, piece)) pieces.push_back(std::move(piece));
  }
  rest.box.protocols = ProtocolSet(rest.box.protocols.numbers().intersect(protocols));
  cut(rest, &Box::ports, without.box.ports, pieces);
  cut(rest, &Box::source_ports, without.box.source_ports, pieces);
  cut(rest, &Box::icmp, without.box.icmp, pieces);
  cut(rest, &Box::flags, without.box.flags, pieces);
  cut(rest, &Box::states, without.box.states, pieces);
  cut(rest, &Box::fragments, without.box.fragments, pieces);
  cut(rest, &Box::ingress, without.box.ingress, pieces);
  cut(rest, &Box::egress, without.box.egress, pieces);
  cut(rest, &Box::destinations, without.box.destinations, pieces);
  cut(rest, &Box::sources, without.box.sources, pieces);
  cut_bits(rest, &Match::source_bits, without.source_bits, pieces);
  cut_bits(rest, &Match::destination_bits, without.destination_bits, pieces);
}

}  // namespace

StateSet meet(const StateSet& a, const StateSet& b) { return meet_values(a, b); }
FragmentSet meet(const FragmentSet& a, const FragmentSet& b) { return meet_values(a, b); }

std::optional<Match> meet(const Match& a, const Match& b) {
  // The cheap fields first: most pairs differ in them.
  if (a.box.family && b.box.family && a.box.family != b.box.family) return std::nullopt;
  const ByteSet protocols = a.box.protocols.numbers().intersect(b.box.protocols.numbers());
  if (protocols.empty()) return std::nullopt;
  Match both = a;
  if (!both.box.family) both.box.family = b.box.family;
  both.box.protocols = ProtocolSet(protocols);
  if (!narrow(both.box.ports, b.box.ports) || !narrow(both.box.source_ports, b.box.source_ports) ||
      !narrow(both.box.icmp, b.box.icmp) || !narrow(both.box.flags, b.box.flags) ||
      !narrow(both.box.states, b.box.states) || !narrow(both.box.fragments, b.box.fragments) ||
      !narrow(both.box.ingress, b.box.ingress) || !narrow(both.box.egress, b.box.egress) ||
      !narrow(both.source_bits, b.source_bits) || !narrow(both.destination_bits, b.destination_bits) ||
      !narrow(both.box.destinations, b.box.destinations) || !narrow(both.box.sources, b.box.sources) ||
      protocols_of(both.box).empty())
    return std::nullopt;
  return both;
}

std::optional<Matches> meet(std::span<const Match> a, std::span<const Match> b) {
  Matches out;
  if (a.size() > kBoxesMax * 8 / std::max<std::size_t>(b.size(), 1)) return std::nullopt;
  for (const Match& x : a)
    for (const Match& y : b) {
      if (std::optional<Match> both = meet(x, y)) out.push_back(std::move(*both));
      if (out.size() > kBoxesMax) return std::nullopt;
    }
  return out;
}

std::optional<Matches> subtract(Matches from, std::span<const Match> without) {
  std::size_t steps = 0;
  for (const Match& w : without) {
    Matches pieces;
    pieces.reserve(from.size());
    for (const Match& m : from) subtract_one(m, w, pieces);
    steps += pieces.size();
    if (pieces.size() > kPiecesMax || steps > kPiecesMax * 64) return std::nullopt;
    from = std::move(pieces);
  }
  return from;
}

std::uint64_t weight(const Match& m) {
  return 8 + m.box.sources.ranges().size() + m.box.destinations.ranges().size() +
         (m.box.ports.ranges().size() + m.box.source_ports.ranges().size()) / 8;
}

}  // namespace demarc::netfilter
