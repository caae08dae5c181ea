#include "scanner/passive/flow_table.h"

#include <algorithm>

#include "tests/scanner/passive/talk.h"

namespace demarc {

TEST_CASE("a whole conversation: who opened it, what it carried, where it began") {
  Talk talk;
  const ObservedFlow flow = talk.tcp("ShADdAFfA").only();
  CHECK(flow.initiator == kClient);
  CHECK(flow.responder == kServer);
  CHECK(flow.protocol == Protocol::tcp);
  CHECK(flow.port == Port{443});
  CHECK(flow.initiator_port == Port{0});
  CHECK(flow.initiator_certain);
  CHECK(flow.conversations == 1);
  CHECK(flow.established == 1);
  CHECK(states(flow) == "SF");
  CHECK(flow.packets_out == 6);
  CHECK(flow.packets_in == 3);
  CHECK(flow.bytes_out == 6 * 40 + 10);
  CHECK(flow.bytes_in == 3 * 40 + 10);
  CHECK(flow.record == 1);
  CHECK(flow.last - flow.first == Nanoseconds(8'000'000));
}

TEST_CASE("the states that scanners and firewalls leave behind, and whether they are use") {
  struct Row {
    const char* history;
    const char* state;
    std::uint64_t established;
    bool certain;
  };
  for (const Row& row :
       {Row{"SSS", "S0", 0, true}, Row{"Sr", "REJ", 0, true}, Row{"SrSr", "REJ", 0, true}, Row{"Sh", "S1", 0, true},
        Row{"ShR", "RSTO", 0, true}, Row{"ShA", "S1", 1, true}, Row{"ShADdR", "RSTO", 1, true},
        Row{"ShADr", "RSTR", 1, true}, Row{"SR", "RSTOS0", 0, true}, Row{"hr", "RSTRH", 0, false},
        Row{"Dd", "OTH", 1, false}, Row{"DDD", "OTH", 0, false}, Row{"Ar", "RSTRH", 0, false},
        Row{"R", "OTH", 0, false}, Row{"Ss", "S1", 0, false}}) {
    CAPTURE(row.history);
    FlowOptions options = options_for_tests();
    options.noise = false;
    Talk talk(options);
    const ObservedFlow flow = talk.tcp(row.history).only();
    CHECK(states(flow) == row.state);
    CHECK(flow.established == row.established);
    CHECK(flow.initiator_certain == row.certain);
    CHECK(flow.initiator == kClient);
    CHECK(flow.port == Port{443});
  }
}

TEST_CASE("one side of the road: what it acknowledges proves the other") {
  struct Row {
    const char* history;
    const char* state;
    std::uint64_t established;
  };
  for (const Row& row : {Row{"SADF", "SH", 1}, Row{"SAD", "S0", 1}, Row{"hadf", "SHR", 1}, Row{"h", "OTH", 0},
                         Row{"hh", "OTH", 0}}) {
    CAPTURE(row.history);
    FlowOptions options = options_for_tests();
    options.noise = false;
    Talk talk(options);
    const ObservedFlow flow = talk.tcp(row.history).only();
    CHECK(states(flow) == row.state);
    CHECK(flow.established == row.established);
    // A SYN-ACK that nothing follows may answer a SYN with a forged sender.
    CHECK(flow.initiator_certain == (row.established == 1));
    CHECK(flow.initiator == kClient);
  }
}

TEST_CASE("a SYN-ACK alone tells the initiator, even from a high port") {
  Talk talk;
  const ObservedFlow flow = talk.ports(700, 50000).tcp("hAdD").only();
  CHECK(flow.initiator == kClient);
  CHECK(flow.port == Port{50000});
  CHECK(flow.initiator_certain);
  CHECK(flow.established == 1);
}

TEST_CASE("mid-stream: a server's port decides whoever spoke first") {
  Talk talk;
  const ObservedFlow flow = talk.tcp("dAdA").only();
  CHECK(flow.initiator == kClient);
  CHECK(flow.port == Port{443});
  CHECK_FALSE(flow.initiator_certain);
  CHECK(flow.packets_out == 2);
  CHECK(flow.packets_in == 2);
  CHECK(flow.bytes_in == 2 * 50);
}

TEST_CASE("mid-stream: the end with more partners was asked, against the first packet and the ports") {
  Talk talk;
  for (std::uint16_t client = 30000; client < 30005; ++client) talk.ports(client, 50000).tcp("dA");
  const ObservedFlow flow = talk.only();
  CHECK(flow.initiator == kClient);
  CHECK(flow.port == Port{50000});
  CHECK(flow.conversations == 5);
  CHECK_FALSE(flow.initiator_certain);
}

TEST_CASE("mid-stream: handshakes elsewhere in the capture tell the server") {
  Talk talk;
  talk.ports(800, 50000).tcp("dA");  // alone, everything would speak for port 800
  for (std::uint16_t client = 30000; client < 30003; ++client) talk.ports(client, 50000).tcp("ShADd");
  const ObservedFlow flow = talk.only();
  CHECK(flow.port == Port{50000});
  CHECK(flow.conversations == 4);
}

TEST_CASE("mid-stream: where nothing else tells, the first packet does") {
  Talk talk;
  const ObservedFlow flow = talk.ports(40000, 50000).tcp("dA").only();
  CHECK(flow.initiator == kServer);
  CHECK(flow.port == Port{40000});
  CHECK_FALSE(flow.initiator_certain);
}

TEST_CASE("active FTP: the server opens the data connection from its port 20") {
  Talk talk;
  const ObservedFlow flow = talk.ports(20, 45000).tcp("ShADFf").only();
  CHECK(flow.initiator == kClient);
  CHECK(flow.port == Port{45000});
  CHECK(flow.initiator_certain);
}

TEST_CASE("a port used again with another number is another conversation") {
  Talk talk;
  talk.tcp("ShADdFf", 1000, 9000).tcp("ShADdFf", 77'000, 88'000).tcp("Sr", 200'000, 1);
  const ObservedFlow flow = talk.only();
  CHECK(flow.conversations == 3);
  CHECK(states(flow) == "SF*2 REJ");
}

TEST_CASE("retransmissions and refused retries with the same number are one conversation") {
  Talk talk;
  const ObservedFlow flow = talk.tcp("S").tcp("S").tcp("ShADd").only();
  CHECK(flow.conversations == 1);
  CHECK(flow.packets_out == 5);
  CHECK(states(flow) == "S1");
}

TEST_CASE("packets behind the end belong to it for a while, then to a new conversation") {
  Talk talk;
  talk.tcp("ShADdFf").tcp("A").wait(std::chrono::seconds(31)).tcp("A");
  const ObservedFlow flow = talk.only();
  CHECK(flow.conversations == 2);
  CHECK(states(flow) == "SF OTH");
}

TEST_CASE("silence ends a conversation: an idle session within keep-alive does not") {
  {
    Talk talk;
    CHECK(talk.tcp("ShADd").wait(std::chrono::seconds(7200)).tcp("Dd").only().conversations == 1);
  }
  {
    Talk talk;
    CHECK(talk.tcp("ShADd").wait(std::chrono::seconds(7450)).tcp("Dd").only().conversations == 2);
  }
  {
    Talk talk;
    CHECK(talk.udp("><").wait(std::chrono::seconds(119)).udp("><").only().conversations == 1);
  }
  {
    Talk talk;
    CHECK(talk.udp("><").wait(std::chrono::seconds(121)).udp("><").only().conversations == 2);
  }
}

TEST_CASE("a handshake out of order is still one conversation, and certain") {
  Talk talk;
  const ObservedFlow flow =
      talk.packet(craft_tcp(kServer, kClient,
                            {.source_port = 443,
                             .port = 40000,
                             .seq = 9000,
                             .ack = 1001,
                             .flags = tcp_flag::syn | tcp_flag::ack}))
          .packet(
              craft_tcp(kClient, kServer, {.source_port = 40000, .port = 443, .seq = 1000, .flags = tcp_flag::syn}))
          .packet(craft_tcp(kClient, kServer,
                            {.source_port = 40000, .port = 443, .seq = 1001, .ack = 9001, .flags = tcp_flag::ack}))
          .only();
  CHECK(flow.conversations == 1);
  CHECK(flow.initiator == kClient);
  CHECK(flow.initiator_certain);
  CHECK(flow.established == 1);
}

TEST_CASE("UDP: states, use and certainty") {
  struct Row {
    std::uint16_t client, server;
    const char* directions;
    const char* state;
    std::uint64_t established;
    bool certain;
    bool swapped;
  };
  for (const Row& row :
       {Row{5000, 53, "><", "SF", 1, true, false}, Row{5000, 53, ">", "S0", 0, true, false},
        Row{5000, 53, "<", "SHR", 0, false, false}, Row{5000, 53, "<>", "SF", 1, false, false},
        Row{5000, 6000, "><", "SF", 1, false, false}, Row{5000, 6000, "<", "S0", 0, false, true}}) {
    CAPTURE(row.server);
    CAPTURE(row.directions);
    Talk talk;
    const ObservedFlow flow = talk.ports(row.client, row.server).udp(row.directions).only();
    CHECK(flow.protocol == Protocol::udp);
    CHECK(states(flow) == row.state);
    CHECK(flow.established == row.established);
    CHECK(flow.initiator_certain == row.certain);
    CHECK(flow.initiator == (row.swapped ? kServer : kClient));
    CHECK(flow.port.number() == (row.swapped ? row.client : row.server));
  }
}

TEST_CASE("UDP between high ports is never certain: a silence may be longer than anybody waits") {
  Talk talk;
  talk.ports(5000, 53).udp("><").wait(std::chrono::seconds(300)).ports(5001, 6000).udp("><");
  talk.wait(std::chrono::seconds(300)).udp("<>");
  const auto flows = talk.finish();
  REQUIRE(flows.size() == 3);
  for (const ObservedFlow& flow : flows) CHECK(flow.initiator_certain == (flow.port == Port{53}));
}

TEST_CASE("what goes to many was not asked for") {
  Talk talk;
  const ObservedFlow flow =
      talk.packet(craft_udp(kServer, *parse_address("224.0.0.251"), 5353, 5353, "announce")).only();
  CHECK(flow.initiator == kServer);
  CHECK(flow.initiator_certain);
}

TEST_CASE("ICMP: request and reply are one conversation by type, code and identifier") {
  for (const bool v6 : {false, true}) {
    CAPTURE(v6);
    const Address &c = v6 ? kClient6 : kClient, &s = v6 ? kServer6 : kServer;
    const std::uint8_t request = v6 ? 128 : 8, reply = v6 ? 129 : 0;
    Talk talk;
    talk.packet(craft_icmp(c, s, request, 0, 0x00010001)).packet(craft_icmp(s, c, reply, 0, 0x00010001));
    talk.packet(craft_icmp(c, s, request, 0, 0x00020001));
    // Both sides may ping each other with the same identifier.
    talk.packet(craft_icmp(s, c, request, 0, 0x00010001)).packet(craft_icmp(c, s, reply, 0, 0x00010001));
    const auto flows = talk.finish();
    REQUIRE(flows.size() == 2);
    const ObservedFlow& out = flows[0].initiator == c ? flows[0] : flows[1];
    CHECK(out.icmp == IcmpType{request, 0});
    CHECK(out.conversations == 2);
    CHECK(out.established == 1);
    CHECK(states(out) == "S0 SF");
    CHECK(out.initiator_certain);
    CHECK(out.port == Port{0});
    const ObservedFlow& back = flows[0].initiator == c ? flows[1] : flows[0];
    CHECK(back.initiator == s);
    CHECK(states(back) == "SF");
  }
}

TEST_CASE("an echo reply nobody asked for is the responder alone, and not certain") {
  Talk talk;
  const ObservedFlow flow = talk.packet(craft_icmp(kServer, kClient, 0, 0, 0x00010001)).only();
  CHECK(flow.initiator == kClient);
  CHECK(states(flow) == "SHR");
  CHECK_FALSE(flow.initiator_certain);
}

TEST_CASE("a machine that talks to itself") {
  Talk talk;
  const Address self = *parse_address("127.0.0.1");
  talk.packet(craft_icmp(self, self, 8, 0, 0x00010001)).packet(craft_icmp(self, self, 0, 0, 0x00010001));
  CHECK(states(talk.only()) == "SF");
}

TEST_CASE("an ICMP error belongs to the conversation it quotes and is never a flow") {
  struct Row {
    bool v6;
    std::uint8_t type, code;
    const char* state;
  };
  for (const Row& row :
       {Row{false, 3, 3, "REJ"}, Row{false, 3, 13, "REJ"}, Row{false, 3, 1, "REJ"}, Row{false, 3, 4, "S0"},
        Row{false, 11, 0, "S0"}, Row{false, 5, 1, "S0"}, Row{true, 1, 4, "REJ"}, Row{true, 1, 1, "REJ"},
        Row{true, 2, 0, "S0"}, Row{true, 3, 0, "S0"}}) {
    CAPTURE(row.v6);
    CAPTURE(static_cast<int>(row.type));
    CAPTURE(static_cast<int>(row.code));
    const Address &c = row.v6 ? kClient6 : kClient, &s = row.v6 ? kServer6 : kServer,
                  &r = row.v6 ? kRouter6 : kRouter;
    for (const Frame& attempt :
         {craft_udp(c, s, 5000, 161, "get"),
          craft_tcp(c, s, {.source_port = 5000, .port = 161, .seq = 1, .flags = tcp_flag::syn}),
          craft_icmp(c, s, row.v6 ? 128 : 8, 0, 0x00010001)}) {
      Talk talk;
      const ObservedFlow flow =
          talk.packet(attempt).packet(craft_icmp_error(r, row.type, row.code, attempt)).only();
      CHECK(states(flow) == row.state);
      CHECK(flow.initiator == c);
      CHECK(flow.established == 0);
      CHECK(flow.packets_in == 0);
    }
  }
}

TEST_CASE("an error about the responder's late answer refuses nothing") {
  Talk talk;
  const Frame answer = craft_udp(kServer, kClient, 443, 40000, "late");
  const ObservedFlow flow = talk.udp("><").packet(craft_icmp_error(kClient, 3, 3, answer)).only();
  CHECK(states(flow) == "SF");
  CHECK(flow.established == 1);
}

TEST_CASE("an error about a conversation that was never seen is nothing") {
  Talk talk;
  talk.packet(craft_icmp_error(kRouter, 3, 3, craft_udp(kClient, kServer, 1, 2, "x")));
  CHECK(talk.finish().empty());
}

TEST_CASE("fragments count to their conversation, in any order") {
  const auto pieces = craft_fragments(craft_udp(kClient, kServer, 40000, 443, std::string(100, 'x')), 40, 7);
  REQUIRE(pieces.size() == 3);
  std::vector<std::size_t> order{0, 1, 2};
  do {
    Talk talk;
    for (const std::size_t i : order) talk.packet(pieces[i]);
    const ObservedFlow flow = talk.only();
    CHECK(flow.packets_out == 3);
    CHECK(flow.bytes_out == 3 * 20 + 108);
    CHECK(flow.conversations == 1);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("fragments whose first part never came are counted as lost, not as a flow") {
  const auto pieces = craft_fragments(craft_udp(kClient, kServer, 40000, 443, std::string(100, 'x')), 40, 7);
  Talk talk;
  talk.packet(pieces[1]).packet(pieces[2]);
  CHECK(talk.finish().empty());
  REQUIRE(talk.table().losses().size() == 1);
  CHECK(talk.table().losses()[0].orphans == 2);
}

TEST_CASE("other protocols are flows without ports") {
  Talk talk;
  const Frame payload(16);
  const ObservedFlow flow = talk.packet(craft_ip(kClient, kServer, Protocol::esp, payload))
                                .packet(craft_ip(kServer, kClient, Protocol::esp, payload))
                                .only();
  CHECK(flow.protocol == Protocol::esp);
  CHECK(flow.port == Port{0});
  CHECK(states(flow) == "SF");
  CHECK_FALSE(flow.initiator_certain);
}

TEST_CASE("one record for each conversation, when asked") {
  FlowOptions options = options_for_tests();
  options.per_conversation = true;
  Talk talk(options);
  talk.ports(40001, 443).tcp("Sr").ports(40000, 443).tcp("ShADdFf");
  const auto flows = talk.finish();
  REQUIRE(flows.size() == 2);
  CHECK(flows[0].initiator_port == Port{40000});
  CHECK(states(flows[0]) == "SF");
  CHECK(flows[0].record == 3);
  CHECK(flows[1].initiator_port == Port{40001});
  CHECK(states(flows[1]) == "REJ");
}

TEST_CASE("a full table ends what is over and what is only attempted, before what lives") {
  FlowOptions options = options_for_tests();
  options.conversations_max = 64;
  Talk talk(options);
  talk.ports(1111, 443).tcp("ShADd");
  for (std::uint16_t port = 2000; port < 4000; ++port) talk.ports(port, 443).tcp("S");
  talk.ports(1111, 443).tcp("Dd");  // goes on as the same conversation
  CHECK(talk.table().open_conversations() <= 64);
  const ObservedFlow flow = talk.only();
  CHECK(flow.conversations == 2001);
  CHECK(flow.established == 1);
  CHECK(states(flow) == "S0*2000 S1");
  CHECK(talk.table().losses().at(0).split == 0);
  CHECK(talk.table().losses().at(0).aggregated == 0);
}

TEST_CASE("living conversations that must end early are counted") {
  FlowOptions options = options_for_tests();
  options.conversations_max = 16;
  Talk talk(options);
  for (std::uint16_t port = 2000; port < 2100; ++port) talk.ports(port, 443).tcp("ShADd");
  CHECK(talk.only().conversations == 100);
  REQUIRE(talk.table().losses().size() == 1);
  CHECK(talk.table().losses()[0].split == 86);  // two of the places are for attempts
}

TEST_CASE("records are bounded: what finds no place is counted, and use is kept before attempts") {
  FlowOptions options = options_for_tests();
  options.records_max = 16;
  options.noise = false;
  Talk talk(options);
  for (std::uint16_t port = 1; port <= 100; ++port) talk.ports(40000, port).tcp("Sr");
  for (std::uint16_t port = 201; port <= 204; ++port) talk.ports(40000, port).tcp("ShADdFf");
  talk.wait(std::chrono::seconds(60));
  const auto flows = talk.finish();
  CHECK(flows.size() == 16);
  std::uint64_t established = 0;
  for (const ObservedFlow& flow : flows) established += flow.established;
  CHECK(established == 4);
  CHECK(talk.table().losses().at(0).aggregated == 88);
}

TEST_CASE("silent conversations leave the table while others go on") {
  Talk talk;
  for (std::uint16_t port = 2000; port < 3000; ++port) talk.ports(port, 53).udp("><");
  CHECK(talk.table().open_conversations() == 1000);
  talk.wait(std::chrono::seconds(300));
  for (int i = 0; i < 4000; ++i) talk.ports(999, 53).udp("><");
  CHECK(talk.table().open_conversations() == 1);
  CHECK(talk.only().conversations == 1001);
}

TEST_CASE("time that runs backwards or wild ends nothing early") {
  Talk talk;
  talk.tcp("ShADd").wait(std::chrono::seconds(-100)).tcp("Dd").wait(std::chrono::seconds(100));
  CHECK(talk.only().conversations == 1);
}

TEST_CASE("the hash key changes nothing in the result") {
  std::vector<ObservedFlow> first;
  for (const std::uint64_t key : {1ULL, 2ULL, 3ULL}) {
    FlowOptions options = options_for_tests();
    options.hash_key = key;
    options.conversations_max = 32;
    Talk talk(options);
    for (std::uint16_t port = 2000; port < 2200; ++port)
      talk.ports(port, static_cast<std::uint16_t>(port % 7 + 20)).tcp(port % 3 == 0 ? "dA" : "ShADd");
    const auto flows = talk.finish();
    if (first.empty()) first = flows;
    REQUIRE(flows.size() == first.size());
    for (std::size_t i = 0; i < flows.size(); ++i) {
      CHECK(flows[i].initiator == first[i].initiator);
      CHECK(flows[i].port == first[i].port);
      CHECK(flows[i].states == first[i].states);
      CHECK(flows[i].bytes_in == first[i].bytes_in);
      CHECK(flows[i].record == first[i].record);
    }
  }
}

}  // namespace demarc
