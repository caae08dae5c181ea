// How this machine reaches an address: asked of the kernel over rtnetlink, never guessed. Sends nothing to the
// network.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "rules/net/address.h"
#include "rules/text/result.h"

namespace demarc {

/// An address of the link layer: six bytes on Ethernet, none on a tunnel.
struct LinkAddress {
  std::array<std::uint8_t, 8> bytes{};
  std::uint8_t size = 0;
  auto operator<=>(const LinkAddress&) const = default;
};

/// What stands in front of the IP header on that interface.
enum class LinkHeader : std::uint8_t {
  ethernet,  // ARPHRD_ETHER, and loopback, whose header is Ethernet's with zeros
  none,      // tunnels, PPP: the packet begins with its IP header
};

/// One of our interfaces.
struct NetworkInterface {
  int index = 0;
  std::string name;
  LinkHeader header = LinkHeader::ethernet;
  bool loopback = false, up = false;
  std::uint32_t mtu = 1500;
  LinkAddress address;
};

/// The way to one destination.
struct Route {
  NetworkInterface interface;
  Address source;                  // what the kernel would send from
  std::optional<Address> gateway;  // none: the destination is on the link itself
  /// Whose link address the frame needs.
  const Address& next_hop(const Address& destination) const { return gateway ? *gateway : destination; }
};

/// What `-e` and `--source` prescribe.
struct RouteWish {
  std::optional<std::string> interface_name;
  std::optional<Address> source;
};

/// A netlink socket to ask over. Needs no privilege.
class Routes {
 public:
  static Result<Routes> open();
  ~Routes();
  Routes(Routes&&) noexcept;
  Routes& operator=(Routes&&) noexcept;

  /// Fails if the kernel has no route (unreachable, prohibit, blackhole are named), or no interface as wished.
  Result<Route> to(const Address& destination, const RouteWish& wish = {});
  Result<NetworkInterface> interface(const std::string& name);
  Result<NetworkInterface> interface(int index);
  /// What the kernel's neighbour table already knows (ARP or ND), if it is not stale beyond use; asks nobody.
  std::optional<LinkAddress> neighbour(int interface_index, const Address& next_hop);

 private:
  struct State;
  explicit Routes(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace demarc
