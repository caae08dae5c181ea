#include "scanner/passive/tunnel_table.h"

#include <algorithm>

namespace demarc {

std::optional<std::uint32_t> TunnelTable::number_of(const PacketView& outer, const TunnelView& tunnel,
                                                    std::uint32_t level) {
  Key key{{.kind = tunnel.kind,
           .low = std::min(outer.source, outer.destination),
           .high = std::max(outer.source, outer.destination),
           .id = tunnel.id_shared ? tunnel.id : 0},
          level};
  if (last_ != kNone32 && key == last_key_) return last_;
  const auto found = numbers_.find(key);
  if (found != numbers_.end()) {
    last_ = found->second;
  } else {
    if (tunnels_.size() >= tunnels_max_) return std::nullopt;
    last_ = static_cast<std::uint32_t>(tunnels_.size());
    tunnels_.push_back(key.first);
    numbers_.emplace(key, last_);
  }
  last_key_ = key;
  return last_;
}

}  // namespace demarc
