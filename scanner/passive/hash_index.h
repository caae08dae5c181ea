// From a keyed hash to the number of an entry that is kept elsewhere: eight bytes a slot, linear probing, erasing
// by shifting back, so there are no tombstones to collect.
#pragma once

#include <cstdint>
#include <utility>

#include "scanner/passive/pages.h"

namespace demarc {

/// Keys the hash of flow keys: multiplications of 64 by 64 bits, folded (as wyhash does), with secrets drawn for
/// the run.
class KeyedHash {
 public:
  explicit KeyedHash(std::uint64_t key) {
    for (std::uint64_t& secret : secrets_) {  // splitmix64
      key += 0x9E3779B97F4A7C15ULL;
      std::uint64_t z = key;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
      secret = (z ^ (z >> 31)) | 1;
    }
  }
  std::uint32_t operator()(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d,
                           std::uint64_t e) const {
    const std::uint64_t h =
        fold(a ^ secrets_[0], b ^ secrets_[1]) ^ fold(c ^ secrets_[2], d ^ secrets_[3]) ^ (e * secrets_[4]);
    return static_cast<std::uint32_t>(fold(h ^ secrets_[5], e ^ secrets_[6]));
  }
  std::uint32_t operator()(std::uint64_t a, std::uint64_t b) const {
    const std::uint64_t h = fold(a ^ secrets_[0], b ^ secrets_[1]);
    return static_cast<std::uint32_t>(fold(h ^ secrets_[2], b ^ secrets_[3]));
  }
  /// All 64 bits of four words.
  std::uint64_t wide(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) const {
    const std::uint64_t h = fold(a ^ secrets_[0], b ^ secrets_[1]) ^ fold(c ^ secrets_[2], d ^ secrets_[3]);
    return fold(h ^ secrets_[5], (a + c) ^ secrets_[6]);
  }

 private:
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  std::uint64_t secrets_[7];
};

class HashIndex {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  HashIndex() : slots_(kSmallest), mask_(kSmallest - 1) {}

  /// The number stored under that hash for which `is_it(number)` holds, or kNone.
  template <typename Predicate>
  std::uint32_t find(std::uint32_t hash, Predicate&& is_it) const {
    const Slot* slots = slots_.data();
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Slot slot = slots[i];
      if (slot.number_plus_1 == 0) return kNone;
      if (slot.hash == hash && is_it(slot.number_plus_1 - 1)) return slot.number_plus_1 - 1;
    }
  }
  /// Any number below kNone.
  void insert(std::uint32_t hash, std::uint32_t number) {
    if ((size_ + 1) * 8 > (mask_ + 1) * 5) grow();
    place(hash, number + 1);
    ++size_;
  }
  void erase(std::uint32_t hash, std::uint32_t number) {
    std::size_t hole = hash & mask_;
    while (slots_[hole].number_plus_1 != number + 1) {
      if (slots_[hole].number_plus_1 == 0) return;
      hole = (hole + 1) & mask_;
    }
    // Whoever stands behind the hole and could not stand nearer to its home moves up.
    for (std::size_t i = (hole + 1) & mask_; slots_[i].number_plus_1 != 0; i = (i + 1) & mask_) {
      const std::size_t home = slots_[i].hash & mask_;
      if (((i - home) & mask_) >= ((i - hole) & mask_)) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = Slot{};
    --size_;
  }
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  /// The first number whose hash that is, whether it is the right one or not: for prefetching. Looks at a few slots
  /// only.
  std::uint32_t likely(std::uint32_t hash) const {
    for (std::size_t i = hash & mask_, looked = 0; looked < 4; i = (i + 1) & mask_, ++looked) {
      const Slot slot = slots_[i];
      if (slot.number_plus_1 == 0) return kNone;
      if (slot.hash == hash) return slot.number_plus_1 - 1;
    }
    return kNone;
  }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.bytes(); }
  void clear() {
    slots_ = Pages<Slot>(kSmallest);
    mask_ = kSmallest - 1;
    size_ = 0;
  }

 private:
  static constexpr std::size_t kSmallest = 1024;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number_plus_1 = 0;  // 0: free, so that fresh memory is an empty table
  };
  void place(std::uint32_t hash, std::uint32_t number_plus_1) {
    std::size_t i = hash & mask_;
    while (slots_[i].number_plus_1 != 0) i = (i + 1) & mask_;
    slots_[i] = {hash, number_plus_1};
  }
  void grow() {
    const Pages<Slot> old = std::exchange(slots_, Pages<Slot>((mask_ + 1) * 2, true));
    mask_ = mask_ * 2 + 1;
    for (std::size_t i = 0; i < old.size(); ++i)
      if (old[i].number_plus_1 != 0) place(old[i].hash, old[i].number_plus_1);
  }
  Pages<Slot> slots_;
  std::size_t mask_;
  std::size_t size_ = 0;
};

}  // namespace demarc
