#include <doctest/doctest.h>

#include <string_view>

#include "probes/wire/craft_layers.h"
#include "probes/wire/decode.h"
#include "tests/probes/wire/inner_packets.h"

namespace demarc {

namespace {

// An Ethernet frame to that station.
Frame to(std::uint8_t first, std::uint8_t second, const Frame& packet) {
  Frame frame = craft_ethernet(packet);
  frame[0] = first;
  frame[1] = second;
  return frame;
}
Frame behind_control_word(const Frame& frame, std::uint8_t second = 0) {
  Frame out;
  ByteWriter(out).u8(0).u8(second).u16(9).bytes(frame);
  return out;
}

}  // namespace

TEST_CASE("what follows the labels is guessed only where nothing else fits") {
  const Inner inner = inner_packets()[0];
  const Frame& packet = inner.packet;
  Frame corrupt = to(0x45, 0x00, packet);  // an address that begins like an IPv4 header
  struct Row {
    const char* what;
    Frame payload;
    DecodeProblem problem;
    std::string_view closed;
  };
  Frame arp = craft_ethertype(0x0806, {0, 1, 8, 0, 6, 4, 0, 1});
  Frame unknown{0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22};
  const Row rows[] = {
      {"IPv4", packet, DecodeProblem::none, ""},
      {"IPv6", inner_packets()[1].packet, DecodeProblem::none, ""},
      {"Ethernet behind a control word", behind_control_word(craft_ethernet(packet)), DecodeProblem::none, ""},
      {"Ethernet, station 00:...", to(0x00, 0x1B, packet), DecodeProblem::none, ""},
      {"Ethernet, station 45:00:...", corrupt, DecodeProblem::none, ""},
      {"Ethernet, station 66:...", to(0x66, 0x11, packet), DecodeProblem::none, ""},
      {"Ethernet, station 52:...", to(0x52, 0x54, packet), DecodeProblem::none, ""},
      {"ARP over a pseudowire", behind_control_word(arp), DecodeProblem::not_ip, ""},
      {"in fragments", behind_control_word(craft_ethernet(packet), 0x80), DecodeProblem::encapsulated,
       "MPLS pseudowire, in fragments"},
      {"something else", unknown, DecodeProblem::encapsulated, "MPLS pseudowire"},
      {"control channel", {0x10, 0, 0, 0x21, 0x45, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0}, DecodeProblem::not_ip, ""},
      {"nothing of the kind", Frame(40, 0x99), DecodeProblem::encapsulated, "MPLS pseudowire"},
      {"IPv4 longer than the frame",
       {0x45, 0, 0xFF, 0xFF, 0, 0, 0, 0, 64, 6, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0},
       DecodeProblem::encapsulated,
       "MPLS pseudowire"},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.what));
    PacketView view;
    decode(LinkType::mpls, craft_mpls({16, 17}, row.payload), 0, view);
    CHECK(view.problem == row.problem);
    if (row.problem == DecodeProblem::encapsulated) CHECK(view.closed == row.closed);
    if (row.problem == DecodeProblem::none) CHECK(view.port == 443);
  }
}

TEST_CASE("an IP packet that also reads as an Ethernet frame is IP if its checksum holds, else neither") {
  // The source 8.0.69.x stands where an Ethernet frame has its type, and an IPv4 header behind that.
  Frame packet = craft_tcp(*parse_address("8.0.69.1"), *parse_address("192.0.2.10"),
                           {.source_port = 40000, .port = 443, .flags = tcp_flag::syn});
  PacketView view;
  REQUIRE(decode(LinkType::mpls, craft_mpls({16}, packet), 0, view));
  CHECK(view.source == *parse_address("8.0.69.1"));
  packet[10] ^= 1;
  CHECK_FALSE(decode(LinkType::mpls, craft_mpls({16}, packet), 0, view));
  CHECK(view.closed == "IP or an Ethernet frame");
}

TEST_CASE("label stacks end, and reserved labels say what follows") {
  const Frame packet = inner_packets()[0].packet;
  PacketView view;
  Frame endless;
  ByteWriter w(endless);
  for (int i = 0; i < 40; ++i) w.u32(16 << 12);
  CHECK_FALSE(decode(LinkType::mpls, endless, 0, view));
  CHECK(view.problem == DecodeProblem::malformed);
  CHECK(decode(LinkType::mpls, craft_mpls({0}, packet), 0, view));
  CHECK_FALSE(decode(LinkType::mpls, craft_mpls({2}, packet), 0, view));  // says IPv6, is not
  CHECK(view.problem == DecodeProblem::malformed);
  CHECK_FALSE(decode(LinkType::mpls, craft_mpls({16, 13}, packet), 0, view));
  CHECK(view.problem == DecodeProblem::not_ip);
}

}  // namespace demarc
