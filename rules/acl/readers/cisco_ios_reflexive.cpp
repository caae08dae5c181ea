#include "rules/acl/readers/cisco_ios_reflexive.h"

#include <fmt/format.h>

namespace demarc {

namespace {

Match back(Match m) {
  std::swap(m.box.sources, m.box.destinations);
  std::swap(m.box.ports, m.box.source_ports);
  std::swap(m.source_bits, m.destination_bits);
  m.box.icmp = IcmpSet::all();
  m.box.flags = ByteSet::all();
  m.box.states = {ConnectionState::established};
  return m;
}

}  // namespace

void ReflexiveLists::note(Cursor in) {
  while (!in.at_end())
    if (in.word() == "reflect") reflections_[draft_.line] = std::string(in.word());
}

void ReflexiveLists::mirror(const Entry& entry, bool lets_out, Mirror& to) {
  for (const bool certain : {true, false}) {
    for (const Match& m : certain ? entry.match : entry.maybe) {
      if (left_ < router::weight(m)) left_ = 0;
      if (left_ == 0) break;
      left_ -= router::weight(m);
      (certain && !lets_out ? to.certain : to.perhaps).push_back(back(m));
    }
  }
}

void ReflexiveLists::gather() {
  for (const List& list : draft_.device().lists) {
    bool lets_out = false;  // some entry before lets packets out without a mirror image
    for (const Entry& e : list.entries) {
      const auto reflection = reflections_.find(e.line);
      if (reflection == reflections_.end() || e.line == 0)
        lets_out = lets_out || e.action != Action::deny;
      else
        mirror(e, lets_out, mirrors_[reflection->second]);
    }
  }
}

void ReflexiveLists::fill_entry(Entry& entry, const Mirror& from) {
  std::size_t size = 0;
  for (const Match& m : from.certain) size += router::weight(m);
  for (const Match& m : from.perhaps) size += router::weight(m);
  if (left_ == 0 || size > left_) {
    left_ = 0;
    entry.maybe.assign(1, Match{});
    entry.undecided = "there are too many reflexive entries to follow";
    return;
  }
  left_ -= size;
  entry.match = from.certain;
  entry.maybe = from.perhaps;
  if (!entry.maybe.empty()) entry.undecided = "which conversations were opened from the other side";
}

void ReflexiveLists::fill() {
  if (evaluations_.empty()) return;
  gather();
  for (List& list : draft_.device().lists) {
    for (Entry& e : list.entries) {
      const auto asked = evaluations_.find(e.line);
      if (asked == evaluations_.end()) continue;
      const auto mirror = mirrors_.find(asked->second);
      if (mirror != mirrors_.end())
        fill_entry(e, mirror->second);
      else
        draft_.warn(e.line, fmt::format("no entry reflects to {}: nothing comes back by it", asked->second));
    }
  }
  for (const auto& [line, name] : evaluations_) {
    const auto mirror = mirrors_.find(name);
    const bool open = mirror != mirrors_.end() && (!mirror->second.perhaps.empty() || left_ == 0);
    draft_.mark_at(line, open ? Understanding::in_part : Understanding::understood,
                   open ? "which conversations were opened from the other side" : "");
  }
}

}  // namespace demarc
