// The run from its first socket to its last word, and the loop that everything else goes round in.
#include "scanner/active/raw/engine.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

namespace demarc {

Result<ScanResult> run_raw_scan(const ScanRequest& request, const RawOptions& options, ScanSink& sink,
                                const std::function<void(const RawFacts&)>& opened) {
  return raw_engine::Engine(request, options, sink, opened).run();
}

namespace raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr Span kIdleMax = 50ms;  // so that the stop flag is noticed
constexpr std::size_t kSamples = 8192;

}  // namespace

Timestamp wall_now() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

Engine::Engine(const ScanRequest& request, const RawOptions& options, ScanSink& sink,
               const std::function<void(const RawFacts&)>& opened)
    : request_(request),
      options_(options),
      pace_(request.pace),
      sink_(sink),
      opened_(opened),
      random_(request.seed ^ 0xD1B54A32D192ED03ULL),
      bucket_(request.pace.rate_max),
      samples_(kSamples) {}

Engine::~Engine() = default;

Result<ScanResult> Engine::run() {
  started_ = last_progress_ = rate_since_ = Clock::now();
  wall_ = wall_now();
  DEMARC_TRY(open());
  if (options_.confine) DEMARC_TRY(options_.confine());
  // Only from here on is anything read that others wrote.
  meet_neighbours();
  opening_look();
  if (!over()) passes();
  if (!over() && options_.witness) mark_the_end();
  passes_ended_ = Clock::now();
  if (!over()) recheck_silence();
  if (!over() && options_.locate) locate();
  if (over())
    wind_up();
  else
    tell_silence();
  if (failure_) return std::unexpected(*failure_);
  report_progress(Clock::now(), true);
  return result();
}

// --- The passes --------------------------------------------------------------------------------------------------

void Engine::passes() {
  passes_ = std::max<std::uint8_t>(1, pace_.tries_max);
  if (request_.asked.pass > passes_)  // a run that is resumed had found more of them worth it
    passes_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(request_.asked.pass, kLastTry));
  cursor_ = confirmed_ = marked_ = previous_mark_ = request_.asked;
  Instant pass_began = Clock::now();
  while (!over()) {
    if (look_failed_) {
      recover();
      continue;
    }
    turn(true);
    if (!work_done_ || parked_ > 0 || !confirmations_.empty()) continue;
    const bool last = cursor_.pass >= std::max(passes_, udp_passes_);
    // What was asked first in this pass must have had its time before it is asked again.
    turns_until(last ? last_sent_ + cooldown() : pass_began + cooldown());
    if (!work_done_ || look_failed_ || over()) continue;
    if (last) {
      if (!settle()) continue;
      if (!another_pass()) return;
      ++passes_;
    }
    ++cursor_.pass;
    cursor_.index = 0;
    work_done_ = false;
    pass_began = Clock::now();
  }
}

/// Looks at the canaries once more and tells everything that is held. False: something was taken back, or the run
/// is over.
bool Engine::settle() {
  for (;;) {
    if (over() || look_failed_ || !work_done_) return false;
    begin_look(Clock::now());
    turns_until(Clock::now() + 60s, [this] { return !looking_ || look_failed_; });
    if (over() || look_failed_ || !work_done_) return false;
    if (held_.empty() && spoken_with_.empty() && confirmations_.empty()) return true;
    turns_until(Clock::now() + 20ms);
  }
}

void Engine::recover() {
  const Instant lost = Clock::now();
  while (!over() && Clock::now() - lost < pace_.canary_patience) {
    turns_until(Clock::now() + 2s);
    if (over()) return;
    look_failed_ = false;
    begin_look(Clock::now());
    turns_until(Clock::now() + 60s, [this] { return !looking_ || look_failed_; });
    if (!looking_ && !look_failed_) {
      check(sink_.on_note("the canaries answer again; the scan goes on more slowly"));
      backoff_.trouble(Clock::now());
      return;
    }
  }
  if (!over())
    finish(ScanEnd::canary_lost, "a canary stopped answering and did not come back: the scanner may be blocked");
}

// --- Ends --------------------------------------------------------------------------------------------------------

bool Engine::over() {
  if (end_ || failure_) return true;
  if (request_.stop != nullptr && request_.stop->load(std::memory_order_relaxed))
    finish(ScanEnd::interrupted, "interrupted");
  const Instant now = Clock::now();
  if (!end_ && request_.runtime_max && now - started_ >= *request_.runtime_max)
    finish(ScanEnd::runtime_reached, "the longest runtime is reached");
  if (!end_ && request_.window_open && now >= next_window_check_) {
    next_window_check_ = now + 250ms;
    if (!request_.window_open(wall_now())) finish(ScanEnd::window_closed, "the window for scanning has closed");
  }
  return end_ || failure_;
}

void Engine::finish(ScanEnd end, std::string why) {
  end_ = end;
  why_ = std::move(why);
}

void Engine::check(Result<void> written) {
  if (!written && !failure_) failure_ = std::move(written).error();
}

// What is under way may still answer, what is confirmed is told, the rest is left for a resumed run.
void Engine::wind_up() {
  if (failure_) return;
  for (Channel& channel : channels_) channel.discard();
  for (std::uint64_t index : conversations_->abandon()) {
    held_.push_back(spoken_with_.at(index));
    spoken_with_.erase(index);
  }
  const bool may_ask = (end_ == ScanEnd::interrupted || end_ == ScanEnd::runtime_reached) && !down_since_;
  if (end_ == ScanEnd::canary_lost || end_ == ScanEnd::vantage_lost) return;
  if (any_canary() && (!may_ask || held_.empty())) return;
  const Instant until = Clock::now() + 3s;
  if (any_canary()) {
    looking_ = false;
    begin_look(Clock::now());
    while (looking_ && !look_failed_ && !failure_ && Clock::now() < until) turn(false);
    if (looking_ || look_failed_) return;
  }
  tell(held_.size(), true);
}

ScanResult Engine::result() const {
  ScanResult result;
  result.summary.end = end_.value_or(ScanEnd::complete);
  result.summary.sent = sent_;
  result.summary.received = received_;
  result.summary.loss_estimate = loss();
  result.summary.miss_probability = miss_probability();
  result.summary.finished = wall_now();
  result.why = why_;
  result.unanswered_work = request_.work_count - std::min(request_.work_count, done_);
  return result;
}

void Engine::report_progress(Instant now, bool last) {
  last_progress_ = now;
  ScanProgress p;
  p.done = done_;
  p.total = request_.work_count;
  p.open = open_;
  p.sent = sent_;
  p.received = received_;
  const double seconds = std::max(0.001, std::chrono::duration<double>(now - started_).count());
  p.rate = rate_ != 0 ? rate_ : static_cast<double>(sent_) / seconds;
  p.loss = loss();
  p.pass = cursor_.pass;
  if (!last && p.rate > 0 && cursor_.pass == 1)
    p.left = std::chrono::seconds(
        static_cast<std::int64_t>(static_cast<double>(request_.work_count - cursor_.index) / p.rate));
  if (last && !end_) p.left = 0s;
  sink_.on_progress(p);
}

// --- The loop ----------------------------------------------------------------------------------------------------

void Engine::turn(bool may_send) {
  Instant now = Clock::now();
  wall_ = wall_now();
  const std::uint64_t before = sent_ + received_;
  if (down_since_) on_interface_down();
  const bool way_is_good = !end_ && !look_failed_ && !down_since_;
  if (way_is_good) send_confirmations(now);
  if (may_send && way_is_good) send(now);
  flush();
  const std::size_t heard = listen();
  now = Clock::now();
  look(now);
  judge_decoys(now);
  step_handshakes(now);
  if (!conversations_->empty()) {
    io_.restart();
    io_.poll();
    if (!end_) conversations_->start_waiting();
  }
  backoff_.calm(now);
  if (now - rate_since_ >= 1s) {
    rate_ = static_cast<double>(rate_count_) / std::chrono::duration<double>(now - rate_since_).count();
    rate_count_ = 0;
    rate_since_ = now;
    roll_epoch();
    if (pace_.rate_max != 0) bucket_.set_rate(pace_.rate_max * backoff_.factor());
  }
  if (now - last_progress_ >= 250ms) report_progress(now, false);
  if (heard == 0 && before == sent_ + received_) wait(now, may_send && way_is_good);
}

void Engine::wait(Instant now, bool wants_to_send) {
  Instant until = now + kIdleMax;
  if (wants_to_send && (!work_done_ || parked_ > 0)) {
    Instant next = bucket_.rate() == 0 ? now : bucket_.next();
    if ((work_done_ || parked_ >= kParkedMax) && !parked_heap_.empty())
      next = std::max(next, parked_heap_.top().first);
    until = std::min(until, next);
  }
  if (looking_ || !handshakes_.empty() || !decoys_pending_.empty()) until = std::min(until, now + 5ms);
  if (!conversations_->empty() || !confirmations_.empty()) until = std::min(until, now + 5ms);
  std::vector<pollfd> watched;
  for (const Channel& channel : channels_) watched.push_back({channel.poll_fd(), POLLIN, 0});
  const auto left = std::max<Span>(until - now, 50us);
  timespec timeout{};
  timeout.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(left).count();
  timeout.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(left % 1s).count();
  ppoll(watched.data(), watched.size(), &timeout, nullptr);
}

void Engine::turns_until(Instant until, const std::function<bool()>& done) {
  while (Clock::now() < until && !over() && !(done && done())) {
    // Only what answers demand is sent here: confirmations, second steps. The work rests.
    turn(false);
  }
}

}  // namespace raw_engine
}  // namespace demarc
