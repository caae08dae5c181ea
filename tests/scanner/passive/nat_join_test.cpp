#include "scanner/passive/nat_join.h"

#include <doctest/doctest.h>

#include "tests/scanner/passive/scene.h"

using namespace demarc;
using namespace demarc::test;

namespace {

const Address kInside = *parse_address("10.1.0.5"), kPublic = *parse_address("203.0.113.1"),
              kWeb = *parse_address("192.0.2.10"), kReal = *parse_address("10.2.0.80");

Sensor inside() { return {.name = "inside", .hops_from_client = 0, .hops_from_server = 4}; }
/// Behind a firewall that hides clients of 10.1.0.0/16 behind its own address, with ports of its own.
Sensor behind_snat() {
  Sensor s{
      .name = "outside", .hops_from_client = 1, .hops_from_server = 3, .delay = std::chrono::microseconds(300)};
  s.translate = [](Endpoint& c, Endpoint&) {
    if (c.address.is_ipv4() && c.address.ipv4_number() >> 16 == kInside.ipv4_number() >> 16)
      c = {kPublic, Port{static_cast<std::uint16_t>(c.port.number() + 20000)}};
  };
  return s;
}
Sensor outside() { return {.name = "outside", .hops_from_client = 5, .hops_from_server = 2}; }
/// Behind a firewall that leads 192.0.2.10:443 to 10.2.0.80:8443.
Sensor behind_dnat() {
  Sensor s{.name = "dmz", .hops_from_client = 6, .hops_from_server = 1, .delay = std::chrono::microseconds(300)};
  s.translate = [](Endpoint&, Endpoint& to) {
    if (to == Endpoint{kWeb, Port{443}}) to = {kReal, Port{8443}};
  };
  return s;
}
const std::vector<Line> kTalk = {client("hello"), server("world")};

}  // namespace

TEST_CASE("hidden behind the firewall's address: the record inside counts, the one outside is seen twice") {
  Scene scene({inside(), behind_snat()});
  scene.tcp({kInside, Port{40000}}, {kWeb, Port{443}}, kTalk);
  CHECK(told(scene.observe()) ==
        "10.1.0.5 > 192.0.2.10 tcp/443\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 (really 10.1.0.5 > 192.0.2.10:443, seen twice)\n");
}

TEST_CASE("several hosts behind one address: its record is split among them") {
  Scene scene({inside(), behind_snat()});
  for (unsigned host = 5; host < 8; ++host)
    for (unsigned i = 0; i < 2; ++i)
      scene.tcp(at(fmt::format("10.1.0.{}", host), 40000 + 10 * host + i), {kWeb, Port{443}}, kTalk);
  const FlowEvidence evidence = scene.observe();
  CHECK(told(evidence) ==
        "10.1.0.5 > 192.0.2.10 tcp/443 x2\n"
        "10.1.0.6 > 192.0.2.10 tcp/443 x2\n"
        "10.1.0.7 > 192.0.2.10 tcp/443 x2\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 x2 (really 10.1.0.5 > 192.0.2.10:443, seen twice)\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 x2 (really 10.1.0.6 > 192.0.2.10:443, seen twice)\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 x2 (really 10.1.0.7 > 192.0.2.10:443, seen twice)\n");
  std::uint64_t packets = 0;
  for (const ObservedFlow& f : evidence.flows) {
    CHECK(f.established == 2);
    CHECK(f.states[ConnState::SF] == 2);
    packets += f.packets_out + f.packets_in;
  }
  CHECK(packets == 2 * 6 * 8);
}

TEST_CASE("a record that is joined in part keeps the rest") {
  Sensor blind = inside();
  blind.sees = [](const Endpoint& c, const Endpoint&) { return c.port.number() != 40001; };
  Scene scene({blind, behind_snat()});
  for (unsigned i = 0; i < 3; ++i)
    scene.tcp({kInside, Port{static_cast<std::uint16_t>(40000 + i)}}, {kWeb, Port{443}}, kTalk);
  CHECK(told(scene.observe()) ==
        "10.1.0.5 > 192.0.2.10 tcp/443 x2\n"
        "203.0.113.1 > 192.0.2.10 tcp/443\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 x2 (really 10.1.0.5 > 192.0.2.10:443, seen twice)\n");
}

TEST_CASE("led to a server behind: the record in the DMZ counts") {
  Scene scene({outside(), behind_dnat()});
  scene.tcp(at("198.51.100.7", 40000), {kWeb, Port{443}}, kTalk);
  scene.tcp(at("198.51.100.8", 40000), {kWeb, Port{443}}, kTalk);
  CHECK(told(scene.observe()) ==
        "198.51.100.7 > 10.2.0.80 tcp/8443\n"
        "198.51.100.7 > 192.0.2.10 tcp/443 (really 198.51.100.7 > 10.2.0.80:8443, seen twice)\n"
        "198.51.100.8 > 10.2.0.80 tcp/8443\n"
        "198.51.100.8 > 192.0.2.10 tcp/443 (really 198.51.100.8 > 10.2.0.80:8443, seen twice)\n");
}

TEST_CASE("both ends translated: neither record names the real ends, and one of them counts") {
  Sensor dmz = behind_dnat();
  dmz.translate = [](Endpoint& c, Endpoint& s) {
    c = {*parse_address("10.2.0.1"), Port{static_cast<std::uint16_t>(c.port.number() + 5)}};
    s = {kReal, Port{8443}};
  };
  Scene twice({outside(), dmz});
  twice.tcp(at("198.51.100.7", 40000), {kWeb, Port{443}}, kTalk);
  twice.tcp(at("198.51.100.7", 40001), {kWeb, Port{443}}, kTalk);
  CHECK(twice.observe().real_ends.empty());  // a mapping seen twice only
  Scene scene({outside(), dmz});
  for (unsigned i = 0; i < 3; ++i) scene.tcp(at("198.51.100.7", 40000 + i), {kWeb, Port{443}}, kTalk);
  CHECK(told(scene.observe()) ==
        "10.2.0.1 > 10.2.0.80 tcp/8443 x3 (really 198.51.100.7 > 10.2.0.80:8443, seen twice)\n"
        "198.51.100.7 > 192.0.2.10 tcp/443 x3 (really 198.51.100.7 > 10.2.0.80:8443)\n");
}

TEST_CASE("two sensors on one way without a translation: one of the two counts") {
  Scene scene({{.name = "a"}, {.name = "b", .hops_from_client = 2, .hops_from_server = 2, .other_isn = 77}});
  scene.tcp(at("198.51.100.7", 40000), {kWeb, Port{443}}, kTalk);
  scene.udp(at("198.51.100.7", 40000), {kWeb, Port{53}}, kTalk);
  const FlowEvidence evidence = scene.observe();
  CHECK(evidence.flows.size() == 4);
  unsigned counted = 0, real = 0;
  for (const ObservedFlow& f : evidence.flows) {
    real += f.real != kNone32;
    counted += f.real == kNone32 || !evidence.real_ends.at(f.real).seen_twice;
  }
  CHECK(counted == 2);
  CHECK(real == 2);
}

TEST_CASE("one sensor that is given twice joins nothing") {
  Scene scene({{.name = "a"}, {.name = "a"}});
  scene.tcp(at("198.51.100.7", 40000), {kWeb, Port{443}}, kTalk);
  CHECK(scene.observe().real_ends.empty());
}

TEST_CASE("a side that sees one direction only is joined by the half of the mark") {
  Sensor half = behind_snat();
  half.sees_server = false;
  Scene scene({inside(), half});
  scene.tcp({kInside, Port{40000}}, {kWeb, Port{443}}, kTalk);
  CHECK(told(scene.observe()) ==
        "10.1.0.5 > 192.0.2.10 tcp/443\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 (really 10.1.0.5 > 192.0.2.10:443, seen twice)\n");
}

TEST_CASE("datagrams: the same words at both sides, and as many hops there as back") {
  Scene scene({inside(), behind_snat()});
  scene.udp({kInside, Port{40000}}, {kWeb, Port{53}}, {client("a question"), server("an answer")});
  CHECK(told(scene.observe()) ==
        "10.1.0.5 > 192.0.2.10 udp/53\n"
        "203.0.113.1 > 192.0.2.10 udp/53 (really 10.1.0.5 > 192.0.2.10:53, seen twice)\n");
  // Another client with the same words that never came this way.
  Sensor elsewhere = behind_snat();
  elsewhere.translate = [](Endpoint& c, Endpoint&) { c.address = *parse_address("198.51.100.99"); };
  elsewhere.hops_from_server = 4;
  Scene other({inside(), elsewhere});
  other.udp({kInside, Port{40000}}, {kWeb, Port{53}}, {client("a question"), server("an answer")});
  CHECK(other.observe().real_ends.empty());
}

TEST_CASE("the same words from many within seconds are nobody's in particular") {
  Scene scene({inside(), behind_snat()});
  for (unsigned i = 0; i < 4; ++i)
    scene.udp(at(fmt::format("10.1.0.{}", 5 + i), 40000 + i), {kWeb, Port{53}},
              {client("a question"), server("an answer")});
  CHECK(scene.observe().real_ends.empty());
}

TEST_CASE("a firewall with sequence numbers of its own: sizes and times, where the mapping repeats") {
  Sensor own = behind_snat();
  own.other_isn = 0x55555555;
  Scene scene({inside(), own});
  for (unsigned i = 0; i < 4; ++i)
    scene
        .tcp({kInside, Port{static_cast<std::uint16_t>(40000 + i)}}, {kWeb, Port{443}},
             {client(std::string(10 + i, 'q')), server(std::string(100 + 7 * i, 'a'))})
        .wait(std::chrono::seconds(2));
  CHECK(told(scene.observe()) ==
        "10.1.0.5 > 192.0.2.10 tcp/443 x4\n"
        "203.0.113.1 > 192.0.2.10 tcp/443 x4 (really 10.1.0.5 > 192.0.2.10:443, seen twice)\n");
  Scene once({inside(), own});
  once.tcp({kInside, Port{40000}}, {kWeb, Port{443}}, kTalk);
  CHECK(once.observe().real_ends.empty());
}

TEST_CASE("where nothing tells the two sides apart they stay apart, and where TTLs are the same time decides") {
  Sensor a = inside(), b = behind_snat();
  b.hops_from_client = a.hops_from_client, b.hops_from_server = a.hops_from_server;
  Scene by_time({a, b});
  by_time.tcp({kInside, Port{40000}}, {kWeb, Port{443}}, kTalk);
  CHECK(told(by_time.observe()).find("really 10.1.0.5 > 192.0.2.10:443, seen twice") != std::string::npos);
  b.delay = Nanoseconds(0);
  Scene undecided({a, b});
  undecided.tcp({kInside, Port{40000}}, {kWeb, Port{443}}, kTalk);
  const FlowEvidence evidence = undecided.observe();
  CHECK(evidence.real_ends.empty());
  REQUIRE(evidence.notes.size() == 1);
  CHECK(evidence.notes[0] ==
        "1 conversations were seen on both sides of an address translation, and nothing tells which ends are real: "
        "each side stands for itself");
}

TEST_CASE("the counts of what was joined and what was left apart") {
  const auto trace = [](std::uint32_t flow, std::string_view client, std::uint64_t mark, std::uint8_t out,
                        std::uint8_t in) {
    ConversationTrace t;
    t.flow = flow;
    t.protocol = Protocol::tcp;
    t.initiator = at(client, 40000 + flow);
    t.responder = at("192.0.2.10", 443);
    t.mark = mark;
    t.first = t.last = Timestamp::from_seconds(1'795'000'000);
    t.ttl_out = out, t.ttl_in = in;
    return t;
  };
  FlowEvidence evidence;
  evidence.flows.resize(6);
  for (ObservedFlow& f : evidence.flows) f.conversations = 1;
  const std::vector<std::vector<ConversationTrace>> sensors = {
      {trace(0, "10.1.0.5", 0x100000002, 64, 60), trace(1, "10.1.0.6", 0x300000004, 64, 60),
       trace(2, "10.1.0.7", 0x500000006, 64, 60)},
      {trace(3, "203.0.113.1", 0x100000002, 63, 61), trace(4, "203.0.113.1", 0x300000004, 64, 60),
       trace(5, "203.0.113.1", 0x700000008, 63, 61)}};
  const NatJoins joins = join_sensors(sensors, evidence);
  CHECK(joins == NatJoins{.translated = 1, .undecided = 1});
  CHECK(notes_of(joins).size() == 1);
  CHECK(evidence.flows[3].real != kNone32);
  CHECK(evidence.flows[4].real == kNone32);
  CHECK(join_sensors(std::span(sensors).first(1), evidence) == NatJoins{});
}
