// Every tunnel there is (probes/wire/craft_tunnels.h): whole, cut, changed, one in another.
#include "probes/wire/tunnel.h"

#include <doctest/doctest.h>

#include <random>
#include <string_view>

#include "probes/wire/craft_layers.h"
#include "probes/wire/craft_tunnels.h"
#include "tests/probes/wire/inner_packets.h"

namespace demarc {

namespace {

const Address kLeft = *parse_address("203.0.113.1"), kRight = *parse_address("203.0.113.2");
const Address kLeft6 = *parse_address("2001:db8:f::1"), kRight6 = *parse_address("2001:db8:f::2");

// Every tunnel between both families of outer addresses and around every inner packet.
template <typename Check>
void for_every_tunnel(Check check) {
  for (const TunnelCraft& tunnel : tunnel_crafts())
    for (const bool v4 : {true, false})
      for (const Inner& inner : inner_packets()) {
        if (!can_carry(tunnel, v4, inner.packet)) continue;
        CAPTURE(tunnel.name);
        CAPTURE(v4);
        CAPTURE(std::string(inner.name));
        check(tunnel, inner, tunnel.packet(v4 ? kLeft : kLeft6, v4 ? kRight : kRight6, inner.packet, 77));
      }
}

DecodeProblem problem_inside(const Frame& packet, bool expect_found = true) {
  PacketView outer, inner;
  TunnelView tunnel;
  REQUIRE(decode(LinkType::raw, packet, 0, outer));
  decode_inner(outer, inner, tunnel);
  CHECK(tunnel.found == expect_found);
  return inner.problem;
}

Frame udp(std::uint16_t port, const Frame& payload) {
  return craft_udp(kLeft, kRight, 40000, port,
                   std::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()));
}

}  // namespace

TEST_CASE("every tunnel is opened, and both levels stay apart") {
  for_every_tunnel([](const TunnelCraft& craft, const Inner& packet, const Frame& frame) {
    PacketView outer, inner;
    TunnelView tunnel;
    REQUIRE(decode(LinkType::raw, frame, 0, outer));
    CHECK(outer.length == frame.size());
    CHECK(may_be_tunnel(outer));
    REQUIRE(decode_inner(outer, inner, tunnel));
    CHECK(tunnel.found);
    CHECK(tunnel.kind == craft.kind);
    CHECK(tunnel.id_shared == craft.id_shared);
    CHECK(tunnel.id == (craft.name == "nvgre" ? 0x1000U + 77 : craft.has_id ? 77U : 0U));
    check_whole(inner, packet);
    CHECK(inner.vlan == (craft.name == "vxlan vlan" ? 33 : 0));
    CHECK((outer.source == kLeft || outer.source == kLeft6));  // and nothing of it was touched
  });
}

TEST_CASE("a tunnel cut by a snap length: the right packet or snapped, at every length") {
  for_every_tunnel([](const TunnelCraft&, const Inner& packet, const Frame& frame) {
    bool seen = false;
    for (std::size_t cut = 0; cut < frame.size(); ++cut) {
      CAPTURE(cut);
      const Frame piece(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut));
      PacketView outer, inner;
      TunnelView tunnel;
      if (!decode(LinkType::raw, piece, static_cast<std::uint32_t>(frame.size()), outer)) {
        CHECK(outer.problem == DecodeProblem::snapped);
        continue;
      }
      if (decode_inner(outer, inner, tunnel)) {
        seen = true;
        check_is(inner, packet);
        CHECK(inner.length == packet.packet.size());
        CHECK(is_sound(inner, piece));
      } else {
        CHECK(inner.problem == DecodeProblem::snapped);
        CHECK_FALSE(seen);
      }
    }
    CHECK(seen);
  });
}

TEST_CASE("a tunnel's packet that ends early: never a wrong answer") {
  for_every_tunnel([](const TunnelCraft&, const Inner& packet, const Frame& frame) {
    for (std::size_t cut = 0; cut < frame.size(); ++cut) {
      CAPTURE(cut);
      const Frame piece(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut));
      PacketView outer, inner;
      TunnelView tunnel;
      if (!decode(LinkType::raw, piece, 0, outer)) continue;
      if (decode_inner(outer, inner, tunnel))
        check_is(inner, packet);
      else
        CHECK(inner.problem != DecodeProblem::snapped);
    }
  });
}

TEST_CASE("tunnels changed at random: nothing is read beyond them, and lengths agree") {
  std::mt19937 random(5);
  for_every_tunnel([&](const TunnelCraft&, const Inner&, const Frame& original) {
    for (int round = 0; round < 500; ++round) {
      Frame frame = original;
      const unsigned changes = 1 + random() % 4;
      for (unsigned i = 0; i < changes; ++i)
        frame[20 + random() % (frame.size() - 20)] = static_cast<std::uint8_t>(random());
      frame.resize(1 + random() % frame.size());
      PacketView levels[2];
      TunnelView tunnel;
      bool good = decode(LinkType::raw, frame, random() % 2 == 0 ? 0 : 1500, levels[0]);
      for (int depth = 0; good && depth < kTunnelDepthMax; ++depth) {
        good = decode_inner(levels[depth % 2], levels[(depth + 1) % 2], tunnel);
        const PacketView& inner = levels[(depth + 1) % 2];
        REQUIRE((!good || tunnel.found));
        REQUIRE((!tunnel.found || may_be_tunnel(levels[depth % 2])));
        if (good) REQUIRE(is_sound(inner, frame));
        if (inner.problem == DecodeProblem::encapsulated) REQUIRE_FALSE(inner.closed.empty());
      }
    }
  });
}

TEST_CASE("tunnels in tunnels are opened one by one") {
  const Inner inner = inner_packets()[0];
  Frame packet = inner.packet;
  for (std::uint32_t i = 0; i < 8; ++i)
    packet = craft_ip(kLeft, kRight, Protocol::gre, craft_gre(0x0800, packet, {.key = i}));
  PacketView levels[9];
  TunnelView tunnel;
  REQUIRE(decode(LinkType::raw, packet, 0, levels[0]));
  for (int depth = 0; depth < 8; ++depth) {
    REQUIRE(decode_inner(levels[depth], levels[depth + 1], tunnel));
    CHECK(tunnel.id == 7U - static_cast<unsigned>(depth));
  }
  check_whole(levels[8], inner);
  PacketView none;
  CHECK_FALSE(decode_inner(levels[8], none, tunnel));
  CHECK_FALSE(tunnel.found);
}

TEST_CASE("a fragment of a tunnel's packet is not opened, and says so") {
  const Frame packet = craft_ip(kLeft, kRight, Protocol::gre, craft_gre(0x0800, inner_packets()[0].packet));
  for (const Frame& piece : craft_fragments(packet, 32, 1)) {
    PacketView outer, inner;
    TunnelView tunnel;
    REQUIRE(decode(LinkType::raw, piece, 0, outer));
    CHECK_FALSE(decode_inner(outer, inner, tunnel));
    CHECK(tunnel.found);
    CHECK(tunnel.kind == TunnelKind::gre);
    CHECK(inner.problem == DecodeProblem::encapsulated);
    CHECK(inner.closed == "a fragment of a tunnel's packet");
  }
}

TEST_CASE("what tunnels carry besides packets is not IP; what they hide has a name") {
  const Frame packet = inner_packets()[0].packet;
  const auto gre = [](const Frame& payload) { return craft_ip(kLeft, kRight, Protocol::gre, payload); };
  CHECK(problem_inside(gre({0, 0, 0, 0})) == DecodeProblem::not_ip);  // keepalive
  CHECK(problem_inside(gre({0x20, 0x81, 0x88, 0x0B, 0, 0, 0, 5, 0, 0, 0, 1})) ==
        DecodeProblem::not_ip);                                                            // PPTP, an ack
  CHECK(problem_inside(gre({0x40, 0, 8, 0, 0, 0, 0, 0})) == DecodeProblem::encapsulated);  // source routes
  CHECK(problem_inside(gre({0, 2, 8, 0})) == DecodeProblem::encapsulated);                 // version 2
  CHECK(problem_inside(gre({0x20, 0, 8, 0})) == DecodeProblem::malformed);                 // the key is missing
  CHECK(problem_inside(udp(4789, craft_vxlan(5, craft_ethertype(0x0806, Frame(46))))) == DecodeProblem::not_ip);
  Frame echo = craft_gtpu(5, {});
  echo[1] = 1;
  CHECK(problem_inside(udp(2152, echo)) == DecodeProblem::not_ip);
  Frame control = craft_geneve(5, 0x0800, packet);
  control[1] = 0x80;
  CHECK(problem_inside(udp(6081, control)) == DecodeProblem::not_ip);
  CHECK(problem_inside(udp(2152, craft_gtpu(5, Frame(40, 0x99)))) == DecodeProblem::encapsulated);
  CHECK(problem_inside(udp(1701, {0xC8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0})) == DecodeProblem::not_ip);
}

TEST_CASE("a port that somebody was given for a moment makes no tunnel") {
  for (const unsigned port : {1701U, 2152U, 3544U, 4789U, 4790U, 6081U, 8472U}) {
    CAPTURE(port);
    const Frame answer{0x12, 0x34, 0x81, 0x80, 0, 1,   0,   1,   0,   0,   0,   0,
                       3,    'w',  'w',  'w',  7, 'e', 'x', 'a', 'm', 'p', 'l', 'e'};
    problem_inside(udp(static_cast<std::uint16_t>(port), answer), false);
  }
  CHECK(problem_inside(udp(53, craft_vxlan(5, craft_ethernet(inner_packets()[0].packet))), false) ==
        DecodeProblem::not_ip);
}

TEST_CASE("a mirror that cut the frame leaves the packet's length") {
  const Frame packet =
      craft_tcp(*parse_address("198.51.100.7"), *parse_address("192.0.2.10"),
                {.source_port = 40000, .port = 443, .flags = tcp_flag::ack, .payload = std::string(1000, 'x')});
  Frame front = craft_ethernet(packet);
  front.resize(100);
  for (const bool said : {true, false}) {
    PacketView outer, inner;
    TunnelView tunnel;
    const Frame mirrored = craft_ip(kLeft, kRight, Protocol::gre, craft_erspan(2, 9, front, said));
    REQUIRE(decode(LinkType::raw, mirrored, 0, outer));
    REQUIRE(decode_inner(outer, inner, tunnel));
    CHECK(inner.length == (said ? 1040 : 86));
    CHECK(tunnel.id == 9);
  }
}

TEST_CASE("small keys of Ethernet over GRE are keys, large ones a network and a flow") {
  struct Row {
    std::uint32_t key, id;
  };
  for (const Row& row : {Row{0, 0}, Row{42, 42}, Row{0x000FFFFF, 0x000FFFFF}, Row{0x00100000, 0x1000},
                         Row{0x00100001, 0x1000}, Row{0x123456FF, 0x123456}}) {
    PacketView outer, inner;
    TunnelView tunnel;
    const Frame packet = craft_ip(kLeft, kRight, Protocol::gre,
                                  craft_gre(0x6558, craft_ethernet(inner_packets()[0].packet), {.key = row.key}));
    REQUIRE(decode(LinkType::raw, packet, 0, outer));
    REQUIRE(decode_inner(outer, inner, tunnel));
    CHECK(tunnel.id == row.id);
  }
}

TEST_CASE("Teredo with an authentication and an origin before the packet") {
  const Inner inner = inner_packets()[1];
  Frame payload{0, 1, 2, 3, 'i', 'd', 'a', 'u', 't', 1, 2, 3, 4, 5, 6, 7, 8, 0};
  ByteWriter(payload).u16(0).u16(0x1234).u32(0xFFFFFFFF).bytes(inner.packet);
  PacketView outer, view;
  TunnelView tunnel;
  const Frame packet = udp(3544, payload);
  REQUIRE(decode(LinkType::raw, packet, 0, outer));
  REQUIRE(decode_inner(outer, view, tunnel));
  check_whole(view, inner);
}

}  // namespace demarc
