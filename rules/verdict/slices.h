// The reachable view, put in order: what every vantage point found at every address, with one outcome for each
// port, whatever number of runs, shards and repetitions it came in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rules/evidence/snapshot.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// A place that outcomes belong to: a vantage point of the rule set, or an address a foreign scan was sent from.
struct Standpoint {
  std::string name, zone;
  Address address;
  const Vantage* vantage = nullptr;
  std::optional<Address> other;  // of the other family: the same host's, or else a sample of the zone
  /// The address that a target sees its packets come from.
  const Address& source_for(const Address& target) const {
    return other && other->family() == target.family() ? *other : address;
  }
};

/// Ports (for ICMP: type << 8 | code) with the outcome that counts for them.
struct Segment {
  PortRange ports;
  std::uint32_t run = 0, outcome = 0;  // into Snapshot::scans and its outcomes
};

struct Slice {
  std::uint16_t standpoint = 0;
  Address target;  // as probed
  Protocol protocol;
  std::vector<Segment> segments;  // sorted, disjoint
};

/// Why a run does not count.
struct UnusedRun {
  std::uint32_t run = 0;
  enum class Why : std::uint8_t { duplicate, stale, no_standpoint, wrong_zone } why = Why::duplicate;
  std::string words;
};

struct RunUse {
  std::uint32_t run = 0;
  std::uint16_t standpoint = 0;
};

struct Reachable {
  std::vector<Standpoint> standpoints;  // those of the rule set first, in its order
  std::vector<RunUse> used;
  std::vector<UnusedRun> unused;
  std::vector<std::string> notes;
  /// Outcomes of all used runs, grouped: one entry for each (standpoint, target, protocol), sorted so.
  std::vector<Slice> slices;
};

/// `stale_before`: runs that ended earlier do not count.
Reachable arrange(const RuleSet& rules, const Snapshot& snapshot, std::optional<Timestamp> stale_before);

/// When an outcome was measured: its own time or its run's.
Timestamp measured_at(const ScanRun& run, const Outcome& outcome);
/// Has it been decided: a clear answer, silence after all tries (never over UDP), or a witness's word.
bool is_conclusive(const ScanRun& run, const Outcome& outcome);
/// The ports of an outcome; for ICMP type << 8 | code.
PortRange outcome_numbers(const Outcome& outcome);

}  // namespace demarc
