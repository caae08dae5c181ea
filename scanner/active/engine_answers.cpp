// What came back: judged, spoken with where something is open, held, and at last told to the sink.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "scanner/active/engine.h"

namespace demarc::connect_engine {

namespace {

constexpr unsigned kSelfConnectsMax = 3;  // then the port is given up as undecidable from here
constexpr std::size_t kEmitBatch = 4096;

std::uint32_t micros(Span span) {
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 1, 0xFFFFFFFF));
}

}  // namespace

// --- What came back ----------------------------------------------------------------------------------------------

void Engine::drain_sockets() {
  epoll_event events[256];
  for (;;) {
    int count = epoll_wait(epoll_, events, 256, 0);
    if (count <= 0) return;
    Instant now = Clock::now();
    for (int i = 0; i < count; ++i) {
      InFlight::Key key = events[i].data.u64;
      const InFlight::Question* asked = in_flight_.find(key);
      if (asked == nullptr) continue;
      Look look = look_at(asked->fd, asked->ask.target, ours_);
      if (look.stage == AttemptStage::pending) {
        // Woken without news, and it would wake us again and again: its deadline decides.
        epoll_ctl(epoll_, EPOLL_CTL_DEL, asked->fd, nullptr);
        continue;
      }
      auto [ask, fd, sent] = in_flight_.take(key);
      if (look.stage == AttemptStage::connected) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      settle(ask, look, fd, sent, now);
    }
    if (count < 256) return;
  }
}

void Engine::expire(Instant now) {
  while (std::optional<InFlight::Key> key = in_flight_.overdue(now)) {
    auto [ask, fd, sent] = in_flight_.take(*key);
    // The last word is the socket's: an answer may have come while we were busy.
    Look look = look_at(fd, ask.target, ours_);
    if (look.stage == AttemptStage::pending) look = {AttemptStage::replied, {Answer::silence, std::nullopt}, false, 0};
    if (look.stage == AttemptStage::connected) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    settle(ask, look, fd, sent, now);
  }
}

void Engine::settle(const Ask& ask, const Look& look, int fd, Instant sent, Instant now) {
  TargetState& state = states_[ask.state];
  Answer answer = look.stage == AttemptStage::connected ? Answer::syn_ack : look.reply.answer;
  bool silent = answer == Answer::silence;
  if (silent) {
    path_of(state).unanswered(sent);
  } else {
    path_of(state).answered();
    if (answer != Answer::local_refusal && answer != Answer::no_neighbour) ++received_;
    state.answered = true;
  }
  if (answer == Answer::syn_ack || answer == Answer::rst) state.round_trip.sample(now - sent);

  if (look.stage == AttemptStage::connected && !look.gone && is_self_connect(fd)) {
    close_by_reset(fd);
    on_self_connect(ask, now);
    return;
  }
  if (fd >= 0 && look.stage != AttemptStage::connected) {
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

Outcome Engine::outcome_of(const Ask& ask, const Reply& reply, Span rtt) const {
  Outcome outcome;
  outcome.target = ask.target.address();
  outcome.protocol = Protocol::tcp;
  outcome.ports = PortRange::single(ask.port);
  outcome.tries = static_cast<std::uint8_t>(std::min<unsigned>(pass_, tries_max_));
  read_into(outcome, Method::connect, reply);
  if (reply.answer != Answer::silence && reply.answer != Answer::local_refusal &&
      reply.answer != Answer::no_neighbour)
    outcome.rtt_us = micros(rtt);
  outcome.at = wall_now();
  return outcome;
}

void Engine::on_self_connect(const Ask& ask, Instant now) {
  if (ask.self_connects + 1U < kSelfConnectsMax) {
    Ask again = ask;
    ++again.self_connects;
    if (ask.kind == Kind::canary)
      canary_queue_.push_back(again);
    else if (ask.kind == Kind::neighbour)
      return;
    else if (ask.kind == Kind::recheck)
      on_recheck_answer(ask, {}, Answer::silence, Span{0});
    else
      park(again, now);
    return;
  }
  if (ask.kind == Kind::decoy) {
    on_decoy_answer(states_[ask.state], Answer::silence);
  } else if (ask.kind == Kind::canary) {
    on_canary_answer(ask, Answer::silence, Span{0});
  } else {
    ScanFound found{ask.index, outcome_of(ask, {Answer::local_refusal, std::nullopt}, Span{0}), std::nullopt};
    found.outcome.doubt = Doubt::self_connect;
    held_.push_back({std::move(found), ask.state, false});
  }
}

void Engine::on_work_answer(const Ask& ask, const Look& look, Answer answer, Instant sent, Instant now, int fd) {
  // Withdrawn; or the run ends, and nobody may be spoken to any more: a resumed run asks again.
  if (withdrawing_ || (end_ && answer == Answer::syn_ack)) {
    if (fd >= 0) close_by_reset(fd);
    again_.push_back(ask.index);
    return;
  }
  TargetState& state = states_[ask.state];
  if (answer == Answer::silence) {
    held_.push_back({ScanFound{ask.index, {}, std::nullopt}, ask.state, true});
    return;
  }
  // Answered only when asked again: the first question or its answer was lost, or somebody limits how fast it
  // answers.
  if (pass_ > 1 && (answer == Answer::syn_ack || answer == Answer::rst)) slow_down(now);
  Reply reply = look.stage == AttemptStage::connected ? Reply{Answer::syn_ack, std::nullopt} : look.reply;
  ScanFound found{
      ask.index,
      outcome_of(ask, reply, look.rtt_us != 0 ? Span(std::chrono::microseconds(look.rtt_us)) : now - sent),
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
  spoken_with_.emplace(ask.index, Open{std::move(found), ask.state});
  const ScanWork work = request_.work(ask.index);
  if (!conversations_->room(work)) {
    close_by_reset(fd);  // better than to hold a server's connection without a word; it is opened again
    fd = -1;
  }
  conversations_->start(work, ask.index, fd);
}

// --- Does everything answer? -------------------------------------------------------------------------------------

// Where a port is open, a few random high ports that nobody should listen on are asked too. If most of them "open",
// something answers in the target's name (a SYN proxy, a tarpit) and its opens prove nothing.
void Engine::ask_decoys(const Ask& found, Instant now) {
  TargetState& state = states_[found.state];
  if (state.decoys_asked) return;
  state.decoys_asked = true;
  for (std::uint32_t i = 0; i < pace_.decoys_per_target; ++i) {
    Port port{std::uniform_int_distribution<std::uint16_t>(10000, 61000)(random_)};
    park({Kind::decoy, Speak::nothing, 0, port, found.state, 0, found.target}, now);
    ++state.decoys_pending;
  }
}

void Engine::on_decoy_answer(TargetState& state, Answer answer) {
  if (state.decoys_pending > 0) --state.decoys_pending;
  if (answer == Answer::syn_ack) ++state.decoys_open;
  if (state.decoys_pending == 0 && state.decoys_open >= 2 && state.decoys_open * 2 > pace_.decoys_per_target)
    state.answers_everything = true;
}

// --- Conversations -----------------------------------------------------------------------------------------------

void Engine::make_conversations(std::uint32_t most) {
  ServiceConversations::Limits limits;
  limits.all = most;
  limits.listen_time = pace_.listen_time;
  auto may_connect = [this](const Target& target) {
    const Instant now = Clock::now();
    TargetState& state = states_[by_address_.at(target.address())];
    if (!bucket_.ready(now) || !state.bucket.ready(now) || in_flight_.count() >= concurrency_limit_) return false;
    bucket_.take(now);
    state.bucket.take(now);
    ++sent_;
    return true;
  };
  auto done = [this](std::uint64_t index, std::optional<ServiceSeen> seen) {
    auto open = spoken_with_.extract(index);
    if (open.empty()) return;
    open.mapped().found.service = std::move(seen);
    held_.push_back({std::move(open.mapped().found), open.mapped().state, false});
  };
  conversations_ = std::make_unique<ServiceConversations>(io_, limits, may_connect, done);
}

void Engine::start_waiting_conversations() {
  conversations_->start_waiting(
      [this](const ScanWork& work) { return !states_[by_address_.at(work.target.address())].answers_everything; });
}

void Engine::abandon_conversations() {
  for (std::uint64_t index : conversations_->abandon()) {
    spoken_with_.erase(index);
    again_.push_back(index);
  }
}

// --- Results -----------------------------------------------------------------------------------------------------

void Engine::flush(std::vector<Held>& confirmed) {
  std::vector<ScanFound> out;
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
  if (own)
    held_ = std::move(stay);
  else
    held_.insert(held_.end(), std::make_move_iterator(stay.begin()), std::make_move_iterator(stay.end()));
  write(out);
}

void Engine::emit(ScanFound found, std::vector<ScanFound>& out) {
  ++done_;
  if (found.outcome.state == PortState::open) ++open_;
  out.push_back(std::move(found));
  if (out.size() >= kEmitBatch) write(out);
}

void Engine::write(std::vector<ScanFound>& out) {
  if (!out.empty() && !failure_) check(sink_.on_found(out));
  out.clear();
}

}  // namespace demarc::connect_engine
