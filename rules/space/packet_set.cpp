// How packets become assignments of diagram variables, and the algebra on top.
//
// A field is a run of levels, most significant bit first. Not every packet has every field: ESP has no ports, UDP
// no flags. The levels of a field that a packet lacks are never tested for its protocol, in any set that this file
// can make: a box that names the field narrows its protocols first. So equal sets stay equal nodes, and complement
// is the complement of packets. ICMP's type and code share the levels of the destination port, since no protocol
// has both.
#include "rules/space/packet_set.h"

#include <algorithm>
#include <stdexcept>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

namespace demarc {

// ---------------------------------------------------------------- fields

namespace {

constexpr std::array<Field, 10> kPortsFirst = {
    Field::ingress, Field::egress,       Field::state,       Field::fragment,    Field::protocol,
    Field::flags,   Field::port_or_icmp, Field::source_port, Field::destination, Field::source};
constexpr std::array<Field, 10> kAddressesFirst = {
    Field::ingress, Field::egress,   Field::state, Field::fragment,     Field::destination,
    Field::source,  Field::protocol, Field::flags, Field::port_or_icmp, Field::source_port};

constexpr std::uint32_t bits_of(Field field) {
  switch (field) {
    case Field::state:
    case Field::fragment: return 2;
    case Field::port_or_icmp:
    case Field::source_port: return 16;
    case Field::destination:
    case Field::source: return 128;
    default: return 8;
  }
}

constexpr std::uint32_t total_bits() {
  std::uint32_t total = 0;
  for (Field f : kPortsFirst) total += bits_of(f);
  return total;
}

/// Mixing spaces is a mistake of the program that would give a wrong verdict, so it is refused in release builds
/// too.
void require_same(const PacketSpace* a, const PacketSpace* b) {
  if (a == nullptr || a != b) throw std::logic_error("an operation on packet sets of different spaces");
}

bool is_all(const PortSet& set) { return set.ranges().size() == 1 && set.ranges().front() == PortRange::all(); }

/// Protocols grouped by which fields their packets have; `absent` levels are free and must not count.
struct ProtocolClass {
  ProtocolSet protocols;
  unsigned absent;
};
std::array<ProtocolClass, 4> protocol_classes() {
  const ByteSet tcp = ProtocolSet{Protocol::tcp}.numbers();
  const ByteSet ports = ProtocolSet::with_ports().numbers(), icmp = ProtocolSet::icmp().numbers();
  return {{{ProtocolSet(tcp), 0},
           {ProtocolSet(ports.minus(tcp)), 8},                            // flags
           {ProtocolSet(icmp), 8 + 16},                                   // flags, source port
           {ProtocolSet(ports.unite(icmp).complement()), 8 + 16 + 16}}};  // and the other port
}

/// Sorted, disjoint and not touching, as the sets of rules/net are.
Ranges ranges_of(const PortSet& set) {
  Ranges ranges;
  for (const PortRange& r : set.ranges()) ranges.push_back({r.first.number(), r.last.number()});
  return ranges;
}

Ranges ranges_of(const AddressSet& set, Family family) {
  Ranges ranges;
  for (const AddressRange& r : set.ranges()) {
    if (r.first.family() == family) ranges.push_back({r.first.number(), r.last.number()});
  }
  return ranges;
}

template <typename Contains>
Ranges ranges_of_small(unsigned size, Contains contains) {
  Ranges ranges;
  for (unsigned n = 0; n < size; ++n) {
    if (!contains(n)) continue;
    if (!ranges.empty() && ranges.back().last + 1 == n)
      ranges.back().last = n;
    else
      ranges.push_back({n, n});
  }
  return ranges;
}

Ranges ranges_of(const ByteSet& set) {
  if (set.is_all()) return {{0, 255}};
  return ranges_of_small(256, [&](unsigned n) { return set.contains(static_cast<std::uint8_t>(n)); });
}

template <typename E>
Ranges ranges_of(const FourSet<E>& set) {
  return ranges_of_small(4, [&](unsigned n) { return set.contains(static_cast<E>(n)); });
}

/// "The field's number is in one of the ranges, and then `below` holds", without any set operation.
Diagram::Edge in_ranges(Diagram& diagram, Diagram::Level level, unsigned bits, Uint128 base,
                        std::span<const Range> ranges, Diagram::Edge below) {
  if (ranges.empty()) return Diagram::kFalse;
  if (ranges.front().first <= base && (base | low_mask(bits)) <= ranges.front().last) return below;
  const Uint128 middle = base | Uint128{1} << (bits - 1);
  auto low_end =
      std::partition_point(ranges.begin(), ranges.end(), [&](const Range& r) { return r.first < middle; });
  auto high_begin =
      std::partition_point(ranges.begin(), ranges.end(), [&](const Range& r) { return r.last < middle; });
  const Diagram::Edge low = in_ranges(diagram, level + 1, bits - 1, base, {ranges.begin(), low_end}, below);
  const Diagram::Edge high = in_ranges(diagram, level + 1, bits - 1, middle, {high_begin, ranges.end()}, below);
  return diagram.make(level, low, high);
}

}  // namespace

PacketSpace::PacketSpace(VariableOrder order, SpaceLimits limits)
    : order_(order),
      sequence_(order == VariableOrder::ports_first ? kPortsFirst : kAddressesFirst),
      diagram_(total_bits(), limits) {
  Level next = 0;
  for (Field f : sequence_) {
    spans_[static_cast<std::size_t>(f)] = {next, bits_of(f)};
    next += bits_of(f);
  }
}

FieldSpan PacketSpace::span(Field field, Family family) const {
  FieldSpan s = spans_[static_cast<std::size_t>(field)];
  if (s.bits == 128 && family == Family::ipv4) return {s.first + 96, 32};
  return s;
}

BitKey PacketSpace::key(const ConcretePacket& concrete) const {
  const Packet& p = concrete.packet;
  const PacketContext& c = concrete.context;
  const Family family = p.source.family();
  BitKey key;
  auto put = [&](Field field, Uint128 number) { key.put(span(field, family), number); };
  put(Field::ingress, c.ingress);
  put(Field::egress, c.egress);
  put(Field::state, static_cast<unsigned>(c.state));
  put(Field::fragment, static_cast<unsigned>(c.fragment));
  put(Field::protocol, p.protocol.number());
  put(Field::flags, c.flags);
  put(Field::port_or_icmp,
      p.protocol.is_icmp() ? static_cast<unsigned>(p.icmp.type << 8 | p.icmp.code.value_or(0)) : p.port.number());
  put(Field::source_port, p.source_port.number());
  put(Field::destination, p.destination.number());
  put(Field::source, p.source.number());
  return key;
}

// ---------------------------------------------------------------- making sets

Diagram::Edge PacketSpace::build(Family family, const Box& box) {
  if (box.family && *box.family != family) return Diagram::kFalse;
  const bool names_ports = !is_all(box.ports) || !is_all(box.source_ports);
  const bool names_icmp = !is_all(box.icmp.numbers());
  ByteSet protocols = box.protocols.numbers();
  if (names_ports) protocols = protocols.intersect(ProtocolSet::with_ports().numbers());
  if (names_icmp) protocols = protocols.intersect(ProtocolSet::icmp().numbers());
  if (!box.flags.is_all()) protocols = protocols.intersect(ProtocolSet{Protocol::tcp}.numbers());

  auto ranges = [&](Field field) -> Ranges {
    switch (field) {
      case Field::ingress: return ranges_of(box.ingress);
      case Field::egress: return ranges_of(box.egress);
      case Field::state: return ranges_of(box.states);
      case Field::fragment: return ranges_of(box.fragments);
      case Field::protocol: return ranges_of(protocols);
      case Field::flags: return ranges_of(box.flags);
      case Field::port_or_icmp: return ranges_of(names_icmp ? box.icmp.numbers() : box.ports);
      case Field::source_port: return ranges_of(box.source_ports);
      case Field::destination: return ranges_of(box.destinations, family);
      case Field::source: return ranges_of(box.sources, family);
    }
    return {};
  };
  Edge below = Diagram::kTrue;
  for (auto field = sequence_.rbegin(); field != sequence_.rend(); ++field) {
    const FieldSpan s = span(*field, family);
    below = in_ranges(diagram_, s.first, s.bits, 0, ranges(*field), below);
  }
  return below;
}

PacketSet PacketSpace::of(const Box& box) { return {this, build(Family::ipv4, box), build(Family::ipv6, box)}; }

PacketSet PacketSpace::of(std::span<const Box> boxes) {
  std::vector<PacketSet> sets;
  sets.reserve(boxes.size());
  for (const Box& box : boxes) sets.push_back(of(box));
  return unite_all(sets);
}

PacketSet PacketSpace::address_bits(End end, Family family, Uint128 value, Uint128 mask) {
  const FieldSpan s = span(end == End::source ? Field::source : Field::destination, family);
  Edge e = Diagram::kTrue;
  for (unsigned bit = 0; bit < s.bits; ++bit) {  // from the lowest level up
    if ((mask >> bit & 1) == 0) continue;
    const Level level = s.first + s.bits - 1 - bit;
    e = (value >> bit & 1) != 0 ? diagram_.make(level, Diagram::kFalse, e)
                                : diagram_.make(level, e, Diagram::kFalse);
  }
  return family == Family::ipv4 ? PacketSet{this, e, Diagram::kFalse} : PacketSet{this, Diagram::kFalse, e};
}

PacketSet PacketSpace::unite_all(std::span<const PacketSet> sets) {
  if (sets.empty()) return empty();
  if (sets.size() == 1) return sets.front();
  const std::size_t half = sets.size() / 2;
  return unite_all(sets.first(half)).unite(unite_all(sets.subspan(half)));
}

ListDecision PacketSpace::first_match(std::span<const ListEntry> entries) {
  if (entries.empty()) return {empty(), empty()};
  if (entries.size() == 1) {
    const ListEntry& entry = entries.front();
    return {entry.permit ? entry.match : empty(), entry.match};
  }
  const std::size_t half = entries.size() / 2;
  const ListDecision a = first_match(entries.first(half)), b = first_match(entries.subspan(half));
  const PacketSet matched = a.matched | b.matched;
  if (a.permitted == a.matched && b.permitted == b.matched) return {matched, matched};  // permits only
  return {a.permitted | (b.permitted - a.matched), matched};
}

PacketSet PacketSpace::copy_of(const PacketSet& other) {
  if (other.space_ == this || other.space_ == nullptr) return other.space_ == this ? other : empty();
  const PacketSpace& from = *other.space_;
  if (from.order_ == order_) {  // the same levels: node by node
    boost::unordered_flat_map<Edge, Edge> known;
    auto copy = [&](auto& self, Edge e) -> Edge {
      if (e <= Diagram::kFalse) return e;
      if (auto found = known.find(e); found != known.end()) return found->second;
      const Edge low = self(self, from.diagram_.low(e)), high = self(self, from.diagram_.high(e));
      const Edge result = diagram_.make(from.diagram_.level(e), low, high);
      known.emplace(e, result);
      return result;
    };
    const Edge ipv4 = copy(copy, other.ipv4_);
    return {this, ipv4, copy(copy, other.ipv6_)};
  }
  std::vector<Level> level_here(diagram_.levels());
  for (std::size_t f = 0; f < kFields; ++f) {
    for (Level bit = 0; bit < spans_[f].bits; ++bit) level_here[from.spans_[f].first + bit] = spans_[f].first + bit;
  }
  boost::unordered_flat_map<Edge, Edge> known;
  auto copy = [&](auto& self, Edge e) -> Edge {
    if (e <= Diagram::kFalse) return e;
    if (auto found = known.find(e); found != known.end()) return found->second;
    const Edge low = self(self, from.diagram_.low(e)), high = self(self, from.diagram_.high(e));
    const Edge result = diagram_.insert(level_here[from.diagram_.level(e)], low, high);
    known.emplace(e, result);
    return result;
  };
  const Edge ipv4 = copy(copy, other.ipv4_);
  return {this, ipv4, copy(copy, other.ipv6_)};
}

VariableOrder choose_order(std::span<const Box> boxes) {
  constexpr std::size_t kSample = 400;
  constexpr std::size_t kNodesMax = 1'000'000;
  std::vector<Box> sample;  // spread over the list, whose parts may differ
  const std::size_t stride = std::max<std::size_t>(1, boxes.size() / kSample);
  for (std::size_t i = 0; i < boxes.size() && sample.size() < kSample; i += stride) sample.push_back(boxes[i]);
  auto cost = [&](VariableOrder order, std::uint64_t steps_max) -> std::optional<std::uint64_t> {
    try {
      PacketSpace space(order, {.nodes_max = kNodesMax, .steps_max = steps_max});
      space.of(sample);
      return space.diagram_.steps();
    } catch (const SpaceExhausted&) {
      return std::nullopt;
    }
  };
  // A long list has more hosts than its sample and no more ports, so the ports may cost somewhat more in the
  // sample.
  const std::optional<std::uint64_t> addresses = cost(VariableOrder::addresses_first, 20'000'000);
  if (!addresses || cost(VariableOrder::ports_first, 2 * *addresses + 1000)) return VariableOrder::ports_first;
  return VariableOrder::addresses_first;
}

// ---------------------------------------------------------------- algebra

PacketSet PacketSet::unite(const PacketSet& other) const {
  require_same(space_, other.space_);
  Diagram& d = space_->diagram_;
  return {space_, d.disjunction(ipv4_, other.ipv4_), d.disjunction(ipv6_, other.ipv6_)};
}

PacketSet PacketSet::intersect(const PacketSet& other) const {
  require_same(space_, other.space_);
  Diagram& d = space_->diagram_;
  return {space_, d.conjunction(ipv4_, other.ipv4_), d.conjunction(ipv6_, other.ipv6_)};
}

PacketSet PacketSet::minus(const PacketSet& other) const { return intersect(other.complement()); }

PacketSet PacketSet::complement() const {
  require_same(space_, space_);
  return {space_, Diagram::complement(ipv4_), Diagram::complement(ipv6_)};
}

bool PacketSet::contains(const PacketSet& other) const { return !other.overlaps(complement()); }

bool PacketSet::overlaps(const PacketSet& other) const {
  require_same(space_, other.space_);
  return space_->diagram_.overlap(ipv4_, other.ipv4_) || space_->diagram_.overlap(ipv6_, other.ipv6_);
}

bool PacketSet::contains(const Packet& packet, const PacketContext& context) const {
  require_same(space_, space_);
  if (packet.source.family() != packet.destination.family()) return false;  // no such packet
  const BitKey key = space_->key({packet, context});
  const Diagram& d = space_->diagram_;
  Diagram::Edge e = root(packet.source.family());
  while (e > Diagram::kFalse) e = key.bit(d.level(e)) ? d.high(e) : d.low(e);
  return e == Diagram::kTrue;
}

std::size_t PacketSet::node_count() const {
  require_same(space_, space_);
  const Diagram::Edge roots[] = {ipv4_, ipv6_};
  return space_->diagram_.size(roots);
}

Count PacketSet::count() const {
  require_same(space_, space_);
  Count total;
  for (const ProtocolClass& c : protocol_classes()) {
    const PacketSet part = *this & space_->of(Box{.protocols = c.protocols});
    // IPv4 leaves 96 levels of each address free.
    total += space_->diagram_.count(part.ipv4_) >> (c.absent + 2 * 96);
    total += space_->diagram_.count(part.ipv6_) >> c.absent;
  }
  return total;
}

// ---------------------------------------------------------------- forgetting fields

std::vector<bool> PacketSpace::levels_of(std::span<const Field> fields) const {
  std::vector<bool> levels(diagram_.levels());
  for (Field f : fields) {
    const FieldSpan s = spans_[static_cast<std::size_t>(f)];
    std::fill_n(levels.begin() + s.first, s.bits, true);
  }
  return levels;
}

PacketSet PacketSet::forget(std::span<const Field> fields) const {
  require_same(space_, space_);
  std::vector<Field> all(fields.begin(), fields.end());
  if (std::find(all.begin(), all.end(), Field::protocol) != all.end()) {
    // Otherwise ESP packets would get the ports that TCP packets had.
    all.insert(all.end(), {Field::flags, Field::port_or_icmp, Field::source_port});
  }
  const std::vector<bool> levels = space_->levels_of(all);
  const Diagram::Edge ipv4 = space_->diagram_.forget(ipv4_, levels);
  return {space_, ipv4, space_->diagram_.forget(ipv6_, levels)};
}

PacketSet PacketSet::forget_network(Field address, const Prefix& prefix) const {
  require_same(space_, space_);
  const auto forget = [&](Family family) {
    std::vector<bool> levels(space_->diagram_.levels());
    const unsigned fixed = family == prefix.family() ? prefix.length() : bits(family);
    std::fill_n(levels.begin() + space_->span(address, family).first, fixed, true);
    return space_->diagram_.forget(root(family), levels);
  };
  const Diagram::Edge ipv4 = forget(Family::ipv4);
  return {space_, ipv4, forget(Family::ipv6)};
}

AddressSet PacketSpace::project(const PacketSet& set, Field field) {
  constexpr std::size_t kRangesMax = 1'000'000;
  std::vector<Field> others;
  for (Field f : sequence_) {
    if (f != field) others.push_back(f);
  }
  const PacketSet only = set.forget(others);
  std::vector<AddressRange> ranges;
  for (Family family : {Family::ipv4, Family::ipv6}) {
    const bool whole = for_each_range(diagram_, only.root(family), span(field, family), [&](Range r, Edge) {
      ranges.push_back({Address::of(family, r.first), Address::of(family, r.last)});
      return ranges.size() < kRangesMax;
    });
    if (!whole) throw SpaceExhausted("a set of addresses has more than a million ranges");
  }
  return AddressSet::of_ranges(std::move(ranges));
}

AddressSet PacketSet::sources() const {
  require_same(space_, space_);
  return space_->project(*this, Field::source);
}

AddressSet PacketSet::destinations() const {
  require_same(space_, space_);
  return space_->project(*this, Field::destination);
}

// ---------------------------------------------------------------- slices

PacketSet PacketSet::fix(const SliceContext& context) const {
  require_same(space_, space_);
  PacketSpace& space = *space_;
  const PacketSet tcp = space.of(Box{.protocols = {Protocol::tcp}});
  const PacketSet with_ports = space.of(Box{.protocols = ProtocolSet::with_ports()});
  Box box;
  if (context.state) box.states = {*context.state};
  if (context.fragment) box.fragments = {*context.fragment};
  if (context.ingress) box.ingress = {*context.ingress};
  if (context.egress) box.egress = {*context.egress};
  PacketSet result = *this & space.of(box);
  if (context.flags) result &= space.of(Box{.flags = {*context.flags}}) | ~tcp;
  if (context.source_port)
    result &= space.of(Box{.source_ports = {PortRange::single(*context.source_port)}}) | ~with_ports;
  return result;
}

PortSet PacketSet::ports_between(const Address& source, const Address& destination, Protocol protocol,
                                 const SliceContext& fixed) const {
  require_same(space_, space_);
  const Family family = source.family();
  if (family != destination.family()) return {};
  const Diagram& d = space_->diagram_;
  BitKey key;
  std::vector<bool> is_fixed(d.levels());
  auto fix = [&](Field field, Uint128 number) {
    const FieldSpan s = space_->span(field, family);
    key.put(s, number);
    std::fill_n(is_fixed.begin() + s.first, s.bits, true);
  };
  fix(Field::source, source.number());
  fix(Field::destination, destination.number());
  fix(Field::protocol, protocol.number());
  if (fixed.source_port) fix(Field::source_port, fixed.source_port->number());
  if (fixed.flags) fix(Field::flags, *fixed.flags);
  if (fixed.state) fix(Field::state, static_cast<unsigned>(*fixed.state));
  if (fixed.fragment) fix(Field::fragment, static_cast<unsigned>(*fixed.fragment));
  if (fixed.ingress) fix(Field::ingress, *fixed.ingress);
  if (fixed.egress) fix(Field::egress, *fixed.egress);

  // Above the port's levels follow what is fixed and try both ways at the rest; at them list ranges; below them ask
  // whether anything is left.
  auto follow = [&](Diagram::Edge e) {
    while (e > Diagram::kFalse && is_fixed[d.level(e)]) e = key.bit(d.level(e)) ? d.high(e) : d.low(e);
    return e;
  };
  boost::unordered_flat_set<Diagram::Edge> hopeless, seen;
  auto satisfiable = [&](auto& self, Diagram::Edge e) -> bool {
    e = follow(e);
    if (e <= Diagram::kFalse) return e == Diagram::kTrue;
    if (hopeless.contains(e)) return false;
    if (self(self, d.high(e)) || self(self, d.low(e))) return true;
    hopeless.insert(e);
    return false;
  };
  const FieldSpan port = space_->span(Field::port_or_icmp, family);
  std::vector<PortRange> ranges;
  auto collect = [&](auto& self, Diagram::Edge e) -> void {
    e = follow(e);
    if (e == Diagram::kFalse || !seen.insert(e).second) return;
    if (d.level(e) < port.first) {
      self(self, d.low(e));
      self(self, d.high(e));
      return;
    }
    for_each_range(d, e, port, [&](Range r, Diagram::Edge below) {
      if (satisfiable(satisfiable, below)) {
        ranges.push_back({Port(static_cast<std::uint16_t>(r.first)), Port(static_cast<std::uint16_t>(r.last))});
      }
      return true;
    });
  };
  collect(collect, root(family));
  return PortSet::of(std::move(ranges));
}

}  // namespace demarc
