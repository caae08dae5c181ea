// What to ask next, and asking it.
//
// Work is taken in its order as long as its target may be asked now: the target's own rate, and what the filter on
// its path may still have to remember. If not, it is parked with its target, and the targets' next turns stand in a
// heap; so one slow target holds up nobody else, and the parked are few enough to be held in memory.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "scanner/active/engine.h"

namespace demarc::connect_engine {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBatch = 256;      // sockets started between two looks at the answers
constexpr Span kPressureMax = 30s;       // without a single free descriptor
constexpr Span kNeighbourTime = 3500ms;  // the kernel asks three times, a second apart, and then says: nobody

}  // namespace

// --- Targets -----------------------------------------------------------------------------------------------------

std::uint32_t Engine::state_of(const Target& target, std::uint32_t path, std::uint32_t rate_max) {
  auto [found, is_new] = by_address_.try_emplace(target.address(), static_cast<std::uint32_t>(states_.size()));
  if (is_new) add_state(target, path, rate_max);
  return found->second;
}

void Engine::add_state(const Target& target, std::uint32_t path, std::uint32_t rate_max) {
  TargetState& state = states_.emplace_back();
  double rate = pace_.rate_max_per_target;
  if (rate_max != 0 && (rate == 0 || rate_max < rate)) rate = rate_max;
  state.bucket.set_rate(rate);
  state.ours = ours_.contains(target.address());
  state.path = path;
  paths_.try_emplace(path, pace_.states_max_per_path, pace_.state_lifetime);
}

// --- What to ask next --------------------------------------------------------------------------------------------

Ask Engine::ask_for(std::uint64_t index) {
  ScanWork work = request_.work(index);
  std::uint32_t state = state_of(work.target, work.path, work.rate_max);
  return {Kind::work, work.speak, 0, work.port, state, index, work.target};
}

std::optional<std::uint64_t> Engine::next_index() {
  if (!again_.empty()) {
    std::uint64_t index = again_.back();
    again_.pop_back();
    return index;
  }
  if (pass_ == 1) {
    while (cursor_ < request_.work_count) {
      std::uint64_t index = cursor_++;
      if (!request_.already_answered || !request_.already_answered(index)) return index;
      ++done_;
    }
    return std::nullopt;
  }
  cursor_ = silent_.next(cursor_, request_.work_count);
  if (cursor_ >= request_.work_count) return std::nullopt;
  return cursor_++;
}

void Engine::park(Ask ask, Instant now) {
  TargetState& state = states_[ask.state];
  state.parked.push_back(ask);
  ++parked_;
  schedule(ask.state, now);
}

void Engine::schedule(std::uint32_t index, Instant now) {
  TargetState& state = states_[index];
  if (state.scheduled) return;
  Instant at = state.bucket.ready(now) ? now : state.bucket.next();
  // A full path frees itself by answers, at no time that could be known.
  if (!path_of(state).room(now))
    at = std::max(at, std::min(std::max(path_of(state).next(), now + 5ms), now + kIdleMax));
  parked_heap_.push({at, index});
  state.scheduled = true;
}

std::optional<Ask> Engine::next_ask(Instant now) {
  while (!parked_heap_.empty() && parked_heap_.top().first <= now) {
    std::uint32_t index = parked_heap_.top().second;
    parked_heap_.pop();
    TargetState& state = states_[index];
    state.scheduled = false;
    if (state.parked.empty()) continue;
    if (!ready(state, now)) {
      schedule(index, now);
      continue;
    }
    Ask ask = state.parked.front();
    state.parked.pop_front();
    --parked_;
    // One at a time, so that targets take turns; its next turn is known after this one is taken.
    if (!state.parked.empty()) reschedule_ = index;
    return ask;
  }
  while (parked_ < kParkedMax) {
    std::optional<std::uint64_t> index = next_index();
    if (!index) return std::nullopt;
    Ask ask = ask_for(*index);
    const TargetState& state = states_[ask.state];
    if (state.parked.empty() && ready(state, now)) return ask;
    park(ask, now);
  }
  return std::nullopt;
}

// --- Asking ------------------------------------------------------------------------------------------------------

void Engine::send(Instant now) {
  for (std::size_t i = 0; i < kBatch && in_flight_.count() < concurrency_; ++i) {
    if (!bucket_.ready(now)) return;
    std::optional<Ask> ask = next_ask(now);
    if (!ask) return;
    bool launched = launch(*ask, now);
    if (reschedule_) {
      schedule(*reschedule_, now);
      reschedule_.reset();
    }
    if (!launched) return;
  }
}

bool Engine::launch(const Ask& ask, Instant now) {
  TargetState& state = states_[ask.state];
  ConnectAttempt attempt;
  for (int i = 0; i < 8; ++i) {
    // On our own addresses, and after a self-connect, we choose the source port.
    std::optional<Port> source;
    if (state.ours || ask.self_connects > 0) source = sources_.next(ask.port);
    attempt = start_connect(ask.target, ask.port, source, state.ours);
    if (attempt.started != Started::port_taken) break;
  }
  if (attempt.started == Started::pressure || attempt.started == Started::port_taken) {
    under_pressure(ask, now, attempt.error);
    return false;
  }
  pressure_since_.reset();
  if (concurrency_ < concurrency_limit_ && ++eased_ >= concurrency_) {
    ++concurrency_;
    eased_ = 0;
  }
  ++sent_;
  ++rate_count_;
  ++since_look_;
  if (ask.kind == Kind::canary) ++canary_asked_;
  bucket_.take(now);
  state.bucket.take(now);
  path_of(state).opened();
  if (attempt.started == Started::replied) {
    settle(ask, {AttemptStage::replied, attempt.reply, false, 0}, -1, now, now);
    return true;
  }
  int error = 0;
  if (failed_already(attempt.fd, error)) {  // the way is short enough that the answer is here
    Look look = read_failure(attempt.fd, error, ask.target, ours_);
    Instant then = state.ours ? now : Clock::now();
    settle(ask, look, attempt.fd, now, then);
    return true;
  }
  InFlight::Key key = in_flight_.add({ask, attempt.fd, now});
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLERR | EPOLLHUP;
  event.data.u64 = key;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, attempt.fd, &event) != 0) {
    const int error_of_ours = errno;
    in_flight_.take(key);
    close(attempt.fd);
    path_of(state).unanswered(now);
    under_pressure(ask, now, error_of_ours);
    return false;
  }
  in_flight_.give_up_at(key, now + patience(ask));
  return true;
}

Span Engine::patience(const Ask& ask) const {
  if (ask.kind == Kind::neighbour) return kNeighbourTime;
  // Later passes give every port the whole time: what was silent may be far away.
  if (pass_ > 1 || ask.kind != Kind::work) return pace_.timeout_max;
  return states_[ask.state].round_trip.timeout(pace_.timeout_min, pace_.timeout_max);
}

void Engine::under_pressure(const Ask& ask, Instant now, int error) {
  // Never an outcome: fewer sockets at a time, and the same question again.
  concurrency_ = std::max(1U, std::min(concurrency_, in_flight_.count() * 3 / 4));
  eased_ = 0;
  blocked_until_ = now + 5ms;
  if (ask.kind == Kind::canary)
    canary_queue_.push_back(ask);
  else if (ask.kind != Kind::recheck && ask.kind != Kind::neighbour)
    park(ask, now);  // a recheck comes round by itself
  if (in_flight_.count() > 0 || conversations_->any_active()) {
    pressure_since_.reset();
    return;
  }
  if (!pressure_since_) pressure_since_ = now;
  // EADDRNOTAVAIL also says "no source address of that family": then no waiting helps, and it is this machine's
  // refusal.
  if (error == EADDRNOTAVAIL && now - *pressure_since_ > 1s && !source_address_for(ask.target.address())) {
    unsendable_ = true;
    return;
  }
  if (now - *pressure_since_ > kPressureMax && !failure_)
    failure_ = Error{{},
                     fmt::format("cannot open a connection: {}", std::strerror(error)),
                     "raise the limit of open files (ulimit -n)"};
}

void Engine::give_up_unsendable(Instant now) {
  unsendable_ = false;
  pressure_since_.reset();
  for (TargetState& state : states_) {
    if (state.parked.empty()) continue;
    Ask ask = state.parked.front();
    if (source_address_for(ask.target.address())) continue;
    state.parked.pop_front();
    --parked_;
    path_of(state).opened();
    settle(ask, {AttemptStage::replied, {Answer::local_refusal, std::nullopt}, false, 0}, -1, now, now);
  }
}

}  // namespace demarc::connect_engine
