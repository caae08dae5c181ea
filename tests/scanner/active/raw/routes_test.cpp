#include "scanner/active/raw/routes.h"

#include <doctest/doctest.h>
#include <linux/rtnetlink.h>

#include <random>

#include "scanner/active/raw/netlink.h"
#include "tests/scanner/active/raw/two_networks.h"

using namespace demarc;
using namespace demarc::test;

namespace {

Address address(const char* text) { return *parse_address(text); }

/// "near from 192.0.2.1 via 192.0.2.254", or the error.
std::string way(const char* destination, const RouteWish& wish = {}) {
  Result<Route> route = Routes::open().value().to(address(destination), wish);
  if (!route) return route.error().what;
  return fmt::format("{} from {}{}", route->interface.name, to_string(route->source),
                     route->gateway ? " via " + to_string(*route->gateway) : "");
}

}  // namespace

TEST_CASE("the way to an address is the kernel's") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(run(
      "ip address add 192.0.2.7/24 dev near && ip route add 198.51.100.0/24 via 192.0.2.254 && "
      "ip route add unreachable 203.0.113.0/28 && ip route add blackhole 203.0.113.16/28 && "
      "ip route add prohibit 203.0.113.32/28 && ip route add 203.0.113.48/28 via inet6 2001:db8::99 dev near && "
      "ip route add 203.0.113.64/28 via 192.0.2.254 src 192.0.2.7"));
  REQUIRE(
      run("ip -6 route add 2001:db8:1::/64 via 2001:db8::99 && ip -6 route add unreachable 2001:db8:2::/64 && "
          "ip -6 route add blackhole 2001:db8:3::/64 && ip -6 route add prohibit 2001:db8:4::/64"));
  struct Row {
    const char *destination, *way;
  };
  for (const Row& row : {
           Row{"192.0.2.2", "near from 192.0.2.1"},
           Row{"198.51.100.9", "near from 192.0.2.1 via 192.0.2.254"},
           Row{"203.0.113.65", "near from 192.0.2.7 via 192.0.2.254"},
           Row{"203.0.113.49", "near from 192.0.2.1 via 2001:db8::99"},
           Row{"127.0.0.1", "lo from 127.0.0.1"},
           Row{"127.1.2.3", "lo from 127.0.0.1"},
           Row{"192.0.2.7", "lo from 192.0.2.1"},  // its second address on that network: Linux prefers the first
           Row{"203.0.113.1", "cannot reach 203.0.113.1: the route is 'unreachable'"},
           Row{"203.0.113.17", "cannot reach 203.0.113.17: the route is 'blackhole'"},
           Row{"203.0.113.33", "cannot reach 203.0.113.33: the route is 'prohibit'"},
           Row{"100.64.0.1", "cannot reach 100.64.0.1: there is no route"},
           Row{"192.0.2.255", "cannot reach 192.0.2.255: it is a broadcast address here"},
           Row{"2001:db8::2", "near from 2001:db8::1"},
           Row{"2001:db8:1::5", "near from 2001:db8::1 via 2001:db8::99"},
           Row{"::1", "lo from ::1"},
           Row{"2001:db8::1", "lo from 2001:db8::1"},
           Row{"2001:db8:2::1", "cannot reach 2001:db8:2::1: the route is 'unreachable'"},
           Row{"2001:db8:3::1", "cannot reach 2001:db8:3::1: the route is 'blackhole'"},
           Row{"2001:db8:4::1", "cannot reach 2001:db8:4::1: the route is 'prohibit'"},
           Row{"2001:db8:5::1", "cannot reach 2001:db8:5::1: there is no route"},
       }) {
    CAPTURE(row.destination);
    CHECK(way(row.destination) == row.way);
  }
}

TEST_CASE("an interface and a source address can be wished for") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(
      run("ip address add 192.0.2.7/24 dev near && ip link add other type veth peer name end && "
          "ip address add 198.51.100.1/24 dev other && ip link set other up && ip link set end up"));
  CHECK(way("192.0.2.2", {{}, address("192.0.2.7")}) == "near from 192.0.2.7");
  CHECK(way("192.0.2.2", {"near", {}}) == "near from 192.0.2.1");
  CHECK(way("192.0.2.2", {"other", {}}) == "other from 198.51.100.1");
  CHECK(way("192.0.2.2", {{}, address("192.0.2.9")}) ==
        "192.0.2.9 is not an address of this machine: no answer would come back to it");
  CHECK(way("192.0.2.2", {{}, address("2001:db8::1")}) ==
        "192.0.2.2 cannot be reached from 2001:db8::1: one is IPv4, the other IPv6");
  CHECK(way("192.0.2.2", {"nosuch", {}}) == "there is no interface 'nosuch'");
  CHECK(way("192.0.2.2", {"a-name-that-is-too-long", {}}) ==
        "'a-name-that-is-too-long' cannot be the name of an interface");
  CHECK(way("192.0.2.2", {"lo", {}}) == "cannot reach 192.0.2.2 over lo: it is no address of this machine");
  CHECK(way("192.0.2.1", {"lo", {}}) == "lo from 192.0.2.1");
  CHECK(way("2001:db8::1", {"lo", {}}) == "lo from 2001:db8::1");
  CHECK(way("192.0.2.1", {"near", {}}) ==
        "192.0.2.1 is an address of this machine: it is reached over lo, not near");
}

TEST_CASE("an interface says what stands in front of its packets") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(
      run("ip link set near address 02:00:00:00:00:11 mtu 1400 && ip tuntap add tun0 mode tun && "
          "ip tuntap add tap0 mode tap"));
  Routes routes = Routes::open().value();
  NetworkInterface near = routes.interface("near").value();
  CHECK(near.header == LinkHeader::ethernet);
  CHECK(near.mtu == 1400);
  CHECK(near.up);
  CHECK_FALSE(near.loopback);
  CHECK(near.address == LinkAddress{{2, 0, 0, 0, 0, 0x11}, 6});
  CHECK(routes.interface(near.index).value().name == "near");
  NetworkInterface lo = routes.interface("lo").value();
  CHECK(lo.loopback);
  CHECK(lo.header == LinkHeader::ethernet);
  CHECK(lo.address == LinkAddress{{}, 6});
  NetworkInterface tun = routes.interface("tun0").value();
  CHECK(tun.header == LinkHeader::none);
  CHECK(tun.address.size == 0);
  CHECK_FALSE(tun.up);
  CHECK(routes.interface("tap0").value().header == LinkHeader::ethernet);
  CHECK(routes.interface(9999).error().what == "there is no interface number 9999");
  if (run("ip link add mon0 type nlmon"))
    CHECK(routes.interface("mon0").error().what ==
          "interface 'mon0' is of link type 824 (netlink monitor): demarc does not write its frames");
}

TEST_CASE("the kernel's neighbours are known, and only while they can be believed") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(
      run("ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev near nud permanent && "
          "ip neigh add 192.0.2.10 lladdr 02:00:00:00:00:0a dev near nud reachable && "
          "ip neigh change 192.0.2.10 lladdr 02:00:00:00:00:0a dev near nud stale && "
          "ip neigh add 192.0.2.14 lladdr 02:00:00:00:00:0e dev near nud stale && "
          "ip neigh add 2001:db8::9 lladdr 02:00:00:00:00:19 dev near nud reachable && "
          "ip neigh add 192.0.2.11 dev near nud incomplete; ip neigh add 192.0.2.12 dev near nud failed || true"));
  Routes routes = Routes::open().value();
  int near = routes.interface("near").value().index;
  auto link = [](std::uint8_t last) { return LinkAddress{{2, 0, 0, 0, 0, last}, 6}; };
  CHECK(routes.neighbour(near, address("192.0.2.9")) == link(9));
  CHECK(routes.neighbour(near, address("192.0.2.10")) == link(10));  // stale, and just confirmed
  CHECK(routes.neighbour(near, address("2001:db8::9")) == link(0x19));
  CHECK_FALSE(routes.neighbour(near, address("192.0.2.14")).has_value());  // never confirmed
  CHECK_FALSE(routes.neighbour(near, address("192.0.2.11")).has_value());
  CHECK_FALSE(routes.neighbour(near, address("192.0.2.12")).has_value());
  CHECK_FALSE(routes.neighbour(near, address("192.0.2.13")).has_value());
  CHECK_FALSE(routes.neighbour(near + 100, address("192.0.2.9")).has_value());
}

TEST_CASE("a netlink answer is never read past its end") {
  // A real-looking message, cut and changed at random: every message and attribute lies within it.
  rtmsg route{};
  netlink::Request request(RTM_NEWROUTE, 0, 1, route);
  request.attribute(RTA_DST, address("192.0.2.1"))
      .attribute(RTA_OIF, 3U)
      .attribute(RTA_GATEWAY, address("2001:db8::1"));
  Bytes whole = request.bytes();
  std::vector<std::uint8_t> two(whole.begin(), whole.end());
  two.insert(two.end(), whole.begin(), whole.end());
  {
    Bytes rest = two;
    std::optional<netlink::Message> message = netlink::next_message(rest);
    REQUIRE(message.has_value());
    Bytes attributes = message->attributes<rtmsg>();
    CHECK(netlink::next_attribute(attributes)->address() == address("192.0.2.1"));
    CHECK(netlink::next_attribute(attributes)->number() == 3U);
    CHECK(netlink::next_attribute(attributes)->address() == address("2001:db8::1"));
    CHECK_FALSE(netlink::next_attribute(attributes).has_value());
    CHECK(netlink::next_message(rest).has_value());
    CHECK_FALSE(netlink::next_message(rest).has_value());
  }
  std::mt19937 random(3);
  std::uint64_t read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> changed(two.begin(),
                                      two.begin() + static_cast<std::ptrdiff_t>(random() % (two.size() + 1)));
    for (auto i = random() % 6; i > 0 && !changed.empty(); --i)
      changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    Bytes rest = changed;
    while (std::optional<netlink::Message> message = netlink::next_message(rest)) {
      Bytes attributes = message->attributes<rtmsg>();
      while (std::optional<netlink::Attribute> attribute = netlink::next_attribute(attributes)) {
        for (std::uint8_t byte : attribute->data) read += byte;
        read += attribute->number().value_or(0) + attribute->address().value_or(Address{}).low();
      }
    }
  }
  CHECK(read > 0);
}
