// Zeek's conn_state from the whole list of a conversation's segments.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/evidence/observed_flow.h"

namespace demarc::naive {

struct Segment {
  bool from_initiator = true;
  bool syn = false, ack = false, fin = false, rst = false;
  bool data = false;
};

ConnState conn_state(const std::vector<Segment>& segments);
/// Both ends took part, as far as the segments show: a completed handshake, both sides talking, or one side in view
/// that acknowledges what the other must have said.
bool established(const std::vector<Segment>& segments, bool acknowledges_more);

}  // namespace demarc::naive
