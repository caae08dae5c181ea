#include "rules/verdict/pieces.h"

#include <algorithm>

namespace demarc {

namespace {

const Segment* find_segment(const std::vector<Segment>& segments, Port port) {
  auto it = std::upper_bound(segments.begin(), segments.end(), port,
                             [](Port p, const Segment& s) { return p < s.ports.first; });
  if (it == segments.begin()) return nullptr;
  --it;
  return it->ports.contains(port) ? &*it : nullptr;
}

}  // namespace

std::vector<Piece> pieces_of(const Judging& j, const Slice& slice) {
  const Address& source = j.reachable.standpoints[slice.standpoint].source_for(slice.target);
  Piece rest{slice.standpoint, slice.target, slice.target, slice.protocol, {}, {}, nullptr};
  std::vector<Piece> out;
  std::vector<PortRange> taken;
  for (const Translation& t : j.rules.translations) {
    if (t.seen_as != slice.target || !t.from.addresses.contains(source)) continue;
    const auto real = std::find_if(t.real.begin(), t.real.end(),
                                   [&](const Address& a) { return a.family() == slice.target.family(); });
    const Address host = real != t.real.end() ? *real : t.real.empty() ? slice.target : t.real.front();
    Piece piece{slice.standpoint, host, slice.target, slice.protocol, {}, {}, nullptr};
    if (t.ports.empty() || !slice.protocol.has_ports()) {
      piece.segments = slice.segments;
      taken.push_back(PortRange::all());
    } else {
      for (const auto& [seen, behind] : t.ports) {
        if (const Segment* s = find_segment(slice.segments, seen))
          piece.segments.push_back({PortRange::single(behind), s->run, s->outcome});
        taken.push_back(PortRange::single(seen));
      }
      std::sort(piece.segments.begin(), piece.segments.end(),
                [](const Segment& a, const Segment& b) { return a.ports < b.ports; });
      piece.segments.erase(std::unique(piece.segments.begin(), piece.segments.end(),
                                       [](const Segment& a, const Segment& b) { return a.ports == b.ports; }),
                           piece.segments.end());
    }
    if (!piece.segments.empty()) out.push_back(std::move(piece));
  }
  if (taken.empty()) {
    rest.segments = slice.segments;
    rest.vip_members = j.translator.vip_members(slice.target);
    for (const Vip& v : j.rules.vips)
      if (v.address == slice.target) rest.vip = &v;
  } else {
    const PortSet gone = PortSet::of(taken);
    for (const Segment& s : slice.segments)
      for (const PortSet left = PortSet{s.ports}.minus(gone); const PortRange& range : left.ranges())
        rest.segments.push_back({range, s.run, s.outcome});
  }
  if (!rest.segments.empty()) out.push_back(std::move(rest));
  return out;
}

}  // namespace demarc
