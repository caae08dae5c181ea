#include "tests/agreement/naive_packet.h"

#include <set>

namespace demarc::naive {

namespace {

using Octets = std::vector<std::uint8_t>;

std::uint32_t number(const Octets& b, std::size_t at, int count) {
  std::uint32_t out = 0;
  for (int i = 0; i < count; ++i)
    out = out * 256 + (at + static_cast<std::size_t>(i) < b.size() ? b[at + static_cast<std::size_t>(i)] : 0);
  return out;
}

Octets from(const Octets& b, std::size_t at) {
  return at >= b.size() ? Octets{} : Octets(b.begin() + static_cast<std::ptrdiff_t>(at), b.end());
}

bool is_error(bool v4, std::uint8_t type) {  // RFC 792, RFC 4443 §2.1
  static const std::set<int> errors4{3, 4, 5, 11, 12};
  return v4 ? errors4.contains(type) : type < 128;
}

bool has_identifier(bool v4, std::uint8_t type) {  // RFC 792, 950, 4443, 8335
  static const std::set<int> queries4{0, 8, 13, 14, 15, 16, 17, 18, 42, 43}, queries6{128, 129, 160, 161};
  return (v4 ? queries4 : queries6).contains(type);
}

// `body` is what stands behind the IP header and its extensions.
bool read_transport(Packet& p, const Octets& body, bool quoted) {
  p.payload = body.size();
  if (p.later_fragment) return true;
  const bool v4 = p.source.is_ipv4();
  std::size_t header = 0;
  if (p.protocol == Protocol::tcp) {
    if (body.size() < (quoted ? 4 : 20)) return false;
    p.seq = number(body, 4, 4), p.ack = number(body, 8, 4);
    p.flags = static_cast<std::uint8_t>(number(body, 13, 1));
    header = number(body, 12, 1) / 16 * 4;
    if (!quoted && (header < 20 || (header > body.size() && !p.fragment))) return false;
  } else if (p.protocol == Protocol::udp) {
    if (body.size() < (quoted ? 4 : 8)) return false;
    header = 8;
  } else if (p.protocol.has_ports()) {
    if (body.size() < 4) return false;
  } else if (p.protocol == (v4 ? Protocol::icmp : Protocol::icmpv6)) {
    if (body.size() < 8) return false;
    p.icmp_type = body[0], p.icmp_code = body[1];
    if (has_identifier(v4, p.icmp_type)) p.icmp_id = static_cast<std::uint16_t>(number(body, 4, 2));
    if (is_error(v4, p.icmp_type)) p.quote = from(body, 8);
    header = 8;
  }
  if (p.protocol.has_ports()) {
    p.source_port = static_cast<std::uint16_t>(number(body, 0, 2));
    p.port = static_cast<std::uint16_t>(number(body, 2, 2));
  }
  header = std::min(header, body.size());
  p.payload = body.size() - header;
  p.text = std::string(body.begin() + static_cast<std::ptrdiff_t>(header), body.end());
  return true;
}

// RFC 791 §3.1
std::optional<Packet> read_v4(Octets b, bool quoted) {
  if (b.size() < 20) return std::nullopt;
  const std::size_t header = (b[0] & 15) * 4U, total = number(b, 2, 2);
  if (header < 20 || header > b.size() || (total < header && total != 0)) return std::nullopt;
  Packet p;
  p.source = Address::ipv4(number(b, 12, 4));
  p.destination = Address::ipv4(number(b, 16, 4));
  p.protocol = Protocol(b[9]);
  p.length = total == 0 || total > b.size() ? b.size() : total;
  b.resize(p.length);
  const std::uint32_t word = number(b, 6, 2);
  const bool more = word & 0x2000;
  const std::uint32_t offset = word & 0x1FFF;
  p.fragment = more || offset != 0;
  p.later_fragment = offset != 0;
  p.fragment_id = number(b, 4, 2);
  if (!read_transport(p, from(b, header), quoted)) return std::nullopt;
  return p;
}

// RFC 8200 §4: every header says what comes next.
std::optional<Packet> read_v6(Octets b, bool quoted) {
  if (b.size() < 40) return std::nullopt;
  Packet p;
  p.source = Address::from_ipv6_bytes(&b[8]);
  p.destination = Address::from_ipv6_bytes(&b[24]);
  const std::size_t claimed = 40 + number(b, 4, 2);
  if (claimed > 40 && claimed < b.size()) b.resize(claimed);
  p.length = b.size();
  std::uint32_t next = b[6];
  std::size_t at = 40;
  for (;;) {
    const bool fragment = next == 44, authentication = next == 51;
    if (next != 0 && next != 43 && next != 60 && !fragment && !authentication) break;
    if (at + 8 > b.size()) return std::nullopt;
    std::size_t length = (number(b, at + 1, 1) + 1) * 8;
    if (authentication) length = (number(b, at + 1, 1) + 2) * 4;  // RFC 4302 §2.2
    if (fragment) {
      length = 8;
      const std::uint32_t word = number(b, at + 2, 2);
      p.later_fragment = word / 8 != 0;
      p.fragment = p.later_fragment || (word & 1) != 0;
      p.fragment_id = number(b, at + 4, 4);
    }
    next = b[at];
    at += length;
    if (at > b.size()) return std::nullopt;
    if (p.later_fragment) break;
  }
  p.protocol = Protocol(static_cast<std::uint8_t>(next));
  if (!read_transport(p, from(b, at), quoted)) return std::nullopt;
  return p;
}

}  // namespace

std::optional<Packet> read_ip(const Octets& bytes, bool quoted) {
  if (bytes.empty()) return std::nullopt;
  switch (bytes[0] / 16) {
    case 4: return read_v4(bytes, quoted);
    case 6: return read_v6(bytes, quoted);
    default: return std::nullopt;
  }
}

Octets strip_link(unsigned link_type, const Octets& frame) {
  const auto by_ethertype = [&](std::size_t type_at, std::size_t at) {
    std::uint32_t type = number(frame, type_at, 2);
    while (type == 0x8100 || type == 0x88A8) type = number(frame, at + 2, 2), at += 4;  // IEEE 802.1Q
    return type == 0x0800 || type == 0x86DD ? from(frame, at) : Octets{};
  };
  switch (link_type) {  // tcpdump.org's registry
    case 0:
    case 108: return from(frame, 4);
    case 1: return by_ethertype(12, 14);
    case 12:
    case 14:
    case 101:
    case 228:
    case 229: return frame;
    case 113: return by_ethertype(14, 16);
    case 276: return by_ethertype(0, 20);
    default: return {};
  }
}

}  // namespace demarc::naive
