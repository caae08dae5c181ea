// What to ask next, and writing it.
//
// Work is taken in its order as long as its target may be asked now: the target's own rate, and what the filter on
// its path may still have to remember. If not, it is parked with its target, and the targets' next turns stand in a
// heap; so one slow target holds up nobody else, and the parked are few enough to be held in memory.
#include <algorithm>

#include "probes/wire/craft.h"
#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kTurnProbes = 256;  // written between two looks at the answers
constexpr std::uint16_t kReferencePort = 33434;

std::size_t sample_slot(std::uint64_t index, std::uint8_t label, std::size_t slots) {
  return static_cast<std::size_t>((index * 0x9E3779B97F4A7C15ULL >> 20) + label) % slots;
}

}  // namespace

// --- Targets -----------------------------------------------------------------------------------------------------

std::uint32_t Engine::state_of(const Target& target, std::uint32_t path, std::uint32_t rate_max) {
  auto [found, is_new] = by_address_.try_emplace(target.address(), static_cast<std::uint32_t>(states_.size()));
  if (!is_new) return found->second;
  TargetState& state = states_.emplace_back(target);
  double rate = pace_.rate_max_per_target;
  if (rate_max != 0 && (rate == 0 || rate_max < rate)) rate = rate_max;
  state.bucket.set_rate(rate);
  state.path = path;
  paths_.try_emplace(path, path == kCanaryPath ? 0 : pace_.states_max_per_path, pace_.state_lifetime);
  return found->second;
}

// --- What next ---------------------------------------------------------------------------------------------------

bool Engine::in_this_pass(const ScanWork& work) const {
  if (cursor_.pass <= passes_) return true;
  // Only a port that several protocols share is asked more often than what stays silent anyway.
  return work.protocol == Protocol::udp && udp_probes_for(work.port).size() >= cursor_.pass;
}

void Engine::park(std::uint64_t index, std::uint8_t label, std::uint32_t state, Instant now) {
  states_[state].parked.emplace_back(index, label);
  ++parked_;
  schedule(state, now);
}

void Engine::schedule(std::uint32_t index, Instant now) {
  TargetState& state = states_[index];
  if (state.scheduled) return;
  Instant at = state.bucket.ready(now) ? now : state.bucket.next();
  // A full path frees itself by answers, at no time that could be known.
  if (!path(state).room(now)) at = std::max(at, std::min(path(state).next(), now + 50ms));
  parked_heap_.push({at, index});
  state.scheduled = true;
}

bool Engine::pick(Instant now, std::uint64_t& index, std::uint8_t& label) {
  while (!parked_heap_.empty() && parked_heap_.top().first <= now) {
    const std::uint32_t number = parked_heap_.top().second;
    parked_heap_.pop();
    TargetState& state = states_[number];
    state.scheduled = false;
    if (state.parked.empty()) continue;
    if (!ready(state, now)) {
      schedule(number, now);
      continue;
    }
    std::tie(index, label) = state.parked.front();
    state.parked.pop_front();
    --parked_;
    if (!state.parked.empty()) {
      // Its bucket is full again only after this one is taken.
      parked_heap_.push({now, number});
      state.scheduled = true;
    }
    return true;
  }
  while (parked_ < kParkedMax && !work_done_) {
    const std::uint64_t next = silent_.next(cursor_.index, request_.work_count);
    if (next >= request_.work_count) {
      cursor_.index = request_.work_count;
      work_done_ = true;
      return false;
    }
    cursor_.index = next + 1;
    const ScanWork work = request_.work(next);
    if (cursor_.pass > passes_ && !in_this_pass(work)) continue;
    const std::uint32_t number = by_address_.at(work.target.address());
    TargetState& state = states_[number];
    if (state.hop == kNobody || hops_[state.hop].dead) continue;  // told with the silent ones
    index = next;
    label = static_cast<std::uint8_t>(std::min<std::uint32_t>(cursor_.pass, kLastTry));
    if (state.parked.empty() && ready(state, now)) return true;
    park(index, label, number, now);
  }
  return false;
}

/// The witness's marks hold for a quarter of an hour.
void Engine::roll_epoch() {
  if (!options_.witness) return;
  const std::uint32_t now = tag_epoch(wall_.seconds());
  if (now == tag_epoch_) return;
  tag_epoch_ = now;
  cookies_->mark_for_witness(*options_.witness, now);
}

// --- Sending -----------------------------------------------------------------------------------------------------

void Engine::send(Instant now) {
  for (std::size_t i = 0; i < kTurnProbes; ++i) {
    if (i % 32 == 31) now = Clock::now();
    if (!bucket_.ready(now) || down_since_) return;
    std::uint64_t index = 0;
    std::uint8_t label = 0;
    if (!pick(now, index, label)) return;
    if (label <= kLastTry && !silent_.has(index)) continue;  // answered while it was parked
    const ScanWork work = request_.work(index);
    ask(work, by_address_.at(work.target.address()), index, label, now);
    last_sent_ = now;
  }
}

// A datagram's answer that proves too little is questioned at once, also where the work rests.
void Engine::send_confirmations(Instant now) {
  while (!confirmations_.empty() && bucket_.ready(now) && !down_since_) {
    const auto [index, label] = confirmations_.back();
    confirmations_.pop_back();
    const ScanWork work = request_.work(index);
    ask(work, by_address_.at(work.target.address()), index, label, now);
  }
}

void Engine::ask(const ScanWork& work, std::uint32_t number, std::uint64_t index, std::uint8_t label, Instant now) {
  TargetState& state = states_[number];
  Sample& sample = samples_[sample_slot(index, label, samples_.size())];
  sample = {index, label, wall_};
  if (work.protocol == Protocol::udp)
    ask_udp(state, index, work.port.number(), label, now);
  else if (work.protocol.is_icmp())
    ask_icmp(state, work.icmp, label, now);
  else
    ask_tcp(state, {.port = work.port.number(), .label = label}, now);
}

template <typename Write>
void Engine::put(TargetState& state, bool is_probe, Instant now, Write&& write) {
  if (state.hop == kNobody) return;
  const NextHop& hop = hops_[state.hop];
  if (!hop.link) return;
  Channel& channel = channels_[hop.channel];
  if (options_.fragment == 0 || !is_probe) {
    if (channel.full()) flush(hop.channel);
    if (channel.full()) return;  // the kernel takes nothing now; the probe is as good as lost on the way
    const std::size_t size = write(channel.room());
    if (size == 0) return;
    channel.commit(size, *hop.link);
  } else {
    std::array<std::uint8_t, 2048> whole{};
    const std::size_t size = write(std::span(whole));
    if (size == 0) return;
    const Frame packet(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    // IPv4: what errors quote of a piece still names the probe.
    const std::uint32_t id =
        state.source.is_ipv4() ? be16(packet.data() + 4) : static_cast<std::uint32_t>(random_());
    for (const Frame& piece : craft_fragments(packet, options_.fragment, id)) {
      if (channel.full()) flush(hop.channel);
      const auto room = channel.room();
      if (channel.full() || piece.size() > room.size()) return;
      std::copy(piece.begin(), piece.end(), room.begin());
      channel.commit(piece.size(), *hop.link);
    }
  }
  if (!is_probe) return;
  ++sent_;
  ++rate_count_;
  bucket_.take(now);
  state.bucket.take(now);
}

void Engine::ask_tcp(TargetState& state, const TcpAsk& what, Instant now) {
  const Cookies::Probe cookie = cookies_->probe({state.target.address(), Protocol::tcp, what.port}, what.label);
  ProbeIp ip{state.source, state.target.address()};
  ip.ttl = what.ttl != 0 ? what.ttl : options_.ttl;
  ip.id = cookie.id;
  ip.dont_fragment = options_.fragment == 0;
  ProbeTcp tcp;
  tcp.source_port = cookie.source_port;
  tcp.port = what.port;
  tcp.flags = what.flags;
  const bool syn = what.flags == tcp_flag::syn;
  tcp.seq = syn ? cookie.seq : what.seq;
  tcp.ack = syn ? 0 : what.ack;
  if (syn) tcp.segment_max = state.source.is_ipv4() ? 1460 : 1440;
  if (syn && cookie.tag) {
    tcp.window = cookie.tag->window;
    tcp.timestamp = cookie.tag->timestamp;
  }
  put(state, syn, now, [&](std::span<std::uint8_t> out) { return write_tcp(out, ip, tcp); });
  if (syn && what.label <= kRecheck) path(state).opened(now);
}

void Engine::ask_udp(TargetState& state, std::uint64_t index, std::uint16_t port, std::uint8_t label, Instant now) {
  const Question question{state.target.address(), Protocol::udp, port};
  const Cookies::Probe cookie = cookies_->probe(question, label);
  ProbeIp ip{state.source, state.target.address()};
  ip.ttl = options_.ttl;
  ip.id = cookie.id;
  ip.dont_fragment = false;
  const UdpProbe& probe = *udp_question(index, port, label);
  const ByteString payload = probe.request(cookies_->token(question, label));
  if (probe.other_port)
    other_ports_[std::uint64_t{by_address_.at(state.target.address())} << 16 | cookie.source_port] = port;
  path(state).opened(now);
  put(state, true, now,
      [&](std::span<std::uint8_t> out) { return write_udp(out, ip, cookie.source_port, port, payload); });
  if (!options_.witness || label > kLastTry || request_.work(index).speak == Speak::nothing) return;
  // A datagram that the witness knows, beside the one that the service knows.
  const auto mark = udp_tag(*options_.witness, tag_epoch_, Port{port});
  put(state, true, now,
      [&](std::span<std::uint8_t> out) { return write_udp(out, ip, cookie.source_port, port, mark); });
}

const UdpProbe* Engine::udp_question(std::uint64_t index, std::uint16_t port, std::uint8_t label) const {
  static const UdpProbe* const nothing = find_udp_probe("fragile");
  if (request_.work(index).speak == Speak::nothing) return nothing;
  const std::vector<const UdpProbe*> questions = udp_probes_for(Port{port});
  std::size_t which = label - 1U;
  if (label >= kConfirm && label < kFirstHop) {
    auto found = unproven_.find(index);
    which = found == unproven_.end() ? 0 : found->second.question;
  }
  return questions[which % questions.size()];
}

void Engine::ask_icmp(TargetState& state, IcmpType type, std::uint8_t label, Instant now) {
  const bool v4 = state.target.address().is_ipv4();
  const std::uint8_t code = type.code.value_or(0);
  const Question question{state.target.address(), v4 ? Protocol::icmp : Protocol::icmpv6,
                          static_cast<std::uint16_t>(type.type << 8 | code)};
  const Cookies::Probe cookie = cookies_->probe(question, label);
  ProbeIp ip{state.source, state.target.address()};
  ip.ttl = options_.ttl;
  ip.id = cookie.id;
  ip.dont_fragment = false;
  // Echo data (RFC 792); three times of day for a timestamp; a mask of zeros (RFC 950).
  const Token token = cookies_->token(question, label);
  std::array<std::uint8_t, 16> body{};
  std::size_t size = 16;
  if (v4 && type.type == 13) size = 12;
  if (v4 && type.type == 17) size = 4;
  if (size == 16) body = token.bytes;
  put(state, true, now, [&](std::span<std::uint8_t> out) {
    return write_icmp(out, ip, type.type, code, cookie.seq, Bytes(body).first(size));
  });
  path(state).opened(now);
}

// Something that only the target can answer: an echo, and a datagram to a port that nobody listens on. Their TTL is
// what a reset's is compared with.
void Engine::ask_reference(TargetState& state, Instant now) {
  const bool again = state.reference_asked;
  state.reference_asked = true;
  const auto label = static_cast<std::uint8_t>(kReference + (again ? 1 : 0));
  ask_icmp(state, IcmpType{static_cast<std::uint8_t>(state.target.address().is_ipv4() ? 8 : 128), 0}, label, now);
  const Question question{state.target.address(), Protocol::udp, kReferencePort};
  const Cookies::Probe cookie = cookies_->probe(question, label);
  ProbeIp ip{state.source, state.target.address()};
  ip.ttl = options_.ttl;
  ip.id = cookie.id;
  ip.dont_fragment = false;
  const ByteString payload = reference_payload(question, label);
  put(state, true, now,
      [&](std::span<std::uint8_t> out) { return write_udp(out, ip, cookie.source_port, kReferencePort, payload); });
}

ByteString Engine::reference_payload(const Question& question, std::uint8_t label) const {
  const Token token = cookies_->token(question, label);
  return {token.bytes.begin(), token.bytes.end()};
}

void Engine::answer_with_reset(TargetState& state, std::uint16_t source_port, std::uint16_t port,
                               std::uint32_t seq) {
  ProbeIp ip{state.source, state.target.address()};
  ip.ttl = options_.ttl;
  ProbeTcp tcp;
  tcp.source_port = source_port;
  tcp.port = port;
  tcp.seq = seq;
  tcp.flags = tcp_flag::rst;
  tcp.window = 0;
  ++facts_.resets_sent;
  put(state, false, Clock::now(), [&](std::span<std::uint8_t> out) { return write_tcp(out, ip, tcp); });
}

void Engine::flush() {
  for (std::size_t i = 0; i < channels_.size(); ++i)
    if (channels_[i].queued() != 0) flush(i);
}

void Engine::flush(std::size_t channel) {
  for (unsigned i = 0; i < 100; ++i) {
    const Channel::Flushed done = channels_[channel].flush();
    if (done.down) {
      if (!down_since_) on_interface_down();
      return;
    }
    if (!done.try_again) return;
    // The kernel's queue is full: reading what came meanwhile gives it time.
    if (listen() == 0) wait_for_kernel();
  }
}

void Engine::wait_for_kernel() {
  const timespec moment{0, 100'000};
  nanosleep(&moment, nullptr);
}

}  // namespace demarc::raw_engine
