// Is the way good? A canary is a port known to answer. As long as all of them do, silence elsewhere is the
// network's decision; when one is lost, what was measured since the last good look proves nothing and is taken
// back. Also here: going more slowly at the signs of trouble that canaries and second tries show.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "scanner/active/engine.h"

namespace demarc::connect_engine {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kCanaryTries = 3;
constexpr Span kCanaryPause = 2s;  // between looks at a canary that was lost

}  // namespace

// --- Looking -----------------------------------------------------------------------------------------------------

bool Engine::any_canary() const {
  return std::any_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return c.alive; });
}

bool Engine::canaries_good() const {
  return std::all_of(canaries_.begin(), canaries_.end(),
                     [](const CanaryState& c) { return !c.alive || c.answered; });
}

void Engine::opening_look() {
  if (canaries_.empty()) return;
  // Nobody answers for a canary that is down already: it is left out, and said.
  look_at_canaries();
  if (over()) return;
  for (CanaryState& c : canaries_) {
    c.alive = c.answered;
    if (!c.alive)
      check(sink_.on_note(fmt::format("canary {} does not answer at the start and cannot prove the way good",
                                      to_string(Endpoint{c.canary.target.address(), c.canary.port}))));
  }
  if (!any_canary())
    finish(ScanEnd::canary_lost,
           "no canary answers: the way from this vantage point is not proven good, nothing was asked");
}

bool Engine::look_at_canaries(bool send_nothing_else_if_over) {
  for (CanaryState& c : canaries_) c.answered = false;
  look_clean_ = true;
  for (unsigned i = 0; i < kCanaryTries && !canaries_good() && !failure_; ++i) {
    for (std::size_t k = 0; k < canaries_.size(); ++k) {
      CanaryState& c = canaries_[k];
      if (!c.alive || c.answered) continue;
      c.pending = true;
      canary_queue_.push_back({Kind::canary, Speak::nothing, 0, c.canary.port, c.state, k, c.canary.target});
    }
    auto waiting = [&] {
      return std::any_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return c.pending; });
    };
    while (waiting() && !failure_) {
      if (send_nothing_else_if_over && over()) {
        canary_queue_.clear();
        for (CanaryState& c : canaries_) c.pending = false;
        return false;
      }
      turn(false);
    }
  }
  Timestamp at = wall_now();
  for (const CanaryState& c : canaries_)
    if (c.alive) check(sink_.on_canary({c.canary.target.address(), c.canary.port, at, c.answered}));
  next_look_ = Clock::now() + pace_.canary_interval;
  since_look_ = 0;
  return canaries_good() && !failure_;
}

void Engine::on_canary_answer(const Ask& ask, Answer answer, Span rtt) {
  CanaryState& c = canaries_[ask.index];
  c.pending = false;
  c.answered = answer == Answer::syn_ack;
  Instant now = Clock::now();
  if (!c.answered) {
    ++canary_silent_;
    look_clean_ = false;
    slow_down(now);
  } else {
    canary_round_trip_.sample(rtt);
    // Queues that fill show before they drop.
    if (rtt > 4 * canary_round_trip_.least() + 100ms) slow_down(now);
  }
}

// --- Taking back -------------------------------------------------------------------------------------------------

void Engine::confirm_or_withdraw() {
  if (!any_canary()) {
    flush(held_);
    return;
  }
  // Only what was answered before the look lies between two good ones.
  std::vector<Held> before = std::move(held_);
  held_.clear();
  const bool was_clean = look_clean_;
  if (look_at_canaries()) {
    // The way is good, but it began to lose: silence from before this look may be that. Where it always loses, the
    // number of tries answers for it.
    if (was_clean && !look_clean_) take_back_silence(before);
    flush(before);
    return;
  }
  if (over()) {  // interrupted while looking: nothing is known against them
    held_.insert(held_.end(), std::make_move_iterator(before.begin()), std::make_move_iterator(before.end()));
    return;
  }
  for (Held& held : before) again_.push_back(held.found.index);
  withdraw_everything();
  Instant lost = Clock::now();
  check(sink_.on_note(
      fmt::format("a canary stopped answering; {} outcomes since the last good look are withdrawn and asked again",
                  again_.size())));
  while (!over() && Clock::now() - lost < pace_.canary_patience) {
    Instant retry = Clock::now() + kCanaryPause;
    while (!over() && Clock::now() < retry) turn(false);
    if (over()) return;
    if (look_at_canaries()) {
      check(sink_.on_note("the canaries answer again; the scan goes on more slowly"));
      return;
    }
  }
  if (!over())
    finish(ScanEnd::canary_lost, "a canary stopped answering and did not come back: the scanner may be blocked");
}

void Engine::take_back_silence(std::vector<Held>& held) {
  for (const Held& h : held)
    if (h.silent) again_.push_back(h.found.index);
  std::erase_if(held, [](const Held& h) { return h.silent; });
}

void Engine::withdraw_everything() {
  withdrawing_ = true;
  while (in_flight_.count() > 0 && !failure_) turn(false);
  withdrawing_ = false;
  for (Held& held : held_) again_.push_back(held.found.index);
  held_.clear();
  abandon_conversations();
}

// --- Backing off -------------------------------------------------------------------------------------------------

void Engine::slow_down(Instant now) {
  if (backoff_.trouble(now)) apply_rate();
}

void Engine::apply_rate() {
  // Without a cap of the user's there is one as soon as there is trouble: what was reached so far is the measure.
  double base = pace_.rate_max != 0 ? pace_.rate_max : (backoff_.factor() < 1 ? std::max(100.0, rate_) : 0);
  bucket_.set_rate(base * backoff_.factor());
}

}  // namespace demarc::connect_engine
