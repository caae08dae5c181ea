#include "probes/wire/digest.h"

#include <algorithm>

namespace demarc {

namespace {

constexpr std::uint32_t kEthernet = 14, kVlanTag = 4;
constexpr int kTagsRead = 2;

// RFC 9293 §3.1 and RFC 768, whole ones only. `captured` and `wire` are what is left behind the IP header.
bool transport(const std::uint8_t* p, std::uint32_t captured, std::uint32_t wire, PacketDigest& out) {
  std::uint32_t header = 8;
  if (out.protocol == Protocol::tcp.number()) {
    if (captured < 14) return false;
    header = (p[12] >> 4) * 4U;
    if (header < 20 || header > wire) return false;
    out.tcp_seq = be32(p + 4);
    out.tcp_ack = be32(p + 8);
    out.tcp_flags = p[13];
  } else if (out.protocol == Protocol::udp.number()) {
    if (captured < 4 || wire < 8) return false;
    out.tcp_seq = out.tcp_ack = 0;
    out.tcp_flags = 0;
  } else {
    return false;
  }
  out.source_port = be16(p);
  out.port = be16(p + 2);
  out.icmp = 0;
  out.has_ports = true;
  out.payload_length = wire - header;
  const std::uint32_t there = std::min(header, captured);
  out.payload = p + there;
  out.payload_captured = captured - there;
  return true;
}

bool ipv4(const std::uint8_t* h, std::uint32_t captured, std::uint32_t wire, PacketDigest& out) {
  if (captured < 20 || h[0] != 0x45 || (be16(h + 6) & 0x3FFF) != 0) return false;
  std::uint32_t total = be16(h + 2);
  if (total == 0 || total > wire) total = wire;  // segmentation offload: see decode.cpp
  if (total < 20) return false;
  out.source_high = out.destination_high = 0;
  out.source_low = be32(h + 12);
  out.destination_low = be32(h + 16);
  out.protocol = h[9];
  out.ttl = h[8];
  out.ipv6 = false;
  out.length = total;
  return transport(h + 20, std::min(captured, total) - 20, total - 20, out);
}

bool ipv6(const std::uint8_t* h, std::uint32_t captured, std::uint32_t wire, PacketDigest& out) {
  if (captured < 40 || (h[0] >> 4) != 6) return false;
  std::uint32_t total = std::uint32_t{be16(h + 4)} + 40;
  if (total == 40 || total > wire) total = wire;
  out.source_high = be64(h + 8);
  out.source_low = be64(h + 16);
  out.destination_high = be64(h + 24);
  out.destination_low = be64(h + 32);
  out.protocol = h[6];
  out.ttl = h[7];
  out.ipv6 = true;
  out.length = total;
  return transport(h + 40, std::min(captured, total) - 40, total - 40, out);
}

}  // namespace

bool digest(LinkType link, Bytes frame, std::uint32_t wire_length, PacketDigest& out) {
  if (link != LinkType::ethernet || frame.size() < kEthernet || frame.size() > 0xFFFFFFFF) return false;
  const std::uint8_t* p = frame.data();
  auto captured = static_cast<std::uint32_t>(frame.size());
  std::uint32_t wire = std::max(captured, wire_length);
  std::uint16_t type = be16(p + 12);
  p += kEthernet, captured -= kEthernet, wire -= kEthernet;
  for (int tags = 0; type == 0x8100 || type == 0x88A8; ++tags) {  // 802.1Q, 802.1ad
    if (tags == kTagsRead || captured < kVlanTag) return false;
    type = be16(p + 2);
    p += kVlanTag, captured -= kVlanTag, wire -= kVlanTag;
  }
  if (type == 0x0800) return ipv4(p, captured, wire, out);
  if (type == 0x86DD) return ipv6(p, captured, wire, out);
  return false;
}

PacketDigest digest_of(const IpView& packet) {
  PacketDigest out;
  out.ipv6 = !packet.source.is_ipv4();
  out.source_high = packet.source.high(), out.source_low = packet.source.low();
  out.destination_high = packet.destination.high(), out.destination_low = packet.destination.low();
  out.payload_length = packet.payload_length;
  out.length = packet.length;
  out.tcp_seq = packet.tcp_seq, out.tcp_ack = packet.tcp_ack;
  const bool icmp = packet.protocol == (out.ipv6 ? Protocol::icmpv6 : Protocol::icmp);
  out.source_port = icmp ? packet.icmp_id : packet.source_port;
  out.port = icmp ? packet.icmp_id : packet.port;
  out.icmp = static_cast<std::uint16_t>((packet.icmp_type << 8) | packet.icmp_code);
  out.protocol = packet.protocol.number();
  out.tcp_flags = packet.tcp_flags;
  out.ttl = packet.ttl;
  out.has_ports = packet.has_ports;
  return out;
}

PacketDigest digest_of(const PacketView& packet) {
  PacketDigest out = digest_of(static_cast<const IpView&>(packet));
  out.payload = packet.payload.data();
  out.payload_captured = static_cast<std::uint32_t>(packet.payload.size());
  return out;
}

}  // namespace demarc
