#include "rules/verdict/suggest_short.h"

#include <algorithm>

namespace demarc {

namespace {

constexpr std::size_t kBoxesMax = 24;     // of one set of packets
constexpr std::size_t kDeniesMax = 3;     // before one permit
constexpr std::size_t kOwnMax = 8;        // addresses of a network that a filter has itself
constexpr std::size_t kPlainMax = 8;      // lines that addresses make, and that are written out
constexpr std::size_t kAddressesMax = 2;  // lines that addresses make, up to which nobody minds

std::size_t prefixes_in(const AddressSet& set, Family family) {
  const AddressSet part = set.intersect(AddressSet::all(family));
  return part == AddressSet::all(family) ? 1 : part.prefixes().size();
}

/// The smallest prefix around addresses of one family.
Prefix around(const AddressSet& set) {
  const Address first = set.ranges().front().first, last = set.ranges().back().last;
  unsigned length = first.is_ipv4() ? 32 : 128;
  while (length > 0 && !Prefix::containing(first, length).contains(last)) --length;
  return Prefix::containing(first, length);
}

/// Every place that a line may be asked at, where all of its matches have the same.
void take_place(const std::vector<Match>& line, Box& box) {
  const bool same = !line.empty() && std::all_of(line.begin(), line.end(), [&](const Match& m) {
    return m.box.ingress == line.front().box.ingress && m.box.egress == line.front().box.egress;
  });
  if (same) box.ingress = line.front().box.ingress, box.egress = line.front().box.egress;
}

IntendedEntry entry(Action action, Box box) {
  IntendedEntry e;
  e.action = action;
  e.match.push_back({.box = std::move(box)});
  return e;
}

}  // namespace

std::size_t address_lines(const Box& box) {
  std::size_t lines = 0;
  for (const Family f : {Family::ipv4, Family::ipv6})
    if (box.family.value_or(f) == f) lines += prefixes_in(box.sources, f) * prefixes_in(box.destinations, f);
  return lines;
}

PacketSet plain(const PacketSet& packets) {
  return packets.forget({Field::fragment, Field::state, Field::ingress, Field::egress});
}

ShortLines::ShortLines(PacketSpace& space, ShortTerms terms)
    : space_(space), terms_(std::move(terms)), within_(space.all()), permitted_(space.empty()) {
  // What a line without state does with later fragments, which show no ports, is not what it says.
  const bool stood = !terms_.line.empty();
  std::erase_if(terms_.line, [](const Match& m) {
    return !m.box.fragments.contains(Fragment::whole) || m.source_bits || m.destination_bits;
  });
  if (!stood) return;
  within_ = space.empty();
  for (const Match& m : terms_.line) within_ |= space.of(m.box);
  within_ = plain(within_);
}

bool ShortLines::may_pass(const PacketSet& packets) const {
  return within_.contains(packets) && terms_.may.contains(packets & terms_.here);
}

/// Each condition is dropped, or taken from the line that stood there, where that is right. A single prefix stays.
template <typename Fits>
Box ShortLines::relaxed(Box box, Drop drop, const Fits& fits) const {
  const auto attempt = [&](auto&& change) {
    Box wider = box;
    change(wider);
    if (!(wider == box) && fits(space_.of(wider))) box = std::move(wider);
  };
  const auto is_long = [&box](const AddressSet& side) {
    std::size_t most = 0;
    for (const Family f : {Family::ipv4, Family::ipv6})
      if (box.family.value_or(f) == f) most = std::max(most, prefixes_in(side, f));
    return most > 1;
  };
  if (drop.flags) attempt([](Box& b) { b.flags = ByteSet::all(); });
  if (drop.ports) {
    attempt([](Box& b) { b.source_ports = PortSet::all(); });
    attempt([](Box& b) { b.ports = PortSet::all(); });
  }
  // All of a network but a filter's own addresses is the network.
  for (AddressSet Box::*side : {&Box::sources, &Box::destinations}) {
    if (!drop.addresses || !box.family || !is_long(box.*side)) continue;
    const AddressSet here = (box.*side).intersect(AddressSet::all(*box.family)), network{around(here)};
    if (network.minus(here).size() <= kOwnMax) attempt([&](Box& b) { b.*side = network; });
  }
  if (drop.addresses && is_long(box.sources)) attempt([](Box& b) { b.sources = AddressSet::all(); });
  if (drop.addresses && is_long(box.destinations)) attempt([](Box& b) { b.destinations = AddressSet::all(); });
  for (const Match& m : terms_.line) {
    if (m.box.sources.contains(box.sources)) attempt([&](Box& b) { b.sources = m.box.sources; });
    if (m.box.destinations.contains(box.destinations))
      attempt([&](Box& b) { b.destinations = m.box.destinations; });
  }
  return box;
}

/// Wide, and behind denies of the few that may not.
bool ShortLines::add_with_denies(const Box& box, std::vector<IntendedEntry>& out) {
  std::vector<Box> candidates;
  for (const bool source : {true, false})
    for (const Match& m : terms_.line.empty() ? std::vector<Match>(1) : terms_.line) {
      Box wide = box;
      const AddressSet& theirs = source ? m.box.sources : m.box.destinations;
      AddressSet& ours = source ? wide.sources : wide.destinations;
      if (theirs == ours || !theirs.contains(ours)) continue;
      ours = theirs;
      if (address_lines(wide) <= kAddressesMax) candidates.push_back(std::move(wide));
    }
  for (Box& wide : candidates) {
    const PacketSet w = space_.of(wide);
    if (!within_.contains(w)) continue;
    const std::vector<IntendedEntry> denies = deny((w & terms_.here) - terms_.may - permitted_);
    std::size_t lines = 0;
    for (const IntendedEntry& d : denies) lines += address_lines(d.match.front().box);
    if (lines == 0 || lines > kDeniesMax) continue;
    out.insert(out.end(), denies.begin(), denies.end());
    permitted_ |= w;
    take_place(terms_.line, wide);
    out.push_back(entry(Action::permit, std::move(wide)));
    return true;
  }
  return false;
}

void ShortLines::add(const Box& exact, Drop drop, std::vector<IntendedEntry>& out) {
  Box box = relaxed(exact, drop, [&](const PacketSet& w) { return may_pass(w); });
  if (terms_.denies && address_lines(box) > kAddressesMax && add_with_denies(box, out)) return;
  permitted_ |= space_.of(box);
  take_place(terms_.line, box);
  out.push_back(entry(Action::permit, std::move(box)));
}

std::vector<IntendedEntry> ShortLines::permit(const std::vector<Box>& boxes) {
  std::vector<IntendedEntry> out;
  for (const Box& box : boxes)
    if (!permitted_.contains(space_.of(box))) add(box, {.addresses = true}, out);
  return out;
}

std::vector<IntendedEntry> ShortLines::permit(const PacketSet& packets) {
  std::vector<IntendedEntry> out;
  const PacketSet wanted = plain(packets);
  for (PacketSet left = wanted - permitted_; !left.is_empty(); left = wanted - permitted_) {
    const Cover cover = left.cover(1);
    if (cover.boxes.empty() || out.size() >= kBoxesMax) return {};
    add(cover.boxes.front(), {.flags = true, .ports = true, .addresses = true}, out);
  }
  return out;
}

std::vector<IntendedEntry> ShortLines::widened(const Box& exact) const {
  Box box = relaxed(exact, {.addresses = true}, [&](const PacketSet& w) { return may_pass(w); });
  if (address_lines(box) >= address_lines(exact) && address_lines(exact) > kPlainMax) return {};
  return {entry(Action::permit, std::move(box))};
}

std::vector<IntendedEntry> ShortLines::deny(const PacketSet& packets) {
  std::vector<IntendedEntry> out;
  PacketSet left = plain(packets);
  const auto stops_nothing = [&](const PacketSet& w) { return !w.overlaps(terms_.must); };
  while (!left.is_empty()) {
    const Cover cover = left.cover(1);
    if (cover.boxes.empty() || out.size() >= kBoxesMax) return {};
    Box box = relaxed(cover.boxes.front(), {.flags = true}, stops_nothing);
    left -= space_.of(box);
    take_place(terms_.line, box);
    out.push_back(entry(Action::deny, std::move(box)));
  }
  return out;
}

}  // namespace demarc
