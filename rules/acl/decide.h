// One packet through a device, entry by entry, and the line that decides: what `acl test` and `explain` answer, and
// what a rehearsal of observed conversations asks a million times. Sets are not needed for a packet that is known
// in every field; a question that leaves fields open is asked of sets, and is decided only if all its packets fare
// alike.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/acl/device.h"
#include "rules/space/packet_set.h"

namespace demarc {

/// Packets that somebody asks about, as they come in: the fields that are known are single values in the box, the
/// others are all.
struct PacketQuestion {
  Box packets = {};
  Way way = Way::through;
  /// Ask this list alone, its end included, about packets as they come to it; none: every stage of the way.
  ListIndex list = kNoList;
  /// What began the conversation, of one protocol and one family, as it came in: its translation is theirs. None:
  /// they begin one themselves, or nobody knows what did (translated_view.h).
  std::optional<Box> opening = {};
  bool is_reply = false;  // they go the other way than the opening
  /// Of one packet. Fields that its protocol lacks are left open.
  static PacketQuestion of(const ConcretePacket& packet, Way way = Way::through);
};

enum class Fate : std::uint8_t { permit, deny, undetermined };
std::string_view name(Fate fate);  // "permit"

/// A place that decides.
struct DecidingLine {
  ListIndex list = kNoList;  // none: no stage stands on the way
  /// Into List::entries; none: the end of the list.
  std::optional<std::uint32_t> entry = {};
  bool operator==(const DecidingLine&) const = default;
};

struct FilterDecision {
  Fate fate = Fate::undetermined;
  /// What decides: of a permit the line of the last stage that has one for it (else that stage's end), of a deny
  /// the line that stops the packet. Undetermined: the first line that leaves it open.
  DecidingLine by = {};
  std::string why = {};  // one sentence
};

class ListIndices;
class Translations;

/// Decides for one device. Not for several threads at once.
class Decider {
 public:
  explicit Decider(const Device& device);
  Decider(Decider&&) noexcept;
  ~Decider();
  /// May throw SpaceExhausted where fields are left open.
  FilterDecision decide(const PacketQuestion& question);

 private:
  const Device& device_;
  std::unique_ptr<ListIndices> indices_;
  std::unique_ptr<Translations> translations_;
};

}  // namespace demarc
