#include "rules/space/count.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>

namespace demarc {

Count& Count::operator+=(const Count& other) {
  Uint128 carry = 0;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    carry += static_cast<Uint128>(limbs_[i]) + other.limbs_[i];
    limbs_[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  assert(carry == 0);
  return *this;
}

Count& Count::operator-=(const Count& other) {
  assert(other <= *this);
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    Uint128 take = static_cast<Uint128>(other.limbs_[i]) + borrow;
    borrow = take > limbs_[i] ? 1 : 0;
    limbs_[i] = static_cast<std::uint64_t>(limbs_[i] - take);
  }
  return *this;
}

Count& Count::operator<<=(unsigned bits) {
  std::size_t whole = bits / 64;
  unsigned part = bits % 64;
  for (std::size_t i = limbs_.size(); i-- > 0;) {
    std::uint64_t high = i >= whole ? limbs_[i - whole] << part : 0;
    std::uint64_t low = part != 0 && i > whole ? limbs_[i - whole - 1] >> (64 - part) : 0;
    limbs_[i] = high | low;
  }
  return *this;
}

Count& Count::operator>>=(unsigned bits) {
  std::size_t whole = bits / 64;
  unsigned part = bits % 64;
  for (std::size_t i = 0; i < limbs_.size(); ++i) {
    std::uint64_t low = i + whole < limbs_.size() ? limbs_[i + whole] >> part : 0;
    std::uint64_t high = part != 0 && i + whole + 1 < limbs_.size() ? limbs_[i + whole + 1] << (64 - part) : 0;
    limbs_[i] = low | high;
  }
  return *this;
}

std::strong_ordering Count::operator<=>(const Count& other) const {
  return std::lexicographical_compare_three_way(limbs_.rbegin(), limbs_.rend(), other.limbs_.rbegin(),
                                                other.limbs_.rend());
}

Uint128 Count::saturated() const {
  if (std::any_of(limbs_.begin() + 2, limbs_.end(), [](std::uint64_t limb) { return limb != 0; }))
    return ~Uint128{0};
  return static_cast<Uint128>(limbs_[1]) << 64 | limbs_[0];
}

double Count::log2() const {
  double value = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) value = value * 0x1p64 + static_cast<double>(limbs_[i]);
  return value == 0 ? -1 : std::log2(value);
}

std::string to_string(const Count& count) {
  std::string digits;
  Count rest = count;
  do {  // long division by ten
    std::uint64_t remainder = 0;
    for (auto limb = rest.limbs_.rbegin(); limb != rest.limbs_.rend(); ++limb) {
      const Uint128 part = static_cast<Uint128>(remainder) << 64 | *limb;
      *limb = static_cast<std::uint64_t>(part / 10);
      remainder = static_cast<std::uint64_t>(part % 10);
    }
    digits.push_back(static_cast<char>('0' + remainder));
  } while (!rest.is_zero());
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string describe(const Count& count) {
  if (count >= Count(1'000'000)) return fmt::format("about 2^{:.1f}", count.log2());
  const auto number = static_cast<std::uint64_t>(count.saturated());
  return number < 1000 ? fmt::format("{}", number) : fmt::format("{},{:03}", number / 1000, number % 1000);
}

}  // namespace demarc
