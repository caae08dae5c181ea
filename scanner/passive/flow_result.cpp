// Who opened a conversation without a handshake, and what becomes of conversations that have ended: records,
// attempts, traces, and the undecided once everybody is known.
#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "scanner/passive/flow_body.h"
#include "scanner/passive/handshake.h"

namespace demarc {

namespace {

/// What is called an attempt where there is no handshake: a sender of more datagrams means to be heard without an
/// answer (syslog, traps, flow export).
constexpr std::uint32_t kAttemptDatagrams = 3;

bool speaks_to_many(const Address& address) {
  const AddressClass c = classify(address);
  return c == AddressClass::multicast || c == AddressClass::broadcast;
}

}  // namespace

// ---------------------------------------------------------------- who opened it, without a handshake

Partners::End FlowTable::Body::end_of(const Ref& r, int end) const {
  return {address_of(r, end), port_of(r.c, end), r.c.key.protocol(), r.c.key.tunnel()};
}

// 0 or 1: the end whose port, alone of the two, is one that servers use; -1: the ports do not tell.
int FlowTable::Body::hinted_server(const Conversation& c) const {
  if (!c.has_ports) return -1;
  const bool first = is_server_port(c, port_of(c, 0)), second = is_server_port(c, port_of(c, 1));
  return first == second ? -1 : first ? 0 : 1;
}

// Datagrams have no handshake, but some conversations leave no doubt: what goes to many was not asked for; and a
// request to a server's port is one. Between other ports the first packet that we saw need not be the first that
// there was, however long we have listened: packets are lost, and a conversation may be silent for longer than
// anybody waits and then go on from its other end.
bool FlowTable::Body::knows_initiator(const Ref& r) {
  Conversation& c = r.c;
  if (c.certain || c.decided || c.key.is_icmp()) return true;
  const std::uint8_t protocol = c.key.protocol();
  if (protocol == kTcp) return c.tcp.end[0].syn;  // a simultaneous open: both did
  if (speaks_to_many(address_of(r, 1))) {
    c.certain = true;
    return true;
  }
  if (hinted_server(c) == 1) c.certain = true;
  return c.certain;
}

// FTP's server opens its data conversations from port 20, and nothing else does (RFC 959 §3.2). Otherwise the end
// with more partners was asked; where they hardly differ, the one on a server's port; else who spoke second.
void FlowTable::Body::decide_by_partners(const Ref& r, const Partners& partners) {
  constexpr std::uint16_t kFtpData = 20, kFirstFree = 1024;
  if (r.c.key.protocol() == kTcp && r.c.has_ports) {
    const std::uint16_t ports[2] = {port_of(r.c, 0), port_of(r.c, 1)};
    for (const int end : {0, 1})
      if (ports[end] == kFtpData && ports[1 - end] >= kFirstFree) {
        if (end == 1) swap_ends(r.c, r.d);
        return;
      }
  }
  const std::uint64_t first = partners.of(end_of(r, 0)), second = partners.of(end_of(r, 1));
  const int hint = hinted_server(r.c);
  int server = 1;
  if (first > second + 1 || second > first + 1)
    server = first > second ? 0 : 1;
  else if (hint >= 0)
    server = hint;
  else if (first != second)
    server = first > second ? 0 : 1;
  if (server == 0) swap_ends(r.c, r.d);
}

// ---------------------------------------------------------------- results

void FlowTable::Body::on_packets(std::span<const FlowPacket> packets, Ended& ended) {
  ended_ = &ended;
  on_packets(packets);
  ended_ = nullptr;
}

void FlowTable::Body::hand_over(const Ref& r) {
  if (ended_ == nullptr) return report(r, language_of(r.d));
  ended_->all.push_back({r.c, r.d, language_of(r.d)});
  if (r.wide != nullptr) ended_->wide.push_back(*r.wide);
}

void FlowTable::Body::keep(Ended& ended) {
  const WideAddresses* wide = ended.wide.data();
  for (Ended::One& one : ended.all)
    report({one.conversation, one.detail, one.conversation.key.ipv6() ? wide++ : nullptr}, one.language);
  ended.all.clear();
  ended.wide.clear();
}

void FlowTable::Body::report(const Ref& r, std::uint32_t language) {
  const Conversation& c = r.c;
  const ConnState state = state_of(c);
  const bool established = took_part(c);
  if (c.key.protocol() == kTcp && established) {
    FlowLosses& counts = counts_of(r.d.source);
    ++(c.both_spoke() ? counts.two_sided : counts.one_sided);
  }
  // What was announced is no attempt: media often go one way only.
  if (noise_ && !established && !options_.per_conversation && r.d.parent == kNone32) {
    if (is_backscatter(c)) return report_attempt(r, state, true);
    const bool attempt =
        c.key.protocol() == kTcp ? c.tcp.end[0].syn : c.spoke(0) && !c.spoke(1) && c.packets[0] <= kAttemptDatagrams;
    if (attempt) return report_attempt(r, state, false);
  }
  report_flow(r, language, state, established);
}

void FlowTable::Body::report_flow(const Ref& r, std::uint32_t language, ConnState state, bool established) {
  if (pending_count_ == pending_.size()) flush_pending();
  const Conversation& c = r.c;
  Pending& pending = pending_[pending_count_++];
  ObservedFlow& f = pending.flow = ObservedFlow{};
  f.initiator = address_of(r, 0);
  f.responder = address_of(r, 1);
  f.protocol = Protocol(c.key.protocol());
  // A SYN-ACK proves that its receiver asked only where the conversation came about: the SYN may have been forged.
  f.initiator_certain = c.certain && (established || c.key.protocol() != kTcp || c.tcp.end[0].syn);
  if (options_.per_conversation) f.initiator_port = Port(port_of(c, 0));
  if (c.key.is_icmp())
    f.icmp = {static_cast<std::uint8_t>(c.key.high_port() >> 8), static_cast<std::uint8_t>(c.key.high_port())};
  else
    f.port = Port(port_of(c, 1));
  f.source = r.d.source;
  f.record = r.d.record;
  f.service = r.d.service;
  f.parent = r.d.parent;
  f.tunnel = c.key.tunnel();
  f.conversations = 1;
  f.established = established ? 1 : 0;
  f.packets_out = c.packets[0], f.packets_in = c.packets[1];
  f.bytes_out = c.bytes[0], f.bytes_in = c.bytes[1];
  f.first = Timestamp(Nanoseconds(r.d.first));
  f.last = Timestamp(Nanoseconds(std::max(r.d.first, c.last)));
  f.states.add(state);
  pending.hash = records_->hash_of(f);
  pending.language = language;
  records_->prefetch(pending.hash);
  trace(r, state, pending);
}

void FlowTable::Body::report_attempt(const Ref& r, ConnState state, bool backscatter) {
  if (attempts_count_ == attempts_.size()) flush_pending();
  const Conversation& c = r.c;
  attempt_is_answer_[attempts_count_] = backscatter;
  Attempt& a = attempts_[attempts_count_++] = Attempt{};
  // Whoever answers unasked stands as initiator, with the port it was sent from.
  const int sender = backscatter && !c.spoke(0) ? 1 : 0;
  a.initiator = address_of(r, sender);
  a.responder = address_of(r, 1 - sender);
  a.protocol = Protocol(c.key.protocol());
  a.initiator_certain = c.certain && !backscatter && (c.key.protocol() != kTcp || c.tcp.end[0].syn);
  a.state = state;
  a.port = c.key.is_icmp() ? c.key.high_port() : port_of(c, backscatter ? sender : 1);
  a.source = r.d.source;
  a.record = r.d.record;
  a.tunnel = c.key.tunnel();
  a.packets_out = c.packets[sender], a.packets_in = c.packets[1 - sender];
  a.bytes_out = c.bytes[sender], a.bytes_in = c.bytes[1 - sender];
  a.first = Timestamp(Nanoseconds(r.d.first));
  a.last = Timestamp(Nanoseconds(std::max(r.d.first, c.last)));
  noise_->prefetch(a);
}

void FlowTable::Body::trace(const Ref& r, ConnState state, Pending& pending) const {
  pending.traced = false;
  if (options_.traces_max == 0) return;
  const Conversation& c = r.c;
  std::uint64_t half[2];
  for (const int i : {0, 1}) {
    const bool numbered = c.tcp.end[i].syn || c.tcp.end[i].syn_ack;
    half[i] = c.key.protocol() != kTcp ? r.d.payload_mark[i] : numbered ? r.d.first_seq[i] : 0;
  }
  if ((half[0] | half[1]) == 0) return;
  pending.traced = true;
  pending.trace = {.flow = 0,
                   .protocol = Protocol(c.key.protocol()),
                   .initiator = {pending.flow.initiator, Port(port_of(c, 0))},
                   .responder = {pending.flow.responder, Port(port_of(c, 1))},
                   .mark = half[0] << 32 | half[1],
                   .first = pending.flow.first,
                   .ttl_out = r.d.ttl[0],
                   .ttl_in = r.d.ttl[1],
                   .last = pending.flow.last,
                   .packets_out = pending.flow.packets_out,
                   .packets_in = pending.flow.packets_in,
                   .bytes_out = pending.flow.bytes_out,
                   .bytes_in = pending.flow.bytes_in,
                   .established = pending.flow.established != 0,
                   .state = state};
}

void FlowTable::Body::flush_pending() {
  for (std::size_t i = 0; i < pending_count_; ++i) {
    Pending& p = pending_[i];
    const std::uint32_t source = p.flow.source, conversations = p.flow.conversations;
    const std::uint32_t number = records_->add(std::move(p.flow), p.hash, p.language);
    if (number == kNone32) {
      counts_of(source).aggregated += conversations;
    } else if (p.traced && traces.size() < options_.traces_max) {
      p.trace.flow = number;
      traces.push_back(p.trace);
    }
  }
  pending_count_ = 0;
  for (std::size_t i = 0; i < attempts_count_; ++i) {
    if (attempt_is_answer_[i])
      noise_->backscatter(attempts_[i]);
    else
      noise_->attempt(attempts_[i]);
  }
  attempts_count_ = 0;
}

// All that is open: what its own packets decide becomes records at once. At the end the rest moves to the
// undecided, and block by block the memory is given back.
void FlowTable::Body::settle_open(bool last) {
  for (std::uint32_t begin = 0; begin < open_.size(); begin += Conversations::kBlock) {
    for (std::uint32_t i = begin; i < std::min(open_.size(), begin + Conversations::kBlock); ++i) {
      Conversation& c = open_[i];
      if (!c.in_use || (c.packets[0] | c.packets[1]) == 0) continue;
      const Ref r = ref(open_, i);
      if (!knows_initiator(r)) {
        if (last) keep_undecided(r);
        continue;
      }
      report(r, language_of(r.d));
      c.packets[0] = c.packets[1] = 0;
      c.bytes[0] = c.bytes[1] = 0;
    }
    if (last) open_.give_back(begin >> Conversations::kBits);
  }
  if (last) open_.clear();
  flush_pending();
}

// Those that only the others can decide.
void FlowTable::Body::settle_undecided(bool last) {
  Partners partners(hash_, options_.records_max);
  const auto each = [&](auto&& work) {
    for (std::uint32_t i = 0; i < undecided_.size(); ++i) work(ref(undecided_, i));
    for (std::uint32_t i = 0; i < open_.size(); ++i) {
      if (open_[i].in_use && (open_[i].packets[0] | open_[i].packets[1]) != 0) work(ref(open_, i));
    }
  };
  bool any = false;
  each([&](const Ref& r) {
    any = true;
    partners.watch(end_of(r, 0));
    partners.watch(end_of(r, 1));
  });
  if (any) {
    for (const ObservedFlow& f : records_->records()) {
      partners.count({f.responder, f.port.number(), f.protocol.number(), f.tunnel}, f.established);
    }
    each([&](const Ref& r) {
      partners.count(end_of(r, 0), 1);
      partners.count(end_of(r, 1), 1);
    });
    each([&](const Ref& r) {
      decide_by_partners(r, partners);
      report(r, language_of(r.d));
      r.c.decided = true;
      r.c.packets[0] = r.c.packets[1] = 0;
      r.c.bytes[0] = r.c.bytes[1] = 0;
    });
  }
  undecided_.clear();
  if (last) {
    free_ = {};
    index_.clear();
    hand_ = 0;
    established_ = 0;
    started_ = -1;
  }
  flush_pending();
}

void FlowTable::Body::close(FlowEvidence& evidence, bool last, unsigned threads) {
  traces.clear();
  flush_pending();
  if (last) {
    index_.clear();
    fragments_.finish([&](std::uint32_t source, std::uint64_t count) { losses_of(source).orphans += count; });
  }
  settle_open(last);
  settle_undecided(last);
  if (noise_) {
    const std::vector<std::uint64_t>& given_up = noise_->given_up();
    for (std::uint32_t i = 0; i < given_up.size(); ++i)
      if (given_up[i] != 0) counts_of(i).aggregated += given_up[i];
    std::vector<ObservedFlow> kept;
    noise_->finish(records_->records(), kept, evidence.noise);
    for (ObservedFlow& f : kept) {
      const std::uint32_t hash = records_->hash_of(f), source = f.source, conversations = f.conversations;
      const std::uint32_t language = speech_ == nullptr ? kNone32 : speech_->language_of(f.service);
      if (records_->add(std::move(f), hash, language) == kNone32) counts_of(source).aggregated += conversations;
    }
  }
  std::vector<std::uint32_t> positions;
  records_->finish(evidence.flows, traces.empty() ? nullptr : &positions, threads);
  for (ConversationTrace& t : traces) t.flow = positions[t.flow];
  std::stable_sort(traces.begin(), traces.end(), [](const ConversationTrace& a, const ConversationTrace& b) {
    return std::tie(a.flow, a.first) < std::tie(b.flow, b.first);
  });
  losses = std::exchange(losses_now_, {});
  for (std::uint32_t i = 0; i < counts_now_.size(); ++i) {
    FlowLosses& all = of_source(losses, i);
    all.aggregated += counts_now_[i].aggregated;
    all.one_sided += counts_now_[i].one_sided;
    all.two_sided += counts_now_[i].two_sided;
  }
  counts_now_.clear();
  for (std::size_t i = 0; i < losses.size() && i < evidence.sources.size(); ++i) {
    FlowSource& source = evidence.sources[i];
    source.aggregated += losses[i].aggregated + losses[i].split;
    source.undecoded += losses[i].orphans;
    source.one_sided += losses[i].one_sided;
    source.two_sided += losses[i].two_sided;
  }
}

}  // namespace demarc
