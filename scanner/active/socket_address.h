// Our addresses as the socket calls want them, and back.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

#include "rules/net/flow.h"

namespace demarc {

class SocketAddress {
 public:
  SocketAddress(const Address& address, Port port) {
    std::array<std::uint8_t, 16> bytes = address.bytes();
    if (address.is_ipv4()) {
      four_.sin_family = AF_INET;
      four_.sin_port = htons(port.number());
      std::memcpy(&four_.sin_addr, bytes.data(), 4);
    } else {
      six_.sin6_family = AF_INET6;
      six_.sin6_port = htons(port.number());
      std::memcpy(&six_.sin6_addr, bytes.data(), 16);
    }
    is_ipv4_ = address.is_ipv4();
  }
  /// Any address of ours of that family, with a port of our choice.
  static SocketAddress any(Family family, Port port) {
    return {family == Family::ipv4 ? Address::ipv4(0) : Address::ipv6(0, 0), port};
  }
  const sockaddr* get() const {
    return is_ipv4_ ? reinterpret_cast<const sockaddr*>(&four_) : reinterpret_cast<const sockaddr*>(&six_);
  }
  socklen_t size() const { return is_ipv4_ ? sizeof four_ : sizeof six_; }
  int family() const { return is_ipv4_ ? AF_INET : AF_INET6; }

 private:
  sockaddr_in four_{};
  sockaddr_in6 six_{};
  bool is_ipv4_ = true;
};

inline std::optional<Endpoint> endpoint_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, address, sizeof four);
    return Endpoint{Address::from_ipv4_bytes(reinterpret_cast<const std::uint8_t*>(&four.sin_addr)),
                    Port{ntohs(four.sin_port)}};
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, address, sizeof six);
    return Endpoint{Address::from_ipv6_bytes(reinterpret_cast<const std::uint8_t*>(&six.sin6_addr)),
                    Port{ntohs(six.sin6_port)}};
  }
  return std::nullopt;
}

}  // namespace demarc
