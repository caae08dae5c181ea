// What silence means, when all passes are over: nobody there, a router that has no more ICMP errors to give
// (rate_limits.h), or really a port that lets nothing be heard. Only then is it told.
#include <algorithm>

#include "scanner/active/engine.h"

namespace demarc::connect_engine {

namespace {

constexpr std::size_t kNeighboursMax = 4096;

}  // namespace

// --- Is anybody there? -------------------------------------------------------------------------------------------

// A target that never answered may be missing from our own link. The kernel knows after three seconds, longer than
// we wait for a port: so each of them is asked once more with that patience. No packet leaves if nobody is there.
void Engine::look_for_neighbours() {
  std::vector<Ask> asks;
  std::vector<bool> chosen(states_.size());
  for (std::uint64_t i = silent_.next(0, request_.work_count);
       i < request_.work_count && asks.size() < kNeighboursMax; i = silent_.next(i + 1, request_.work_count)) {
    Ask ask = ask_for(i);
    if (ask.state >= chosen.size() || chosen[ask.state] || states_[ask.state].answered) continue;
    chosen[ask.state] = true;
    ask.kind = Kind::neighbour;
    asks.push_back(ask);
  }
  for (const Ask& ask : asks) {
    while (!over() && (in_flight_.count() >= concurrency_ || !bucket_.ready(Clock::now()))) turn(false);
    if (over()) return;
    launch(ask, Clock::now());
  }
  while (!over() && in_flight_.count() > 0) turn(false);
}

// --- The ICMP rate limit -----------------------------------------------------------------------------------------

std::unordered_map<Address, std::deque<Recheck>> Engine::choose_rechecks() {
  std::unordered_map<std::uint32_t, RecheckChoice> choices;
  for (TargetState& state : states_) state.refusals.settle();
  for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count;
       i = silent_.next(i + 1, request_.work_count)) {
    Ask ask = ask_for(i);
    if (states_[ask.state].refusals.empty()) continue;
    auto choice = choices.try_emplace(ask.state, pace_.rechecks_per_target).first;
    choice->second.offer(i, ask.port, states_[ask.state].refusals, random_);
  }
  if (choices.empty() || pace_.rechecks_per_target == 0) return {};
  std::unordered_map<Address, std::deque<Recheck>> queues;
  for (auto& [index, choice] : choices)
    queues[states_[index].refusals.by().front().router].push_back({index, choice.take(), 0, false, false});
  for (auto& [router, queue] : queues)
    std::sort(queue.begin(), queue.end(), [](const Recheck& a, const Recheck& b) { return a.state < b.state; });
  return queues;
}

void Engine::recheck_silence() {
  // Routers have their limits for themselves: the queues of two routers go on side by side.
  std::unordered_map<Address, std::deque<Recheck>> queues = choose_rechecks();
  if (queues.empty()) return;
  std::uint32_t budget = pace_.rechecks_max;
  std::unordered_map<Address, bool> limits;  // routers seen to limit
  std::unordered_map<Address, Instant> due;
  Instant first = Clock::now() + pace_.recheck_spacing;
  for (auto& [router, queue] : queues) due[router] = first;

  auto conclude = [&](const Address& router, const Recheck& recheck, bool asked_all) {
    TargetState& state = states_[recheck.state];
    if (recheck.far_confirmed)
      state.limited = LimitedWhere::everywhere;
    else if (recheck.near_confirmed || (!asked_all && limits[router]))
      state.limited = LimitedWhere::near_refusals;
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

void Engine::ask_again(Recheck& recheck) {
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

void Engine::on_recheck_answer(const Ask& ask, const Look& look, Answer answer, Span rtt) {
  recheck_answer_ = look.stage == AttemptStage::connected ? Reply{Answer::syn_ack, std::nullopt} : look.reply;
  recheck_answer_->answer = answer;
  if (answer == Answer::silence) return;
  silent_.clear(ask.index);
  held_.push_back({ScanFound{ask.index, outcome_of(ask, *recheck_answer_, rtt), std::nullopt}, ask.state, false});
}

void Engine::confirm_or_withdraw_rechecks() {
  confirm_or_withdraw();
  // A canary lost now takes back what the rechecks found; those ports were silent before and are said to be so.
  for (std::uint64_t index : again_) silent_.set(index);
  again_.clear();
}

// --- Told --------------------------------------------------------------------------------------------------------

void Engine::emit_silence() {
  std::vector<ScanFound> out;
  for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count;
       i = silent_.next(i + 1, request_.work_count)) {
    Ask ask = ask_for(i);
    const TargetState& state = states_[ask.state];
    Answer answer = state.no_neighbour ? Answer::no_neighbour : Answer::silence;
    ScanFound found{i, outcome_of(ask, {answer, std::nullopt}, Span{0}), std::nullopt};
    if (!any_canary() && answer == Answer::silence) found.outcome.doubt = Doubt::no_canary;
    if (state.limited == LimitedWhere::everywhere ||
        (state.limited == LimitedWhere::near_refusals && state.refusals.near(ask.port)))
      found.outcome.doubt = Doubt::icmp_rate_limited;
    emit(std::move(found), out);
    if (failure_) return;
  }
  write(out);
}

}  // namespace demarc::connect_engine
