// The words of Zeek's documentation, and the facts that they need. For each end: how it last stood. An end is
//   reset   if it sent an RST, unless both had sent their FINs by then (an end is an end, whatever trails behind),
//   closed  if it sent a FIN,
//   open    if its SYN was answered, or it answered one,
//   asking  if its SYN was not,
//   talking if it was heard without any of that,
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

Stands stands(const Segments& all, bool initiator) {
  const auto own = [&](auto what) {
    return first(all, [&](const Segment& s) { return s.from_initiator == initiator && what(s); });
  };
  const auto peer = [&](auto what) {
    return first(all, [&](const Segment& s) { return s.from_initiator != initiator && what(s); });
  };
  const auto is_fin = [](const Segment& s) { return s.fin && !s.rst; };
  const auto is_rst = [](const Segment& s) { return s.rst; };
  const auto fin = own(is_fin), peer_fin = peer(is_fin), rst = own(is_rst), peer_rst = peer(is_rst);
  if (rst) {
    const bool both_had_ended = before(fin, rst) && before(peer_fin, rst);
    // FIN, RST, and then the other's FIN: it had not heard of the reset yet. An ordinary end.
    const bool ended_around = before(fin, rst) && peer_fin && *peer_fin > *rst && !before(peer_rst, peer_fin);
    if (!both_had_ended && !ended_around) return Stands::reset;
  }
  if (fin) return Stands::closed;
  if (!own([](const Segment&) { return true; })) return Stands::silent;
  const auto asked = [](const Segment& s) { return s.syn && !s.rst; };
  const auto peer_syn = peer(asked);
  if (own(asked)) return !initiator || peer_syn ? Stands::open : Stands::asking;
  // Heard without a SYN of its own: the handshake's last segment where the other's SYN-ACK was seen.
  return peer([](const Segment& s) { return s.syn && s.ack; }) ? Stands::open : Stands::talking;
}

}  // namespace

ConnState conn_state(const Segments& all) {
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
  const auto any = [&](bool initiator, auto what) {
    return std::any_of(all.begin(), all.end(),
                       [&](const Segment& s) { return s.from_initiator == initiator && what(s); });
  };
  const auto talks = [](const Segment& s) { return s.ack && !s.syn && !s.rst; };
  const auto answers = [](const Segment& s) { return s.syn && s.ack && !s.rst; };
  const auto heard = [](const Segment&) { return true; };
  if (any(true, talks) && (any(false, talks) || any(false, answers))) return true;
  // One way of the road: an acknowledgement after one's own SYN or SYN-ACK, or of more than at first, is of
  // something that the other end said.
  for (const bool initiator : {true, false}) {
    if (any(!initiator, heard) || !any(initiator, talks)) continue;
    if (any(initiator, [](const Segment& s) { return s.syn && !s.rst; })) return true;
    if (any(initiator, [](const Segment& s) { return s.data && !s.rst; }) && acknowledges_more) return true;
  }
  return false;
}

}  // namespace demarc::naive
