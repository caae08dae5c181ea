// The outer bounds of entries: a cheap "these two have nothing in common" before any set is made. Private to this
// folder.
#pragma once

#include <algorithm>
#include <cstdint>

#include "rules/acl/device.h"

namespace demarc {

/// The outer bounds of an entry: what is outside of them, it does not match.
struct Hull {
  std::uint64_t source_first = 0, source_last = 0, destination_first = 0, destination_last = 0;
  std::uint64_t protocols = 0;  // a bit for every 64th number
  std::uint16_t port_first = 0, port_last = 0;
};
inline Hull hull_of(const Entry& e) {
  // Keeps the order of addresses; of IPv6 the upper 63 bits.
  const auto key = [](const Address& a) { return a.is_ipv4() ? a.low() : std::uint64_t{1} << 63 | a.high() >> 1; };
  Hull hull{~std::uint64_t{0}, 0, ~std::uint64_t{0}, 0, 0, 0xFFFF, 0};
  for (const std::vector<Match>* matches : {&e.match, &e.maybe})
    for (const Match& m : *matches) {
      const Box& b = m.box;
      if (b.sources.empty() || b.destinations.empty() || b.ports.empty()) continue;
      hull.source_first = std::min(hull.source_first, key(b.sources.ranges().front().first));
      hull.source_last = std::max(hull.source_last, key(b.sources.ranges().back().last));
      hull.destination_first = std::min(hull.destination_first, key(b.destinations.ranges().front().first));
      hull.destination_last = std::max(hull.destination_last, key(b.destinations.ranges().back().last));
      hull.port_first = std::min(hull.port_first, b.ports.ranges().front().first.number());
      hull.port_last = std::max(hull.port_last, b.ports.ranges().back().last.number());
      for (unsigned n = 0; n < 256; ++n)
        if (b.protocols.numbers().contains(static_cast<std::uint8_t>(n)))
          hull.protocols |= std::uint64_t{1} << (n % 64);
    }
  return hull;
}
inline bool meet(const Hull& a, const Hull& b) {
  return (a.protocols & b.protocols) != 0 && a.destination_first <= b.destination_last &&
         b.destination_first <= a.destination_last && a.source_first <= b.source_last &&
         b.source_first <= a.source_last && a.port_first <= b.port_last && b.port_first <= a.port_last;
}

}  // namespace demarc
