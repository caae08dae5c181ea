#include "probes/wire/digest.h"

#include <doctest/doctest.h>

#include <random>

#include "probes/wire/craft.h"

namespace demarc {

namespace {

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10");
const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10");

bool same(const PacketDigest& a, const PacketDigest& b) {
  return a.source() == b.source() && a.destination() == b.destination() && a.payload == b.payload &&
         a.payload_captured == b.payload_captured && a.payload_length == b.payload_length && a.length == b.length &&
         a.tcp_seq == b.tcp_seq && a.tcp_ack == b.tcp_ack && a.source_port == b.source_port && a.port == b.port &&
         a.icmp == b.icmp && a.protocol == b.protocol && a.tcp_flags == b.tcp_flags && a.ttl == b.ttl &&
         a.has_ports == b.has_ports;
}

std::vector<Frame> ip_packets() {
  const TcpCraft segment{.source_port = 40000,
                         .port = 443,
                         .seq = 0x01020304,
                         .ack = 0xF1F2F3F4,
                         .flags = tcp_flag::ack | tcp_flag::psh,
                         .payload = "hello"};
  return {craft_tcp(kClient, kServer, segment),
          craft_tcp(kClient6, kServer6, segment),
          craft_udp(kClient, kServer, 5000, 53, "query"),
          craft_udp(kServer6, kClient6, 53, 5000, "reply"),
          craft_icmp(kClient, kServer, 8, 0, 0x00010001),
          craft_icmp(kClient6, kServer6, 128, 0, 0x00010001),
          craft_fragments(craft_udp(kClient, kServer, 40000, 443, std::string(100, 'x')), 40, 7)[1],
          craft_ip(kClient, kServer, Protocol::esp, Frame(16))};
}

Frame with_tags(const Frame& frame, int tags) {
  Frame out(frame.begin(), frame.begin() + 12);
  for (int i = 0; i < tags; ++i)
    ByteWriter(out).u16(i == 0 && tags == 2 ? 0x88A8U : 0x8100U).u16(0x2000U + static_cast<unsigned>(i));
  out.insert(out.end(), frame.begin() + 12, frame.end());
  return out;
}

}  // namespace

TEST_CASE("common frames are read, all others are left to decode()") {
  const std::vector<Frame> packets = ip_packets();
  for (std::size_t i = 0; i < packets.size(); ++i) {
    for (const int tags : {0, 1, 2, 3}) {
      CAPTURE(i);
      CAPTURE(tags);
      const Frame frame = with_tags(craft_frame(LinkType::ethernet, packets[i]), tags);
      PacketDigest out;
      REQUIRE(digest(LinkType::ethernet, frame, 0, out) == (i < 4 && tags < 3));
      PacketView view;
      REQUIRE(decode(LinkType::ethernet, frame, 0, view));
      if (i < 4 && tags < 3) CHECK(same(out, digest_of(view)));
    }
    PacketDigest out;
    CHECK_FALSE(digest(LinkType::raw, packets[i], 0, out));
  }
}

TEST_CASE("what an IPv6 packet says") {
  PacketDigest out;
  REQUIRE(digest(LinkType::ethernet, craft_frame(LinkType::ethernet, ip_packets()[1]), 2000, out));
  CHECK(out.source() == kClient6);
  CHECK(out.destination() == kServer6);
  CHECK(out.port == 443);
  CHECK(out.length == 65);
  CHECK(out.payload_length == 5);
  CHECK(out.tcp_seq == 0x01020304);
  CHECK(out.ipv6);
}

TEST_CASE("an ICMP query's identifier stands for both ports") {
  PacketView view;
  REQUIRE(decode_ip(ip_packets()[4], 0, view));
  const PacketDigest out = digest_of(view);
  CHECK(out.source_port == 1);
  CHECK(out.port == 1);
  CHECK(out.icmp == 0x0800);
}

TEST_CASE("cut, damaged and padded frames: never another reading than decode()'s") {
  std::mt19937 random(7);
  std::size_t read = 0, refused = 0;
  for (int round = 0; round < 60'000; ++round) {
    const std::vector<Frame> packets = ip_packets();
    Frame frame = with_tags(craft_frame(LinkType::ethernet, packets[random() % 4]), static_cast<int>(random() % 3));
    for (std::size_t damage = random() % 4; damage > 0; --damage)
      frame[random() % frame.size()] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0 : random());
    if (random() % 3 == 0) frame.resize(random() % (frame.size() + 1));
    if (random() % 4 == 0) frame.resize(frame.size() + random() % 20);
    const auto wire = static_cast<std::uint32_t>(random() % 2 ? frame.size() : random() % 3000);
    PacketDigest out;
    PacketView view;
    const bool whole = decode(LinkType::ethernet, frame, wire, view);
    if (!digest(LinkType::ethernet, frame, wire, out)) {
      ++refused;
      continue;
    }
    ++read;
    CAPTURE(round);
    REQUIRE(whole);
    REQUIRE(same(out, digest_of(view)));
  }
  CHECK(read > 10'000);
  CHECK(refused > 10'000);
}

}  // namespace demarc
