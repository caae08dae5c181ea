#include "scanner/active/pace.h"

#include <algorithm>
#include <cmath>

namespace demarc {

using namespace std::chrono_literals;

void Bucket::set_rate(double rate) {
  rate_ = rate;
  if (rate <= 0) {
    rate_ = 0;
    interval_ = tolerance_ = Span{0};
    return;
  }
  // Beyond an hour for one packet the schedule could overflow and nobody could wait for it.
  interval_ = Span(static_cast<Span::rep>(std::min(1e9 / rate, 3600e9)));
  tolerance_ = std::max(Span{0}, kBurst - interval_);
}

void Bucket::take(Instant now) {
  if (rate_ != 0) due_ = std::max(due_, now) + interval_;
}

void RoundTrip::sample(Span rtt) {
  rtt = std::max(rtt, Span{0});
  least_ = std::min(least_, rtt);
  if (!known_) {
    smooth_ = rtt;
    variation_ = rtt / 2;
    known_ = true;
    return;
  }
  Span difference = smooth_ > rtt ? smooth_ - rtt : rtt - smooth_;
  variation_ = (3 * variation_ + difference) / 4;
  smooth_ = (7 * smooth_ + rtt) / 8;
}

Span RoundTrip::timeout(Span floor, Span ceiling) const {
  if (!known_) return ceiling;
  return std::clamp(smooth_ + 4 * variation_, std::min(floor, ceiling), ceiling);
}

bool StateCount::room(Instant now) {
  if (max_ == 0) return true;
  while (!unanswered_.empty() && unanswered_.front() <= now) unanswered_.pop_front();
  return count() < max_;
}

bool Backoff::trouble(Instant now) {
  last_calm_ = now;
  if (last_trouble_ != Instant{} && now - last_trouble_ < 1s) return false;
  last_trouble_ = now;
  factor_ = std::max(kLeast, factor_ / 2);
  return true;
}

void Backoff::calm(Instant now) {
  if (factor_ >= 1 || now - last_calm_ < 1s) return;
  last_calm_ = now;
  factor_ = std::min(1.0, factor_ + 0.05);
}

}  // namespace demarc
