#include <doctest/doctest.h>

#include <string_view>
#include <vector>

#include "probes/wire/craft_layers.h"
#include "probes/wire/decode.h"
#include "tests/probes/wire/inner_packets.h"

namespace demarc {

namespace {

// Every packet of a frame, as a listener takes them.
std::vector<PacketView> all_of(LinkType link, Bytes frame, std::uint32_t wire = 0) {
  std::vector<PacketView> out(1);
  decode(link, frame, wire, out[0]);
  while (out.back().more_at != 0) {
    PacketView next = out.back();
    decode_next(frame, next);
    out.push_back(next);
  }
  return out;
}

}  // namespace

TEST_CASE("several packets in one frame are all there, each with its own lengths") {
  const auto inner = inner_packets();
  const Frame frame = craft_amsdu({inner[0].packet, inner[1].packet, inner[2].packet, inner[3].packet});
  for (const bool with_check : {false, true}) {
    Frame whole = frame;
    if (with_check) whole.insert(whole.end(), {0xDE, 0xAD, 0xBE, 0xEF});  // that nobody announced
    const auto views = all_of(LinkType::wifi, whole);
    REQUIRE(views.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(views[i].problem == DecodeProblem::none);
      check_whole(views[i], inner[i]);
    }
  }
  const auto bridged =
      all_of(LinkType::radiotap,
             craft_radiotap(craft_amsdu({inner[0].packet, inner[2].packet}, {.four_addresses = true}), 0));
  REQUIRE(bridged.size() == 2);
  check_whole(bridged[1], inner[2]);
}

TEST_CASE("what is no packet among several does not hide the others") {
  const auto inner = inner_packets();
  Frame frame = craft_amsdu({inner[0].packet, inner[1].packet, inner[2].packet});
  frame[26 + 14 + 6] = 0x08, frame[26 + 14 + 7] = 0x06;  // the first one's SNAP says ARP
  const auto views = all_of(LinkType::wifi, frame);
  REQUIRE(views.size() == 3);
  CHECK(views[0].problem == DecodeProblem::not_ip);
  check_whole(views[1], inner[1]);
  check_whole(views[2], inner[2]);
}

TEST_CASE("several packets, cut at every length: right ones, then one that is snapped") {
  const auto inner = inner_packets();
  const Frame frame = craft_amsdu({inner[0].packet, inner[1].packet, inner[2].packet});
  for (std::size_t cut = 26; cut < frame.size(); ++cut) {
    CAPTURE(cut);
    const Frame piece(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut));
    const auto views = all_of(LinkType::wifi, piece, static_cast<std::uint32_t>(frame.size()));
    REQUIRE(views.size() <= 3);
    for (std::size_t i = 0; i < views.size(); ++i) {
      if (views[i].problem == DecodeProblem::none)
        check_is(views[i], inner[i]);
      else
        CHECK(views[i].problem == DecodeProblem::snapped);
    }
  }
}

TEST_CASE("frames that carry no packet, or not the front of one") {
  const Frame body = craft_snap(inner_packets()[0].packet);
  struct Row {
    const char* what;
    std::uint8_t control;
    DecodeProblem problem;
  };
  for (const Row& row :
       {Row{"beacon", 0x80, DecodeProblem::not_ip}, Row{"acknowledgment", 0xD4, DecodeProblem::not_ip},
        Row{"null data", 0x48, DecodeProblem::not_ip}, Row{"QoS null", 0xC8, DecodeProblem::not_ip},
        Row{"data with CF-Ack", 0x18, DecodeProblem::none}, Row{"version 1", 0x09, DecodeProblem::malformed}}) {
    CAPTURE(row.what);
    Frame frame = craft_wifi(body);
    frame[0] = row.control;
    PacketView view;
    decode(LinkType::wifi, frame, 0, view);
    CHECK(view.problem == row.problem);
  }
  PacketView view;
  CHECK_FALSE(decode(LinkType::wifi, craft_wifi(Frame(80, 0xAA), {.fragment = 1}), 0, view));
  CHECK(view.problem == DecodeProblem::not_ip);
}

TEST_CASE("the first fragment of a frame stands for the whole packet") {
  const Frame packet =
      craft_tcp(*parse_address("198.51.100.7"), *parse_address("192.0.2.10"),
                {.source_port = 40000, .port = 443, .flags = tcp_flag::ack, .payload = std::string(1000, 'x')});
  Frame front = craft_snap(packet);
  front.resize(8 + 256);
  PacketView view;
  REQUIRE(decode(LinkType::wifi, craft_wifi(front, {.more_fragments = true}), 0, view));
  CHECK(view.length == 1040);
  CHECK(view.payload_length == 1000);
  CHECK(view.payload.size() == 216);
}

TEST_CASE("radiotap: a damaged frame is not believed, impossible headers are refused") {
  const Frame frame = craft_wifi(craft_snap(inner_packets()[0].packet), {.check_sequence = true});
  PacketView view;
  CHECK(decode(LinkType::radiotap, craft_radiotap(frame, 0x10), 0, view));
  CHECK_FALSE(decode(LinkType::radiotap, craft_radiotap(frame, 0x50), 0, view));
  CHECK(view.problem == DecodeProblem::malformed);
  Frame endless = craft_radiotap(frame, 0);
  endless[2] = 12;  // a header of 12 bytes whose words of bits go on
  endless[11] = 0x80;
  CHECK_FALSE(decode(LinkType::radiotap, endless, 0, view));
  CHECK(view.problem == DecodeProblem::malformed);
}

TEST_CASE("mesh headers are walked where four addresses and the QoS field say there is one") {
  Frame body{0x01, 31, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2};  // one more address
  ByteWriter(body).bytes(craft_snap(inner_packets()[0].packet));
  Frame frame = craft_wifi(body, {.qos = true, .four_addresses = true});
  frame[31] = 0x01;
  PacketView view;
  REQUIRE(decode(LinkType::wifi, frame, 0, view));
  check_whole(view, inner_packets()[0]);
}

}  // namespace demarc
