// How many packets: an exact number, since a space of IPv6 packets has about 2^324 of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "rules/net/address.h"

namespace demarc {

/// An unsigned number of 384 bits. Exact: no set of packets needs more, so nothing here overflows or rounds.
class Count {
 public:
  constexpr Count() = default;
  constexpr Count(std::uint64_t number) : limbs_{number} {}  // NOLINT: numbers are counts
  static constexpr Count power_of_two(unsigned exponent) {
    Count c;
    c.limbs_[exponent / 64] = std::uint64_t{1} << (exponent % 64);
    return c;
  }

  Count& operator+=(const Count& other);
  Count& operator-=(const Count& other);  // other must not be the larger
  Count& operator<<=(unsigned bits);
  Count& operator>>=(unsigned bits);
  friend Count operator+(Count a, const Count& b) { return a += b; }
  friend Count operator-(Count a, const Count& b) { return a -= b; }
  friend Count operator<<(Count a, unsigned bits) { return a <<= bits; }
  friend Count operator>>(Count a, unsigned bits) { return a >>= bits; }
  bool operator==(const Count&) const = default;
  std::strong_ordering operator<=>(const Count& other) const;

  bool is_zero() const { return *this == Count(); }
  /// Saturates at the largest number.
  Uint128 saturated() const;
  /// The base-2 logarithm, for weights on a picture; -1 for zero.
  double log2() const;

 private:
  friend std::string to_string(const Count& count);
  std::array<std::uint64_t, 6> limbs_{};  // least significant first
};

/// All decimal digits.
std::string to_string(const Count& count);
/// "4,096" below a million, "about 2^48.0" above: for people.
std::string describe(const Count& count);

}  // namespace demarc
