#include "scanner/active/raw/packet_sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "scanner/active/raw/packet_filter.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23  // since Linux 4.20
#endif

namespace demarc {

namespace {

bool bind_to(int fd, int interface_index, std::uint16_t protocol) {
  sockaddr_ll own{};
  own.sll_family = AF_PACKET;
  own.sll_protocol = htons(protocol);
  own.sll_ifindex = interface_index;
  return bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0;
}

}  // namespace

Result<PacketSockets> open_packet_sockets(const ChannelOptions& options) {
  const NetworkInterface& interface = options.interface;
  std::vector<sock_filter> filter =
      DEMARC_TRY(packet_filter(options.filter, interface.header == LinkHeader::ethernet && !interface.loopback));
  PacketSockets opened;
  auto fail = [&](std::string_view what) {
    int cause = errno;
    for (int fd : {opened.send_fd, opened.receive_fd, opened.loopback_ipv4_fd})
      if (fd >= 0) close(fd);
    return failure(
        fmt::format("cannot {} on interface {}: {}", what, interface.name, std::strerror(cause)),
        cause == EPERM || cause == EACCES ? "raw probes need CAP_NET_RAW: 'demarc doctor' says how" : "");
  };
  // Protocol 0 hears nothing. Where there is no link header the kernel is told each packet's protocol instead.
  int type = interface.header == LinkHeader::none ? SOCK_DGRAM : SOCK_RAW;
  opened.send_fd = socket(AF_PACKET, type | SOCK_CLOEXEC, 0);
  if (opened.send_fd < 0) return fail("open a packet socket");
  int on = 1;
  // Both are only wishes: an old kernel or a small limit costs speed, not answers.
  if (options.bypass_qdisc) setsockopt(opened.send_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  int buffer = 4 << 20;
  if (setsockopt(opened.send_fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0)
    setsockopt(opened.send_fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  if (!bind_to(opened.send_fd, interface.index, 0)) return fail("send");

  if (interface.loopback) {
    // IPPROTO_RAW: the header is ours (raw(7)), and nothing is ever received.
    opened.loopback_ipv4_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (opened.loopback_ipv4_fd < 0) return fail("open a raw socket");
    if (!attach_filter(opened.loopback_ipv4_fd, deaf_filter())) return fail("attach a filter");
    setsockopt(opened.loopback_ipv4_fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  }

  // SOCK_DGRAM: packets begin with their IP header on every kind of link, and so the filter is the same for all.
  opened.receive_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (opened.receive_fd < 0) return fail("open a packet socket");
  if (!attach_filter(opened.receive_fd, filter)) return fail("attach a packet filter");
  setsockopt(opened.receive_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  if (!bind_to(opened.receive_fd, interface.index, ETH_P_ALL)) return fail("receive");
  return opened;
}

}  // namespace demarc
