// From a keyed hash to the number of an entry that is kept elsewhere: eight bytes a slot, linear probing, erasing
// by shifting back, so there are no tombstones to collect.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

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

  HashIndex() : slots_(1024) {}

  /// The number stored under that hash for which `is_it(number)` holds, or kNone.
  template <typename Predicate>
  std::uint32_t find(std::uint32_t hash, Predicate&& is_it) const {
    for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
      const Slot& slot = slots_[i];
      if (slot.number == kNone) return kNone;
      if (slot.hash == hash && is_it(slot.number)) return slot.number;
    }
  }
  void insert(std::uint32_t hash, std::uint32_t number) {
    if ((size_ + 1) * 8 > slots_.size() * 5) grow();
    place(hash, number);
    ++size_;
  }
  void erase(std::uint32_t hash, std::uint32_t number) {
    std::size_t hole = hash & mask();
    while (slots_[hole].number != number) {
      if (slots_[hole].number == kNone) return;
      hole = (hole + 1) & mask();
    }
    // Whoever stands behind the hole and could not stand nearer to its home moves up.
    for (std::size_t i = (hole + 1) & mask(); slots_[i].number != kNone; i = (i + 1) & mask()) {
      const std::size_t home = slots_[i].hash & mask();
      if (((i - home) & mask()) >= ((i - hole) & mask())) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = Slot{};
    --size_;
  }
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask()]); }
  /// The first number under that hash, whether it is the right one or not: for prefetching.
  std::uint32_t likely(std::uint32_t hash) const { return slots_[hash & mask()].number; }
  std::size_t size() const { return size_; }
  void clear() {
    slots_.assign(1024, Slot{});
    size_ = 0;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = kNone;
  };
  std::size_t mask() const { return slots_.size() - 1; }
  void place(std::uint32_t hash, std::uint32_t number) {
    std::size_t i = hash & mask();
    while (slots_[i].number != kNone) i = (i + 1) & mask();
    slots_[i] = {hash, number};
  }
  void grow() {
    std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
    for (const Slot& slot : old)
      if (slot.number != kNone) place(slot.hash, slot.number);
  }
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace demarc
