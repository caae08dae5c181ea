// Does everything answer there? Whoever completes handshakes for others cannot do what comes next. A SYN proxy
// passes the connection on now: where nobody listens it comes back as a reset or as silence, where somebody does,
// the window opens or the stack behind it answers. A tarpit does the same on every port. So the first opens of
// every host are taken one step further, before they are told; random high ports are asked as well, and what opens
// there takes the same step. Where any open turns out to be none, all of them must prove themselves, and what
// behaves as the random ports do proves nothing.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr Span kDecoyTime = 700ms;  // for each of two tries
// Linux answers what repeats a SYN or lies outside of the window at most every 500 ms for each connection (sysctl
// net.ipv4.tcp_invalid_ratelimit): asking more often is no further try.
constexpr Span kStepInterval = 520ms;
constexpr std::uint32_t kStepsMax = 512;    // at a time
constexpr std::uint32_t kStepsSample = 24;  // opens of a host that are tried before the others are believed

}  // namespace

// --- Random ports ------------------------------------------------------------------------------------------------

void Engine::ask_decoys(std::uint32_t number, Instant now) {
  TargetState& state = states_[number];
  if (!state.decoys.empty() || state.decoys_over) return;
  if (pace_.decoys_per_target == 0 || state.target.care() == Care::discovery_only) {
    state.decoys_over = true;
    return;
  }
  for (std::uint32_t i = 0; i < pace_.decoys_per_target; ++i)
    state.decoys.push_back(std::uniform_int_distribution<std::uint16_t>(10000, 61000)(random_));
  for (std::uint16_t port : state.decoys) ask_tcp(state, {.port = port, .label = kDecoy}, now);
  state.decoys_until = now + kDecoyTime;
  decoys_pending_.push_back(number);
}

void Engine::on_decoy_answer(TargetState& state, std::uint16_t port, bool open, std::uint8_t ttl) {
  if (state.decoys_over || std::find(state.decoys.begin(), state.decoys.end(), port) == state.decoys.end()) return;
  if (!state.decoys_answered.insert(port).second || !open) return;
  ++state.decoys_open;
  state.decoy_ttl = ttl;
  begin_step(by_address_.at(state.target.address()), port, kNoIndex);
}

void Engine::judge_decoys(Instant now) {
  std::erase_if(decoys_pending_, [&](std::uint32_t number) {
    TargetState& state = states_[number];
    const bool all = state.decoys_answered.size() == state.decoys.size();
    if (!all && now < state.decoys_until) return false;
    if (!all && !state.decoys_again) {
      state.decoys_again = true;
      for (std::uint16_t port : state.decoys)
        if (!state.decoys_answered.contains(port)) ask_tcp(state, {.port = port, .label = kDecoy + 1}, now);
      state.decoys_until = now + kDecoyTime;
      return false;
    }
    state.decoys_over = true;
    if (state.decoys_open >= 2 && state.decoys_open * 2 > state.decoys.size()) {
      state.answers_everything = true;
      state.senders.opens_prove_nothing();
    }
    return true;
  });
}

// --- One step further --------------------------------------------------------------------------------------------

bool Engine::open_is_settled(const Heard& heard, const ScanWork& work, std::uint32_t number) {
  TargetState& state = states_[number];
  if (auto after = after_.find(heard.index); after != after_.end()) return after->second != AfterHandshake::pending;
  if (state.target.care() == Care::discovery_only || end_) return true;
  const bool suspicious = state.answers_everything || state.steps_failed;
  if (suspicious || state.steps_begun < kStepsSample) {
    after_.emplace(heard.index, AfterHandshake::pending);
    begin_step(number, work.port.number(), heard.index);
    return false;
  }
  return state.steps_pending == 0;  // the sample decides
}

void Engine::begin_step(std::uint32_t number, std::uint16_t port, std::uint64_t index) {
  Handshake h;
  h.state = number;
  h.port = port;
  h.index = index;
  if (!handshakes_.try_emplace({number, port}, h).second) {
    // A random port that is also asked for itself: one step is enough for both.
    if (index != kNoIndex) handshakes_.at({number, port}).index = index;
    return;
  }
  if (index != kNoIndex) ++states_[number].steps_begun, ++states_[number].steps_pending;
  handshakes_waiting_.emplace_back(number, port);
}

void Engine::step_handshakes(Instant now) {
  while (!handshakes_waiting_.empty() && handshakes_begun_ < kStepsMax && bucket_.ready(now) && !down_since_) {
    Handshake& h = handshakes_.at(handshakes_waiting_.front());
    handshakes_waiting_.pop_front();
    h.begun = true;
    ++handshakes_begun_;
    step(h, now);
  }
  const unsigned enough = tries_against(loss_at_most());
  for (auto at = handshakes_.begin(); at != handshakes_.end();) {
    Handshake& h = at->second;
    if (h.begun && h.outcome == AfterHandshake::pending && now - h.sent >= kStepInterval) {
      // Silence must not be loss.
      if (h.tries >= enough)
        settle_handshake(h, AfterHandshake::silence);
      else
        step(h, now);
    }
    if (h.outcome == AfterHandshake::pending) {
      ++at;
      continue;
    }
    --handshakes_begun_;
    at = handshakes_.erase(at);
  }
}

/// The SYN; or, where it was answered, the handshake's third packet and a segment from just before the window,
/// which whoever holds the connection must answer (RFC 9293 §3.10.7.4). Both again, in case one was lost.
void Engine::step(Handshake& h, Instant now) {
  TargetState& state = states_[h.state];
  h.sent = now;
  ++h.tries;
  if (!h.acknowledged) return ask_tcp(state, {.port = h.port, .label = h.label}, now);
  TcpAsk ack{.port = h.port, .label = h.label, .flags = tcp_flag::ack, .seq = h.seq, .ack = h.ack};
  ask_tcp(state, ack, now);
  ack.seq = h.seq - 1;
  ask_tcp(state, ack, now);
}

void Engine::on_handshake(std::uint32_t number, const PacketView& view) {
  auto found = handshakes_.find({number, view.source_port});
  if (found == handshakes_.end() || found->second.outcome != AfterHandshake::pending) return;
  Handshake& h = found->second;
  const Instant now = Clock::now();
  if ((view.tcp_flags & tcp_flag::rst) != 0) {
    // Once may be a third packet that was lost on the way to a host with SYN cookies; twice is an answer.
    if (h.label != kHandshake) return settle_handshake(h, AfterHandshake::reset);
    h.label = kHandshake + 1;
    h.acknowledged = false;
    h.tries = 0;
    return step(h, now);
  }
  if ((view.tcp_flags & tcp_flag::syn) != 0) {
    if (!h.acknowledged) {
      h.acknowledged = true;
      h.tries = 0;
      h.window = view.tcp_window;
      h.seq = view.tcp_ack;
      h.ack = view.tcp_seq + 1;
      step(h, now);
    }
    return;
  }
  // Data, a farewell, or a window that opens: somebody is there.
  if (view.payload_length > 0 || (view.tcp_flags & tcp_flag::fin) != 0 || (h.window == 0 && view.tcp_window > 0)) {
    if (h.window == 0) states_[number].syn_proxy_seen = true;
    return settle_handshake(h, AfterHandshake::opened);
  }
  if (h.window != 0) settle_handshake(h, AfterHandshake::acknowledged);
}

void Engine::settle_handshake(Handshake& h, AfterHandshake outcome) {
  if (h.outcome != AfterHandshake::pending) return;
  h.outcome = outcome;
  TargetState& state = states_[h.state];
  if (h.acknowledged && outcome != AfterHandshake::reset) {
    const Cookies::Probe cookie = cookies_->probe({state.target.address(), Protocol::tcp, h.port}, h.label);
    answer_with_reset(state, cookie.source_port, h.port, h.seq);
  }
  if (std::find(state.decoys.begin(), state.decoys.end(), h.port) != state.decoys.end())
    state.decoy_steps.insert(outcome);
  if (h.index == kNoIndex) return;
  --state.steps_pending;
  after_.insert_or_assign(h.index, outcome);
  if (outcome == AfterHandshake::reset || outcome == AfterHandshake::silence) {
    state.steps_failed = true;
    state.senders.opens_prove_nothing();
  }
}

void Engine::withdraw_steps() {
  std::set<std::uint32_t> undecided(decoys_pending_.begin(), decoys_pending_.end());
  for (const auto& [where, handshake] : handshakes_)
    if (handshake.index == kNoIndex) undecided.insert(where.first);
  handshakes_.clear();
  handshakes_waiting_.clear();
  handshakes_begun_ = 0;
  for (std::uint32_t number : undecided) {
    TargetState& state = states_[number];
    state.decoys_over = state.answers_everything = false;
    state.decoys.clear();
    state.decoys_answered.clear();
    state.decoy_steps.clear();
    state.decoys_open = 0;
    state.decoys_again = false;
  }
  decoys_pending_.clear();
  for (TargetState& state : states_) {
    state.steps_begun -= std::min(state.steps_begun, state.steps_pending);
    state.steps_pending = 0;
    if (state.unmasked + state.unproven == 0) state.steps_failed = false;
  }
}

void Engine::note_proxies() {
  for (const TargetState& state : states_) {
    if (!state.answers_everything && !state.steps_failed) continue;
    if (state.proven + state.unmasked + state.unproven == 0) continue;
    const std::optional<std::uint8_t> own = state.senders.own_ttl();
    const std::string distance =
        own && state.decoy_ttl != 0 && hops(*own) != hops(state.decoy_ttl)
            ? fmt::format(" {} hops away, before the target at {};", hops(state.decoy_ttl), hops(*own))
            : "";
    const std::string random = state.answers_everything ? fmt::format(" {} of {} random ports opened;",
                                                                      state.decoys_open, state.decoys.size())
                                                        : "";
    const bool tarpit = state.unmasked == 0 && state.answers_everything && !state.syn_proxy_seen;
    check(
        sink_.on_note(fmt::format("{}: {} there;{}{} one step beyond the handshake {} opens are proven, {} turned "
                                  "out closed, {} prove nothing",
                                  to_string(state.target.address()),
                                  tarpit ? "a tarpit, or something else that accepts every connection, stands"
                                         : "a SYN proxy completes handshakes",
                                  random, distance, state.proven, state.unmasked, state.unproven)));
  }
}

}  // namespace demarc::raw_engine
