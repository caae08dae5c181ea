#include "rules/verdict/remainder.h"

#include <algorithm>
#include <utility>

namespace demarc {

bool are_few_boxes(std::span<const Match> matches) {
  constexpr std::size_t kFew = 64;
  return matches.size() <= kFew && std::none_of(matches.begin(), matches.end(),
                                                [](const Match& m) { return m.source_bits || m.destination_bits; });
}

void Remainder::add(std::span<const Match> matches) {
  for (const Match& m : matches) {
    for (PlainBox& part : PlainBox::parts_of(m.box)) parts_.push_back(std::move(part));
    if (parts_.size() > kPartsMax) return void(known_ = false);
  }
}

Remainder Remainder::only(const FragmentSet& fragments) const {
  Remainder kept;
  kept.known_ = known_;
  for (const PlainBox& part : parts_)
    if (std::optional<PlainBox> of_kind = part.only(fragments)) kept.parts_.push_back(std::move(*of_kind));
  return kept;
}

bool Remainder::meets(std::span<const Match> matches) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const PlainBox& part) {
    return std::any_of(matches.begin(), matches.end(), [&](const Match& m) { return part.meets(m.box); });
  });
}

std::optional<bool> Remainder::is_within(std::span<const Match> matches) const {
  bool piecemeal = false;  // some part is in no single one of them, and perhaps in several together
  for (const PlainBox& part : parts_) {
    std::size_t met = 0;
    const bool alone = std::any_of(matches.begin(), matches.end(), [&](const Match& m) {
      const bool meets = part.meets(m.box);
      met += meets ? 1 : 0;
      return meets && part.is_within(m.box);
    });
    if (alone) continue;
    if (met < 2) return false;
    piecemeal = true;
  }
  if (!piecemeal) return true;
  Remainder rest = *this;
  rest.take_away(matches);
  return rest.is_known() ? std::optional(rest.is_empty()) : std::nullopt;
}

void Remainder::take_away(std::span<const Match> matches) {
  for (const Match& m : matches) {
    if (!known_) return;
    if (!meets({&m, 1})) continue;
    std::vector<PlainBox> rest;
    for (PlainBox& part : parts_) std::move(part).take_away(m.box, rest);
    parts_ = std::move(rest);
    if (parts_.size() > kPartsMax) known_ = false;
  }
}

}  // namespace demarc
