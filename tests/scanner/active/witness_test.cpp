// The far end on a loopback of its own: probes that the test makes itself arrive, and nobody else's do.
#define DOCTEST_CONFIG_IMPLEMENT
#include "scanner/active/witness.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "probes/wire/craft.h"
#include "probes/wire/probe_packet.h"
#include "scanner/capture/bpf.h"
#include "tests/support/own_network.h"

namespace demarc {

namespace {

const WitnessKey kKey = *parse_witness_key("000102030405060708090a0b0c0d0e0f");
const WitnessKey kOtherKey = *parse_witness_key("100102030405060708090a0b0c0d0e0f");
const Address kSource = *parse_address("198.51.100.7"), kTarget = *parse_address("192.0.2.10"),
              kLoopback = *parse_address("127.0.0.1");
const Address kSource6 = *parse_address("2001:db8::7"), kTarget6 = *parse_address("2001:db8:1::10");

Timestamp at(double second) {
  return *parse_timestamp("2026-11-23T10:00:00Z") + Nanoseconds(static_cast<std::int64_t>(second * 1e9));
}

Frame marked_syn(const WitnessKey& key, Timestamp when, int port, const Address& from = kSource,
                 const Address& to = kTarget) {
  const SynTag tag = syn_tag(key, tag_epoch(when.seconds()), Port(static_cast<std::uint16_t>(port)));
  ProbeTcp tcp;
  tcp.source_port = 40000;
  tcp.port = static_cast<std::uint16_t>(port);
  tcp.flags = tcp_flag::syn;
  tcp.seq = tag.seq;
  tcp.window = tag.window;
  tcp.timestamp = tag.timestamp;
  Frame out(256);
  out.resize(write_tcp(out, {.source = from, .destination = to}, tcp));
  return out;
}

Frame marked_datagram(const WitnessKey& key, Timestamp when, int port, const Address& from = kSource,
                      const Address& to = kTarget) {
  const auto tag = udp_tag(key, tag_epoch(when.seconds()), Port(static_cast<std::uint16_t>(port)));
  return craft_udp(from, to, 40000, static_cast<std::uint16_t>(port),
                   std::string_view(reinterpret_cast<const char*>(tag.data()), tag.size()));
}

void feed(WitnessLog& log, Timestamp when, const Frame& packet) {
  PacketView view;
  REQUIRE(decode_ip(packet, 0, view));
  log.on_packet(when, view);
}

Timestamp now() {
  return Timestamp(std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()));
}

/// Whole IPv4 packets to loopback.
class Raw {
 public:
  Raw() : fd_(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)) { REQUIRE(fd_ >= 0); }
  ~Raw() { ::close(fd_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  void send(const Frame& packet) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) ==
            static_cast<ssize_t>(packet.size()));
  }

 private:
  int fd_;
};

/// A witness on loopback in a thread of its own, and what it wrote.
class Running {
 public:
  Running() {
    request.interface_name = "lo";
    request.key = kKey;
    request.buffer_bytes = 4U << 20;
    request.stop = &stop;
    request.on_ready = [this](Timestamp started) -> Result<void> {
      WitnessHeader header;
      header.run = "w";
      header.at = "here";
      header.key = fingerprint(kKey);
      header.addresses = {kLoopback};
      header.started = started;
      write(witness_header(header));
      ready = true;
      return {};
    };
    request.on_lines = [this](const std::string& lines) -> Result<void> {
      if (refuse) return failure("the disk is full");
      write(lines);
      return {};
    };
  }
  ~Running() { end(); }
  void begin() {
    thread = std::thread([this] { result = run_witness(request); });
    wait_until([this] { return ready.load(); });
  }
  Result<WitnessResult> end() {
    stop = true;
    if (thread.joinable()) thread.join();
    return result;
  }
  std::string text() {
    const std::lock_guard lock(mutex);
    return written;
  }
  template <typename Condition>
  static void wait_until(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(condition());
  }

  WitnessRequest request;
  std::atomic<bool> stop{false}, ready{false}, refuse{false};

 private:
  void write(const std::string& lines) {
    const std::lock_guard lock(mutex);
    written += lines;
  }
  std::mutex mutex;
  std::string written;
  Result<WitnessResult> result = failure("it never ran");
  std::thread thread;
};

}  // namespace

TEST_CASE("what carries the mark is kept, a stranger's is counted") {
  WitnessLog log(kKey);
  for (const int port : {22, 24, 23, 22, 443}) feed(log, at(port), marked_syn(kKey, at(port), port));
  feed(log, at(1), marked_datagram(kKey, at(1), 53));
  feed(log, at(2), marked_syn(kKey, at(2), 80, kSource6, kTarget6));
  feed(log, at(3), marked_syn(kOtherKey, at(3), 25));
  feed(log, at(4), marked_datagram(kOtherKey, at(4), 54));
  feed(log, at(5), craft_udp(kSource, kTarget, 1, 55, std::string(24, 'x')));
  feed(log, at(6000), marked_syn(kKey, at(6), 26));  // a replay, epochs later
  CHECK(log.packets() == 11);
  CHECK(log.strangers() == 4);
  CHECK(log.arrived() == 7);
  const std::vector<Arrival> arrivals = log.take();
  REQUIRE(arrivals.size() == 3);
  CHECK(arrivals[0].source == kSource);
  CHECK(arrivals[0].target == kTarget);
  CHECK(arrivals[0].protocol == Protocol::tcp);
  CHECK(to_string(arrivals[0].ports) == "22-24,443");
  CHECK(arrivals[0].count == 5);
  CHECK(arrivals[0].first == at(22));
  CHECK(arrivals[0].last == at(443));
  CHECK(to_string(arrivals[1].ports) == "53");
  CHECK(arrivals[1].protocol == Protocol::udp);
  CHECK(arrivals[2].source == kSource6);
  CHECK(log.is_empty());
  CHECK(log.take().empty());
}

TEST_CASE("a long list of ports is cut into records that can be read back") {
  WitnessLog log(kKey);
  for (int port = 1; port <= 65535; port += 2) feed(log, at(1), marked_syn(kKey, at(1), port));
  std::string text;
  PortSet all;
  std::uint64_t count = 0;
  WitnessHeader header;
  header.key = fingerprint(kKey);
  header.started = at(0);
  text = witness_header(header);
  for (const Arrival& a : log.take()) {
    const std::string line = witness_arrival(a);
    CHECK(line.size() < 32768);
    text += line;
  }
  Result<WitnessRun> run = read_witness("w", text);
  REQUIRE(run);
  for (const Arrival& a : run->arrivals) all = all.unite(a.ports), count += a.count;
  CHECK(count == 32768);
  CHECK(all.size() == 32768);
}

TEST_CASE("the kernel's filter lets every marked probe through, and little else") {
  for (const bool tags : {false, true}) {
    CAPTURE(tags);
    Result<BpfFilter> filter = BpfFilter::compile(witness_filter(tags));
    REQUIRE(filter);
    const auto passes = [&](const Frame& packet, std::initializer_list<std::uint16_t> vlans = {}) {
      const Frame frame = craft_ethernet(packet, vlans);
      CapturePacket captured;
      captured.link = LinkType::ethernet;
      captured.bytes = frame;
      captured.wire_length = static_cast<std::uint32_t>(frame.size());
      return filter->matches(captured);
    };
    for (int port = 1; port < 65536; port += 97) {
      CHECK(passes(marked_syn(kKey, at(0), port)));
      CHECK(passes(marked_syn(kKey, at(0), port, kSource6, kTarget6)));
      CHECK(passes(marked_datagram(kKey, at(0), port)));
      CHECK(passes(marked_datagram(kKey, at(0), port, kSource6, kTarget6)));
      if (tags) CHECK(passes(marked_syn(kKey, at(0), port), {7}));
    }
    const auto tcp = [](std::uint8_t flags, std::uint16_t window, const Address& from, const Address& to) {
      return craft_tcp(from, to, {.source_port = 1, .port = 2, .flags = flags, .window = window});
    };
    for (const auto& [from, to] : {std::pair(kSource, kTarget), std::pair(kSource6, kTarget6)}) {
      CHECK_FALSE(passes(tcp(tcp_flag::syn, 1024, from, to)));
      CHECK_FALSE(passes(tcp(tcp_flag::syn | tcp_flag::ack, 65535, from, to)));
      CHECK_FALSE(passes(tcp(tcp_flag::ack, 65535, from, to)));
      CHECK_FALSE(passes(tcp(tcp_flag::rst, 65535, from, to)));
      CHECK_FALSE(passes(craft_udp(from, to, 1, 2, std::string(23, 'x'))));
      CHECK_FALSE(passes(craft_udp(from, to, 1, 2, std::string(25, 'x'))));
      CHECK(passes(craft_udp(from, to, 1, 2, std::string(24, 'x'))));  // marks are checked by us
    }
    CHECK_FALSE(passes(craft_icmp(kSource, kTarget, 8, 0, 0)));
  }
}

TEST_CASE("live: what arrives is on record within seconds, before any end") {
  Running witness;
  witness.begin();
  Raw raw;
  for (const int port : {1001, 1002, 1003}) raw.send(marked_syn(kKey, now(), port, kLoopback, kLoopback));
  raw.send(marked_datagram(kKey, now(), 2001, kLoopback, kLoopback));
  raw.send(marked_syn(kOtherKey, now(), 1004, kLoopback, kLoopback));
  Running::wait_until([&] { return witness.text().find("\"protocol\":\"udp\"") != std::string::npos; });
  // As a kill would leave it.
  Result<WitnessRun> killed = read_witness("killed", witness.text());
  REQUIRE(killed);
  CHECK_FALSE(killed->end);
  const Timestamp before_end = now();
  raw.send(marked_syn(kKey, now(), 1005, kLoopback, kLoopback));
  Result<WitnessResult> result = witness.end();
  REQUIRE(result);
  CHECK(result->end == WitnessEnd::complete);
  CHECK(result->arrived == 5);
  Result<WitnessRun> run = read_witness("whole", witness.text());
  REQUIRE(run);
  CHECK(run->end == WitnessEnd::complete);
  CHECK(run->listening.strangers == 1);
  CHECK(run->listening.packets == 6);
  CHECK(run->listening.dropped == 0);
  CHECK(run->listening.at >= before_end);
  std::map<Protocol, PortSet> ports;
  for (const Arrival& a : run->arrivals) {
    CHECK(a.source == kLoopback);
    CHECK(a.target == kLoopback);
    ports[a.protocol] = ports[a.protocol].unite(a.ports);
  }
  CHECK(to_string(ports[Protocol::tcp]) == "1001-1003,1005");
  CHECK(to_string(ports[Protocol::udp]) == "2001");
  // Loopback carries a packet out and in again: once is once.
  std::uint64_t count = 0;
  for (const Arrival& a : run->arrivals) count += a.count;
  CHECK(count == 5);
}

TEST_CASE("live: the time given ends it, and a full disk is no silence") {
  {
    Running witness;
    witness.request.runtime_max = std::chrono::milliseconds(300);
    witness.begin();
    Running::wait_until([&] { return witness.text().find("\"end\"") != std::string::npos; });
    CHECK(witness.end().value().end == WitnessEnd::runtime_reached);
  }
  Running witness;
  witness.begin();
  witness.refuse = true;
  Raw().send(marked_syn(kKey, now(), 1001, kLoopback, kLoopback));
  Result<WitnessResult> result = witness.end();
  REQUIRE_FALSE(result);
  CHECK(result.error().what == "the disk is full");
}

TEST_CASE("live: no interface, no file") {
  Running witness;
  witness.request.interface_name = "no-such-if0";
  Result<WitnessResult> result = run_witness(witness.request);
  REQUIRE_FALSE(result);
  CHECK_FALSE(witness.ready);
  CHECK(witness.text().empty());
}

}  // namespace demarc

int main(int argc, char** argv) {
  if (!demarc::enter_own_network()) {
    fmt::print("SKIPPED: no network namespace can be made here: {}\n", std::strerror(errno));
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
