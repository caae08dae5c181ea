#include <doctest/doctest.h>

#include <string_view>

#include "probes/wire/craft_layers.h"
#include "probes/wire/decode.h"
#include "tests/probes/wire/inner_packets.h"

namespace demarc {

namespace {
struct Read {
  DecodeProblem problem;
  std::string_view closed;
};
Read read(LinkType link, const Frame& frame) {
  PacketView view;
  decode(link, frame, 0, view);
  return {view.problem, view.problem == DecodeProblem::encapsulated ? view.closed : ""};
}
Frame ppp_protocol(unsigned number) {
  Frame out;
  ByteWriter(out).u16(number).zeros(20);
  return out;
}
}  // namespace

TEST_CASE("what cannot be opened says its name") {
  const Frame packet = inner_packets()[0].packet;
  struct Row {
    std::string_view closed;
    LinkType link;
    Frame frame;
  };
  const Row rows[] = {
      {"MACsec, encrypted", LinkType::ethernet, craft_ethertype(0x88E5, craft_macsec(packet, true))},
      {"TRILL", LinkType::ethernet, craft_ethertype(0x22F3, Frame(40))},
      {"batman-adv", LinkType::ethernet, craft_ethertype(0x4305, Frame(40))},
      {"PPP, compressed TCP/IP headers", LinkType::ppp, ppp_protocol(0x002D)},
      {"PPP multilink", LinkType::ppp, ppp_protocol(0x003D)},
      {"PPP, encrypted", LinkType::ppp, ppp_protocol(0x0053)},
      {"PPP, compressed or encrypted", LinkType::ethernet,
       craft_ethertype(0x8864, craft_pppoe(1, ppp_protocol(0xFD)))},
      {"IEEE 802.11, encrypted", LinkType::wifi, craft_wifi(craft_snap(packet), {.protection = true})},
      {"NSH of an unknown protocol", LinkType::ethernet, craft_ethertype(0x894F, craft_nsh(99, packet))},
      {"Cisco metadata", LinkType::ethernet, craft_ethertype(0x8909, Frame(40, 2))},
      {"ERF of another medium", LinkType::erf, Frame(40, 3)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.closed);
    const Read seen = read(row.link, row.frame);
    CHECK(seen.problem == DecodeProblem::encapsulated);
    CHECK(seen.closed == row.closed);
  }
}

TEST_CASE("what carries no packet is not IP") {
  struct Row {
    const char* what;
    LinkType link;
    Frame frame;
  };
  Frame spanning_tree{0x42, 0x42, 0x03};
  spanning_tree.resize(38);
  const Frame cdp{0xAA, 0xAA, 0x03, 0x00, 0x00, 0x0C, 0x20, 0x00, 2, 180};
  Frame oam = craft_nsh(1, inner_packets()[0].packet);
  oam[0] |= 0x20;
  const Row rows[] = {
      {"ARP", LinkType::ethernet, craft_ethertype(0x0806, Frame(46))},
      {"PPPoE discovery", LinkType::ethernet, craft_ethertype(0x8863, Frame(46))},
      {"spanning tree", LinkType::ethernet, craft_ethertype(38, spanning_tree)},
      {"CDP", LinkType::ethernet, craft_ethertype(10, cdp)},
      {"LCP", LinkType::ppp, ppp_protocol(0xC021)},
      {"IPCP", LinkType::ppp, ppp_protocol(0x8021)},
      {"SLARP", LinkType::cisco_hdlc, Frame{0x8F, 0, 0x80, 0x35, 0, 0, 0, 2}},
      {"operation and maintenance", LinkType::ethernet, craft_ethertype(0x894F, oam)},
      {"Apple talk over loopback", LinkType::null, Frame{16, 0, 0, 0, 1, 2}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(read(row.link, row.frame).problem == DecodeProblem::not_ip);
  }
}

TEST_CASE("what contradicts itself is malformed") {
  const Frame packet = inner_packets()[0].packet;
  Frame session = craft_pppoe(1, craft_ppp(packet));
  session[0] = 0x21;
  Frame short_nsh = craft_nsh(1, packet);
  short_nsh[1] = static_cast<std::uint8_t>((short_nsh[1] & 0xC0) | 1);
  Frame v6_named_v4 = craft_ethertype(0x0800, inner_packets()[1].packet);
  struct Row {
    const char* what;
    Frame frame;
  };
  for (const Row& row :
       {Row{"PPPoE version", craft_ethertype(0x8864, session)},
        Row{"NSH length", craft_ethertype(0x894F, short_nsh)}, Row{"other version", v6_named_v4}}) {
    CAPTURE(row.what);
    CHECK(read(LinkType::ethernet, row.frame).problem == DecodeProblem::malformed);
  }
}

TEST_CASE("lengths of link layers bound the packet where its own length is missing") {
  // Segmentation offload leaves the IP length 0: what the layer says counts, not padding or a check sequence
  // behind.
  IpCraft offload{.length_claimed = 0};
  const Address c = *parse_address("198.51.100.7"), s = *parse_address("192.0.2.10");
  const Frame packet =
      craft_tcp(c, s, {.source_port = 1, .port = 2, .flags = tcp_flag::ack, .payload = "12345"}, offload);
  const Frame body = craft_snap(packet);
  PacketView view;
  Frame snap = craft_ethertype(static_cast<std::uint16_t>(body.size()), body);
  snap.resize(snap.size() + 30);
  REQUIRE(decode(LinkType::ethernet, snap, 0, view));
  CHECK(view.length == 45);
  Frame session = craft_ethertype(0x8864, craft_pppoe(1, craft_ppp(packet)));
  session.resize(session.size() + 30);
  REQUIRE(decode(LinkType::ethernet, session, 0, view));
  CHECK(view.length == 45);
  REQUIRE(decode(LinkType::radiotap, craft_radiotap(craft_wifi(body, {.check_sequence = true}), 0x10), 0, view));
  CHECK(view.length == 45);
}

TEST_CASE("tags: the innermost VLAN counts, inside a backbone too; too many are malformed") {
  const Frame packet = inner_packets()[0].packet;
  PacketView view;
  Frame backbone{0, 0, 0x10, 0x01};
  ByteWriter(backbone).bytes(craft_ethernet(packet, {77}));
  REQUIRE(decode(LinkType::ethernet, craft_ethertype(0x88E7, backbone), 0, view));
  CHECK(view.vlan == 77);
  Frame frame = packet;
  for (int i = 0; i < 40; ++i) {
    Frame next;
    ByteWriter(next).u32(0).u16(i == 0 ? 0x0800U : 0xF1C1U).bytes(frame);
    frame = next;
    if (i == 10) CHECK(decode(LinkType::ethernet, craft_ethertype(0xF1C1, frame), 0, view));
  }
  CHECK_FALSE(decode(LinkType::ethernet, craft_ethertype(0xF1C1, frame), 0, view));
  CHECK(view.problem == DecodeProblem::malformed);
}

TEST_CASE("IP directly behind IEEE 802.2, and Ethernet frames whose length says nothing") {
  const Inner inner = inner_packets()[0];
  Frame body{0x06, 0x06, 0x03};
  ByteWriter(body).bytes(inner.packet);
  PacketView view;
  REQUIRE(decode(LinkType::ethernet, craft_ethertype(static_cast<std::uint16_t>(body.size()), body), 0, view));
  check_whole(view, inner);
  CHECK(read(LinkType::ethernet, craft_ethertype(2, Frame(46))).problem == DecodeProblem::not_ip);
  CHECK(read(LinkType::ethernet, craft_ethertype(0x8870, craft_snap(inner.packet))).problem == DecodeProblem::none);
  CHECK(read(LinkType::ethernet, craft_ethertype(1501, craft_snap(inner.packet))).problem == DecodeProblem::not_ip);
}

}  // namespace demarc
