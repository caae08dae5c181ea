// Every link layer there is (probes/wire/craft_layers.h): whole, cut at every length, changed at random.
#include <doctest/doctest.h>

#include <random>
#include <set>

#include "probes/wire/craft_layers.h"
#include "probes/wire/decode.h"
#include "tests/probes/wire/inner_packets.h"

namespace demarc {

TEST_CASE("every link layer leads to the same packet") {
  for (const LayerCraft& layer : layer_crafts())
    for (const Inner& inner : inner_packets()) {
      CAPTURE(layer.name);
      CAPTURE(std::string(inner.name));
      PacketView view;
      const Frame frame = layer.frame(inner.packet);
      REQUIRE(decode(layer.link, frame, 0, view));
      check_whole(view, inner);
      CHECK(view.more_at == 0);
      CHECK(is_readable(layer.link));
    }
}

TEST_CASE("every link type that has a name is crafted, and every crafted one has a name") {
  std::set<std::uint16_t> crafted{228, 229};  // raw IP of one family: no layer of their own
  for (const LayerCraft& layer : layer_crafts()) crafted.insert(static_cast<std::uint16_t>(layer.link));
  for (unsigned number = 0; number < 400; ++number) {
    CAPTURE(number);
    CHECK(is_readable(static_cast<LinkType>(number)) == crafted.contains(static_cast<std::uint16_t>(number)));
  }
}

TEST_CASE("cut by a snap length: the right packet, or snapped, at every length") {
  for (const LayerCraft& layer : layer_crafts())
    for (const Inner& inner : inner_packets()) {
      const Frame frame = layer.frame(inner.packet);
      bool seen = false;
      for (std::size_t cut = 0; cut < frame.size(); ++cut) {
        CAPTURE(layer.name);
        CAPTURE(std::string(inner.name));
        CAPTURE(cut);
        // Behind its own end, so that a sanitizer sees a read too far.
        const Frame piece(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut));
        PacketView view;
        if (decode(layer.link, piece, static_cast<std::uint32_t>(frame.size()), view)) {
          seen = true;
          check_is(view, inner);
          CHECK(view.length == inner.packet.size());
          CHECK(view.payload_length == inner.payload);
          CHECK(is_sound(view, piece));
        } else {
          CHECK(view.problem == DecodeProblem::snapped);
          CHECK_FALSE(seen);
        }
      }
      CHECK(seen);
    }
}

TEST_CASE("the same cuts with nothing more on the wire: never a wrong answer") {
  for (const LayerCraft& layer : layer_crafts())
    for (const Inner& inner : inner_packets()) {
      const Frame frame = layer.frame(inner.packet);
      for (std::size_t cut = 0; cut < frame.size(); ++cut) {
        CAPTURE(layer.name);
        CAPTURE(std::string(inner.name));
        CAPTURE(cut);
        const Frame piece(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut));
        PacketView view;
        if (decode(layer.link, piece, 0, view)) {
          check_is(view, inner);
          CHECK(view.length <= inner.packet.size());
          CHECK(is_sound(view, piece));
        } else if (layer.link != LinkType::nflog && layer.link != LinkType::erf) {
          // Those two tell lengths of their own.
          CHECK(view.problem != DecodeProblem::snapped);
        }
      }
    }
}

TEST_CASE("frames changed at random: nothing is read beyond them, and lengths agree") {
  std::mt19937 random(4);
  for (const LayerCraft& layer : layer_crafts())
    for (const Inner& inner : inner_packets()) {
      const Frame original = layer.frame(inner.packet);
      for (int round = 0; round < 2000; ++round) {
        Frame frame = original;
        const unsigned changes = 1 + random() % 4;
        for (unsigned i = 0; i < changes; ++i) frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
        frame.resize(1 + random() % frame.size());
        PacketView view;
        const bool good = decode(layer.link, frame, random() % 2 == 0 ? 0 : 1500, view);
        for (int more = 0; view.more_at != 0; ++more) {
          REQUIRE(more < 200);
          decode_next(frame, view);
        }
        if (good && view.problem == DecodeProblem::none) REQUIRE(is_sound(view, frame));
        if (view.problem == DecodeProblem::encapsulated) REQUIRE_FALSE(view.closed.empty());
      }
    }
}

TEST_CASE("link types that wrap others do not go round in circles") {
  Frame frame = inner_packets()[0].packet;
  for (int i = 0; i < 40; ++i) {
    Frame outer;
    ByteWriter w(outer, true);
    w.u8(0).u8(0).u16(8).u32(192).bytes(frame);  // PPI in PPI
    frame = outer;
  }
  PacketView view;
  CHECK_FALSE(decode(LinkType::ppi, frame, 0, view));
  CHECK(view.problem == DecodeProblem::malformed);
  Frame wild;
  ByteWriter(wild, true).u8(0).u8(0).u16(8).u32(147).zeros(40);
  CHECK_FALSE(decode(LinkType::ppi, wild, 0, view));
  CHECK(view.problem == DecodeProblem::link_unknown);
}

TEST_CASE("cooked frames are read as their device says") {
  const Inner inner = inner_packets()[0];
  struct Row {
    unsigned device, protocol;
    Frame body;
    DecodeProblem problem;
  };
  const DecodeProblem none = DecodeProblem::none, not_ip = DecodeProblem::not_ip;
  for (const Row& row : {Row{1, 0x0800, inner.packet, none}, Row{1, 0x0004, craft_snap(inner.packet), none},
                         Row{1, 0x0001, inner.packet, not_ip}, Row{1, 0x000C, inner.packet, not_ip},
                         Row{824, 0x0800, inner.packet, not_ip},  // netlink
                         Row{778, 0x0800, inner.packet, none},    // GRE
                         Row{778, 0x6558, craft_ethernet(inner.packet), none},
                         Row{801, 0x0019, craft_wifi(craft_snap(inner.packet)), none},
                         Row{803, 0x0019, craft_radiotap(craft_wifi(craft_snap(inner.packet)), 0), none}}) {
    CAPTURE(row.device);
    CAPTURE(row.protocol);
    Frame one, two;
    ByteWriter(one).u16(0).u16(row.device).u16(6).zeros(8).u16(row.protocol).bytes(row.body);
    ByteWriter(two).u16(row.protocol).u16(0).u32(2).u16(row.device).u8(0).u8(6).zeros(8).bytes(row.body);
    PacketView view;
    decode(LinkType::linux_cooked, one, 0, view);
    CHECK(view.problem == row.problem);
    decode(LinkType::linux_cooked2, two, 0, view);
    CHECK(view.problem == row.problem);
  }
}

TEST_CASE("netfilter may keep only the front of a packet: its length is not lost") {
  const Inner inner = inner_packets()[0];
  PacketView view;
  REQUIRE(decode(LinkType::nflog, craft_nflog(inner.packet, 40), 0, view));
  CHECK(view.length == inner.packet.size());
  CHECK(view.payload_length == 5);
  CHECK(view.payload.empty());
  CHECK_FALSE(decode(LinkType::nflog, craft_nflog(inner.packet, 24), 0, view));
  CHECK(view.problem == DecodeProblem::snapped);
}

TEST_CASE("DOCSIS says where data is encrypted") {
  const Frame ethernet = craft_ethernet(inner_packets()[0].packet);
  for (const bool enabled : {false, true}) {
    Frame frame;
    ByteWriter(frame).u8(1).u8(5).u16(static_cast<unsigned>(5 + ethernet.size()));
    ByteWriter(frame).u8(0x44).u8(0x10).u16(enabled ? 0x8001U : 0x0001U).u8(0).u16(0).bytes(ethernet);
    PacketView view;
    CHECK(decode(LinkType::docsis, frame, 0, view) != enabled);
    if (enabled) CHECK(view.closed == "DOCSIS, encrypted");
  }
}

TEST_CASE("an old Darwin file's number that somebody else uses is not read as PKTAP") {
  PacketView view;
  CHECK_FALSE(decode(LinkType::pktap_old, Frame(60, 0x55), 0, view));
  CHECK(view.problem == DecodeProblem::link_unknown);
  CHECK_FALSE(decode(LinkType::pktap, Frame(60, 0x55), 0, view));
  CHECK(view.problem == DecodeProblem::malformed);
}

}  // namespace demarc
