// How many conversations an end took part in: where no handshake tells who asked, the end with more partners was
// asked. Only ends that somebody will ask about are counted.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/net/address.h"
#include "scanner/passive/hash_index.h"

namespace demarc {

class Partners {
 public:
  struct End {
    Address address;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;
    std::uint32_t tunnel = 0;
    bool operator==(const End&) const = default;
  };

  explicit Partners(const KeyedHash& hash, std::uint32_t ends_max) : hash_(hash), ends_max_(ends_max) {}
  /// This end is of interest.
  void watch(const End& end) {
    const std::uint32_t hash = hash_of(end);
    if (find(end, hash) != HashIndex::kNone || counts_.size() >= ends_max_) return;
    index_.insert(hash, static_cast<std::uint32_t>(counts_.size()));
    counts_.push_back({end, 0});
  }
  void count(const End& end, std::uint32_t conversations) {
    if (counts_.empty()) return;
    if (const std::uint32_t i = find(end, hash_of(end)); i != HashIndex::kNone) counts_[i].count += conversations;
  }
  std::uint64_t of(const End& end) const {
    const std::uint32_t i = find(end, hash_of(end));
    return i == HashIndex::kNone ? 0 : counts_[i].count;
  }

 private:
  struct Count {
    End end;
    std::uint64_t count = 0;
  };
  std::uint32_t hash_of(const End& e) const {
    return hash_(e.address.high(), e.address.low(), e.port, e.protocol, e.tunnel);
  }
  std::uint32_t find(const End& end, std::uint32_t hash) const {
    return index_.find(hash, [&](std::uint32_t i) { return counts_[i].end == end; });
  }
  KeyedHash hash_;
  std::uint32_t ends_max_;
  HashIndex index_;
  std::vector<Count> counts_;
};

}  // namespace demarc
