// Runs captures through decoder and flow table: from files or an interface to the OBSERVED view.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "scanner/capture/live.h"
#include "scanner/passive/flow_table.h"

namespace demarc {

struct CaptureInput {
  std::string path;    // "-": standard input
  std::string sensor;  // where it was seen; "" if nobody said
};

struct ObserveProgress {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;        // of capture files
  std::uint64_t bytes_total = 0;  // 0: not known (standard input, live)
  std::uint64_t conversations = 0;
  std::uint64_t dropped = 0;  // live: by the kernel so far
};
/// Called every 65,536 packets (live: also about four times a second).
using ObserveCallback = std::function<void(const ObserveProgress&)>;

struct ObserveRequest {
  std::vector<CaptureInput> captures;
  std::string filter;             // BPF; empty: all
  std::uint64_t packets_max = 0;  // -c; 0: all. Counts what the filter lets by
  unsigned threads = 0;           // 1 or 2; 0: two for large captures where there are two processors
  /// What tunnels carry is followed too: as flows whose `tunnel` says which, beside the outer ones. False: it is
  /// counted in FlowSource::tunneled.
  bool open_tunnels = false;
  FlowOptions flow;
};

/// Reads the captures in time order (merged where they overlap); captures of one sensor share one flow table. Fails
/// only where a capture cannot be read at all; damage further on is in FlowSource::problem, with what was whole
/// counted. A stop leaves `complete` false.
Result<FlowEvidence> observe(const ObserveRequest& request, const ObserveCallback& progress = {},
                             const std::atomic<bool>* stop = nullptr);

/// What a watch saw between two points in time, by the clock on the wall.
struct LiveInterval {
  FlowEvidence evidence;  // conversations that live on stand in it with what they moved in this interval
  Timestamp from, until;
  std::uint64_t bytes = 0;                // on the wire
  std::uint64_t conversations_begun = 0;  // in this interval
  std::uint64_t conversations_open = 0;   // that are still followed
  bool last = false;                      // the watch ends with it
};

struct LiveRequest {
  LiveOptions live;  // without an interface, if `follow` names files
  /// Captures that are still being written: files, directories, patterns, or "-" alone; see scanner/files/follow.h.
  std::vector<std::string> follow;
  bool follow_poll_only = false;
  std::string sensor;
  std::string write_to;                       // a pcap file with every packet; empty: none
  bool write_only = false;                    // do not follow conversations, only write
  std::uint64_t packets_max = 0;              // -c; 0: until stopped
  std::chrono::milliseconds duration_max{0};  // 0: until stopped
  std::chrono::milliseconds idle_max{0};      // ends when nothing came for so long; 0: never
  /// Tells what was seen in intervals of this length, which begin at its multiples, and the rest at the end. 0:
  /// never; then all of it is the result.
  std::chrono::seconds every{0};
  std::function<bool(LiveInterval&)> on_interval;  // with `every`; false ends the watch
  bool open_tunnels = false;                       // as in ObserveRequest
  FlowOptions flow;
};

/// `ready` is called once the interface is open and packets are being kept. With `every` the result has no flows:
/// they have been told.
Result<FlowEvidence> observe_live(const LiveRequest& request, const std::atomic<bool>& stop,
                                  const ObserveCallback& progress = {}, const std::function<void()>& ready = {});

}  // namespace demarc
