// The one step of a channel that needs privilege: making its sockets. Done here for whoever has it, demarc or the
// sender program.
#pragma once

#include "scanner/active/raw/channel.h"

namespace demarc {

/// Two AF_PACKET sockets of one interface. Whoever takes them closes them.
struct PacketSockets {
  int send_fd = -1;
  int receive_fd = -1;
  /// On loopback, for IPv4: a frame put there by hand has no route with it, and the kernel drops what claims to be
  /// from itself as a martian. A raw IP socket (ours to the last byte, too) takes the kernel's own way.
  int loopback_ipv4_fd = -1;
};

/// The sending one hears nothing. The receiving one is bound last, behind a filter that is locked by then, so no
/// packet that the filter would drop ever waits in it. Without CAP_NET_RAW the error is about privilege.
Result<PacketSockets> open_packet_sockets(const ChannelOptions& options);

}  // namespace demarc
