// What the flags of a TCP conversation say about it, in Zeek's terms: a state for each end, and from both the
// connection state of conn.log.
#pragma once

#include <cstdint>

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

/// Both ends; index 0 is the initiator. Kept small: one for each conversation.
struct TcpState {
  TcpEnd now[2] = {TcpEnd::inactive, TcpEnd::inactive};
  TcpEnd before_reset[2] = {TcpEnd::inactive, TcpEnd::inactive};
  bool syn[2] = {false, false};      // sent a SYN without ACK
  bool syn_ack[2] = {false, false};  // sent a SYN with ACK
  bool spoke[2] = {false, false};    // sent an acknowledging segment that is neither SYN nor RST
  bool data[2] = {false, false};     // sent payload

  /// One segment from end `from`.
  void on_segment(int from, std::uint8_t flags, bool has_payload);
  /// The other end was the initiator after all.
  void swap_ends();
  /// Nothing more will follow but retransmissions.
  bool over() const;
  bool shook_hands_or_both_talked() const { return spoke[0] && (spoke[1] || syn_ack[1]); }
};

ConnState conn_state(const TcpState& state);

}  // namespace demarc
