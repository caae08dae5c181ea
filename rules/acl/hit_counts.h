// Hit counters come from another text than the configuration: `show access-lists` of the running device, taken at
// another time, with every list written out and without what binds it. This lays the counters over the
// configuration.
#pragma once

#include <cstdint>

#include "rules/acl/device.h"

namespace demarc {

/// What became of the counters.
struct HitCounts {
  std::uint64_t entries_counted = 0;    // entries of the configuration that have a counter now
  std::uint64_t entries_uncounted = 0;  // found in the output, which keeps no counters for their list
  std::uint64_t entries_missing = 0;    // the output has their list and not them
  std::uint64_t entries_unknown = 0;    // the output has them and the configuration does not
  std::uint64_t lists_missing = 0;      // configured, with entries, and not in the output
  std::uint64_t lists_unknown = 0;      // in the output and not configured
  std::uint64_t lists_reset = 0;        // with a counter that is smaller than one that was laid over before
  bool complete() const {
    return entries_uncounted == 0 && entries_missing == 0 && entries_unknown == 0 && lists_missing == 0 &&
           lists_unknown == 0 && lists_reset == 0;
  }
};

/// Sets Entry::packets of `configured` from `shown`, the output read by the same dialect's reader. Lists are found
/// by name and family; their entries by number where both have one and neither says something else, then by what
/// they match and do, then by their words (groups are names in the output). So a line that was put in between costs
/// only itself. Where a list counts, an entry without a counter has matched nothing: 0. What does not fit is said
/// in configured.diagnostics.
HitCounts apply_hit_counts(Device& configured, const Device& shown);

}  // namespace demarc
