#include "rules/verdict/deciding.h"

namespace demarc {

namespace {

/// Of that many packets and statements it costs less to look at everything.
constexpr std::size_t kImagesMax = 100'000;

Focus seen_focus(const Focus& focus, const Device& device, const Translations& translations) {
  if (translations.none() || focus.is_everything()) return focus;
  if (focus.packets.size() * device.nats.size() > kImagesMax) return Focus({Box{}});
  return Focus(translations.with_images(focus.packets));
}

}  // namespace

Deciding::Deciding(const Device& device, PacketSpace& space, const Asked& asked, const Focus& focus)
    : device_(device),
      asked_(asked),
      translations_(device),
      focus_(seen_focus(focus, device, translations_)),
      meaning_(device, space, &focus_),
      decider_(device),
      callers_(device.lists.size()) {
  if (asked.list != kNoList || translations_.none())
    courses_.push_back({Course{}, space.all()});
  else
    courses_ = translations_.courses(space.of(focus.packets), asked.states, asked.way);
}

Bounds Deciding::permitted() {
  if (asked_.list != kNoList) return meaning_.permitted_by(asked_.list);
  if (is_plain()) return meaning_.permitted(asked_.way);
  PacketSpace& space = meaning_.space();
  std::vector<PacketSet> pass(courses_.size()), stop(courses_.size(), space.empty());
  for (std::size_t i = 0; i < courses_.size(); ++i) pass[i] = courses_[i].packets;
  for (const Stage& stage : device_.stages) {
    if (!stage.ways.contains(asked_.way)) continue;
    const Bounds there = meaning_.permitted(stage);
    for (std::size_t i = 0; i < courses_.size(); ++i) {
      const CourseOfSet& c = courses_[i];
      stop[i] |= c.packets & c.course.origin(stage, ~there.certain);
      pass[i] &= c.course.origin(stage, there.possible);
    }
  }
  const PacketSet possible = space.unite_all(pass);
  return {possible - space.unite_all(stop), possible};
}

FilterDecision Deciding::decide(const ConcretePacket& packet) {
  PacketQuestion q = PacketQuestion::of(packet, asked_.way);
  q.list = asked_.list;
  // Whatever its state, it is translated as the whole question is.
  q.opening = q.packets;
  q.opening->states = asked_.states;
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

/// What enters lists from the stages of the way.
void Deciding::enter(const CourseOfSet& c) {
  PacketSpace& space = meaning_.space();
  const auto add = [&space](Entrance& to, ListIndex list, const PacketSet& packets) {
    PacketSet& there = to.entering.emplace(list, space.empty()).first->second;
    there |= packets;
  };
  Entrance all{c, {}, {}, {}};  // where every stage sees the same
  PacketSet passed = c.packets;
  for (const Stage& stage : device_.stages) {
    if (!stage.ways.contains(asked_.way)) continue;
    Entrance here{c, stage, {}, {}};
    PacketSet on = c.course.seen(stage, passed);
    for (const ListIndex member : stage.lists) {
      add(c.course.is_plain() ? all : here, member, on);
      on &= meaning_.list(member).on;
    }
    if (!c.course.is_plain()) entrances_.push_back(std::move(here));
    passed &= c.course.origin(stage, meaning_.permitted(stage).possible);
  }
  if (c.course.is_plain()) entrances_.push_back(std::move(all));
}

std::vector<Deciding::Entrance>& Deciding::entrances() {
  if (!entrances_.empty()) return entrances_;
  for (ListIndex caller = 0; caller < device_.lists.size(); ++caller) {
    const std::vector<Entry>& entries = device_.lists[caller].entries;
    for (std::uint32_t i = 0; i < entries.size(); ++i)
      if ((entries[i].action == Action::jump || entries[i].action == Action::go_to) &&
          entries[i].target != caller && entries[i].target < callers_.size())
        callers_[entries[i].target].emplace_back(caller, i);
  }
  if (asked_.list != kNoList)
    entrances_.push_back({courses_[0], {}, {{asked_.list, meaning_.space().all()}}, {}});
  else
    for (const CourseOfSet& c : courses_) enter(c);
  return entrances_;
}

/// What comes to a list, from the stages and from calls.
const PacketSet& Deciding::arriving(Entrance& entrance, ListIndex list) {
  if (const auto known = entrance.arriving.find(list); known != entrance.arriving.end()) return known->second;
  const auto entering = entrance.entering.find(list);
  PacketSet all = entering == entrance.entering.end() ? meaning_.space().empty() : entering->second;
  entrance.arriving.emplace(list, meaning_.space().empty());  // a circle of calls adds nothing to itself
  for (const auto& [caller, entry] : callers_[list])
    if (const PacketSet& there = arriving(entrance, caller); !there.is_empty())
      all |= there & reaching(caller, entry);
  return entrance.arriving[list] = std::move(all);
}

PacketSet Deciding::reached(const DecidingLine& line) {
  if (line.list == kNoList) return meaning_.space().all();
  PacketSet all = meaning_.space().empty();
  std::optional<PacketSet> takes;
  for (Entrance& e : entrances()) {
    const PacketSet& arrives = arriving(e, line.list);
    if (arrives.is_empty()) continue;
    if (!takes) takes = line.entry ? reaching(line.list, *line.entry) : meaning_.list(line.list).on;
    const PacketSet taken = arrives & *takes;
    all |= e.course.course.is_plain() ? taken : e.course.packets & e.course.course.origin(e.stage, taken);
  }
  return all;
}

}  // namespace demarc
