#include "scanner/passive/pipeline.h"

#include <random>
#include <stdexcept>

#include "tests/scanner/passive/talk.h"

namespace demarc {

namespace {

struct Seen {
  Timestamp at;
  Frame frame;
};

// Conversations of every kind, mixed, with fragments and errors among them.
std::vector<Seen> traffic(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<Seen> out;
  Timestamp now = Timestamp::from_seconds(1'795'000'000);
  while (out.size() < count) {
    const bool v6 = random() % 4 == 0;
    const Address client = v6 ? Address::ipv6(0x20010DB800000000ULL, random() % 50)
                              : Address::ipv4(0xC6336400U + static_cast<std::uint32_t>(random() % 50));
    const Address server = v6 ? kServer6 : kServer;
    const auto port = static_cast<std::uint16_t>(40000 + random() % 500);
    const bool reversed = random() % 2;
    const Address &from = reversed ? server : client, &to = reversed ? client : server;
    const std::uint16_t from_port = reversed ? 443 : port, to_port = reversed ? port : 443;
    static constexpr std::uint8_t kFlags[] = {2, 18, 16, 16, 24, 17, 4, 20};
    now = now + std::chrono::microseconds(random() % 20'000);
    const auto add = [&](const Frame& ip) { out.push_back({now, craft_frame(LinkType::ethernet, ip)}); };
    switch (random() % 8) {
      case 0: add(craft_udp(from, to, from_port, to_port, "data")); break;
      case 1: add(craft_icmp(client, server, v6 ? 128 : 8, 0, port)); break;
      case 2: add(craft_icmp_error(kRouter, 3, 1, craft_udp(kClient, kServer, port, 161, "get"))); break;
      case 3:
        for (const Frame& piece : craft_fragments(craft_udp(from, to, from_port, to_port, std::string(90, 'x')), 40,
                                                  static_cast<std::uint32_t>(random())))
          add(piece);
        break;
      default:
        add(craft_tcp(from, to,
                      {.source_port = from_port,
                       .port = to_port,
                       .seq = static_cast<std::uint32_t>(random() % 3 * 100'000),
                       .ack = static_cast<std::uint32_t>(random() % 3),
                       .flags = kFlags[random() % std::size(kFlags)],
                       .payload = random() % 2 ? "data" : ""}));
    }
  }
  return out;
}

void put(Pipeline& pipeline, FlowTable& table, const Seen& seen, std::uint64_t frame) {
  Pipeline::Batch& batch = pipeline.filling(table);
  FlowPacket& p = batch.packets[batch.count];
  p.at = seen.at.since_epoch().count();
  p.frame = frame;
  p.source = 0;
  p.odd = nullptr;
  if (digest(LinkType::ethernet, seen.frame, 0, p.digest)) {
    table.prepare(p);
  } else {
    PacketView& view = batch.next_odd();
    REQUIRE(decode(LinkType::ethernet, seen.frame, 0, view));
    p.odd = &view;
  }
  ++batch.count;
}

bool same(const FlowEvidence& a, const FlowEvidence& b) {
  if (a.flows.size() != b.flows.size() || a.noise.size() != b.noise.size()) return false;
  for (std::size_t i = 0; i < a.flows.size(); ++i) {
    const ObservedFlow &x = a.flows[i], &y = b.flows[i];
    if (x.initiator != y.initiator || x.responder != y.responder || x.protocol != y.protocol || x.port != y.port ||
        x.initiator_certain != y.initiator_certain || x.record != y.record || x.conversations != y.conversations ||
        x.established != y.established || x.packets_out != y.packets_out || x.packets_in != y.packets_in ||
        x.bytes_out != y.bytes_out || x.bytes_in != y.bytes_in || x.first != y.first || x.last != y.last ||
        !(x.states == y.states))
      return false;
  }
  return true;
}

}  // namespace

TEST_CASE("one thread, two threads, one packet at a time: the same result") {
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    const std::vector<Seen> packets = traffic(seed, 6000);
    FlowOptions options = options_for_tests();
    if (seed == 3) options.conversations_max = 64;

    FlowTable singly(options);
    std::uint64_t frame = 0;
    for (const Seen& seen : packets) {
      PacketView view;
      REQUIRE(decode(LinkType::ethernet, seen.frame, 0, view));
      singly.on_packet(seen.at, view, {0, ++frame});
    }
    FlowEvidence expected;
    singly.finish(expected);
    REQUIRE(expected.flows.size() > 100);

    for (const bool two_threads : {false, true}) {
      CAPTURE(two_threads);
      FlowTable table(options);
      Pipeline pipeline(two_threads);
      frame = 0;
      for (const Seen& seen : packets) put(pipeline, table, seen, ++frame);
      pipeline.drain();
      FlowEvidence evidence;
      table.finish(evidence);
      CHECK(same(evidence, expected));
    }
  }
}

TEST_CASE("several tables, in turns, and a drain in the middle") {
  const std::vector<Seen> packets = traffic(9, 3000);
  FlowEvidence evidence[2];
  for (const bool two_threads : {false, true}) {
    FlowTable one(options_for_tests()), other(options_for_tests());
    Pipeline pipeline(two_threads);
    std::uint64_t frame = 0;
    for (const Seen& seen : packets) {
      put(pipeline, frame / 100 % 2 ? one : other, seen, frame + 1);
      if (++frame == 1500) {
        pipeline.drain();
        CHECK(one.open_conversations() + other.open_conversations() > 100);
      }
    }
    pipeline.drain();
    one.finish(evidence[two_threads]);
    other.finish(evidence[two_threads]);
  }
  CHECK(same(evidence[0], evidence[1]));
}

TEST_CASE("it can be left at any moment") {
  const std::vector<Seen> packets = traffic(4, 1000);
  for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 255, 256, 257, 999}) {
    FlowTable table(options_for_tests());
    Pipeline pipeline(true);
    for (std::size_t i = 0; i < count; ++i) put(pipeline, table, packets[i], static_cast<std::uint64_t>(i) + 1);
  }
}

TEST_CASE("memory that payload lies in is held until the batch is through, and let go by who filled it") {
  const std::vector<Seen> packets = traffic(5, 20'000);
  FlowTable table(options_for_tests());
  Pipeline pipeline(true);
  const auto memory = std::make_shared<int>(7);
  std::uint64_t frame = 0;
  for (const Seen& seen : packets) {
    Pipeline::Batch& batch = pipeline.filling(table);
    if (batch.memory.empty()) batch.memory.push_back(memory);
    put(pipeline, table, seen, ++frame);
  }
  CHECK(memory.use_count() > 1);
  CHECK(memory.use_count() <= static_cast<long>(Pipeline::kQueued) + 1);  // no more than there are batches
  pipeline.drain();
  CHECK(memory.use_count() == 1);
}

}  // namespace demarc
