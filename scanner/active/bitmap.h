// A set of indices into the work, one bit each: a pass over silence needs no list, and the work may be all ports of
// a site.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace demarc {

class Bitmap {
 public:
  /// Empties it, with room for 0 to size - 1.
  void resize(std::uint64_t size) { words_.assign((size + 63) / 64, 0); }
  void set(std::uint64_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  void clear(std::uint64_t i) { words_[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }
  bool has(std::uint64_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  /// The first member that is not below `from`, or `end`.
  std::uint64_t next(std::uint64_t from, std::uint64_t end) const {
    while (from < end) {
      std::uint64_t word = words_[from / 64] >> (from % 64);
      if (word != 0) return std::min<std::uint64_t>(end, from + static_cast<unsigned>(std::countr_zero(word)));
      from = (from / 64 + 1) * 64;
    }
    return end;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace demarc
