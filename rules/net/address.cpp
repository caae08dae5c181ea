#include "rules/net/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <iterator>

namespace demarc {

std::string_view name(Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; }

Address Address::from_ipv4_bytes(const std::uint8_t* b) {
  return ipv4((std::uint32_t{b[0]} << 24) | (std::uint32_t{b[1]} << 16) | (std::uint32_t{b[2]} << 8) | b[3]);
}

Address Address::from_ipv6_bytes(const std::uint8_t* b) {
  std::uint64_t high = 0, low = 0;
  for (int i = 0; i < 8; ++i) high = (high << 8) | b[i];
  for (int i = 8; i < 16; ++i) low = (low << 8) | b[i];
  return ipv6(high, low);
}

std::array<std::uint8_t, 16> Address::bytes() const {
  std::array<std::uint8_t, 16> out{};
  if (is_ipv4()) {
    for (unsigned i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(low_ >> (24 - 8 * i));
  } else {
    for (unsigned i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(high_ >> (56 - 8 * i));
    for (unsigned i = 0; i < 8; ++i) out[8 + i] = static_cast<std::uint8_t>(low_ >> (56 - 8 * i));
  }
  return out;
}

Address Address::unmapped() const {
  bool mapped = !is_ipv4() && high_ == 0 && (low_ >> 32) == 0xFFFF;
  return mapped ? ipv4(static_cast<std::uint32_t>(low_)) : *this;
}

std::optional<Address> parse_address(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, buffer, bytes) == 1) {  // glibc refuses leading zeros, as RFC 6943 §3.1.1 asks
    return Address::from_ipv4_bytes(bytes);
  }
  if (inet_pton(AF_INET6, buffer, bytes) == 1) return Address::from_ipv6_bytes(bytes);
  return std::nullopt;
}

std::string to_string(const Address& address) {
  if (address.is_ipv4()) {  // written by the million, and inet_ntop goes through printf
    char text[16];
    char* end = text;
    for (int shift = 24; shift >= 0; shift -= 8) {
      end = std::to_chars(end, std::end(text), address.ipv4_number() >> shift & 0xFFU).ptr;
      if (shift != 0) *end++ = '.';
    }
    return {text, end};
  }
  char buffer[INET6_ADDRSTRLEN];
  std::array<std::uint8_t, 16> bytes = address.bytes();
  inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
  return buffer;
}

AddressClass classify(const Address& address) {
  if (address.is_ipv4()) {
    std::uint32_t n = address.ipv4_number();
    auto in = [n](std::uint32_t base, unsigned length) { return (n ^ base) >> (32 - length) == 0; };
    if (n == 0xFFFFFFFF) return AddressClass::broadcast;
    if (n == 0) return AddressClass::unspecified;
    if (in(0x7F000000, 8)) return AddressClass::loopback;
    if (in(0xA9FE0000, 16)) return AddressClass::link_local;
    if (in(0xE0000000, 4)) return AddressClass::multicast;
    if (in(0x0A000000, 8) || in(0xAC100000, 12) || in(0xC0A80000, 16) || in(0x64400000, 10))
      return AddressClass::private_use;
    if (in(0, 8) || in(0xF0000000, 4)) return AddressClass::reserved;
    return AddressClass::unicast;
  }
  std::uint64_t high = address.high();
  if (high == 0 && address.low() == 0) return AddressClass::unspecified;
  if (high == 0 && address.low() == 1) return AddressClass::loopback;
  if (high >> 56 == 0xFF) return AddressClass::multicast;
  if (high >> 54 == 0xFE80 >> 6) return AddressClass::link_local;
  if (high >> 57 == 0xFC >> 1) return AddressClass::private_use;
  if (high >> 61 != 1 && !(high >> 32 == 0x0064FF9B))
    return AddressClass::reserved;  // only 2000::/3 is global unicast (RFC 4291 §2.4)
  return AddressClass::unicast;
}

std::string_view name(AddressClass address_class) {
  switch (address_class) {
    case AddressClass::unicast: return "unicast";
    case AddressClass::private_use: return "private";
    case AddressClass::unspecified: return "unspecified";
    case AddressClass::loopback: return "loopback";
    case AddressClass::link_local: return "link-local";
    case AddressClass::multicast: return "multicast";
    case AddressClass::broadcast: return "broadcast";
    case AddressClass::reserved: return "reserved";
  }
  return "unicast";
}

}  // namespace demarc
