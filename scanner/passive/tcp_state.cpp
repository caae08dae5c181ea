// The rules follow what Zeek's documentation says of conn_state and what its connection log shows. The finer
// points:
//  - a SYN-ACK establishes both ends at once, so SYN, SYN-ACK, silence is S1 and a half-open scan's RST makes it
//  RSTO;
//  - a conversation seen only from its middle is OTH until somebody closes it; then its FINs and RSTs count as if
//  the
//    silent or partial end had never been seen to open (SH, SHR, RSTRH), and two FINs make SF;
//  - a FIN answered by FIN stays SF when resets trail behind it.
#include "scanner/passive/tcp_state.h"

#include <utility>

#include "probes/wire/decode.h"

namespace demarc {

void TcpState::on_segment(int from, std::uint8_t flags, bool has_payload) {
  const int to = 1 - from;
  TcpEnd& end = now[from];
  TcpEnd& peer = now[to];
  const bool is_syn = flags & tcp_flag::syn, is_ack = flags & tcp_flag::ack;
  const bool is_fin = flags & tcp_flag::fin, is_rst = flags & tcp_flag::rst;
  if (is_syn && !is_rst) (is_ack ? syn_ack : syn)[from] = true;
  if (is_ack && !is_syn && !is_rst) spoke[from] = true;
  if (has_payload && !is_rst) data[from] = true;

  const auto reset = [&] {
    before_reset[from] = end;
    end = TcpEnd::reset;
  };
  switch (end) {
    case TcpEnd::inactive:
      if (is_syn) {
        if (from == 0 && !is_ack) {
          end = TcpEnd::syn_sent;
        } else {
          // The answer, or the second SYN of a simultaneous open (RFC 9293 §3.5).
          if (peer == TcpEnd::syn_sent) peer = TcpEnd::established;
          end = TcpEnd::established;
        }
      }
      if (is_fin) end = TcpEnd::closed;
      if (is_rst) return reset();
      if (end == TcpEnd::inactive) {
        // Some stacks acknowledge a SYN before they answer it; that is not yet a conversation.
        if (from == 1 && !has_payload && peer == TcpEnd::syn_sent) return;
        // The handshake's last segment where we missed its first, otherwise the middle of something.
        end = is_ack && peer == TcpEnd::established ? TcpEnd::established : TcpEnd::partial;
      }
      return;
    case TcpEnd::syn_sent:
      if (is_fin) end = TcpEnd::closed;
      if (is_rst) reset();
      return;
    case TcpEnd::partial:
    case TcpEnd::established:
      if (is_syn && !is_ack && end == TcpEnd::partial && peer == TcpEnd::inactive) end = TcpEnd::syn_sent;
      if (is_fin && !is_rst) {
        end = TcpEnd::closed;
        if (peer == TcpEnd::reset && before_reset[to] == TcpEnd::closed)
          peer = TcpEnd::closed;  // FIN, RST, FIN: an ordinary end
      }
      if (is_rst) reset();
      return;
    case TcpEnd::closed:
      if (is_rst && peer != TcpEnd::closed) reset();
      return;
    case TcpEnd::reset: return;
  }
}

void TcpState::swap_ends() {
  std::swap(now[0], now[1]);
  std::swap(before_reset[0], before_reset[1]);
  std::swap(syn[0], syn[1]);
  std::swap(syn_ack[0], syn_ack[1]);
  std::swap(spoke[0], spoke[1]);
  std::swap(data[0], data[1]);
}

bool TcpState::over() const {
  return now[0] == TcpEnd::reset || now[1] == TcpEnd::reset ||
         (now[0] == TcpEnd::closed && now[1] == TcpEnd::closed);
}

ConnState conn_state(const TcpState& s) {
  const TcpEnd initiator = s.now[0], responder = s.now[1];
  const bool initiator_quiet = initiator == TcpEnd::inactive || initiator == TcpEnd::partial;
  const bool responder_quiet = responder == TcpEnd::inactive || responder == TcpEnd::partial;
  if (responder == TcpEnd::reset) {
    const bool both_reset_unused = initiator == TcpEnd::reset && !s.data[0] && !s.data[1];
    if (initiator == TcpEnd::syn_sent || both_reset_unused) return ConnState::REJ;
    return initiator_quiet ? ConnState::RSTRH : ConnState::RSTR;
  }
  if (initiator == TcpEnd::reset) {
    if (!responder_quiet) return ConnState::RSTO;
    return s.syn[0] && !s.spoke[0] ? ConnState::RSTOS0 : ConnState::OTH;
  }
  if (initiator == TcpEnd::closed && responder == TcpEnd::closed) return ConnState::SF;
  if (initiator == TcpEnd::closed) return responder_quiet ? ConnState::SH : ConnState::S2;
  if (responder == TcpEnd::closed) return initiator_quiet ? ConnState::SHR : ConnState::S3;
  if (initiator == TcpEnd::syn_sent && responder == TcpEnd::inactive) return ConnState::S0;
  if (initiator == TcpEnd::established && responder == TcpEnd::established) return ConnState::S1;
  return ConnState::OTH;
}

}  // namespace demarc
