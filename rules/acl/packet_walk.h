// One packet, known in every field, through a list or a part of it: what may become of it. Where a Decider says
// which line decides, this says quickly what is possible, for those who ask about many packets.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rules/acl/device.h"
#include "rules/acl/entry_index.h"
#include "rules/space/packet_set.h"

namespace demarc {

/// Exactly: a constraint on a field that the packet lacks is not met.
bool matches(const Match& match, const ConcretePacket& packet);

/// Not for several threads at once.
class PacketWalk {
 public:
  /// It must outlive this.
  explicit PacketWalk(const Device& device);

  /// What may become of the packet; where nothing is left open, one of them.
  struct Fates {
    bool permit = false, deny = false;
    bool give_back = false;      // it leaves the list before its end
    bool on = false;             // it comes out behind the last of the entries
    std::uint16_t refusals = 0;  // of deny: a bit for each Refusal
    /// Denied, and possibly answered in another way than this.
    bool refused_unlike(Refusal refusal) const {
      return (refusals & (same_answer(refusal, refusal) ? ~bit(refusal) : kAnyRefusal)) != 0;
    }
    static constexpr std::uint16_t bit(Refusal refusal) {
      return static_cast<std::uint16_t>(1U << static_cast<unsigned>(refusal));
    }
    static constexpr std::uint16_t kAnyRefusal = 0xFFFF;
  };
  static constexpr std::uint32_t kToTheEnd = std::numeric_limits<std::uint32_t>::max();
  /// The entries [first, last) of a list, but for those marked in `without` (empty: none). The list's end is not
  /// applied.
  Fates walk(ListIndex list, std::uint32_t first, std::uint32_t last, const ConcretePacket& packet,
             const std::vector<bool>& without = {});
  /// The same of these entries of the list, in their order: for whoever knows that no other one matches.
  Fates walk(ListIndex list, std::span<const std::uint32_t> entries, const ConcretePacket& packet,
             const std::vector<bool>& without = {});

 private:
  Fates through(ListIndex list, const ConcretePacket& packet);
  Fates entries(ListIndex list, std::span<const std::uint32_t> candidates, const ConcretePacket& packet,
                const std::vector<bool>& without);
  void candidates(ListIndex list, const ConcretePacket& packet, std::vector<std::uint32_t>& out);

  const Device& device_;
  ListIndices indices_;
  /// What called lists do with the present packet: each is walked once, however often it is called.
  struct Called {
    std::uint64_t walk = 0;  // of this walk
    Fates fates;
  };
  std::vector<Called> called_;
  std::uint64_t walks_ = 0;
};

}  // namespace demarc
