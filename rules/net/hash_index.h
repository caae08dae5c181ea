// From a keyed hash to the number of an entry that is kept elsewhere: eight bytes a slot, linear probing, erasing
// by shifting back, so there are no tombstones to collect. Captures and flow records choose what is looked up, so
// the hash has a key of each run.
#pragma once

#include <cstddef>
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

/// One slot of an index. All zero is a free one, so that fresh memory is an empty table.
struct IndexSlot {
  std::uint32_t hash = 0;
  std::uint32_t number_plus_1 = 0;  // 0: free
};

/// `Slots` is zeroed memory for IndexSlots: made by Slots(count, large), with data(), size(), bytes() and [].
template <typename Slots>
class BasicHashIndex {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  BasicHashIndex() : slots_(kSmallest, false), mask_(kSmallest - 1) {}

  /// The number stored under that hash for which `is_it(number)` holds, or kNone.
  template <typename Predicate>
  std::uint32_t find(std::uint32_t hash, Predicate&& is_it) const {
    const IndexSlot* slots = slots_.data();
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const IndexSlot slot = slots[i];
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
    slots_[hole] = IndexSlot{};
    --size_;
  }
  void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  /// The first number whose hash that is, whether it is the right one or not: for prefetching. Looks at two lines
  /// only.
  std::uint32_t likely(std::uint32_t hash) const {
    for (std::size_t i = hash & mask_, looked = 0; looked < 16; i = (i + 1) & mask_, ++looked) {
      const IndexSlot slot = slots_[i];
      if (slot.number_plus_1 == 0) return kNone;
      if (slot.hash == hash) return slot.number_plus_1 - 1;
    }
    return kNone;
  }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.bytes(); }
  void clear() {
    slots_ = Slots(kSmallest, false);
    mask_ = kSmallest - 1;
    size_ = 0;
  }

 private:
  static constexpr std::size_t kSmallest = 1024;
  void place(std::uint32_t hash, std::uint32_t number_plus_1) {
    std::size_t i = hash & mask_;
    while (slots_[i].number_plus_1 != 0) i = (i + 1) & mask_;
    slots_[i] = {hash, number_plus_1};
  }
  void grow() {
    const Slots old = std::exchange(slots_, Slots((mask_ + 1) * 2, true));
    mask_ = mask_ * 2 + 1;
    for (std::size_t i = 0; i < old.size(); ++i)
      if (old[i].number_plus_1 != 0) place(old[i].hash, old[i].number_plus_1);
  }
  Slots slots_;
  std::size_t mask_;
  std::size_t size_ = 0;
};

/// Slots in ordinary memory.
class VectorSlots {
 public:
  VectorSlots(std::size_t count, bool /*large*/) : slots_(count) {}
  IndexSlot* data() { return slots_.data(); }
  const IndexSlot* data() const { return slots_.data(); }
  IndexSlot& operator[](std::size_t i) { return slots_[i]; }
  const IndexSlot& operator[](std::size_t i) const { return slots_[i]; }
  std::size_t size() const { return slots_.size(); }
  std::size_t bytes() const { return slots_.size() * sizeof(IndexSlot); }

 private:
  std::vector<IndexSlot> slots_;
};

}  // namespace demarc
