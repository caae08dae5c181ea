// What a device's lists let through, as sets of packets.
//
// A configuration cannot decide everything: a time range depends on the clock, a line that nobody could read on
// what it says. So every answer is two sets, what is permitted for certain and what is possibly permitted, and the
// gap between them is exactly where a verdict must say "undetermined" (semantics.md section 4).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "rules/acl/device.h"
#include "rules/space/packet_set.h"

namespace demarc {

/// certain is within possible.
struct Bounds {
  PacketSet certain, possible;
  bool is_exact() const { return certain == possible; }
  PacketSet gap() const { return possible - certain; }
};

/// What may become of a packet that enters a list: each set holds the packets to which that possibly happens, and
/// every packet is in at least one. A packet in one alone has that for certain, so the certain parts need not be
/// kept: they are what no other set holds.
struct Outcomes {
  PacketSet permit, deny;
  PacketSet on;  // nothing decides: it falls out at the end, or is given back to the caller

  Bounds permitted() const { return {permit - (deny | on), permit}; }
  Bounds denied() const { return {deny - (permit | on), deny}; }
};

/// The same for a part of a list, where leaving the list early is not the same as reaching what comes behind.
struct PartOutcomes {
  PacketSet permit, deny;
  PacketSet give_back;  // leaves the list without a decision (RETURN, a goto whose target decides nothing)
  PacketSet on;         // reaches what comes behind
};
/// The part a, and behind it the part b.
PartOutcomes join(const PartOutcomes& a, const PartOutcomes& b);

/// Packets that somebody looks at, and nothing else: what a question or a change is about. Entries that cannot meet
/// its outer bounds are passed over before a set is made of them.
struct Focus {
  std::vector<Box> packets;  // their union
  explicit Focus(std::vector<Box> boxes);
  bool is_everything() const;
  bool may_meet(const Box& box) const;
  bool may_meet(const Match& match) const { return may_meet(match.box); }

 private:
  AddressSet sources_, destinations_;
};

/// The packets that meet the constraints.
PacketSet set_of(const Match& match, PacketSpace& space);
/// Those that the stage looks at.
Box seen_by(const Stage& stage);

/// The meaning of one device, in one space. Lists are worked out once, when first asked for. Calls that run in a
/// circle (no filter loads them) decide nothing: what enters them is possibly everything.
class Meaning {
 public:
  /// Both must outlive it. May throw SpaceExhausted, as everything below may.
  Meaning(const Device& device, PacketSpace& space);
  /// Only of the packets in focus: what entries match outside of it is left out, and so nothing that is said about
  /// packets outside of it holds. All three must outlive it.
  Meaning(const Device& device, PacketSpace& space, const Focus* focus);

  /// What the entry matches.
  Bounds match(const Entry& entry) const;
  /// The entry alone, called lists included.
  PartOutcomes entry(const Entry& entry);
  /// No entry at all: everything goes on.
  PartOutcomes no_entry() const;
  /// The list's own entries; its end is not applied.
  const Outcomes& list(ListIndex index);
  /// The list with its end.
  Bounds permitted_by(ListIndex index);
  /// What a stage lets through: everything that it does not see, and of the rest what its lists permit.
  Bounds permitted(const Stage& stage);
  /// What every stage of the way lets through, where nothing is translated. Interfaces stay in the sets (ingress,
  /// egress).
  Bounds permitted(Way way);

  const Device& device() const { return device_; }
  PacketSpace& space() const { return space_; }

 private:
  PartOutcomes fold(std::span<const Entry> entries);
  bool is_plain(const List& list) const;
  PacketSet set_of(std::span<const Match> matches) const;

  const Device& device_;
  PacketSpace& space_;
  const Focus* focus_ = nullptr;  // none: all packets
  PacketSet in_focus_;
  std::vector<std::optional<Outcomes>> lists_;
  std::vector<bool> being_worked_out_;
  Outcomes everything_;
};

/// The boxes of all entries, for choose_order().
std::vector<Box> boxes_of(const Device& device, std::size_t boxes_max = 2000);

}  // namespace demarc
