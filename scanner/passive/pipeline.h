// Packets on their way from whoever reads and decodes them to the flow tables, in batches: in the same thread, or
// through a bounded queue to a second one. One puts in, one takes out, in the order of the capture, so the result
// is the same to the byte. What has ended comes back with the batch, and the first thread keeps it: it has the time.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "probes/wire/decode.h"
#include "scanner/passive/flow_table.h"

namespace demarc {

class Pipeline {
 public:
  static constexpr std::size_t kBatch = 256;
  static constexpr std::size_t kQueued = 16;  // batches

  struct Batch {
    FlowTable* table = nullptr;  // null: nothing will follow
    std::size_t count = 0, odd_count = 0;
    std::array<FlowPacket, kBatch> packets;
    std::vector<PacketView> odd;                      // what FlowPacket::odd points to; never grows while filled
    std::vector<std::shared_ptr<const void>> memory;  // that payloads lie in
    EndedConversations ended;                         // of two threads: what the table says has ended meanwhile

    PacketView& next_odd();
    bool full() const { return count == kBatch; }
  };

  /// `two_threads`: flow tables are touched by the second thread alone until drain() has returned.
  explicit Pipeline(bool two_threads);
  ~Pipeline();  // waits for the second thread; what was not passed on is dropped
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// The batch that is being filled, for that table; what was begun for another one is passed on first.
  Batch& filling(FlowTable& table);
  /// Passes on what was begun. Rethrows what went wrong in the other thread.
  void pass();
  /// Passes on what was begun and waits until everything is through.
  void drain();
  bool two_threads() const { return worker_.joinable(); }

 private:
  static constexpr std::uint64_t kAwake = ~std::uint64_t{0};
  void work();
  void rethrow();
  /// The batch is through: what has ended is kept, and its place is free.
  void take_back(Batch& batch);
  /// Writes a counter, and wakes the other side if it waits for that.
  void step(std::atomic<std::uint64_t>& counter, std::uint64_t value, const std::atomic<std::uint64_t>& waits);
  /// The worker takes what is there, however little.
  void wake_worker();

  // Batches from taken_ up to passed_ belong to the worker, the others to the caller. Both only grow. Whoever has
  // nothing to do sleeps until half of the queue is worth waking for: waking somebody costs as much as the batch.
  // Both sides write their counter before they look whether the other one sleeps, and say that they sleep before
  // they look at the other one's counter: one of the two sees the other.
  std::vector<std::unique_ptr<Batch>> batches_;
  alignas(64) std::atomic<std::uint64_t> passed_{0};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  alignas(64) std::atomic<std::uint64_t> caller_waits_{kAwake};  // until taken_ is that
  std::atomic<std::uint64_t> worker_waits_{kAwake};              // until passed_ is that
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;  // written before failed_
  std::mutex mutex_;            // of those who sleep
  std::condition_variable woken_;
  std::thread worker_;
};

}  // namespace demarc
