#include "probes/wire/probe_packet.h"

#include <doctest/doctest.h>

#include <string>

#include "probes/wire/craft.h"
#include "probes/wire/decode.h"

using namespace demarc;

namespace {

const Address k4a = *parse_address("192.0.2.1"), k4b = *parse_address("198.51.100.7");
const Address k6a = *parse_address("2001:db8::1"), k6b = *parse_address("2001:db8:1::abcd:ef01");

/// A checksum over bytes that hold their own checksum is zero (RFC 1071 §1).
bool checksums_hold(Bytes packet) {
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t header = v4 ? 20 : 40;
  if (v4 && internet_checksum(packet.first(20)) != 0) return false;
  const std::uint8_t protocol = v4 ? packet[9] : packet[6];
  const Bytes rest = packet.subspan(header);
  std::uint32_t pseudo = 0;
  if (protocol != 1) {
    const Bytes addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
    for (std::size_t i = 0; i < addresses.size(); i += 2) pseudo += be16(addresses.data() + i);
    pseudo += protocol + static_cast<std::uint32_t>(rest.size());
  }
  return internet_checksum(rest, pseudo) == 0;
}

}  // namespace

TEST_CASE("a SYN is what the decoder reads, with right checksums, in both families") {
  for (const auto& [from, to] : {std::pair{k4a, k4b}, std::pair{k6a, k6b}}) {
    std::array<std::uint8_t, 200> out{};
    ProbeIp ip{from, to};
    ip.ttl = 7;
    ip.id = 0xBEEF;
    ProbeTcp tcp;
    tcp.source_port = 40000;
    tcp.port = 443;
    tcp.seq = 0x12345678;
    tcp.flags = tcp_flag::syn;
    for (int options = 0; options < 3; ++options) {
      CAPTURE(options);
      if (options > 0) tcp.segment_max = 1460;
      if (options > 1) tcp.timestamp = 0xCAFE0001;
      const std::size_t size = write_tcp(out, ip, tcp);
      CHECK(size == (from.is_ipv4() ? 40U : 60U) + (options > 0 ? 4U : 0U) + (options > 1 ? 12U : 0U));
      const Bytes packet = Bytes(out).first(size);
      CHECK(checksums_hold(packet));
      PacketView view;
      REQUIRE(decode_ip(packet, static_cast<std::uint32_t>(size), view));
      CHECK(view.source == from);
      CHECK(view.destination == to);
      CHECK(view.ttl == 7);
      CHECK(view.source_port == 40000);
      CHECK(view.port == 443);
      CHECK(view.tcp_seq == 0x12345678);
      CHECK(view.tcp_flags == tcp_flag::syn);
      CHECK(view.payload_length == 0);
      if (from.is_ipv4()) CHECK(view.fragment_id == 0xBEEF);
    }
  }
}

TEST_CASE("datagrams and echo requests, odd lengths too") {
  const std::string text = "odd";
  const Bytes payload(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  for (const auto& [from, to] : {std::pair{k4a, k4b}, std::pair{k6a, k6b}}) {
    std::array<std::uint8_t, 200> out{};
    ProbeIp ip{from, to};
    std::size_t size = write_udp(out, ip, 40000, 53, payload);
    CHECK(checksums_hold(Bytes(out).first(size)));
    PacketView view;
    REQUIRE(decode_ip(Bytes(out).first(size), static_cast<std::uint32_t>(size), view));
    CHECK(view.port == 53);
    CHECK(view.payload_length == 3);
    CHECK(std::equal(view.payload.begin(), view.payload.end(), payload.begin(), payload.end()));
    size = write_icmp(out, ip, from.is_ipv4() ? 8 : 128, 0, 0x11112222, payload);
    CHECK(checksums_hold(Bytes(out).first(size)));
    REQUIRE(decode_ip(Bytes(out).first(size), static_cast<std::uint32_t>(size), view));
    CHECK(view.protocol == (from.is_ipv4() ? Protocol::icmp : Protocol::icmpv6));
    CHECK(view.icmp_type == (from.is_ipv4() ? 8 : 128));
    CHECK(view.icmp_id == 0x1111);
  }
}

TEST_CASE("no room, no packet") {
  std::array<std::uint8_t, 200> out{};
  ProbeTcp tcp;
  const ProbeIp ip4{k4a, k4b}, ip6{k6a, k6b};
  CHECK(write_tcp(std::span(out).first(39), ip4, tcp) == 0);
  CHECK(write_tcp(std::span(out).first(40), ip4, tcp) == 40);
  CHECK(write_tcp(std::span(out).first(59), ip6, tcp) == 0);
  CHECK(write_udp(std::span(out).first(27), ip4, 1, 2, {}) == 0);
  CHECK(write_icmp(std::span(out).first(27), ip4, 8, 0, 0, {}) == 0);
  CHECK(write_arp_request(std::span(out).first(27), {}, k4a, k4b) == 0);
}

TEST_CASE("ARP: a request is no reply, a reply gives the link address, half of one gives nothing") {
  std::array<std::uint8_t, 64> out{};
  const EthernetAddress own{2, 0, 0, 0, 0, 1}, theirs{2, 0, 0, 0, 0, 9};
  REQUIRE(write_arp_request(out, own, k4a, k4b) == 28);
  CHECK(!read_arp_reply(Bytes(out).first(28)));
  REQUIRE(write_arp_request(out, theirs, k4b, k4a) == 28);
  out[7] = 2;
  std::optional<ArpReply> reply = read_arp_reply(Bytes(out).first(28));
  REQUIRE(reply);
  CHECK(reply->address == k4b);
  CHECK(reply->link == theirs);
  CHECK(!read_arp_reply(Bytes(out).first(27)));
}

TEST_CASE(
    "neighbour discovery: the solicitation goes to the solicited-node group, only unforwarded answers count") {
  std::array<std::uint8_t, 128> out{};
  const EthernetAddress own{2, 0, 0, 0, 0, 1};
  const std::size_t size = write_neighbour_solicitation(out, own, k6a, k6b);
  REQUIRE(size == 72);
  CHECK(checksums_hold(Bytes(out).first(size)));
  PacketView view;
  REQUIRE(decode_ip(Bytes(out).first(size), 72, view));
  CHECK(to_string(view.destination) == "ff02::1:ffcd:ef01");
  CHECK(view.ttl == 255);
  CHECK(solicited_node_link(k6b) == EthernetAddress{0x33, 0x33, 0xFF, 0xCD, 0xEF, 0x01});
  // The advertisement differs in its type and its option's.
  CHECK(!read_neighbour_advertisement(Bytes(out).first(size)));
  out[40] = 136;
  out[64] = 2;
  std::optional<ArpReply> reply = read_neighbour_advertisement(Bytes(out).first(size));
  REQUIRE(reply);
  CHECK(reply->address == k6b);
  CHECK(reply->link == own);
  out[7] = 254;
  CHECK(!read_neighbour_advertisement(Bytes(out).first(size)));
  out[7] = 255;
  out[65] = 0;  // an option of no length would never end
  CHECK(!read_neighbour_advertisement(Bytes(out).first(size)));
}
