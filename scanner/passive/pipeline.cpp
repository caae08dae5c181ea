#include "scanner/passive/pipeline.h"

#include <utility>

namespace demarc {

PacketView& Pipeline::Batch::next_odd() {
  if (odd.empty()) odd.resize(kBatch);
  return odd[odd_count++];
}

Pipeline::Pipeline(bool two_threads) {
  batches_.resize(two_threads ? kQueued : 1);
  for (auto& batch : batches_) batch = std::make_unique<Batch>();
  if (two_threads) worker_ = std::thread([this] { work(); });
}

Pipeline::~Pipeline() {
  if (!worker_.joinable()) return;
  const std::uint64_t number = passed_.load(std::memory_order_relaxed);
  batches_[number % batches_.size()]->table = nullptr;
  passed_.store(number + 1);
  wake_worker();
  worker_.join();
}

void Pipeline::step(std::atomic<std::uint64_t>& counter, std::uint64_t value,
                    const std::atomic<std::uint64_t>& waits) {
  counter.store(value);
  if (value < waits.load()) return;
  const std::lock_guard lock(mutex_);
  woken_.notify_all();
}

void Pipeline::wake_worker() {
  const std::lock_guard lock(mutex_);
  if (worker_waits_.load() == kAwake) return;
  worker_waits_.store(0);
  woken_.notify_all();
}

Pipeline::Batch& Pipeline::filling(FlowTable& table) {
  Batch* batch = batches_[passed_.load(std::memory_order_relaxed) % batches_.size()].get();
  if (batch->count != 0 && (batch->table != &table || batch->full())) {
    pass();
    batch = batches_[passed_.load(std::memory_order_relaxed) % batches_.size()].get();
  }
  batch->table = &table;
  return *batch;
}

void Pipeline::take_back(Batch& batch) {
  if (batch.count != 0) batch.table->keep(batch.ended);
  batch.count = batch.odd_count = 0;
  batch.memory.clear();
}

void Pipeline::pass() {
  const std::uint64_t number = passed_.load(std::memory_order_relaxed);
  Batch& batch = *batches_[number % batches_.size()];
  if (batch.count == 0) return;
  if (!two_threads()) {
    batch.table->on_packets(std::span(batch.packets).first(batch.count));
    batch.count = batch.odd_count = 0;
    batch.memory.clear();
    return;
  }
  step(passed_, number + 1, worker_waits_);
  // The next place is free once the batch that stood there is through. One stays free for the last word.
  if (number + 2 - taken_.load(std::memory_order_acquire) >= batches_.size()) {
    const std::uint64_t enough = number + 2 - batches_.size() / 2;
    std::unique_lock lock(mutex_);
    caller_waits_.store(enough);
    woken_.wait(lock, [&] { return taken_.load() >= enough; });
    caller_waits_.store(kAwake);
  }
  rethrow();
  take_back(*batches_[(number + 1) % batches_.size()]);
}

void Pipeline::drain() {
  pass();
  if (!two_threads()) return;
  wake_worker();
  {
    const std::uint64_t all = passed_.load(std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    caller_waits_.store(all);
    woken_.wait(lock, [&] { return taken_.load() >= all; });
    caller_waits_.store(kAwake);
  }
  rethrow();
  // The oldest first: the place that would be filled next is free, the one behind it has waited longest.
  const std::uint64_t next = passed_.load(std::memory_order_relaxed);
  for (std::size_t i = 1; i <= batches_.size(); ++i) take_back(*batches_[(next + i) % batches_.size()]);
}

void Pipeline::rethrow() {
  if (failed_.load(std::memory_order_acquire)) std::rethrow_exception(failure_);
}

void Pipeline::work() {
  for (std::uint64_t number = 0;; ++number) {
    while (passed_.load(std::memory_order_acquire) <= number) {
      std::unique_lock lock(mutex_);
      if (passed_.load() > number) break;  // and whoever wants us to hurry has come before us
      worker_waits_.store(number + batches_.size() / 2);
      woken_.wait(lock, [&] { return passed_.load() >= worker_waits_.load(); });
      worker_waits_.store(kAwake);
    }
    Batch& batch = *batches_[number % batches_.size()];
    if (batch.table == nullptr) return;
    // After a failure the rest is let through, so that nobody waits for it.
    if (!failed_.load(std::memory_order_relaxed)) {
      try {
        batch.table->on_packets(std::span(batch.packets).first(batch.count), batch.ended);
      } catch (...) {
        failure_ = std::current_exception();
        failed_.store(true, std::memory_order_release);
      }
    }
    step(taken_, number + 1, caller_waits_);
  }
}

}  // namespace demarc
