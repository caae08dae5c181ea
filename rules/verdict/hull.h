// The outer bounds of entries: a cheap "these two have nothing in common" before any set is made. Private to this
// folder.
#pragma once

#include <algorithm>
#include <cstdint>

#include "rules/acl/device.h"

namespace demarc {

/// The outer bounds of boxes: what is outside of them, none of them holds.
struct Hull {
  std::uint64_t source_first = ~std::uint64_t{0}, source_last = 0;
  std::uint64_t destination_first = ~std::uint64_t{0}, destination_last = 0;
  std::uint64_t protocols = 0;  // folded
  std::uint16_t port_first = 0xFFFF, port_last = 0;
  FragmentSet fragments = {};

  void add(const Hull& o) {
    source_first = std::min(source_first, o.source_first), source_last = std::max(source_last, o.source_last);
    destination_first = std::min(destination_first, o.destination_first);
    destination_last = std::max(destination_last, o.destination_last);
    protocols |= o.protocols;
    port_first = std::min(port_first, o.port_first), port_last = std::max(port_last, o.port_last);
    fragments = fragments.unite(o.fragments);
  }
};
inline bool meet(const Hull& a, const Hull& b) {
  return (a.protocols & b.protocols) != 0 && a.destination_first <= b.destination_last &&
         b.destination_first <= a.destination_last && a.source_first <= b.source_last &&
         b.source_first <= a.source_last && a.port_first <= b.port_last && b.port_first <= a.port_last &&
         !a.fragments.intersect(b.fragments).empty();
}

inline Hull hull_of(const Box& b) {
  // Keeps the order of addresses; of IPv6 the upper 63 bits.
  const auto key = [](const Address& a) { return a.is_ipv4() ? a.low() : std::uint64_t{1} << 63 | a.high() >> 1; };
  if (b.sources.empty() || b.destinations.empty() || b.ports.empty()) return {};
  return {.source_first = key(b.sources.ranges().front().first),
          .source_last = key(b.sources.ranges().back().last),
          .destination_first = key(b.destinations.ranges().front().first),
          .destination_last = key(b.destinations.ranges().back().last),
          .protocols = b.protocols.numbers().folded(),
          .port_first = b.ports.ranges().front().first.number(),
          .port_last = b.ports.ranges().back().last.number(),
          .fragments = b.fragments};
}
inline Hull hull_of(const Entry& e) {
  Hull hull;
  for (const std::vector<Match>* matches : {&e.match, &e.maybe})
    for (const Match& m : *matches) hull.add(hull_of(m.box));
  return hull;
}

}  // namespace demarc
