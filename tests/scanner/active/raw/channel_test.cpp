#include "scanner/active/raw/channel.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "probes/wire/craft.h"
#include "scanner/active/raw/packet_sockets.h"
#include "scanner/active/socket_address.h"
#include "tests/scanner/active/raw/two_networks.h"

using namespace demarc;
using namespace demarc::test;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr PortRange kTcpPorts{Port{40000}, Port{40063}}, kUdpPorts{Port{50000}, Port{50015}};

/// A socket that puts whole frames on an interface, as a stranger's machine would.
class Stranger {
 public:
  explicit Stranger(const std::string& name, bool whole_frames = true) {
    fd_ = socket(AF_PACKET, (whole_frames ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    to_.sll_family = AF_PACKET;
    to_.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
    REQUIRE(fd_ >= 0);
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() { close(fd_); }
  bool say(const Frame& frame) {
    return sendto(fd_, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) ==
           static_cast<ssize_t>(frame.size());
  }

 private:
  int fd_;
  sockaddr_ll to_{};
};

/// Everything that comes in until it is so many packets, or two seconds are over.
std::vector<Frame> hear(Channel& channel, std::size_t wanted, std::vector<Received>* details = nullptr,
                        milliseconds patience = milliseconds(2000)) {
  std::vector<Frame> heard;
  auto end = Clock::now() + patience;
  while (heard.size() < wanted && Clock::now() < end) {
    pollfd wait{channel.poll_fd(), POLLIN, 0};
    poll(&wait, 1, 20);
    channel.receive([&](const Received& packet) {
      heard.emplace_back(packet.packet.begin(), packet.packet.end());
      if (details != nullptr) details->push_back(packet);
    });
  }
  return heard;
}
/// Nothing else comes: as long as a retired block takes, and some.
std::vector<Frame> hear_rest(Channel& channel) { return hear(channel, ~std::size_t{0}, nullptr, milliseconds(60)); }

Frame ethernet(const Frame& packet, std::uint16_t type,
               LinkAddress to = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 6}) {
  Frame frame(to.bytes.begin(), to.bytes.begin() + 6);
  for (int byte : {2, 0, 0, 0, 0, 0x22}) frame.push_back(static_cast<std::uint8_t>(byte));
  frame.push_back(static_cast<std::uint8_t>(type >> 8));
  frame.push_back(static_cast<std::uint8_t>(type));
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}
Frame ethernet_ip(const Frame& packet, LinkAddress to = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 6}) {
  return ethernet(packet, packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP, to);
}

TcpCraft tcp_to(std::uint16_t port) {
  TcpCraft tcp;
  tcp.source_port = 443;
  tcp.port = port;
  tcp.flags = 0x12;
  return tcp;
}

ChannelOptions options_for(const std::string& name, std::vector<Address> addresses = {kNear, kNear6}) {
  ChannelOptions options;
  options.interface = TwoNetworks::interface(name);
  options.filter = {std::move(addresses), kTcpPorts, kUdpPorts};
  options.ring_bytes = std::size_t{4} << 20;
  return options;
}

/// Puts a packet into the queue.
void queue(Channel& channel, const Frame& packet, const LinkAddress& to) {
  std::span<std::uint8_t> room = channel.room();
  REQUIRE(room.size() >= packet.size());
  std::copy(packet.begin(), packet.end(), room.begin());
  channel.commit(packet.size(), to);
}

/// A socket in the far network that hears datagrams.
class Listener {
 public:
  Listener(const Address& address, std::uint16_t port) {
    SocketAddress at(address, Port{port});
    fd_ = socket(at.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd_, at.get(), at.size()) == 0);
    int buffer = 32 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(fd_); }
  std::vector<std::string> heard(std::size_t wanted, int patience_ms = 2000) {
    std::vector<std::string> all;
    char text[2048];
    for (pollfd wait{fd_, POLLIN, 0}; all.size() < wanted && poll(&wait, 1, patience_ms) == 1;)
      if (ssize_t size = recv(fd_, text, sizeof text, 0); size >= 0) all.emplace_back(text, text + size);
    return all;
  }

 private:
  int fd_;
};

Frame named(Frame packet, std::uint8_t number) {
  packet.push_back(number);  // behind the packet's own end: padding tells it apart
  return packet;
}

}  // namespace

TEST_CASE("the kernel lets in what answers our probes, and nothing else") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  const Address other = *parse_address("192.0.2.77"), other6 = *parse_address("2001:db8::77");
  const Address group = *parse_address("ff02::1"), node = *parse_address("ff02::1:ff00:1");
  auto fragment = [](Protocol protocol, std::uint16_t offset, bool more) {
    IpCraft ip;
    ip.fragment_offset = offset;
    ip.more_fragments = more;
    ip.id = 7;
    return craft_ip(kFar, kNear, protocol, Frame(64, 0), ip);
  };
  auto with_options = [](std::uint16_t port) {
    IpCraft ip;
    ip.options = Frame(8, 1);
    return craft_tcp(kFar, kNear, tcp_to(port), ip);
  };
  auto extended = [](std::uint8_t extension) {
    IpCraft ip;
    ip.extensions = {{extension, Frame(6, 0)}};
    return craft_tcp(kFar6, kNear6, tcp_to(1), ip);
  };
  auto cut = [](Frame packet, std::size_t size) {
    packet.resize(size);
    return packet;
  };
  auto tagged = [](std::uint16_t tag, const Frame& packet) {
    Frame frame = {static_cast<std::uint8_t>(tag >> 8), static_cast<std::uint8_t>(tag), 0x08, 0x00};
    frame.insert(frame.end(), packet.begin(), packet.end());
    return ethernet(frame, ETH_P_8021Q);
  };
  struct Row {
    const char* what;
    bool in;
    Frame frame;
  };
  const std::vector<Row> rows = {
      {"TCP to the first of our ports", true, ethernet_ip(craft_tcp(kFar, kNear, tcp_to(40000)))},
      {"TCP to the last of our ports", true, ethernet_ip(craft_tcp(kFar, kNear, tcp_to(40063)))},
      {"TCP below them", false, ethernet_ip(craft_tcp(kFar, kNear, tcp_to(39999)))},
      {"TCP above them", false, ethernet_ip(craft_tcp(kFar, kNear, tcp_to(40064)))},
      {"TCP to a UDP port of ours", false, ethernet_ip(craft_tcp(kFar, kNear, tcp_to(50000)))},
      {"TCP to somebody else", false, ethernet_ip(craft_tcp(kFar, other, tcp_to(40000)))},
      {"TCP behind IP options", true, ethernet_ip(with_options(40001))},
      {"TCP behind IP options, to another port", false, ethernet_ip(with_options(1))},
      {"TCP without its ports", false, ethernet_ip(cut(craft_tcp(kFar, kNear, tcp_to(40000)), 22))},
      {"UDP to our ports", true, ethernet_ip(craft_udp(kFar, kNear, 53, 50015, "x"))},
      {"UDP to others", false, ethernet_ip(craft_udp(kFar, kNear, 53, 50016, "x"))},
      {"UDP to a TCP port of ours", false, ethernet_ip(craft_udp(kFar, kNear, 53, 40000, "x"))},
      {"ICMP", true, ethernet_ip(craft_icmp(kFar, kNear, 3, 13, 0))},
      {"ICMP to somebody else", false, ethernet_ip(craft_icmp(kFar, other, 0, 0, 0))},
      {"SCTP", false, ethernet_ip(craft_ip(kFar, kNear, Protocol::sctp, Frame(32, 0)))},
      {"the first fragment of TCP, whatever its port", true, ethernet_ip(fragment(Protocol::tcp, 0, true))},
      {"a later fragment of UDP", true, ethernet_ip(fragment(Protocol::udp, 1480, false))},
      {"a fragment of ESP", false, ethernet_ip(fragment(Protocol::esp, 0, true))},
      {"ARP", true, ethernet(Frame(28, 1), ETH_P_ARP)},
      {"LLDP", false, ethernet(Frame(60, 1), ETH_P_LLDP)},
      {"of a VLAN on top", false, tagged(0x0007, craft_tcp(kFar, kNear, tcp_to(40000)))},
      {"with a priority only", true, tagged(0xE000, craft_tcp(kFar, kNear, tcp_to(40002)))},
      {"TCP over IPv6", true, ethernet_ip(craft_tcp(kFar6, kNear6, tcp_to(40000)))},
      {"TCP over IPv6 above our ports", false, ethernet_ip(craft_tcp(kFar6, kNear6, tcp_to(40064)))},
      {"TCP over IPv6 to somebody else", false, ethernet_ip(craft_tcp(kFar6, other6, tcp_to(40000)))},
      {"UDP over IPv6", true, ethernet_ip(craft_udp(kFar6, kNear6, 53, 50000, "x"))},
      {"UDP over IPv6 to others", false, ethernet_ip(craft_udp(kFar6, kNear6, 53, 49999, "x"))},
      {"ICMPv6", true, ethernet_ip(craft_icmp(kFar6, kNear6, 1, 1, 0))},
      {"ICMPv6 to somebody else", false, ethernet_ip(craft_icmp(kFar6, other6, 129, 0, 0))},
      {"a neighbour advertisement to all", true, ethernet_ip(craft_icmp(kFar6, group, 136, 0, 0, Frame(16, 0)))},
      {"a solicitation for somebody", true, ethernet_ip(craft_icmp(kFar6, node, 135, 0, 0, Frame(16, 0)))},
      {"a multicast listener report", false, ethernet_ip(craft_icmp(kFar6, group, 143, 0, 0, Frame(16, 0)))},
      {"behind hop-by-hop options", true, ethernet_ip(extended(0))},
      {"behind destination options", true, ethernet_ip(extended(60))},
      {"GRE over IPv6", false, ethernet_ip(craft_ip(kFar6, kNear6, Protocol::gre, Frame(32, 0)))},
      {"IPv6 cut in its header", false, ethernet_ip(cut(craft_tcp(kFar6, kNear6, tcp_to(40000)), 30))},
  };
  for (std::size_t ring_bytes : {std::size_t{4} << 20, std::size_t{0}}) {
    CAPTURE(ring_bytes);
    ChannelOptions options = options_for("near");
    options.ring_bytes = ring_bytes;
    Channel channel = Channel::open(options).value();
    std::size_t expected = 0;
    lab.at_far([&] {
      Stranger stranger("far");
      for (std::size_t i = 0; i < rows.size(); ++i) {
        // The number of the row is the last byte of the frame.
        REQUIRE(stranger.say(named(rows[i].frame, static_cast<std::uint8_t>(i))));
        expected += rows[i].in ? 1 : 0;
      }
    });
    std::vector<Frame> heard = hear(channel, expected);
    for (Frame& late : hear_rest(channel)) heard.push_back(std::move(late));
    std::map<std::size_t, int> came;
    for (const Frame& packet : heard) ++came[packet.back()];
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CAPTURE(rows[i].what);
      CHECK(came[i] == (rows[i].in ? 1 : 0));
    }
  }
}

TEST_CASE("many addresses are all listened for, whatever the length of the filter") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  std::vector<Address> many;
  for (std::uint32_t i = 0; i < 128; ++i) many.push_back(Address::ipv4(kNear.ipv4_number() + i));
  for (std::uint64_t i = 0; i < 128; ++i) many.push_back(Address::ipv6(kNear6.high(), kNear6.low() + i));
  Channel channel = Channel::open(options_for("near", many)).value();
  lab.at_far([&] {
    Stranger stranger("far");
    for (const Address& address : many) {
      const Address& from = address.is_ipv4() ? kFar : kFar6;
      stranger.say(ethernet_ip(craft_tcp(from, address, tcp_to(40000))));
      stranger.say(ethernet_ip(craft_tcp(from, address, tcp_to(22))));
    }
  });
  CHECK(hear(channel, many.size()).size() == many.size());
  CHECK(hear_rest(channel).empty());
  many.push_back(*parse_address("192.0.2.200"));
  CHECK(Channel::open(options_for("near", many)).error().what ==
        "257 source addresses are too many for the kernel's packet filter (at most 256)");
}

TEST_CASE("what comes in says from whom, when and how long it was") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  for (std::size_t ring_bytes : {std::size_t{4} << 20, std::size_t{0}}) {
    ChannelOptions options = options_for("near");
    options.ring_bytes = ring_bytes;
    Channel channel = Channel::open(options).value();
    Frame packet = craft_udp(kFar, kNear, 53, 50001, std::string(700, 'a'));
    timespec before{}, after{};
    clock_gettime(CLOCK_REALTIME, &before);
    lab.at_far([&] {
      Stranger stranger("far");
      stranger.say(ethernet_ip(packet));
      stranger.say(ethernet(Frame(28, 1), ETH_P_ARP));
    });
    std::vector<Received> details;
    std::vector<Frame> heard = hear(channel, 2, &details);
    clock_gettime(CLOCK_REALTIME, &after);
    REQUIRE(heard.size() == 2);
    CHECK(heard[0] == packet);
    CHECK(details[0].length == packet.size());
    CHECK_FALSE(details[0].arp);
    CHECK(details[1].arp);
    CHECK(details[0].from == LinkAddress{{2, 0, 0, 0, 0, 0x22}, 6});
    auto at = [](const timespec& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; };
    CHECK(details[0].at.since_epoch().count() >= at(before));
    CHECK(details[0].at.since_epoch().count() <= at(after));
  }
}

TEST_CASE("no more than asked for is handed over, and the rest afterwards") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  for (std::size_t ring_bytes : {std::size_t{4} << 20, std::size_t{0}}) {
    ChannelOptions options = options_for("near");
    options.ring_bytes = ring_bytes;
    Channel channel = Channel::open(options).value();
    lab.at_far([&] {
      Stranger stranger("far");
      for (int i = 0; i < 100; ++i)
        stranger.say(ethernet_ip(craft_udp(kFar, kNear, 53, 50001, fmt::format("{:03}", i))));
    });
    std::vector<std::string> texts;
    auto end = Clock::now() + std::chrono::seconds(2);
    while (texts.size() < 100 && Clock::now() < end) {
      std::size_t taken =
          channel.receive([&](const Received& r) { texts.emplace_back(r.packet.end() - 3, r.packet.end()); }, 7);
      CHECK(taken <= 7);
    }
    REQUIRE(texts.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(texts[static_cast<std::size_t>(i)] == fmt::format("{:03}", i));
  }
}

TEST_CASE("the filter cannot be taken off") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  Channel channel = Channel::open(options_for("near")).value();
  int nothing = 0;
  CHECK(setsockopt(channel.poll_fd(), SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing) != 0);
}

TEST_CASE("frames arrive at the other end, over IPv4 and IPv6") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  for (bool bypass : {true, false}) {
    CAPTURE(bypass);
    ChannelOptions options = options_for("near");
    options.bypass_qdisc = bypass;
    options.batch = 5;
    Channel channel = Channel::open(options).value();
    CHECK(channel.room().size() == 1500);
    LinkAddress to;
    std::optional<Listener> four, six;
    lab.at_far([&] {
      to = TwoNetworks::interface("far").address;
      four.emplace(kFar, std::uint16_t{4000});
      six.emplace(kFar6, std::uint16_t{4000});
    });
    for (int i = 0; i < 2; ++i) {
      queue(channel, craft_udp(kNear, kFar, 50000, 4000, fmt::format("four {}", i)), to);
      queue(channel, craft_udp(kNear6, kFar6, 50000, 4000, fmt::format("six {}", i)), to);
    }
    CHECK(channel.queued() == 4);
    CHECK_FALSE(channel.full());
    queue(channel, craft_udp(kNear, kFar, 50000, 4000, std::string(1472, 'm')), to);
    CHECK(channel.full());
    CHECK(channel.room().empty());
    Channel::Flushed flushed = channel.flush();
    CHECK(flushed.sent == 5);
    CHECK(flushed.lost == 0);
    CHECK(channel.queued() == 0);
    CHECK(four->heard(3) == std::vector<std::string>{"four 0", "four 1", std::string(1472, 'm')});
    CHECK(six->heard(2) == std::vector<std::string>{"six 0", "six 1"});
    queue(channel, craft_udp(kNear, kFar, 50000, 4000, "forgotten"), to);
    channel.discard();
    CHECK(channel.flush().sent == 0);
    CHECK(four->heard(1, 20).empty());
  }
}

TEST_CASE("what can never be sent is lost alone") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  Channel channel = Channel::open(options_for("near")).value();
  LinkAddress to;
  std::optional<Listener> listener;
  lab.at_far([&] {
    to = TwoNetworks::interface("far").address;
    listener.emplace(kFar, std::uint16_t{4000});
  });
  REQUIRE(run("ip link set near mtu 1300"));
  queue(channel, craft_udp(kNear, kFar, 50000, 4000, "before"), to);
  queue(channel, craft_udp(kNear, kFar, 50000, 4000, std::string(1400, 'm')), to);
  queue(channel, craft_udp(kNear, kFar, 50000, 4000, "behind"), to);
  Channel::Flushed flushed = channel.flush();
  CHECK(flushed.sent == 2);
  CHECK(flushed.lost == 1);
  CHECK(flushed.error == EMSGSIZE);
  CHECK_FALSE(flushed.try_again);
  CHECK(channel.queued() == 0);
  CHECK(listener->heard(2) == std::vector<std::string>{"before", "behind"});
}

TEST_CASE("200,000 packets come in and none is lost") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  ChannelOptions options = options_for("near");
  options.ring_bytes = std::size_t{32} << 20;
  Channel channel = Channel::open(options).value();
  constexpr std::uint32_t kPackets = 200'000;
  std::optional<Channel> far;
  LinkAddress to = TwoNetworks::interface("near").address;
  lab.at_far([&] { far.emplace(Channel::open(options_for("far", {kFar})).value()); });
  std::vector<bool> seen(kPackets);
  std::uint32_t doubled = 0, count = 0;
  auto take = [&](const Received& packet) {
    if (packet.arp || packet.packet[0] != 0x45) return;      // the kernels look for each other, too
    std::uint32_t number = be32(packet.packet.data() + 24);  // the sequence number
    if (number >= kPackets || seen[number]) return void(++doubled);
    seen[number] = true;
    ++count;
  };
  for (std::uint32_t number = 0; number < kPackets;) {
    while (!far->full() && number < kPackets) {
      TcpCraft tcp = tcp_to(40001);
      tcp.seq = number++;
      queue(*far, craft_tcp(kFar, kNear, tcp), to);
    }
    while (far->queued() != 0) far->flush();
    channel.receive(take);
  }
  for (int i = 0; i < 200 && count < kPackets; ++i) {
    pollfd wait{channel.poll_fd(), POLLIN, 0};
    poll(&wait, 1, 10);
    channel.receive(take);
  }
  CHECK(count == kPackets);
  CHECK(doubled == 0);
  CHECK(channel.dropped() == 0);
}

TEST_CASE("packets the ring has no room for are counted") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  for (std::size_t ring_bytes : {std::size_t{1} << 20, std::size_t{0}}) {
    ChannelOptions options = options_for("near");
    options.ring_bytes = ring_bytes;
    Channel channel = Channel::open(options).value();
    if (ring_bytes == 0) {
      int small = 64 << 10;
      setsockopt(channel.poll_fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    constexpr std::size_t kPackets = 4000;
    lab.at_far([&] {
      Stranger stranger("far");
      for (std::size_t i = 0; i < kPackets; ++i)
        stranger.say(ethernet_ip(craft_udp(kFar, kNear, 53, 50001, std::string(1000, 'a'))));
    });
    std::size_t heard = hear(channel, kPackets, nullptr, milliseconds(200)).size();
    CHECK(heard < kPackets);
    CHECK(channel.dropped() == kPackets - heard);
    CHECK(channel.dropped() == kPackets - heard);  // since opening, not since asked
    // And there is room again.
    lab.at_far([&] { Stranger("far").say(ethernet_ip(craft_udp(kFar, kNear, 53, 50001, "again"))); });
    CHECK(hear(channel, 1).size() == 1);
  }
}

TEST_CASE("an interface may go down and come up again") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  for (std::size_t ring_bytes : {std::size_t{4} << 20, std::size_t{0}}) {
    ChannelOptions options = options_for("near");
    options.ring_bytes = ring_bytes;
    Channel channel = Channel::open(options).value();
    LinkAddress to;
    std::optional<Listener> listener;
    lab.at_far([&] {
      to = TwoNetworks::interface("far").address;
      listener.emplace(kFar, std::uint16_t{4000});
    });
    queue(channel, craft_udp(kNear, kFar, 50000, 4000, "one"), to);
    CHECK(channel.flush().sent == 1);
    REQUIRE(run("ip link set near down"));
    queue(channel, craft_udp(kNear, kFar, 50000, 4000, "two"), to);
    queue(channel, craft_udp(kNear, kFar, 50000, 4000, "three"), to);
    Channel::Flushed flushed = channel.flush();
    CHECK(flushed.down);
    CHECK(flushed.sent == 0);
    CHECK(flushed.lost == 0);
    CHECK(channel.queued() == 2);
    // The error is read once; poll() waits again afterwards.
    CHECK(hear_rest(channel).empty());
    pollfd wait{channel.poll_fd(), POLLIN, 0};
    CHECK(poll(&wait, 1, 0) == 0);

    REQUIRE(run("ip link set near up"));
    queue(channel, craft_udp(kNear, kFar, 50000, 4000, "four"), to);
    std::uint32_t sent = 0;
    for (int i = 0; i < 400 && sent < 3; ++i) {
      sent += channel.flush().sent;
      if (sent < 3) usleep(5000);
    }
    CHECK(sent == 3);
    CHECK(listener->heard(4) == std::vector<std::string>{"one", "two", "three", "four"});
    lab.at_far([&] { Stranger("far").say(ethernet_ip(craft_udp(kFar, kNear, 53, 50001, "again"))); });
    CHECK(hear(channel, 1).size() == 1);
  }
}

TEST_CASE("an interface may be taken away and come back as another one") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  auto make = [] {
    return run("ip link add gone type veth peer name end && ip link set gone up && ip link set end up");
  };
  REQUIRE(make());
  Channel channel = Channel::open(options_for("gone")).value();
  NetworkInterface before = channel.interface();
  REQUIRE(run("ip link delete gone"));
  queue(channel, craft_udp(kNear, kFar, 50000, 4000, "kept"), before.address);
  CHECK(channel.flush().down);
  CHECK(channel.queued() == 1);
  REQUIRE(make());
  ChannelOptions watch = options_for("end", {});
  watch.filter.udp_ports = PortRange::all();
  Channel end = Channel::open(watch).value();
  std::uint32_t sent = 0;
  for (int i = 0; i < 400 && sent == 0; ++i) {
    sent = channel.flush().sent;
    if (sent == 0) usleep(5000);
  }
  CHECK(sent == 1);
  CHECK(channel.interface().index != before.index);
  CHECK(channel.interface().address == TwoNetworks::interface("gone").address);
  std::vector<Frame> seen = hear(end, 1);
  CHECK(std::any_of(seen.begin(), seen.end(),
                    [](const Frame& f) { return std::string(f.begin(), f.end()).ends_with("kept"); }));
  Stranger("end").say(ethernet_ip(craft_udp(kFar, kNear, 53, 50001, "again")));
  CHECK(hear(channel, 1).size() == 1);
}

TEST_CASE("a tunnel has no link header, in either direction") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  ifreq request{};
  std::strcpy(request.ifr_name, "tun0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) {
    MESSAGE("SKIPPED: no tun device here");
    return;
  }
  REQUIRE(run("ip address add 192.0.2.65/28 dev tun0 && ip link set tun0 up"));
  const Address own = *parse_address("192.0.2.65"), peer = *parse_address("192.0.2.66");
  ChannelOptions options = options_for("tun0", {own, kNear6});
  CHECK(options.interface.header == LinkHeader::none);
  Channel channel = Channel::open(options).value();
  const Frame four = craft_udp(own, peer, 50000, 4000, "out"), six = craft_udp(kNear6, kFar6, 50000, 4000, "out");
  queue(channel, four, {});
  queue(channel, six, {});
  CHECK(channel.flush().sent == 2);
  std::vector<Frame> out;
  for (int i = 0; i < 200 && out.size() < 2; ++i) {
    Frame packet(2048);
    ssize_t size = read(tun, packet.data(), packet.size());
    if (size <= 0) {
      usleep(5000);
      continue;
    }
    packet.resize(static_cast<std::size_t>(size));
    if (packet == four || packet == six) out.push_back(packet);  // the kernel speaks IPv6 there as well
  }
  CHECK(out == std::vector<Frame>{four, six});
  for (const Frame& packet : {craft_udp(peer, own, 4000, 50000, "in"), craft_udp(peer, own, 4000, 1, "no"),
                              craft_udp(kFar6, kNear6, 4000, 50000, "in")})
    REQUIRE(write(tun, packet.data(), packet.size()) == static_cast<ssize_t>(packet.size()));
  std::vector<Frame> heard = hear(channel, 2);
  for (Frame& late : hear_rest(channel)) heard.push_back(late);
  CHECK(heard ==
        std::vector<Frame>{craft_udp(peer, own, 4000, 50000, "in"), craft_udp(kFar6, kNear6, 4000, 50000, "in")});
  close(tun);
}

TEST_CASE("where a queue of the kernel's is full, what is left is sent later") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  ifreq request{};
  std::strcpy(request.ifr_name, "tun0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) {
    MESSAGE("SKIPPED: no tun device here");
    return;
  }
  // IPv6 off, so that the kernel says nothing there; a queue of four.
  REQUIRE(
      run("echo 1 >/proc/sys/net/ipv6/conf/tun0/disable_ipv6; ip address add 192.0.2.65/28 dev tun0 && "
          "ip link set tun0 txqueuelen 4 up"));
  const Address own = *parse_address("192.0.2.65"), peer = *parse_address("192.0.2.66");
  Channel channel = Channel::open(options_for("tun0", {own})).value();
  std::vector<Frame> packets, out;
  for (int i = 0; i < 10; ++i) {
    packets.push_back(craft_udp(own, peer, 50000, 4000, std::string(static_cast<std::size_t>(1 + 7 * i), 'a')));
    queue(channel, packets.back(), {});
  }
  int waits = 0;
  for (int i = 0; i < 100 && out.size() < packets.size(); ++i) {
    Channel::Flushed flushed = channel.flush();
    CHECK(flushed.lost == 0);
    waits += flushed.try_again ? 1 : 0;
    Frame packet(2048);
    for (ssize_t size; (size = read(tun, packet.data(), packet.size())) > 0;)
      out.emplace_back(packet.begin(), packet.begin() + size);
    // Something new behind what waits.
    if (i == 0) {
      packets.push_back(craft_udp(own, peer, 50000, 4000, "new"));
      queue(channel, packets.back(), {});
    }
  }
  CHECK(out == packets);
  CHECK(waits >= 1);
  close(tun);
}

TEST_CASE("loopback: our own kernel answers, and each answer comes once") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  const Address own = *parse_address("127.0.0.1"), own6 = *parse_address("::1");
  Channel channel = Channel::open(options_for("lo", {own, own6})).value();
  CHECK(channel.room().size() == 9000);
  const Address second = *parse_address("192.0.2.1");  // of another interface: still over loopback
  Channel all = Channel::open(options_for("lo", {})).value();
  // IPv4 and IPv6 leave by different sockets, and are still sent in one go.
  for (const Address& address : {own, own6, second, own, kNear6}) {
    TcpCraft syn;
    syn.source_port = 40000;
    syn.port = 9;  // nobody listens
    syn.flags = 0x02;
    queue(all, craft_tcp(address, address, syn), {});
  }
  CHECK(all.flush().sent == 5);
  std::vector<Frame> every = hear(all, 5);
  for (Frame& late : hear_rest(all)) every.push_back(late);
  REQUIRE(every.size() == 5);
  for (const Frame& packet : every) CHECK((packet[packet[0] == 0x45 ? 33 : 53] & 0x04) != 0);  // RST
  // The other one listens for two of the addresses only.
  CHECK(hear(channel, 3).size() == 3);
  CHECK(hear_rest(channel).empty());
}

TEST_CASE("what was not sent yet keeps its order and its bytes") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  // On loopback, where messages of both kinds stand in one queue.
  ChannelOptions options = options_for("lo", {*parse_address("127.0.0.1")});
  options.batch = 8;
  Channel channel = Channel::open(options).value();
  const Address own = *parse_address("127.0.0.1"), own6 = *parse_address("::1");
  Listener four(own, 4000), six(own6, 4000);
  REQUIRE(run("ip link set lo down"));
  queue(channel, craft_udp(own6, own6, 50000, 4000, "six 0"), {});
  queue(channel, craft_udp(own, own, 50000, 4000, "four 0"), {});
  queue(channel, craft_udp(own6, own6, 50000, 4000, "six 1"), {});
  CHECK(channel.flush().down);
  CHECK(channel.queued() == 3);
  REQUIRE(run("ip link set lo up"));
  queue(channel, craft_udp(own, own, 50000, 4000, "four 1"), {});
  CHECK(channel.flush().sent == 4);
  CHECK(four.heard(2) == std::vector<std::string>{"four 0", "four 1"});
  CHECK(six.heard(2) == std::vector<std::string>{"six 0", "six 1"});
}

TEST_CASE("without privilege the error says what is missing") {
  TwoNetworks lab;
  DEMARC_NEEDS(lab);
  ChannelOptions options = options_for("near");
  options.interface.index = 4711;
  Result<Channel> opened = Channel::open(options);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().what.find("on interface near") != std::string::npos);
}
