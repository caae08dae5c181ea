// What observe() makes of tunnels and of frames that hold several packets.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "probes/wire/craft_layers.h"
#include "probes/wire/craft_tunnels.h"
#include "scanner/files/pcap_writer.h"
#include "scanner/passive/listener.h"
#include "scanner/passive/tunnel_table.h"
#include "tests/scanner/passive/talk.h"

namespace demarc {

namespace {

const Address kLeft = *parse_address("203.0.113.11"), kRight = *parse_address("203.0.113.12");

// A handshake and an exchange: four packets of the conversation.
std::vector<Frame> conversation() {
  const auto segment = [](bool back, std::uint32_t seq, std::uint32_t ack, std::uint8_t flags, const char* text) {
    TcpCraft tcp{.source_port = 40000, .port = 443, .seq = seq, .ack = ack, .flags = flags, .payload = text};
    if (back) std::swap(tcp.source_port, tcp.port);
    return back ? craft_tcp(kServer, kClient, tcp) : craft_tcp(kClient, kServer, tcp);
  };
  return {segment(false, 99, 0, tcp_flag::syn, ""), segment(true, 499, 100, tcp_flag::syn | tcp_flag::ack, ""),
          segment(false, 100, 500, tcp_flag::ack, "hello"), segment(true, 500, 105, tcp_flag::ack, "world")};
}

Frame udp_between(bool back, std::uint16_t port, const Frame& payload) {
  return craft_udp(back ? kRight : kLeft, back ? kLeft : kRight, 50000, port,
                   std::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()));
}

FlowEvidence observed(LinkType link, const std::vector<Frame>& frames, bool open) {
  std::string path = (std::filesystem::temp_directory_path() / "demarc-tunnels-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  ::close(fd);
  PcapShape shape;
  shape.link = link;
  std::vector<std::uint8_t> file;
  append_pcap_header(shape, file);
  Timestamp at = Timestamp::from_seconds(1'795'000'000);
  for (const Frame& frame : frames)
    append_pcap_packet(shape, at = at + Nanoseconds(1'000'000), frame, static_cast<std::uint32_t>(frame.size()),
                       file);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  ObserveRequest request;
  request.captures = {{path, "tap"}};
  request.open_tunnels = open;
  request.flow = options_for_tests();
  auto evidence = observe(request);
  std::filesystem::remove(path);
  REQUIRE(evidence.has_value());
  return std::move(*evidence);
}

std::vector<const ObservedFlow*> inside(const FlowEvidence& evidence) {
  std::vector<const ObservedFlow*> out;
  for (const ObservedFlow& flow : evidence.flows)
    if (flow.tunnel != kNone32) out.push_back(&flow);
  return out;
}

}  // namespace

TEST_CASE("VXLAN inside a VLAN: two levels, each with its own flow") {
  std::vector<Frame> frames;
  bool back = false;
  for (const Frame& packet : conversation()) {
    frames.push_back(craft_ethernet(udp_between(back, 4789, craft_vxlan(77, craft_ethernet(packet, {33}))), {42}));
    back = !back;
  }
  const FlowEvidence evidence = observed(LinkType::ethernet, frames, true);
  CHECK(evidence.sources[0].packets == 4);
  CHECK(evidence.sources[0].tunneled == 0);
  CHECK(evidence.sources[0].undecoded == 0);
  REQUIRE(evidence.tunnels.size() == 1);
  CHECK(evidence.tunnels[0] == Tunnel{.kind = TunnelKind::vxlan, .low = kLeft, .high = kRight, .id = 77});
  const auto inner = inside(evidence);
  REQUIRE(inner.size() == 1);
  CHECK(inner[0]->tunnel == 0);
  CHECK(inner[0]->initiator == kClient);
  CHECK(inner[0]->responder == kServer);
  CHECK(inner[0]->port == Port{443});
  CHECK(inner[0]->initiator_certain);
  CHECK(inner[0]->established == 1);
  CHECK(inner[0]->packets_out + inner[0]->packets_in == 4);
  CHECK(inner[0]->bytes_out == 40 + 45);
  std::uint64_t outer_packets = 0;
  for (const ObservedFlow& flow : evidence.flows)
    if (flow.tunnel == kNone32) {
      CHECK(flow.port == Port{4789});
      outer_packets += flow.packets_out + flow.packets_in;
    }
  CHECK(outer_packets == 4);

  const FlowEvidence closed = observed(LinkType::ethernet, frames, false);
  CHECK(inside(closed).empty());
  CHECK(closed.tunnels.empty());
  CHECK(closed.sources[0].tunneled == 4);
  CHECK(closed.flows.size() == evidence.flows.size() - 1);
}

TEST_CASE("the same five-tuple inside two keys, inside none, and outside: four conversations") {
  std::vector<Frame> frames;
  bool back = false;
  for (const Frame& packet : conversation()) {
    const Address &from = back ? kRight : kLeft, &to = back ? kLeft : kRight;
    frames.push_back(packet);
    frames.push_back(craft_ip(from, to, Protocol::gre, craft_gre(0x0800, packet, {.key = 1})));
    frames.push_back(craft_ip(from, to, Protocol::gre, craft_gre(0x0800, packet, {.key = 2})));
    frames.push_back(craft_ip(from, to, Protocol::gre, craft_gre(0x0800, packet)));
    back = !back;
  }
  const FlowEvidence evidence = observed(LinkType::raw, frames, true);
  REQUIRE(evidence.tunnels.size() == 3);
  const auto inner = inside(evidence);
  REQUIRE(inner.size() == 3);
  std::uint32_t outside = 0;
  for (const ObservedFlow& flow : evidence.flows) {
    if (flow.protocol == Protocol::gre) continue;
    CHECK(flow.conversations == 1);
    CHECK(flow.established == 1);
    CHECK(flow.packets_out == 2);
    CHECK(flow.packets_in == 2);
    outside += flow.tunnel == kNone32;
  }
  CHECK(outside == 1);
}

TEST_CASE("ids that each end chose for itself do not tear a conversation in two") {
  std::vector<Frame> frames;
  bool back = false;
  for (const Frame& packet : conversation()) {
    frames.push_back(udp_between(back, 2152, craft_gtpu(back ? 7001 : 9002, packet)));
    back = !back;
  }
  const FlowEvidence evidence = observed(LinkType::raw, frames, true);
  REQUIRE(evidence.tunnels.size() == 1);
  CHECK(evidence.tunnels[0].id == 0);
  const auto inner = inside(evidence);
  REQUIRE(inner.size() == 1);
  CHECK(inner[0]->established == 1);
}

TEST_CASE("a tunnel in a tunnel: what has the same name in another one is another tunnel") {
  std::vector<Frame> frames;
  for (const std::uint32_t network : {5U, 6U})
    for (const Frame& packet : conversation())
      frames.push_back(udp_between(
          false, 4789,
          craft_vxlan(network, craft_ethernet(craft_ip(kLeft, kRight, Protocol::gre, craft_gre(0x0800, packet))))));
  const FlowEvidence evidence = observed(LinkType::raw, frames, true);
  CHECK(evidence.tunnels.size() == 4);
  std::uint32_t deepest = 0;
  for (const ObservedFlow* flow : inside(evidence)) deepest += flow->protocol == Protocol::tcp;
  CHECK(deepest == 2);
}

TEST_CASE("what a tunnel hides is counted: cut, in fragments, nested too deep") {
  const Frame packet = conversation()[0];
  const Frame tunnel = craft_ip(kLeft, kRight, Protocol::gre, craft_gre(0x0800, packet));
  FlowEvidence evidence = observed(LinkType::raw, craft_fragments(tunnel, 24, 9), true);
  CHECK(evidence.sources[0].undecoded == evidence.sources[0].packets);
  CHECK(inside(evidence).empty());
  Frame deep = packet;
  for (int i = 0; i < 9; ++i) deep = craft_ip(kLeft, kRight, Protocol::ipip, deep);
  evidence = observed(LinkType::raw, {deep}, true);
  CHECK(evidence.sources[0].undecoded == 1);
  CHECK(evidence.tunnels.size() == 8);
}

TEST_CASE("every packet of a frame that holds several is counted") {
  const auto packets = conversation();
  const FlowEvidence evidence = observed(
      LinkType::wifi, {craft_amsdu({packets[0]}), craft_amsdu({packets[1], packets[2], packets[3]})}, false);
  CHECK(evidence.sources[0].packets == 2);
  REQUIRE(evidence.flows.size() == 1);
  CHECK(evidence.flows[0].packets_out == 2);
  CHECK(evidence.flows[0].packets_in == 2);
}

TEST_CASE("tunnels have numbers up to a bound, and none is given twice") {
  TunnelTable table(3);
  PacketView outer;
  outer.source = kRight, outer.destination = kLeft;
  const auto number = [&](std::uint32_t id, std::uint32_t level, bool shared = true) {
    return table.number_of(outer, {.found = true, .kind = TunnelKind::vxlan, .id = id, .id_shared = shared}, level);
  };
  CHECK(number(5, kNone32) == 0U);
  CHECK(number(5, 0) == 1U);
  CHECK(number(6, kNone32, false) == 2U);
  CHECK(number(7, kNone32, false) == 2U);
  CHECK(number(8, kNone32) == std::nullopt);
  CHECK(number(5, kNone32) == 0U);
  std::swap(outer.source, outer.destination);
  CHECK(number(5, 0) == 1U);
  CHECK(table.tunnels()[2].id == 0);
}

}  // namespace demarc
