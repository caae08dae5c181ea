// One connection attempt as the kernel tells it: did it connect, was it refused, and which box said so.
//
// The order of the questions matters. SO_ERROR is asked first, because reading the error queue takes the pending
// error away, and a socket without an error looks connected. Then the state of the connection itself decides what
// "no error" means: an ICMP error that arrives while the socket is busy inside connect() lands in the queue and
// leaves the socket in SYN_SENT, neither failed nor connected.
#pragma once

#include <cstdint>
#include <optional>

#include "probes/readings/readings.h"
#include "rules/net/flow.h"
#include "rules/policy/scope.h"
#include "scanner/active/local.h"

namespace demarc {

/// What became of trying to start.
enum class Started : std::uint8_t {
  pending,    // under way
  replied,    // decided already
  pressure,   // we ran out of something of our own (descriptors, ports, buffers): ask later, it is no outcome
  port_taken  // the source port cannot be used for this
};

struct ConnectAttempt {
  Started started = Started::pending;
  int fd = -1;    // pending only; the caller closes it
  Reply reply;    // replied only
  int error = 0;  // what the kernel said, for messages
};

/// Starts to connect without waiting. A source port is chosen by the kernel unless one is given.
ConnectAttempt start_connect(const Target& target, Port port, std::optional<Port> source_port, bool target_is_ours);

enum class AttemptStage : std::uint8_t { pending, connected, replied };
struct Look {
  AttemptStage stage = AttemptStage::pending;
  Reply reply;               // replied
  bool gone = false;         // connected, and reset already
  std::uint32_t rtt_us = 0;  // connected: as TCP measured it
};

/// Asks how far it got.
Look look_at(int fd, const Target& target, const OwnAddresses& ours);
/// Only whether it failed already; cheaper than look_at for a socket that was just started.
bool failed_already(int fd, int& error);
/// What the error that failed_already took away means.
Look read_failure(int fd, int error, const Target& target, const OwnAddresses& ours);

/// The kernel connected the socket to itself: both ends have one address (RFC 9293 §3.5, simultaneous open).
bool is_self_connect(int fd);
/// Closes by a reset: the peer and every filter between forget the connection at once. For connections that carried
/// no data; one that did is closed in order, so that the peer can read what it was sent.
void close_by_reset(int fd);

/// Source ports for targets that are this machine itself. If the source port of one attempt were the port asked by
/// another, the two could connect to each other and both would look open. So sources come from three blocks in
/// turn: asked ports outside all blocks and in the third use the first, those in the first the second, those in the
/// second the third. Then no two attempts can ever ask each other's source.
class OwnSources {
 public:
  static constexpr std::uint16_t kBlock = 1024, kFirst = 61440;  // above the usual ephemeral range; ends at 64511
  Port next(Port asked);

 private:
  std::uint16_t turn_[3] = {0, 0, 0};
};

}  // namespace demarc
