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

// Only entries that overlap with it can keep packets from an entry, and mostly those are few.
PacketSet Deciding::reaching(ListIndex index, std::uint32_t entry) {
  const std::vector<Entry>& entries = device_.lists[index].entries;
  Known& known = known_[index];
  if (known.hulls.empty()) {
    for (const Entry& e : entries) known.hulls.push_back(hull_of(e));
    known.on.resize(entries.size());
  }
  PacketSet rest = meaning_.match(entries[entry]).possible;
  std::vector<PacketSet> block;
  const auto subtract = [&] {
    rest -= meaning_.space().unite_all(block);
    block.clear();
  };
  for (std::uint32_t j = 0; j < entry && !rest.is_empty(); ++j) {
    if (!meet(known.hulls[entry], known.hulls[j])) continue;
    if (!known.on[j]) known.on[j] = meaning_.entry(entries[j]).on;
    block.push_back(rest - *known.on[j]);
    if (block.size() == 64) subtract();
  }
  subtract();
  return rest;
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
      all |= arriving(caller) & reaching(caller, i);
    }
  }
  return arriving_[list] = all;
}

PacketSet Deciding::reached(const DecidingLine& line) {
  if (line.list == kNoList) return meaning_.space().all();
  const PacketSet& arrives = arriving(line.list);
  if (!line.entry) return arrives & meaning_.list(line.list).on;
  return arrives & reaching(line.list, *line.entry);
}

}  // namespace demarc
