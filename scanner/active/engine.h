// The connect engine. One thread: sockets are started and judged in batches over an epoll descriptor of their own,
// which Asio waits for together with the timers and the conversations with open ports.
//
//   work order --> next_ask --> launch --> (kernel) --> settle --> held --> confirmed by a canary --> sink
//                     ^                                   |          |
//                     +------ pressure, self-connect <----+          +-- withdrawn when a canary is lost --> again
//                     +------ silence: the next pass <---------------+
//
// A run is: a look at the canaries; the passes, first over everything, then over what stayed silent; the last
// questions about silence (is anybody there? is it only a router's ICMP limit?); and then silence itself is told.
// Each of them goes round in turn(): send what pace, descriptors and the filters' memory allow, take what came,
// wait if there was nothing to do. Whoever needs an answer before going on (a canary, a recheck) takes turns until
// it is there. Turns never nest: what comes back is only noted down.
//
// Nothing is told to the sink before the next good canary (or, without canaries, the next second), so what was
// measured while the way was perhaps broken can be taken back.
//
// This header is private to its five parts:
//   engine.cpp           the run: before, the passes, the loop, the orderly ends, progress
//   engine_ask.cpp       what to ask next, and asking it
//   engine_answers.cpp   what came back, conversations with open ports, what is told to the sink
//   engine_canaries.cpp  is the way good? taking back, backing off
//   engine_silence.cpp   what silence means when all passes are over
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "probes/readings/readings.h"
#include "scanner/active/bitmap.h"
#include "scanner/active/connect_scan.h"
#include "scanner/active/in_flight.h"
#include "scanner/active/local.h"
#include "scanner/active/pace.h"
#include "scanner/active/probe_socket.h"
#include "scanner/active/rate_limits.h"
#include "scanner/active/service_conversations.h"

namespace demarc::connect_engine {

inline constexpr std::size_t kParkedMax = 16384;                 // asks that wait for their target's turn
inline constexpr Span kIdleMax = std::chrono::milliseconds(50);  // so that the stop flag is noticed

Timestamp wall_now();

/// What is known about one target during this run.
struct TargetState {
  Bucket bucket;
  RoundTrip round_trip;
  bool ours = false;
  std::uint32_t path = 0;
  std::uint32_t decoys_pending = 0, decoys_open = 0;
  bool decoys_asked = false;
  bool answers_everything = false;
  bool answered = false;      // anything at all
  bool no_neighbour = false;  // our own link knows nobody of that address
  bool scheduled = false;     // has an entry in parked_heap_
  std::deque<Ask> parked;
  Refusals refusals;
  LimitedWhere limited = LimitedWhere::nowhere;
};

/// Measured, and not yet confirmed.
struct Held {
  ScanFound found;
  std::uint32_t state = 0;
  bool silent = false;
};

/// An open port that is spoken with, or waits for it, and what is known of it without a word.
struct Open {
  ScanFound found;
  std::uint32_t state = 0;
};

struct CanaryState {
  ScanCanary canary;
  std::uint32_t state = 0;
  bool alive = true;  // answered at the start: its silence means something
  bool answered = false, pending = false;
};

/// The silent ports of one target that are asked again for an ICMP rate limit.
struct Recheck {
  std::uint32_t state = 0;
  std::vector<RecheckChoice::Candidate> candidates;
  std::size_t next = 0;
  bool near_confirmed = false, far_confirmed = false;
};

class Engine {
 public:
  Engine(const ScanRequest& request, ScanSink& sink);
  ~Engine() { release(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Result<ScanResult> run();

 private:
  using Clock = std::chrono::steady_clock;

  // --- engine.cpp: before and after ---
  Result<void> prepare();
  void release();
  ScanResult result() const;
  double loss() const;
  /// Orderly ends: noticed here and nowhere else.
  bool over();
  void finish(ScanEnd end, std::string why);
  void check(Result<void> written);
  /// An end before the work was done: what is under way may still answer, what is confirmed is written, the rest is
  /// left for a resumed run.
  void wind_up();
  void report_progress(Instant now, bool last);

  // --- engine.cpp: the loop ---
  bool quiet() const;
  /// One pass over the work: everything, or what stayed silent.
  void sweep();
  /// Sends what may be sent, takes what came, waits if there was nothing to do.
  void turn(bool may_send);
  std::uint64_t settled_marker() const { return received_ + held_.size() + again_.size(); }
  void idle(Instant now, bool may_send);

  // --- engine_ask.cpp: what to ask next ---
  std::uint32_t state_of(const Target& target, std::uint32_t path, std::uint32_t rate_max);
  void add_state(const Target& target, std::uint32_t path, std::uint32_t rate_max);
  StateCount& path_of(const TargetState& state) { return paths_.at(state.path); }
  Ask ask_for(std::uint64_t index);
  /// Of the work order: what a lost canary took back first, then the pass.
  std::optional<std::uint64_t> next_index();
  bool work_left() const { return cursor_ < request_.work_count || !again_.empty(); }
  bool ready(const TargetState& state, Instant now) { return state.bucket.ready(now) && path_of(state).room(now); }
  void park(Ask ask, Instant now);
  void schedule(std::uint32_t index, Instant now);
  std::optional<Ask> next_ask(Instant now);

  // --- engine_ask.cpp: asking ---
  /// Starts as many as pace and descriptors allow now.
  void send(Instant now);
  /// False: something of our own ran out; the ask waits.
  bool launch(const Ask& ask, Instant now);
  Span patience(const Ask& ask) const;
  void under_pressure(const Ask& ask, Instant now, int error);
  /// What is parked for targets whose family we have no address of.
  void give_up_unsendable(Instant now);

  // --- engine_answers.cpp: what came back ---
  /// Judges every socket that has something to say.
  void drain_sockets();
  /// Judges every socket whose time is over.
  void expire(Instant now);
  /// Takes over the descriptor (or -1).
  void settle(const Ask& ask, const Look& look, int fd, Instant sent, Instant now);
  Outcome outcome_of(const Ask& ask, const Reply& reply, Span rtt) const;
  void on_self_connect(const Ask& ask, Instant now);
  void on_work_answer(const Ask& ask, const Look& look, Answer answer, Instant sent, Instant now, int fd);
  void ask_decoys(const Ask& found, Instant now);
  void on_decoy_answer(TargetState& state, Answer answer);

  // --- engine_answers.cpp: conversations ---
  void make_conversations(std::uint32_t most);
  void start_waiting_conversations();
  void abandon_conversations();

  // --- engine_answers.cpp: results ---
  /// Gives confirmed outcomes to the sink. Opens of a target whose decoys are still out stay held.
  void flush(std::vector<Held>& confirmed);
  void emit(ScanFound found, std::vector<ScanFound>& out);
  void write(std::vector<ScanFound>& out);

  // --- engine_canaries.cpp ---
  bool any_canary() const;
  bool canaries_good() const;
  void opening_look();
  /// Asks every live canary, up to three times. Ordinary work rests meanwhile; what is in flight still settles.
  bool look_at_canaries(bool send_nothing_else_if_over = true);
  void on_canary_answer(const Ask& ask, Answer answer, Span rtt);
  /// Confirms what is held by a look at the canaries, or takes it back.
  void confirm_or_withdraw();
  void take_back_silence(std::vector<Held>& held);
  /// Everything that is under way or held goes back to the work.
  void withdraw_everything();
  void slow_down(Instant now);
  void apply_rate();

  // --- engine_silence.cpp ---
  void look_for_neighbours();
  /// By router, whom to ask again.
  std::unordered_map<Address, std::deque<Recheck>> choose_rechecks();
  void recheck_silence();
  /// One silent port again, alone on its way; waits for the answer.
  void ask_again(Recheck& recheck);
  void on_recheck_answer(const Ask& ask, const Look& look, Answer answer, Span rtt);
  void confirm_or_withdraw_rechecks();
  /// After the last pass: what never answered.
  void emit_silence();

  const ScanRequest& request_;
  ScanPace pace_;
  ScanSink& sink_;
  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor watcher_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
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

  InFlight in_flight_;
  std::uint32_t concurrency_ = 1, concurrency_limit_ = 1, eased_ = 0;
  using Turn = std::pair<Instant, std::uint32_t>;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> parked_heap_;
  std::size_t parked_ = 0;
  std::optional<std::uint32_t> reschedule_;
  std::optional<Instant> pressure_since_;
  Instant blocked_until_{};
  bool unsendable_ = false;

  std::uint64_t cursor_ = 0;
  unsigned pass_ = 1, tries_max_ = 1;
  Bitmap silent_, next_silent_;
  std::vector<std::uint64_t> again_;  // withdrawn: asked again before anything new
  std::vector<Held> held_;
  bool withdrawing_ = false;

  std::unique_ptr<ServiceConversations> conversations_;
  std::unordered_map<std::uint64_t, Open> spoken_with_;  // by the work's index

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

}  // namespace demarc::connect_engine
