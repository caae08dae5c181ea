// Later fragments carry no ports. This remembers which conversation the first one belonged to, and what came before
// it did. A fixed table: four places to a bucket, the oldest gives way, and nothing waits longer than reassembly
// would.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "rules/net/address.h"
#include "rules/net/protocol.h"

namespace demarc {

class FragmentTable {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFFFFFF;
  static constexpr std::int64_t kLifetime = 60'000'000'000;  // nanoseconds; RFC 8200 §4.5

  struct Datagram {  // RFC 791 §3.2: what makes fragments parts of one
    Address source, destination;
    Protocol protocol;
    std::uint32_t id = 0;
    std::uint32_t tunnel = 0xFFFFFFFF;  // outer and inner datagrams are never mixed
    bool operator==(const Datagram&) const = default;
  };
  struct Waiting {
    std::uint32_t packets = 0;
    std::uint64_t bytes = 0;
  };
  struct Owner {
    std::uint32_t conversation = kUnknown, serial = 0;
    bool from_low = false;
  };

  /// The first fragment is here; `join` gets what waited for it.
  template <typename Join, typename Lost>
  void first_seen(const Datagram& datagram, std::uint32_t conversation, std::uint32_t serial, bool from_low,
                  std::int64_t at, Join&& join, Lost&& lost) {
    Place& place = place_for(datagram, at, lost);
    if (place.waiting.packets != 0) join(place.waiting);
    place.waiting = {};
    place.owner = {conversation, serial, from_low};
  }

  /// Whose a later fragment is; where that is not known yet it waits. `lost(source, count)` hears of those that
  /// waited in vain.
  template <typename Lost>
  Owner later(const Datagram& datagram, std::uint32_t length, std::uint32_t source, std::int64_t at, Lost&& lost) {
    Place& place = place_for(datagram, at, lost);
    if (place.owner.conversation != kUnknown) return place.owner;
    ++place.waiting.packets;
    place.waiting.bytes += length;
    place.source = source;
    return {};
  }

  template <typename Lost>
  void finish(Lost&& lost) {
    for (const auto& bucket : buckets_) {
      if (bucket == nullptr) continue;
      for (const Place& place : *bucket)
        if (place.waiting.packets != 0) lost(place.source, place.waiting.packets);
    }
    buckets_.clear();
  }

 private:
  static constexpr std::size_t kBuckets = 4096, kWays = 4;
  struct Place {
    Datagram datagram;
    std::int64_t at = -1;  // -1: free
    Owner owner;
    Waiting waiting;
    std::uint32_t source = 0;
  };
  using Bucket = std::array<Place, kWays>;

  template <typename Lost>
  Place& place_for(const Datagram& d, std::int64_t at, Lost&& lost) {
    if (buckets_.empty()) buckets_.resize(kBuckets);
    const std::size_t hash = std::hash<Address>{}(d.source) * 31 + std::hash<Address>{}(d.destination) * 17 +
                             (d.id ^ d.tunnel) * 0x9E3779B1U;
    std::unique_ptr<Bucket>& bucket = buckets_[(hash ^ (hash >> 16)) % kBuckets];
    if (bucket == nullptr) bucket = std::make_unique<Bucket>();
    Place* oldest = bucket->data();
    for (Place& place : *bucket) {
      if (place.at >= 0 && place.datagram == d && at - place.at <= kLifetime) return place;
      if (place.at < oldest->at) oldest = &place;
    }
    if (oldest->at >= 0 && oldest->waiting.packets != 0) lost(oldest->source, oldest->waiting.packets);
    *oldest = Place{};
    oldest->datagram = d;
    oldest->at = at;
    return *oldest;
  }

  std::vector<std::unique_ptr<Bucket>> buckets_;  // made when first needed: most captures hold few fragments
};

}  // namespace demarc
