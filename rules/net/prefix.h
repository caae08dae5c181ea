// A prefix: an address and how many of its leading bits count.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "rules/net/address.h"

namespace demarc {

/// Bits beyond the length are zero.
class Prefix {
 public:
  constexpr Prefix() = default;
  /// The prefix of that length which holds the address; a length beyond the family's bits is cut to them.
  static Prefix containing(const Address& address, unsigned length);
  static Prefix host(const Address& address) { return containing(address, bits(address.family())); }

  const Address& base() const { return base_; }
  unsigned length() const { return length_; }
  Family family() const { return base_.family(); }
  Address first() const { return base_; }
  Address last() const;
  bool is_host() const { return length_ == bits(family()); }
  bool contains(const Address& address) const;
  bool contains(const Prefix& other) const { return other.length_ >= length_ && contains(other.base_); }
  bool overlaps(const Prefix& other) const { return contains(other) || other.contains(*this); }

  auto operator<=>(const Prefix&) const = default;

 private:
  Prefix(const Address& base, unsigned length) : base_(base), length_(static_cast<std::uint8_t>(length)) {}
  Address base_;
  std::uint8_t length_ = 0;
};

/// "192.0.2.0/24", "2001:db8::/32", or an address alone. Host bits that are set are an error whose hint is the
/// prefix that was probably meant. The error has no place: the caller knows it.
Result<Prefix> parse_prefix(std::string_view text);
/// With the length, except for a single address.
std::string to_string(const Prefix& prefix);

}  // namespace demarc
