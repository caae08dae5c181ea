// What `demarc traffic --every` does with each interval: evidence files that are whole or not there, a page for
// Prometheus, one line for each finding that was not there before, and the exit code of it all.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rules/verdict/reconcile.h"
#include "scanner/app/outputs.h"
#include "scanner/app/traffic_metrics.h"
#include "scanner/files/file.h"
#include "scanner/passive/listener.h"

namespace demarc {

/// Where an interval's file goes. A directory: DIR/traffic-20261128T031500Z.jsonl, never over an existing one. A
/// name with %: strftime(3) of the interval's beginning, UTC, over what is there. Any other name: the last interval
/// only.
struct IntervalOutput {
  std::string format, directory, pattern;  // directory or pattern
};
/// Takes -o values apart, as parse_outputs does; a directory may stand where a file does and means flow records.
Result<std::vector<IntervalOutput>> parse_interval_outputs(std::span<const std::string> values,
                                                           std::span<const std::string_view> formats,
                                                           std::string_view (*by_ending)(std::string_view file));
/// The name for an interval that begins then; of several in one second the later ones get -2, -3, ...
std::string interval_file(const IntervalOutput& output, Timestamp from);
/// Removes all but the newest `keep` files that interval_file() named in a directory; no other file is touched. The
/// error says which could not be removed.
Result<void> keep_newest(const IntervalOutput& output, std::size_t keep);

struct TrafficWatchOptions {
  std::vector<IntervalOutput> outputs;
  std::size_t keep = 0;  // 0: all
  std::string prometheus_file;
  std::string format;  // of standard output
  bool format_given = false;
  FailOn fail_on;
  /// None without rules. Gives the flows back as they were.
  std::function<Verdict(FlowEvidence&)> judge;
  /// In pieces: an interval may hold millions of conversations.
  std::function<void(std::string_view format, const FlowEvidence&, const Verdict*, bool color, const TakePiece&)> write;
  std::function<std::string(const FlowEvidence&)> weakness;  // what makes it less than the truth; empty: nothing
};

class TrafficWatch {
 public:
  explicit TrafficWatch(TrafficWatchOptions options);
  /// Writes the first page, so that a name that cannot be written is known before the watch begins.
  Result<void> begin(const std::string& source, const std::string& sensor);
  /// False: standard output is gone.
  bool interval(LiveInterval& interval);
  /// The worst of all intervals: 2 a file that could not be written, 1 findings, 3 inconclusive, 0.
  int exit_code() const;

 private:
  void write(const LiveInterval& interval, const Verdict* verdict);
  bool show(const LiveInterval& interval, const Verdict* verdict);
  std::string new_findings(const Verdict& verdict, Timestamp at);
  Result<void> write_page();

  static constexpr std::size_t kFindingsMax = 100'000;  // remembered; what is beyond is told again each time
  TrafficWatchOptions options_;
  TrafficMetrics metrics_;
  std::set<std::string> told_;  // ids of findings
  bool failed_ = false, violated_ = false, inconclusive_ = false;
};

}  // namespace demarc
