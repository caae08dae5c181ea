// The judge: what a box means, said without diagrams, and random boxes and packets to ask both about.
#pragma once

#include <random>
#include <vector>

#include "rules/space/packet_set.h"

namespace demarc::naive {

inline bool matches(const Box& box, const ConcretePacket& concrete) {
  const Packet& p = concrete.packet;
  const PacketContext& c = concrete.context;
  const bool all_ports = box.ports == PortSet::all(), all_source_ports = box.source_ports == PortSet::all();
  if (box.family && *box.family != p.source.family()) return false;
  if (!box.sources.contains(p.source) || !box.destinations.contains(p.destination)) return false;
  if (!box.protocols.contains(p.protocol)) return false;
  if (!all_ports && !(p.protocol.has_ports() && box.ports.contains(p.port))) return false;
  if (!all_source_ports && !(p.protocol.has_ports() && box.source_ports.contains(p.source_port))) return false;
  if (box.icmp != IcmpSet::all() && !(p.protocol.is_icmp() && box.icmp.contains(p.icmp))) return false;
  if (!box.flags.is_all() && !(p.protocol == Protocol::tcp && box.flags.contains(c.flags))) return false;
  return box.states.contains(c.state) && box.fragments.contains(c.fragment) && box.ingress.contains(c.ingress) &&
         box.egress.contains(c.egress);
}

/// Boxes and packets from a seed. Numbers come from few neighbourhoods, so that boxes touch, overlap and nest.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  bool one_in(unsigned n) { return below(n) == 0; }

  Address address(Family family) {
    if (family == Family::ipv4) return Address::ipv4(0xC0000200 + near(256));
    return Address::ipv6(0x20010DB800000000, near(256));
  }
  AddressSet addresses() {
    if (one_in(3)) return AddressSet::all();
    std::vector<AddressRange> ranges;
    for (unsigned n = 1 + below(3); n > 0; --n) {
      const Family family = one_in(2) ? Family::ipv4 : Family::ipv6;
      auto [first, last] = std::minmax({address(family), address(family)});
      ranges.push_back({first, last});
    }
    return AddressSet::of_ranges(std::move(ranges));
  }
  std::uint16_t number16() { return static_cast<std::uint16_t>(one_in(4) ? below(65536) : near(65536)); }
  PortSet ports() {
    if (one_in(2)) return PortSet::all();
    std::vector<PortRange> ranges;
    for (unsigned n = 1 + below(3); n > 0; --n) {
      auto [first, last] = std::minmax({number16(), number16()});
      ranges.push_back({Port(first), Port(last)});
    }
    return PortSet::of(std::move(ranges));
  }
  Protocol protocol() {
    constexpr Protocol kSome[] = {Protocol::tcp,    Protocol::udp, Protocol::icmp,
                                  Protocol::icmpv6, Protocol::esp, Protocol::sctp};
    return kSome[below(6)];
  }
  ByteSet bytes() {
    if (one_in(2)) return ByteSet::all();
    ByteSet set;
    for (unsigned n = 1 + below(4); n > 0; --n) set.insert(static_cast<std::uint8_t>(below(32)));
    return one_in(3) ? set.complement() : set;
  }
  template <typename E>
  FourSet<E> four() {
    if (one_in(2)) return FourSet<E>::all();
    return {static_cast<E>(below(4)), static_cast<E>(below(4))};
  }
  Box box() {
    Box b;
    if (one_in(4)) b.family = one_in(2) ? Family::ipv4 : Family::ipv6;
    b.sources = addresses();
    b.destinations = addresses();
    if (!one_in(3)) b.protocols = {protocol(), protocol()};
    if (one_in(5)) b.protocols = ProtocolSet(b.protocols.numbers().complement());
    if (!one_in(3)) b.ports = ports();
    if (one_in(3)) b.source_ports = ports();
    if (one_in(8)) b.icmp = IcmpSet::of_numbers(ports());
    if (one_in(5)) b.flags = bytes();
    if (one_in(3)) b.states = four<ConnectionState>();
    if (one_in(4)) b.fragments = four<Fragment>();
    if (one_in(4)) b.ingress = bytes();
    if (one_in(4)) b.egress = bytes();
    return b;
  }
  std::vector<Box> boxes(unsigned most) {
    std::vector<Box> list(1 + below(most));
    for (Box& b : list) b = box();
    return list;
  }
  ConcretePacket packet() {
    ConcretePacket c;
    const Family family = one_in(2) ? Family::ipv4 : Family::ipv6;
    c.packet = {
        address(family),  address(family),
        protocol(),       Port(number16()),
        Port(number16()), IcmpType{static_cast<std::uint8_t>(below(256)), static_cast<std::uint8_t>(near(256))}};
    c.context = {static_cast<std::uint8_t>(below(32)), static_cast<ConnectionState>(below(4)),
                 static_cast<Fragment>(below(4)), static_cast<InterfaceId>(below(32)),
                 static_cast<InterfaceId>(below(32))};
    return c;
  }
  /// A packet that some box is about: otherwise most questions would be answered by the first field.
  ConcretePacket packet_near(const Box& b) {
    ConcretePacket c = packet();
    const Family family = b.family.value_or(c.packet.source.family());
    auto pick = [&](const AddressSet& set, Address& a) {
      a = address(family);
      for (const AddressRange& r : set.ranges()) {
        if (r.first.family() == family && set != AddressSet::all()) a = one_in(2) ? r.first : r.last;
      }
    };
    pick(b.sources, c.packet.source);
    pick(b.destinations, c.packet.destination);
    for (unsigned tries = 0; tries < 40 && !b.protocols.contains(c.packet.protocol); ++tries)
      c.packet.protocol = protocol();
    if (!b.ports.empty()) c.packet.port = one_in(2) ? b.ports.ranges().back().first : b.ports.ranges().front().last;
    if (!b.source_ports.empty()) c.packet.source_port = b.source_ports.ranges().front().first;
    for (unsigned tries = 0; tries < 40 && !b.flags.contains(c.context.flags); ++tries) {
      c.context.flags = static_cast<std::uint8_t>(below(256));
    }
    for (unsigned tries = 0; tries < 20 && !b.states.contains(c.context.state); ++tries) {
      c.context.state = static_cast<ConnectionState>(below(4));
    }
    for (unsigned tries = 0; tries < 20 && !b.fragments.contains(c.context.fragment); ++tries) {
      c.context.fragment = static_cast<Fragment>(below(4));
    }
    return c;
  }

 private:
  std::uint32_t near(unsigned n) {
    constexpr std::uint32_t kCorners[] = {0, 1, 22, 80, 127, 128, 255, 443, 1023, 1024, 32768, 65535};
    return kCorners[below(12)] % n;
  }
  std::mt19937_64 engine_;
};

}  // namespace demarc::naive
