// Live capture, of packets that the test sends to itself over loopback in a network namespace of its own: so the
// machine's own traffic is neither seen nor joined. Exits with 77 where no namespace can be had.
#define DOCTEST_CONFIG_IMPLEMENT
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "probes/wire/decode.h"
#include "scanner/capture/live.h"
#include "scanner/passive/listener.h"
#include "tests/support/own_network.h"

namespace demarc {

namespace {

constexpr std::uint16_t kPort = 40999;
constexpr auto kLong = std::chrono::seconds(20);  // nothing here takes that long unless it is broken

/// Datagrams to a loopback port where nobody listens (the ICMP errors it earns are not what the filters ask for).
class Sender {
 public:
  Sender() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) { REQUIRE(fd_ >= 0); }
  ~Sender() { ::close(fd_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  void send(std::string_view text, std::uint16_t port = kPort) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Not connected, so the errors that come back are nobody's business.
    REQUIRE(::sendto(fd_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) ==
            static_cast<ssize_t>(text.size()));
  }

 private:
  int fd_;
};

LiveOptions on_loopback(std::string filter) {
  LiveOptions options;
  options.interface = "lo";
  options.filter = std::move(filter);
  options.buffer_bytes = 1U << 20;
  options.timeout_ms = 50;
  return options;
}

void set_loopback(bool up) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  REQUIRE(::ioctl(fd, SIOCGIFFLAGS, &request) == 0);
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  REQUIRE(::ioctl(fd, SIOCSIFFLAGS, &request) == 0);
  ::close(fd);
}

std::atomic<bool> stop_asked{false};
void on_sigterm(int) { stop_asked = true; }

class SigtermSetsTheFlag {
 public:
  SigtermSetsTheFlag() {
    stop_asked = false;
    struct sigaction action {};
    action.sa_handler = on_sigterm;
    ::sigaction(SIGTERM, &action, &before_);
  }
  ~SigtermSetsTheFlag() { ::sigaction(SIGTERM, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

}  // namespace

TEST_CASE("what the filter asks for is seen once, in order, with its bytes") {
  auto live = LiveCapture::open(on_loopback(fmt::format("udp dst port {}", kPort)));
  REQUIRE(live.has_value());
  CHECK((*live)->link() == LinkType::ethernet);
  Sender sender;
  for (int i = 0; i < 5; ++i) {
    sender.send(fmt::format("datagram {}", i));
    sender.send("not asked for", kPort + 1);
  }
  std::array<CapturePacket, 4> batch;
  std::uint64_t seen = 0;
  Timestamp last;
  const auto begun = std::chrono::steady_clock::now();
  while (seen < 5 && std::chrono::steady_clock::now() - begun < kLong) {
    const std::size_t count = (*live)->read(batch);
    for (std::size_t i = 0; i < count; ++i, ++seen) {
      const CapturePacket& packet = batch[i];
      CHECK(packet.frame == seen + 1);
      CHECK(packet.at >= last);
      last = packet.at;
      CHECK(packet.wire_length == packet.bytes.size());
      PacketView view;
      REQUIRE(decode(packet.link, packet.bytes, packet.wire_length, view));
      CHECK(view.port == kPort);
      const std::string expected = fmt::format("datagram {}", seen);
      REQUIRE(packet.bytes.size() >= expected.size());
      CHECK(std::memcmp(packet.bytes.data() + packet.bytes.size() - expected.size(), expected.data(),
                        expected.size()) == 0);
    }
  }
  CHECK(seen == 5);
  CHECK((*live)->read(batch) == 0);  // nothing more comes, and that is no end
  CHECK_FALSE((*live)->finished());
  CHECK((*live)->statistics().packets == 5);
  CHECK((*live)->statistics().dropped == 0);
}

TEST_CASE("what cannot be captured is refused with the reason") {
  LiveOptions options = on_loopback("");
  options.interface = "no-such-if0";
  auto none = LiveCapture::open(options);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().what.find("cannot capture on no-such-if0") == 0);
  CHECK(none.error().hint == "ip link shows the interfaces there are");
  auto garbled = LiveCapture::open(on_loopback("tcp port and"));
  REQUIRE_FALSE(garbled.has_value());
  CHECK(garbled.error().what.find("the filter 'tcp port and' cannot be used") == 0);
  options.interface.clear();
  REQUIRE_FALSE(LiveCapture::open(options).has_value());
}

TEST_CASE("SIGTERM ends the watch of an interface on which nothing happens") {
  SigtermSetsTheFlag handler;
  LiveRequest request;
  request.live = on_loopback("udp and dst port 1");
  request.live.timeout_ms = 250;
  std::thread killer;
  const auto begun = std::chrono::steady_clock::now();
  auto evidence = observe_live(request, stop_asked, {}, [&] {
    killer = std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));  // by then it waits
      ::kill(::getpid(), SIGTERM);
    });
  });
  const auto took = std::chrono::steady_clock::now() - begun;
  killer.join();
  REQUIRE(evidence.has_value());
  CHECK(took < kLong);
  CHECK(evidence->flows.empty());
  CHECK(evidence->complete);
}

TEST_CASE("what came in before the order to stop is seen, however slow the listener was") {
  std::atomic<bool> stop{false};
  LiveRequest request;
  request.live = on_loopback(fmt::format("udp dst port {}", kPort));
  std::thread later;
  std::atomic<bool> done{false};
  auto evidence = observe_live(request, stop, {}, [&] {
    Sender sender;
    for (int i = 0; i < 700; ++i) sender.send("before");
    stop = true;
    // What comes afterwards does not keep it from ending.
    later = std::thread([&] {
      Sender after;
      for (int i = 0; i < 100'000 && !done; ++i) after.send("after");
    });
  });
  done = true;
  later.join();
  REQUIRE(evidence.has_value());
  CHECK(evidence->complete);
  CHECK(evidence->sources.at(0).packets >= 700);
  CHECK(evidence->sources.at(0).packets < 100'000);
  CHECK(evidence->sources.at(0).problem.empty());
}

TEST_CASE("a duration ends it too, on a silent interface and beside a trickle that never pauses") {
  const std::atomic<bool> never{false};
  LiveRequest request;
  request.live = on_loopback(fmt::format("udp dst port {}", kPort));
  request.live.timeout_ms = 100;
  request.duration_max = std::chrono::milliseconds(400);
  auto silent = observe_live(request, never);
  REQUIRE(silent.has_value());
  CHECK(silent->sources.at(0).packets == 0);

  constexpr int kMost = 150;
  int sent = 0;
  std::atomic<bool> done{false};
  std::thread trickle;
  auto evidence = observe_live(request, never, {}, [&] {
    trickle = std::thread([&] {
      Sender sender;
      for (; sent < kMost && !done; ++sent) {
        sender.send("tick");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
  });
  done = true;
  trickle.join();
  REQUIRE(evidence.has_value());
  CHECK(evidence->sources.at(0).packets > 0);
  CHECK(sent < kMost);
}

TEST_CASE("a count ends it, and the file holds what was counted") {
  const std::atomic<bool> never{false};
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("demarc-live-{}.pcap", ::getpid())).string();
  LiveRequest request;
  request.live = on_loopback(fmt::format("udp dst port {}", kPort));
  request.packets_max = 3;
  request.duration_max = std::chrono::duration_cast<std::chrono::milliseconds>(kLong);
  request.sensor = "tap";
  request.write_to = path;
  auto evidence = observe_live(request, never, {}, [] {
    Sender sender;
    for (int i = 0; i < 7; ++i) sender.send("seven");
  });
  REQUIRE(evidence.has_value());
  CHECK(evidence->complete);
  CHECK(evidence->sources.at(0).packets == 3);
  CHECK(evidence->sources.at(0).sensor == "tap");
  REQUIRE(evidence->flows.size() == 1);
  CHECK(evidence->flows[0].packets_out == 3);
  auto reader = open_capture(path);
  REQUIRE(reader.has_value());
  std::array<CapturePacket, 16> batch;
  std::size_t packets = 0;
  while (const std::size_t count = (*reader)->read(batch)) packets += count;
  CHECK(packets == 3);
  CHECK((*reader)->statistics().problem.empty());
  std::filesystem::remove(path);
}

TEST_CASE("the ring is one of blocks, TPACKET_V3: with single frames a burst is lost sooner") {
  auto live = LiveCapture::open(on_loopback(""));
  REQUIRE(live.has_value());
  // Which of our descriptors is a packet socket, the kernel says.
  int rings = 0;
  for (int fd = 0; fd < 256; ++fd) {
    int domain = 0, version = -1;
    socklen_t size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_PACKET) continue;
    size = sizeof version;
    REQUIRE(::getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &size) == 0);
    CHECK(version == TPACKET_V3);
    ++rings;
  }
  CHECK(rings == 1);
}

TEST_CASE("a batch has many packets, of all sizes, and each its own bytes") {
  LiveOptions options = on_loopback(fmt::format("udp dst port {}", kPort));
  options.buffer_bytes = 64U << 20;
  auto live = LiveCapture::open(options);
  REQUIRE(live.has_value());
  Sender sender;
  constexpr std::size_t kSent = 500;
  for (std::size_t i = 0; i < kSent; ++i)
    sender.send(std::string(i % 100 == 99 ? 60'000 : 10 + i % 700, static_cast<char>('A' + i % 26)));
  std::array<CapturePacket, 256> batch;
  std::size_t seen = 0, largest = 0;
  const auto begun = std::chrono::steady_clock::now();
  while (seen < kSent && std::chrono::steady_clock::now() - begun < kLong) {
    const std::size_t count = (*live)->read(batch);
    largest = std::max(largest, count);
    for (std::size_t i = 0; i < count; ++i, ++seen) {
      PacketView view;
      REQUIRE(decode(batch[i].link, batch[i].bytes, batch[i].wire_length, view));
      REQUIRE(view.payload.size() == (seen % 100 == 99 ? 60'000 : 10 + seen % 700));
      for (const std::uint8_t byte : view.payload) REQUIRE(byte == static_cast<std::uint8_t>('A' + seen % 26));
    }
  }
  CHECK(seen == kSent);
  CHECK(largest > 1);
}

TEST_CASE("an interface that goes down and comes up again is watched on") {
  const std::atomic<bool> never{false};
  LiveRequest request;
  request.live = on_loopback(fmt::format("udp dst port {}", kPort));
  request.packets_max = 4;
  request.duration_max = std::chrono::duration_cast<std::chrono::milliseconds>(kLong);
  std::thread other;
  auto evidence = observe_live(request, never, {}, [&] {
    other = std::thread([] {
      Sender sender;
      sender.send("before");
      sender.send("before");
      set_loopback(false);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      set_loopback(true);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      sender.send("after");
      sender.send("after");
    });
  });
  other.join();
  REQUIRE(evidence.has_value());
  CHECK(evidence->sources.at(0).packets == 4);
  CHECK(evidence->complete);
}

TEST_CASE("intervals tell everything once, and a conversation that goes on stands in each") {
  std::atomic<bool> stop{false};
  LiveRequest request;
  request.live = on_loopback(fmt::format("udp port {}", kPort));
  request.every = std::chrono::seconds(1);
  request.sensor = "tap";
  std::vector<LiveInterval> told;
  request.on_interval = [&](LiveInterval& interval) {
    told.push_back(std::move(interval));
    return true;
  };
  std::thread other;
  std::uint64_t sent = 0;
  auto evidence = observe_live(request, stop, {}, [&] {
    other = std::thread([&] {
      Sender sender;
      for (; sent < 25; ++sent) {
        sender.send("tick");
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(400));  // past the ring's own patience
      stop = true;
    });
  });
  other.join();
  REQUIRE(evidence.has_value());
  CHECK(evidence->flows.empty());
  REQUIRE(told.size() >= 3);
  std::uint64_t packets = 0, in_flows = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const LiveInterval& interval = told[i];
    CHECK(interval.last == (i + 1 == told.size()));
    if (i != 0) CHECK(interval.from >= told[i - 1].until);
    REQUIRE(interval.evidence.sources.size() == 1);
    CHECK(interval.evidence.sources[0].sensor == "tap");
    CHECK(interval.evidence.sources[0].file == "lo");
    packets += interval.evidence.sources[0].packets;
    for (const ObservedFlow& flow : interval.evidence.flows) in_flows += flow.packets_out + flow.packets_in;
    for (const TrafficNoise& noise : interval.evidence.noise) in_flows += noise.packets;
  }
  CHECK(packets == sent);
  CHECK(in_flows == packets);
}

}  // namespace demarc

namespace {

/// No capture without it.
bool may_open_packet_sockets() {
  const int packet = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (packet >= 0) ::close(packet);
  return packet >= 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (!demarc::enter_own_network() || !may_open_packet_sockets()) {
    fmt::print("SKIPPED: no network namespace with packet sockets can be made here: {}\n", std::strerror(errno));
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
