// From what was heard to what is told: who answered, does everything answer there, what speaks on an open port.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kEmitBatch = 4096;
constexpr Span kDecoyTime = 700ms;  // for each of two tries
constexpr Span kHandshakeTime = 1500ms, kHandshakeAsk = 600ms;
constexpr std::size_t kHandshakesMax = 512;

}  // namespace

// --- Told --------------------------------------------------------------------------------------------------------

void Engine::tell(std::size_t count, bool last) {
  std::vector<ScanFound> out;
  std::vector<Heard> stay;
  for (std::size_t i = 0; i < count && !failure_; ++i)
    if (!tell_one(held_[i], last, out)) stay.push_back(held_[i]);
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  held_left_ = stay.size();
  held_.insert(held_.begin(), stay.begin(), stay.end());
  held_mark_ = held_left_;
  write(out);
}

bool Engine::tell_one(const Heard& heard, bool last, std::vector<ScanFound>& out) {
  const ScanWork work = request_.work(heard.index);
  const std::uint32_t number = by_address_.at(work.target.address());
  TargetState& state = states_[number];
  if (heard.answer == Answer::rst && !last && state.senders.of_reset(heard.ttl) == Who::unknown &&
      Clock::now() < state.reference_until)
    return false;
  if (heard.answer != Answer::syn_ack) {
    if (heard.answer == Answer::rst && state.senders.of_reset(heard.ttl) == Who::unknown)
      state.told_unknown_resets = true;
    emit(found_of(heard, work, number), out);
    return true;
  }
  if (!state.decoys_over && !last) return false;
  if (state.answers_everything) {
    Heard doubtful = heard;
    doubtful.doubt = Doubt::answers_everything;
    state.suspects.push_back(heard.index);
    suspect_heard_.emplace(heard.index, heard);
    emit(found_of(doubtful, work, number), out);
    return true;
  }
  if (!last && !end_ && request_.services && work.speak != Speak::nothing) {
    spoken_with_.emplace(heard.index, heard);
    conversations_->start(work, heard.index);
    return true;
  }
  emit(found_of(heard, work, number), out);
  return true;
}

void Engine::on_service(std::uint64_t index, std::optional<ServiceSeen> seen) {
  auto found = spoken_with_.find(index);
  if (found == spoken_with_.end()) return;
  const Heard heard = found->second;
  spoken_with_.erase(found);
  if (seen) services_.insert_or_assign(index, std::move(*seen));
  const ScanWork work = request_.work(index);
  std::vector<ScanFound> out;
  emit(found_of(heard, work, by_address_.at(work.target.address())), out);
  write(out);
}

ScanFound Engine::found_of(const Heard& heard, const ScanWork& work, std::uint32_t number) {
  const TargetState& state = states_[number];
  ScanFound found;
  found.index = heard.index;
  Outcome& o = found.outcome;
  o.target = work.target.address();
  o.protocol = work.protocol;
  if (work.protocol.is_icmp())
    o.icmp = work.icmp;
  else
    o.ports = PortRange::single(work.port);
  o.tries = heard.label >= kFirstTry && heard.label <= kLastTry ? heard.label : std::max<std::uint8_t>(1, passes_);
  o.rtt_us = heard.rtt_us;
  o.doubt = heard.doubt;
  const bool answered = heard.answer != Answer::silence && heard.answer != Answer::no_neighbour;
  if (answered) o.ttl = heard.ttl;
  std::optional<Address> sender;
  if (answered) sender = heard.sender == kNobody ? o.target : senders_[heard.sender];
  read_into(o, method_of(work.protocol), {heard.answer, sender});
  if (heard.answer == Answer::rst) {
    switch (state.senders.of_reset(heard.ttl)) {
      case Who::target: break;
      case Who::filter: {
        o.state = PortState::filtered;
        o.passage = Passage::blocked;
        o.answered_by.reset();
        // A router that refused something else and stands just as far away.
        for (const Refusals::By& by : state.refusals.by()) {
          auto distance = router_hops_.find(by.router);
          if (distance != router_hops_.end() && distance->second == hops(heard.ttl)) o.answered_by = by.router;
        }
        break;
      }
      case Who::unknown:
        o.passage = Passage::undetermined;
        o.answered_by.reset();
        break;
    }
  }
  auto service = services_.find(heard.index);
  if (service != services_.end() && o.state == PortState::open) {
    found.service = std::move(service->second);
    services_.erase(service);
  }
  return found;
}

void Engine::emit(ScanFound found, std::vector<ScanFound>& out) {
  ++done_;
  if (found.outcome.state == PortState::open && found.outcome.doubt != Doubt::answers_everything) ++open_;
  emit_again(std::move(found), out);
}

void Engine::emit_again(ScanFound found, std::vector<ScanFound>& out) {
  out.push_back(std::move(found));
  if (out.size() >= kEmitBatch) write(out);
}

void Engine::write(std::vector<ScanFound>& out) {
  if (!out.empty() && !failure_) check(sink_.on_found(out));
  out.clear();
}

// Resets that were told before anything else of their target was known.
void Engine::tell_resets_again() {
  std::vector<ScanFound> out;
  for (std::uint64_t i = 0; i < request_.work_count && !failure_; ++i) {
    if (answer_[i] != static_cast<std::uint8_t>(Answer::rst) + 1) continue;
    const ScanWork work = request_.work(i);
    const std::uint32_t number = by_address_.at(work.target.address());
    if (!states_[number].told_unknown_resets || states_[number].senders.of_reset(ttl_[i]) == Who::unknown) continue;
    Heard heard;
    heard.index = i;
    heard.answer = Answer::rst;
    heard.ttl = ttl_[i];
    heard.label = kFirstTry;
    emit_again(found_of(heard, work, number), out);
  }
  write(out);
}

// --- Does everything answer? -------------------------------------------------------------------------------------

// Where a port is open, a few random high ports that nobody should listen on are asked too. If most of them "open",
// something answers in the target's name and its opens prove nothing.
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
  if (!state.decoys_answered.insert(port).second) return;
  if (open) {
    ++state.decoys_open;
    state.decoy_ttl = ttl;
  }
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

// --- The second step ---------------------------------------------------------------------------------------------

// Whoever completes handshakes for others cannot do what comes next. A SYN proxy passes the connection on now:
// where nobody listens it comes back as a reset or as silence, where somebody does the window opens. A tarpit does
// the same on every port. So each suspect is taken one step further, the random ports with it, and what behaves as
// they do proves nothing.
void Engine::take_second_steps() {
  for (std::uint32_t number = 0; number < states_.size() && !over(); ++number) {
    TargetState& state = states_[number];
    if (state.suspects.empty()) continue;
    std::vector<Handshake> decoys, ports;
    std::vector<Handshake> queue;
    for (std::uint16_t port : state.decoys) {
      Handshake h;
      h.state = number;
      h.port = port;
      h.index = kNoIndex;
      queue.push_back(h);
    }
    for (std::uint64_t index : state.suspects) {
      const ScanWork work = request_.work(index);
      Handshake h;
      h.state = number;
      h.port = work.port.number();
      h.index = index;
      if (std::find(state.decoys.begin(), state.decoys.end(), h.port) == state.decoys.end()) queue.push_back(h);
    }
    state.suspects.clear();
    finished_handshakes_.clear();
    std::size_t next = 0;
    while ((next < queue.size() || !handshakes_.empty()) && !over() && !look_failed_) {
      const Instant now = Clock::now();
      while (next < queue.size() && handshakes_.size() < kHandshakesMax && bucket_.ready(now) && !down_since_) {
        Handshake h = queue[next++];
        h.sent = now;
        ask_tcp(state, {.port = h.port, .label = kHandshake}, now);
        handshakes_.insert_or_assign({number, h.port}, h);
      }
      turn(false);
      std::erase_if(handshakes_, [&](const auto& entry) {
        if (entry.second.outcome == AfterHandshake::pending) return false;
        finished_handshakes_.push_back(entry.second);
        return true;
      });
    }
    for (Handshake& h : finished_handshakes_) (h.index == kNoIndex ? decoys : ports).push_back(h);
    judge_second_steps(number, decoys, ports);
  }
}

void Engine::on_handshake(std::uint32_t number, const PacketView& view) {
  auto found = handshakes_.find({number, view.source_port});
  if (found == handshakes_.end() || found->second.outcome != AfterHandshake::pending) return;
  Handshake& h = found->second;
  TargetState& state = states_[number];
  if ((view.tcp_flags & tcp_flag::syn) != 0) {
    if (h.acknowledged) return;
    h.acknowledged = true;
    h.window = view.tcp_window;
    h.seq = view.tcp_ack;
    h.ack = view.tcp_seq + 1;
    h.sent = Clock::now();
    ask_tcp(state, {.port = h.port, .label = kHandshake, .flags = tcp_flag::ack, .seq = h.seq, .ack = h.ack},
            h.sent);
    return;
  }
  if ((view.tcp_flags & tcp_flag::rst) != 0) return settle_handshake(h, AfterHandshake::reset);
  // Data, or a window that opens: somebody is there.
  if (view.payload_length > 0 || (h.window == 0 && view.tcp_window > 0)) {
    if (h.window == 0) state.syn_proxy_seen = true;
    return settle_handshake(h, AfterHandshake::opened);
  }
  if (h.asked_again) settle_handshake(h, AfterHandshake::acknowledged);
}

void Engine::settle_handshake(Handshake& h, AfterHandshake outcome) {
  if (h.outcome != AfterHandshake::pending) return;
  h.outcome = outcome;
  TargetState& state = states_[h.state];
  const Cookies::Probe cookie = cookies_->probe({state.target.address(), Protocol::tcp, h.port}, kHandshake);
  if (h.acknowledged && outcome != AfterHandshake::reset)
    answer_with_reset(state, cookie.source_port, h.port, h.seq);
}

void Engine::step_handshakes(Instant now) {
  for (auto& [key, h] : handshakes_) {
    if (h.outcome != AfterHandshake::pending) continue;
    if (now - h.sent >= kHandshakeTime) {
      settle_handshake(h, AfterHandshake::silence);
    } else if (!h.asked_again && now - h.sent >= kHandshakeAsk) {
      h.asked_again = true;
      TargetState& state = states_[h.state];
      if (h.acknowledged) {
        // A segment from just before the window: whoever holds the connection must answer it (RFC 9293 §3.10.7.4).
        ask_tcp(state,
                {.port = h.port, .label = kHandshake, .flags = tcp_flag::ack, .seq = h.seq - 1, .ack = h.ack}, now);
      } else {
        ask_tcp(state, {.port = h.port, .label = kHandshake}, now);  // the SYN or its answer was lost
      }
    }
  }
}

void Engine::judge_second_steps(std::uint32_t number, const std::vector<Handshake>& decoys,
                                const std::vector<Handshake>& ports) {
  TargetState& state = states_[number];
  auto as_decoys = [&](AfterHandshake outcome) {
    return std::any_of(decoys.begin(), decoys.end(), [&](const Handshake& d) { return d.outcome == outcome; });
  };
  std::size_t proven = 0, closed = 0, unproven = 0;
  std::vector<ScanFound> out;
  for (const Handshake& h : ports) {
    const ScanWork work = request_.work(h.index);
    auto original = suspect_heard_.find(h.index);
    Heard heard;
    if (original != suspect_heard_.end()) {
      heard = original->second;
      suspect_heard_.erase(original);
    }
    heard.index = h.index;
    const bool told_apart =
        (h.outcome == AfterHandshake::opened || h.outcome == AfterHandshake::acknowledged) && !as_decoys(h.outcome);
    if (told_apart) {
      ++proven;
      if (request_.services && work.speak != Speak::nothing && !end_) {
        spoken_with_.emplace(h.index, heard);
        conversations_->start(work, h.index);
        --done_;  // it is counted again when it is told
      } else {
        ++open_;
        emit_again(found_of(heard, work, number), out);
      }
    } else if (h.outcome == AfterHandshake::reset) {
      ++closed;
      heard.answer = Answer::rst;
      answer_[h.index] = static_cast<std::uint8_t>(Answer::rst) + 1;
      ScanFound found = found_of(heard, work, number);
      found.outcome.state = PortState::closed;
      found.outcome.passage = Passage::undetermined;  // the proxy answered for the way, and the target at its end
      found.outcome.answered_by.reset();
      emit_again(std::move(found), out);
    } else {
      ++unproven;
    }
  }
  write(out);
  const std::optional<std::uint8_t> own = state.senders.own_ttl();
  std::string distance = own && hops(*own) != hops(state.decoy_ttl)
                             ? fmt::format(", and its answers come over {} hops, the target's own over {}",
                                           hops(state.decoy_ttl), hops(*own))
                             : "";
  const bool proxy = state.syn_proxy_seen || as_decoys(AfterHandshake::reset) || as_decoys(AfterHandshake::silence);
  check(sink_.on_note(fmt::format(
      "{}: {} ({} of {} random ports opened{}): after a second step {} of its opens are proven, {} are closed, {} "
      "prove "
      "nothing",
      to_string(state.target.address()),
      proxy ? "a SYN proxy completes handshakes in its name" : "something accepts connections on every port",
      state.decoys_open, state.decoys.size(), distance, proven, closed, unproven)));
}

}  // namespace demarc::raw_engine
