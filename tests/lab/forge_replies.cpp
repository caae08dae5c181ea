// Forged replies, as fast as this machine makes them: what a neighbour could send who wants a scanner to believe
// that ports are open, closed or refused. Each has the target's address as its source and guesses everything it
// cannot know (our port, the sequence number, the question that an ICMP error quotes).
//
//   forge_replies INTERFACE SCANNER-MAC SCANNER TARGET ROUTER COUNT FIRST-PORT LAST-PORT [SOURCE-PORTS]
//
// In turn: SYN-ACK, RST with ACK, RST, ICMP 3/13 from the router quoting a SYN, ICMP 3/3 from the target quoting a
// datagram, and a UDP datagram. The scanner's ports are taken from SOURCE-PORTS ("32768-60999"). It prints how many
// packets the kernel took. Only for networks of our own: it is a test's program and is not installed.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& to, std::uint32_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& to, std::uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xFFFF);
}

/// The Internet checksum (RFC 1071), continued from `sum`.
std::uint32_t add(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8) | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
  return sum;
}
std::uint16_t fold(std::uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}
void set16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

/// An IPv4 packet around a payload whose transport checksum, if it has one, lies at `checksum_at` of it and covers
/// the pseudo-header (RFC 9293 §3.1) unless it is ICMP's.
Bytes packet(std::uint8_t protocol, std::uint32_t from, std::uint32_t to, Bytes payload, std::size_t checksum_at,
             std::uint8_t ttl = 63) {
  std::uint32_t sum = 0;
  if (protocol != IPPROTO_ICMP) {
    Bytes pseudo;
    put32(pseudo, from);
    put32(pseudo, to);
    put16(pseudo, protocol);
    put16(pseudo, static_cast<std::uint32_t>(payload.size()));
    sum = add(pseudo, 0);
  }
  set16(payload, checksum_at, 0);
  set16(payload, checksum_at, fold(add(payload, sum)));
  Bytes out;
  put16(out, 0x4500);
  put16(out, static_cast<std::uint32_t>(20 + payload.size()));
  put32(out, 0x00004000);  // don't fragment
  put16(out, static_cast<std::uint32_t>(ttl << 8) | protocol);
  put16(out, 0);
  put32(out, from);
  put32(out, to);
  set16(out, 10, fold(add(out, 0)));
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Bytes tcp(std::uint32_t source, std::uint32_t destination, std::uint32_t sequence, std::uint32_t acknowledged,
          std::uint8_t flags) {
  Bytes out;
  put16(out, source);
  put16(out, destination);
  put32(out, sequence);
  put32(out, acknowledged);
  put16(out, 0x5000U | flags);
  put16(out, (flags & 0x02) != 0 ? 64240 : 0);
  put32(out, 0);
  return out;
}

Bytes udp(std::uint32_t source, std::uint32_t destination, std::span<const std::uint8_t> data) {
  Bytes out;
  put16(out, source);
  put16(out, destination);
  put16(out, static_cast<std::uint32_t>(8 + data.size()));
  put16(out, 0);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

Bytes icmp_error(std::uint8_t code, const Bytes& quoted) {
  Bytes out;
  put16(out, 0x0300U | code);
  put16(out, 0);
  put32(out, 0);
  out.insert(out.end(), quoted.begin(), quoted.begin() + 28);
  return out;
}

std::uint32_t address(const char* text) {
  in_addr out{};
  if (inet_pton(AF_INET, text, &out) != 1) {
    std::fprintf(stderr, "forge_replies: '%s' is no IPv4 address\n", text);
    std::exit(2);
  }
  return ntohl(out.s_addr);
}

}  // namespace

int main(int count, char** words) {
  if (count < 9) {
    std::fputs(
        "usage: forge_replies INTERFACE SCANNER-MAC SCANNER TARGET ROUTER COUNT FIRST-PORT LAST-PORT "
        "[SOURCE-PORTS]\n",
        stderr);
    return 2;
  }
  unsigned mac[6];
  if (std::sscanf(words[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) return 2;
  const std::uint32_t scanner = address(words[3]), target = address(words[4]), router = address(words[5]);
  const std::uint64_t wanted = std::strtoull(words[6], nullptr, 10);
  const auto first = static_cast<std::uint32_t>(std::strtoul(words[7], nullptr, 10));
  const auto last = static_cast<std::uint32_t>(std::strtoul(words[8], nullptr, 10));
  unsigned low = 32768, high = 60999;
  if (count > 9 && std::sscanf(words[9], "%u-%u", &low, &high) != 2) return 2;
  if (first == 0 || last < first || last > 65535 || low == 0 || high < low || high > 65535) return 2;

  const int descriptor =
      socket(AF_PACKET, SOCK_DGRAM, 0);  // the kernel writes the link header; nothing is received
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  to.sll_ifindex = static_cast<int>(if_nametoindex(words[1]));
  to.sll_halen = 6;
  for (int i = 0; i < 6; ++i) to.sll_addr[i] = static_cast<std::uint8_t>(mac[i]);
  if (descriptor < 0 || to.sll_ifindex == 0) {
    std::perror("forge_replies");
    return 2;
  }

  std::mt19937 dice(20261123);
  const auto between = [&](std::uint32_t a, std::uint32_t b) {
    return std::uniform_int_distribution<std::uint32_t>(a, b)(dice);
  };
  constexpr unsigned kBatch = 256;
  std::vector<Bytes> packets(kBatch);
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> pieces{};
  std::uint64_t sent = 0, kinds[6] = {};
  while (sent < wanted) {
    const auto batch = static_cast<unsigned>(std::min<std::uint64_t>(kBatch, wanted - sent));
    for (unsigned i = 0; i < batch; ++i) {
      const std::uint32_t theirs = between(first, last), ours = between(low, high), guess = between(0, 0xFFFFFFFF);
      const auto kind = static_cast<unsigned>((sent + i) % 6);
      switch (kind) {
        case 0:
          packets[i] =
              packet(IPPROTO_TCP, target, scanner, tcp(theirs, ours, between(0, 0xFFFFFFFF), guess, 0x12), 16);
          break;
        case 1: packets[i] = packet(IPPROTO_TCP, target, scanner, tcp(theirs, ours, 0, guess, 0x14), 16); break;
        case 2: packets[i] = packet(IPPROTO_TCP, target, scanner, tcp(theirs, ours, guess, 0, 0x04), 16); break;
        case 3: {
          const Bytes question = packet(IPPROTO_TCP, scanner, target, tcp(ours, theirs, guess, 0, 0x02), 16);
          packets[i] = packet(IPPROTO_ICMP, router, scanner, icmp_error(13, question), 2, 64);
          break;
        }
        case 4: {
          const Bytes question = packet(IPPROTO_UDP, scanner, target, udp(ours, theirs, {}), 6);
          packets[i] = packet(IPPROTO_ICMP, target, scanner, icmp_error(3, question), 2);
          break;
        }
        default: {
          const std::array<std::uint8_t, 12> data{static_cast<std::uint8_t>(guess >> 8),
                                                  static_cast<std::uint8_t>(guess),
                                                  0x81,
                                                  0x80,
                                                  0,
                                                  1,
                                                  0,
                                                  0,
                                                  0,
                                                  0,
                                                  0,
                                                  0};
          packets[i] = packet(IPPROTO_UDP, target, scanner, udp(theirs, ours, data), 6);
        }
      }
      ++kinds[kind];
      pieces[i] = {packets[i].data(), packets[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &to;
      messages[i].msg_hdr.msg_namelen = sizeof(to);
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    unsigned done = 0;
    while (done < batch) {
      const int took = sendmmsg(descriptor, messages.data() + done, batch - done, 0);
      if (took > 0) {
        done += static_cast<unsigned>(took);
      } else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) {
        usleep(200);
      } else {
        std::perror("forge_replies: sendmmsg");
        return 1;
      }
    }
    sent += batch;
  }
  std::printf("%llu forged: %llu SYN-ACK, %llu RST+ACK, %llu RST, %llu ICMP 3/13, %llu ICMP 3/3, %llu UDP\n",
              static_cast<unsigned long long>(sent), static_cast<unsigned long long>(kinds[0]),
              static_cast<unsigned long long>(kinds[1]), static_cast<unsigned long long>(kinds[2]),
              static_cast<unsigned long long>(kinds[3]), static_cast<unsigned long long>(kinds[4]),
              static_cast<unsigned long long>(kinds[5]));
  close(descriptor);
  return 0;
}
