// How a match compares with what somebody asks about, field by field: written once for one known packet and for a
// set of them.
#pragma once

#include <algorithm>

#include "rules/acl/device.h"

namespace demarc {

/// Without the ranges being compared one by one.
inline bool is_all(const PortSet& set) { return set.ranges().size() == 1 && set.ranges()[0] == PortRange::all(); }

inline bool has_bits(const AddressBits& bits, const Address& address) {
  const Uint128 width = address.is_ipv4() ? Uint128{0xFFFFFFFF} : ~Uint128{0};
  return address.family() == bits.family && ((address.number() ^ bits.value) & bits.mask & width) == 0;
}

/// The least of the answers of all fields. A constraint on a field that the asked packets' protocol lacks is not
/// met. `Asked` is of one protocol and one family; its Answer is ordered from Answer{}, which is none, to kAll.
/// What is not constrained is not asked for.
template <typename Asked>
typename Asked::Answer compare(const Match& match, const Asked& asked) {
  using Answer = typename Asked::Answer;
  constexpr Answer kNone{};
  const Box& box = match.box;
  const Protocol p = asked.protocol();
  if (box.family && *box.family != asked.family()) return kNone;
  if (!box.protocols.contains(p)) return kNone;
  Answer least = Asked::kAll;
  const auto some_left = [&least](Answer of_field) {
    least = std::min(least, of_field);
    return least != kNone;
  };
  const bool ports = p.has_ports();
  if (!is_all(box.ports) && !(ports && some_left(asked.ports(box.ports)))) return kNone;
  if (!is_all(box.source_ports) && !(ports && some_left(asked.source_ports(box.source_ports)))) return kNone;
  if (!is_all(box.icmp.numbers()) && !(p.is_icmp() && some_left(asked.icmp(box.icmp)))) return kNone;
  if (!box.flags.is_all() && !(p == Protocol::tcp && some_left(asked.flags(box.flags)))) return kNone;
  const bool met = some_left(asked.states(box.states)) && some_left(asked.fragments(box.fragments)) &&
                   some_left(asked.ingress(box.ingress)) && some_left(asked.egress(box.egress)) &&
                   some_left(asked.destinations(box.destinations)) && some_left(asked.sources(box.sources)) &&
                   (!match.source_bits || some_left(asked.source_bits(*match.source_bits))) &&
                   (!match.destination_bits || some_left(asked.destination_bits(*match.destination_bits)));
  return met ? least : kNone;
}

}  // namespace demarc
