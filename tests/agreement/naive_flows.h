// A second implementation of what scanner/passive does: who opened which conversation, how it went, and how much it
// carried. Written from the definitions (Zeek's documentation of conn_state, RFC 9293, RFC 4787, RFC 5382 and the
// README.md of scanner/passive), with maps, without bounds, after the whole capture is in memory, and without a
// look at flow_table.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "rules/net/time.h"
#include "tests/agreement/naive_packet.h"

namespace demarc::naive {

struct Conversation {
  Protocol protocol;
  Endpoint initiator, responder;  // ICMP: both ports hold the identifier
  IcmpType icmp;                  // of the query
  ConnState state = ConnState::OTH;
  bool established = false;
  bool told = false;  // a handshake told who opened it, and only one end did
  std::uint64_t packets_out = 0, packets_in = 0, bytes_out = 0, bytes_in = 0;
  Timestamp first, last;
};

/// Packets in the order of the capture. `server_ports` decide where neither handshake nor partners do.
std::vector<Conversation> conversations(const std::vector<std::pair<Timestamp, Packet>>& packets,
                                        const PortSet& server_ports_tcp, const PortSet& server_ports_udp);

}  // namespace demarc::naive
