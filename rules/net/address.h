// IPv4 and IPv6 addresses as numbers, so that prefixes, ranges and wildcards are arithmetic.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rules/text/result.h"

namespace demarc {

__extension__ using Uint128 = unsigned __int128;

enum class Family : std::uint8_t { ipv4, ipv6 };
std::string_view name(Family family);  // "IPv4", "IPv6"
constexpr unsigned bits(Family family) { return family == Family::ipv4 ? 32 : 128; }

/// An address of either family. IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2) stay IPv6; see unmapped().
/// Orders IPv4 before IPv6, then by number.
class Address {
 public:
  constexpr Address() = default;  // 0.0.0.0
  static constexpr Address ipv4(std::uint32_t number) { return Address(Family::ipv4, 0, number); }
  static constexpr Address ipv6(std::uint64_t high, std::uint64_t low) { return Address(Family::ipv6, high, low); }
  static constexpr Address of(Family family, Uint128 number) {
    return Address(family, static_cast<std::uint64_t>(number >> 64), static_cast<std::uint64_t>(number));
  }
  /// From bytes in network order.
  static Address from_ipv4_bytes(const std::uint8_t* bytes);
  static Address from_ipv6_bytes(const std::uint8_t* bytes);

  constexpr Family family() const { return family_; }
  constexpr bool is_ipv4() const { return family_ == Family::ipv4; }
  constexpr std::uint64_t high() const { return high_; }
  constexpr std::uint64_t low() const { return low_; }
  constexpr Uint128 number() const { return (static_cast<Uint128>(high_) << 64) | low_; }
  std::uint32_t ipv4_number() const { return static_cast<std::uint32_t>(low_); }
  /// 16 bytes in network order; an IPv4 address fills the first four.
  std::array<std::uint8_t, 16> bytes() const;
  /// ::ffff:192.0.2.1 as 192.0.2.1; any other address as it is.
  Address unmapped() const;

  constexpr auto operator<=>(const Address&) const = default;

 private:
  constexpr Address(Family family, std::uint64_t high, std::uint64_t low)
      : family_(family), high_(high), low_(low) {}
  Family family_ = Family::ipv4;
  std::uint64_t high_ = 0, low_ = 0;
};

/// Dotted decimal with four decimal numbers and no leading zeros, or RFC 4291 §2.2. No zone id, no port, no blanks.
std::optional<Address> parse_address(std::string_view text);
/// Dotted decimal, or RFC 5952.
std::string to_string(const Address& address);

/// What no zone can claim and `any` never contains (RFC 6890), as far as an address alone tells.
enum class AddressClass : std::uint8_t {
  unicast,
  private_use,
  unspecified,
  loopback,
  link_local,
  multicast,
  broadcast,
  reserved
};
/// `private_use`: RFC 1918, RFC 6598 shared, RFC 4193 unique local. `broadcast`: 255.255.255.255. Documentation
/// ranges are unicast.
AddressClass classify(const Address& address);
std::string_view name(AddressClass address_class);

}  // namespace demarc

template <>
struct std::hash<demarc::Address> {
  std::size_t operator()(const demarc::Address& a) const noexcept {
    std::uint64_t h = a.low() * 0x9E3779B97F4A7C15ULL + (a.high() ^ (a.is_ipv4() ? 0 : 0xD6E8FEB86659FD93ULL));
    h ^= h >> 32;
    return static_cast<std::size_t>(h * 0xD6E8FEB86659FD93ULL);
  }
};
