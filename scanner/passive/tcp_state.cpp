// The rules follow what Zeek's documentation says of conn_state and what its connection log shows. The finer
// points:
//  - a SYN-ACK establishes both ends at once, so SYN, SYN-ACK, silence is S1 and a half-open scan's RST makes it
//  RSTO;
//  - a conversation seen only from its middle is OTH until somebody closes it; then its FINs and RSTs count as if
//  the
//    silent or partial end had never been seen to open (SH, SHR, RSTRH), and two FINs make SF;
//  - a FIN answered by FIN stays SF when resets trail behind it.
#include "scanner/passive/tcp_state.h"

#include "probes/wire/decode.h"

namespace demarc {

void TcpState::on_segment(int from, std::uint8_t flags, bool has_payload) {
  const int to = 1 - from;
  End& sender = end[from];
  End& peer = end[to];
  const bool is_syn = flags & tcp_flag::syn, is_ack = flags & tcp_flag::ack;
  const bool is_fin = flags & tcp_flag::fin, is_rst = flags & tcp_flag::rst;
  if (is_syn && !is_rst) {
    if (is_ack)
      sender.syn_ack = true;
    else
      sender.syn = true;
  }
  if (is_ack && !is_syn && !is_rst) sender.spoke = true;
  if (has_payload && !is_rst) sender.data = true;

  const auto reset = [&] {
    sender.before_reset = sender.now;
    sender.now = TcpEnd::reset;
  };
  switch (sender.now) {
    case TcpEnd::inactive:
      if (is_syn) {
        if (from == 0 && !is_ack) {
          // Behind its own answer it was only overtaken.
          const bool answered = peer.now == TcpEnd::established ||
                                (peer.now == TcpEnd::reset && peer.before_reset == TcpEnd::established);
          sender.now = answered ? TcpEnd::established : TcpEnd::syn_sent;
        } else {
          // The answer, or the second SYN of a simultaneous open (RFC 9293 §3.5).
          if (peer.now == TcpEnd::syn_sent) peer.now = TcpEnd::established;
          sender.now = TcpEnd::established;
        }
      }
      if (is_fin) sender.now = TcpEnd::closed;
      if (is_rst) return reset();
      if (sender.now == TcpEnd::inactive) {
        // Some stacks acknowledge a SYN before they answer it; that is not yet a conversation.
        if (from == 1 && !has_payload && peer.now == TcpEnd::syn_sent) return;
        // The handshake's last segment where we missed its first, otherwise the middle of something.
        sender.now = is_ack && peer.now == TcpEnd::established ? TcpEnd::established : TcpEnd::partial;
      }
      return;
    case TcpEnd::syn_sent:
      if (is_fin) sender.now = TcpEnd::closed;
      if (is_rst) reset();
      return;
    case TcpEnd::partial:
    case TcpEnd::established:
      if (is_syn && !is_ack && sender.now == TcpEnd::partial && peer.now == TcpEnd::inactive)
        sender.now = TcpEnd::syn_sent;
      if (is_fin && !is_rst) {
        sender.now = TcpEnd::closed;
        if (peer.now == TcpEnd::reset && peer.before_reset == TcpEnd::closed)
          peer.now = TcpEnd::closed;  // FIN, RST, FIN: an ordinary end
      }
      if (is_rst) reset();
      return;
    case TcpEnd::closed:
      if (is_rst && peer.now != TcpEnd::closed) reset();
      return;
    case TcpEnd::reset: return;
  }
}

ConnState conn_state(const TcpState& s) {
  const TcpEnd initiator = s.end[0].now, responder = s.end[1].now;
  const bool initiator_quiet = initiator == TcpEnd::inactive || initiator == TcpEnd::partial;
  const bool responder_quiet = responder == TcpEnd::inactive || responder == TcpEnd::partial;
  if (responder == TcpEnd::reset) {
    const bool both_reset_unused = initiator == TcpEnd::reset && !s.end[0].data && !s.end[1].data;
    if (initiator == TcpEnd::syn_sent || both_reset_unused) return ConnState::REJ;
    return initiator_quiet ? ConnState::RSTRH : ConnState::RSTR;
  }
  if (initiator == TcpEnd::reset) {
    if (!responder_quiet) return ConnState::RSTO;
    return s.end[0].syn && !s.end[0].spoke ? ConnState::RSTOS0 : ConnState::OTH;
  }
  if (initiator == TcpEnd::closed && responder == TcpEnd::closed) return ConnState::SF;
  if (initiator == TcpEnd::closed) return responder_quiet ? ConnState::SH : ConnState::S2;
  if (responder == TcpEnd::closed) return initiator_quiet ? ConnState::SHR : ConnState::S3;
  if (initiator == TcpEnd::syn_sent && responder == TcpEnd::inactive) return ConnState::S0;
  if (initiator == TcpEnd::established && responder == TcpEnd::established) return ConnState::S1;
  return ConnState::OTH;
}

}  // namespace demarc
