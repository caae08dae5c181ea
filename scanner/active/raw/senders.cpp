#include "scanner/active/raw/senders.h"

#include <algorithm>

namespace demarc::raw_engine {

std::uint8_t hops(std::uint8_t ttl) {
  const int start = ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255;
  return static_cast<std::uint8_t>(start - ttl);
}

Who Senders::of_reset(std::uint8_t ttl) const {
  // The target's own word counts more than a handshake, which a device in front may have answered.
  if (reference().has(ttl)) return Who::target;
  std::optional<std::uint8_t> nearest;
  for (int t = 0; t < 256; ++t) {
    const auto candidate = static_cast<std::uint8_t>(t);
    if (!reference().has(candidate)) continue;
    nearest = std::min(nearest.value_or(255), hops(candidate));
  }
  if (nearest) {
    if (hops(ttl) < *nearest) return Who::filter;
    return Who::unknown;  // as far away with another start, or farther: another way back, another stack
  }
  // Without a word of the target's: of resets from two distances, the near ones cannot be its.
  for (int t = 0; t < 256; ++t)
    if (reset_.has(static_cast<std::uint8_t>(t)) && hops(static_cast<std::uint8_t>(t)) > hops(ttl))
      return Who::filter;
  return Who::unknown;
}

std::optional<std::uint8_t> Senders::own_ttl() const {
  for (int t = 255; t >= 0; --t)
    if (reference().has(static_cast<std::uint8_t>(t))) return static_cast<std::uint8_t>(t);
  return std::nullopt;
}

}  // namespace demarc::raw_engine
