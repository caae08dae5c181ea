// Rotation: intervals that add up to the whole, and what a conversation keeps from one to the next.
#include <map>
#include <random>
#include <tuple>

#include "tests/scanner/passive/talk.h"

namespace demarc {

namespace {

FlowEvidence rotated(Talk& talk) {
  FlowEvidence evidence;
  evidence.sources.resize(1);
  talk.table().rotate(evidence);
  return evidence;
}

}  // namespace

TEST_CASE("a conversation counts once in every interval in which it moved packets, with what it moved there") {
  Talk talk;
  talk.tcp("ShADd");
  const FlowEvidence first = rotated(talk);
  REQUIRE(first.flows.size() == 1);
  CHECK(first.flows[0].packets_out == 3);
  CHECK(first.flows[0].packets_in == 2);
  CHECK(first.flows[0].established == 1);
  CHECK(first.flows[0].record == 1);
  CHECK(states(first.flows[0]) == "S1");
  CHECK(first.sources[0].two_sided == 1);

  CHECK(rotated(talk).flows.empty());  // nothing moved

  talk.wait(std::chrono::seconds(60));
  const Timestamp began = talk.now();
  talk.tcp("Dd");
  const FlowEvidence third = rotated(talk);
  REQUIRE(third.flows.size() == 1);
  CHECK(third.flows[0].packets_out == 1);
  CHECK(third.flows[0].packets_in == 1);
  CHECK(third.flows[0].bytes_in == 50);
  CHECK(third.flows[0].established == 1);
  CHECK(third.flows[0].initiator == kClient);
  CHECK(third.flows[0].initiator_certain);
  CHECK(third.flows[0].record == 6);
  CHECK(third.flows[0].first == began);
  CHECK(third.flows[0].last > began);
  CHECK(talk.table().open_conversations() == 1);

  talk.tcp("Ff");
  const ObservedFlow last = talk.only();
  CHECK(last.packets_out == 1);
  CHECK(states(last) == "SF");
  CHECK(talk.table().open_conversations() == 0);
}

TEST_CASE("who was decided to be the initiator stays it, even when later partners would say otherwise") {
  Talk talk;
  for (std::uint16_t client = 30000; client < 30005; ++client) talk.ports(client, 50000).tcp("dA");
  FlowEvidence evidence = rotated(talk);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(evidence.flows[0].port == Port{50000});
  CHECK_FALSE(evidence.flows[0].initiator_certain);
  talk.ports(30000, 50000).tcp("dA");  // alone now: by its first packet it would be the other way round
  evidence = rotated(talk);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(evidence.flows[0].port == Port{50000});
  CHECK(evidence.flows[0].initiator == kClient);
  CHECK(evidence.flows[0].packets_in == 1);
}

TEST_CASE("a handshake across a rotation is one conversation, and an attempt only while it is one") {
  Talk talk;
  talk.tcp("S");
  FlowEvidence evidence = rotated(talk);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(states(evidence.flows[0]) == "S0");
  CHECK(evidence.flows[0].established == 0);
  talk.tcp("hADd");
  evidence = rotated(talk);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(states(evidence.flows[0]) == "S1");
  CHECK(evidence.flows[0].established == 1);
  CHECK(evidence.flows[0].initiator == kClient);
  CHECK(evidence.flows[0].initiator_certain);
  CHECK(talk.table().conversations() == 1);
}

TEST_CASE("what ended in an interval is not told again") {
  Talk talk;
  talk.tcp("ShADdFf").wait(std::chrono::seconds(60)).tcp("S", 77'000);
  FlowEvidence evidence = rotated(talk);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(evidence.flows[0].conversations == 2);
  CHECK(talk.finish().empty());
}

TEST_CASE("intervals add up: packets, bytes and conversations begun") {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    FlowOptions options = options_for_tests();
    options.conversations_max = seed % 2 ? 16 : 0;
    options.per_conversation = seed % 3 == 0;
    Talk talk(options);
    std::uint64_t packets = 0, bytes = 0, told_packets = 0, told_bytes = 0;
    const auto tell = [&](const FlowEvidence& evidence) {
      for (const ObservedFlow& f : evidence.flows) {
        told_packets += f.packets_out + f.packets_in;
        told_bytes += f.bytes_out + f.bytes_in;
        CHECK(f.first <= f.last);
      }
      for (const TrafficNoise& n : evidence.noise) told_packets += n.packets, told_bytes += n.bytes;
    };
    for (int i = 0; i < 600; ++i) {
      const auto client = static_cast<std::uint16_t>(40000 + random() % 30);
      const auto server = static_cast<std::uint16_t>(440 + random() % 4);
      const bool reversed = random() % 2;
      static constexpr std::uint8_t kFlags[] = {2, 18, 16, 16, 24, 17, 4, 20};
      const Frame packet = random() % 4 == 0
                               ? craft_udp(reversed ? kServer : kClient, reversed ? kClient : kServer,
                                           reversed ? server : client, reversed ? client : server, "data")
                               : craft_tcp(reversed ? kServer : kClient, reversed ? kClient : kServer,
                                           {.source_port = reversed ? server : client,
                                            .port = reversed ? client : server,
                                            .seq = static_cast<std::uint32_t>(random() % 3 * 100'000),
                                            .ack = static_cast<std::uint32_t>(random() % 3),
                                            .flags = kFlags[random() % std::size(kFlags)],
                                            .payload = random() % 2 ? "data" : ""});
      talk.packet(packet);
      ++packets;
      bytes += packet.size();
      if (random() % 100 == 0) talk.wait(std::chrono::seconds(random() % 200));
      if (random() % 50 == 0) tell(rotated(talk));
    }
    tell(talk.evidence());
    CHECK(told_packets == packets);
    CHECK(told_bytes == bytes);
  }
}

}  // namespace demarc
