// From what was heard to what is told: who answered, and what speaks on an open port.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kEmitBatch = 4096;

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
  // A run that ends early leaves undecided resets to the one that goes on.
  if (heard.answer == Answer::rst && end_ && state.senders.of_reset(heard.ttl) == Who::unknown) return false;
  if (heard.answer != Answer::syn_ack) {
    if (heard.answer == Answer::rst && state.senders.of_reset(heard.ttl) == Who::unknown)
      state.told_unknown_resets = true;
    emit(found_of(heard, work, number), out);
    return true;
  }
  // Nor does it tell opens that had no time to prove themselves.
  if (last && end_) {
    const auto step = after_.find(heard.index);
    if (!state.decoys_over || (step != after_.end() && step->second == AfterHandshake::pending)) return false;
  }
  if (!last && (!state.decoys_over || !open_is_settled(heard, work, number))) return false;
  const auto after = after_.find(heard.index);
  const AfterHandshake outcome = after == after_.end() ? AfterHandshake::pending : after->second;
  if (after != after_.end()) after_.erase(after);
  const bool live = (outcome == AfterHandshake::opened || outcome == AfterHandshake::acknowledged) &&
                    !state.decoy_steps.contains(outcome);
  if (outcome == AfterHandshake::reset) {
    // Somebody completed the handshake, and then nobody was there.
    ++state.unmasked;
    Heard closed = heard;
    closed.answer = Answer::rst;
    answer_[heard.index] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(Answer::rst) + 1);
    ScanFound found = found_of(closed, work, number);
    found.outcome.state = PortState::closed;
    found.outcome.passage = Passage::undetermined;  // a proxy answered for the way, the target only at its end
    found.outcome.answered_by.reset();
    emit(std::move(found), out);
    return true;
  }
  const bool suspicious = state.answers_everything || state.steps_failed;
  if (suspicious && !live) {
    ++state.unproven;
    Heard doubtful = heard;
    doubtful.doubt = Doubt::answers_everything;
    emit(found_of(doubtful, work, number), out);
    return true;
  }
  if (suspicious) ++state.proven;
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

}  // namespace demarc::raw_engine
