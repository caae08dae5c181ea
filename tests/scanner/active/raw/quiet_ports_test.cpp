#include "scanner/active/raw/quiet_ports.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <set>

#include "probes/wire/craft.h"
#include "scanner/active/raw/capabilities.h"
#include "scanner/active/raw/channel.h"
#include "scanner/active/socket_address.h"
#include "tests/scanner/active/raw/two_networks.h"

using namespace demarc;
using namespace demarc::test;

namespace {

QuietPorts::Wish wish_for(Protocol protocol, std::vector<Address> addresses) {
  QuietPorts::Wish wish;
  wish.protocol = protocol;
  wish.addresses = std::move(addresses);
  wish.count = 16;
  wish.seed = 5;
  return wish;
}

/// What our kernel sends to the far network when these packets come in from there.
std::vector<Frame> answers_to(TwoNetworks& lab, const std::vector<Frame>& packets) {
  ChannelOptions options;
  options.filter.addresses = {kFar, kFar6};
  options.ring_bytes = std::size_t{1} << 20;
  LinkAddress to = TwoNetworks::interface("near").address;
  std::optional<Channel> far;
  lab.at_far([&] {
    // The far kernel must not answer, nor ask who we are: its side only carries frames.
    options.interface = TwoNetworks::interface("far");
    far.emplace(Channel::open(options).value());
  });
  for (const Frame& packet : packets) {
    std::copy(packet.begin(), packet.end(), far->room().begin());
    far->commit(packet.size(), to);
  }
  CHECK(far->flush().sent == packets.size());
  std::vector<Frame> heard;
  for (int i = 0; i < 15; ++i) {
    pollfd wait{far->poll_fd(), POLLIN, 0};
    poll(&wait, 1, 10);
    far->receive([&](const Received& r) {
      bool four = !r.arp && r.packet[0] >> 4 == 4;
      std::uint8_t protocol = r.arp ? 0 : r.packet[four ? 9 : 6];
      // Neighbour discovery is not what is counted.
      bool discovery = protocol == 58 && r.packet[40] >= 133 && r.packet[40] <= 137;
      if (!r.arp && !discovery) heard.emplace_back(r.packet.begin(), r.packet.end());
    });
  }
  return heard;
}

Frame syn_ack(const Address& from, const Address& to, Port port, std::uint8_t ttl = 64) {
  IpCraft ip;
  ip.ttl = ttl;
  TcpCraft tcp;
  tcp.source_port = 443;
  tcp.port = port.number();
  tcp.seq = 7;
  tcp.ack = 8;
  tcp.flags = 0x12;
  return craft_tcp(from, to, tcp, ip);
}
Frame syn(const Address& from, const Address& to, Port port) {
  TcpCraft tcp;
  tcp.source_port = 443;
  tcp.port = port.number();
  tcp.flags = 0x02;
  return craft_tcp(from, to, tcp);
}

void allow_many_errors() {
  run("echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit; "
      "echo 100000 >/proc/sys/net/ipv4/icmp_msgs_per_sec; echo 100000 >/proc/sys/net/ipv4/icmp_msgs_burst");
}

}  // namespace

TEST_CASE("our kernel resets what answers a probe, unless the port is held") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  for (bool held : {false, true}) {
    CAPTURE(held);
    std::optional<QuietPorts> quiet;
    if (held) quiet.emplace(QuietPorts::hold(wish_for(Protocol::tcp, {kNear, kNear6})).value());
    PortRange range = held ? quiet->range() : PortRange{Port{40000}, Port{40015}};
    std::vector<Frame> packets;
    for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p) {
      Port port{static_cast<std::uint16_t>(p)};
      packets.push_back(syn_ack(kFar, kNear, port));
      packets.push_back(syn_ack(kFar6, kNear6, port));
      packets.push_back(syn(kFar, kNear, port));  // nor does a stranger find a listener
      packets.push_back(syn(kFar6, kNear6, port));
    }
    CHECK(answers_to(lab, packets).size() == (held ? 0 : packets.size()));
  }
}

TEST_CASE("a port is as quiet when it is held without privilege") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  // A child without any capability holds the ports, we look at what our kernel says about them.
  int ready[2], done[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(done) == 0);
  QuietPorts::Wish wish = wish_for(Protocol::tcp, {kNear, kNear6});
  wish.exactly = PortRange{Port{40000}, Port{40015}};
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(done[1]);
    Result<QuietPorts> quiet = failure("");
    if (keep_capabilities(0)) quiet = QuietPorts::hold(wish);
    char word = quiet ? 'y' : 'n';
    if (write(ready[1], &word, 1) != 1) _exit(1);
    _exit(read(done[0], &word, 1) == 0 ? 0 : 1);
  }
  close(done[0]);
  char word = 0;
  REQUIRE(read(ready[0], &word, 1) == 1);
  CHECK(word == 'y');
  std::vector<Frame> packets;
  for (std::uint16_t number = 40000; number < 40016; ++number) {
    packets.push_back(syn_ack(kFar, kNear, Port{number}));
    packets.push_back(syn_ack(kFar6, kNear6, Port{number}));
    packets.push_back(syn_ack(kFar, kNear, Port{number}, 255));
    packets.push_back(syn_ack(kFar6, kNear6, Port{number}, 255));
  }
  CHECK(answers_to(lab, packets).empty());
  close(done[1]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("our kernel sends port-unreachables for what answers a datagram, unless the port is held") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  allow_many_errors();
  for (bool held : {false, true}) {
    CAPTURE(held);
    std::optional<QuietPorts> quiet;
    if (held) quiet.emplace(QuietPorts::hold(wish_for(Protocol::udp, {kNear, kNear6})).value());
    PortRange range = held ? quiet->range() : PortRange{Port{50000}, Port{50015}};
    std::vector<Frame> packets;
    for (std::uint32_t p = range.first.number(); p <= range.last.number(); ++p) {
      packets.push_back(craft_udp(kFar, kNear, 53, static_cast<std::uint16_t>(p), "answer"));
      packets.push_back(craft_udp(kFar6, kNear6, 53, static_cast<std::uint16_t>(p), "answer"));
    }
    std::size_t answers = answers_to(lab, packets).size();
    if (held)
      CHECK(answers == 0);
    else
      CHECK(answers >= packets.size() / 2);  // the kernel limits its own errors
  }
}

TEST_CASE("quiet ports are a window of the ephemeral range, by the seed") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(run("echo 33000 33999 >/proc/sys/net/ipv4/ip_local_port_range"));
  std::set<Port> firsts;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    QuietPorts::Wish wish = wish_for(Protocol::tcp, {kNear, kNear6});
    wish.count = 64;
    wish.seed = seed;
    QuietPorts quiet = QuietPorts::hold(wish).value();
    REQUIRE(quiet.ports().size() == 64);
    CHECK(quiet.range().size() == 64);
    CHECK(quiet.range().first.number() % 64 == 0);
    CHECK(quiet.range().first.number() >= 33000);
    CHECK(quiet.range().last.number() <= 33999);
    CHECK(std::ranges::is_sorted(quiet.ports()));
    firsts.insert(quiet.range().first);
    QuietPorts again = std::move(quiet);  // still held, once
    CHECK(again.ports().size() == 64);
  }
  CHECK(firsts.size() > 5);
  // A number that is no power of two becomes the next smaller one.
  QuietPorts::Wish odd = wish_for(Protocol::udp, {kNear});
  odd.count = 100;
  CHECK(QuietPorts::hold(odd).value().ports().size() == 64);
}

TEST_CASE("a window with a port in use is left to its user") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(run("echo 33024 33055 >/proc/sys/net/ipv4/ip_local_port_range"));  // two windows of 16
  for (Protocol protocol : {Protocol::tcp, Protocol::udp}) {
    int user = socket(AF_INET6, protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    SocketAddress at(kNear6, Port{33030});
    REQUIRE(bind(user, at.get(), at.size()) == 0);
    if (protocol == Protocol::tcp) REQUIRE(listen(user, 1) == 0);
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      QuietPorts::Wish wish = wish_for(protocol, {kNear, kNear6});
      wish.seed = seed;
      QuietPorts quiet = QuietPorts::hold(wish).value();
      CHECK(quiet.range() == PortRange{Port{33040}, Port{33055}});
    }
    // One more, and only smaller windows are free.
    QuietPorts first = QuietPorts::hold(wish_for(protocol, {kNear, kNear6})).value();
    QuietPorts second = QuietPorts::hold(wish_for(protocol, {kNear, kNear6})).value();
    CHECK(second.range() == PortRange{Port{33032}, Port{33039}});
    close(user);
  }
}

TEST_CASE("a held port is given to nobody else, and is free again afterwards") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  auto bind_there = [](Port port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    SocketAddress at(kNear, port);
    int error = bind(fd, at.get(), at.size()) == 0 ? 0 : errno;
    close(fd);
    return error;
  };
  Port port;
  {
    QuietPorts quiet = QuietPorts::hold(wish_for(Protocol::tcp, {kNear})).value();
    port = quiet.ports()[3];
    CHECK(bind_there(port) == EADDRINUSE);
    quiet = QuietPorts::hold(wish_for(Protocol::tcp, {kNear})).value();
  }
  CHECK(bind_there(port) == 0);
}

TEST_CASE("source ports that are prescribed are all held, or the error names the one that is not") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  QuietPorts::Wish wish = wish_for(Protocol::udp, {kNear, kNear6});
  wish.exactly = PortRange{Port{20}, Port{53}};
  CHECK(QuietPorts::hold(wish).value().ports().size() == 34);
  int user = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  SocketAddress at(kNear, Port{33});
  REQUIRE(bind(user, at.get(), at.size()) == 0);
  CHECK(QuietPorts::hold(wish).error() == Error{{},
                                                "cannot hold udp port 33 of 192.0.2.1: Address already in use",
                                                "a program of this machine uses it: choose another --source-port"});
  close(user);
  wish.addresses = {*parse_address("192.0.2.99")};
  CHECK(QuietPorts::hold(wish).error().what ==
        "cannot hold udp port 20 of 192.0.2.99: Cannot assign requested address");
  wish.exactly = PortRange{Port{0}, Port{53}};
  CHECK(QuietPorts::hold(wish).error().what == "port 0 cannot be a source port");
  wish.protocol = Protocol::sctp;
  CHECK(QuietPorts::hold(wish).error().what == "sctp has no ports to be quiet on");
}

TEST_CASE("link-local addresses are held on their own interface") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  REQUIRE(run("ip address add fe80::77/64 dev near nodad"));
  CHECK(QuietPorts::hold(wish_for(Protocol::tcp, {*parse_address("fe80::77")})).value().ports().size() == 16);
}

TEST_CASE("few descriptors mean few ports, not none") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit scarce{64, 64};
  pid_t child = fork();  // a hard limit cannot be taken back
  if (child == 0) {
    if (setrlimit(RLIMIT_NOFILE, &scarce) != 0) _exit(10);
    QuietPorts::Wish wish = wish_for(Protocol::tcp, {kNear, kNear6});
    wish.count = 64;
    Result<QuietPorts> quiet = QuietPorts::hold(wish);
    if (!quiet) _exit(11);
    if (quiet->ports().empty() || quiet->ports().size() > 8) _exit(12);
    if (!std::has_single_bit(quiet->ports().size())) _exit(13);
    wish.exactly = PortRange{Port{40000}, Port{40063}};
    Result<QuietPorts> exactly = QuietPorts::hold(wish);
    if (exactly || exactly.error().hint.find("ulimit") == std::string::npos) _exit(14);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}
