#include "probes/wire/craft.h"

#include <algorithm>

namespace demarc {

namespace {

void put16(Frame& frame, std::size_t at, std::uint16_t v) {
  frame[at] = static_cast<std::uint8_t>(v >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(v);
}

void put_address(ByteWriter& w, const Address& address) {
  const auto bytes = address.bytes();
  w.bytes(Bytes(bytes.data(), address.is_ipv4() ? 4 : 16));
}

// RFC 9293 §3.1 and RFC 8200 §8.1.
std::uint32_t pseudo_sum(const Address& source, const Address& destination, Protocol protocol, std::size_t length) {
  Frame pseudo;
  ByteWriter w(pseudo);
  put_address(w, source);
  put_address(w, destination);
  w.u32(static_cast<std::uint32_t>(length)).u32(protocol.number());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < pseudo.size(); i += 2) sum += be16(&pseudo[i]);
  return sum;
}

Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

Frame padded(Frame bytes, std::size_t multiple) {
  bytes.resize((bytes.size() + multiple - 1) / multiple * multiple);
  return bytes;
}

Frame ipv6_packet(const Address& source, const Address& destination, Protocol protocol, Bytes payload,
                  const IpCraft& ip) {
  auto extensions = ip.extensions;
  if (ip.fragment_offset != 0 || ip.more_fragments) extensions.emplace_back(std::uint8_t{44}, Frame{});
  Frame chain;
  ByteWriter w(chain);
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    const auto& [kind, body] = extensions[i];
    const std::uint8_t next = i + 1 < extensions.size() ? extensions[i + 1].first : protocol.number();
    if (kind == 44) {  // RFC 8200 §4.5
      w.u8(next).u8(0).u16(ip.fragment_offset | (ip.more_fragments ? 1U : 0U)).u32(ip.id);
      continue;
    }
    Frame header{next, 0};
    header.insert(header.end(), body.begin(), body.end());
    header = padded(std::move(header), 8);
    header[1] = static_cast<std::uint8_t>(kind == 51 ? header.size() / 4 - 2 : header.size() / 8 - 1);
    w.bytes(header);
  }
  Frame packet;
  ByteWriter p(packet);
  const std::size_t length = chain.size() + payload.size();
  p.u32(0x60000000U).u16(ip.length_claimed.value_or(static_cast<std::uint16_t>(length)));
  p.u8(extensions.empty() ? protocol.number() : extensions[0].first).u8(ip.ttl);
  put_address(p, source);
  put_address(p, destination);
  p.bytes(chain).bytes(payload);
  return packet;
}

}  // namespace

std::uint16_t internet_checksum(Bytes bytes, std::uint32_t start) {
  std::uint64_t sum = start;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += be16(&bytes[i]);
  if (bytes.size() % 2 != 0) sum += std::uint32_t{bytes.back()} << 8;
  while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Frame craft_ip(const Address& source, const Address& destination, Protocol protocol, Bytes payload,
               const IpCraft& ip) {
  if (!source.is_ipv4()) return ipv6_packet(source, destination, protocol, payload, ip);
  const Frame options = padded(ip.options, 4);
  Frame packet;
  ByteWriter w(packet);
  const std::size_t header = 20 + options.size();
  w.u8(static_cast<unsigned>(0x40 | (header / 4))).u8(0);
  w.u16(ip.length_claimed.value_or(static_cast<std::uint16_t>(header + payload.size()))).u16(ip.id & 0xFFFFU);
  w.u16((ip.fragment_offset / 8U) | (ip.more_fragments ? 0x2000U : 0U)).u8(ip.ttl).u8(protocol.number()).u16(0);
  put_address(w, source);
  put_address(w, destination);
  w.bytes(options);
  put16(packet, 10, internet_checksum(packet));
  w.bytes(payload);
  return packet;
}

Frame craft_tcp(const Address& source, const Address& destination, const TcpCraft& tcp, const IpCraft& ip) {
  const Frame options = padded(tcp.options, 4);
  Frame segment;
  ByteWriter w(segment);
  w.u16(tcp.source_port).u16(tcp.port).u32(tcp.seq).u32(tcp.ack);
  w.u8(static_cast<unsigned>((20 + options.size()) / 4) << 4).u8(tcp.flags).u16(tcp.window).u16(0).u16(0);
  w.bytes(options).bytes(as_bytes(tcp.payload));
  put16(segment, 16, internet_checksum(segment, pseudo_sum(source, destination, Protocol::tcp, segment.size())));
  return craft_ip(source, destination, Protocol::tcp, segment, ip);
}

Frame craft_udp(const Address& source, const Address& destination, std::uint16_t source_port, std::uint16_t port,
                std::string_view payload, const IpCraft& ip) {
  Frame datagram;
  ByteWriter w(datagram);
  w.u16(source_port).u16(port).u16(static_cast<unsigned>(8 + payload.size())).u16(0).bytes(as_bytes(payload));
  const std::uint16_t sum =
      internet_checksum(datagram, pseudo_sum(source, destination, Protocol::udp, datagram.size()));
  put16(datagram, 6, sum == 0 ? 0xFFFF : sum);  // RFC 768: 0 would say "no checksum"
  return craft_ip(source, destination, Protocol::udp, datagram, ip);
}

Frame craft_icmp(const Address& source, const Address& destination, std::uint8_t type, std::uint8_t code,
                 std::uint32_t rest, Bytes payload, const IpCraft& ip) {
  Frame message;
  ByteWriter w(message);
  w.u8(type).u8(code).u16(0).u32(rest).bytes(payload);
  const Protocol protocol = source.is_ipv4() ? Protocol::icmp : Protocol::icmpv6;
  // RFC 792 sums the message alone, RFC 4443 §2.3 the pseudo-header too.
  const std::uint32_t start = source.is_ipv4() ? 0 : pseudo_sum(source, destination, protocol, message.size());
  put16(message, 2, internet_checksum(message, start));
  return craft_ip(source, destination, protocol, message, ip);
}

Frame craft_icmp_error(const Address& source, std::uint8_t type, std::uint8_t code, const Frame& offending,
                       std::size_t quoted_max) {
  const bool v4 = source.is_ipv4();
  const Address sender = v4 ? Address::from_ipv4_bytes(&offending[12]) : Address::from_ipv6_bytes(&offending[8]);
  return craft_icmp(source, sender, type, code, 0, Bytes(offending).first(std::min(quoted_max, offending.size())));
}

std::vector<Frame> craft_fragments(const Frame& packet, std::size_t payload_max, std::uint32_t id) {
  const bool v4 = (packet[0] >> 4) == 4;
  const std::size_t header = v4 ? (packet[0] & 0x0FU) * 4U : 40U;
  const Address source = v4 ? Address::from_ipv4_bytes(&packet[12]) : Address::from_ipv6_bytes(&packet[8]);
  const Address destination = v4 ? Address::from_ipv4_bytes(&packet[16]) : Address::from_ipv6_bytes(&packet[24]);
  const Protocol protocol(v4 ? packet[9] : packet[6]);
  const Bytes payload = Bytes(packet).subspan(header);
  const std::size_t piece = std::max<std::size_t>(8, payload_max / 8 * 8);
  std::vector<Frame> out;
  for (std::size_t at = 0; at < payload.size(); at += piece) {
    IpCraft ip;
    ip.ttl = packet[v4 ? 8 : 7];
    ip.id = id;
    ip.fragment_offset = static_cast<std::uint16_t>(at);
    ip.more_fragments = at + piece < payload.size();
    out.push_back(
        craft_ip(source, destination, protocol, payload.subspan(at, std::min(piece, payload.size() - at)), ip));
  }
  return out;
}

Frame craft_ethernet(const Frame& packet, std::initializer_list<std::uint16_t> vlans) {
  Frame frame;
  ByteWriter w(frame);
  w.u16(0x0200).u32(0x5E000002).u16(0x0200).u32(0x5E000001);  // locally administered addresses
  std::size_t left = vlans.size();
  for (std::uint16_t id : vlans) w.u16(--left != 0 ? 0x88A8U : 0x8100U).u16(id);
  w.u16(!packet.empty() && (packet[0] >> 4) == 6 ? 0x86DDU : 0x0800U).bytes(packet);
  if (frame.size() < 60) frame.resize(60);
  return frame;
}

}  // namespace demarc
