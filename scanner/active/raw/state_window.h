// The states that a stateful filter on the path may hold because of us, counted without remembering each probe:
// what was sent in the last two minutes, less what was answered in that time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "scanner/active/pace.h"

namespace demarc::raw_engine {

class StateWindow {
 public:
  StateWindow(std::uint32_t max, std::chrono::seconds lifetime)
      : max_(max), slot_(std::max<Span>(Span(lifetime) / (kSlots - 1), std::chrono::milliseconds(1))) {}
  void opened(Instant now) { move(now), ++sent_[at_], ++outstanding_; }
  void answered(Instant now) { move(now), ++answered_[at_], --outstanding_; }
  bool room(Instant now) {
    if (max_ == 0) return true;
    move(now);
    return outstanding_ < static_cast<std::int64_t>(max_);
  }
  /// When the oldest are forgotten.
  Instant next() const { return slot_end_; }
  std::int64_t count() const { return std::max<std::int64_t>(0, outstanding_); }

 private:
  static constexpr int kSlots = 60;  // the slot that goes on is not whole, so one more than the lifetime has
  void move(Instant now) {
    if (slot_end_ == Instant{}) slot_end_ = now + slot_;
    for (std::size_t steps = 0; now >= slot_end_; ++steps) {
      if (steps > kSlots) {  // a long pause: everything is forgotten
        slot_end_ = now + slot_;
        break;
      }
      at_ = (at_ + 1) % kSlots;
      outstanding_ += static_cast<std::int64_t>(answered_[at_]) - static_cast<std::int64_t>(sent_[at_]);
      sent_[at_] = answered_[at_] = 0;
      slot_end_ += slot_;
    }
  }
  std::uint32_t max_;
  Span slot_;
  std::array<std::uint32_t, kSlots> sent_{}, answered_{};
  std::size_t at_ = 0;
  Instant slot_end_{};
  std::int64_t outstanding_ = 0;
};

}  // namespace demarc::raw_engine
