// The near end of a witnessed measurement, for tests: marked probes of many ports, sent as raw IP packets. What a
// firewall may do to them on the way is done here in turn: sequence numbers rewritten, options stripped. With
// --forge the packets have a probe's shape and everything of it but the key. Sends to documentation addresses only.
//
//   tag_sender mark KEYFILE SOURCE TARGET TCP-PORTS UDP-PORTS TRIES RATE [JOURNAL]
//   tag_sender forge KEYFILE SOURCE TARGET COUNT RATE
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "probes/wire/decode.h"
#include "probes/wire/probe_packet.h"
#include "probes/wire/tag.h"
#include "rules/evidence/journal.h"
#include "rules/net/prefix.h"
#include "rules/text/diagnostics.h"
#include "scanner/active/witness_key.h"

namespace {

using namespace demarc;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "tag_sender: {}\n", why);
  std::exit(2);
}

template <typename T>
T must(Result<T> value) {
  if (!value) give_up(value.error().what);
  return std::move(*value);
}

Address address_of(const char* text) {
  const std::optional<Address> address = parse_address(text);
  if (!address) give_up(fmt::format("'{}' is no address", text));
  for (const char* documentation : {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"})
    if (must(parse_prefix(documentation)).contains(*address)) return *address;
  give_up(fmt::format("{} is no documentation address", text));
}

Timestamp now() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

/// A raw socket that takes whole packets, paced.
class Sender {
 public:
  Sender(const Address& target, double rate)
      : six_(!target.is_ipv4()),
        fd_(::socket(six_ ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)),
        rate_(rate) {
    if (fd_ < 0) give_up(fmt::format("no raw socket: {}", std::strerror(errno)));
    const auto bytes = target.bytes();
    if (six_) {
      auto* to = reinterpret_cast<sockaddr_in6*>(&to_);
      to->sin6_family = AF_INET6;
      std::memcpy(&to->sin6_addr, bytes.data(), 16);
      to_size_ = sizeof *to;
    } else {
      auto* to = reinterpret_cast<sockaddr_in*>(&to_);
      to->sin_family = AF_INET;
      std::memcpy(&to->sin_addr, bytes.data(), 4);
      to_size_ = sizeof *to;
    }
  }
  ~Sender() { ::close(fd_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void send(Bytes packet) {
    // In small bursts: a veth's queue holds a thousand packets.
    if (sent_ % 32 == 0) {
      const auto due = begun_ + std::chrono::duration<double>(static_cast<double>(sent_) / rate_);
      std::this_thread::sleep_until(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(due));
    }
    for (int again = 0;
         ::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to_), to_size_) < 0;
         ++again) {
      if ((errno != ENOBUFS && errno != EAGAIN) || again == 1000)
        give_up(fmt::format("not sent: {}", std::strerror(errno)));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ++sent_;
  }
  std::uint64_t sent() const { return sent_; }

 private:
  bool six_;
  int fd_;
  double rate_;
  sockaddr_storage to_{};
  socklen_t to_size_ = 0;
  std::uint64_t sent_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

struct Near {
  WitnessKey key;
  ProbeIp ip;
};

std::size_t marked_syn(std::span<std::uint8_t> out, const Near& near, Port port, unsigned damage) {
  const SynTag tag = syn_tag(near.key, tag_epoch(now().seconds()), port);
  ProbeTcp tcp;
  tcp.source_port = static_cast<std::uint16_t>(40000 + port.number() % 1000);
  tcp.port = port.number();
  tcp.flags = tcp_flag::syn;
  tcp.seq = damage == 1 ? tag.seq + 12345 : tag.seq;
  tcp.window = tag.window;
  tcp.segment_max = std::uint16_t{1460};
  if (damage != 2) tcp.timestamp = tag.timestamp;
  return write_tcp(out, near.ip, tcp);
}

Outcome silence(const Address& target, Protocol protocol, PortRange ports, int tries, Timestamp at) {
  Outcome o;
  o.target = target;
  o.protocol = protocol;
  o.ports = ports;
  o.state = protocol == Protocol::tcp ? PortState::filtered : PortState::open_or_filtered;
  o.tries = static_cast<std::uint8_t>(tries);
  o.at = at;
  return o;
}

int mark(int argc, char** argv) {
  if (argc < 9) give_up("mark KEYFILE SOURCE TARGET TCP-PORTS UDP-PORTS TRIES RATE [JOURNAL]");
  Near near{must(read_witness_key_file(argv[2])), {}};
  near.ip.source = address_of(argv[3]);
  near.ip.destination = address_of(argv[4]);
  const auto ports_of = [](const std::string& text) {
    return text == "-" ? PortSet() : must(parse_port_set(text));
  };
  const PortSet tcp = ports_of(argv[5]), udp = ports_of(argv[6]);
  const int tries = std::atoi(argv[7]);
  const Timestamp started = now();
  // In a random order, as a scan asks.
  std::vector<std::pair<Protocol, Port>> work;
  for (const auto& [protocol, set] :
       {std::pair(Protocol(Protocol::tcp), tcp), std::pair(Protocol(Protocol::udp), udp)})
    for (const PortRange& range : set.ranges())
      for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p)
        work.emplace_back(protocol, Port(static_cast<std::uint16_t>(p)));
  std::mt19937_64 random(4711);
  Sender sender(near.ip.destination, std::atof(argv[8]));
  std::array<std::uint8_t, 256> packet{};
  for (int t = 0; t < tries; ++t) {
    std::shuffle(work.begin(), work.end(), random);
    unsigned n = 0;
    for (const auto& [protocol, port] : work) {
      std::size_t size = 0;
      if (protocol == Protocol::tcp)
        size = marked_syn(packet, near, port, n++ % 3);
      else
        size =
            write_udp(packet, near.ip, 40000, port.number(), udp_tag(near.key, tag_epoch(now().seconds()), port));
      sender.send(Bytes(packet).first(size));
    }
  }
  fmt::print("{} sent\n", sender.sent());
  if (argc < 10) return 0;
  ScanHeader header;
  header.run = fmt::format("tag-sender-{}", ::getpid());
  header.source_address = near.ip.source;
  header.started = started;
  header.method = "syn";
  header.tries_max = static_cast<std::uint32_t>(tries);
  header.witness_key = fingerprint(near.key);
  std::vector<Outcome> outcomes;
  for (const auto& [protocol, set] :
       {std::pair(Protocol(Protocol::tcp), tcp), std::pair(Protocol(Protocol::udp), udp)})
    for (const PortRange& range : set.ranges())
      outcomes.push_back(silence(near.ip.destination, protocol, range, tries, now()));
  std::ofstream file(argv[9]);
  file << journal_header(header) << journal_records(outcomes, {}, now())
       << journal_end({.sent = sender.sent(), .finished = now()});
  return file.flush() ? 0 : 1;
}

int forge(int argc, char** argv) {
  if (argc < 7) give_up("forge KEYFILE SOURCE TARGET COUNT RATE");
  // The key serves to record an old mark of ours, which a forger may have.
  Near near{must(read_witness_key_file(argv[2])), {}};
  near.ip.source = address_of(argv[3]);
  near.ip.destination = address_of(argv[4]);
  const std::uint64_t count = std::strtoull(argv[5], nullptr, 10);
  Sender sender(near.ip.destination, std::atof(argv[6]));
  std::mt19937_64 random(815);
  std::array<std::uint8_t, 256> packet{};
  const std::uint32_t long_ago = tag_epoch(now().seconds()) - 2;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t a = random(), b = random();
    const Port port(static_cast<std::uint16_t>(1 + (a >> 48) % 65535));
    std::size_t size = 0;
    if (i % 2 == 0) {
      SynTag tag{static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(b >> 32),
                 static_cast<std::uint16_t>(0x8000U | a)};
      if (i % 16 == 0) tag = syn_tag(near.key, long_ago, port);
      ProbeTcp tcp;
      tcp.source_port = 40000;
      tcp.port = port.number();
      tcp.seq = tag.seq;
      tcp.flags = tcp_flag::syn;
      tcp.window = tag.window;
      tcp.timestamp = tag.timestamp;
      size = write_tcp(packet, near.ip, tcp);
    } else {
      std::array<std::uint8_t, 24> payload = udp_tag(near.key, long_ago, port);
      for (unsigned n = 0; n < 8 && i % 16 != 1; ++n) payload[n] = static_cast<std::uint8_t>(b >> (8 * n));
      size = write_udp(packet, near.ip, 40000, port.number(), payload);
    }
    sender.send(Bytes(packet).first(size));
  }
  fmt::print("{} sent\n", sender.sent());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "mark") return mark(argc, argv);
  if (what == "forge") return forge(argc, argv);
  give_up("mark or forge");
}
