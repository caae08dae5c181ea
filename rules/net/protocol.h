// IP protocol numbers (IANA "Assigned Internet Protocol Numbers").
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace demarc {

class Protocol {
 public:
  constexpr Protocol() = default;
  explicit constexpr Protocol(std::uint8_t number) : number_(number) {}
  constexpr std::uint8_t number() const { return number_; }
  constexpr bool has_ports() const {
    return number_ == 6 || number_ == 17 || number_ == 132 || number_ == 33 || number_ == 136;
  }
  constexpr bool is_icmp() const { return number_ == 1 || number_ == 58; }
  auto operator<=>(const Protocol&) const = default;

  static const Protocol icmp, igmp, ipip, tcp, udp, ipv6, gre, esp, ah, icmpv6, ospf, pim, vrrp, sctp;

 private:
  std::uint8_t number_ = 0;
};

inline constexpr Protocol Protocol::icmp{1}, Protocol::igmp{2}, Protocol::ipip{4}, Protocol::tcp{6},
    Protocol::udp{17}, Protocol::ipv6{41}, Protocol::gre{47}, Protocol::esp{50}, Protocol::ah{51},
    Protocol::icmpv6{58}, Protocol::ospf{89}, Protocol::pim{103}, Protocol::vrrp{112}, Protocol::sctp{132};

/// "tcp", "esp"; the number where there is no common name.
std::string to_string(Protocol protocol);
/// A name or a decimal number without leading zeros.
std::optional<Protocol> parse_protocol(std::string_view text);

}  // namespace demarc
