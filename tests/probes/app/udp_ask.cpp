// Asks a UDP port of a laboratory's server every question that the table has for it, by an ordinary socket, and
// says what the readers make of the answers. For tests/lab/udp_services.
//
//   udp_ask ADDRESS PORT [ROW...]     one line for each: ROW answer BITS name|product|version|evidence, or ROW
//   silence
#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <random>

#include "probes/app/udp_probe.h"

using namespace demarc;

namespace {

constexpr std::chrono::milliseconds kWait{3000};

Token fresh_token() {
  std::random_device random;
  Token token;
  for (std::uint8_t& byte : token.bytes) byte = static_cast<std::uint8_t>(random());
  return token;
}

/// Laboratory networks only: loopback and the documentation ranges.
bool belongs_to_a_laboratory(const in_addr& address) {
  std::uint32_t a = ntohl(address.s_addr);
  return a >> 24 == 127 || a >> 8 == 0xC00002 || a >> 8 == 0xC63364 || a >> 8 == 0xCB0071;
}

bool ask(const sockaddr_in& to, const UdpProbe& probe) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return false;
  Token token = fresh_token();
  ByteString question = probe.request(token);
  sendto(fd, question.data(), question.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  auto until = std::chrono::steady_clock::now() + kWait;
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) != 1) break;
    std::array<std::uint8_t, 65536> buffer;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) break;
    if (from.sin_addr.s_addr != to.sin_addr.s_addr || (!probe.other_port && from.sin_port != to.sin_port)) continue;
    UdpHeard heard = recognise_udp(Bytes(buffer.data(), static_cast<std::size_t>(got)), probe, token);
    ServiceSeen seen = heard.seen.value_or(ServiceSeen{});
    fmt::print("{} {} {} {}|{}|{}|{}\n", probe.name, heard.is_answer ? "answer" : "stranger", heard.token_bits,
               seen.name, seen.product, seen.version, seen.evidence);
    if (std::getenv("UDP_ASK_BYTES") != nullptr)
      fmt::print("  {:02x}\n", fmt::join(buffer.begin(), buffer.begin() + got, ""));
    close(fd);
    return true;
  }
  fmt::print("{} silence\n", probe.name);
  close(fd);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  int port = argc >= 3 ? std::atoi(argv[2]) : 0;
  if (argc < 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || port < 1 || port > 65535 ||
      !belongs_to_a_laboratory(to.sin_addr)) {
    fmt::print(stderr, "usage: udp_ask ADDRESS PORT [ROW...], in a laboratory's network\n");
    return 2;
  }
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  std::vector<const UdpProbe*> probes;
  for (int i = 3; i < argc; ++i) {
    probes.push_back(find_udp_probe(argv[i]));
    if (probes.back() == nullptr) {
      fmt::print(stderr, "udp_ask: no row is called {}\n", argv[i]);
      return 2;
    }
  }
  if (probes.empty()) probes = udp_probes_for(Port{static_cast<std::uint16_t>(port)});
  for (const UdpProbe* probe : probes)
    if (!ask(to, *probe)) return 1;
  return 0;
}
