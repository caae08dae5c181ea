// After the passes: is silence only a router's ICMP limit? where does the way end? And then silence is told.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr std::uint8_t kHopsWalked = 24;
constexpr unsigned kWalkTries = 2;
constexpr std::size_t kWalksMax = 4096;
constexpr unsigned kInVainMax = 3;
constexpr double kLossless = 0.005;
constexpr std::size_t kDisagreementsNoted = 20;

/// Silent ports that are asked again, one at a time for each router.
struct Candidate {
  std::uint64_t index = 0;
  std::uint32_t state = 0;
  std::uint16_t port = 0;
  enum class Why : std::uint8_t { same_port_elsewhere, near, far } why = Why::near;
};

}  // namespace

bool Engine::any_silent() const { return silent_.next(0, request_.work_count) < request_.work_count; }

// --- The ICMP rate limit -----------------------------------------------------------------------------------------

// A router that rejects by ICMP may send few errors (rate_limits.h): a sweep sees a handful of ports refused and
// thousands silent, though one line of the filter refuses them all. Slower than any such limit we ask again: first
// the ports that the same router refused on other hosts, because rules are written for many hosts at once; then
// neighbours of refused ports; then ports far away.
void Engine::recheck_silence() {
  if (pace_.rechecks_per_target == 0 || pace_.rechecks_max == 0) return infer_limits();
  for (TargetState& state : states_) state.refusals.settle();
  std::map<Address, std::vector<std::uint32_t>> refused_by;  // router -> hosts
  for (std::uint32_t i = 0; i < states_.size(); ++i)
    for (const Refusals::By& by : states_[i].refusals.by()) refused_by[by.router].push_back(i);
  if (refused_by.empty()) return;

  // By router, whom to ask again.
  std::map<Address, std::deque<Candidate>> queues;
  std::map<std::uint32_t, RecheckChoice> choices;
  std::set<std::pair<std::uint32_t, std::uint16_t>> taken;
  for (const auto& [router, hosts] : refused_by) {
    std::deque<Candidate>& queue = queues[router];
    for (std::uint32_t host : hosts) {
      for (std::uint16_t port : states_[host].refusals.groups()) {
        for (std::uint32_t other = 0; other < states_.size(); ++other) {
          if (states_[other].path != states_[host].path || states_[other].path == kCanaryPath ||
              states_[other].refusals.near(Port{port}))
            continue;
          const auto index = request_.index_of(states_[other].target.address(), Protocol::tcp, Port{port}, {});
          if (!index || !silent_.has(*index) || !taken.insert({other, port}).second) continue;
          queue.push_back({*index, other, port, Candidate::Why::same_port_elsewhere});
        }
      }
    }
  }
  for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count;
       i = silent_.next(i + 1, request_.work_count)) {
    const ScanWork work = request_.work(i);
    if (work.protocol != Protocol::tcp) continue;
    const std::uint32_t number = by_address_.at(work.target.address());
    if (states_[number].refusals.empty()) continue;
    choices.try_emplace(number, pace_.rechecks_per_target)
        .first->second.offer(i, work.port, states_[number].refusals, random_);
  }
  for (auto& [number, choice] : choices)
    for (const RecheckChoice::Candidate& c : choice.take())
      queues[states_[number].refusals.by().front().router].push_back(
          {c.index, number, request_.work(c.index).port.number(),
           c.near ? Candidate::Why::near : Candidate::Why::far});

  std::uint32_t budget = pace_.rechecks_max;
  const Instant until = Clock::now() + std::chrono::duration_cast<Span>(pace_.recheck_time_max);
  std::set<std::pair<std::uint32_t, std::uint16_t>> settled;  // host and what was learned there
  std::map<Address, unsigned> in_vain;  // neighbours of refused ports that stayed silent in a row
  // Nearest to refused ports first: if they stay silent there is no limit, and nothing more to ask.
  for (auto& [router, queue] : queues)
    std::stable_partition(queue.begin(), queue.end(),
                          [](const Candidate& c) { return c.why == Candidate::Why::near; });
  turns_until(Clock::now() + pace_.recheck_spacing);
  while (!over() && budget > 0 && Clock::now() < until) {
    bool any = false;
    const Instant round = Clock::now();
    for (auto& [router, queue] : queues) {
      while (!queue.empty()) {
        const Candidate c = queue.front();
        queue.pop_front();
        // What an earlier answer settled needs no packet.
        TargetState& state = states_[c.state];
        if (!silent_.has(c.index)) continue;
        if (c.why == Candidate::Why::near && settled.contains({c.state, 1})) continue;
        if (c.why == Candidate::Why::far && settled.contains({c.state, 2})) continue;
        if (c.why == Candidate::Why::same_port_elsewhere && state.refusals.near(Port{c.port})) continue;
        any = true;
        --budget;
        recheck_index_ = c.index;
        recheck_answer_.reset();
        ask(request_.work(c.index), c.state, c.index, kRecheck, Clock::now());
        turns_until(Clock::now() + std::max<Span>(cooldown(), 300ms),
                    [this] { return recheck_answer_.has_value(); });
        recheck_index_ = kNoIndex;
        const bool near = c.why == Candidate::Why::near;
        if (near) state.rechecked = true;
        if (!recheck_answer_) {
          // Slower than any limit, right beside refused ports, and still nothing: this router has none.
          if (near && ++in_vain[router] >= kInVainMax) {
            for (const Candidate& left : queue) states_[left.state].rechecked = true;
            queue.clear();
          }
          break;
        }
        in_vain[router] = 0;
        Heard heard = *recheck_answer_;
        heard.index = c.index;
        on_rechecked(c.index, heard);
        if (heard.sender == kNobody || senders_[heard.sender] != router) break;
        state.refusals.add(Port{c.port}, {router, heard.answer});
        state.refusals.settle();
        settled.insert({c.state, c.why == Candidate::Why::far ? 2 : 1});
        if (c.why == Candidate::Why::far) state.limited = LimitedWhere::everywhere;
        if (state.limited == LimitedWhere::nowhere) state.limited = LimitedWhere::near_refusals;
        break;
      }
    }
    if (!any) break;
    turns_until(round + pace_.recheck_spacing);
  }
  infer_limits();
  settle();
}

void Engine::on_rechecked(std::uint64_t index, const Heard& heard) {
  answer_[index] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(heard.answer) + 1);
  ttl_[index] = heard.ttl;
  silent_.clear(index);
  held_.push_back(heard);
}

/// Where nobody asked again: a router whose refusals came at the pace of a limit (a burst, and then one or two a
/// second), not at that of our probes, left others unsaid, and silence beside them may be its. So did one that
/// refused in a later pass what it let be silent in the first, where nothing else is lost on the way.
void Engine::infer_limits() {
  for (const TargetState& state : states_)
    for (const Refusals::By& by : state.refusals.by()) refused_by_[by.router].add_ports_of(state.refusals);
  for (auto& [router, refusals] : refused_by_) refusals.settle();
  std::map<Address, std::uint64_t> said;
  for (const TargetState& state : states_)
    for (const Refusals::By& by : state.refusals.by()) said[by.router] += state.refusals.count();
  const double seconds = std::chrono::duration<double>(passes_ended_ - started_).count();
  for (TargetState& state : states_) {
    if (state.refusals.empty() || state.rechecked || state.limited != LimitedWhere::nowhere) continue;
    state.refusals.settle();
    const bool lossless = loss() >= 0 && loss() < kLossless;
    for (const Refusals::By& by : state.refusals.by())
      if (static_cast<double>(said[by.router]) <= 8 + 2.2 * seconds || (lossless && state.refused_later >= 2))
        state.limited = LimitedWhere::near_refusals;
  }
}

// --- Where does the way end? -------------------------------------------------------------------------------------

// The TTL of a probe says how far it may go; the router where it runs out says so. For a port that does not answer,
// the last router that does is the last that surely had the probe.
void Engine::locate() {
  std::map<std::uint32_t, std::uint32_t> walked;  // of each target
  std::vector<std::uint64_t> chosen;
  auto choose = [&](std::uint64_t i) {
    const ScanWork work = request_.work(i);
    if (work.protocol != Protocol::tcp) return;
    const std::uint32_t number = by_address_.at(work.target.address());
    if (states_[number].hop == kNobody || hops_[states_[number].hop].dead) return;
    if (walked[number] >= options_.locate_per_target || chosen.size() >= kWalksMax) return;
    ++walked[number];
    chosen.push_back(i);
    walks_.try_emplace({number, work.port.number()});
  };
  for (std::uint64_t i = 0; i < request_.work_count; ++i)
    if (silent_.has(i)) choose(i);
  const auto refused = static_cast<std::uint8_t>(static_cast<std::uint8_t>(Answer::icmp_admin_prohibited) + 1);
  for (std::uint64_t i = 0; i < request_.work_count; ++i)
    if (answer_[i] == refused) choose(i);
  for (unsigned round = 0; round < kWalkTries && !over(); ++round) {
    for (std::uint8_t ttl = 1; ttl <= kHopsWalked && !over(); ++ttl) {
      for (std::uint64_t i : chosen) {
        const ScanWork work = request_.work(i);
        const std::uint32_t number = by_address_.at(work.target.address());
        const Walk& walk = walks_.at({number, work.port.number()});
        if (walk.routers[ttl] || (walk.answered_at != 0 && ttl >= walk.answered_at)) continue;
        // Beyond three hops of silence there is nobody who would say more.
        if (ttl > 4 && !walk.routers[ttl - 1] && !walk.routers[ttl - 2] && !walk.routers[ttl - 3]) continue;
        while (!bucket_.ready(Clock::now()) && !over()) turn(false);
        ask_tcp(states_[number],
                {.port = work.port.number(), .label = static_cast<std::uint8_t>(kFirstHop + ttl), .ttl = ttl},
                Clock::now());
      }
      turns_until(Clock::now() + std::max<Span>(cooldown() / 2, 150ms));
    }
  }
  std::vector<ScanFound> out;
  for (std::uint64_t i : chosen) {
    if (silent_.has(i)) continue;  // told with the silent ones
    const ScanWork work = request_.work(i);
    const std::uint32_t number = by_address_.at(work.target.address());
    Heard heard;
    heard.index = i;
    heard.answer = static_cast<Answer>(answer_[i] - 1);
    heard.ttl = ttl_[i];
    heard.label = kFirstTry;
    for (const Refusals::By& by : states_[number].refusals.by())
      if (by.answer == heard.answer) heard.sender = sender_number(by.router);
    if (heard.sender == kNobody) continue;
    ScanFound found = found_of(heard, work, number);
    add_walk(found.outcome, number, work.port.number());
    emit_again(std::move(found), out);
  }
  write(out);
}

void Engine::on_hop_answer(const Question& question, std::uint8_t ttl, const Address& router) {
  const auto target = by_address_.find(question.target);
  if (target == by_address_.end() || ttl > kHopsMax) return;
  const auto walk = walks_.find({target->second, question.port});
  if (walk == walks_.end()) return;
  ++received_;
  walk->second.routers[ttl] = router;
}

void Engine::add_walk(Outcome& outcome, std::uint32_t number, std::uint16_t port) const {
  const auto walk = walks_.find({number, port});
  if (walk == walks_.end()) return;
  for (std::uint8_t ttl = kHopsMax; ttl >= 1; --ttl) {
    if (!walk->second.routers[ttl]) continue;
    outcome.last_hop = walk->second.routers[ttl];
    outcome.stops_at_hop = static_cast<std::uint8_t>(ttl + 1);
    return;
  }
}

// --- For the witness ---------------------------------------------------------------------------------------------

// In the last pass only silent ports are asked. Where they are all blocked, nothing would reach the witness after
// them, and it could not tell "blocked" from "the cable was out".
void Engine::mark_the_end() {
  for (unsigned i = 0; i < 2; ++i) {
    for (TargetState& state : states_) {
      if (state.answering_port == 0 || over()) continue;
      while (!bucket_.ready(Clock::now()) && !over()) turn(false);
      ask_tcp(state, {.port = state.answering_port, .label = kLastTry}, Clock::now());
    }
    turns_until(Clock::now() + cooldown());
  }
}

// --- Silence -----------------------------------------------------------------------------------------------------

bool Engine::near_a_refusal(const TargetState& state, Port port) const {
  if (state.refusals.near(port)) return true;
  return std::any_of(state.refusals.by().begin(), state.refusals.by().end(), [&](const Refusals::By& by) {
    const auto all = refused_by_.find(by.router);
    return all != refused_by_.end() && all->second.near(port);
  });
}

void Engine::tell_silence() {
  tell_resets_again();
  note_proxies();
  std::vector<ScanFound> out;
  for (std::uint64_t i = silent_.next(0, request_.work_count); i < request_.work_count && !failure_;
       i = silent_.next(i + 1, request_.work_count)) {
    const ScanWork work = request_.work(i);
    const std::uint32_t number = by_address_.at(work.target.address());
    const TargetState& state = states_[number];
    Heard heard;
    heard.index = i;
    const bool nobody =
        state.hop != kNobody && hops_[state.hop].dead && hops_[state.hop].address == state.target.address();
    heard.answer = nobody ? Answer::no_neighbour : Answer::silence;
    heard.label = 0;
    ScanFound found = found_of(heard, work, number);
    if (state.hop == kNobody || (hops_[state.hop].dead && !nobody)) {
      found.outcome.answer = Answer::local_refusal;  // nothing left this machine: no route, or no gateway
    } else if (!any_canary() && heard.answer == Answer::silence) {
      found.outcome.doubt = Doubt::no_canary;
    }
    if (work.protocol == Protocol::tcp &&
        (state.limited == LimitedWhere::everywhere ||
         (state.limited == LimitedWhere::near_refusals && near_a_refusal(state, work.port))))
      found.outcome.doubt = Doubt::icmp_rate_limited;
    // A host that says of some of its ports that nobody is there, and has no more errors to give.
    if (work.protocol == Protocol::udp && unreachables_.contains(number))
      found.outcome.doubt = Doubt::icmp_rate_limited;
    add_walk(found.outcome, number, work.port.number());
    emit(std::move(found), out);
  }
  write(out);
  // Sorted, and not without end: a host that answers at random would fill the journal.
  std::vector<std::uint64_t> disagreeing(disagreeing_.begin(), disagreeing_.end());
  std::sort(disagreeing.begin(), disagreeing.end());
  for (std::size_t i = 0; i < std::min(disagreeing.size(), kDisagreementsNoted); ++i) {
    const ScanWork work = request_.work(disagreeing[i]);
    check(sink_.on_note(to_string(Endpoint{work.target.address(), work.port}) +
                        " answered two tries in two ways; the first answer stands"));
  }
  if (disagreeing.size() > kDisagreementsNoted)
    check(sink_.on_note(
        fmt::format("{} more ports answered two tries in two ways", disagreeing.size() - kDisagreementsNoted)));
}

}  // namespace demarc::raw_engine
