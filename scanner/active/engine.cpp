// The run from the first look to the last word, and the loop that everything else goes round in.
#include "scanner/active/engine.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "scanner/active/descriptors.h"

namespace demarc::connect_engine {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kCanaryPath = 0xFFFFFFFF;

}  // namespace

Timestamp wall_now() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

Engine::Engine(const ScanRequest& request, ScanSink& sink)
    : request_(request),
      pace_(request.pace),
      sink_(sink),
      watcher_(io_),
      guard_(io_.get_executor()),
      bucket_(request.pace.rate_max),
      random_(request.seed ^ 0x9E3779B97F4A7C15ULL) {}

Result<ScanResult> Engine::run() {
  DEMARC_TRY(prepare());
  opening_look();
  for (pass_ = 1; !over() && pass_ <= tries_max_; ++pass_) {
    sweep();
    if (over()) break;
    // What stayed silent in this pass is the next one's work.
    std::swap(silent_, next_silent_);
    next_silent_.clear();
  }
  if (!over()) look_for_neighbours();
  if (!over()) recheck_silence();
  // From here on nothing more is asked, except the canaries once.
  if (over())
    wind_up();
  else
    emit_silence();
  if (failure_) return std::unexpected(*failure_);
  report_progress(Clock::now(), true);
  return result();
}

// --- Before and after --------------------------------------------------------------------------------------------

Result<void> Engine::prepare() {
  std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
  ours_ = OwnAddresses(local);
  tries_max_ = std::max<std::uint8_t>(1, pace_.tries_max);
  pace_.conversations_max = std::max(1U, pace_.conversations_max);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return failure(fmt::format("cannot create an epoll descriptor: {}", std::strerror(errno)));
  int watched = dup(epoll_);  // Asio closes what it is given
  boost::system::error_code error;
  if (watched >= 0) watcher_.assign(watched, error);
  if (watched < 0 || error)
    return failure("cannot watch the probes' sockets", "raise the limit of open files (ulimit -n)");
  SocketRoom room = DEMARC_TRY(room_for_sockets(pace_.concurrency_max, pace_.conversations_max));
  make_conversations(room.conversations);
  concurrency_ = concurrency_limit_ = room.probes;
  silent_.resize(request_.work_count);
  next_silent_.resize(request_.work_count);
  for (const ScanCanary& canary : request_.canaries) {
    canaries_.push_back({canary, static_cast<std::uint32_t>(states_.size()), true, false, false});
    add_state(canary.target, kCanaryPath, 0);  // of its own: looks are few, and never wait for the work's turn
  }
  started_ = last_flush_ = last_progress_ = rate_since_ = Clock::now();
  next_look_ = started_ + pace_.canary_interval;
  return {};
}

void Engine::release() {
  conversations_.reset();
  in_flight_.close_all();
  boost::system::error_code ignored;
  watcher_.close(ignored);
  if (epoll_ >= 0) close(epoll_);
  epoll_ = -1;
}

ScanResult Engine::result() const {
  ScanResult result;
  result.summary.end = end_.value_or(ScanEnd::complete);
  result.summary.sent = sent_;
  result.summary.received = received_;
  result.summary.loss_estimate = loss();
  result.summary.finished = wall_now();
  result.why = why_;
  result.unanswered_work = request_.work_count - done_;
  return result;
}

double Engine::loss() const {
  return canary_asked_ == 0 ? -1 : static_cast<double>(canary_silent_) / static_cast<double>(canary_asked_);
}

bool Engine::over() {
  if (end_ || failure_) return true;
  if (request_.stop != nullptr && request_.stop->load(std::memory_order_relaxed))
    finish(ScanEnd::interrupted, "interrupted");
  Instant now = Clock::now();
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

void Engine::wind_up() {
  if (failure_) return;
  abandon_conversations();
  while (in_flight_.count() > 0 && !failure_) turn(false);
  abandon_conversations();
  bool may_ask = end_ == ScanEnd::interrupted || end_ == ScanEnd::runtime_reached;
  if (!any_canary()) {
    flush(held_);
  } else if (may_ask && !held_.empty()) {
    std::vector<Held> before = std::move(held_);
    held_.clear();
    if (look_at_canaries(false)) flush(before);
  }
}

void Engine::report_progress(Instant now, bool last) {
  last_progress_ = now;
  ScanProgress p;
  p.done = done_;
  p.total = request_.work_count;
  p.open = open_;
  p.sent = sent_;
  p.received = received_;
  p.rate = rate_ != 0 ? rate_
                      : static_cast<double>(sent_) /
                            std::max(0.001, std::chrono::duration<double>(now - started_).count());
  p.loss = loss();
  p.pass = std::min<std::uint32_t>(pass_, tries_max_);
  std::uint64_t left = request_.work_count - std::min(request_.work_count, cursor_);
  if (!last && p.rate > 0 && pass_ == 1)
    p.left = std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(left) / p.rate));
  if (last && !end_) p.left = 0s;
  sink_.on_progress(p);
}

// --- The loop ----------------------------------------------------------------------------------------------------

bool Engine::quiet() const {
  return in_flight_.count() == 0 && parked_ == 0 && conversations_->empty() && canary_queue_.empty();
}

void Engine::sweep() {
  cursor_ = 0;
  while (!over()) {
    turn(true);
    Instant now = Clock::now();
    if (any_canary() && (now >= next_look_ || since_look_ >= pace_.canary_probes))
      confirm_or_withdraw();
    else if (!any_canary() && now - last_flush_ >= 1s) {
      flush(held_);
      last_flush_ = now;
    }
    if (over()) return;
    if (!work_left() && quiet()) {
      confirm_or_withdraw();
      if (!work_left() && quiet() && held_.empty()) return;
    }
  }
}

void Engine::turn(bool may_send) {
  Instant now = Clock::now();
  std::uint64_t before = sent_ + settled_marker();
  if (now >= blocked_until_) {
    while (!canary_queue_.empty() && in_flight_.count() < concurrency_limit_ && bucket_.ready(now)) {
      Ask ask = canary_queue_.front();
      canary_queue_.pop_front();
      if (!launch(ask, now)) break;
    }
    if (may_send && !end_) send(now);
  }
  if (unsendable_) give_up_unsendable(now);
  drain_sockets();
  now = Clock::now();
  expire(now);
  if (!conversations_->empty()) {
    io_.poll();
    if (!end_) start_waiting_conversations();
  }
  backoff_.calm(now);
  if (now - rate_since_ >= 1s) {
    rate_ = static_cast<double>(rate_count_) / std::chrono::duration<double>(now - rate_since_).count();
    rate_count_ = 0;
    rate_since_ = now;
    if (backoff_.factor() < 1 || pace_.rate_max != 0)
      apply_rate();
    else
      bucket_.set_rate(0);
  }
  if (now - last_progress_ >= 250ms) report_progress(now, false);
  if (before == sent_ + settled_marker()) idle(now, may_send);
}

void Engine::idle(Instant now, bool may_send) {
  Instant until = now + kIdleMax;
  if (std::optional<Instant> deadline = in_flight_.next_deadline()) until = std::min(until, *deadline);
  bool wants = !canary_queue_.empty() || (may_send && (work_left() || parked_ > 0));
  if (wants && in_flight_.count() < concurrency_) {
    Instant next = std::max(bucket_.rate() == 0 ? now : bucket_.next(), blocked_until_);
    if (canary_queue_.empty() && (!work_left() || parked_ >= kParkedMax) && !parked_heap_.empty())
      next = std::max(next, parked_heap_.top().first);
    until = std::min(until, next);
  }
  if (!watching_) {
    watching_ = true;
    watcher_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](boost::system::error_code) { watching_ = false; });
  }
  io_.run_one_for(std::max(Span(50us), until - now));
}

}  // namespace demarc::connect_engine
