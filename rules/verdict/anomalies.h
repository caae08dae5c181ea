// What is wrong with a list of entries taken by itself: lines that never decide, lines that change nothing, lines
// that contradict others in part. Exact, by sets: a line that no single other one covers, but several together do,
// is found as well, and so is one that only the end of the list makes superfluous.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rules/acl/device.h"
#include "rules/space/packet_set.h"

namespace demarc {

struct EntryRef {
  ListIndex list = 0;
  std::uint32_t entry = 0;
  auto operator<=>(const EntryRef&) const = default;
};

enum class EntryStatus : std::uint8_t {
  live,       // it decides some packet, and without it that packet would fare otherwise
  shadowed,   // earlier entries leave it nothing
  redundant,  // it decides packets, and without it (and the other superfluous ones) they would fare the same
  unread,     // we do not know what it says
  partial,    // what it matches is not decided by the file; it may be live
};
std::string_view name(EntryStatus status);  // "live", "shadowed", ...

struct EntryReport {
  EntryRef entry;
  EntryStatus status = EntryStatus::live;
  /// Shadowed: the earlier entries that take its packets, in their order: one where one takes all of them.
  /// Redundant, or there for its answer: the later entries that decide its packets the same; none where the list's
  /// end does. Bounded by kBlockersMax.
  std::vector<EntryRef> by = {};
  bool by_more = false;          // there are more, or nobody looked for lack of time
  bool otherwise = false;        // shadowed: one of those that take its packets decides them the other way
  bool duplicate = false;        // an earlier entry matches the same and does the same
  bool answer_only = false;      // live: without it its packets are denied all the same, and answered otherwise
  bool matches_nothing = false;  // no packet is as it says, whatever stands before it
  /// Shadowed, but for fragments that do not show their ports: a router lets a line with ports decide them by
  /// addresses alone.
  bool but_later_fragments = false;
  /// Shadowed, redundant: a packet that its author meant for it. Live: a packet that it decides.
  std::optional<ConcretePacket> sample = {};

  static constexpr std::size_t kBlockersMax = 16;
};

/// Two entries that decide differently and overlap in part, so that their order matters and neither is the other's
/// exception.
struct EntryConflict {
  EntryRef first, second;  // the earlier one takes what both match
  std::optional<ConcretePacket> sample = {};
};

struct ListReport {
  ListIndex list = 0;
  bool bound = false;                         // a stage or another part of the configuration uses it, or a used list calls it
  std::vector<EntryReport> entries = {};      // every entry, in order; switched-off ones are live
  std::vector<EntryConflict> conflicts = {};  // at most kConflictsMax
  std::uint64_t conflicts_left_out = 0;
  bool decided = true;  // false: the list was too complicated (SpaceExhausted), and nothing is said of its entries

  static constexpr std::size_t kConflictsMax = 200;
};

struct DeviceReport {
  std::vector<ListReport> lists = {};              // of every list, in the device's order
  std::vector<std::uint32_t> unused_objects = {};  // into Device::objects
};

DeviceReport find_anomalies(const Device& device);

}  // namespace demarc
