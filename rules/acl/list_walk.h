// Asked packets through the lists of a stage, entry by entry: written once for packets that all fare alike, of
// which nothing need be known but whether they are still there, and for sets of them. Internal to this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/entry_index.h"
#include "rules/acl/meaning.h"
#include "rules/acl/relation.h"

namespace demarc {

/// The lines by which packets possibly are permitted and denied, the first of each.
struct PossibleLines {
  std::optional<DecidingLine> permit, deny;
  std::optional<DecidingLine> open;  // the first line that left it open
  std::string open_why;

  static void note(std::optional<DecidingLine>& slot, const std::optional<DecidingLine>& line) {
    if (!slot) slot = line;
  }
  void note_open(const DecidingLine& line, std::string_view why) {
    if (open) return;
    open = line, open_why = why;
  }
  void note(const PossibleLines& later) {
    note(permit, later.permit), note(deny, later.deny);
    if (later.open) note_open(*later.open, later.open_why);
  }
};

/// What may become of packets that enter a list.
template <typename Packets>
struct Possible {
  PossibleLines lines = {};
  Packets passed, on;  // permitted; fallen out at the end
};

/// Packets of one protocol and one family that all fare alike: they are there or they are not.
class AlikePackets {
 public:
  using Packets = bool;
  /// The box must outlive it.
  AlikePackets(ListIndices& indices, const Box& box) : indices_(indices), box_(box), question_(box) {}

  static bool none() { return false; }
  static bool is_none(bool packets) { return !packets; }
  static bool minus(bool packets, bool those) { return packets && !those; }
  /// Some of them met a match and others did not: only sets can tell.
  bool mixed() const { return mixed_; }
  /// Whether they are of those that the box constrains.
  bool meet(const Box& box) {
    const Relation relation = question_(Match{box, {}, {}});
    mixed_ = mixed_ || relation == Relation::some;
    return relation != Relation::none;
  }
  /// Entries that may match them, in order.
  void candidates(ListIndex list, std::vector<std::uint32_t>& out) const {
    const std::optional<Address> source = box_.sources.only(), destination = box_.destinations.only();
    if (!source || !destination) return indices_.all(list, out);
    indices_.candidates(list, *source, *destination, box_.ports.only(), out);
  }
  /// Which of the arriving packets an entry matches possibly, and for certain.
  std::pair<bool, bool> matched(const Entry& entry, bool arriving) {
    const Relation certain = relation(entry.match);
    const Relation maybe = certain == Relation::all ? Relation::none : relation(entry.maybe);
    mixed_ = mixed_ || certain == Relation::some || maybe == Relation::some;
    const bool possibly = certain != Relation::none || maybe != Relation::none;
    return {arriving && possibly, arriving && certain == Relation::all};
  }

 private:
  Relation relation(const std::vector<Match>& matches) const {
    Relation most = Relation::none;
    for (const Match& m : matches) most = std::max(most, question_(m));
    return most;
  }

  ListIndices& indices_;
  const Box& box_;
  Question question_;
  bool mixed_ = false;
};

class PacketSets {
 public:
  using Packets = PacketSet;
  /// Both must outlive it.
  PacketSets(const Device& device, PacketSpace& space) : device_(device), meaning_(device, space) {}

  PacketSet none() const { return meaning_.space().empty(); }
  static bool is_none(const PacketSet& packets) { return packets.is_empty(); }
  static PacketSet minus(const PacketSet& packets, const PacketSet& those) { return packets - those; }
  static bool mixed() { return false; }
  void candidates(ListIndex list, std::vector<std::uint32_t>& out) const {
    for (std::uint32_t i = 0; i < device_.lists.at(list).entries.size(); ++i) out.push_back(i);
  }
  std::pair<PacketSet, PacketSet> matched(const Entry& entry, const PacketSet& arriving) const {
    const Bounds match = meaning_.match(entry);
    return {arriving & match.possible, arriving & match.certain};
  }
  PacketSpace& space() const { return meaning_.space(); }

 private:
  const Device& device_;
  Meaning meaning_;
};

template <typename Asked>
class ListWalk {
 public:
  using Packets = typename Asked::Packets;
  ListWalk(const Device& device, Asked& asked)
      : device_(device), asked_(asked), known_(device.lists.size()), being_walked_(device.lists.size()) {}

  /// The lists of a stage in order, with the last one's end. Without a list everything falls out.
  Possible<Packets> through(std::span<const ListIndex> lists, Packets arriving) {
    Possible<Packets> out{{}, asked_.none(), std::move(arriving)};
    for (const ListIndex index : lists) walk(index, out);
    if (!lists.empty()) end(lists.back(), out);
    return out;
  }

 private:
  /// What of `out.on` arrives at the list, and what it does with it.
  void walk(ListIndex index, Possible<Packets>& out) {
    const List& list = device_.lists.at(index);
    Packets arriving = std::exchange(out.on, asked_.none());
    std::vector<std::uint32_t> entries;
    asked_.candidates(index, entries);
    for (const std::uint32_t i : entries) {
      if (asked_.is_none(arriving) || asked_.mixed()) break;
      const Entry& e = list.entries[i];
      if (e.inactive || e.action == Action::count) continue;
      const auto [hit, certain] = asked_.matched(e, arriving);
      if (asked_.is_none(hit)) continue;
      const DecidingLine here{index, i};
      const bool unknown = e.action == Action::unknown;
      if (unknown || hit != certain)
        out.lines.note_open(here, e.undecided.empty() ? "what the line does is not known" : e.undecided);
      if (!unknown) arriving = asked_.minus(arriving, certain);
      if (e.action == Action::permit || unknown) {
        PossibleLines::note(out.lines.permit, here);
        out.passed |= hit;
      }
      if (e.action == Action::deny || unknown) PossibleLines::note(out.lines.deny, here);
      if (e.action == Action::give_back) out.on |= hit;
      if (e.action == Action::jump || e.action == Action::go_to) {
        const Possible<Packets> called = call(e.target, hit, here);
        out.lines.note(called.lines);
        out.passed |= called.passed;
        (e.action == Action::jump ? arriving : out.on) |= called.on;
      }
    }
    out.on |= arriving;
  }

  void end(ListIndex index, Possible<Packets>& out) const {
    const Fallthrough at_end = device_.lists[index].at_end;
    if (asked_.is_none(out.on) || at_end == Fallthrough::give_back) return;
    const bool permits = at_end == Fallthrough::permit;
    PossibleLines::note(permits ? out.lines.permit : out.lines.deny, DecidingLine{index, {}});
    if (permits) out.passed |= out.on;
    out.on = asked_.none();
  }

  /// A called list with its end. It is walked once for the same packets, however often it is called; one that calls
  /// itself in a circle, or is not there, may do anything.
  Possible<Packets> call(ListIndex index, const Packets& arriving, const DecidingLine& caller) {
    const bool is_there = index < device_.lists.size();
    if (!is_there || being_walked_[index]) {
      Possible<Packets> anything{{caller, caller, {}, {}}, arriving, arriving};
      anything.lines.note_open(
          caller, is_there ? "lists call each other in a circle" : "the list that it calls is not there");
      return anything;
    }
    for (const auto& [packets, fates] : known_[index])
      if (packets == arriving) return fates;
    being_walked_[index] = true;
    Possible<Packets> out{{}, asked_.none(), arriving};
    walk(index, out);
    end(index, out);
    being_walked_[index] = false;
    if (known_[index].size() < kKnownMax) known_[index].emplace_back(arriving, out);
    return out;
  }

  static constexpr std::size_t kKnownMax = 16;
  const Device& device_;
  Asked& asked_;
  std::vector<std::vector<std::pair<Packets, Possible<Packets>>>> known_;
  std::vector<bool> being_walked_;
};

}  // namespace demarc
