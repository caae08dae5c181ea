// What other programs say of a capture, in one form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/support/traffic/score.h"

namespace demarc::traffic {

struct Peer {
  std::string name;
  /// Nothing where the program is not installed. Its own files go into the folder.
  std::optional<std::vector<SaidFlow>> (*ask)(const std::string& capture, const std::string& folder);
};
const std::vector<Peer>& opener_peers();

}  // namespace demarc::traffic
