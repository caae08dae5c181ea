// What conversations amount to: levels, attempts and floods, one side of the road, services and parents, traces.
#include <algorithm>

#include "scanner/passive/speech.h"
#include "tests/scanner/passive/talk.h"

namespace demarc {

namespace {

PacketView view_of(const Frame& ip) {
  PacketView view;
  REQUIRE(decode_ip(ip, 0, view));
  return view;
}

FlowEvidence with_source() {
  FlowEvidence evidence;
  evidence.sources.resize(1);
  return evidence;
}

}  // namespace

TEST_CASE("conversations of different tunnels, and of none, are never mixed") {
  FlowTable table(options_for_tests());
  const auto pieces = craft_fragments(craft_udp(kClient, kServer, 40000, 443, std::string(100, 'x')), 40, 7);
  const Frame syn =
      craft_tcp(kClient, kServer, {.source_port = 40000, .port = 443, .seq = 1, .flags = tcp_flag::syn});
  const Frame unreachable = craft_icmp_error(kRouter, 3, 1, syn);
  std::uint64_t frame = 0;
  for (const std::uint32_t tunnel : {kNone32, 0U, 1U}) {
    const auto put = [&](const Frame& ip) {
      table.on_packet(Timestamp::from_seconds(1000 + static_cast<std::int64_t>(frame)), view_of(ip), {0, frame + 1},
                      tunnel);
      ++frame;
    };
    put(syn);
    put(pieces[0]);
    put(pieces[1]);
    if (tunnel == 0) put(pieces[2]);
    if (tunnel == 1) put(unreachable);
  }
  FlowEvidence evidence = with_source();
  table.finish(evidence);
  REQUIRE(evidence.flows.size() == 6);
  for (const ObservedFlow& f : evidence.flows) {
    CHECK(f.conversations == 1);
    if (f.protocol == Protocol::udp) CHECK(f.packets_out == (f.tunnel == 0 ? 3 : 2));
    if (f.protocol == Protocol::tcp) CHECK(states(f) == (f.tunnel == 1 ? "REJ" : "S0"));
  }
  CHECK(std::count_if(evidence.flows.begin(), evidence.flows.end(),
                      [](const ObservedFlow& f) { return f.tunnel == kNone32; }) == 2);
  CHECK(evidence.sources[0].undecoded == 0);
}

TEST_CASE("a scan is noise with its name, and what it found is use") {
  Talk talk;
  for (std::uint16_t port = 1; port <= 200; ++port)
    if (port != 22) talk.ports(50000, port).tcp("Sr");
  talk.ports(50001, 22).tcp("ShADdFf");
  const FlowEvidence evidence = talk.evidence();
  REQUIRE(evidence.noise.size() == 1);
  CHECK(evidence.noise[0].kind == NoiseKind::port_scan);
  CHECK(evidence.noise[0].initiator == kClient);
  CHECK(evidence.noise[0].attempts == 199);
  CHECK(evidence.noise[0].packets == 398);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(evidence.flows[0].port == Port{22});
  CHECK(evidence.flows[0].established == 1);
}

TEST_CASE("an answer that nobody asked for makes nobody an initiator") {
  for (const char* history : {"h", "hhh", "r", "hr"}) {
    CAPTURE(history);
    Talk talk;
    const FlowEvidence evidence = talk.tcp(history).evidence();
    CHECK(evidence.flows.empty());
    REQUIRE(evidence.noise.size() == 1);
    CHECK(evidence.noise[0].kind == NoiseKind::backscatter);
    CHECK(evidence.noise[0].initiator == kServer);
    CHECK(evidence.noise[0].packets == std::string_view(history).size());
  }
  // Its receiver's reset shows that it was not asked for either.
  Talk talk;
  const ObservedFlow flow = talk.tcp("hR").only();
  CHECK_FALSE(flow.initiator_certain);
  CHECK(flow.established == 0);
}

TEST_CASE("one side of the road, and both: said of every established conversation") {
  struct Row {
    const char* history;
    std::uint64_t one_sided, two_sided;
  };
  for (const Row& row : {Row{"SADF", 1, 0}, Row{"hadf", 1, 0}, Row{"ShADd", 0, 1}, Row{"S", 0, 0}, Row{"Sr", 0, 0},
                         Row{"Dd", 0, 1}}) {
    CAPTURE(row.history);
    Talk talk;
    talk.tcp(row.history);
    FlowEvidence evidence = with_source();
    talk.table().finish(evidence);
    CHECK(evidence.sources[0].one_sided == row.one_sided);
    CHECK(evidence.sources[0].two_sided == row.two_sided);
  }
}

TEST_CASE("a flood of attempts pushes no established conversation out, and no total is lost") {
  FlowOptions options = options_for_tests();
  options.conversations_max = 256;
  options.memory_max = std::uint64_t{16} << 20;
  FlowTable table(options);
  constexpr std::uint32_t kTalks = 200, kFlood = 300'000;
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  std::uint64_t frame = 0;
  const auto put = [&](const Frame& ip) {
    now = now + std::chrono::microseconds(3);
    table.on_packet(now, view_of(ip), {0, ++frame});
  };
  const auto talk = [&](std::uint32_t i, bool server, std::uint32_t seq, std::uint32_t ack, std::uint8_t flags) {
    const auto port = static_cast<std::uint16_t>(30000 + i);
    put(craft_tcp(server ? kServer : kClient, server ? kClient : kServer,
                  {.source_port = server ? std::uint16_t{443} : port,
                   .port = server ? port : std::uint16_t{443},
                   .seq = seq,
                   .ack = ack,
                   .flags = flags,
                   .payload = flags == tcp_flag::ack && seq != 101 ? "data" : ""}));
  };
  for (std::uint32_t i = 0; i < kTalks; ++i) {
    talk(i, false, 100, 0, tcp_flag::syn);
    talk(i, true, 500, 101, tcp_flag::syn | tcp_flag::ack);
    talk(i, false, 101, 501, tcp_flag::ack);
  }
  for (std::uint32_t i = 0; i < kFlood; ++i)
    put(craft_tcp(Address::ipv4(0x0B000000U + i * 2654435761U % 0x1000000U), kServer,
                  {.source_port = static_cast<std::uint16_t>(1024 + i % 60000),
                   .port = 443,
                   .seq = i,
                   .flags = tcp_flag::syn}));
  CHECK(table.open_conversations() <= 256);
  for (std::uint32_t i = 0; i < kTalks; ++i) talk(i, false, 102, 501, tcp_flag::ack);
  FlowEvidence evidence = with_source();
  table.finish(evidence);
  std::uint64_t packets = 0, attempts = 0, conversations = 0, established = 0;
  for (const ObservedFlow& f : evidence.flows) {
    packets += f.packets_out + f.packets_in;
    conversations += f.conversations;
    established += f.established;
  }
  for (const TrafficNoise& n : evidence.noise) packets += n.packets, attempts += n.attempts;
  CHECK(packets == frame);
  CHECK(established == kTalks);
  CHECK(conversations + attempts == kTalks + kFlood);
  CHECK(evidence.sources[0].aggregated == 0);
  const auto flood = std::find_if(evidence.noise.begin(), evidence.noise.end(),
                                  [](const TrafficNoise& n) { return n.kind == NoiseKind::syn_flood; });
  REQUIRE(flood != evidence.noise.end());
  CHECK(flood->responder == kServer);
  CHECK(flood->attempts > kFlood * 9 / 10);
}

TEST_CASE("what speaks on a port is told by its first words, whichever port that is") {
  FlowOptions options = options_for_tests();
  Speech speech({.hash_key = 42});
  FlowTable table(options, &speech);
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  std::uint64_t frame = 0;
  const auto put = [&](bool server, std::uint32_t seq, std::uint32_t ack, std::uint8_t flags, const char* payload) {
    now = now + std::chrono::milliseconds(1);
    table.on_packet(now,
                    view_of(craft_tcp(server ? kServer : kClient, server ? kClient : kServer,
                                      {.source_port = server ? std::uint16_t{443} : std::uint16_t{40000},
                                       .port = server ? std::uint16_t{40000} : std::uint16_t{443},
                                       .seq = seq,
                                       .ack = ack,
                                       .flags = flags,
                                       .payload = payload})),
                    {0, ++frame});
  };
  put(false, 100, 0, tcp_flag::syn, "");
  put(true, 500, 101, tcp_flag::syn | tcp_flag::ack, "");
  put(false, 101, 501, tcp_flag::ack, "");
  put(true, 529, 101, tcp_flag::ack, "later bytes, too early");
  put(true, 501, 101, tcp_flag::ack, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n");
  FlowEvidence evidence;
  table.finish(evidence);
  evidence.services = speech.take_services();
  REQUIRE(evidence.flows.size() == 1);
  REQUIRE(evidence.flows[0].service < evidence.services.size());
  CHECK(evidence.services[evidence.flows[0].service].name == "ssh");
}

TEST_CASE("a port that an FTP server announced belongs to the conversation that announced it") {
  Speech speech({.hash_key = 42});
  FlowTable table(options_for_tests(), &speech);
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  std::uint64_t frame = 0;
  std::uint32_t next[2] = {100, 500};
  const auto put = [&](bool server, std::uint16_t client_port, std::uint16_t port, std::uint8_t flags,
                       const std::string& payload) {
    now = now + std::chrono::milliseconds(1);
    table.on_packet(now,
                    view_of(craft_tcp(server ? kServer : kClient, server ? kClient : kServer,
                                      {.source_port = server ? port : client_port,
                                       .port = server ? client_port : port,
                                       .seq = next[server],
                                       .ack = flags == tcp_flag::syn ? 0 : next[!server],
                                       .flags = flags,
                                       .payload = payload})),
                    {0, ++frame});
    next[server] += static_cast<std::uint32_t>(payload.size()) + (flags & tcp_flag::syn ? 1 : 0);
  };
  put(false, 40000, 21, tcp_flag::syn, "");
  put(true, 40000, 21, tcp_flag::syn | tcp_flag::ack, "");
  put(false, 40000, 21, tcp_flag::ack, "");
  put(true, 40000, 21, tcp_flag::ack, "220 ProFTPD ready\r\n");
  put(false, 40000, 21, tcp_flag::ack, "PASV\r\n");
  put(true, 40000, 21, tcp_flag::ack, "227 Entering Passive Mode (192,0,2,10,195,80).\r\n");  // port 50000
  next[0] = 7000, next[1] = 9000;
  put(false, 40001, 50000, tcp_flag::syn, "");
  put(true, 40001, 50000, tcp_flag::syn | tcp_flag::ack, "");
  put(false, 40001, 50000, tcp_flag::ack, "");
  FlowEvidence evidence;
  table.finish(evidence);
  evidence.parents = speech.take_parents();
  REQUIRE(evidence.flows.size() == 2);
  CHECK(evidence.flows[0].port == Port{21});
  CHECK(evidence.flows[0].parent == kNone32);
  CHECK(evidence.flows[1].port == Port{50000});
  REQUIRE(evidence.flows[1].parent < evidence.parents.size());
  CHECK(evidence.parents[evidence.flows[1].parent].port == Port{21});
  CHECK(evidence.parents[evidence.flows[1].parent].by == RelatedBy::ftp);
}

TEST_CASE("traces: the same mark on both sides of a translation, for TCP, UDP and ICMP") {
  const Address translated = *parse_address("203.0.113.50"), real_server = *parse_address("10.0.0.5");
  struct Side {
    Address client, server;
    std::uint16_t client_port, port, icmp_id;
  };
  std::vector<ConversationTrace> traces[2];
  for (const int i : {0, 1}) {
    const Side side =
        i == 0 ? Side{kClient, kServer, 40000, 443, 7} : Side{translated, real_server, 61000, 8443, 99};
    FlowOptions options = options_for_tests();
    options.traces_max = 100;
    Talk talk(options);
    const auto tcp = [&](bool server, std::uint32_t seq, std::uint8_t flags) {
      talk.packet(craft_tcp(server ? side.server : side.client, server ? side.client : side.server,
                            {.source_port = server ? side.port : side.client_port,
                             .port = server ? side.client_port : side.port,
                             .seq = seq,
                             .ack = 1,
                             .flags = flags}));
    };
    tcp(false, 0x11112222, tcp_flag::syn);
    tcp(true, 0x33334444, tcp_flag::syn | tcp_flag::ack);
    tcp(false, 0x11112223, tcp_flag::ack);
    talk.packet(craft_udp(side.client, side.server, side.client_port, 53, "query"));
    talk.packet(craft_udp(side.server, side.client, 53, side.client_port, "reply"));
    const Frame ping(40, 'p');
    talk.packet(craft_icmp(side.client, side.server, 8, 0, std::uint32_t{side.icmp_id} << 16 | 1, ping));
    talk.packet(craft_icmp(side.server, side.client, 0, 0, std::uint32_t{side.icmp_id} << 16 | 1, ping));
    const FlowEvidence evidence = talk.evidence();
    traces[i] = talk.table().take_traces();
    REQUIRE(traces[i].size() == 3);
    for (const ConversationTrace& t : traces[i]) {
      CHECK(evidence.flows.at(t.flow).initiator == side.client);
      CHECK(evidence.flows.at(t.flow).protocol == t.protocol);
      CHECK(t.responder.address == side.server);
      CHECK(t.ttl_out == 64);
      CHECK(t.ttl_in == 64);
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(traces[0][i].protocol == traces[1][i].protocol);
    CHECK(traces[0][i].mark == traces[1][i].mark);
  }
  CHECK(traces[0][1].mark == 0x1111222233334444ULL);
  CHECK(traces[0][0].mark != traces[0][2].mark);

  Talk unasked;
  unasked.tcp("ShADd").evidence();
  CHECK(unasked.table().take_traces().empty());
}

}  // namespace demarc
