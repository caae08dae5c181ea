// A list is folded by halves. A part of a list is four sets: the packets to which it possibly does each of four
// things. Behind a part a comes a part b: what a possibly leaves to it, b may permit, and so on:
//
//   permit = a.permit | (a.on & b.permit)      the same for deny and give_back
//   on     = a.on & b.on
//
// That is exact if every undecided entry may turn out either way by itself. Where two undecided entries hang on the
// same condition (one time range) the gap is wider than it must be, never narrower.
#include "rules/acl/meaning.h"

#include <algorithm>

namespace demarc {

PartOutcomes join(const PartOutcomes& a, const PartOutcomes& b) {
  return {a.permit | (a.on & b.permit), a.deny | (a.on & b.deny), a.give_back | (a.on & b.give_back), a.on & b.on};
}

namespace {

/// Whether one of few ranges meets one of many.
bool meets(const AddressSet& many, const AddressSet& few) {
  return std::any_of(few.ranges().begin(), few.ranges().end(), [&many](const AddressRange& r) {
    const auto at = std::lower_bound(many.ranges().begin(), many.ranges().end(), r.first,
                                     [](const AddressRange& x, const Address& a) { return x.last < a; });
    return at != many.ranges().end() && at->first <= r.last;
  });
}

}  // namespace

Focus::Focus(std::vector<Box> boxes) : packets(std::move(boxes)) {
  std::vector<AddressRange> sources, destinations;
  for (const Box& box : packets) {
    sources.insert(sources.end(), box.sources.ranges().begin(), box.sources.ranges().end());
    destinations.insert(destinations.end(), box.destinations.ranges().begin(), box.destinations.ranges().end());
  }
  sources_ = AddressSet::of_ranges(std::move(sources));
  destinations_ = AddressSet::of_ranges(std::move(destinations));
}

bool Focus::is_everything() const {
  return std::any_of(packets.begin(), packets.end(), [](const Box& box) { return box == Box{}; });
}

bool Focus::may_meet(const Box& box) const {
  return meets(destinations_, box.destinations) && meets(sources_, box.sources);
}

PacketSet set_of(const Match& match, PacketSpace& space) {
  PacketSet set = space.of(match.box);
  if (const std::optional<AddressBits>& bits = match.source_bits)
    set &= space.address_bits(PacketSpace::End::source, bits->family, bits->value, bits->mask);
  if (const std::optional<AddressBits>& bits = match.destination_bits)
    set &= space.address_bits(PacketSpace::End::destination, bits->family, bits->value, bits->mask);
  return set;
}

Box seen_by(const Stage& stage) {
  const auto only = [](const std::vector<InterfaceId>& ids) {
    ByteSet set;
    for (const InterfaceId id : ids) set.insert(id);
    return ids.empty() ? ByteSet::all() : set;
  };
  Box seen;
  seen.family = stage.family;
  seen.ingress = only(stage.ingress);
  seen.egress = only(stage.egress);
  return seen;
}

Meaning::Meaning(const Device& device, PacketSpace& space) : Meaning(device, space, nullptr) {}

Meaning::Meaning(const Device& device, PacketSpace& space, const Focus* focus)
    : device_(device),
      space_(space),
      focus_(focus == nullptr || focus->is_everything() ? nullptr : focus),
      in_focus_(focus == nullptr ? space.all() : space.of(focus->packets)),
      lists_(device.lists.size()),
      being_worked_out_(device.lists.size()),
      everything_{space.all(), space.all(), space.all()} {}

PacketSet Meaning::set_of(std::span<const Match> matches) const {
  std::vector<PacketSet> sets;
  sets.reserve(matches.size());
  for (const Match& m : matches) {
    if (focus_ != nullptr && !focus_->may_meet(m)) continue;
    const PacketSet set = demarc::set_of(m, space_);
    sets.push_back(focus_ == nullptr ? set : set & in_focus_);
  }
  return space_.unite_all(sets);
}

Bounds Meaning::match(const Entry& entry) const {
  if (entry.inactive) return {space_.empty(), space_.empty()};
  const PacketSet certain = set_of(entry.match);
  return {certain, entry.maybe.empty() ? certain : certain | set_of(entry.maybe)};
}

PartOutcomes Meaning::entry(const Entry& entry) {
  const Bounds match = this->match(entry);
  PartOutcomes part{space_.empty(), space_.empty(), space_.empty(), ~match.certain};
  switch (entry.action) {
    case Action::permit: part.permit = match.possible; break;
    case Action::deny: part.deny = match.possible; break;
    case Action::give_back: part.give_back = match.possible; break;
    case Action::count: part.on = space_.all(); break;
    case Action::unknown:
      part.permit = part.deny = part.give_back = match.possible;
      part.on = space_.all();
      break;
    case Action::jump:
    case Action::go_to: {
      const bool known = entry.target < device_.lists.size();
      const Outcomes called = known ? list(entry.target) : Outcomes{space_.all(), space_.all(), space_.all()};
      part.permit = match.possible & called.permit;
      part.deny = match.possible & called.deny;
      PacketSet back = match.possible & called.on;
      if (known) {
        const Fallthrough end = device_.lists[entry.target].at_end;
        if (end == Fallthrough::permit) part.permit |= back;
        if (end == Fallthrough::deny) part.deny |= back;
        if (end != Fallthrough::give_back) back = space_.empty();
      }
      if (entry.action == Action::jump)
        part.on |= back;
      else
        part.give_back = back;
      break;
    }
  }
  return part;
}

PartOutcomes Meaning::no_entry() const { return {space_.empty(), space_.empty(), space_.empty(), space_.all()}; }

PartOutcomes Meaning::fold(std::span<const Entry> entries) {
  if (entries.empty()) return no_entry();
  if (entries.size() == 1) return entry(entries.front());
  const std::size_t half = entries.size() / 2;
  const PartOutcomes first = fold(entries.first(half));
  return join(first, fold(entries.subspan(half)));
}

bool Meaning::is_plain(const List& list) const {
  return std::all_of(list.entries.begin(), list.entries.end(), [](const Entry& e) {
    return (e.action == Action::permit || e.action == Action::deny) && e.maybe.empty();
  });
}

const Outcomes& Meaning::list(ListIndex index) {
  std::optional<Outcomes>& known = lists_.at(index);
  if (known) return *known;
  if (being_worked_out_[index]) return everything_;  // a circle of calls
  being_worked_out_[index] = true;
  const List& list = device_.lists[index];
  Outcomes outcomes;
  if (!list.defined) {
    // What a list that is written nowhere does is the dialect's affair: its reader gave it an end and no entries.
    outcomes = {space_.empty(), space_.empty(), space_.all()};
  } else if (is_plain(list)) {
    std::vector<ListEntry> entries;
    entries.reserve(list.entries.size());
    for (const Entry& e : list.entries) entries.push_back({match(e).certain, e.action == Action::permit});
    const ListDecision decision = space_.first_match(entries);
    outcomes = {decision.permitted, decision.matched - decision.permitted, ~decision.matched};
  } else {
    const PartOutcomes part = fold(list.entries);
    outcomes = {part.permit, part.deny, part.on | part.give_back};
  }
  being_worked_out_[index] = false;
  return lists_[index].emplace(std::move(outcomes));
}

Bounds Meaning::permitted_by(ListIndex index) {
  Outcomes o = list(index);
  const Fallthrough end = device_.lists[index].at_end;
  if (end == Fallthrough::permit) o.permit |= o.on;
  if (end == Fallthrough::deny) o.deny |= o.on;
  if (end != Fallthrough::give_back) o.on = space_.empty();
  return o.permitted();
}

Bounds Meaning::permitted(const Stage& stage) {
  PacketSet permit = space_.empty(), deny = space_.empty(), on = space_.all();
  for (const ListIndex index : stage.lists) {
    const Outcomes& o = list(index);
    permit |= on & o.permit;
    deny |= on & o.deny;
    on &= o.on;
  }
  const Fallthrough end = stage.lists.empty() ? Fallthrough::permit : device_.lists[stage.lists.back()].at_end;
  if (end == Fallthrough::deny)
    deny |= on;
  else
    permit |= on;  // a base list that decides nothing stops nobody
  const PacketSet unseen = ~space_.of(seen_by(stage));
  return {(permit - deny) | unseen, permit | unseen};
}

Bounds Meaning::permitted(Way way) {
  Bounds all{space_.all(), space_.all()};
  for (const Stage& stage : device_.stages) {
    if (!stage.ways.contains(way)) continue;
    const Bounds bounds = permitted(stage);
    all.certain &= bounds.certain;
    all.possible &= bounds.possible;
  }
  return all;
}

std::vector<Box> boxes_of(const Device& device, std::size_t boxes_max) {
  std::vector<Box> boxes;
  for (const List& list : device.lists)
    for (const Entry& entry : list.entries)
      for (const Match& match : entry.match) {
        if (boxes.size() >= boxes_max) return boxes;
        boxes.push_back(match.box);
      }
  return boxes;
}

}  // namespace demarc
