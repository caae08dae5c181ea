// One packet out of a set, as somebody would really send it: a proof that a person believes at a glance.
//
// Field by field from the top of the diagram, the first wish that the set can grant is taken. Since every edge that
// is not false leads to a packet, a granted wish is never regretted and nothing is tried twice.
#include <algorithm>
#include <array>

#include "rules/space/packet_set.h"
#include "rules/space/plain_box.h"

namespace demarc {
namespace {

/// Wishes, best first: exactly this number, or otherwise the lowest that is not below it.
struct Wish {
  Uint128 number;
  bool exactly;
};
using Wishes = std::vector<Wish>;

constexpr Uint128 v6(std::uint64_t high, std::uint64_t low) { return static_cast<Uint128>(high) << 64 | low; }

Wishes wishes(Field field, Family family, unsigned protocol) {
  const bool ipv4 = family == Family::ipv4;
  switch (field) {
    case Field::protocol: return {{6, true}, {17, true}, {ipv4 ? 1U : 58U, true}, {0, false}};
    case Field::flags:
      return {{tcp_flag::syn, true}, {tcp_flag::ack, true}, {tcp_flag::syn | tcp_flag::ack, true}, {0, false}};
    case Field::port_or_icmp:
      if (protocol == 1) return {{8 << 8, true}, {0, false}};
      if (protocol == 58) return {{128 << 8, true}, {0, false}};
      return {{443, true}, {80, true},   {22, true}, {53, true}, {25, true},
              {445, true}, {3389, true}, {1, false}, {0, false}};
    case Field::source_port: return {{40000, true}, {1024, false}, {1, false}, {0, false}};
    case Field::source:
      if (ipv4) return {{0xC6336407, true}, {0x01000001, false}, {0, false}};  // 198.51.100.7
      return {{v6(0x20010DB800000000, 7), true}, {v6(0x2000000000000000, 1), false}, {1, false}, {0, false}};
    case Field::destination:
      if (ipv4) return {{0xC000020A, true}, {0x01000001, false}, {0, false}};  // 192.0.2.10
      return {{v6(0x20010DB800000000, 0x10), true}, {v6(0x2000000000000000, 1), false}, {1, false}, {0, false}};
    default: return {{0, false}};  // state new, fragment whole, interface 0
  }
}

struct Found {
  Uint128 number;
  Diagram::Edge below;
};

/// The lowest number of the field, not below `least`, that is in the set.
std::optional<Found> lowest(const Diagram& d, Diagram::Edge e, FieldSpan span, Uint128 least) {
  // `tight`: the bits so far equal those of `least`. Once they do not, the first way that is not false is right, so
  // the search goes back at most once a level.
  auto search = [&](auto& self, Diagram::Edge x, unsigned bits, Uint128 number,
                    bool tight) -> std::optional<Found> {
    if (x == Diagram::kFalse) return std::nullopt;
    if (bits == 0) return Found{number, x};
    const bool tested = d.level(x) == span.end() - bits;
    const Uint128 bit = Uint128{1} << (bits - 1);
    const bool must = tight && (least & bit) != 0;
    if (!must) {
      if (auto found = self(self, tested ? d.low(x) : x, bits - 1, number, tight)) return found;
    }
    return self(self, tested ? d.high(x) : x, bits - 1, number | bit, must);
  };
  return search(search, e, span.bits, 0, true);
}

Diagram::Edge descend(const Diagram& d, Diagram::Edge e, FieldSpan span, Uint128 number) {
  BitKey key;
  key.put(span, number);
  while (e > Diagram::kFalse && d.level(e) < span.end()) e = key.bit(d.level(e)) ? d.high(e) : d.low(e);
  return e;
}

Found grant(const Diagram& d, Diagram::Edge e, FieldSpan span, Field field, Family family, unsigned protocol) {
  for (const Wish& wish : wishes(field, family, protocol)) {
    if (wish.exactly) {
      if (Diagram::Edge below = descend(d, e, span, wish.number); below != Diagram::kFalse)
        return {wish.number, below};
    } else if (auto found = lowest(d, e, span, wish.number)) {
      const bool address = field == Field::source || field == Field::destination;
      if (address && (found->number & 3) == 0) {  // perhaps a network's own address: rather the first host
        if (Diagram::Edge below = descend(d, e, span, found->number + 1); below != Diagram::kFalse) {
          return {found->number + 1, below};
        }
      }
      return *found;
    }
  }
  return {0, e};  // not reached: the last wish takes any number, and the set is not empty
}

// --- The same of plain boxes, where what is granted in one field leaves all others as they are ---

template <typename Ranges, typename Number>
std::optional<Uint128> lowest_in(const Ranges& ranges, Uint128 least, Number number) {
  for (const auto& r : ranges)
    if (number(r.last) >= least) return std::max(number(r.first), least);
  return std::nullopt;
}
std::optional<Uint128> lowest(const AddressSet& set, Uint128 least) {
  return lowest_in(set.ranges(), least, [](const Address& a) { return a.number(); });
}
std::optional<Uint128> lowest(const PortSet& set, Uint128 least) {
  return lowest_in(set.ranges(), least, [](Port p) { return Uint128{p.number()}; });
}
std::optional<Uint128> lowest(const ByteSet& set, Uint128 least) {
  for (unsigned n = static_cast<unsigned>(least); n < 256; ++n)
    if (set.contains(static_cast<std::uint8_t>(n))) return n;
  return std::nullopt;
}
template <typename E>
std::optional<Uint128> lowest(const FourSet<E>& set, Uint128 least) {
  for (unsigned n = static_cast<unsigned>(least); n < 4; ++n)
    if (set.contains(static_cast<E>(n))) return n;
  return std::nullopt;
}

template <typename Set>
Uint128 grant(const Set& set, Field field, Family family, unsigned protocol = 0) {
  for (const Wish& wish : wishes(field, family, protocol)) {
    const std::optional<Uint128> found = lowest(set, wish.number);
    if (!found || (wish.exactly && *found != wish.number)) continue;
    const bool network = (field == Field::source || field == Field::destination) && (*found & 3) == 0;
    if (!wish.exactly && network && lowest(set, *found + 1) == *found + 1) return *found + 1;
    return *found;
  }
  return 0;  // not reached: no field of a plain box is empty
}

}  // namespace

ConcretePacket PlainBox::sample() const {
  const Family family = *box_.family;
  const auto byte = [](Uint128 number) { return static_cast<std::uint8_t>(number); };
  ConcretePacket p;
  const std::uint8_t protocol = byte(grant(box_.protocols.numbers(), Field::protocol, family));
  p.packet.protocol = Protocol(protocol);
  p.packet.source = Address::of(family, grant(box_.sources, Field::source, family));
  p.packet.destination = Address::of(family, grant(box_.destinations, Field::destination, family));
  if (ports_) {
    p.packet.port = Port(static_cast<std::uint16_t>(grant(box_.ports, Field::port_or_icmp, family, protocol)));
    p.packet.source_port = Port(static_cast<std::uint16_t>(grant(box_.source_ports, Field::source_port, family)));
  }
  if (icmp_) {
    const Uint128 number = grant(box_.icmp.numbers(), Field::port_or_icmp, family, protocol);
    p.packet.icmp = {byte(number >> 8), byte(number & 0xFF)};
  }
  p.context.flags = tcp_ ? byte(grant(box_.flags, Field::flags, family)) : std::uint8_t{0};
  p.context.state = static_cast<ConnectionState>(grant(box_.states, Field::state, family));
  p.context.fragment = static_cast<Fragment>(grant(box_.fragments, Field::fragment, family));
  p.context.ingress = byte(grant(box_.ingress, Field::ingress, family));
  p.context.egress = byte(grant(box_.egress, Field::egress, family));
  return p;
}

ConcretePacket PacketSpace::sample(Edge root, Family family) const {
  std::array<Uint128, kFields> chosen{};
  auto number = [&chosen](Field field) { return static_cast<unsigned>(chosen[static_cast<std::size_t>(field)]); };
  Edge e = root;
  for (Field field : sequence_) {
    const Found found = grant(diagram_, e, span(field, family), field, family, number(Field::protocol));
    chosen[static_cast<std::size_t>(field)] = found.number;
    e = found.below;
  }
  ConcretePacket p;
  p.packet.protocol = Protocol(static_cast<std::uint8_t>(number(Field::protocol)));
  p.packet.source = Address::of(family, chosen[static_cast<std::size_t>(Field::source)]);
  p.packet.destination = Address::of(family, chosen[static_cast<std::size_t>(Field::destination)]);
  const unsigned port = number(Field::port_or_icmp);
  if (p.packet.protocol.has_ports()) {
    p.packet.port = Port(static_cast<std::uint16_t>(port));
    p.packet.source_port = Port(static_cast<std::uint16_t>(number(Field::source_port)));
  } else if (p.packet.protocol.is_icmp()) {
    p.packet.icmp = {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port & 0xFF)};
  }
  p.context.flags =
      p.packet.protocol == Protocol::tcp ? static_cast<std::uint8_t>(number(Field::flags)) : std::uint8_t{0};
  p.context.state = static_cast<ConnectionState>(number(Field::state));
  p.context.fragment = static_cast<Fragment>(number(Field::fragment));
  p.context.ingress = static_cast<InterfaceId>(number(Field::ingress));
  p.context.egress = static_cast<InterfaceId>(number(Field::egress));
  return p;
}

std::optional<ConcretePacket> PacketSet::sample() const {
  if (space_ == nullptr || is_empty()) return std::nullopt;
  const Family family = ipv4_ != Diagram::kFalse ? Family::ipv4 : Family::ipv6;
  return space_->sample(root(family), family);
}

}  // namespace demarc
