#include "rules/verdict/packet_picker.h"

namespace demarc {

namespace {

/// The wanted number, or the next one in the set, cyclically.
bool one_of(const ByteSet& set, std::uint8_t wanted, std::uint8_t& out) {
  for (unsigned n = 0; n < 256; ++n) {
    out = static_cast<std::uint8_t>(wanted + n);
    if (set.contains(out)) return true;
  }
  return false;
}

template <typename E>
bool one_of(const FourSet<E>& set, std::uint64_t start, E& out) {
  for (std::uint64_t n = 0; n < 4; ++n) {
    out = E((start + n) % 4);
    if (set.contains(out)) return true;
  }
  return false;
}

}  // namespace

std::optional<ConcretePacket> PacketPicker::pick(const Box& box, unsigned attempt) {
  ConcretePacket c;
  const bool ordinary = attempt < 4;
  const std::optional<Address> source = address(box.sources, box.family, attempt % 2 == 0, ordinary);
  if (!source) return std::nullopt;
  const std::optional<Address> destination =
      address(box.destinations, source->family(), attempt / 2 % 2 == 0, ordinary);
  if (!destination) return std::nullopt;
  c.packet.source = *source, c.packet.destination = *destination;
  if (!protocol(box, ordinary, c.packet.protocol)) return std::nullopt;
  if (c.packet.protocol.has_ports()) {
    c.packet.port = port(box.ports, attempt % 2 == 0, ordinary, 80);
    c.packet.source_port = port(box.source_ports, attempt / 2 % 2 == 0, ordinary, 40'000);
  }
  if (c.packet.protocol.is_icmp()) {
    const std::uint16_t number = port(box.icmp.numbers(), attempt % 2 == 0, ordinary, 8 << 8).number();
    c.packet.icmp = {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 0xFF)};
  }
  if (c.packet.protocol == Protocol::tcp) {
    constexpr std::uint8_t kLikely[] = {tcp_flag::syn, tcp_flag::ack, tcp_flag::syn | tcp_flag::ack, tcp_flag::rst};
    const std::uint8_t wanted = ordinary ? kLikely[attempt] : static_cast<std::uint8_t>(random_());
    if (!one_of(box.flags, wanted, c.context.flags)) return std::nullopt;
  }
  const auto four = [&](const auto& set, auto& out) { return one_of(set, ordinary ? 0 : random_() % 4, out); };
  return four(box.states, c.context.state) && four(box.fragments, c.context.fragment) &&
                 one_of(box.ingress, 0, c.context.ingress) && one_of(box.egress, 0, c.context.egress)
             ? std::optional(c)
             : std::nullopt;
}

std::optional<Address> PacketPicker::address(const AddressSet& set, std::optional<Family> family, bool front,
                                             bool ordinary) {
  const std::vector<AddressRange>& ranges = set.ranges();
  if (ranges.empty()) return std::nullopt;
  if (ranges == all_.ranges()) {  // anybody
    if (family.value_or(Family::ipv4) == Family::ipv4)
      return Address::ipv4(ordinary ? 0xC6336407U : static_cast<std::uint32_t>(random_()));
    return Address::ipv6(0x20010DB800000000U, ordinary ? 7 : random_());
  }
  for (std::size_t tries = 0; tries < 4; ++tries) {
    const AddressRange& r =
        ordinary && tries == 0 ? (front ? ranges.front() : ranges.back()) : ranges[random_() % ranges.size()];
    if (family && r.first.family() != *family) continue;
    if (ordinary) return front ? r.first : r.last;
    const Uint128 width = r.last.number() - r.first.number();
    const Uint128 wide = static_cast<Uint128>(random_()) << 64 | random_();
    return Address::of(r.first.family(), r.first.number() + (width == ~Uint128{0} ? wide : wide % (width + 1)));
  }
  for (const AddressRange& r : ranges)
    if (!family || r.first.family() == *family) return front ? r.first : r.last;
  return std::nullopt;
}

bool PacketPicker::protocol(const Box& box, bool ordinary, Protocol& out) {
  ByteSet set = box.protocols.numbers();
  const auto narrow = [&set](const ProtocolSet& to) { set = set.intersect(to.numbers()); };
  if (box.ports != PortSet::all() || box.source_ports != PortSet::all()) narrow(ProtocolSet::with_ports());
  if (box.icmp != IcmpSet::all()) narrow(ProtocolSet::icmp());
  if (!box.flags.is_all()) narrow({Protocol::tcp});
  std::uint8_t number = 0;
  if (!one_of(set, ordinary ? Protocol(Protocol::tcp).number() : static_cast<std::uint8_t>(random_()), number))
    return false;
  out = Protocol(number);
  return true;
}

Port PacketPicker::port(const PortSet& set, bool front, bool ordinary, std::uint16_t usual) {
  const std::vector<PortRange>& ranges = set.ranges();
  if (ranges.empty()) return Port(0);
  if (ordinary && set.contains(Port(usual))) return Port(usual);
  const PortRange& r = ranges[ordinary ? 0 : random_() % ranges.size()];
  if (ordinary) return front ? r.first : r.last;
  const unsigned width = r.last.number() - r.first.number() + 1U;
  return Port(static_cast<std::uint16_t>(r.first.number() + random_() % width));
}

}  // namespace demarc
