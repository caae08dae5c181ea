// Is the way good, and how good? A look asks the canaries; while all of them answer, silence elsewhere is the
// network's decision, and what was heard before the look is told. How many are lost says how fast to go, and how
// often silence has to be asked before it may be called silence.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr Span kLookInterval = 1s;  // what a kill may cost
constexpr Span kFlushInterval = 500ms;
constexpr unsigned kOpeningProbes = 5;     // for each canary, so that there is a first idea of loss
constexpr double kMissProbability = 1e-6;  // that what answers is taken for silent
constexpr double kLossLeast = 0.05, kLossMost = 0.7;
constexpr std::uint32_t kLossWindow = 10;  // canary probes that a judgement of loss is based on
constexpr double kLossRise = 0.3;          // above what the way always loses: then it is our doing
constexpr std::uint64_t kLossSample = 20;  // answers needed before a share of them means something

}  // namespace

bool Engine::any_canary() const {
  return std::any_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return c.alive; });
}

unsigned tries_against(double loss) {
  const double p = std::clamp(loss, kLossLeast, kLossMost);
  return static_cast<unsigned>(std::clamp(std::ceil(std::log(kMissProbability) / std::log(p)), 4.0, 30.0));
}

void Engine::ask_canaries(Instant now) {
  canary_label_ =
      canary_label_ == kLastCanary ? std::uint8_t{kFirstCanary} : static_cast<std::uint8_t>(canary_label_ + 1);
  for (const CanaryState& c : canaries_) {
    if (!c.alive || c.answered) continue;
    ask_tcp(states_[c.state], {.port = c.canary.port.number(), .label = canary_label_}, now);
    ++canary_asked_;
    ++window_asked_;
  }
  look_sent_ = now;
  canary_sent_ = wall_;
  ++look_tries_;
}

void Engine::opening_look() {
  if (canaries_.empty() || over()) return;
  for (CanaryState& c : canaries_) {
    const TargetState& state = states_[c.state];
    if (state.hop != kNobody && !hops_[state.hop].dead) continue;
    c.alive = false;
    check(sink_.on_note(fmt::format("canary {} cannot be reached from here",
                                    to_string(Endpoint{c.canary.target.address(), c.canary.port}))));
  }
  // Several at once: which of them answer says how much the way loses without our doing.
  std::uint64_t answered = 0, asked = 0;
  for (unsigned i = 0; i < kOpeningProbes && !over(); ++i) {
    for (CanaryState& c : canaries_) c.answered = false;
    ask_canaries(Clock::now());
    const Instant until = Clock::now() + (round_trip_.known() ? round_trip_.timeout(100ms, 900ms) : Span(900ms));
    looking_ = true;
    look_opening_ = true;
    turns_until(until, [this] {
      return std::all_of(canaries_.begin(), canaries_.end(),
                         [](const CanaryState& c) { return !c.alive || c.answered; });
    });
    looking_ = look_opening_ = false;
    for (CanaryState& c : canaries_) {
      if (!c.alive) continue;
      ++asked;
      answered += c.answered ? 1 : 0;
      c.ever = c.ever || c.answered;
    }
  }
  if (over()) return;
  const Timestamp at = wall_now();
  for (CanaryState& c : canaries_) {
    if (!c.alive) continue;
    c.alive = c.ever;
    check(sink_.on_canary({c.canary.target.address(), c.canary.port, at, c.ever}));
    if (!c.alive)
      check(sink_.on_note(fmt::format("canary {} does not answer at the start and cannot prove the way good",
                                      to_string(Endpoint{c.canary.target.address(), c.canary.port}))));
  }
  canary_silent_ += asked - answered;
  window_asked_ = window_lost_ = 0;
  loss_base_ = asked == 0 ? 0 : 1 - static_cast<double>(answered) / static_cast<double>(asked);
  next_look_ = Clock::now() + kLookInterval;
  if (!any_canary())
    finish(ScanEnd::canary_lost,
           "no canary answers: the way from this vantage point is not proven good, nothing was asked");
}

// --- A look ------------------------------------------------------------------------------------------------------

void Engine::begin_look(Instant now) {
  if (looking_) return;
  looking_ = true;
  look_tries_ = 0;
  // So many tries that a good canary is not taken for a lost one by chance. As the loss was before: a way that
  // breaks now must not look like one that loses much.
  look_tries_max_ = tries_against(std::max(loss(), loss_base_));
  held_mark_ = held_.size();
  marked_ = cursor_;
  for (const TargetState& state : states_)
    for (const auto& [index, label] : state.parked)
      if (label <= kLastTry && label == cursor_.pass) marked_.index = std::min(marked_.index, index);
  for (CanaryState& c : canaries_) c.answered = false;
  if (any_canary()) ask_canaries(now);
}

void Engine::look(Instant now) {
  if (look_opening_ || look_failed_ || down_since_) return;
  if (!looking_) {
    if (now >= next_look_) begin_look(now);
    return;
  }
  const bool good =
      std::all_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return !c.alive || c.answered; });
  if (good) return look_ended_well(now);
  const Span patience = round_trip_.known() ? round_trip_.timeout(100ms, 900ms) : Span(500ms);
  if (now - look_sent_ < patience) return;
  std::uint32_t silent = 0;
  for (const CanaryState& c : canaries_) silent += c.alive && !c.answered ? 1 : 0;
  canary_silent_ += silent;
  window_lost_ += silent;
  if (look_tries_ < look_tries_max_) {
    ask_canaries(now);
    judge_loss(now);
    return;
  }
  canary_lost(now);
}

void Engine::look_ended_well(Instant now) {
  looking_ = false;
  next_look_ = now + (any_canary() ? kLookInterval : kFlushInterval);
  // The journal is told of a look now and then, not of each.
  if (any_canary() && now - last_canary_told_ >= std::min<Span>(pace_.canary_interval, 10s)) {
    last_canary_told_ = now;
    const Timestamp at = wall_now();
    for (const CanaryState& c : canaries_)
      if (c.alive) check(sink_.on_canary({c.canary.target.address(), c.canary.port, at, true}));
  }
  judge_loss(now);
  tell(held_mark_, false);
  confirmed_ = marked_;
  // What was asked before the look before this one has had its time to answer; and nothing of it waits to be told.
  auto before_mark = [this](std::uint64_t index) { return index < previous_mark_.index; };
  const bool waits =
      std::any_of(held_.begin(), held_.end(), [&](const Heard& heard) { return before_mark(heard.index); }) ||
      std::any_of(spoken_with_.begin(), spoken_with_.end(),
                  [&](const auto& open) { return before_mark(open.first); });
  if (!waits && previous_mark_ > told_mark_) {
    told_mark_ = previous_mark_;
    check(sink_.on_asked(told_mark_));
  }
  previous_mark_ = marked_;
}

void Engine::canary_lost(Instant now) {
  looking_ = false;
  look_failed_ = true;
  const Timestamp at = wall_now();
  for (const CanaryState& c : canaries_)
    if (c.alive) check(sink_.on_canary({c.canary.target.address(), c.canary.port, at, c.answered}));
  last_canary_told_ = now;
  const std::size_t count = held_.size();
  withdraw();
  check(sink_.on_note(fmt::format(
      "a canary stopped answering; {} outcomes since the last good look are withdrawn and asked again", count)));
}

/// What is held goes back to the work, and the cursor to where it was when the last look that ended well began, or
/// to the first that waited to be told since before then.
void Engine::withdraw() {
  looking_ = false;
  for (const Heard& heard : held_) {
    answer_[heard.index] = 0;
    silent_.set(heard.index);
    after_.erase(heard.index);
    confirmed_.index = std::min(confirmed_.index, heard.index);
    const bool counted =
        (heard.answer == Answer::syn_ack || heard.answer == Answer::rst) && heard.label <= kLastTry;
    if (counted && answered_in_pass_[heard.label] > 0) --answered_in_pass_[heard.label];
  }
  unproven_.clear();  // its confirmations are forgotten as well
  withdraw_steps();
  held_.clear();
  held_mark_ = held_left_ = 0;
  for (TargetState& state : states_) state.parked.clear();
  parked_ = 0;
  confirmations_.clear();
  cursor_ = marked_ = previous_mark_ = confirmed_;
  work_done_ = false;
}

void Engine::on_canary_answer(std::size_t index, std::uint8_t label) {
  CanaryState& c = canaries_[index];
  if (!looking_ || c.answered) return;
  c.answered = true;
  if (label != canary_label_) return;  // an earlier try's: how long it took is not known
  const auto took = wall_ - canary_sent_;
  if (took < 0s || took > 60s) return;  // the clock was set
  const Span rtt = std::chrono::duration_cast<Span>(took);
  const bool slow = round_trip_.known() && rtt > 4 * round_trip_.least() + 100ms;
  round_trip_.sample(rtt);
  // Queues that fill show before they drop.
  if (slow && backoff_.trouble(Clock::now()) && pace_.rate_max != 0)
    bucket_.set_rate(pace_.rate_max * backoff_.factor());
}

/// Loss above what the way always has is our doing: we go more slowly. If that does not help, it was not.
void Engine::judge_loss(Instant now) {
  if (window_asked_ < kLossWindow) return;
  const double lost = static_cast<double>(window_lost_) / static_cast<double>(window_asked_);
  window_asked_ = window_lost_ = 0;
  if (lost > loss_base_ + kLossRise) {
    if (backoff_.trouble(now) && pace_.rate_max != 0) bucket_.set_rate(pace_.rate_max * backoff_.factor());
    loss_base_ = std::min(kLossMost, loss_base_ + kLossRise / 3);
  } else {
    loss_base_ = 0.7 * loss_base_ + 0.3 * lost;
  }
}

// --- Loss and tries ----------------------------------------------------------------------------------------------

/// The share of probes of answering ports that bring no answer. Ports that answered only when asked again show it
/// best (N p of N that answer come in the second try, N p^2 in the third); canaries where there are few of those.
double Engine::loss() const {
  std::uint64_t all = 0, later = 0;
  for (std::size_t k = 1; k < answered_in_pass_.size(); ++k) {
    all += k < cursor_.pass || (k == cursor_.pass && work_done_) ? answered_in_pass_[k] : 0;
    later += k > 1 && k <= cursor_.pass ? answered_in_pass_[k] : 0;
  }
  // A run that was resumed did not see what answered before.
  if (cursor_.pass > 1 && all >= kLossSample && request_.asked == AskedSoFar{})
    return static_cast<double>(later) / static_cast<double>(std::max(all, later));
  if (canary_asked_ >= kLossSample || (canary_asked_ > 0 && canary_silent_ == 0))
    return static_cast<double>(canary_silent_) / static_cast<double>(canary_asked_);
  return canary_asked_ == 0 ? -1 : static_cast<double>(canary_silent_) / static_cast<double>(canary_asked_);
}

double Engine::loss_at_most() const {
  const double p = std::clamp(std::max(loss(), loss_base_), kLossLeast, kLossMost);
  const double asked = static_cast<double>(std::max<std::uint64_t>(canary_asked_, 10));
  return std::min(kLossMost, p + 2 * std::sqrt(p * (1 - p) / asked));
}

double Engine::miss_probability() const {
  const double p = loss();
  return p < 0 ? -1 : std::pow(p, std::min<double>(cursor_.pass, passes_));
}

/// Is it likely that a port which answers was missed so far?
bool Engine::another_pass() const {
  const unsigned limit = std::max(pace_.tries_max, pace_.tries_limit);
  if (passes_ >= std::min<unsigned>(limit, kLastTry) || cursor_.pass < passes_) return false;
  const double p = loss();
  if (p < 0) return false;  // unknown: the tries that were asked for are all there is
  std::uint64_t answering = 0;
  for (std::uint64_t count : answered_in_pass_) answering += count;
  const double missed =
      static_cast<double>(answering) * std::pow(p, passes_) / std::max(0.01, 1 - std::pow(p, passes_));
  return missed > 0.5 && any_silent();
}

Span Engine::cooldown() const {
  return round_trip_.known() ? std::clamp<Span>(3 * round_trip_.smooth() + 150ms, 200ms, 1s)
                             : std::chrono::duration_cast<Span>(pace_.timeout_max);
}

}  // namespace demarc::raw_engine
