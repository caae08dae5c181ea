// The tunnels of an observation by number, as FlowEvidence::tunnels lists them. A number tells a tunnel from every
// other one, also from one with the same ends and id inside another tunnel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "probes/wire/tunnel.h"

namespace demarc {

class TunnelTable {
 public:
  /// Whoever forges tunnels gets no more: 65,536 take six megabytes.
  explicit TunnelTable(std::uint32_t tunnels_max = 65536) : tunnels_max_(tunnels_max) {}

  /// The number of the tunnel between the ends of `outer`, which itself was carried by tunnel `level` (kNone32:
  /// none). Nothing if there are too many: what cannot be told apart must not be mixed.
  std::optional<std::uint32_t> number_of(const PacketView& outer, const TunnelView& tunnel, std::uint32_t level);

  const std::vector<Tunnel>& tunnels() const { return tunnels_; }

 private:
  using Key = std::pair<Tunnel, std::uint32_t>;
  std::uint32_t tunnels_max_;
  std::map<Key, std::uint32_t> numbers_;
  std::vector<Tunnel> tunnels_;
  Key last_key_;
  std::uint32_t last_ = kNone32;  // packets of a tunnel come in rows
};

}  // namespace demarc
