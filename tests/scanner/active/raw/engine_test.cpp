// What each answer becomes, through a real filter to a real host.
#include <doctest/doctest.h>

#include "probes/wire/craft.h"
#include "tests/scanner/active/raw/engine_lab.h"

using namespace demarc;
using namespace demarc::test;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> kFiveClasses = {
    "tcp dport 30000 drop", "tcp dport 40000 reject with tcp reset",
    "meta nfproto ipv4 tcp dport 50000 reject with icmp type admin-prohibited",
    "meta nfproto ipv6 tcp dport 50000 reject with icmpv6 type admin-prohibited"};

}  // namespace

TEST_CASE("open, closed, silent, reset by the filter and refused by it are told apart, in both families") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.filter(kFiveClasses);
  std::vector<Item> items;
  for (const Address& host : {kHost, kHost6}) {
    lab.open_tcp(10, host);
    for (std::uint16_t port :
         {std::uint16_t{10}, std::uint16_t{20}, std::uint16_t{30000}, std::uint16_t{40000}, std::uint16_t{50000}})
      items.push_back({host, Protocol::tcp, port});
  }
  LabRequest request(items);
  ToldSink sink;
  RawFacts facts;
  auto result = run_raw_scan(request, raw_options(), sink, [&](const RawFacts& f) { facts = f; });
  REQUIRE(result.has_value());
  CHECK(result->summary.end == ScanEnd::complete);
  CHECK(result->unanswered_work == 0);
  CHECK(facts.source4 == kNear);
  CHECK(facts.source6 == kNear6);
  CHECK(facts.interfaces == "near");
  REQUIRE(sink.found.size() == items.size());
  for (std::uint64_t i = 0; i < items.size(); ++i) {
    CAPTURE(to_string(items[i].target));
    CAPTURE(items[i].port);
    const Outcome& o = sink.found.at(i).outcome;
    const bool v4 = items[i].target.is_ipv4();
    CHECK(sink.times[i] == 1);
    CHECK(o.target == items[i].target);
    switch (items[i].port) {
      case 10:
        CHECK(o.state == PortState::open);
        CHECK(o.passage == Passage::passed);
        CHECK(o.answered_by == items[i].target);
        CHECK(o.ttl == 63);
        CHECK(o.rtt_us > 0);
        CHECK(o.tries == 1);
        break;
      case 20:
        CHECK(o.state == PortState::closed);
        CHECK(o.answer == Answer::rst);
        CHECK(o.passage == Passage::passed);
        CHECK(o.answered_by == items[i].target);
        CHECK(o.ttl == 63);
        break;
      case 30000:
        CHECK(o.state == PortState::filtered);
        CHECK(o.answer == Answer::silence);
        CHECK(o.passage == Passage::undetermined);
        CHECK(o.doubt == Doubt::no_canary);
        CHECK(o.ttl == -1);
        CHECK(o.tries == 2);
        break;
      case 40000:
        CHECK(o.state == PortState::filtered);
        CHECK(o.answer == Answer::rst);
        CHECK(o.passage == Passage::blocked);
        CHECK(o.ttl == 64);
        CHECK(o.answered_by != items[i].target);
        break;
      default:
        CHECK(o.state == PortState::filtered);
        CHECK(o.answer == Answer::icmp_admin_prohibited);
        CHECK(o.passage == Passage::blocked);
        CHECK(o.answered_by == (v4 ? kFar : kFar6));
        CHECK(o.ttl == 64);
    }
  }
  CHECK(sink.last.done == items.size());
  CHECK(sink.last.open == 2);
}

TEST_CASE("nothing is sent to anybody but the targets and the next hop, and opens are reset") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(10);
  std::unique_ptr<Capture> arrived;
  lab.at_filter([&] { arrived = std::make_unique<Capture>("far"); });
  LabRequest request(tcp_ports(kHost, 1, 200));
  request.pace.decoys_per_target = 4;
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  int syns = 0, resets = 0;
  for (const Capture::Packet& packet : arrived->stop()) {
    if (packet.view.protocol == Protocol::icmpv6) continue;  // the kernels' own: neighbours
    CAPTURE(to_string(packet.view.destination));
    CHECK(packet.view.destination == kHost);
    CHECK(packet.view.source == kNear);
    if (packet.view.protocol != Protocol::tcp) continue;
    syns += packet.view.tcp_flags == tcp_flag::syn ? 1 : 0;
    resets += packet.view.tcp_flags == tcp_flag::rst && packet.view.port == 10 ? 1 : 0;
  }
  CHECK(syns >= 204);
  CHECK(resets >= 1);
}

TEST_CASE("the source port, the TTL and fragments are as wished") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(10);
  lab.open_tcp(10, kHost6);
  std::vector<Item> items = tcp_ports(kHost, 10, 30);
  for (const Item& item : tcp_ports(kHost6, 10, 30)) items.push_back(item);
  LabRequest request(items);
  for (std::uint16_t fragment : {std::uint16_t{0}, std::uint16_t{8}}) {
    CAPTURE(fragment);
    std::unique_ptr<Capture> arrived;
    lab.at_filter([&] { arrived = std::make_unique<Capture>("far"); });
    RawOptions options = raw_options();
    options.source_ports = PortRange::single(Port{53});
    options.ttl = 40;
    options.fragment = fragment;
    ToldSink sink;
    REQUIRE(run_raw_scan(request, options, sink).has_value());
    std::map<Family, int> first, later;
    for (const Capture::Packet& packet : arrived->stop()) {
      if (packet.view.later_fragment) {
        ++later[packet.view.source.family()];
        CHECK(packet.view.ttl == 40);
        continue;
      }
      if (packet.view.protocol == Protocol::tcp) CHECK(packet.view.ttl == 40);  // resets too
      // A fragment of eight bytes is too short for the flags: the port says whose it is.
      const bool probe = packet.view.protocol == Protocol::tcp && packet.view.has_ports &&
                         (packet.view.fragment || packet.view.tcp_flags == tcp_flag::syn);
      if (!probe) continue;
      ++first[packet.view.source.family()];
      CHECK(packet.view.source_port == 53);
      CHECK(packet.view.ttl == 40);
      CHECK(packet.view.fragment == (fragment != 0));
    }
    for (Family family : {Family::ipv4, Family::ipv6}) {
      if (fragment == 0) CHECK(first[family] >= 21);
      CHECK((later[family] >= 2 * 21) == (fragment != 0));
    }
    // Pieces this small are put together again by IPv4 hosts only: IPv6 wants the whole TCP header in the first one
    // (RFC 7112 §5).
    const std::uint64_t last = fragment == 0 ? 42 : 21;
    for (std::uint64_t i = 0; i < last; ++i) {
      CAPTURE(i);
      CHECK(sink.found.at(i).outcome.state == (i % 21 == 0 ? PortState::open : PortState::closed));
    }
  }
}

TEST_CASE("where everything opens, that is said, and no open counts") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(10);
  lab.at_host([] {
    REQUIRE(
        run("nft add table ip trap && nft add chain ip trap in '{ type nat hook prerouting priority -100; }' && "
            "nft add rule ip trap in ip daddr 198.51.100.2 tcp dport 1-65535 redirect to :10"));
  });
  LabRequest request(tcp_ports(kHost, 1, 60));
  request.pace.decoys_per_target = 4;
  ToldSink sink;
  auto result = run_raw_scan(request, raw_options(), sink);
  REQUIRE(result.has_value());
  REQUIRE(sink.found.size() == 60);
  int doubted = 0;
  for (const auto& [index, found] : sink.found)
    doubted += found.outcome.state == PortState::open && found.outcome.doubt == Doubt::answers_everything ? 1 : 0;
  CHECK(doubted == 60);
  CHECK(sink.last.open == 0);
  CHECK(sink.noted("198.51.100.2"));
}

TEST_CASE("an open port whose answers beyond the handshake are lost five times is no proxy") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(10);
  // Linux says no more than two of them a second: five that are lost take more than two seconds.
  lab.filter({"ip saddr 198.51.100.2 tcp flags & (syn | rst | ack) == ack quota until 220 bytes counter drop"});
  LabRequest request(tcp_ports(kHost, 10, 10));
  ToldSink sink;
  auto result = run_raw_scan(request, raw_options(), sink);
  REQUIRE(result.has_value());
  lab.at_filter([] { CHECK(run("nft list chain inet guard forward | grep 'packets 5 bytes 200'")); });
  CHECK(sink.found.at(0).outcome.state == PortState::open);
  CHECK(sink.found.at(0).outcome.doubt == Doubt::none);
  CHECK(sink.notes == std::vector<std::string>{});
}

TEST_CASE("two tries that are answered in two ways leave a doubt") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.open_tcp(10);
  // Every SYN is answered twice: it goes on to the host, and the filter resets a copy.
  std::atomic<bool> stop{false};
  std::atomic<int> said{0};
  std::thread liar([&] {
    lab.at_filter([&] {
      const int in = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
      const int out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
      std::uint8_t buffer[2048];
      while (!stop) {
        pollfd wait{in, POLLIN, 0};
        if (poll(&wait, 1, 20) <= 0) continue;
        const ssize_t size = recv(in, buffer, sizeof buffer, 0);
        PacketView view;
        if (size <= 0 || !decode_ip(Bytes(buffer, static_cast<std::size_t>(size)), 0, view)) continue;
        if (view.protocol != Protocol::tcp || view.tcp_flags != tcp_flag::syn || view.port != 10 ||
            view.source != kNear)
          continue;
        TcpCraft reset;
        reset.source_port = view.port;
        reset.port = view.source_port;
        reset.ack = view.tcp_seq + 1;
        reset.flags = tcp_flag::rst | tcp_flag::ack;
        const Frame packet = craft_tcp(view.destination, view.source, reset);
        SocketAddress to(kNear, Port{0});
        if (sendto(out, packet.data(), packet.size(), 0, to.get(), to.size()) > 0) ++said;
      }
      close(in);
      close(out);
    });
  });
  LabRequest request(tcp_ports(kHost, 10, 10));
  ToldSink sink;
  auto result = run_raw_scan(request, raw_options(), sink);
  stop = true;
  liar.join();
  REQUIRE(result.has_value());
  CHECK(said > 0);
  CHECK(sink.found.at(0).outcome.doubt == Doubt::answers_disagree);
}

TEST_CASE("an ICMP query and its answer, in both families") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.filter({"ip daddr 198.51.100.3 icmp type echo-request drop"});
  LabRequest request({{kHost, Protocol::icmp, 0, {8, 0}},
                      {kHost, Protocol::icmp, 0, {13, 0}},
                      {kHost6, Protocol::icmpv6, 0, {128, 0}},
                      {kOtherHost, Protocol::icmp, 0, {8, 0}}});
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  for (std::uint64_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(sink.found.at(i).outcome.answer == Answer::reply);
    CHECK(sink.found.at(i).outcome.passage == Passage::passed);
    CHECK(sink.found.at(i).outcome.ttl == 63);
  }
  CHECK(sink.found.at(3).outcome.answer == Answer::silence);
}

TEST_CASE("a datagram's answer counts if it brings back the token; a stranger's never does") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  // A name server as small as one can be: the question comes back as a refusal. Port 53 answers, port 5353 of the
  // other host is silent, and in both names somebody else shouts.
  int server = -1;
  lab.at_host([&] {
    server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    SocketAddress at(kHost, Port{53});
    REQUIRE(bind(server, at.get(), at.size()) == 0);
  });
  std::atomic<bool> stop{false};
  std::atomic<long> forged{0};
  std::thread serves([&] {
    std::uint8_t buffer[2048];
    while (!stop) {
      pollfd wait{server, POLLIN, 0};
      if (poll(&wait, 1, 20) <= 0) continue;
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t count = recvfrom(server, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 12) continue;
      buffer[2] = static_cast<std::uint8_t>(0x80 | buffer[2]);
      buffer[3] = 5;  // refused (RFC 1035 section 4.1.1)
      sendto(server, buffer, static_cast<std::size_t>(count), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  });
  std::thread forger([&] {
    lab.at_filter([&] {
      const int out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
      std::uint32_t turn = 0;
      while (!stop) {
        // A refusal of some question. The stranger even knows our ports.
        std::string reply = {'\x12', '\x34', '\x81', '\x05', 0, 1, 0, 0, 0, 0, 0, 0};
        reply[0] = static_cast<char>(turn >> 16);
        reply[1] = static_cast<char>(turn >> 8);
        reply += std::string(
            "\x07version\x04"
            "bind\x00\x00\x10\x00\x03",
            18);
        const Frame packet = craft_udp(kOtherHost, kNear, 53, static_cast<std::uint16_t>(50000 + turn % 64), reply);
        SocketAddress to(kNear, Port{0});
        if (sendto(out, packet.data(), packet.size(), 0, to.get(), to.size()) > 0) ++forged;
        ++turn;
      }
      close(out);
    });
  });
  lab.filter(
      {"ip daddr 198.51.100.3 udp dport 53 drop", "ip saddr 198.51.100.3 icmp type destination-unreachable drop"});
  LabRequest request({{kHost, Protocol::udp, 53}, {kOtherHost, Protocol::udp, 53}, {kHost, Protocol::udp, 54}});
  RawOptions options = raw_options();
  options.source_ports = PortRange{Port{50000}, Port{50063}};
  ToldSink sink;
  auto result = run_raw_scan(request, options, sink);
  stop = true;
  serves.join();
  forger.join();
  close(server);
  REQUIRE(result.has_value());
  CHECK(forged > 64);
  CHECK(sink.found.at(0).outcome.state == PortState::open);
  CHECK(sink.found.at(0).outcome.answer == Answer::reply);
  REQUIRE(sink.found.at(0).service.has_value());
  CHECK(sink.found.at(0).service->name == "dns");
  CHECK(sink.found.at(1).outcome.answer == Answer::silence);
  CHECK(sink.found.at(1).outcome.state == PortState::open_or_filtered);
  CHECK(sink.found.at(2).outcome.answer == Answer::icmp_port_unreachable);
  CHECK(sink.found.at(2).outcome.state == PortState::closed);
}

TEST_CASE("where the way ends is found by who stops answering") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  lab.filter({"tcp dport 30 drop"});
  lab.open_tcp(10);
  LabRequest request({{kHost, Protocol::tcp, 10}, {kHost, Protocol::tcp, 30}});
  RawOptions options = raw_options();
  options.locate = true;
  ToldSink sink;
  REQUIRE(run_raw_scan(request, options, sink).has_value());
  CHECK(sink.found.at(1).outcome.answer == Answer::silence);
  CHECK(sink.found.at(1).outcome.last_hop == kFar);
  CHECK(sink.found.at(1).outcome.stops_at_hop == 2);
  CHECK(sink.found.at(0).outcome.stops_at_hop == 0);
}

TEST_CASE("an address that nobody has on the link is nobody's, and one without a route is our own refusal") {
  FilteredHost lab;
  DEMARC_NEEDS(lab);
  REQUIRE(run("ip route replace unreachable 198.51.100.7"));
  LabRequest request({{*parse_address("192.0.2.77"), Protocol::tcp, 80},
                      {*parse_address("198.51.100.7"), Protocol::tcp, 80},
                      {kHost, Protocol::tcp, 80}});
  ToldSink sink;
  REQUIRE(run_raw_scan(request, raw_options(), sink).has_value());
  CHECK(sink.found.at(0).outcome.answer == Answer::no_neighbour);
  CHECK(sink.found.at(1).outcome.answer == Answer::local_refusal);
  CHECK(sink.found.at(2).outcome.state == PortState::closed);
  CHECK(sink.noted("1 addresses are not asked"));
}
