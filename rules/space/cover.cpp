// Readable boxes from a diagram. A difference of two lists may have 10^8 paths, so paths are never enumerated: the
// walk goes field by field, groups a field's ranges by what remains below them, and stops when it has as many boxes
// as were asked for. Every edge that is not false leads to a packet, so each step of the walk pays for a box.
#include <algorithm>

#include "rules/space/packet_set.h"

namespace demarc {
namespace {

constexpr std::size_t kRangesMax =
    1024;  // of one field at one place; the rest of the field is left out of the cover

/// Ranges of a field that lead to the same set.
struct Group {
  Diagram::Edge below;
  Ranges ranges;
};

std::vector<Group> groups_of(const Diagram& d, Diagram::Edge e, FieldSpan span) {
  std::vector<Group> groups;
  std::size_t ranges = 0;
  for_each_range(d, e, span, [&](Range r, Diagram::Edge below) {
    auto group = std::find_if(groups.begin(), groups.end(), [below](const Group& g) { return g.below == below; });
    if (group == groups.end()) group = groups.insert(group, {below, {}});
    group->ranges.push_back(r);
    return ++ranges < kRangesMax;
  });
  return groups;
}

PortSet ports_of(const Ranges& ranges) {
  std::vector<PortRange> ports;
  for (const Range& r : ranges) {
    ports.push_back({Port(static_cast<std::uint16_t>(r.first)), Port(static_cast<std::uint16_t>(r.last))});
  }
  return PortSet::of(std::move(ports));
}

AddressSet addresses_of(const Ranges& ranges, Family family) {
  std::vector<AddressRange> addresses;
  for (const Range& r : ranges) addresses.push_back({Address::of(family, r.first), Address::of(family, r.last)});
  return AddressSet::of_ranges(std::move(addresses));
}

ByteSet bytes_of(const Ranges& ranges) {
  ByteSet bytes;
  for (const Range& r : ranges) {
    for (Uint128 n = r.first; n <= r.last; ++n) bytes.insert(static_cast<std::uint8_t>(n));
  }
  return bytes;
}

template <typename E>
FourSet<E> values_of(const Ranges& ranges) {
  FourSet<E> set;
  for (const Range& r : ranges) {
    for (Uint128 n = r.first; n <= r.last; ++n) set.insert(static_cast<E>(static_cast<unsigned>(n)));
  }
  return set;
}

void constrain(Box& box, Field field, const Ranges& ranges, Family family) {
  switch (field) {
    case Field::ingress: box.ingress = bytes_of(ranges); return;
    case Field::egress: box.egress = bytes_of(ranges); return;
    case Field::state: box.states = values_of<ConnectionState>(ranges); return;
    case Field::fragment: box.fragments = values_of<Fragment>(ranges); return;
    case Field::protocol: box.protocols = ProtocolSet(bytes_of(ranges)); return;
    case Field::flags: box.flags = bytes_of(ranges); return;
    case Field::source_port: box.source_ports = ports_of(ranges); return;
    case Field::destination: box.destinations = addresses_of(ranges, family); return;
    case Field::source: box.sources = addresses_of(ranges, family); return;
    case Field::port_or_icmp:
      if (box.protocols.numbers().intersect(ProtocolSet::icmp().numbers()).empty())
        box.ports = ports_of(ranges);
      else
        box.icmp = IcmpSet::of_numbers(ports_of(ranges));
      return;
  }
}

}  // namespace

std::vector<Box> PacketSpace::cover(Edge root, Family family, std::size_t boxes_max) const {
  std::vector<Box> boxes;
  Box box;
  box.family = family;
  auto walk = [&](auto& self, Edge e, std::size_t depth) -> void {
    if (e == Diagram::kFalse || boxes.size() >= boxes_max) return;
    if (e == Diagram::kTrue || depth == kFields) {
      boxes.push_back(box);
      return;
    }
    const Field field = sequence_[depth];
    const FieldSpan s = span(field, family);
    if (diagram_.level(e) >= s.end()) {
      self(self, e, depth + 1);
      return;
    }
    const Box before = box;
    if (field == Field::port_or_icmp) {
      // The same numbers may be ports of one protocol and messages of another; a box speaks of one of them.
      const ByteSet ports = ProtocolSet::with_ports().numbers(), icmp = ProtocolSet::icmp().numbers();
      const ByteSet here = box.protocols.numbers();
      if (!here.intersect(ports).empty() && !here.intersect(icmp).empty()) {
        for (const ByteSet& part : {here.intersect(ports), here.intersect(icmp)}) {
          box.protocols = ProtocolSet(part);
          self(self, e, depth);
          box = before;
        }
        return;
      }
    }
    for (const Group& group : groups_of(diagram_, e, s)) {
      constrain(box, field, group.ranges, family);
      self(self, group.below, depth + 1);
      box = before;
      if (boxes.size() >= boxes_max) return;
    }
  };
  walk(walk, root, 0);
  return boxes;
}

Cover PacketSet::cover(std::size_t boxes_max) const {
  Cover cover;
  if (space_ == nullptr || is_empty()) return cover;
  const bool both = ipv4_ != Diagram::kFalse && ipv6_ != Diagram::kFalse;
  cover.boxes = space_->cover(ipv4_, Family::ipv4, both ? boxes_max - boxes_max / 2 : boxes_max);
  std::vector<Box> ipv6 = space_->cover(ipv6_, Family::ipv6, boxes_max - cover.boxes.size());

  Count left_out = count();
  for (const Box& box : cover.boxes) left_out -= space_->of(box).count();
  for (const Box& box : ipv6) left_out -= space_->of(box).count();
  cover.left_out = left_out;

  // What holds for any address of both families is said once.
  for (Box& box : cover.boxes) {
    Box other = box;
    other.family = Family::ipv6;
    auto twin = std::find(ipv6.begin(), ipv6.end(), other);
    if (twin == ipv6.end() || box.sources != AddressSet::all() || box.destinations != AddressSet::all()) continue;
    box.family.reset();
    ipv6.erase(twin);
  }
  cover.boxes.insert(cover.boxes.end(), ipv6.begin(), ipv6.end());
  return cover;
}

}  // namespace demarc
