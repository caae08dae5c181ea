#include "rules/verdict/deciding.h"

namespace demarc {

Deciding::Deciding(const Device& device, PacketSpace& space, Way way, ListIndex list, const Focus* focus)
    : device_(device), meaning_(device, space, focus), way_(way), list_(list), decider_(device) {}

Bounds Deciding::permitted() { return list_ == kNoList ? meaning_.permitted(way_) : meaning_.permitted_by(list_); }

FilterDecision Deciding::decide(const ConcretePacket& packet) {
  PacketQuestion q = PacketQuestion::of(packet, way_);
  q.list = list_;
  return decider_.decide(q);
}

// The halves of a list, each with what it lets go on: any beginning of the list is a few of them.
const PacketSet& Deciding::let_by(Halves& halves, ListIndex list, std::size_t node, std::uint32_t first,
                                  std::uint32_t last) {
  std::optional<PacketSet>& known = halves[node];
  if (!known) {
    if (last - first == 1) {
      known = meaning_.entry(device_.lists[list].entries[first]).on;
    } else {
      const std::uint32_t middle = first + (last - first) / 2;
      const PacketSet front = let_by(halves, list, 2 * node, first, middle);
      known = front & let_by(halves, list, 2 * node + 1, middle, last);
    }
  }
  return *known;
}

PacketSet Deciding::behind(ListIndex list, std::uint32_t entries) {
  const auto size = static_cast<std::uint32_t>(device_.lists[list].entries.size());
  PacketSet on = meaning_.space().all();
  if (entries == 0) return on;
  Halves& halves = halves_[list];
  if (halves.empty()) halves.resize(4 * std::size_t{size} + 2);
  std::size_t node = 1;
  for (std::uint32_t first = 0, last = size; first < entries;) {
    if (entries >= last) {
      on &= let_by(halves, list, node, first, last);
      break;
    }
    const std::uint32_t middle = first + (last - first) / 2;
    if (entries <= middle) {
      last = middle, node = 2 * node;
    } else {
      on &= let_by(halves, list, 2 * node, first, middle);
      first = middle, node = 2 * node + 1;
    }
  }
  return on;
}

/// What enters a list from the stages of the way and from calls.
const PacketSet& Deciding::arriving(ListIndex list) {
  if (const auto known = arriving_.find(list); known != arriving_.end()) return known->second;
  PacketSpace& space = meaning_.space();
  PacketSet all = space.empty();
  arriving_.emplace(list, all);  // a circle of calls adds nothing to itself
  if (list_ == list) all = space.all();
  if (list_ == kNoList) {
    PacketSet passed = space.all();
    for (const Stage& stage : device_.stages) {
      if (!stage.ways.contains(way_)) continue;
      PacketSet on = passed;
      for (const ListIndex member : stage.lists) {
        if (member == list) all |= on;
        on &= meaning_.list(member).on;
      }
      passed &= meaning_.permitted(stage).possible;
    }
  }
  for (ListIndex caller = 0; caller < device_.lists.size(); ++caller) {
    if (caller == list) continue;
    const std::vector<Entry>& entries = device_.lists[caller].entries;
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if ((entries[i].action != Action::jump && entries[i].action != Action::go_to) || entries[i].target != list)
        continue;
      all |= arriving(caller) & behind(caller, i) & meaning_.match(entries[i]).possible;
    }
  }
  return arriving_[list] = all;
}

PacketSet Deciding::reached(const DecidingLine& line) {
  if (line.list == kNoList) return meaning_.space().all();
  const List& list = device_.lists[line.list];
  const PacketSet& arrives = arriving(line.list);
  if (!line.entry) return arrives & meaning_.list(line.list).on;
  return arrives & behind(line.list, *line.entry) & meaning_.match(list.entries[*line.entry]).possible;
}

}  // namespace demarc
