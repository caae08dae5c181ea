// The one part of demarc that needs privilege where demarc itself has none: it opens the packet sockets of one
// interface, passes them to whoever started it, and ends. It reads no file of anybody's and not one packet.
//
// Whoever may start it may send what they like on this machine's interfaces, and see what answers: give it its
// capability, and the right to execute it to a group only, as for tcpdump. It never hands out a socket that hears
// more than packets for this machine's own addresses. raw/sender_client.h says what it is asked and answers.
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "scanner/active/local.h"
#include "scanner/active/raw/capabilities.h"
#include "scanner/active/raw/packet_sockets.h"
#include "scanner/active/raw/routes.h"
#include "scanner/active/raw/sender_client.h"

namespace demarc {
namespace {

constexpr std::size_t kWordsMax = 300;

Result<ChannelOptions> read_request(std::span<char*> words) {
  if (words.size() < 4 || words.size() > kWordsMax) return failure("wrong number of arguments");
  std::string_view number = words[0];
  int index = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (error != std::errc{} || end != number.data() + number.size() || index <= 0)
    return failure("the interface is not a number");
  ChannelOptions options;
  options.filter.tcp_ports = DEMARC_TRY(parse_port_range(words[1]));
  options.filter.udp_ports = DEMARC_TRY(parse_port_range(words[2]));
  std::string_view queueing = words[3];
  if (queueing != "bypass" && queueing != "queue") return failure("neither 'bypass' nor 'queue'");
  options.bypass_qdisc = queueing == "bypass";

  std::vector<LocalAddress> local = DEMARC_TRY(local_addresses());
  OwnAddresses own(local);
  for (const char* word : words.subspan(4)) {
    std::optional<Address> address = parse_address(word);
    if (!address) return failure("an argument is not an address");
    if (!own.contains(*address)) return failure("an address is not one of this machine");
    options.filter.addresses.push_back(*address);
  }
  if (options.filter.addresses.empty())
    for (const LocalAddress& one : local) options.filter.addresses.push_back(one.address);

  // What the interface is like is the kernel's to say, not the caller's.
  Routes routes = DEMARC_TRY(Routes::open());
  options.interface = DEMARC_TRY(routes.interface(index));
  return options;
}

Result<PacketSockets> serve(std::span<char*> words) {
  if (words.empty()) return failure("nothing was asked for");
  std::string_view command = words[0];
  if (command == "check" && words.size() == 1) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) return failure(std::string("cannot open a packet socket: ") + std::strerror(errno));
    close(fd);
    return PacketSockets{};
  }
  if (command != "open") return failure("unknown command");
  ChannelOptions options = DEMARC_TRY(read_request(words.subspan(1)));
  return open_packet_sockets(options);
}

bool answer(std::string_view text, const PacketSockets& sockets) {
  text = text.substr(0, 500);
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))]{};
  if (sockets.send_fd >= 0) {
    const int passed[] = {sockets.send_fd, sockets.receive_fd, sockets.loopback_ipv4_fd};
    const std::size_t size = (sockets.loopback_ipv4_fd >= 0 ? 3 : 2) * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), passed, size);
  }
  return sendmsg(kSenderSocket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

/// Whether somebody who knows how to talk to us is at the other end.
bool socket_is_ours() {
  int domain = 0, type = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(kSenderSocket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) return false;
  size = sizeof type;
  return getsockopt(kSenderSocket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int run(std::span<char*> words) {
  // Root has everything, a file capability may say too much: one of them is enough.
  bool reduced = keep_capabilities(std::uint64_t{1} << CAP_NET_RAW) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  if (!socket_is_ours()) {
    constexpr std::string_view kUsage =
        "demarc-sender: opens packet sockets for demarc, which starts it by itself\n";
    [[maybe_unused]] ssize_t told = write(STDERR_FILENO, kUsage.data(), kUsage.size());
    return 2;
  }
  if (!reduced) return answer("cannot drop capabilities", {}) ? 1 : 2;
  Result<PacketSockets> opened = serve(words);
  if (!keep_capabilities(0)) return 2;
  if (!opened) {
    answer(opened.error().what, {});
    return 1;
  }
  return answer(kSenderAnswerOk, *opened) ? 0 : 2;
}

}  // namespace
}  // namespace demarc

int main(int count, char** words) {
  return demarc::run({words + (count > 0 ? 1 : 0), static_cast<std::size_t>(count > 0 ? count - 1 : 0)});
}
