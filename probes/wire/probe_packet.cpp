#include "probes/wire/probe_packet.h"

#include <algorithm>
#include <cstring>

#include "probes/wire/craft.h"
#include "rules/net/protocol.h"

namespace demarc {

namespace {

void put16(std::uint8_t* p, std::uint32_t v) {
  p[0] = static_cast<std::uint8_t>(v >> 8);
  p[1] = static_cast<std::uint8_t>(v);
}
void put32(std::uint8_t* p, std::uint32_t v) {
  put16(p, v >> 16);
  put16(p + 2, v & 0xFFFF);
}

std::uint32_t sum_of(const Address& address) {
  const auto half = [](std::uint64_t v) {
    return static_cast<std::uint32_t>((v >> 48) + (v >> 32 & 0xFFFF) + (v >> 16 & 0xFFFF) + (v & 0xFFFF));
  };
  return half(address.high()) + half(address.low());
}

std::size_t header_size(const ProbeIp& ip) { return ip.destination.is_ipv4() ? 20 : 40; }

/// The IP header in front of `size` bytes of `protocol`, and the sum of the pseudo-header (RFC 9293 §3.1,
/// RFC 8200 §8.1).
std::uint32_t write_ip(std::uint8_t* h, const ProbeIp& ip, Protocol protocol, std::size_t size) {
  const auto length = static_cast<std::uint32_t>(size);
  if (ip.destination.is_ipv4()) {
    h[0] = 0x45;
    h[1] = 0;
    put16(h + 2, length + 20);
    put16(h + 4, ip.id);
    put16(h + 6, ip.dont_fragment ? 0x4000 : 0);
    h[8] = ip.ttl;
    h[9] = protocol.number();
    put16(h + 10, 0);
    put32(h + 12, ip.source.ipv4_number());
    put32(h + 16, ip.destination.ipv4_number());
    put16(h + 10, internet_checksum(Bytes(h, 20)));
  } else {
    put32(h, 0x60000000);
    put16(h + 4, length);
    h[6] = protocol.number();
    h[7] = ip.ttl;
    const auto source = ip.source.bytes(), destination = ip.destination.bytes();
    std::memcpy(h + 8, source.data(), 16);
    std::memcpy(h + 24, destination.data(), 16);
  }
  return sum_of(ip.source) + sum_of(ip.destination) + protocol.number() + length;
}

}  // namespace

std::size_t write_tcp(std::span<std::uint8_t> out, const ProbeIp& ip, const ProbeTcp& tcp) {
  const std::size_t options = (tcp.segment_max ? 4U : 0U) + (tcp.timestamp ? 12U : 0U), size = 20 + options;
  const std::size_t header = header_size(ip);
  if (out.size() < header + size) return 0;
  std::uint8_t* t = out.data() + header;
  const std::uint32_t pseudo = write_ip(out.data(), ip, Protocol::tcp, size);
  put16(t, tcp.source_port);
  put16(t + 2, tcp.port);
  put32(t + 4, tcp.seq);
  put32(t + 8, tcp.ack);
  t[12] = static_cast<std::uint8_t>(size / 4 << 4);
  t[13] = tcp.flags;
  put16(t + 14, tcp.window);
  put32(t + 16, 0);  // checksum and urgent pointer
  std::uint8_t* option = t + 20;
  if (tcp.segment_max) {
    option[0] = 2;
    option[1] = 4;
    put16(option + 2, *tcp.segment_max);
    option += 4;
  }
  if (tcp.timestamp) {
    put32(option, 0x0101080A);  // two no-operations, then kind 8, length 10
    put32(option + 4, *tcp.timestamp);
    put32(option + 8, 0);
  }
  put16(t + 16, internet_checksum(Bytes(t, size), pseudo));
  return header + size;
}

std::size_t write_udp(std::span<std::uint8_t> out, const ProbeIp& ip, std::uint16_t source_port, std::uint16_t port,
                      Bytes payload) {
  const std::size_t header = header_size(ip), size = 8 + payload.size();
  if (out.size() < header + size || size > 65000) return 0;
  std::uint8_t* u = out.data() + header;
  const std::uint32_t pseudo = write_ip(out.data(), ip, Protocol::udp, size);
  put16(u, source_port);
  put16(u + 2, port);
  put16(u + 4, static_cast<std::uint32_t>(size));
  put16(u + 6, 0);
  std::copy(payload.begin(), payload.end(), u + 8);
  const std::uint16_t checksum = internet_checksum(Bytes(u, size), pseudo);
  put16(u + 6, checksum == 0 ? 0xFFFF : checksum);  // zero means "no checksum" (RFC 768)
  return header + size;
}

std::size_t write_icmp(std::span<std::uint8_t> out, const ProbeIp& ip, std::uint8_t type, std::uint8_t code,
                       std::uint32_t rest, Bytes payload) {
  const std::size_t header = header_size(ip), size = 8 + payload.size();
  if (out.size() < header + size || size > 65000) return 0;
  const bool v4 = ip.destination.is_ipv4();
  std::uint8_t* i = out.data() + header;
  const std::uint32_t pseudo = write_ip(out.data(), ip, v4 ? Protocol::icmp : Protocol::icmpv6, size);
  i[0] = type;
  i[1] = code;
  put16(i + 2, 0);
  put32(i + 4, rest);
  std::copy(payload.begin(), payload.end(), i + 8);
  put16(i + 2, internet_checksum(Bytes(i, size), v4 ? 0 : pseudo));
  return header + size;
}

std::size_t write_arp_request(std::span<std::uint8_t> out, const EthernetAddress& own, const Address& source,
                              const Address& wanted) {
  if (out.size() < 28) return 0;
  std::uint8_t* a = out.data();
  put32(a, 0x00010800);      // Ethernet, IPv4
  put32(a + 4, 0x06040001);  // lengths 6 and 4, request
  std::copy(own.begin(), own.end(), a + 8);
  put32(a + 14, source.ipv4_number());
  std::fill_n(a + 18, 6, std::uint8_t{0});
  put32(a + 24, wanted.ipv4_number());
  return 28;
}

std::optional<ArpReply> read_arp_reply(Bytes packet) {
  ByteReader in(packet);
  const std::uint32_t kinds = in.u32(), lengths = in.u32();
  ArpReply reply;
  const Bytes link = in.bytes(6);
  const std::uint32_t address = in.u32();
  in.skip(10);
  if (!in.ok() || kinds != 0x00010800 || lengths != 0x06040002) return std::nullopt;
  std::copy(link.begin(), link.end(), reply.link.begin());
  reply.address = Address::ipv4(address);
  return reply;
}

EthernetAddress solicited_node_link(const Address& wanted) {
  const auto low = wanted.low();
  return {0x33,
          0x33,
          0xFF,
          static_cast<std::uint8_t>(low >> 16),
          static_cast<std::uint8_t>(low >> 8),
          static_cast<std::uint8_t>(low)};
}

std::size_t write_neighbour_solicitation(std::span<std::uint8_t> out, const EthernetAddress& own,
                                         const Address& source, const Address& wanted) {
  std::array<std::uint8_t, 24> body{};
  const auto bytes = wanted.bytes();
  std::copy(bytes.begin(), bytes.end(), body.begin());
  body[16] = 1;  // option: source link-layer address (§4.6.1), one unit of 8 bytes
  body[17] = 1;
  std::copy(own.begin(), own.end(), body.begin() + 18);
  // ff02::1:ffXX:XXXX (RFC 4291 §2.7.1)
  const Address group = Address::ipv6(0xFF02000000000000ULL, 0x00000001FF000000ULL | (wanted.low() & 0xFFFFFFULL));
  ProbeIp ip{source, group};
  ip.ttl = 255;
  return write_icmp(out, ip, 135, 0, 0, body);
}

std::optional<ArpReply> read_neighbour_advertisement(Bytes packet) {
  ByteReader in(packet);
  const std::uint32_t first = in.u32();
  in.skip(2);
  const std::uint8_t next = in.u8(), hop_limit = in.u8();
  in.skip(32);
  const std::uint8_t type = in.u8(), code = in.u8();
  in.skip(6);
  const Bytes wanted = in.bytes(16);
  if (!in.ok() || first >> 28 != 6 || next != 58 || hop_limit != 255 || type != 136 || code != 0)
    return std::nullopt;
  while (in.left() >= 8) {
    const std::uint8_t kind = in.u8(), units = in.u8();
    if (units == 0) return std::nullopt;
    const Bytes body = in.bytes(units * 8U - 2);
    if (!in.ok()) return std::nullopt;
    if (kind != 2) continue;  // target link-layer address
    ArpReply reply;
    reply.address = Address::from_ipv6_bytes(wanted.data());
    std::copy_n(body.begin(), 6, reply.link.begin());
    return reply;
  }
  return std::nullopt;
}

}  // namespace demarc
