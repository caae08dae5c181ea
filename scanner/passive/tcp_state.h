// What the flags of a TCP conversation say about it, in Zeek's terms: a state for each end, and from both the
// connection state of conn.log.
#pragma once

#include <cstdint>
#include <utility>

#include "rules/evidence/observed_flow.h"

namespace demarc {

/// What one end was seen to do.
enum class TcpEnd : std::uint8_t {
  inactive,     // nothing
  syn_sent,     // asked
  partial,      // talked, and we did not see it begin
  established,  // shook hands
  closed,       // sent a FIN
  reset,        // sent a RST
};

/// Both ends; index 0 is the initiator. Four bytes: one for each conversation.
struct TcpState {
  struct End {
    TcpEnd now : 3 = TcpEnd::inactive;
    TcpEnd before_reset : 3 = TcpEnd::inactive;
    bool syn : 1 = false;      // sent a SYN without ACK
    bool syn_ack : 1 = false;  // sent a SYN with ACK
    bool spoke : 1 = false;    // sent an acknowledging segment that is neither SYN nor RST
    bool data : 1 = false;     // sent payload
  } end[2];

  /// One segment from end `from`.
  void on_segment(int from, std::uint8_t flags, bool has_payload);
  /// The same for a segment without SYN, FIN and RST of an end that was heard before: it changes little.
  void on_more(int from, bool has_ack, bool has_payload) {
    end[from].spoke = end[from].spoke || has_ack;
    end[from].data = end[from].data || has_payload;
  }
  /// The other end was the initiator after all.
  void swap_ends() { std::swap(end[0], end[1]); }
  /// Nothing more will follow but retransmissions.
  bool over() const {
    return end[0].now == TcpEnd::reset || end[1].now == TcpEnd::reset ||
           (end[0].now == TcpEnd::closed && end[1].now == TcpEnd::closed);
  }
  bool shook_hands_or_both_talked() const { return end[0].spoke && (end[1].spoke || end[1].syn_ack); }
  /// A SYN or SYN-ACK of either end was seen.
  bool saw_handshake() const { return end[0].syn || end[1].syn || end[0].syn_ack || end[1].syn_ack; }
};
static_assert(sizeof(TcpState) == 4);

ConnState conn_state(const TcpState& state);

}  // namespace demarc
