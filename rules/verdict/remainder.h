// What other entries leave of one entry's packets, as boxes: quick where few entries are near, as in lists of hosts
// and services. Whoever gets no answer here (nullopt, or is_known() false) asks sets. Private to this folder.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "rules/acl/device.h"
#include "rules/space/plain_box.h"

namespace demarc {

/// Whether a few boxes alone say what is matched: no addresses with holes, no tables of thousands of matches, of
/// which a set is made once.
bool are_few_boxes(std::span<const Match> matches);

class Remainder {
 public:
  Remainder() = default;
  /// All packets of the matches, which must be boxes; so must be all others below.
  void add(std::span<const Match> matches);
  /// Its packets of these kinds.
  Remainder only(const FragmentSet& fragments) const;

  bool is_empty() const { return parts_.empty(); }
  /// As of a set of the same packets. None where it is empty, or where that takes a set to tell.
  std::optional<ConcretePacket> sample() const {
    return parts_.size() == 1 ? std::optional(parts_[0].sample()) : std::nullopt;
  }
  bool meets(std::span<const Match> matches) const;
  std::optional<bool> is_within(std::span<const Match> matches) const;
  void take_away(std::span<const Match> matches);
  /// False: it fell into too many parts and was given up, and nothing said about it holds.
  bool is_known() const { return known_; }

 private:
  static constexpr std::size_t kPartsMax = 256;

  std::vector<PlainBox> parts_;
  bool known_ = true;
};

}  // namespace demarc
