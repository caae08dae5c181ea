// The difference of two configurations is one set. It is taken apart by proof: one packet of it, the line that
// decides it on each side, then all packets of the difference that the same two lines decide. Each turn takes at
// least that packet, and what is left after the last turn is counted, not forgotten.
//
// Two things keep it small. A packet that no changed line is about meets the same lines in the same order on both
// sides, so only what changed lines are about is looked at (changes.h). And where that is still more than a space may
// hold, the destinations are halved until it is not.
#include "rules/verdict/compare.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <tuple>

#include "rules/verdict/changes.h"
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
  for (Nat& nat : out.nats) move_set(nat.match.box.ingress), move_set(nat.match.box.egress);
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

constexpr unsigned kHalvingsMax = 20;

/// Where the entries' destinations begin: the places at which a question may be cut, sorted.
std::vector<Address> cuts_of(std::initializer_list<const Device*> devices) {
  std::vector<Address> cuts;
  const auto cut = [&cuts](const Match& m) {
    for (const AddressRange& r : m.box.destinations.ranges()) cuts.push_back(r.first);
  };
  for (const Device* device : devices) {
    for (const List& list : device->lists)
      for (const Entry& e : list.entries)
        for (const std::vector<Match>* matches : {&e.match, &e.maybe})
          std::for_each(matches->begin(), matches->end(), cut);
    for (const Nat& nat : device->nats) cut(nat.match);
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

/// Runs `work` on the boxes, and where that is more than a space may hold, on halves of them by destination, so that
/// about as many entries begin in each. False: even small parts are too much.
template <typename F>
bool in_parts(const std::vector<Box>& boxes, std::span<const Address> cuts, F&& work, unsigned depth = 0) {
  if (boxes.empty()) return true;
  try {
    work(Focus(boxes));
    return true;
  } catch (const SpaceExhausted&) {
    if (depth == kHalvingsMax) return false;
  }
  Address first = boxes[0].destinations.ranges().front().first, last = first;
  for (const Box& box : boxes) {
    first = std::min(first, box.destinations.ranges().front().first);
    last = std::max(last, box.destinations.ranges().back().last);
  }
  const auto inside = std::span(std::upper_bound(cuts.begin(), cuts.end(), first),
                                std::upper_bound(cuts.begin(), cuts.end(), last));
  if (inside.empty()) return false;
  const Address cut = inside[inside.size() / 2];
  std::vector<AddressRange> below;
  if (cut.family() == Family::ipv6) below.push_back({Address::ipv4(0), Address::ipv4(0xFFFFFFFF)});
  if (cut.number() != 0) below.push_back({Address::of(cut.family(), 0), Address::of(cut.family(), cut.number() - 1)});
  const AddressSet front = AddressSet::of_ranges(std::move(below));
  std::vector<Box> here, there;
  for (const Box& box : boxes) {
    Box part = box;
    part.destinations = box.destinations.intersect(front);
    if (!part.destinations.empty()) here.push_back(part);
    part.destinations = box.destinations.minus(front);
    if (!part.destinations.empty()) there.push_back(std::move(part));
  }
  return in_parts(here, inside, work, depth + 1) && in_parts(there, inside, work, depth + 1);
}

/// One row for each pair of lines, or each line, put together from the parts in which they were found.
template <typename Row, typename Key>
class Rows {
 public:
  Rows(std::size_t rows_max, std::size_t boxes_max) : rows_max_(rows_max), boxes_max_(boxes_max) {}

  bool full() const { return rows_.size() >= rows_max_; }
  void add(const Key& key, Row row, const PacketSet& share) {
    const auto [at, fresh] = rows_.emplace(key, std::move(row));
    Row& here = at->second;
    here.weight += share.count();
    Cover more = share.cover(boxes_max_ - std::min(boxes_max_, here.cover.boxes.size()));
    here.cover.left_out += more.left_out;
    for (Box& box : more.boxes) here.cover.boxes.push_back(std::move(box));
  }
  std::vector<Row> take() {
    std::vector<Row> rows;
    for (auto& [key, row] : rows_) rows.push_back(std::move(row));
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return b.weight < a.weight; });
    return rows;
  }

 private:
  std::size_t rows_max_, boxes_max_;
  std::map<Key, Row> rows_;
};

using LineKey = std::tuple<Fate, ListIndex, std::uint32_t>;
LineKey key(Fate fate, const DecidingLine& by) { return {fate, by.list, by.entry.value_or(0xFFFFFFFF)}; }

/// What is looked at: the question's packets, and of these what changed lines are about.
std::vector<Box> in_question(const Box& within, const std::optional<std::vector<Box>>& changed) {
  std::vector<Box> boxes;
  for (const Box& box : changed.value_or(std::vector<Box>{within})) {
    Box both = box;
    both.sources = box.sources.intersect(within.sources);
    both.destinations = box.destinations.intersect(within.destinations);
    if (!both.sources.empty() && !both.destinations.empty()) boxes.push_back(std::move(both));
  }
  return boxes;
}

}  // namespace

Comparison compare(const Device& before, const Device& after, const CompareOptions& options) {
  Comparison result;
  result.interfaces = all_names(before, after);
  const Device here = renumbered(before, result.interfaces), there = renumbered(after, result.interfaces);
  const VariableOrder order = order_for(here, there);
  Rows<Difference, std::pair<LineKey, LineKey>> rows(options.pairs_max, options.boxes_max);
  const std::vector<Address> cuts = cuts_of({&here, &there});
  result.decided = in_parts(in_question(options.within, changed_boxes(here, there, options)), cuts, [&](const Focus& focus) {
    PacketSpace space(order, SpaceLimits{.nodes_max = options.nodes_max});
    Deciding a(here, space, {options.way, options.before_list, options.within.states}, focus),
        b(there, space, {options.way, options.after_list, options.within.states}, focus);
    const Bounds pa = a.permitted(), pb = b.permitted();
    // Permitted for certain here and possibly denied there, or the other way round, or open on one side only.
    PacketSet rest = (pa.certain - pb.certain) | (pb.certain - pa.certain);
    if (!pa.is_exact() || !pb.is_exact()) rest |= (pa.possible - pb.possible) | (pb.possible - pa.possible);
    rest &= space.of(options.within) & space.of(focus.packets);
    auto found = rows;  // kept only if this part comes to its end
    while (!rest.is_empty() && !found.full()) {
      Difference d;
      d.sample = *rest.sample();
      const FilterDecision one = a.decide(d.sample), two = b.decide(d.sample);
      d.before = one.fate, d.after = two.fate;
      d.before_by = one.by, d.after_by = two.by;
      PacketSet share = a.reached(one.by) & b.reached(two.by) & rest;  // the small ones first
      // Where a line leaves it open, the same line may decide some packets one way and others not.
      const auto same_fate = [](const Bounds& p, Fate fate) {
        return fate == Fate::permit ? p.certain : fate == Fate::deny ? ~p.possible : p.gap();
      };
      share &= same_fate(pa, one.fate) & same_fate(pb, two.fate);
      if (share.is_empty()) share = space.of(PacketQuestion::of(d.sample).packets);  // progress, whatever happens
      const auto pair = std::pair(key(d.before, d.before_by), key(d.after, d.after_by));
      found.add(pair, std::move(d), share);
      rest -= share;
    }
    const Count left_out = rest.count();
    rows = std::move(found);
    result.left_out += left_out;
  });
  if (result.decided)
    result.differences = rows.take();
  else
    result.left_out = {};
  return result;
}

SearchResult search(const Device& device, Fate fate, const CompareOptions& options) {
  SearchResult result;
  const VariableOrder order = choose_order(boxes_of(device));
  Rows<Found, LineKey> rows(options.pairs_max, options.boxes_max);
  result.decided = in_parts(in_question(options.within, std::nullopt), cuts_of({&device}), [&](const Focus& focus) {
    PacketSpace space(order, SpaceLimits{.nodes_max = options.nodes_max});
    Deciding d(device, space, {options.way, options.before_list, options.within.states}, focus);
    const Bounds permitted = d.permitted();
    const PacketSet within = space.of(focus.packets);
    PacketSet rest = within & (fate == Fate::permit ? permitted.certain
                               : fate == Fate::deny ? ~permitted.possible
                                                    : permitted.gap());
    auto found = rows;  // kept only if this part comes to its end
    while (!rest.is_empty() && !found.full()) {
      Found f;
      f.sample = *rest.sample();
      f.by = d.decide(f.sample).by;
      PacketSet share = d.reached(f.by) & rest;
      if (share.is_empty()) share = space.of(PacketQuestion::of(f.sample).packets);
      const LineKey line = key(fate, f.by);
      found.add(line, std::move(f), share);
      rest -= share;
    }
    const Count left_out = rest.count(), undetermined = (permitted.gap() & within).count();
    rows = std::move(found);
    result.left_out += left_out;
    result.undetermined += undetermined;
  });
  if (result.decided)
    result.found = rows.take();
  else
    result = SearchResult{.decided = false};
  return result;
}

}  // namespace demarc
