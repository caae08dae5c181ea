// A random order of N things without a list of N things: a permutation of 0..N-1 by a small Feistel network, keyed
// by a seed, that walks its cycles until it is back inside the range (Black and Rogaway, "Ciphers with Arbitrary
// Finite Domains").
#pragma once

#include <array>
#include <cstdint>

namespace demarc {

/// The same size and seed give the same order on every machine. Not a secret: it spreads load, it hides nothing.
class Permutation {
 public:
  Permutation(std::uint64_t size, std::uint64_t seed);
  std::uint64_t size() const { return size_; }
  /// Which thing comes at a position; position < size().
  std::uint64_t at(std::uint64_t position) const;
  /// The reverse of at().
  std::uint64_t position_of(std::uint64_t thing) const;

 private:
  static constexpr unsigned kRounds = 6;
  std::uint64_t forward(std::uint64_t x) const;
  std::uint64_t backward(std::uint64_t x) const;
  std::uint64_t size_;
  unsigned half_bits_ = 1;
  std::uint64_t half_mask_ = 1;
  std::array<std::uint64_t, kRounds> keys_{};
};

}  // namespace demarc
