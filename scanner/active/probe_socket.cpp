#include "scanner/active/probe_socket.h"

#include <linux/errqueue.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "scanner/active/socket_address.h"

namespace demarc {

namespace {

// include/net/tcp_states.h; linux/tcp.h does not name them.
constexpr std::uint8_t kSynSent = 2, kClosed = 7;

bool is_pressure(int error) {
  return error == EMFILE || error == ENFILE || error == EADDRNOTAVAIL || error == EAGAIN || error == ENOBUFS ||
         error == ENOMEM;
}

Reply local_refusal() { return {Answer::local_refusal, std::nullopt}; }

/// The ICMP error in the socket's queue, if there is one that refuses. Packet-too-big only changes the segment
/// size.
struct QueuedError {
  std::uint8_t type = 0, code = 0;
  std::optional<Address> offender;
  bool found = false, local = false;
};

QueuedError read_error_queue(int fd) {
  for (int i = 0; i < 16; ++i) {  // bounded: a flood of errors must not keep us here
    alignas(cmsghdr) char control[512];
    char payload[64];  // the packet that caused it; we know what we sent
    iovec part{payload, sizeof payload};
    sockaddr_storage name{};
    msghdr message{};
    message.msg_name = &name;
    message.msg_namelen = sizeof name;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return {};
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      bool four = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
      bool six = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
      if ((!four && !six) || c->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(c), sizeof error);
      QueuedError queued{error.ee_type, error.ee_code, std::nullopt, true, false};
      if (error.ee_origin == SO_EE_ORIGIN_LOCAL) {
        queued.local = true;
        return queued;
      }
      if (error.ee_origin != SO_EE_ORIGIN_ICMP && error.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
      Family family = error.ee_origin == SO_EE_ORIGIN_ICMP ? Family::ipv4 : Family::ipv6;
      if (icmp_answer(family, error.ee_type, error.ee_code) == Answer::icmp_packet_too_big) continue;
      std::size_t room = c->cmsg_len - CMSG_LEN(sizeof error);
      sockaddr_storage offender{};
      std::memcpy(&offender, CMSG_DATA(c) + sizeof error, room < sizeof offender ? room : sizeof offender);
      if (std::optional<Endpoint> end = endpoint_of(reinterpret_cast<const sockaddr*>(&offender)))
        queued.offender = end->address;
      return queued;
    }
  }
  return {};
}

}  // namespace

ConnectAttempt start_connect(const Target& target, Port port, std::optional<Port> source_port,
                             bool target_is_ours) {
  SocketAddress to(target.address(), port);
  int fd = socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    int error = errno;
    if (is_pressure(error)) return {Started::pressure, -1, {}, error};
    return {Started::replied, -1, local_refusal(), error};
  }
  auto give_up = [&](Started started, int error) {
    close(fd);
    return ConnectAttempt{started, -1, started == Started::replied ? local_refusal() : Reply{}, error};
  };
  const int on = 1;
  int level = to.family() == AF_INET ? SOL_IP : SOL_IPV6;
  int option = to.family() == AF_INET ? IP_RECVERR : IPV6_RECVERR;
  if (setsockopt(fd, level, option, &on, sizeof on) != 0) return give_up(Started::pressure, errno);
  if (source_port) {
    // Many attempts may leave from one port, as long as they go to different ones.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    SocketAddress from = SocketAddress::any(target.address().family(), *source_port);
    if (bind(fd, from.get(), from.size()) != 0) {
      int error = errno;
      return give_up(error == EADDRINUSE || error == EACCES ? Started::port_taken : Started::pressure, error);
    }
  }
  if (connect(fd, to.get(), to.size()) == 0 || errno == EINPROGRESS || errno == EINTR)
    return {Started::pending, fd, {}, 0};
  int error = errno;
  if (error == ECONNREFUSED && target_is_ours) {
    close(fd);
    return {Started::replied, -1, {Answer::rst, std::nullopt}, error};
  }
  if (error == EADDRNOTAVAIL && source_port) return give_up(Started::port_taken, error);
  if (is_pressure(error)) return give_up(Started::pressure, error);
  // No route, a blackhole, a local filter's verdict (EPERM), an address that cannot be connected to: nothing left
  // us.
  return give_up(Started::replied, error);
}

bool failed_already(int fd, int& error) {
  socklen_t size = sizeof error;
  error = 0;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
}

Look read_failure(int fd, int error, const Target& target, const OwnAddresses& ours) {
  // The handshake was complete when the peer, or something in its name, took it back: ECONNRESET belongs to
  // connections, ECONNREFUSED to attempts.
  if (error == ECONNRESET || error == EPIPE) return {AttemptStage::connected, {}, true, 0};
  QueuedError queued = read_error_queue(fd);
  if (queued.found && queued.local) return {AttemptStage::replied, local_refusal(), false, 0};
  if (queued.found && queued.offender)
    return {AttemptStage::replied,
            reply_of_icmp(target.address().family(), queued.type, queued.code, *queued.offender,
                          ours.contains(*queued.offender), target.address()),
            false, 0};
  switch (error) {
    case ECONNREFUSED: return {AttemptStage::replied, {Answer::rst, std::nullopt}, false, 0};
    case ETIMEDOUT: return {AttemptStage::replied, {Answer::silence, std::nullopt}, false, 0};
    case EHOSTUNREACH: return {AttemptStage::replied, {Answer::no_neighbour, std::nullopt}, false, 0};
    default: return {AttemptStage::replied, local_refusal(), false, 0};
  }
}

Look look_at(int fd, const Target& target, const OwnAddresses& ours) {
  int error = 0;
  if (failed_already(fd, error)) return read_failure(fd, error, target, ours);
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  if (info.tcpi_state == kSynSent) {
    QueuedError queued = read_error_queue(fd);
    if (!queued.found || queued.local || !queued.offender) return {};
    return {AttemptStage::replied,
            reply_of_icmp(target.address().family(), queued.type, queued.code, *queued.offender,
                          ours.contains(*queued.offender), target.address()),
            false, 0};
  }
  // Closed without an error: it was refused between two looks at it, and the error went with the first.
  if (info.tcpi_state == kClosed) return {AttemptStage::replied, {Answer::silence, std::nullopt}, false, 0};
  return {AttemptStage::connected, {}, false, info.tcpi_rtt};
}

bool is_self_connect(int fd) {
  sockaddr_storage own{}, peer{};
  socklen_t own_size = sizeof own, peer_size = sizeof peer;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) != 0 ||
      getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0)
    return false;
  std::optional<Endpoint> a = endpoint_of(reinterpret_cast<const sockaddr*>(&own));
  return a && a == endpoint_of(reinterpret_cast<const sockaddr*>(&peer));
}

void close_by_reset(int fd) {
  linger hard{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

Port OwnSources::next(Port asked) {
  unsigned block = 0;
  if (asked.number() >= kFirst && asked.number() < kFirst + 3 * kBlock) {
    unsigned in = static_cast<unsigned>(asked.number() - kFirst) / kBlock;
    block = (in + 1) % 3;
  }
  std::uint16_t& turn = turn_[block];
  std::uint16_t port = static_cast<std::uint16_t>(kFirst + block * kBlock + turn);
  turn = static_cast<std::uint16_t>((turn + 1) % kBlock);
  return Port{port};
}

}  // namespace demarc
