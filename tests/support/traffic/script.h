// Conversations as short scripts. What is between parentheses happened, and the capture does not show it.
//
//   TCP:  S SYN  H SYN-ACK  A acknowledgement  D data  F FIN  R RST with ACK  K RST alone  P keep-alive probe
//         capitals from the initiator, small letters from the responder
//   UDP and others:  > from the initiator  < from the responder
//   both: *  the last packet once more, a little later      ~  the last two packets change places on the way
//         .  a second passes    :  75 seconds    !  40 minutes
#pragma once

#include <string_view>

#include "tests/support/traffic/made_capture.h"
#include "tests/support/traffic/world.h"

namespace demarc::traffic {

/// Which direction the capture point lies on (asymmetric routing).
enum class Seen : std::uint8_t { both, initiator, responder };

/// What a script needs besides itself.
struct Cast {
  std::uint32_t flow = kNone;
  Endpoint initiator = {}, responder = {};
  Seen seen = Seen::both;
  IpCraft ip = {};                                                // of every packet
  std::string_view client_says = {}, server_says = {};            // the first data of each; "": filler
  std::vector<std::string> client_lines = {}, server_lines = {};  // if set: the data segments in order
  std::uint16_t vlan = 0;
};

/// Plays it from `at` on; returns the time of the last packet.
Timestamp play_tcp(MadeCapture& capture, World& world, const Cast& cast, std::string_view script, Timestamp at);
Timestamp play_udp(MadeCapture& capture, World& world, const Cast& cast, std::string_view script, Timestamp at);
/// ICMP queries of that type and their replies; the identifier is the initiator's port.
Timestamp play_icmp(MadeCapture& capture, World& world, const Cast& cast, std::string_view script,
                    std::uint8_t query, std::uint8_t reply, Timestamp at);
/// Packets of a protocol without ports.
Timestamp play_raw(MadeCapture& capture, World& world, const Cast& cast, Protocol protocol, std::string_view script,
                   Timestamp at);

}  // namespace demarc::traffic
