// The flow table against second, naive implementations: totals of arbitrary packets, and the truth of a generator
// that interleaves whole conversations.
#include <rapidcheck.h>

#include <map>
#include <random>
#include <tuple>

#include "scanner/passive/tcp_state.h"
#include "tests/scanner/passive/talk.h"

namespace demarc {

namespace {

using Ends = std::tuple<Protocol, Endpoint, Endpoint>;
Ends ends_of(Protocol protocol, Endpoint a, Endpoint b) {
  return b < a ? Ends{protocol, b, a} : Ends{protocol, a, b};
}

struct Totals {
  std::uint64_t packets = 0, bytes = 0;
  bool operator==(const Totals&) const = default;
};

template <typename T>
T any_of(std::mt19937& random, std::initializer_list<T> choices) {
  return std::data(choices)[random() % choices.size()];
}

}  // namespace

TEST_CASE("no packet is lost or doubled, whatever the packets") {
  CHECK(rc::check("packets and bytes of both ends add up", [](std::uint32_t seed) {
    std::mt19937 random(seed);
    FlowOptions options = options_for_tests();
    options.per_conversation = true;
    options.conversations_max = 16 + static_cast<std::uint32_t>(random() % 16);
    FlowTable table(options);
    std::map<Ends, Totals> naive;
    Timestamp now = Timestamp::from_seconds(1'000'000);
    for (std::uint64_t frame = 1; frame <= 400; ++frame) {
      const Address a = Address::ipv4(0xC0000200U + static_cast<std::uint32_t>(random() % 4)),
                    b = Address::ipv4(0xC6336400U + static_cast<std::uint32_t>(random() % 4));
      const Endpoint left{a, Port(static_cast<std::uint16_t>(40000 + random() % 3))},
          right{b, Port(static_cast<std::uint16_t>(442 + random() % 3))};
      const bool reversed = random() % 2;
      const Endpoint &from = reversed ? right : left, &to = reversed ? left : right;
      const bool tcp = random() % 3 != 0;
      const Frame packet =
          tcp ? craft_tcp(from.address, to.address,
                          {.source_port = from.port.number(),
                           .port = to.port.number(),
                           .seq = static_cast<std::uint32_t>(random() % 5 * 1000),
                           .ack = static_cast<std::uint32_t>(random() % 3),
                           .flags = any_of<std::uint8_t>(random, {0, 1, 2, 4, 16, 16, 16, 17, 18, 20, 25, 63}),
                           .payload = random() % 2 ? "data" : ""})
              : craft_udp(from.address, to.address, from.port.number(), to.port.number(), "data");
      PacketView view;
      RC_ASSERT(decode_ip(packet, 0, view));
      now = now + std::chrono::milliseconds(random() % 50 == 0 ? random() % 400'000 : random() % 100);
      table.on_packet(now, view, {0, frame});
      Totals& t = naive[ends_of(view.protocol, from, to)];
      ++t.packets;
      t.bytes += packet.size();
    }
    FlowEvidence evidence;
    table.finish(evidence);
    const std::vector<ObservedFlow>& flows = evidence.flows;
    std::map<Ends, Totals> counted;
    for (const ObservedFlow& f : flows) {
      RC_ASSERT(f.conversations == 1U);
      RC_ASSERT(f.established <= 1U);
      RC_ASSERT(f.first <= f.last);
      Totals& t = counted[ends_of(f.protocol, {f.initiator, f.initiator_port}, {f.responder, f.port})];
      t.packets += f.packets_in + f.packets_out;
      t.bytes += f.bytes_in + f.bytes_out;
    }
    RC_ASSERT(counted == naive);
  }));
}

TEST_CASE("interleaved conversations come out as they were made: initiator, state, use, packets") {
  CHECK(rc::check("the table gives the generator's truth", [](std::uint32_t seed) {
    std::mt19937 random(seed);
    struct Made {
      Endpoint client, server;
      std::string history;
      std::size_t next = 0;
      std::uint32_t isn[2] = {}, seq[2] = {};
      std::uint64_t out = 0, in = 0;
    };
    std::vector<Made> made;
    for (std::uint32_t i = 0; i < 60; ++i) {
      Made m;
      m.client = {Address::ipv4(0xC6336400U + i % 5), Port(static_cast<std::uint16_t>(20000 + i))};
      m.server = {Address::ipv4(0xC0000200U + static_cast<std::uint32_t>(random() % 3)),
                  Port(any_of<std::uint16_t>(random, {22, 443, 8443, 50000}))};
      m.history = any_of<const char*>(random, {"S", "SSS", "Sr", "ShR", "ShA", "ShADd", "ShADdFf", "ShADdfFA",
                                               "ShADdR", "ShADr", "ShADF", "SR", "hADd", "hadf"});
      m.isn[0] = static_cast<std::uint32_t>(random());
      m.isn[1] = static_cast<std::uint32_t>(random());
      m.seq[0] = m.isn[0], m.seq[1] = m.isn[1];
      made.push_back(m);
    }
    FlowOptions options = options_for_tests();
    options.per_conversation = true;
    FlowTable table(options);
    Timestamp now = Timestamp::from_seconds(1'000'000);
    std::uint64_t frame = 0;
    for (;;) {
      std::vector<Made*> going;
      for (Made& m : made)
        if (m.next < m.history.size()) going.push_back(&m);
      if (going.empty()) break;
      Made& m = *going[random() % going.size()];
      const char step = m.history[m.next++];
      const bool server = step >= 'a';
      const char what = server ? static_cast<char>(step - 'a' + 'A') : step;
      TcpCraft t{.source_port = (server ? m.server : m.client).port.number(),
                 .port = (server ? m.client : m.server).port.number()};
      t.flags = what == 'S'   ? tcp_flag::syn
                : what == 'H' ? tcp_flag::syn | tcp_flag::ack
                : what == 'F' ? tcp_flag::fin | tcp_flag::ack
                : what == 'R' ? tcp_flag::rst
                              : tcp_flag::ack;
      t.seq = what == 'S' || what == 'H' ? m.isn[server] : m.seq[server];
      t.ack = what == 'S' ? 0 : m.isn[!server] + 1;
      if (what == 'D') t.payload = "data";
      m.seq[server] = t.seq + (what == 'S' || what == 'H' || what == 'F' ? 1 : what == 'D' ? 4 : 0);
      const Frame packet =
          craft_tcp((server ? m.server : m.client).address, (server ? m.client : m.server).address, t);
      (server ? m.in : m.out) += packet.size();
      PacketView view;
      RC_ASSERT(decode_ip(packet, 0, view));
      now = now + std::chrono::milliseconds(random() % 20);
      table.on_packet(now, view, {0, ++frame});
    }
    FlowEvidence evidence;
    table.finish(evidence);
    const std::vector<ObservedFlow>& flows = evidence.flows;
    RC_ASSERT(flows.size() == made.size());
    for (const Made& m : made) {
      const auto found = std::find_if(flows.begin(), flows.end(), [&](const ObservedFlow& f) {
        return f.initiator == m.client.address && f.initiator_port == m.client.port;
      });
      RC_ASSERT(found != flows.end());
      RC_ASSERT(found->responder == m.server.address);
      RC_ASSERT(found->port == m.server.port);
      RC_ASSERT(found->initiator_certain);
      RC_ASSERT(found->bytes_out == m.out);
      RC_ASSERT(found->bytes_in == m.in);
      static const std::map<std::string, std::pair<const char*, int>> kTruth{
          {"S", {"S0", 0}},        {"SSS", {"S0", 0}},     {"Sr", {"REJ", 0}},     {"ShR", {"RSTO", 0}},
          {"ShA", {"S1", 1}},      {"ShADd", {"S1", 1}},   {"ShADdFf", {"SF", 1}}, {"ShADdfFA", {"SF", 1}},
          {"ShADdR", {"RSTO", 1}}, {"ShADr", {"RSTR", 1}}, {"ShADF", {"S2", 1}},   {"SR", {"RSTOS0", 0}},
          {"hADd", {"S1", 1}},     {"hadf", {"SHR", 1}}};
      const auto& truth = kTruth.at(m.history);
      RC_ASSERT(states(*found) == std::string(truth.first));
      RC_ASSERT(found->established == static_cast<std::uint64_t>(truth.second));
    }
  }));
}

}  // namespace demarc
