#include "rules/verdict/configured_nat.h"

#include <algorithm>

namespace demarc {

namespace {

/// More would be a provider's table, and every one costs a few set operations at each stage.
constexpr std::size_t kFacesMax = 4000;

AddressSet set_of(const std::vector<Address>& addresses) {
  std::vector<AddressRange> ranges;
  for (const Address& a : addresses) ranges.push_back({a, a});
  return AddressSet::of_ranges(std::move(ranges));
}

AddressSet of_family(const AddressSet& set, Family family) {
  return set.intersect(AddressSet::all(family));
}

/// A device states this translation itself.
bool states(const Device& device, const Face& face) {
  return std::any_of(device.nats.begin(), device.nats.end(), [&](const Nat& nat) {
    if (nat.exempt) return false;
    const bool source = nat.kind == Nat::Kind::source;
    if (source != face.of_source) {
      // A static translation is one statement for both directions.
      const AddressSet& inside = source ? nat.match.box.sources : nat.match.box.destinations;
      return source && nat.to == face.seen && face.seen.has_value() && inside.contains(face.real);
    }
    if (source)
      return nat.match.box.sources.overlaps(face.real) && (!nat.to || !face.seen || *nat.to == *face.seen);
    return face.seen && nat.match.box.destinations.contains(*face.seen) && (!nat.to || face.real.contains(*nat.to));
  });
}

}  // namespace

std::vector<Face> faces_on(const Binding& binding, const ZonePath& path) {
  const RuleSet& rules = *binding.rules;
  const AddressSet &from = rules.zones[path.from].addresses, &to = rules.zones[path.to].addresses;
  std::vector<Face> faces;
  const auto add = [&](bool of_source, const AddressSet& real, std::optional<Address> seen,
                       std::vector<std::pair<Port, Port>> ports, const AddressSet& others) {
    if (faces.size() >= kFacesMax) return;
    Face f;
    f.of_source = of_source;
    f.real = real.intersect(of_source ? from : to);
    if (seen) f.real = of_family(f.real, seen->family());
    f.others = others.intersect(of_source ? to : from);
    if (f.real.empty() || f.others.empty()) return;
    f.seen = seen;
    f.ports = std::move(ports);
    const bool known = std::any_of(faces.begin(), faces.end(), [&](const Face& g) {
      return g.of_source == f.of_source && (g.seen == f.seen || !f.seen) && g.real.contains(f.real) &&
             g.others.contains(f.others);
    });
    if (!known) faces.push_back(std::move(f));
  };
  for (const Translation& t : rules.translations) {
    add(false, set_of(t.real), t.seen_as, t.ports, t.from.addresses);
    if (t.ports.empty()) add(true, set_of(t.real), t.seen_as, {}, t.from.addresses);
  }
  for (const SourceTranslation& t : rules.source_translations)
    add(true, t.real.addresses, t.seen_as, {}, t.to.addresses);
  for (Face& f : faces)
    for (std::uint32_t h = 0; h < path.hops.size() && !f.hop; ++h)
      for (const Alternative& a : path.hops[h].alternatives) {
        const BoundDevice& d = binding.devices[a.device];
        if (d.device != nullptr && states(*d.device, f)) f.hop = h;
      }
  for (std::uint32_t h = 0; h < path.hops.size(); ++h) {
    for (const Alternative& a : path.hops[h].alternatives) {
      const BoundDevice& d = binding.devices[a.device];
      if (d.device == nullptr) continue;
      for (const Nat& nat : d.device->nats) {
        if (nat.exempt) continue;
        const std::size_t before = faces.size();
        if (nat.kind == Nat::Kind::source) {
          add(true, nat.match.box.sources, nat.to, {}, nat.match.box.destinations);
        } else if (const std::optional<Address> seen = nat.match.box.destinations.only(); nat.to && seen) {
          std::vector<std::pair<Port, Port>> ports;
          if (const std::optional<Port> port = nat.match.box.ports.only())
            ports.emplace_back(*port, nat.to_ports ? nat.to_ports->first : *port);
          add(false, AddressSet::single(*nat.to), seen, std::move(ports), nat.match.box.sources);
        }
        if (faces.size() != before) faces.back().hop = h;
      }
    }
  }
  return faces;
}

FaceMap::FaceMap(const std::vector<Face>& faces, std::uint32_t hop, const Stage& stage, PacketSpace& space)
    : space_(space) {
  for (const Face& f : faces) {
    bool sees_face = false;
    if (f.hop && *f.hop != hop)
      sees_face = f.of_source ? hop > *f.hop : hop < *f.hop;
    else if (f.hop)
      sees_face = f.of_source ? !stage.real_source : !stage.real_destination;
    if (f.hop && !sees_face) continue;
    Box box;
    (f.of_source ? box.sources : box.destinations) = f.real;
    (f.of_source ? box.destinations : box.sources) = f.others;
    parts_.push_back({&f, !f.hop, space.of(box)});
  }
}

/// The union over the ports that the face has: of what each puts in the place of the hidden end, and of the real
/// packets to whose port it leads.
template <typename F>
PacketSet FaceMap::by_port(const Face& f, F&& each) const {
  Rewriting hides{f.of_source ? Rewriting::End::source : Rewriting::End::destination, AddressSet::single(*f.seen)};
  if (f.ports.empty()) return each(hides, space_.all());
  PacketSet out = space_.empty();
  for (const auto& [outside, inside] : f.ports) {
    hides.ports = PortSet::single(outside);
    out |= each(hides, space_.of(Box{.ports = PortSet::single(inside)}));
  }
  return out;
}

/// The real packets of the part that look like one of `seen`.
PacketSet FaceMap::real_of(const PacketSet& seen, const Part& part) const {
  return by_port(*part.face, [&](const Rewriting& hides, const PacketSet& inside) {
    return hides.origin(seen) & part.affected & inside;
  });
}

PacketSet FaceMap::seen_of(const PacketSet& affected, const Face& face) const {
  return by_port(face,
                 [&](const Rewriting& hides, const PacketSet& inside) { return hides.image(affected & inside); });
}

Bounds FaceMap::to_real(const Bounds& seen) const {
  Bounds out = seen;
  for (const Part& part : parts_) {
    if (!part.face->seen) {
      out.certain -= part.affected;
      out.possible |= part.affected;
      continue;
    }
    // One after the other: where both ends are hidden, each in its turn.
    PacketSet certain = real_of(out.certain, part), possible = real_of(out.possible, part);
    if (part.unknown) {
      certain &= out.certain;
      possible |= out.possible & part.affected;
    }
    out.certain = (out.certain - part.affected) | certain;
    out.possible = (out.possible - part.affected) | possible;
  }
  return out;
}

PacketSet FaceMap::to_real(const PacketSet& seen) const {
  PacketSet out = seen;
  for (const Part& part : parts_) {
    if (part.unknown || !part.face->seen) continue;
    out = (out - part.affected) | real_of(out, part);
  }
  return out;
}

PacketSet FaceMap::to_seen(const PacketSet& real) const {
  PacketSet out = real;
  for (const Part& part : parts_) {
    if (part.unknown || !part.face->seen) continue;
    const PacketSet moved = out & part.affected;
    if (moved.is_empty()) continue;
    out = (out - part.affected) | seen_of(moved, *part.face);
  }
  return out;
}

std::optional<PacketSet> FaceMap::either(const PacketSet& real) const {
  PacketSet out = real;
  for (const Part& part : parts_) {
    const PacketSet moved = out & part.affected;
    if (moved.is_empty()) continue;
    if (!part.face->seen) return std::nullopt;
    out |= seen_of(moved, *part.face);
  }
  return out;
}

}  // namespace demarc
