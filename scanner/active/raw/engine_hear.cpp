// Packets that came in, and what they answer. A packet that does not bring back what only our probes carried is
// nobody's business: counted, and forgotten.
#include <algorithm>

#include "scanner/active/raw/engine.h"

namespace demarc::raw_engine {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kProofBits = 30;      // what a stranger has to guess before a datagram counts
constexpr std::size_t kProofLabels = 4;  // or so many answers to as many questions, each from another port of ours

}  // namespace

std::size_t Engine::listen() {
  std::size_t heard = 0;
  for (std::size_t i = 0; i < channels_.size(); ++i)
    heard += channels_[i].receive([this](const Received& received) { on_packet(received); });
  return heard;
}

void Engine::on_packet(const Received& received) {
  if (received.arp) {
    if (std::optional<ArpReply> reply = read_arp_reply(received.packet)) on_neighbour(reply->address, reply->link);
    return;
  }
  PacketView view;
  if (!decode_ip(received.packet, received.length, view) || view.later_fragment) return;
  if (view.protocol == Protocol::icmpv6 && view.icmp_type == 136) {
    if (auto reply = read_neighbour_advertisement(received.packet)) on_neighbour(reply->address, reply->link);
    return;
  }
  if (view.protocol.is_icmp() && is_icmp_error(view.source.family(), view.icmp_type))
    return on_icmp_error(view, received.at);
  const auto found = by_address_.find(view.source);
  if (found == by_address_.end() || states_[found->second].source != view.destination) return;
  if (view.protocol == Protocol::tcp && view.has_ports)
    on_tcp(view, found->second, received.at);
  else if (view.protocol == Protocol::udp && view.has_ports)
    on_udp(view, found->second, received.at);
  else if (view.protocol.is_icmp())
    on_icmp_reply(view, found->second, received.at);
}

std::uint32_t Engine::sender_number(const Address& address) {
  auto [found, is_new] = sender_numbers_.try_emplace(address, static_cast<std::uint32_t>(senders_.size()));
  if (is_new) senders_.push_back(address);
  return found->second;
}

std::uint32_t Engine::rtt_us(std::uint64_t index, std::uint8_t label, Timestamp at) {
  const Sample& sample =
      samples_[static_cast<std::size_t>((index * 0x9E3779B97F4A7C15ULL >> 20) + label) % samples_.size()];
  if (sample.index != index || sample.label != label) return 0;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(at - sample.sent).count();
  if (us < 0 || us > 60'000'000) return 0;  // the clock was set
  round_trip_.sample(std::chrono::microseconds(us));
  return static_cast<std::uint32_t>(std::max<std::int64_t>(1, us));
}

// --- What it answers ---------------------------------------------------------------------------------------------

void Engine::on_tcp(const PacketView& view, std::uint32_t number, Timestamp at) {
  const Question question{view.source, Protocol::tcp, view.source_port};
  const std::uint8_t flags = view.tcp_flags & (tcp_flag::syn | tcp_flag::ack | tcp_flag::rst | tcp_flag::fin);
  if (auto handshake = handshakes_.find({number, view.source_port}); handshake != handshakes_.end()) {
    const Handshake& h = handshake->second;
    const bool ours = view.port == cookies_->probe(question, h.label).source_port;
    const bool fits =
        h.acknowledged && ((flags & tcp_flag::ack) != 0 ? view.tcp_ack == h.seq : view.tcp_seq == h.ack);
    if (ours && fits && flags != (tcp_flag::syn | tcp_flag::ack)) return on_handshake(number, view);
  }
  const bool syn_ack = flags == (tcp_flag::syn | tcp_flag::ack);
  const bool reset = (flags & tcp_flag::rst) != 0 && (flags & tcp_flag::ack) != 0;
  if (flags == tcp_flag::ack && cookies_->is_ours(Protocol::tcp, view.port)) {
    // To our SYN: a connection of the same ports is left over from an earlier run. As any TCP would, we say that we
    // know nothing of it (RFC 9293 §3.10.7.3); the next SYN is answered as it should.
    answer_with_reset(states_[number], view.port, view.source_port, view.tcp_ack);
    return;
  }
  if (!syn_ack && !reset) return;
  const std::optional<std::uint8_t> label = cookies_->label_of_ack(question, view.port, view.tcp_ack);
  if (!label) {
    ++facts_.foreign;
    return;
  }
  Heard heard;
  heard.answer = syn_ack ? Answer::syn_ack : Answer::rst;
  heard.ttl = view.ttl;
  heard.label = *label;
  TargetState& state = states_[number];
  if (syn_ack) {
    if (!state.answers_everything) state.senders.opened(view.ttl);
  } else {
    state.senders.reset(view.ttl);
  }
  if (*label == kHandshake || *label == kHandshake + 1) {
    const auto handshake = handshakes_.find({number, view.source_port});
    if (handshake != handshakes_.end() && handshake->second.label == *label) return on_handshake(number, view);
    if (!syn_ack) return;
  }
  // Half-open connections are closed: in the target, and in every filter that remembers them.
  if (syn_ack) answer_with_reset(state, view.port, view.source_port, view.tcp_ack);
  on_answer(number, question, heard, at);
}

void Engine::on_udp(const PacketView& view, std::uint32_t number, Timestamp at) {
  Question question{view.source, Protocol::udp, view.source_port};
  std::vector<std::uint8_t> labels = cookies_->labels_of_port(question, view.port);
  std::optional<std::uint64_t> index =
      request_.index_of(view.source, Protocol::udp, Port{view.source_port}, IcmpType{});
  if (!index || labels.empty()) {
    const auto other = other_ports_.find(std::uint64_t{number} << 16 | view.port);
    if (other == other_ports_.end()) {
      ++facts_.foreign;
      ++states_[number].datagrams_unexplained;
      return;
    }
    question.port = other->second;
    labels = cookies_->labels_of_port(question, view.port);
    index = request_.index_of(view.source, Protocol::udp, Port{question.port}, IcmpType{});
    if (!index) return;
  }
  // Which of the questions from that port does it answer best?
  UdpHeard best;
  std::uint8_t label = 0;
  for (std::uint8_t candidate : labels) {
    const bool asked = candidate <= kLastTry
                           ? candidate <= cursor_.pass
                           : candidate >= kConfirm && candidate < kFirstHop && unproven_.contains(*index);
    if (!asked) continue;
    const UdpProbe& probe = *udp_question(*index, question.port, candidate);
    UdpHeard heard = recognise_udp(view.payload, probe, cookies_->token(question, candidate));
    if (label == 0 || (heard.is_answer && (!best.is_answer || heard.token_bits > best.token_bits))) {
      best = std::move(heard);
      label = candidate;
    }
  }
  if (label == 0) {
    ++facts_.foreign;
    ++states_[number].datagrams_unexplained;
    return;
  }
  const unsigned bits = cookies_->udp_port_bits() + (best.is_answer ? best.token_bits : 0);
  if (answer_[*index] != 0 && bits < kProofBits) return;  // adds nothing, and a stranger may have said it
  if (bits < kProofBits) {
    Unproven& so_far = unproven_[*index];
    if (std::find(so_far.labels.begin(), so_far.labels.end(), label) != so_far.labels.end()) return;
    so_far.labels.push_back(label);
    so_far.bits += bits;
    if (label <= kLastTry) so_far.question = label - 1U;
    // Who sprays datagrams at us hits ports that asked nothing as well: then only what carries our token counts.
    if (states_[number].datagrams_unexplained != 0) return;
    if (so_far.bits < kProofBits && so_far.labels.size() < kProofLabels) {
      confirmations_.emplace_back(*index, static_cast<std::uint8_t>(kConfirm + so_far.labels.size()));
      return;
    }
  }
  if (best.seen) services_.insert_or_assign(*index, *best.seen);
  states_[number].senders.own(view.ttl);
  Heard heard;
  heard.answer = Answer::reply;
  heard.ttl = view.ttl;
  heard.label = label;
  on_work_answer(number, *index, question, heard, at);
}

void Engine::on_icmp_reply(const PacketView& view, std::uint32_t number, Timestamp at) {
  const std::optional<QuotedQuestion> query = query_of(*cookies_, view);
  if (!query) {
    ++facts_.foreign;
    return;
  }
  states_[number].senders.own(view.ttl);
  Heard heard;
  heard.answer = Answer::reply;
  heard.ttl = view.ttl;
  heard.label = query->label;
  on_answer(number, query->question, heard, at);
}

void Engine::on_icmp_error(const PacketView& view, Timestamp at) {
  if (!view.has_quote) return;
  const auto found = by_address_.find(view.quote.destination);
  if (found == by_address_.end()) return;
  TargetState& state = states_[found->second];
  const std::optional<Quoted> quoted = quoted_of(view);
  if (!quoted || view.quote.source != state.source) return;
  Question question{view.quote.destination, view.quote.protocol, view.quote.port};
  std::optional<std::uint8_t> label;
  if (question.protocol == Protocol::udp) {
    label = label_of_quoted_datagram(question, view.quote.source_port, *quoted);
  } else if (auto asked = question_of(*cookies_, view, *quoted)) {
    question = asked->question;
    label = asked->label;
  }
  if (!label) {
    ++facts_.foreign;
    return;
  }
  const Reply reply = reply_of_icmp(view.source.family(), view.icmp_type, view.icmp_code, view.source,
                                    ours_.contains(view.source), question.target);
  if (reply.answer == Answer::icmp_time_exceeded && *label >= kFirstHop)
    return on_hop_answer(question, static_cast<std::uint8_t>(*label - kFirstHop), view.source);
  const bool own = view.source == question.target;
  if (own) state.senders.own(view.ttl);
  Heard heard;
  heard.answer = reply.answer;
  heard.ttl = view.ttl;
  heard.label = *label;
  if (reply.sender && !own) heard.sender = sender_number(*reply.sender);
  on_answer(found->second, question, heard, at);
}

std::optional<std::uint8_t> Engine::label_of_quoted_datagram(const Question& question, std::uint16_t source_port,
                                                             const Quoted& quoted) {
  const std::optional<std::uint64_t> index =
      request_.index_of(question.target, Protocol::udp, Port{question.port}, IcmpType{});
  const TargetState& state = states_[by_address_.at(question.target)];
  for (std::uint8_t label : cookies_->labels_of_port(question, source_port)) {
    const bool reference = label == kReference || label == kReference + 1;
    if (!reference && !index) continue;
    const Cookies::Probe cookie = cookies_->probe(question, label);
    ProbeIp ip{state.source, question.target};
    ip.id = cookie.id;
    auto matches = [&](Bytes payload) { return is_quoted(quoted, ip, cookie.source_port, question.port, payload); };
    if (reference) {
      if (matches(reference_payload(question, label))) return label;
      continue;
    }
    if (label > kLastTry && (label < kConfirm || label >= kFirstHop)) continue;
    if (matches(udp_question(*index, question.port, label)->request(cookies_->token(question, label))))
      return label;
    if (options_.witness && label <= kLastTry) {
      for (std::uint32_t epoch : {tag_epoch_, tag_epoch_ - 1})
        if (matches(udp_tag(*options_.witness, epoch, Port{question.port}))) return label;
    }
  }
  return std::nullopt;
}

// --- Who gets it -------------------------------------------------------------------------------------------------

void Engine::on_answer(std::uint32_t number, const Question& question, Heard heard, Timestamp at) {
  const std::uint8_t label = heard.label;
  TargetState& state = states_[number];
  if (label >= kFirstCanary && label <= kLastCanary) {
    ++received_;
    if (heard.answer != Answer::syn_ack) return;
    for (std::size_t i = 0; i < canaries_.size(); ++i)
      if (canaries_[i].state == number && canaries_[i].canary.port.number() == question.port)
        on_canary_answer(i, label);
    return;
  }
  if (label == kDecoy || label == kDecoy + 1)
    return on_decoy_answer(state, question.port, heard.answer == Answer::syn_ack, heard.ttl);
  if (label == kHandshake || label == kHandshake + 1) {
    auto found = handshakes_.find({number, question.port});
    if (found != handshakes_.end() && heard.answer != Answer::syn_ack)
      settle_handshake(found->second,
                       heard.answer == Answer::rst ? AfterHandshake::reset : AfterHandshake::silence);
    return;
  }
  if (label == kReference || label == kReference + 1) return;  // its TTL is noted
  if (label >= kFirstHop) {
    // The target itself, or a filter's refusal: beyond that hop there is nothing to find.
    auto walk = walks_.find({number, question.port});
    const auto ttl = static_cast<std::uint8_t>(label - kFirstHop);
    if (walk != walks_.end() && (walk->second.answered_at == 0 || ttl < walk->second.answered_at))
      walk->second.answered_at = ttl;
    return;
  }
  const IcmpType icmp{static_cast<std::uint8_t>(question.port >> 8), static_cast<std::uint8_t>(question.port)};
  std::optional<std::uint64_t> index =
      question.protocol.is_icmp() ? request_.index_of(question.target, question.protocol, Port{}, icmp)
                                  : request_.index_of(question.target, question.protocol, Port{question.port}, {});
  if (!index) return;
  if (label == kRecheck) {
    if (*index != recheck_index_) return;
    ++received_;
    heard.rtt_us = rtt_us(*index, label, at);
    recheck_answer_ = heard;
    return;
  }
  on_work_answer(number, *index, question, heard, at);
}

void Engine::on_work_answer(std::uint32_t number, std::uint64_t index, const Question& question, Heard heard,
                            Timestamp at) {
  TargetState& state = states_[number];
  heard.index = index;
  if (answer_[index] == 0xFF) return;  // known from the run that is resumed
  if (answer_[index] != 0) {
    if (answer_[index] == static_cast<std::uint8_t>(heard.answer) + 1) return;  // the same again
    on_disagreement(index);
    return;
  }
  ++received_;
  heard.rtt_us = rtt_us(index, heard.label, at);
  answer_[index] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(heard.answer) + 1);
  ttl_[index] = heard.ttl;
  silent_.clear(index);
  path(state).answered(Clock::now());
  if (question.protocol == Protocol::tcp && (heard.answer == Answer::syn_ack || heard.answer == Answer::rst) &&
      heard.label <= kLastTry) {
    ++answered_in_pass_[heard.label];
    if (state.answering_port == 0) state.answering_port = question.port;
  }
  const Reading& row = reading(method_of(question.protocol), heard.answer,
                               heard.sender == kNobody ? ErrorSender::target : ErrorSender::other);
  if (heard.sender != kNobody && row.state == PortState::filtered) {
    const Address& router = senders_[heard.sender];
    router_hops_[router] = hops(heard.ttl);
    if (!question.protocol.is_icmp() && !ours_.contains(router)) {
      state.refusals.add(Port{question.port}, {router, heard.answer});
      if (heard.label > kFirstTry && heard.label <= kLastTry) ++state.refused_later;
    }
  }
  if (question.protocol == Protocol::udp && heard.answer == Answer::icmp_port_unreachable &&
      heard.sender == kNobody)
    unreachables_.insert(number);
  const Instant now = Clock::now();
  if (heard.answer == Answer::rst && !state.reference_asked && state.target.care() != Care::discovery_only) {
    ask_reference(state, now);
    state.reference_until = now + 1500ms;
  }
  if (heard.answer == Answer::syn_ack) ask_decoys(number, now);
  held_.push_back(heard);
}

void Engine::on_disagreement(std::uint64_t index) {
  for (Heard& held : held_) {
    if (held.index != index) continue;
    held.doubt = Doubt::answers_disagree;
    return;
  }
  disagreeing_.insert(index);
}

}  // namespace demarc::raw_engine
