// How fast is gentle: token buckets, round-trip times, the states a filter must remember, and backing off. Nothing
// here reads a clock; the engines say what time it is, so the tests can too.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace demarc {

using Instant = std::chrono::steady_clock::time_point;
using Span = std::chrono::steady_clock::duration;

/// A token bucket as a schedule (the "virtual scheduling" of ITU-T I.371): it lets through at most
/// 1 + (t + kBurst) * rate in any t. With bursts of 5 ms, no 100 ms exceed the rate by more than five percent and
/// one.
class Bucket {
 public:
  static constexpr Span kBurst = std::chrono::milliseconds(5);
  /// rate: a second; 0 is no limit.
  explicit Bucket(double rate = 0) { set_rate(rate); }
  void set_rate(double rate);
  double rate() const { return rate_; }
  bool ready(Instant now) const { return rate_ == 0 || now >= next(); }
  /// When it will be ready.
  Instant next() const { return due_ - tolerance_; }
  void take(Instant now);

 private:
  double rate_ = 0;
  Span interval_{0}, tolerance_{0};
  Instant due_{};
};

/// Round-trip time, smoothed as TCP does it (RFC 6298 §2).
class RoundTrip {
 public:
  void sample(Span rtt);
  bool known() const { return known_; }
  Span smooth() const { return smooth_; }
  Span least() const { return least_; }
  /// How long to wait for an answer: the ceiling while nothing is known.
  Span timeout(Span floor, Span ceiling) const;

 private:
  bool known_ = false;
  Span smooth_{0}, variation_{0}, least_{Span::max()};
};

/// The half-open connections that a filter on the path may remember. Answered ones are forgotten at once; the
/// others stay in its table for as long as its timeout says, whether our socket is closed or not.
class StateCount {
 public:
  StateCount(std::uint32_t max, Span lifetime) : max_(max), lifetime_(lifetime) {}
  bool room(Instant now);
  /// When there will be room, if nothing is answered.
  Instant next() const { return unanswered_.empty() ? Instant{} : unanswered_.front(); }
  void opened() { ++pending_; }
  void answered() { --pending_; }
  void unanswered(Instant sent) {
    --pending_;
    if (max_ != 0) unanswered_.push_back(sent + lifetime_);
  }
  std::size_t count() const { return pending_ + unanswered_.size(); }

 private:
  std::uint32_t max_;
  Span lifetime_;
  std::size_t pending_ = 0;
  std::deque<Instant> unanswered_;  // when each is forgotten, in order of closing
};

/// Halves the rate at a sign of trouble (a lost canary, rising round-trip times), at most once a second, and gives
/// back a twentieth every second without one.
class Backoff {
 public:
  static constexpr double kLeast = 1.0 / 64;
  bool trouble(Instant now);
  void calm(Instant now);
  double factor() const { return factor_; }

 private:
  double factor_ = 1;
  Instant last_trouble_{}, last_calm_{};
};

}  // namespace demarc
