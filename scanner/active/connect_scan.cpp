// The connect engine. One thread: sockets are started and judged in batches over an epoll descriptor of their own, which
// Asio waits for together with the timers and the conversations with open ports.
//
//   work order --> next_ask --> launch --> (kernel) --> settle --> held --> confirmed by a canary --> sink
//                     ^                                   |          |
//                     +------ pressure, self-connect <----+          +-- withdrawn when a canary is lost --> again
//                     +------ silence: the next pass <---------------+
//
// Nothing is told to the sink before the next good canary (or, without canaries, the next second), so what was measured
// while the way was perhaps broken can be taken back.
#include "scanner/active/connect_scan.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <queue>
#include <random>
#include <unordered_map>

#include <fmt/format.h>

#include "probes/readings/readings.h"
#include "scanner/active/local.h"
#include "scanner/active/pace.h"
#include "scanner/active/probe_socket.h"
#include "scanner/active/rate_limits.h"
#include "scanner/active/session.h"

namespace demarc {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBatch = 256;             // sockets started between two looks at the answers
constexpr std::size_t kParkedMax = 16384;       // asks that wait for their target's turn
constexpr std::size_t kEmitBatch = 4096;
constexpr unsigned kSelfConnectsMax = 3;        // then the port is given up as undecidable from here
constexpr unsigned kCanaryTries = 3;
constexpr std::uint32_t kCanaryPath = 0xFFFFFFFF;
constexpr Span kCanaryPause = 2s;               // between looks at a canary that was lost
constexpr Span kPressureMax = 30s;              // without a single free descriptor
constexpr Span kNeighbourTime = 3500ms;         // the kernel asks three times, a second apart, before it says there is nobody
constexpr std::size_t kNeighboursMax = 4096;
constexpr Span kIdleMax = 50ms;                 // so that the stop flag is noticed
constexpr std::uint32_t kConversationsPerTarget = 16, kConversationsGentle = 2;
constexpr std::uint32_t kDescriptorsSpared = 16;  // for journals, logs and whatever else the program opens meanwhile

Timestamp wall_now() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

std::uint32_t micros(Span span) {
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 1, 0xFFFFFFFF));
}

class Bits {
 public:
  void resize(std::uint64_t size) { words_.assign((size + 63) / 64, 0); }
  void set(std::uint64_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  void clear(std::uint64_t i) { words_[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }
  bool test(std::uint64_t i) const { return (words_[i / 64] >> (i % 64)) & 1; }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  bool empty() const { return words_.empty(); }
  /// The first member that is not below `from`, or `end`.
  std::uint64_t next(std::uint64_t from, std::uint64_t end) const {
    while (from < end) {
      std::uint64_t word = words_[from / 64] >> (from % 64);
      if (word != 0) return std::min<std::uint64_t>(end, from + static_cast<unsigned>(__builtin_ctzll(word)));
      from = (from / 64 + 1) * 64;
    }
    return end;
  }

 private:
  std::vector<std::uint64_t> words_;
};

enum class Kind : std::uint8_t { work, canary, decoy, recheck, neighbour };

/// One question on its way.
struct Ask {
  Kind kind;
  Speak speak;
  std::uint8_t self_connects;
  Port port;
  std::uint32_t state;   // into states_
  std::uint64_t index;   // of the work; of the canary; of the recheck
  Target target;
};

/// What is known about one target during this run.
struct TargetState {
  Bucket bucket;
  RoundTrip round_trip;
  bool ours = false;
  std::uint32_t path = 0;
  std::uint32_t conversations = 0;
  std::uint32_t decoys_pending = 0, decoys_open = 0;
  bool decoys_asked = false;
  bool answers_everything = false;
  bool answered = false;       // anything at all
  bool no_neighbour = false;   // our own link knows nobody of that address
  bool scheduled = false;      // has an entry in parked_heap_
  std::deque<Ask> parked;
  Refusals refusals;
  LimitedWhere limited = LimitedWhere::nowhere;
};

struct Held {
  ConnectFound found;
  std::uint32_t state = 0;
  bool silent = false;
};

class Engine {
 public:
  Engine(const ConnectScanRequest& request, ConnectScanSink& sink)
      : request_(request), pace_(request.pace), sink_(sink), watcher_(io_), guard_(io_.get_executor()), bucket_(request.pace.rate_max),
        random_(request.seed ^ 0x9E3779B97F4A7C15ULL) {}
  ~Engine() { release(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Result<ConnectScanResult> run() {
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
    if (over()) wind_up();
    else emit_silence();
    if (failure_) return std::unexpected(*failure_);
    report_progress(Clock::now(), true);
    return result();
  }

 private:
  using Clock = std::chrono::steady_clock;

  // --- Before and after ---------------------------------------------------------------------------------------------

  Result<void> prepare() {
    std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
    ours_ = OwnAddresses(local);
    tries_max_ = std::max<std::uint8_t>(1, pace_.tries_max);
    pace_.conversations_max = std::max(1U, pace_.conversations_max);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) return failure(fmt::format("cannot create an epoll descriptor: {}", std::strerror(errno)));
    int watched = dup(epoll_);  // Asio closes what it is given
    boost::system::error_code error;
    if (watched >= 0) watcher_.assign(watched, error);
    if (watched < 0 || error) return failure("cannot watch the probes' sockets", "raise the limit of open files (ulimit -n)");
    DEMARC_TRY(measure_descriptors());
    silent_.resize(request_.work_count);
    next_silent_.resize(request_.work_count);
    for (const ConnectCanary& canary : request_.canaries) {
      canaries_.push_back({canary, static_cast<std::uint32_t>(states_.size()), true, false, false});
      add_state(canary.target, kCanaryPath, 0);  // of its own: looks are few, and never wait for the work's turn
    }
    started_ = last_flush_ = last_progress_ = rate_since_ = Clock::now();
    next_look_ = started_ + pace_.canary_interval;
    return {};
  }

  /// How many sockets we may have at a time. The soft limit is only a default for programs that use select().
  Result<void> measure_descriptors() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return failure(fmt::format("cannot read the limit of open files: {}", std::strerror(errno)));
    rlim_t wanted = rlim_t{pace_.concurrency_max} + pace_.conversations_max + 64;
    if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
      rlimit raised = limit;
      raised.rlim_cur = std::min(wanted, limit.rlim_max);
      if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    std::uint64_t used = 0;
    if (DIR* directory = opendir("/proc/self/fd")) {
      while (readdir(directory) != nullptr) ++used;
      closedir(directory);
    } else {
      used = 16;
    }
    std::uint64_t room = limit.rlim_cur > used + kDescriptorsSpared ? limit.rlim_cur - used - kDescriptorsSpared : 0;
    if (room < 4) return failure("too few open files are allowed to probe anything", "raise the limit (ulimit -n)");
    conversations_limit_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room / 4, 1, pace_.conversations_max));
    concurrency_limit_ =
        static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room - conversations_limit_, 1, std::max(1U, pace_.concurrency_max)));
    concurrency_ = concurrency_limit_;
    return {};
  }

  void release() {
    for (auto& [id, active] : sessions_) active.session->cancel();
    sessions_.clear();
    for (Slot& slot : slots_)
      if (slot.fd >= 0) close(slot.fd);
    slots_.clear();
    boost::system::error_code ignored;
    watcher_.close(ignored);
    if (epoll_ >= 0) close(epoll_);
    epoll_ = -1;
  }

  ConnectScanResult result() const {
    ConnectScanResult result;
    result.summary.end = end_.value_or(ScanEnd::complete);
    result.summary.sent = sent_;
    result.summary.received = received_;
    result.summary.loss_estimate = loss();
    result.summary.finished = wall_now();
    result.why = why_;
    result.unanswered_work = request_.work_count - done_;
    return result;
  }

  double loss() const {
    return canary_asked_ == 0 ? -1 : static_cast<double>(canary_silent_) / static_cast<double>(canary_asked_);
  }

  /// Orderly ends: noticed here and nowhere else.
  bool over() {
    if (end_ || failure_) return true;
    if (request_.stop != nullptr && request_.stop->load(std::memory_order_relaxed)) finish(ScanEnd::interrupted, "interrupted");
    Instant now = Clock::now();
    if (!end_ && request_.runtime_max && now - started_ >= *request_.runtime_max)
      finish(ScanEnd::runtime_reached, "the longest runtime is reached");
    if (!end_ && request_.window_open && now >= next_window_check_) {
      next_window_check_ = now + 250ms;
      if (!request_.window_open(wall_now())) finish(ScanEnd::window_closed, "the window for scanning has closed");
    }
    return end_ || failure_;
  }

  void finish(ScanEnd end, std::string why) {
    end_ = end;
    why_ = std::move(why);
  }

  void check(Result<void> written) {
    if (!written && !failure_) failure_ = std::move(written).error();
  }

  // --- Targets ------------------------------------------------------------------------------------------------------

  std::uint32_t state_of(const Target& target, std::uint32_t path, std::uint32_t rate_max) {
    auto [found, is_new] = by_address_.try_emplace(target.address(), static_cast<std::uint32_t>(states_.size()));
    if (is_new) add_state(target, path, rate_max);
    return found->second;
  }
  void add_state(const Target& target, std::uint32_t path, std::uint32_t rate_max) {
    TargetState& state = states_.emplace_back();
    double rate = pace_.rate_max_per_target;
    if (rate_max != 0 && (rate == 0 || rate_max < rate)) rate = rate_max;
    state.bucket.set_rate(rate);
    state.ours = ours_.contains(target.address());
    state.path = path;
    paths_.try_emplace(path, pace_.states_max_per_path, pace_.state_lifetime);
  }
  StateCount& path_of(const TargetState& state) { return paths_.at(state.path); }

  // --- What to ask next ---------------------------------------------------------------------------------------------

  Ask ask_for(std::uint64_t index) {
    ConnectWork work = request_.work(index);
    return {Kind::work, work.speak, 0, work.port, state_of(work.target, work.path, work.rate_max), index, work.target};
  }

  /// Of the work order: what a lost canary took back first, then the pass.
  std::optional<std::uint64_t> next_index() {
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
  bool work_left() const { return cursor_ < request_.work_count || !again_.empty(); }

  bool ready(const TargetState& state, Instant now) { return state.bucket.ready(now) && path_of(state).room(now); }

  void park(Ask ask, Instant now) {
    TargetState& state = states_[ask.state];
    state.parked.push_back(ask);
    ++parked_;
    schedule(ask.state, now);
  }
  void schedule(std::uint32_t index, Instant now) {
    TargetState& state = states_[index];
    if (state.scheduled) return;
    Instant at = state.bucket.ready(now) ? now : state.bucket.next();
    // A full path frees itself by answers, at no time that could be known.
    if (!path_of(state).room(now)) at = std::max(at, std::min(std::max(path_of(state).next(), now + 5ms), now + kIdleMax));
    parked_heap_.push({at, index});
    state.scheduled = true;
  }

  std::optional<Ask> next_ask(Instant now) {
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

  // --- Asking -------------------------------------------------------------------------------------------------------

  /// Starts as many as pace and descriptors allow now.
  void send(Instant now) {
    for (std::size_t i = 0; i < kBatch && in_flight_ < concurrency_; ++i) {
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

  /// False: something of our own ran out; the ask waits.
  bool launch(const Ask& ask, Instant now) {
    TargetState& state = states_[ask.state];
    Attempt attempt;
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
      settle(ask, {Stage::replied, attempt.reply, false, 0}, -1, now, now);
      return true;
    }
    int error = 0;
    if (failed_already(attempt.fd, error)) {  // the way is short enough that the answer is here
      Look look = read_failure(attempt.fd, error, ask.target, ours_);
      Instant then = state.ours ? now : Clock::now();
      settle(ask, look, attempt.fd, now, then);
      return true;
    }
    std::uint32_t slot = take_slot();
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLERR | EPOLLHUP;
    const std::uint64_t key = (std::uint64_t{slots_[slot].generation} << 32) | slot;
    event.data.u64 = key;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, attempt.fd, &event) != 0) {
      free_slots_.push_back(slot);
      close(attempt.fd);
      path_of(state).unanswered(now);
      under_pressure(ask, now, errno);
      return false;
    }
    slots_[slot].ask = ask;
    slots_[slot].fd = attempt.fd;
    slots_[slot].sent = now;
    ++in_flight_;
    // Later passes give every port the whole time: what was silent may be far away.
    Span wait = ask.kind == Kind::neighbour ? kNeighbourTime
                : pass_ == 1 && ask.kind == Kind::work ? state.round_trip.timeout(pace_.timeout_min, pace_.timeout_max) : Span(pace_.timeout_max);
    deadlines_.push({now + wait, key});
    return true;
  }

  void under_pressure(const Ask& ask, Instant now, int error) {
    // Never an outcome: fewer sockets at a time, and the same question again.
    concurrency_ = std::max(1U, std::min(concurrency_, in_flight_ * 3 / 4));
    eased_ = 0;
    blocked_until_ = now + 5ms;
    if (ask.kind == Kind::canary) canary_queue_.push_back(ask);
    else if (ask.kind != Kind::recheck && ask.kind != Kind::neighbour) park(ask, now);  // a recheck comes round by itself
    if (in_flight_ > 0 || !sessions_.empty()) {
      pressure_since_.reset();
      return;
    }
    if (!pressure_since_) pressure_since_ = now;
    // EADDRNOTAVAIL also says "no source address of that family": then no waiting helps, and it is this machine's refusal.
    if (error == EADDRNOTAVAIL && now - *pressure_since_ > 1s && !source_address_for(ask.target.address())) {
      unsendable_ = true;
      return;
    }
    if (now - *pressure_since_ > kPressureMax && !failure_)
      failure_ = Error{{}, fmt::format("cannot open a connection: {}", std::strerror(error)), "raise the limit of open files (ulimit -n)"};
  }

  struct Slot {
    std::optional<Ask> ask;
    int fd = -1;
    std::uint32_t generation = 0;
    Instant sent{};
  };

  std::uint32_t take_slot() {
    if (free_slots_.empty()) {
      slots_.emplace_back();
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  void free_slot(std::uint32_t slot) {
    slots_[slot].fd = -1;
    ++slots_[slot].generation;
    free_slots_.push_back(slot);
    --in_flight_;
  }

  /// Judges every socket that has something to say.
  void drain_sockets() {
    epoll_event events[256];
    for (;;) {
      int count = epoll_wait(epoll_, events, 256, 0);
      if (count <= 0) return;
      Instant now = Clock::now();
      for (int i = 0; i < count; ++i) {
        std::uint32_t slot = static_cast<std::uint32_t>(events[i].data.u64);
        if (slots_[slot].fd < 0 || slots_[slot].generation != static_cast<std::uint32_t>(events[i].data.u64 >> 32)) continue;
        Ask ask = *slots_[slot].ask;
        Look look = look_at(slots_[slot].fd, ask.target, ours_);
        if (look.stage == Stage::pending) {
          // Woken without news, and it would wake us again and again: its deadline decides.
          epoll_ctl(epoll_, EPOLL_CTL_DEL, slots_[slot].fd, nullptr);
          continue;
        }
        int fd = slots_[slot].fd;
        Instant sent = slots_[slot].sent;
        free_slot(slot);
        if (look.stage == Stage::connected) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
        settle(ask, look, fd, sent, now);
      }
      if (count < 256) return;
    }
  }

  void expire(Instant now) {
    while (!deadlines_.empty() && deadlines_.top().first <= now) {
      std::uint64_t key = deadlines_.top().second;
      deadlines_.pop();
      std::uint32_t slot = static_cast<std::uint32_t>(key);
      if (slots_[slot].fd < 0 || slots_[slot].generation != static_cast<std::uint32_t>(key >> 32)) continue;
      Ask ask = *slots_[slot].ask;
      int fd = slots_[slot].fd;
      Instant sent = slots_[slot].sent;
      // The last word is the socket's: an answer may have come while we were busy.
      Look look = look_at(fd, ask.target, ours_);
      if (look.stage == Stage::pending) look = {Stage::replied, {Answer::silence, std::nullopt}, false, 0};
      free_slot(slot);
      if (look.stage == Stage::connected) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      settle(ask, look, fd, sent, now);
    }
  }

  // --- What came back -----------------------------------------------------------------------------------------------

  /// Takes over the descriptor (or -1).
  void settle(const Ask& ask, const Look& look, int fd, Instant sent, Instant now) {
    TargetState& state = states_[ask.state];
    Answer answer = look.stage == Stage::connected ? Answer::syn_ack : look.reply.answer;
    bool silent = answer == Answer::silence;
    if (silent) {
      path_of(state).unanswered(sent);
    } else {
      path_of(state).answered();
      if (answer != Answer::local_refusal && answer != Answer::no_neighbour) ++received_;
      state.answered = true;
    }
    if (answer == Answer::syn_ack || answer == Answer::rst) state.round_trip.sample(now - sent);

    if (look.stage == Stage::connected && !look.gone && is_self_connect(fd)) {
      close_by_reset(fd);
      on_self_connect(ask, now);
      return;
    }
    if (fd >= 0 && look.stage != Stage::connected) {
      close(fd);
      fd = -1;
    }
    switch (ask.kind) {
      case Kind::canary: on_canary_answer(ask, answer, now - sent); break;
      case Kind::decoy: on_decoy_answer(state, answer); break;
      case Kind::neighbour:
        if (answer == Answer::no_neighbour) state.no_neighbour = true;
        break;
      case Kind::recheck: on_recheck_answer(ask, look, answer, now - sent); break;
      case Kind::work: on_work_answer(ask, look, answer, sent, now, fd); return;  // it looks after the descriptor
    }
    if (fd >= 0) close_by_reset(fd);
  }

  Outcome outcome_of(const Ask& ask, const Reply& reply, Span rtt) const {
    Outcome outcome;
    outcome.target = ask.target.address();
    outcome.protocol = Protocol::tcp;
    outcome.ports = PortRange::single(ask.port);
    outcome.tries = static_cast<std::uint8_t>(std::min<unsigned>(pass_, tries_max_));
    read_into(outcome, Method::connect, reply);
    if (reply.answer != Answer::silence && reply.answer != Answer::local_refusal && reply.answer != Answer::no_neighbour)
      outcome.rtt_us = micros(rtt);
    outcome.at = wall_now();
    return outcome;
  }

  void on_self_connect(const Ask& ask, Instant now) {
    if (ask.self_connects + 1U < kSelfConnectsMax) {
      Ask again = ask;
      ++again.self_connects;
      if (ask.kind == Kind::canary) canary_queue_.push_back(again);
      else if (ask.kind == Kind::neighbour) return;
      else if (ask.kind == Kind::recheck) on_recheck_answer(ask, {}, Answer::silence, Span{0});
      else park(again, now);
      return;
    }
    if (ask.kind == Kind::decoy) {
      on_decoy_answer(states_[ask.state], Answer::silence);
    } else if (ask.kind == Kind::canary) {
      on_canary_answer(ask, Answer::silence, Span{0});
    } else {
      ConnectFound found{ask.index, outcome_of(ask, {Answer::local_refusal, std::nullopt}, Span{0}), std::nullopt};
      found.outcome.doubt = Doubt::self_connect;
      held_.push_back({std::move(found), ask.state, false});
    }
  }

  void on_work_answer(const Ask& ask, const Look& look, Answer answer, Instant sent, Instant now, int fd) {
    // Withdrawn; or the run ends, and nobody may be spoken to any more: a resumed run asks again.
    if (withdrawing_ || (end_ && answer == Answer::syn_ack)) {
      if (fd >= 0) close_by_reset(fd);
      again_.push_back(ask.index);
      return;
    }
    TargetState& state = states_[ask.state];
    if (answer == Answer::silence) {
      held_.push_back({ConnectFound{ask.index, {}, std::nullopt}, ask.state, true});
      return;
    }
    // Answered only when asked again: the first question or its answer was lost, or somebody limits how fast it answers.
    if (pass_ > 1 && (answer == Answer::syn_ack || answer == Answer::rst)) slow_down(now);
    Reply reply = look.stage == Stage::connected ? Reply{Answer::syn_ack, std::nullopt} : look.reply;
    ConnectFound found{ask.index, outcome_of(ask, reply, look.rtt_us != 0 ? Span(std::chrono::microseconds(look.rtt_us)) : now - sent),
                       std::nullopt};
    if (reply.sender && found.outcome.state == PortState::filtered && !ours_.contains(*reply.sender))
      state.refusals.add(ask.port, {*reply.sender, reply.answer});
    if (answer != Answer::syn_ack) {
      held_.push_back({std::move(found), ask.state, false});
      return;
    }
    ask_decoys(ask, now);
    if (look.gone || !request_.services || ask.speak == Speak::nothing || state.answers_everything) {
      close_by_reset(fd);
      held_.push_back({std::move(found), ask.state, false});
      return;
    }
    Waiting waiting{ask, std::move(found)};
    if (conversation_room(ask)) {
      begin_session(std::move(waiting), fd);
    } else {
      close_by_reset(fd);  // better than to hold a server's connection without a word; it is opened again
      waiting_.push_back(std::move(waiting));
    }
  }

  // --- Conversations ------------------------------------------------------------------------------------------------

  struct Waiting {
    Ask ask;
    ConnectFound found;
  };
  struct Active {
    std::shared_ptr<Session> session;
    Waiting what;
  };

  bool conversation_room(const Ask& ask) const {
    std::uint32_t most = ask.speak == Speak::gently ? kConversationsGentle : kConversationsPerTarget;
    return sessions_.size() < conversations_limit_ && states_[ask.state].conversations < most;
  }

  void begin_session(Waiting waiting, int fd) {
    const Ask ask = waiting.ask;
    auto manner = ask.speak == Speak::gently ? Conversation::Manner::gentle : Conversation::Manner::thorough;
    std::uint64_t id = next_session_++;
    ++states_[ask.state].conversations;
    auto may_connect = [this, state = ask.state](const Target&) {
      Instant now = Clock::now();
      if (!bucket_.ready(now) || !states_[state].bucket.ready(now) || in_flight_ >= concurrency_limit_) return false;
      bucket_.take(now);
      states_[state].bucket.take(now);
      ++sent_;
      return true;
    };
    auto done = [this, id](std::optional<ServiceSeen> seen) {
      auto active = sessions_.find(id);
      if (active == sessions_.end()) return;
      Waiting what = std::move(active->second.what);
      sessions_.erase(active);
      --states_[what.ask.state].conversations;
      what.found.service = std::move(seen);
      held_.push_back({std::move(what.found), what.ask.state, false});
    };
    auto session = Session::start(io_, fd, ask.target, ask.port, Conversation(ask.port, manner, pace_.listen_time), may_connect, done);
    sessions_.emplace(id, Active{std::move(session), std::move(waiting)});
  }

  void start_waiting_sessions() {
    for (std::size_t i = waiting_.size(); i > 0 && sessions_.size() < conversations_limit_; --i) {
      Waiting waiting = std::move(waiting_.front());
      waiting_.pop_front();
      if (states_[waiting.ask.state].answers_everything) held_.push_back({std::move(waiting.found), waiting.ask.state, false});
      else if (conversation_room(waiting.ask)) begin_session(std::move(waiting), -1);
      else waiting_.push_back(std::move(waiting));
    }
  }

  // --- Does everything answer? --------------------------------------------------------------------------------------

  /// Where a port is open, a few random high ports that nobody should listen on are asked too. If most of them "open",
  /// something answers in the target's name (a SYN proxy, a tarpit) and its opens prove nothing.
  void ask_decoys(const Ask& found, Instant now) {
    TargetState& state = states_[found.state];
    if (state.decoys_asked) return;
    state.decoys_asked = true;
    for (std::uint32_t i = 0; i < pace_.decoys_per_target; ++i) {
      Port port{std::uniform_int_distribution<std::uint16_t>(10000, 61000)(random_)};
      park({Kind::decoy, Speak::nothing, 0, port, found.state, 0, found.target}, now);
      ++state.decoys_pending;
    }
  }

  void on_decoy_answer(TargetState& state, Answer answer) {
    if (state.decoys_pending > 0) --state.decoys_pending;
    if (answer == Answer::syn_ack) ++state.decoys_open;
    if (state.decoys_pending == 0 && state.decoys_open >= 2 && state.decoys_open * 2 > pace_.decoys_per_target) state.answers_everything = true;
  }

  // --- Canaries -----------------------------------------------------------------------------------------------------

  struct CanaryState {
    ConnectCanary canary;
    std::uint32_t state = 0;
    bool alive = true;      // answered at the start: its silence means something
    bool answered = false, pending = false;
  };

  bool any_canary() const {
    return std::any_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return c.alive; });
  }

  /// Asks every live canary, up to three times. Ordinary work rests meanwhile; what is in flight still settles.
  bool look_at_canaries(bool send_nothing_else_if_over = true) {
    for (CanaryState& c : canaries_) c.answered = false;
    look_clean_ = true;
    auto good = [&] { return std::all_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return !c.alive || c.answered; }); };
    for (unsigned i = 0; i < kCanaryTries && !good() && !failure_; ++i) {
      for (std::size_t k = 0; k < canaries_.size(); ++k) {
        CanaryState& c = canaries_[k];
        if (!c.alive || c.answered) continue;
        c.pending = true;
        canary_queue_.push_back({Kind::canary, Speak::nothing, 0, c.canary.port, c.state, k, c.canary.target});
      }
      auto waiting = [&] { return std::any_of(canaries_.begin(), canaries_.end(), [](const CanaryState& c) { return c.pending; }); };
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
    return good() && !failure_;
  }

  void on_canary_answer(const Ask& ask, Answer answer, Span rtt) {
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

  void opening_look() {
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
    if (!any_canary()) finish(ScanEnd::canary_lost, "no canary answers: the way from this vantage point is not proven good, nothing was asked");
  }

  /// Confirms what is held by a look at the canaries, or takes it back.
  void confirm_or_withdraw() {
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
    check(sink_.on_note(fmt::format("a canary stopped answering; {} outcomes since the last good look are withdrawn and asked again", again_.size())));
    while (!over() && Clock::now() - lost < pace_.canary_patience) {
      Instant retry = Clock::now() + kCanaryPause;
      while (!over() && Clock::now() < retry) turn(false);
      if (over()) return;
      if (look_at_canaries()) {
        check(sink_.on_note("the canaries answer again; the scan goes on more slowly"));
        return;
      }
    }
    if (!over()) finish(ScanEnd::canary_lost, "a canary stopped answering and did not come back: the scanner may be blocked");
  }

  void take_back_silence(std::vector<Held>& held) {
    auto silent = std::stable_partition(held.begin(), held.end(), [](const Held& h) { return !h.silent; });
    for (auto h = silent; h != held.end(); ++h) again_.push_back(h->found.index);
    held.erase(silent, held.end());
  }

  /// Everything that is under way or held goes back to the work.
  void withdraw_everything() {
    withdrawing_ = true;
    while (in_flight_ > 0 && !failure_) turn(false);
    withdrawing_ = false;
    for (Held& held : held_) again_.push_back(held.found.index);
    held_.clear();
    abandon_sessions();
  }
  void abandon_sessions() {
    for (auto& [id, active] : sessions_) {
      active.session->cancel();
      --states_[active.what.ask.state].conversations;
      again_.push_back(active.what.ask.index);
    }
    sessions_.clear();
    for (const Waiting& waiting : waiting_) again_.push_back(waiting.ask.index);
    waiting_.clear();
  }

  void slow_down(Instant now) {
    if (backoff_.trouble(now)) apply_rate();
  }
  void apply_rate() {
    // Without a cap of the user's there is one as soon as there is trouble: what was reached so far is the measure.
    double base = pace_.rate_max != 0 ? pace_.rate_max : (backoff_.factor() < 1 ? std::max(100.0, rate_) : 0);
    bucket_.set_rate(base * backoff_.factor());
  }

  // --- Results ------------------------------------------------------------------------------------------------------

  /// Gives confirmed outcomes to the sink. Opens of a target whose decoys are still out stay held.
  void flush(std::vector<Held>& confirmed) {
    std::vector<ConnectFound> out;
    std::vector<Held> stay;
    for (Held& held : confirmed) {
      if (held.silent) {
        next_silent_.set(held.found.index);
        continue;
      }
      const TargetState& state = states_[held.state];
      if (held.found.outcome.state == PortState::open) {
        if (state.decoys_pending > 0) {
          stay.push_back(std::move(held));
          continue;
        }
        if (state.answers_everything) held.found.outcome.doubt = Doubt::answers_everything;
      }
      emit(std::move(held.found), out);
    }
    bool own = &confirmed == &held_;
    confirmed.clear();
    if (own) held_ = std::move(stay);
    else held_.insert(held_.end(), std::make_move_iterator(stay.begin()), std::make_move_iterator(stay.end()));
    write(out);
  }

  void emit(ConnectFound found, std::vector<ConnectFound>& out) {
    ++done_;
    if (found.outcome.state == PortState::open) ++open_;
    out.push_back(std::move(found));
    if (out.size() >= kEmitBatch) write(out);
  }
  void write(std::vector<ConnectFound>& out) {
    if (!out.empty() && !failure_) check(sink_.on_found(out));
    out.clear();
  }

  /// After the last pass: what never answered.
  void emit_silence() {
    std::vector<ConnectFound> out;
    for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count; i = silent_.next(i + 1, request_.work_count)) {
      Ask ask = ask_for(i);
      const TargetState& state = states_[ask.state];
      Answer answer = state.no_neighbour ? Answer::no_neighbour : Answer::silence;
      ConnectFound found{i, outcome_of(ask, {answer, std::nullopt}, Span{0}), std::nullopt};
      if (!any_canary() && answer == Answer::silence) found.outcome.doubt = Doubt::no_canary;
      if (state.limited == LimitedWhere::everywhere || (state.limited == LimitedWhere::near_refusals && state.refusals.near(ask.port)))
        found.outcome.doubt = Doubt::icmp_rate_limited;
      emit(std::move(found), out);
      if (failure_) return;
    }
    write(out);
  }

  // --- Is anybody there? --------------------------------------------------------------------------------------------

  /// A target that never answered may be missing from our own link. The kernel knows after three seconds, longer than
  /// we wait for a port: so each of them is asked once more with that patience. No packet leaves if nobody is there.
  void look_for_neighbours() {
    std::vector<Ask> asks;
    std::vector<bool> chosen(states_.size());
    for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count && asks.size() < kNeighboursMax;
         i = silent_.next(i + 1, request_.work_count)) {
      Ask ask = ask_for(i);
      if (ask.state >= chosen.size() || chosen[ask.state] || states_[ask.state].answered) continue;
      chosen[ask.state] = true;
      ask.kind = Kind::neighbour;
      asks.push_back(ask);
    }
    for (const Ask& ask : asks) {
      while (!over() && (in_flight_ >= concurrency_ || !bucket_.ready(Clock::now()))) turn(false);
      if (over()) return;
      launch(ask, Clock::now());
    }
    while (!over() && in_flight_ > 0) turn(false);
  }

  // --- The ICMP rate limit (rate_limits.h) --------------------------------------------------------------------------

  struct Recheck {
    std::uint32_t state = 0;
    std::vector<RecheckChoice::Candidate> candidates;
    std::size_t next = 0;
    bool near_confirmed = false, far_confirmed = false;
  };

  void recheck_silence() {
    std::unordered_map<std::uint32_t, RecheckChoice> choices;
    for (TargetState& state : states_) state.refusals.settle();
    for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count; i = silent_.next(i + 1, request_.work_count)) {
      Ask ask = ask_for(i);
      if (states_[ask.state].refusals.empty()) continue;
      auto choice = choices.try_emplace(ask.state, pace_.rechecks_per_target).first;
      choice->second.offer(i, ask.port, states_[ask.state].refusals, random_);
    }
    if (choices.empty() || pace_.rechecks_per_target == 0) return;
    // Routers have their limits for themselves: the queues of two routers go on side by side.
    std::unordered_map<Address, std::deque<Recheck>> queues;
    for (auto& [index, choice] : choices) queues[states_[index].refusals.by().front().router].push_back({index, choice.take(), 0, false, false});
    for (auto& [router, queue] : queues)
      std::sort(queue.begin(), queue.end(), [](const Recheck& a, const Recheck& b) { return a.state < b.state; });
    std::uint32_t budget = pace_.rechecks_max;
    std::unordered_map<Address, bool> limits;  // routers seen to limit
    std::unordered_map<Address, Instant> due;
    Instant first = Clock::now() + pace_.recheck_spacing;
    for (auto& [router, queue] : queues) due[router] = first;

    auto conclude = [&](const Address& router, const Recheck& recheck, bool asked_all) {
      TargetState& state = states_[recheck.state];
      if (recheck.far_confirmed) state.limited = LimitedWhere::everywhere;
      else if (recheck.near_confirmed || (!asked_all && limits[router])) state.limited = LimitedWhere::near_refusals;
      if (state.limited != LimitedWhere::nowhere) limits[router] = true;
    };
    while (!queues.empty() && !over()) {
      Instant now = Clock::now();
      for (auto queue = queues.begin(); queue != queues.end();) {
        const Address& router = queue->first;
        if (queue->second.empty()) {
          queue = queues.erase(queue);
          continue;
        }
        Recheck& recheck = queue->second.front();
        bool settled = recheck.far_confirmed || recheck.next >= recheck.candidates.size();
        if (settled || budget == 0) {
          conclude(router, recheck, settled);
          queue->second.pop_front();
          continue;
        }
        if (due[router] <= now && bucket_.ready(now)) {
          --budget;
          due[router] = now + pace_.recheck_spacing;
          ask_again(recheck);
        }
        ++queue;
      }
      if (!queues.empty()) turn(false);
    }
    if (!over()) confirm_or_withdraw_rechecks();
  }

  /// One silent port again, alone on its way; waits for the answer.
  void ask_again(Recheck& recheck) {
    const RecheckChoice::Candidate candidate = recheck.candidates[recheck.next];
    if (candidate.near && recheck.near_confirmed) {
      ++recheck.next;
      return;
    }
    Ask ask = ask_for(candidate.index);
    ask.kind = Kind::recheck;
    recheck_answer_.reset();
    if (!launch(ask, Clock::now())) return;
    while (!recheck_answer_ && !failure_) turn(false);
    if (failure_) return;
    ++recheck.next;
    TargetState& state = states_[recheck.state];
    if (recheck_answer_->sender && state.refusals.is_one_of({*recheck_answer_->sender, recheck_answer_->answer}))
      (candidate.near ? recheck.near_confirmed : recheck.far_confirmed) = true;
  }

  void on_recheck_answer(const Ask& ask, const Look& look, Answer answer, Span rtt) {
    recheck_answer_ = look.stage == Stage::connected ? Reply{Answer::syn_ack, std::nullopt} : look.reply;
    recheck_answer_->answer = answer;
    if (answer == Answer::silence) return;
    silent_.clear(ask.index);
    held_.push_back({ConnectFound{ask.index, outcome_of(ask, *recheck_answer_, rtt), std::nullopt}, ask.state, false});
  }

  void confirm_or_withdraw_rechecks() {
    confirm_or_withdraw();
    // A canary lost now takes back what the rechecks found; those ports were silent before and are said to be so.
    for (std::uint64_t index : again_) silent_.set(index);
    again_.clear();
  }

  // --- The loop -----------------------------------------------------------------------------------------------------

  bool quiet() const {
    return in_flight_ == 0 && parked_ == 0 && sessions_.empty() && waiting_.empty() && canary_queue_.empty();
  }

  /// One pass over the work: everything, or what stayed silent.
  void sweep() {
    cursor_ = 0;
    while (!over()) {
      turn(true);
      Instant now = Clock::now();
      if (any_canary() && (now >= next_look_ || since_look_ >= pace_.canary_probes)) confirm_or_withdraw();
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

  /// Sends what may be sent, takes what came, waits if there was nothing to do.
  void turn(bool may_send) {
    Instant now = Clock::now();
    std::uint64_t before = sent_ + settled_marker();
    if (now >= blocked_until_) {
      while (!canary_queue_.empty() && in_flight_ < concurrency_limit_ && bucket_.ready(now)) {
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
    if (!sessions_.empty() || !waiting_.empty()) {
      io_.poll();
      if (!end_) start_waiting_sessions();
    }
    backoff_.calm(now);
    if (now - rate_since_ >= 1s) {
      rate_ = static_cast<double>(rate_count_) / std::chrono::duration<double>(now - rate_since_).count();
      rate_count_ = 0;
      rate_since_ = now;
      if (backoff_.factor() < 1 || pace_.rate_max != 0) apply_rate();
      else bucket_.set_rate(0);
    }
    if (now - last_progress_ >= 250ms) report_progress(now, false);
    if (before == sent_ + settled_marker()) idle(now, may_send);
  }
  std::uint64_t settled_marker() const { return received_ + held_.size() + again_.size(); }

  void idle(Instant now, bool may_send) {
    Instant until = now + kIdleMax;
    if (!deadlines_.empty()) until = std::min(until, deadlines_.top().first);
    bool wants = !canary_queue_.empty() || (may_send && (work_left() || parked_ > 0));
    if (wants && in_flight_ < concurrency_) {
      Instant next = std::max(bucket_.rate() == 0 ? now : bucket_.next(), blocked_until_);
      if (canary_queue_.empty() && (!work_left() || parked_ >= kParkedMax) && !parked_heap_.empty()) next = std::max(next, parked_heap_.top().first);
      until = std::min(until, next);
    }
    if (!watching_) {
      watching_ = true;
      watcher_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code) { watching_ = false; });
    }
    io_.run_one_for(std::max(Span(50us), until - now));
  }

  /// What is parked for targets whose family we have no address of.
  void give_up_unsendable(Instant now) {
    unsendable_ = false;
    pressure_since_.reset();
    for (TargetState& state : states_) {
      if (state.parked.empty()) continue;
      Ask ask = state.parked.front();
      if (source_address_for(ask.target.address())) continue;
      state.parked.pop_front();
      --parked_;
      path_of(state).opened();
      settle(ask, {Stage::replied, {Answer::local_refusal, std::nullopt}, false, 0}, -1, now, now);
    }
  }

  /// An end before the work was done: what is under way may still answer, what is confirmed is written, the rest is
  /// left for a resumed run.
  void wind_up() {
    if (failure_) return;
    abandon_sessions();
    while (in_flight_ > 0 && !failure_) turn(false);
    abandon_sessions();
    bool may_ask = end_ == ScanEnd::interrupted || end_ == ScanEnd::runtime_reached;
    if (!any_canary()) {
      flush(held_);
    } else if (may_ask && !held_.empty()) {
      std::vector<Held> before = std::move(held_);
      held_.clear();
      if (look_at_canaries(false)) flush(before);
    }
  }

  void report_progress(Instant now, bool last) {
    last_progress_ = now;
    ScanProgress p;
    p.done = done_;
    p.total = request_.work_count;
    p.open = open_;
    p.sent = sent_;
    p.received = received_;
    p.rate = rate_ != 0 ? rate_ : static_cast<double>(sent_) / std::max(0.001, std::chrono::duration<double>(now - started_).count());
    p.loss = loss();
    p.pass = std::min<std::uint32_t>(pass_, tries_max_);
    std::uint64_t left = request_.work_count - std::min(request_.work_count, cursor_);
    if (!last && p.rate > 0 && pass_ == 1) p.left = std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(left) / p.rate));
    if (last && !end_) p.left = 0s;
    sink_.on_progress(p);
  }

  const ConnectScanRequest& request_;
  ConnectPace pace_;
  ConnectScanSink& sink_;
  asio::io_context io_{1};
  asio::posix::stream_descriptor watcher_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  OwnAddresses ours_{{}};
  OwnSources sources_;
  Bucket bucket_;
  Backoff backoff_;
  RoundTrip canary_round_trip_;
  std::mt19937_64 random_;
  int epoll_ = -1;
  bool watching_ = false;

  std::deque<TargetState> states_;
  std::unordered_map<Address, std::uint32_t> by_address_;
  std::unordered_map<std::uint32_t, StateCount> paths_;

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t in_flight_ = 0, concurrency_ = 1, concurrency_limit_ = 1, conversations_limit_ = 1, eased_ = 0;
  using Deadline = std::pair<Instant, std::uint64_t>;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  using Turn = std::pair<Instant, std::uint32_t>;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> parked_heap_;
  std::size_t parked_ = 0;
  std::optional<std::uint32_t> reschedule_;
  std::optional<Instant> pressure_since_;
  Instant blocked_until_{};
  bool unsendable_ = false;

  std::uint64_t cursor_ = 0;
  unsigned pass_ = 1, tries_max_ = 1;
  Bits silent_, next_silent_;
  std::vector<std::uint64_t> again_;  // withdrawn: asked again before anything new
  std::vector<Held> held_;
  bool withdrawing_ = false;

  std::unordered_map<std::uint64_t, Active> sessions_;
  std::deque<Waiting> waiting_;
  std::uint64_t next_session_ = 0;

  std::vector<CanaryState> canaries_;
  std::deque<Ask> canary_queue_;
  Instant next_look_{};
  std::uint32_t since_look_ = 0;
  bool look_clean_ = true;  // the last look at the canaries lost no try
  std::uint64_t canary_asked_ = 0, canary_silent_ = 0;

  std::optional<Reply> recheck_answer_;

  Instant started_{}, last_flush_{}, last_progress_{}, rate_since_{}, next_window_check_{};
  std::uint64_t sent_ = 0, received_ = 0, done_ = 0, open_ = 0, rate_count_ = 0;
  double rate_ = 0;
  std::optional<ScanEnd> end_;
  std::optional<Error> failure_;
  std::string why_;
};

}  // namespace

Result<ConnectScanResult> run_connect_scan(const ConnectScanRequest& request, ConnectScanSink& sink) {
  return Engine(request, sink).run();
}

}  // namespace demarc
