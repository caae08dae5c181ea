// A rehearsal for programs: docs/file-formats.md describes both forms.
#pragma once

#include <span>
#include <string>

#include "rules/verdict/replay.h"

namespace demarc {

struct ReplayDocument {
  const Device* candidate = nullptr;
  const Device* present = nullptr;  // may be null
  const Replay* replay = nullptr;
  std::span<const std::string> assumed = {};
};
/// "breaks", "undetermined" or "nothing-breaks".
std::string_view conclusion_of(const Replay& replay);
std::string replay_json(const ReplayDocument& document);
std::string replay_csv(const ReplayDocument& document);

}  // namespace demarc
