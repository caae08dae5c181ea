// The difference of two configurations is one set. It is taken apart by proof: one packet of it, the line that
// decides it on each side, then all packets of the difference that the same two lines decide. Each turn takes at
// least that packet, and what is left after the last turn is counted, not forgotten.
#include "rules/verdict/compare.h"

#include <algorithm>
#include <string>

#include "rules/verdict/deciding.h"

namespace demarc {

namespace {

/// The device with its interfaces numbered as the names stand.
Device renumbered(const Device& device, const std::vector<std::string>& names) {
  Device out = device;
  std::vector<InterfaceId> to(device.interfaces.size());
  for (std::size_t i = 0; i < device.interfaces.size(); ++i) {
    const auto at = std::find(names.begin(), names.end(), device.interfaces[i].name) - names.begin();
    to[i] = static_cast<InterfaceId>(std::min<std::ptrdiff_t>(at, static_cast<std::ptrdiff_t>(kInterfacesMax)));
  }
  const auto move_ids = [&to](std::vector<InterfaceId>& ids) {
    for (InterfaceId& id : ids)
      if (id < to.size()) id = to[id];
  };
  const auto move_set = [&to](ByteSet& set) {
    if (set.is_all()) return;
    ByteSet moved;
    for (unsigned n = 0; n < 256; ++n)
      if (set.contains(static_cast<std::uint8_t>(n)))
        moved.insert(n < to.size() ? to[n] : static_cast<std::uint8_t>(n));
    set = moved;
  };
  for (Stage& stage : out.stages) move_ids(stage.ingress), move_ids(stage.egress);
  for (List& list : out.lists)
    for (Entry& entry : list.entries)
      for (std::vector<Match>* matches : {&entry.match, &entry.maybe})
        for (Match& match : *matches) move_set(match.box.ingress), move_set(match.box.egress);
  return out;
}

std::vector<std::string> all_names(const Device& a, const Device& b) {
  std::vector<std::string> names;
  for (const Device* device : {&a, &b})
    for (const Interface& i : device->interfaces)
      if (std::find(names.begin(), names.end(), i.name) == names.end()) names.push_back(i.name);
  return names;
}

VariableOrder order_for(const Device& a, const Device& b) {
  std::vector<Box> boxes = boxes_of(a, 400);
  const std::vector<Box> more = boxes_of(b, 400);
  boxes.insert(boxes.end(), more.begin(), more.end());
  return choose_order(boxes);
}

template <typename Row>
void sort_by_weight(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return b.weight < a.weight; });
}

}  // namespace

Comparison compare(const Device& before, const Device& after, const CompareOptions& options) {
  Comparison result;
  const std::vector<std::string> names = all_names(before, after);
  const Device here = renumbered(before, names), there = renumbered(after, names);
  try {
    PacketSpace space(order_for(here, there));
    Deciding a(here, space, options.way, options.before_list), b(there, space, options.way, options.after_list);
    const Bounds pa = a.permitted(), pb = b.permitted();
    // Permitted for certain here and possibly denied there, or the other way round, or open on one side only.
    PacketSet rest = ((pa.certain - pb.certain) | (pb.certain - pa.certain) | (pa.possible - pb.possible) |
                      (pb.possible - pa.possible)) &
                     space.of(options.within);
    while (!rest.is_empty() && result.differences.size() < options.pairs_max) {
      Difference d;
      d.sample = *rest.sample();
      const FilterDecision one = a.decide(d.sample), two = b.decide(d.sample);
      d.before = one.fate, d.after = two.fate;
      d.before_by = one.by, d.after_by = two.by;
      PacketSet share = rest & a.reached(one.by) & b.reached(two.by);
      // Where a line leaves it open, the same line may decide some packets one way and others not.
      const auto same_fate = [](const Bounds& p, Fate fate) {
        return fate == Fate::permit ? p.certain : fate == Fate::deny ? ~p.possible : p.gap();
      };
      share &= same_fate(pa, one.fate) & same_fate(pb, two.fate);
      if (share.is_empty()) share = space.of(PacketQuestion::of(d.sample).packets);  // progress, whatever happens
      d.weight = share.count();
      d.cover = share.cover(options.boxes_max);
      rest -= share;
      result.differences.push_back(std::move(d));
    }
    result.left_out = rest.count();
  } catch (const SpaceExhausted&) {
    result = Comparison{};
    result.decided = false;
  }
  sort_by_weight(result.differences);
  return result;
}

SearchResult search(const Device& device, Fate fate, const CompareOptions& options) {
  SearchResult result;
  try {
    PacketSpace space(choose_order(boxes_of(device)));
    Deciding d(device, space, options.way, options.before_list);
    const Bounds permitted = d.permitted();
    const PacketSet within = space.of(options.within);
    result.undetermined = (permitted.gap() & within).count();
    PacketSet rest = within & (fate == Fate::permit ? permitted.certain
                               : fate == Fate::deny ? ~permitted.possible
                                                    : permitted.gap());
    while (!rest.is_empty() && result.found.size() < options.pairs_max) {
      Found f;
      f.sample = *rest.sample();
      f.by = d.decide(f.sample).by;
      PacketSet share = rest & d.reached(f.by);
      if (share.is_empty()) share = space.of(PacketQuestion::of(f.sample).packets);
      f.weight = share.count();
      f.cover = share.cover(options.boxes_max);
      rest -= share;
      result.found.push_back(std::move(f));
    }
    result.left_out = rest.count();
  } catch (const SpaceExhausted&) {
    result = SearchResult{};
    result.decided = false;
  }
  sort_by_weight(result.found);
  return result;
}

}  // namespace demarc
