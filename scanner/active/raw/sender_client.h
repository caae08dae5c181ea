// How demarc and its privileged helper talk. The helper is started with a SOCK_SEQPACKET socket as its standard
// input, is told by its arguments what to open, answers with one message, and ends:
//
//   demarc-sender check                                           -> "ok"
//   demarc-sender open INTERFACE-NUMBER TCP-PORTS UDP-PORTS bypass|queue [ADDRESS...]
//                                                                 -> "ok" and descriptors: send, receive; on
//                                                                    loopback a third, see packet_sockets.h
//   anything that goes wrong                                      -> what and why, no descriptor
#pragma once

#include <string>
#include <vector>

#include "scanner/active/raw/packet_sockets.h"

namespace demarc {

inline constexpr std::string_view kSenderAnswerOk = "ok";
inline constexpr int kSenderSocket = 0;

/// Whether the program can open packet sockets here; otherwise the error says why not.
Result<void> check_sender(const std::string& program);
Result<PacketSockets> open_by_sender(const std::string& program, const ChannelOptions& options);

}  // namespace demarc
