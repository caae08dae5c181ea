#include "rules/plan/order.h"

#include <bit>

namespace demarc {

namespace {

/// SplitMix64's finaliser (Steele, Lea and Flood 2014): every input bit reaches every output bit.
constexpr std::uint64_t scrambled(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

Permutation::Permutation(std::uint64_t size, std::uint64_t seed) : size_(size) {
  // Two halves of equal width whose product is the smallest even power of two that is enough: at most four times
  // the size, so a walk takes less than four steps on average.
  unsigned width = size <= 1 ? 2 : static_cast<unsigned>(std::bit_width(size - 1));
  half_bits_ = (width + 1) / 2;
  half_mask_ = (std::uint64_t{1} << half_bits_) - 1;
  for (unsigned round = 0; round < kRounds; ++round)
    keys_[round] = scrambled(seed + 0x9E3779B97F4A7C15ULL * (round + 1));
}

std::uint64_t Permutation::forward(std::uint64_t x) const {
  std::uint64_t left = x >> half_bits_, right = x & half_mask_;
  for (std::uint64_t key : keys_) {
    std::uint64_t mixed = left ^ (scrambled(right + key) & half_mask_);
    left = right;
    right = mixed;
  }
  return left << half_bits_ | right;
}

std::uint64_t Permutation::backward(std::uint64_t x) const {
  std::uint64_t left = x >> half_bits_, right = x & half_mask_;
  for (unsigned round = kRounds; round-- > 0;) {
    std::uint64_t mixed = right ^ (scrambled(left + keys_[round]) & half_mask_);
    right = left;
    left = mixed;
  }
  return left << half_bits_ | right;
}

std::uint64_t Permutation::at(std::uint64_t position) const {
  std::uint64_t x = forward(position);
  while (x >= size_) x = forward(x);
  return x;
}

std::uint64_t Permutation::position_of(std::uint64_t thing) const {
  std::uint64_t x = backward(thing);
  while (x >= size_) x = backward(x);
  return x;
}

}  // namespace demarc
