#include "rules/space/plain_box.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace demarc {
namespace {

bool is_all(const PortSet& set) { return set.ranges().size() == 1 && set.ranges().front() == PortRange::all(); }

// --- One field: meet, within, common, left ---

/// Sorted ranges that do not touch: the first of them that does not end before `at`.
template <typename Range, typename Number>
auto not_before(const std::vector<Range>& ranges, const Number& at) {
  return std::partition_point(ranges.begin(), ranges.end(), [&](const Range& r) { return r.last < at; });
}
template <typename Range>
bool ranges_meet(const std::vector<Range>& a, const std::vector<Range>& b) {
  if (a.size() > b.size()) return ranges_meet(b, a);
  return std::any_of(a.begin(), a.end(), [&](const Range& r) {
    const auto at = not_before(b, r.first);
    return at != b.end() && at->first <= r.last;
  });
}
template <typename Range>
bool ranges_within(const std::vector<Range>& a, const std::vector<Range>& b) {
  return std::all_of(a.begin(), a.end(), [&](const Range& r) {
    const auto at = not_before(b, r.first);
    return at != b.end() && at->first <= r.first && r.last <= at->last;
  });
}

bool meet(const AddressSet& a, const AddressSet& b) { return ranges_meet(a.ranges(), b.ranges()); }
bool within(const AddressSet& a, const AddressSet& b) { return ranges_within(a.ranges(), b.ranges()); }
bool meet(const PortSet& a, const PortSet& b) { return ranges_meet(a.ranges(), b.ranges()); }
bool within(const PortSet& a, const PortSet& b) { return ranges_within(a.ranges(), b.ranges()); }
bool meet(const ByteSet& a, const ByteSet& b) { return !a.intersect(b).empty(); }
bool within(const ByteSet& a, const ByteSet& b) { return a.minus(b).empty(); }
bool meet(const IcmpSet& a, const IcmpSet& b) { return meet(a.numbers(), b.numbers()); }
bool within(const IcmpSet& a, const IcmpSet& b) { return within(a.numbers(), b.numbers()); }
bool meet(const ProtocolSet& a, const ProtocolSet& b) { return meet(a.numbers(), b.numbers()); }
bool within(const ProtocolSet& a, const ProtocolSet& b) { return within(a.numbers(), b.numbers()); }
template <typename E>
bool meet(const FourSet<E>& a, const FourSet<E>& b) {
  return !a.intersect(b).empty();
}
template <typename E>
bool within(const FourSet<E>& a, const FourSet<E>& b) {
  return a.minus(b).empty();
}

template <typename Set>
Set common(const Set& a, const Set& b) {
  return a.intersect(b);
}
template <typename Set>
Set left(const Set& a, const Set& b) {
  return a.minus(b);
}
IcmpSet common(const IcmpSet& a, const IcmpSet& b) {
  return IcmpSet::of_numbers(a.numbers().intersect(b.numbers()));
}
IcmpSet left(const IcmpSet& a, const IcmpSet& b) { return IcmpSet::of_numbers(a.numbers().minus(b.numbers())); }
ProtocolSet common(const ProtocolSet& a, const ProtocolSet& b) {
  return ProtocolSet(a.numbers().intersect(b.numbers()));
}
ProtocolSet left(const ProtocolSet& a, const ProtocolSet& b) { return ProtocolSet(a.numbers().minus(b.numbers())); }

AddressSet of_family(const AddressSet& set, Family family) {
  const std::vector<AddressRange>& ranges = set.ranges();
  const auto is = [family](const AddressRange& r) { return r.first.family() == family; };
  if (std::all_of(ranges.begin(), ranges.end(), is)) return set;
  std::vector<AddressRange> kept;
  std::copy_if(ranges.begin(), ranges.end(), std::back_inserter(kept), is);
  return AddressSet::of_ranges(std::move(kept));
}

}  // namespace

std::vector<PlainBox> PlainBox::parts_of(const Box& box) {
  struct Fields {
    ByteSet protocols;
    bool tcp, ports, icmp;
  };
  static const std::array<Fields, 4> kKinds = [] {
    const ByteSet tcp = ProtocolSet{Protocol::tcp}.numbers(), ports = ProtocolSet::with_ports().numbers(),
                  icmp = ProtocolSet::icmp().numbers();
    return std::array<Fields, 4>{{{tcp, true, true, false},
                                  {ports.minus(tcp), false, true, false},
                                  {icmp, false, false, true},
                                  {ports.unite(icmp).complement(), false, false, false}}};
  }();
  std::vector<PlainBox> parts;
  if (box.ports.empty() || box.source_ports.empty() || box.icmp.empty() || box.flags.empty() ||
      box.states.empty() || box.fragments.empty() || box.ingress.empty() || box.egress.empty())
    return parts;
  const bool needs_tcp = !box.flags.is_all(), needs_ports = !is_all(box.ports) || !is_all(box.source_ports),
             needs_icmp = !is_all(box.icmp.numbers());
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (box.family && *box.family != family) continue;
    const AddressSet sources = of_family(box.sources, family), destinations = of_family(box.destinations, family);
    if (sources.empty() || destinations.empty()) continue;
    for (const Fields& kind : kKinds) {
      if ((needs_tcp && !kind.tcp) || (needs_ports && !kind.ports) || (needs_icmp && !kind.icmp)) continue;
      const ByteSet protocols = box.protocols.numbers().intersect(kind.protocols);
      if (protocols.empty()) continue;
      Box part = box;
      part.family = family;
      part.sources = sources, part.destinations = destinations;
      part.protocols = ProtocolSet(protocols);
      parts.push_back(PlainBox(std::move(part), kind.tcp, kind.ports, kind.icmp));
    }
  }
  return parts;
}

bool PlainBox::has_fields_of(const Box& other) const {
  return (!other.family || *other.family == *box_.family) && (tcp_ || other.flags.is_all()) &&
         (ports_ || (is_all(other.ports) && is_all(other.source_ports))) && (icmp_ || is_all(other.icmp.numbers()));
}

namespace {

/// Each field once: those that tell most boxes apart come first. Fields that packets of a plain box lack are all
/// there in it and in every box whose fields it has.
template <typename F>
bool all_fields(F&& f) {
  return f(&Box::protocols) && f(&Box::fragments) && f(&Box::destinations) && f(&Box::sources) && f(&Box::ports) &&
         f(&Box::source_ports) && f(&Box::icmp) && f(&Box::flags) && f(&Box::states) && f(&Box::ingress) &&
         f(&Box::egress);
}

}  // namespace

bool PlainBox::meets(const Box& other) const {
  return has_fields_of(other) && all_fields([&](auto field) { return meet(box_.*field, other.*field); });
}

bool PlainBox::is_within(const Box& other) const {
  return has_fields_of(other) && all_fields([&](auto field) { return within(box_.*field, other.*field); });
}

void PlainBox::take_away(const Box& other, std::vector<PlainBox>& rest) && {
  if (!meets(other)) {
    rest.push_back(std::move(*this));
    return;
  }
  all_fields([&](auto field) {
    if (within(box_.*field, other.*field)) return true;
    PlainBox beside = *this;
    beside.box_.*field = left(box_.*field, other.*field);
    rest.push_back(std::move(beside));
    box_.*field = common(box_.*field, other.*field);
    return true;
  });
}

std::optional<PlainBox> PlainBox::only(const FragmentSet& fragments) const {
  if (!meet(box_.fragments, fragments)) return std::nullopt;
  PlainBox part = *this;
  part.box_.fragments = common(box_.fragments, fragments);
  return part;
}

}  // namespace demarc
