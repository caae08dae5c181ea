// Conversations without a handshake: UDP, ICMP, fragments, protocols without ports. Who spoke first opened them, as
// far as the capture shows the beginning.
#include <string>

#include "probes/wire/decode.h"
#include "tests/support/traffic/kinds.h"
#include "tests/support/traffic/script.h"

namespace demarc::traffic {

namespace {

using enum ConnState;
using Maker = std::function<void(MadeCapture&, World&, std::string_view)>;

struct UdpTalk {
  std::string_view script;
  std::uint16_t port;
  ConnState state;
  bool established;
  Opener opener = Opener::known;
  Family family = Family::ipv4;
  std::uint16_t client_port = 0;  // 0: an ephemeral one
};

std::uint32_t add_udp(MadeCapture& capture, std::string_view name, const Endpoint& initiator,
                      const Endpoint& responder, ConnState state, bool established, Opener opener = Opener::known) {
  return capture.add_flow({.kind = std::string(name),
                           .protocol = Protocol::udp,
                           .initiator = initiator,
                           .responder = responder,
                           .state = state,
                           .established = established,
                           .opener = opener});
}

Maker udp(const UdpTalk& talk) {
  return [talk](MadeCapture& capture, World& world, std::string_view name) {
    Cast cast{.initiator = world.client(talk.family), .responder = {world.server(talk.family), Port(talk.port)}};
    if (talk.client_port != 0) cast.initiator = {world.stranger(talk.family), Port(talk.client_port)};
    cast.flow = add_udp(capture, name, cast.initiator, cast.responder, talk.state, talk.established, talk.opener);
    play_udp(capture, world, cast, talk.script, world.sometime());
  };
}

void udp_again(MadeCapture& capture, World& world, std::string_view name) {
  Cast cast{.initiator = world.client(), .responder = {world.server(), Port(53)}};
  Timestamp at = world.sometime();
  for (int turn = 0; turn < 2; ++turn) {
    cast.flow = add_udp(capture, name, cast.initiator, cast.responder, SF, true);
    at = play_udp(capture, world, cast, "><", at) + std::chrono::seconds(400);
  }
}

// After a silence the responder speaks first: no longer than a keep-alive interval that many programs use.
void udp_resumed(MadeCapture& capture, World& world, std::string_view name) {
  Cast cast{.initiator = world.client(), .responder = {world.server(), Port(50012)}};
  cast.flow = add_udp(capture, name, cast.initiator, cast.responder, SF, true);
  const Timestamp at = play_udp(capture, world, cast, "><><", world.sometime());
  cast.flow = add_udp(capture, name, cast.initiator, cast.responder, SF, true, Opener::either);
  play_udp(capture, world, cast, "<><>", at + std::chrono::seconds(400));
}

void udp_multicast(MadeCapture& capture, World& world, std::string_view name) {
  const bool v6 = world.chance(30);
  const Family family = v6 ? Family::ipv6 : Family::ipv4;
  Cast cast{.initiator = {world.stranger(family), Port(5353)},
            .responder = {v6 ? *parse_address("ff02::fb") : *parse_address("224.0.0.251"), Port(5353)}};
  cast.flow = add_udp(capture, name, cast.initiator, cast.responder, S0, false);
  play_udp(capture, world, cast, ">.>", world.sometime());
}

void udp_refused(MadeCapture& capture, World& world, std::string_view name) {
  Cast cast{.initiator = world.client(), .responder = {world.server(), Port(33434)}};
  cast.flow = add_udp(capture, name, cast.initiator, cast.responder, REJ, false);
  const Timestamp at = play_udp(capture, world, cast, ">", world.sometime());
  const Frame asked =
      craft_udp(cast.initiator.address, cast.responder.address, cast.initiator.port.number(), 33434, "question");
  capture.add_packet(at + world.soon(), kNone, false, craft_icmp_error(cast.responder.address, 3, 3, asked));
}

void tcp_prohibited(MadeCapture& capture, World& world, std::string_view name) {
  Cast cast{.initiator = world.client(), .responder = {world.server(), Port(8081)}};
  cast.flow = capture.add_flow({.kind = std::string(name),
                                .protocol = Protocol::tcp,
                                .initiator = cast.initiator,
                                .responder = cast.responder,
                                .state = REJ});
  const Timestamp at = play_tcp(capture, world, cast, "S", world.sometime());
  const Frame asked =
      craft_tcp(cast.initiator.address, cast.responder.address,
                {.source_port = cast.initiator.port.number(), .port = 8081, .flags = tcp_flag::syn});
  capture.add_packet(at + world.soon(), kNone, false,
                     craft_icmp_error(*parse_address("203.0.113.1"), 3, 13, asked, 28));
}

enum class Pieces : std::uint8_t { in_order, last_first, first_missing };

// A question, and an answer too long for one packet.
template <Pieces pieces, Family family>
void fragments(MadeCapture& capture, World& world, std::string_view name) {
  const Endpoint client = world.client(family), server{world.server(family), Port(53)};
  const bool answered = pieces != Pieces::first_missing;
  const std::uint32_t flow = add_udp(capture, name, client, server, answered ? SF : S0, answered);
  Timestamp at = world.sometime();
  capture.add_packet(at, flow, true,
                     craft_udp(client.address, server.address, client.port.number(), 53, std::string(40, 'q')));
  const std::vector<Frame> parts =
      craft_fragments(craft_udp(server.address, client.address, 53, client.port.number(), std::string(3000, 'a')),
                      1400, world.isn());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    at = at + world.soon();
    const std::size_t part = pieces == Pieces::last_first ? parts.size() - 1 - i : i;
    if (pieces == Pieces::first_missing && part == 0) continue;
    capture.add_packet(at, answered ? flow : kNone, false, parts[part]);
  }
}

struct Ping {
  std::string_view script;
  std::uint8_t query, reply;
  ConnState state;
  bool established;
  Family family = Family::ipv4;
};

Maker icmp(const Ping& ping) {
  return [ping](MadeCapture& capture, World& world, std::string_view name) {
    const Endpoint client = world.client(ping.family);
    Cast cast{.initiator = client, .responder = {world.server(ping.family), client.port}};
    cast.flow = capture.add_flow({.kind = std::string(name),
                                  .protocol = ping.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6,
                                  .initiator = cast.initiator,
                                  .responder = cast.responder,
                                  .icmp = {ping.query, std::uint8_t{0}},
                                  .state = ping.state,
                                  .established = ping.established});
    play_icmp(capture, world, cast, ping.script, ping.query, ping.reply, world.sometime());
  };
}

// Two hosts ask each other with the same identifier: two conversations.
void icmp_crossed(MadeCapture& capture, World& world, std::string_view name) {
  const Endpoint client = world.client();
  const Address server = world.stranger();
  for (int turn = 0; turn < 2; ++turn) {
    Cast cast{.initiator = client, .responder = {server, client.port}};
    if (turn == 1) std::swap(cast.initiator, cast.responder);
    cast.flow = capture.add_flow({.kind = std::string(name),
                                  .protocol = Protocol::icmp,
                                  .initiator = cast.initiator,
                                  .responder = cast.responder,
                                  .icmp = {8, std::uint8_t{0}},
                                  .state = SF,
                                  .established = true});
    play_icmp(capture, world, cast, "><><", 8, 0, world.sometime());
  }
}

template <std::uint8_t protocol>
void without_ports(MadeCapture& capture, World& world, std::string_view name) {
  Cast cast{.initiator = {world.stranger(), Port(0)}, .responder = {world.server(), Port(0)}};
  cast.flow = capture.add_flow({.kind = std::string(name),
                                .protocol = Protocol(protocol),
                                .initiator = cast.initiator,
                                .responder = cast.responder,
                                .state = SF,
                                .established = true});
  play_raw(capture, world, cast, Protocol(protocol), "><><", world.sometime());
}

void hello(MadeCapture& capture, World& world, std::string_view name) {
  Cast cast{.initiator = {world.stranger(), Port(0)}, .responder = {*parse_address("224.0.0.5"), Port(0)}};
  cast.flow = capture.add_flow({.kind = std::string(name),
                                .protocol = Protocol::ospf,
                                .initiator = cast.initiator,
                                .responder = cast.responder,
                                .state = S0});
  play_raw(capture, world, cast, Protocol::ospf, ">.>.>", world.sometime());
}

const Kind kDatagrams[] = {
    {"UDP, asked and answered", udp({"><", 53, SF, true})},
    {"UDP, long talk", udp({"><><<<<<:><<<:><", 443, SF, true})},
    {"UDP, one way", udp({">.>.>", 514, S0, false})},
    {"UDP, unanswered", udp({">.*", 161, S0, false})},
    {"UDP, answer seen first", udp({"(>)<><", 53, SF, true})},
    {"UDP, only the answer seen", udp({"(>)<", 53, SHR, false})},
    {"UDP, high ports", udp({"><><", 50010, SF, true})},
    {"UDP, high ports, answer seen first", udp({"(><>)<><>", 50010, SF, true})},
    {"UDP, same port on both sides", udp({"><", 123, SF, true, Opener::known, Family::ipv4, 123})},
    {"UDP, low source port", udp({"><", 20048, SF, true, Opener::known, Family::ipv4, 900})},
    {"UDP, source port 53", udp({"><", 50011, SF, true, Opener::known, Family::ipv4, 53})},
    {"UDP, same five-tuple after a silence", udp_again, 2},
    {"UDP, resumed by the responder", udp_resumed, 2},
    {"UDP, IPv6", udp({"><", 53, SF, true, Opener::known, Family::ipv6})},
    {"UDP, multicast", udp_multicast},
    {"UDP, refused by ICMP", udp_refused},
    {"TCP, prohibited by ICMP", tcp_prohibited},
    {"fragments", fragments<Pieces::in_order, Family::ipv4>},
    {"fragments, last first", fragments<Pieces::last_first, Family::ipv4>},
    {"fragments, the first one missing", fragments<Pieces::first_missing, Family::ipv4>},
    {"fragments, IPv6", fragments<Pieces::in_order, Family::ipv6>},
    {"fragments, IPv6, last first", fragments<Pieces::last_first, Family::ipv6>},
    {"ICMP echo", icmp({"><><><", 8, 0, SF, true})},
    {"ICMP echo, unanswered", icmp({">.>.>", 8, 0, S0, false})},
    {"ICMP echo, only the reply seen", icmp({"(>)<(>)<", 8, 0, SHR, false})},
    {"ICMP timestamp", icmp({"><", 13, 14, SF, true})},
    {"ICMP echo, each asks the other", icmp_crossed, 2},
    {"ICMPv6 echo", icmp({"><><", 128, 129, SF, true, Family::ipv6})},
    {"ESP", without_ports<50>},
    {"multicast of a routing protocol", hello},
};

}  // namespace

std::span<const Kind> datagram_kinds() { return kDatagrams; }

}  // namespace demarc::traffic
