#include "probes/wire/craft.h"

#include <doctest/doctest.h>

#include "probes/wire/decode.h"

namespace demarc {

namespace {
const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10");
const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10");

// A right checksum makes the sum of everything it covers come out as 0.
std::uint16_t sum_of_transport(const Frame& packet) {
  const bool v4 = (packet[0] >> 4) == 4;
  const std::size_t header = v4 ? 20 : 40;
  const Bytes transport = Bytes(packet).subspan(header);
  std::uint32_t sum = 0;
  for (std::size_t i = v4 ? 12 : 8; i < header; i += 2) sum += be16(&packet[i]);
  sum += static_cast<std::uint32_t>(transport.size()) + (v4 ? packet[9] : packet[6]);
  return internet_checksum(transport, sum);
}
}  // namespace

TEST_CASE("the Internet checksum of RFC 1071's example") {
  const std::uint8_t words[] = {0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7};
  CHECK(internet_checksum(Bytes(words)) == static_cast<std::uint16_t>(~0xDDF2));
  CHECK(internet_checksum(Bytes(words).first(7)) ==
        static_cast<std::uint16_t>(~0xDCFB));  // an odd byte is the upper half
}

TEST_CASE("crafted packets carry checksums that hold") {
  for (const auto& [source, destination] : {std::pair{kClient, kServer}, std::pair{kClient6, kServer6}}) {
    CAPTURE(to_string(source));
    const Frame tcp =
        craft_tcp(source, destination,
                  {.source_port = 40000, .port = 443, .seq = 1, .flags = tcp_flag::syn, .payload = "odd"});
    CHECK(sum_of_transport(tcp) == 0);
    CHECK(sum_of_transport(craft_udp(source, destination, 5353, 53, "query")) == 0);
    if (source.is_ipv4()) CHECK(internet_checksum(Bytes(tcp).first(20)) == 0);
  }
  CHECK(sum_of_transport(craft_icmp(kClient6, kServer6, 128, 0, 0x00010002)) == 0);
  const Frame echo = craft_icmp(kClient, kServer, 8, 0, 0x00010002);
  CHECK(internet_checksum(Bytes(echo).subspan(20)) == 0);
}

TEST_CASE("fragments together hold the whole payload") {
  const Frame whole = craft_udp(kClient, kServer, 4000, 53, std::string(100, 'x'));
  std::size_t payload = 0;
  const auto pieces = craft_fragments(whole, 40, 77);
  REQUIRE(pieces.size() == 3);
  for (const Frame& piece : pieces) {
    PacketView view;
    REQUIRE(decode_ip(piece, 0, view));
    CHECK(view.fragment);
    CHECK(view.fragment_id == 77);
    CHECK(view.later_fragment == (&piece != &pieces.front()));
    payload += view.length - 20;
  }
  CHECK(payload == whole.size() - 20);
}

}  // namespace demarc
