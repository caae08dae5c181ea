#include "scanner/passive/handshake.h"

#include <utility>

namespace demarc {

namespace {
constexpr std::int64_t kReordering =
    3'000'000'000;  // nanoseconds: how late a packet may be and still belong in front
constexpr std::uint8_t kTcp = 6;
}  // namespace

void swap_ends(Conversation& c, ConversationDetail& d) {
  c.initiator_is_low = !c.initiator_is_low;
  c.tcp.swap_ends();
  std::swap(c.bytes[0], c.bytes[1]);
  std::swap(c.packets[0], c.packets[1]);
  std::swap(c.first_ack[0], c.first_ack[1]);
  const auto swapped = [](std::uint8_t ends) { return static_cast<std::uint8_t>(ends >> 1 | (ends & 1) << 1); };
  c.spoke_ends = swapped(c.spoke_ends) & Conversation::kBoth;
  c.asked_ends = swapped(c.asked_ends) & Conversation::kBoth;
  std::swap(d.first_seq[0], d.first_seq[1]);
  std::swap(d.payload_mark[0], d.payload_mark[1]);
  std::swap(d.ttl[0], d.ttl[1]);
}

bool begins_anew(const Conversation& c, const ConversationDetail& d, std::int64_t at, int from,
                 const PacketDigest& packet) {
  if (c.key.protocol() != kTcp || (packet.tcp_flags & tcp_flag::rst) || !(packet.tcp_flags & tcp_flag::syn))
    return false;
  const int to = 1 - from;
  const TcpState::End &sender = c.tcp.end[from], &peer = c.tcp.end[to];
  // Where we came in at the middle, perhaps only by a reordering: the handshake then lies just before what we saw
  // first.
  const bool fits_in_front =
      c.spoke(from) && d.first_seq[from] - (packet.tcp_seq + 1) <= 65536 && at - d.began <= kReordering;
  if (packet.tcp_flags & tcp_flag::ack) {
    if (!c.spoke(from)) return false;
    // Behind an end, or behind its own FIN where the other direction goes another way and is never seen.
    const bool ended = sender.now == TcpEnd::closed && (sender.syn || sender.syn_ack);
    if (c.tcp.over() || ended) return d.first_seq[from] != packet.tcp_seq;
    // Beside a handshake it is a retransmission, whatever its number (SYN cookies).
    return !c.tcp.saw_handshake() && !fits_in_front;
  }
  if (sender.syn || sender.syn_ack)
    return d.first_seq[from] != packet.tcp_seq;                    // another number, another conversation
  if (peer.syn) return c.tcp.over() || peer.spoke;                 // simultaneous open, unless it is long open
  if (peer.syn_ack) return c.first_ack[to] != packet.tcp_seq + 1;  // the SYN behind its own answer
  return c.tcp.over() || !fits_in_front;
}

void learn_from_handshake(Conversation& c, ConversationDetail& d, int& from, const PacketDigest& packet) {
  const bool syn = packet.tcp_flags & tcp_flag::syn, ack = packet.tcp_flags & tcp_flag::ack,
             rst = packet.tcp_flags & tcp_flag::rst;
  if (syn && !rst) {
    if (!c.tcp.saw_handshake()) {
      if ((ack && from == 0) || (!ack && from == 1)) {
        swap_ends(c, d);
        from = 1 - from;
      }
      c.certain = true;
    } else if (!ack && from == 1 && c.tcp.end[0].syn) {
      c.certain = false;
    }
    const TcpState::End& sender = c.tcp.end[from];
    if (!sender.syn && !sender.syn_ack) d.first_seq[from] = packet.tcp_seq;
    if (ack && !sender.syn_ack) c.first_ack[from] = packet.tcp_ack;
  } else if (!c.spoke(from)) {
    d.first_seq[from] = packet.tcp_seq;
    c.first_ack[from] = packet.tcp_ack;
  }
}

ConnState state_of(const Conversation& c) {
  if (c.refused && !c.spoke(1)) return ConnState::REJ;
  if (c.key.protocol() == kTcp) return conn_state(c.tcp);
  if (!c.spoke(0)) return ConnState::SHR;
  return c.spoke(1) ? ConnState::SF : ConnState::S0;
}

bool took_part(const Conversation& c) {
  if (state_of(c) == ConnState::REJ) return false;
  if (c.key.protocol() != kTcp) return c.both_spoke();
  if (c.tcp.shook_hands_or_both_talked()) return true;
  for (const int i : {0, 1}) {
    const TcpState::End& end = c.tcp.end[i];
    if (!c.spoke(1 - i) && end.spoke && (end.syn || end.syn_ack || (end.data && c.acknowledged_more))) return true;
  }
  return false;
}

bool is_backscatter(const Conversation& c) {
  if (c.key.protocol() != kTcp || c.established) return false;
  for (const int i : {0, 1}) {
    const TcpState::End& end = c.tcp.end[i];
    const bool answered = end.syn_ack || end.now == TcpEnd::reset;
    if (!c.spoke(1 - i) && answered && !end.syn && !end.spoke && !end.data) return true;
  }
  return false;
}

}  // namespace demarc
