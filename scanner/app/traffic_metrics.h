// What a watch has seen, as a page that Prometheus reads (its text format 0.0.4, through node_exporter's textfile
// collector). Counters count from the start of this run; gauges are of the last interval.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "rules/evidence/observed_flow.h"
#include "rules/verdict/finding.h"

namespace demarc {

struct TrafficMetrics {
  std::string version, source, sensor;  // source: the interface, or what is followed
  std::uint64_t packets = 0, bytes = 0, dropped = 0, undecoded = 0, snapped = 0, aggregated = 0;
  std::uint64_t conversations = 0;                // begun
  std::uint64_t open = 0;                         // followed now
  std::uint64_t established = 0, unanswered = 0;  // of the last interval
  std::map<NoiseKind, std::uint64_t> noise;       // attempts
  bool judged = false;
  std::map<std::pair<FindingKind, Severity>, std::uint64_t> findings;  // different ones since the start
  std::optional<Timestamp> last_packet, written;
  std::uint64_t intervals = 0, write_errors = 0;

  /// Adds one interval's evidence.
  void add(const FlowEvidence& evidence);
};

/// The whole page, with HELP and TYPE of every metric; labels escaped, the same metrics in the same order every
/// time.
std::string prometheus_page(const TrafficMetrics& metrics);

}  // namespace demarc
