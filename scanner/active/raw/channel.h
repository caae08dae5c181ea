// The wire, in batches: frames out over AF_PACKET, packets in from a TPACKET_V3 ring behind a kernel filter.
// Opening one needs CAP_NET_RAW; using it does not, so privilege can be given up in between (privilege.h).
//
// It knows frames and nothing else: no scope, no pace, no meaning. Only the raw engine holds one, and that makes
// packets for `Target`s alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/time.h"
#include "rules/text/result.h"
#include "scanner/active/raw/routes.h"

namespace demarc {

/// What the kernel lets into the ring: TCP and UDP to these ports of ours, all ICMP and ICMPv6, ARP, to our
/// addresses (Ethernet: ARP and ND whoever they are for). Everything else is dropped before it is copied. Fragments
/// are let in.
struct ChannelFilter {
  std::vector<Address> addresses;  // ours, that answers come to; empty: any
  PortRange tcp_ports{Port{0}, Port{65535}}, udp_ports{Port{0}, Port{65535}};
};

struct ChannelOptions {
  NetworkInterface interface;
  ChannelFilter filter;
  std::size_t ring_bytes = 32U << 20;  // less where memory is scarce; 0: no ring, a system call for a few packets
  std::uint32_t batch = 128;           // packets given to the kernel at once
  bool bypass_qdisc = true;            // where the driver can; the queueing discipline would only delay
};

/// One packet that came in, from its IP header on (an ARP packet: from its own). Valid until the callback returns.
struct Received {
  Bytes packet;
  bool arp = false;
  LinkAddress from;      // of the link layer
  Timestamp at;          // the kernel's, CLOCK_REALTIME
  std::uint32_t length;  // on the wire, which may be more than was captured
};

class Channel {
 public:
  static Result<Channel> open(const ChannelOptions& options);
  /// From descriptors that the privileged sender program opened and set up (same options); the channel owns them
  /// from now on. Loopback needs a third one (packet_sockets.h).
  static Result<Channel> adopt(const ChannelOptions& options, int send_fd, int receive_fd,
                               int loopback_ipv4_fd = -1);
  ~Channel();
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;

  const NetworkInterface& interface() const;

  /// Room for the next packet, from its IP header on: interface().mtu bytes (at most 9000), to be filled and then
  /// committed. The bytes of an earlier packet may still be in it. Valid until commit() or flush().
  std::span<std::uint8_t> room();
  /// Queues what was written into room(), for the link address `to` (zeros for loopback). `ip`: else an ARP packet.
  void commit(std::size_t length, const LinkAddress& to, bool ip = true);
  bool full() const;  // batch reached: flush before more
  std::size_t queued() const;
  struct Flushed {
    std::uint32_t sent = 0;
    std::uint32_t lost = 0;  // refused for good (too long, for instance): not sent, not retried
    int error = 0;           // of the last refusal
    bool try_again = false;  // the kernel's queue is full (ENOBUFS, EAGAIN): what is left stays queued
    bool down = false;       // ENETDOWN, ENXIO, ENODEV: the interface is gone for now; what is left stays queued
  };
  /// Gives the queue to the kernel.
  Flushed flush();
  /// Forgets what is queued.
  void discard();

  /// Hands over everything that has come in by now, at most `packets_max`; returns how many.
  std::size_t receive(const std::function<void(const Received&)>& take, std::size_t packets_max = 65536);
  /// For poll(): readable when a block of the ring is ready (at the latest after a millisecond or two).
  int poll_fd() const;
  /// Packets that the ring had no room for, since opening.
  std::uint64_t dropped();

 private:
  struct State;
  explicit Channel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace demarc
