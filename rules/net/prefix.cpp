#include "rules/net/prefix.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace demarc {

namespace {
Uint128 host_mask(Family family, unsigned length) {
  unsigned free_bits = bits(family) - length;
  return free_bits >= 128 ? ~Uint128{0} : (Uint128{1} << free_bits) - 1;
}
}  // namespace

Prefix Prefix::containing(const Address& address, unsigned length) {
  length = std::min(length, bits(address.family()));
  return Prefix(Address::of(address.family(), address.number() & ~host_mask(address.family(), length)), length);
}

Address Prefix::last() const { return Address::of(family(), base_.number() | host_mask(family(), length_)); }

bool Prefix::contains(const Address& address) const {
  return address.family() == family() && (address.number() & ~host_mask(family(), length_)) == base_.number();
}

Result<Prefix> parse_prefix(std::string_view text) {
  std::size_t slash = text.find('/');
  std::optional<Address> address = parse_address(text.substr(0, slash));
  if (!address)
    return failure(fmt::format("'{}' is neither an address nor a prefix", text),
                   "write 192.0.2.0/24, 192.0.2.10 or \"2001:db8::/32\"");
  if (slash == std::string_view::npos) return Prefix::host(*address);
  std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  bool number = problem == std::errc() && end == digits.data() + digits.size() && !digits.empty() &&
                (digits.size() == 1 || digits[0] != '0');
  if (!number || length > bits(address->family())) {
    return failure(fmt::format("'{}' is no prefix length for {}", digits, name(address->family())),
                   fmt::format("a number from 0 to {}", bits(address->family())));
  }
  Prefix prefix = Prefix::containing(*address, length);
  if (prefix.base() != *address) {
    return failure(fmt::format("{} has bits beyond its prefix length", text),
                   fmt::format("the network is {}, the single address {}", to_string(prefix), to_string(*address)));
  }
  return prefix;
}

std::string to_string(const Prefix& prefix) {
  return prefix.is_host() ? to_string(prefix.base())
                          : fmt::format("{}/{}", to_string(prefix.base()), prefix.length());
}

}  // namespace demarc
