// Large access lists as they are and as they should not be, from a seed: what the benchmarks of the packet algebra
// and of whole configurations have in common.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "rules/space/box.h"

namespace demarc::large_lists {

struct Line {
  Box box;
  bool permit;
};

/// Hosts come in subnets, services in a few kinds; every twentieth line denies something broader.
inline std::vector<Line> structured(std::size_t lines, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto below = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  constexpr std::uint16_t kServices[] = {22,  25,  53,  80,   88,   123,  135,  139,  161,  389,  443,  445,  514,
                                         587, 636, 993, 1433, 1521, 3306, 3389, 5432, 5985, 6379, 8080, 8443, 9200};
  std::vector<Line> list;
  for (std::size_t n = 0; n < lines; ++n) {
    const bool permit = below(20) != 0;
    auto end = [&](std::uint32_t base, std::uint32_t subnets) {
      const Address host = Address::ipv4(base + below(subnets) * 256 + below(256));
      const unsigned length = !permit ? 16 + below(9) : below(3) != 0 ? 32 : 24 + below(6);
      return AddressSet{Prefix::containing(host, length)};
    };
    Box b;
    b.sources = end(0x0A000000, 400);
    b.destinations = end(0xAC100000, 100);
    b.protocols = {below(6) == 0 ? Protocol::udp : Protocol::tcp};
    const Port service(kServices[below(std::size(kServices))]);
    b.ports = below(12) == 0
                  ? PortSet{{service, Port(static_cast<std::uint16_t>(service.number() + 1 + below(100)))}}
                  : PortSet::single(service);
    list.push_back({b, permit});
  }
  return list;
}

inline std::vector<Line> random_ranges(std::size_t lines, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto number = [&random] { return static_cast<std::uint32_t>(random()); };
  std::vector<Line> list;
  for (std::size_t n = 0; n < lines; ++n) {
    auto addresses = [&] {
      const Address first = Address::ipv4(number());
      const std::uint64_t last = std::min<std::uint64_t>(first.low() + (number() >> 12), 0xFFFFFFFF);
      return AddressSet::of_ranges({{first, Address::ipv4(static_cast<std::uint32_t>(last))}});
    };
    auto ports = [&] {
      auto [first, last] =
          std::minmax({static_cast<std::uint16_t>(number()), static_cast<std::uint16_t>(number())});
      return PortSet{{Port(first), Port(last)}};
    };
    Box b{.sources = addresses(),
          .destinations = addresses(),
          .protocols = {Protocol::tcp},
          .ports = ports(),
          .source_ports = ports()};
    list.push_back({b, n % 2 == 0});
  }
  return list;
}


/// The lines as a list that IOS would have, bound to an interface.
inline std::string ios_configuration(const std::vector<Line>& list) {
  const auto end = [](const AddressSet& set) {
    const AddressRange& r = set.ranges().front();
    if (r.first == r.last) return fmt::format("host {}", to_string(r.first));
    return fmt::format("{} {}", to_string(r.first),
                       to_string(Address::ipv4(static_cast<std::uint32_t>(r.last.low() - r.first.low()))));
  };
  std::string out = "hostname bench\nip access-list extended OUTSIDE-IN\n";
  for (const Line& l : list) {
    const PortRange ports = l.box.ports.ranges().front();
    out += fmt::format(" {} {} {} {} {}\n", l.permit ? "permit" : "deny",
                       l.box.protocols.contains(Protocol::udp) ? "udp" : "tcp", end(l.box.sources),
                       end(l.box.destinations),
                       ports.first == ports.last
                           ? fmt::format("eq {}", ports.first.number())
                           : fmt::format("range {} {}", ports.first.number(), ports.last.number()));
  }
  out += "interface GigabitEthernet0/0\n ip address 203.0.113.1 255.255.255.0\n ip access-group OUTSIDE-IN in\n";
  return out;
}

}  // namespace demarc::large_lists
