// The words of Zeek's documentation, and the facts that they need. For each end: how it last stood. An end is
//   reset   if it sent an RST, unless both had sent their FINs by then (an end is an end, whatever trails behind),
//   closed  if it sent a FIN,
//   open    if it began with a SYN that was answered, with an answer, or behind the other's answer,
//   asking  if its SYN was not answered,
//   talking if it was heard first without any of that: Zeek's "partial", which no later SYN-ACK mends,
//   silent  if it was not heard at all.
#include "tests/agreement/naive_state.h"

#include <algorithm>
#include <optional>

namespace demarc::naive {

namespace {

using Segments = std::vector<Segment>;
enum class Stands : std::uint8_t { silent, talking, asking, open, closed, reset };

template <typename Is>
std::optional<std::size_t> first(const Segments& segments, Is&& is) {
  const auto found = std::find_if(segments.begin(), segments.end(), is);
  if (found == segments.end()) return std::nullopt;
  return static_cast<std::size_t>(found - segments.begin());
}

bool before(std::optional<std::size_t> a, std::optional<std::size_t> b) { return a && (!b || *a < *b); }

bool heard(const Segment&) { return true; }
bool is_fin(const Segment& s) { return s.fin && !s.rst; }
bool is_rst(const Segment& s) { return s.rst; }
bool is_syn(const Segment& s) { return s.syn && !s.rst; }
bool is_question(const Segment& s) { return is_syn(s) && !s.ack; }
bool is_answer(const Segment& s) { return is_syn(s) && s.ack; }

/// Where an end first sent such a segment.
template <typename Is>
std::optional<std::size_t> by(bool initiator, const Segments& all, Is&& is) {
  return first(all, [&](const Segment& s) { return s.from_initiator == initiator && is(s); });
}

// An end asked if nobody had answered anything of it by then.
bool asked(const Segments& all, bool initiator) {
  const auto syn = by(initiator, all, is_question), peer = by(!initiator, all, heard);
  return syn && (syn == by(initiator, all, heard) || !peer || *peer > *syn);
}

// Whether an end's RST is how it ended.
bool was_reset(const Segments& all, bool initiator) {
  const auto rst = by(initiator, all, is_rst), peer_rst = by(!initiator, all, is_rst);
  const auto fin = by(initiator, all, is_fin), peer_fin = by(!initiator, all, is_fin);
  if (!rst) return false;
  const bool peer_had_reset = before(peer_rst, rst) && was_reset(all, !initiator);
  if (before(fin, rst) && before(peer_fin, rst) && !peer_had_reset) return false;
  // FIN, RST, and then the other's FIN: it had not heard of the reset yet. An ordinary end of what had begun.
  const bool only_asked = asked(all, !initiator) && !by(initiator, all, is_syn);
  return !(before(fin, rst) && peer_fin && before(rst, peer_fin) && !before(peer_rst, peer_fin) &&
           before(by(!initiator, all, heard), peer_fin) && !only_asked);
}

Stands stands(const Segments& all, bool initiator) {
  if (was_reset(all, initiator)) return Stands::reset;
  if (by(initiator, all, is_fin)) return Stands::closed;
  const auto own = by(initiator, all, heard), peer = by(!initiator, all, heard);
  if (!own) return Stands::silent;
  if (initiator && asked(all, true)) {
    const auto peer_syn = by(false, all, is_syn);
    // Answered, before or behind the question; but who had ended before it answers no question.
    const bool answers =
        peer_syn && peer_syn == peer && !before(by(false, all, is_fin), by(true, all, is_question));
    return answers ? Stands::open : Stands::asking;
  }
  if (!initiator && by(false, all, is_syn) == own) return Stands::open;
  // The handshake's last segment, of which we missed the first.
  const auto answer = by(!initiator, all, is_answer), peer_fin = by(!initiator, all, is_fin),
             peer_rst = by(!initiator, all, is_rst);
  return before(answer, own) && answer == peer && !before(peer_fin, own) && !before(peer_rst, own)
             ? Stands::open
             : Stands::talking;
}

// Some stacks acknowledge a SYN before they answer it. Such a segment is nothing yet.
Segments without_early_acks(const Segments& all) {
  Segments out;
  bool asked[2] = {false, false}, gone_on[2] = {false, false}, heard[2] = {false, false},
       answered[2] = {false, false};
  for (const Segment& s : all) {
    const int from = s.from_initiator ? 0 : 1, to = 1 - from;
    const bool bare = s.ack && !s.syn && !s.fin && !s.rst && !s.data;
    if (bare && !heard[from] && asked[to] && !gone_on[to]) continue;
    if (is_question(s) && !heard[to] && !answered[from]) asked[from] = true;
    answered[from] = answered[from] || is_answer(s);
    if (s.fin || s.rst) gone_on[from] = true;
    heard[from] = true;
    out.push_back(s);
  }
  return out;
}

}  // namespace

ConnState conn_state(const Segments& seen) {
  const Segments all = without_early_acks(seen);
  const Stands initiator = stands(all, true), responder = stands(all, false);
  const auto unheard = [](Stands s) { return s == Stands::silent || s == Stands::talking; };
  const bool any_data = std::any_of(all.begin(), all.end(), [](const Segment& s) { return s.data && !s.rst; });
  if (responder == Stands::reset) {
    if (initiator == Stands::asking) return ConnState::REJ;  // "connection attempt rejected"
    if (initiator == Stands::reset && !any_data) return ConnState::REJ;
    return unheard(initiator) ? ConnState::RSTRH : ConnState::RSTR;
  }
  if (initiator == Stands::reset) {
    if (!unheard(responder)) return ConnState::RSTO;  // "connection established, originator aborted"
    // "Originator sent a SYN followed by a RST, we never saw a SYN-ACK": and nothing between.
    const bool asked = std::any_of(all.begin(), all.end(),
                                   [](const Segment& s) { return s.from_initiator && s.syn && !s.ack && !s.rst; });
    const bool spoke = std::any_of(all.begin(), all.end(),
                                   [](const Segment& s) { return s.from_initiator && s.ack && !s.syn && !s.rst; });
    return asked && !spoke ? ConnState::RSTOS0 : ConnState::OTH;
  }
  if (initiator == Stands::closed && responder == Stands::closed) return ConnState::SF;
  if (initiator == Stands::closed) return unheard(responder) ? ConnState::SH : ConnState::S2;
  if (responder == Stands::closed) return unheard(initiator) ? ConnState::SHR : ConnState::S3;
  if (initiator == Stands::asking && responder == Stands::silent) return ConnState::S0;
  if (initiator == Stands::open && responder == Stands::open) return ConnState::S1;
  return ConnState::OTH;
}

bool established(const Segments& all, bool acknowledges_more) {
  if (conn_state(all) == ConnState::REJ) return false;
  const auto any = [&](bool initiator, auto what) {
    return std::any_of(all.begin(), all.end(),
                       [&](const Segment& s) { return s.from_initiator == initiator && what(s); });
  };
  const auto talks = [](const Segment& s) { return s.ack && !s.syn && !s.rst; };
  if (any(true, talks) && (any(false, talks) || any(false, is_answer))) return true;
  // One way of the road: an acknowledgement after one's own SYN or SYN-ACK, or of more than at first, is of
  // something that the other end said.
  for (const bool initiator : {true, false}) {
    if (any(!initiator, heard) || !any(initiator, talks)) continue;
    if (any(initiator, is_syn)) return true;
    if (any(initiator, [](const Segment& s) { return s.data && !s.rst; }) && acknowledges_more) return true;
  }
  return false;
}

}  // namespace demarc::naive
