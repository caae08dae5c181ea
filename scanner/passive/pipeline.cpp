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
  batches_[passed_.load(std::memory_order_relaxed) % batches_.size()]->table = nullptr;
  passed_.fetch_add(1, std::memory_order_release);
  passed_.notify_one();
  worker_.join();
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
  passed_.store(number + 1, std::memory_order_release);
  passed_.notify_one();
  // The next place is free once the batch that stood there is through. One stays free for the last word.
  std::uint64_t taken = taken_.load(std::memory_order_acquire);
  while (number + 2 - taken >= batches_.size()) {
    taken_.wait(taken, std::memory_order_acquire);
    taken = taken_.load(std::memory_order_acquire);
  }
  rethrow();
  Batch& next = *batches_[(number + 1) % batches_.size()];
  next.count = next.odd_count = 0;
  next.memory.clear();
}

void Pipeline::drain() {
  pass();
  if (!two_threads()) return;
  const std::uint64_t all = passed_.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t taken = taken_.load(std::memory_order_acquire);
    if (taken == all) break;
    taken_.wait(taken, std::memory_order_acquire);
  }
  rethrow();
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    batches_[i]->count = batches_[i]->odd_count = 0;
    batches_[i]->memory.clear();
  }
}

void Pipeline::rethrow() {
  if (failed_.load(std::memory_order_acquire)) std::rethrow_exception(failure_);
}

void Pipeline::work() {
  for (std::uint64_t number = 0;; ++number) {
    std::uint64_t passed = passed_.load(std::memory_order_acquire);
    while (passed == number) {
      passed_.wait(passed, std::memory_order_acquire);
      passed = passed_.load(std::memory_order_acquire);
    }
    Batch& batch = *batches_[number % batches_.size()];
    if (batch.table == nullptr) return;
    // After a failure the rest is let through, so that nobody waits for it.
    if (!failed_.load(std::memory_order_relaxed)) {
      try {
        batch.table->on_packets(std::span(batch.packets).first(batch.count));
      } catch (...) {
        failure_ = std::current_exception();
        failed_.store(true, std::memory_order_release);
      }
    }
    taken_.store(number + 1, std::memory_order_release);
    taken_.notify_one();
  }
}

}  // namespace demarc
