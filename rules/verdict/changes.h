// Which lines two configurations do not share. A packet that none of them is about meets the same lines in the same
// order in both, and so fares the same: a comparison need look at nothing else. Private to this folder.
#pragma once

#include <optional>
#include <vector>

#include "rules/acl/device.h"
#include "rules/verdict/compare.h"

namespace demarc {

/// What the lines that only one side has possibly match, and those that stand elsewhere on the other. None: the two
/// are built in different ways (other stages, other ends of lists), and everything may differ.
std::optional<std::vector<Box>> changed_boxes(const Device& before, const Device& after,
                                              const CompareOptions& options);

}  // namespace demarc
