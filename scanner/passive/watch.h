// The long watch: an interface, or capture files that somebody is still writing, for minutes or months. What it
// knows is told in intervals, so that memory and the next verdict do not wait for an end that may never come.
// Behind observe_live(); the listener's decoder and flow table stand behind WatchTable.
#pragma once

#include <functional>
#include <span>

#include "scanner/passive/listener.h"

namespace demarc {

struct WatchTable {
  /// Decodes and follows; what is counted on the way goes to `source`.
  std::function<void(std::span<const CapturePacket>)> feed;
  /// Append to the evidence, as FlowTable's.
  std::function<void(FlowEvidence&)> rotate, finish;
  std::function<std::uint64_t()> conversations, open_conversations;
  /// This interval's; emptied with each rotation.
  FlowSource* source = nullptr;
};

Result<FlowEvidence> watch(const LiveRequest& request, const std::atomic<bool>& stop,
                           const ObserveCallback& progress, const std::function<void()>& ready, WatchTable table);

}  // namespace demarc
