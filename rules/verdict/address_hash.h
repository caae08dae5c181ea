// A hash of addresses that a capture cannot aim at. Whoever sends packets chooses their addresses, and with a hash
// that everybody knows could choose a million that collide. There is no randomness here, so the key comes from the
// evidence itself: who changes an address to make it collide changes the key. No result depends on it. Internal to
// this folder.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rules/evidence/observed_flow.h"
#include "rules/net/address.h"

namespace demarc {

struct AddressHash {
  std::uint64_t key = 0;

  static std::uint64_t mix(std::uint64_t h, std::uint64_t value) {
    h = (h ^ value) * 0x9E3779B97F4A7C15ULL;
    return h ^ (h >> 29);
  }
  /// Of two numbers and an address, to name what is asked where.
  std::size_t operator()(const Address& a, std::uint64_t what) const noexcept {
    return static_cast<std::size_t>(mix(mix(mix(mix(key, a.low()), a.high() ^ key), what), key >> 32));
  }
  std::size_t operator()(const Address& a) const noexcept { return (*this)(a, 0); }
  /// The key of what was added and of one more record.
  void add(const ObservedFlow& f) {
    key = mix(mix(key, f.initiator.low() ^ (f.initiator.high() << 7) ^ f.bytes_out),
              f.responder.low() ^ (f.responder.high() << 7) ^ (std::uint64_t{f.port.number()} << 40));
  }
};

}  // namespace demarc
