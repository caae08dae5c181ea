// How asked packets, a box of them, stand to one match: does it hold for all of them, for some, for none?
#pragma once

#include <cstdint>
#include <optional>

#include "rules/acl/device.h"

namespace demarc {

enum class Relation : std::uint8_t { none, some, all };  // of the asked packets, how many match

class Question {
 public:
  /// The box must outlive it.
  explicit Question(const Box& box);
  /// Every comparison is exact: packets of one protocol and one family.
  bool is_plain() const { return one_protocol_ && family_; }
  /// Only where it is plain.
  Relation operator()(const Match& match) const;

 private:
  const Box& box_;
  std::optional<Protocol> protocol_;
  std::optional<Family> family_;
  bool one_protocol_ = false;
};

}  // namespace demarc
