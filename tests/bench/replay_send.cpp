// Sends the frames of an Ethernet capture out of an interface at a rate, for tests/bench/live_lab:
//   replay_send CAPTURE INTERFACE PACKETS_PER_SECOND SECONDS
// sendmmsg on AF_PACKET without the queueing discipline, 64 frames a call, at moments that the clock gives; when
// the capture is at its end it begins again. Prints how many were sent and how long that took. Only ever to be run
// inside namespaces of one's own.
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <time.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "scanner/files/capture_reader.h"

namespace {

using namespace demarc;

double now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t rate = 0, seconds = 0;
  const auto number = [](const char* text, std::uint64_t& out) {
    return std::from_chars(text, text + std::strlen(text), out).ec == std::errc{} && out != 0;
  };
  if (argc != 5 || !number(argv[3], rate) || !number(argv[4], seconds)) {
    fmt::print(stderr, "usage: {} CAPTURE INTERFACE PACKETS_PER_SECOND SECONDS\n", argv[0]);
    return 2;
  }
  auto reader = open_capture(argv[1]);
  if (!reader) {
    fmt::print(stderr, "{}: {}\n", argv[1], reader.error().what);
    return 2;
  }
  // All in memory first: what reading costs must not be part of the rate.
  std::vector<std::uint8_t> bytes;
  std::vector<std::pair<std::size_t, std::size_t>> frames;
  std::array<CapturePacket, 32> batch;
  while (const std::size_t count = (*reader)->read(batch))
    for (std::size_t i = 0; i < count; ++i) {
      if (batch[i].bytes.size() > 1514) continue;
      frames.emplace_back(bytes.size(), batch[i].bytes.size());
      bytes.insert(bytes.end(), batch[i].bytes.begin(), batch[i].bytes.end());
    }
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(::if_nametoindex(argv[2]));
  to.sll_protocol = htons(ETH_P_ALL);
  const int yes = 1, room = 8 << 20;
  if (fd < 0 || frames.empty() || to.sll_ifindex == 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      ::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0) {
    fmt::print(stderr, "replay_send: {} cannot be sent to: {}\n", argv[2], std::strerror(errno));
    return 2;
  }
  constexpr std::size_t kBatch = 64;
  std::array<iovec, kBatch> pieces{};
  std::array<mmsghdr, kBatch> messages{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const std::uint64_t total = rate * seconds;
  std::uint64_t sent = 0;
  const double start = now();
  while (sent < total && now() - start < static_cast<double>(seconds) * 2) {
    const double due = (now() - start) * static_cast<double>(rate);
    if (static_cast<double>(sent) > due) {
      const double early = (static_cast<double>(sent) - due) / static_cast<double>(rate);
      const timespec pause{0, static_cast<long>(std::min(early, 0.001) * 1e9)};
      ::nanosleep(&pause, nullptr);
      continue;
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      const auto [at, length] = frames[(sent + i) % frames.size()];
      pieces[i] = {bytes.data() + at, length};
    }
    const int done = ::sendmmsg(fd, messages.data(), kBatch, 0);
    if (done < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
      fmt::print(stderr, "replay_send: {}\n", std::strerror(errno));
      return 2;
    }
    if (done > 0) sent += static_cast<std::uint64_t>(done);
  }
  fmt::print("{} {:.3f}\n", sent, now() - start);
  return 0;
}
