// Both halves of a witnessed measurement brought together: what was asked from one end, and what arrived at the
// other.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "rules/evidence/snapshot.h"

namespace demarc {

/// What stands behind some ports of an address that a scan asked.
struct BehindPorts {
  PortSet ports;
  std::vector<Address> real;  // the addresses that packets may carry at the far end; the asked one if it stays
  bool ports_kept = true;  // false: ports are, or may be, rewritten on the way, and a rewritten port takes the mark
                           // with it
};

/// What the two ends cannot know of each other's view. An empty function: nothing is translated.
struct WitnessMapping {
  /// Takes the ports apart. Ports that no part names are as the scan asked them.
  std::function<std::vector<BehindPorts>(const ScanRun& scan, const Address& asked, PortRange ports)> behind;
  /// Addresses the scan's packets may carry at the far end, beside those in its journal.
  std::function<std::vector<Address>(const ScanRun& scan)> sources;
};

/// For scans and witnesses that share a key and met in time: a probe that arrived makes its outcome's passage
/// `passed`; one that did not, though all tries were made and the witness could not have missed it, `blocked`.
/// Everything else about an outcome stays what the answer says, and where the witness could not know, passage stays
/// as well, and a note of the scan says why. Pure, and the same however often and in whatever order of files it is
/// done.
///
/// `blocked` takes all of these:
///   - every try was made, or something answered in the target's stead;
///   - the witness listened from before the scan to after it, and lost nothing;
///   - packets to the target end at its interface (or, at a mirror port, pass it: shown by others to that target);
///   - marked probes of the same source arrived before, and after this one was asked for the last time.
void apply_witnesses(Snapshot& snapshot, const WitnessMapping& mapping = {});

/// How far two machines' clocks may disagree before their records no longer meet.
inline constexpr Nanoseconds kWitnessClockSkewMax = std::chrono::seconds(2);

}  // namespace demarc
