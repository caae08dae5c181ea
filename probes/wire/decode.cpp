// Frames come in layers: link, tags, IP with its options or extension headers, transport. Here is what nearly every
// packet passes through: Ethernet, IP, transport; everything rarer is in link_layers.cpp, wifi.cpp and tunnel.cpp.
#include "probes/wire/decode.h"

#include <algorithm>

#include "probes/wire/layers.h"

namespace demarc {

namespace {

using layers::missing;
using layers::Rest;

DecodeProblem transport(Rest ip, IpView& v, Bytes* payload, PacketView* outer);
DecodeProblem ip_packet(Rest rest, IpView& v, Bytes* payload, PacketView* outer);

// RFC 791 §3.1.
DecodeProblem ipv4(Rest rest, IpView& v, Bytes* payload, PacketView* outer) {
  if (rest.captured < 20) return missing(rest, 20);
  const std::uint8_t* h = rest.p;
  const std::uint32_t header = (h[0] & 0x0FU) * 4U;
  std::uint32_t total = be16(h + 2);
  // Segmentation offload leaves the length 0 where the packet was captured before it was cut up; then the frame
  // tells. A length beyond the frame is a lie (or what an error quotes, of which only the start is there: see
  // quote()).
  if (total == 0 || total > rest.wire) total = rest.wire;
  if (header < 20 || total < header) return DecodeProblem::malformed;
  v.source = Address::ipv4(be32(h + 12));
  v.destination = Address::ipv4(be32(h + 16));
  v.protocol = Protocol(h[9]);
  v.ttl = h[8];
  v.length = total;
  const std::uint16_t fragment = be16(h + 6);
  v.fragment = (fragment & 0x3FFF) != 0;
  v.later_fragment = (fragment & 0x1FFF) != 0;
  v.fragment_id = be16(h + 4);
  // Behind the total length is padding of the link.
  rest.wire = total;
  rest.captured = std::min(rest.captured, total);
  if (rest.captured < header) {
    rest.wire -= header;
    v.payload_length = rest.wire;
    return v.later_fragment ? DecodeProblem::none : DecodeProblem::snapped;
  }
  rest.advance(header);
  return transport(rest, v, payload, outer);
}

// RFC 2675 §2: the length of a jumbogram stands in an option of the hop-by-hop header. 0: there is none.
std::uint32_t jumbo_length(const Rest& rest) {
  if (rest.captured < 8) return 0;
  const std::uint32_t size = std::min(rest.captured, (rest.p[1] + 1U) * 8U);
  for (std::uint32_t i = 2; i < size;) {
    if (rest.p[i] == 0) {  // Pad1
      ++i;
      continue;
    }
    if (i + 2 > size || i + 2 + rest.p[i + 1] > size) return 0;
    if (rest.p[i] == 0xC2 && rest.p[i + 1] == 4) return be32(rest.p + i + 2);
    i += 2U + rest.p[i + 1];
  }
  return 0;
}

// The IPv6 headers that may stand before the transport header, in units of eight bytes.
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAh = 51, kNoNext = 59, kDestination = 60,
                       kMobility = 135, kHip = 139, kShim6 = 140;

// RFC 8200 §3 and §4. The chain is walked to the transport header; AH counts as part of it (RFC 4302 §3.1.1), ESP
// is opaque.
DecodeProblem ipv6(Rest rest, IpView& v, Bytes* payload, PacketView* outer) {
  if (rest.captured < 40) return missing(rest, 40);
  const std::uint8_t* h = rest.p;
  v.source = Address::from_ipv6_bytes(h + 8);
  v.destination = Address::from_ipv6_bytes(h + 24);
  v.ttl = h[7];
  std::uint8_t next = h[6];
  const std::uint32_t claimed = be16(h + 4);
  std::uint32_t total = claimed + 40;
  rest.advance(40);
  // 0 is a jumbogram (RFC 2675), or segmentation offload, unless nothing follows the header (§4.7).
  if (claimed == 0 && next != kNoNext) {
    const std::uint32_t jumbo = next == kHopByHop ? jumbo_length(rest) : 0;
    total = jumbo > 0xFFFFFFFF - 40 || jumbo == 0 ? 0xFFFFFFFF : jumbo + 40;
  }
  total = std::min(total - 40, rest.wire) + 40;
  v.length = total;
  rest.bound(total - 40);
  for (int headers = 0;; ++headers) {
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kDestination:
      case kAh:
      case kFragment:
      case kMobility:
      case kHip:
      case kShim6: break;
      default: v.protocol = Protocol(next); return transport(rest, v, payload, outer);
    }
    v.protocol = Protocol(next);
    if (headers == 16) return DecodeProblem::malformed;
    // What a first fragment lacks is in a later one.
    const DecodeProblem absent = v.fragment ? DecodeProblem::tiny_fragment : DecodeProblem::malformed;
    if (rest.captured < 8) return rest.wire >= 8 ? DecodeProblem::snapped : absent;
    const std::uint32_t size = next == kFragment ? 8U : next == kAh ? (rest.p[1] + 2U) * 4U : (rest.p[1] + 1U) * 8U;
    if (size < 8) return DecodeProblem::malformed;
    if (size > rest.wire) return absent;
    // Nothing follows a mobility (RFC 6275 §6.1.1) or HIP header (RFC 7401 §5.1): then it is the protocol itself,
    // as a filter sees it.
    if (next >= kMobility && rest.p[0] == kNoNext) return transport(rest, v, payload, outer);
    if (next == kFragment) {
      const std::uint16_t offset = be16(rest.p + 2);
      if ((offset & 0xFFF9) != 0) v.fragment = true, v.fragment_id = be32(rest.p + 4);
      v.later_fragment = (offset & 0xFFF8) != 0;  // an "atomic fragment" (RFC 6946), alone and first, is whole
    }
    next = rest.p[0];
    v.protocol = Protocol(next);
    if (size > rest.captured) return DecodeProblem::snapped;
    rest.advance(size);
    if (v.later_fragment) return transport(rest, v, payload, outer);
  }
}

// Queries and replies that carry an identifier behind the checksum.
bool has_icmp_id(bool v4, std::uint8_t type) {
  if (v4)
    return type == 0 || type == 8 || (type >= 13 && type <= 18) || type == 42 || type == 43;  // RFC 792, 950, 8335
  return type == 128 || type == 129 || type == 160 || type == 161;                            // RFC 4443, 8335
}
bool quotes(bool v4, std::uint8_t type) {
  if (v4) return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
  return type >= 1 && type <= 4;
}

DecodeProblem transport(Rest rest, IpView& v, Bytes* payload, PacketView* outer) {
  v.payload_length = rest.wire;
  if (payload != nullptr) *payload = Bytes(rest.p, rest.captured);
  if (v.later_fragment) return DecodeProblem::none;
  const bool whole = !v.fragment;
  const auto need = [&](std::uint32_t n) {
    if (rest.wire >= n) return DecodeProblem::snapped;
    return whole ? DecodeProblem::malformed : DecodeProblem::tiny_fragment;
  };
  const auto take = [&](std::uint32_t n) {
    v.payload_length -= n;
    if (payload != nullptr)
      *payload = Bytes(rest.p + std::min(n, rest.captured), rest.captured - std::min(n, rest.captured));
  };
  if (v.protocol == Protocol::tcp) {
    if (rest.captured < 14) {
      if (rest.captured >= 4 && outer == nullptr) {  // what an error quotes is often eight bytes (RFC 792)
        v.source_port = be16(rest.p), v.port = be16(rest.p + 2), v.has_ports = true;
        if (rest.captured >= 8) v.tcp_seq = be32(rest.p + 4);
        return DecodeProblem::none;
      }
      return need(14);
    }
    const std::uint32_t header = (rest.p[12] >> 4) * 4U;
    if (header < 20 || header > rest.wire) {
      if (whole && outer != nullptr) return DecodeProblem::malformed;
      if (header < 20) return DecodeProblem::malformed;
    }
    v.source_port = be16(rest.p), v.port = be16(rest.p + 2), v.has_ports = true;
    v.tcp_seq = be32(rest.p + 4), v.tcp_ack = be32(rest.p + 8), v.tcp_flags = rest.p[13];
    if (rest.captured >= 16) v.tcp_window = be16(rest.p + 14);
    if (outer != nullptr && header > 20 && rest.captured > 20)
      outer->tcp_options = Bytes(rest.p + 20, std::min(header, rest.captured) - 20);
    take(std::min(header, rest.wire));
    return DecodeProblem::none;
  }
  if (v.protocol.has_ports()) {
    if (rest.captured < 4) return need(4);
    v.source_port = be16(rest.p), v.port = be16(rest.p + 2), v.has_ports = true;
    if (v.protocol == Protocol::udp) {
      if (rest.wire < 8 && whole && outer != nullptr) return DecodeProblem::malformed;
      // What lies behind the datagram's own length is no payload (RFC 768; options of RFC 9868 may stand there). A
      // length below 8 is a jumbogram's 0 or a lie, one beyond the packet a first fragment's.
      if (rest.captured >= 6) {
        const std::uint32_t datagram = be16(rest.p + 4);
        if (datagram >= 8 && datagram < rest.wire) rest.bound(datagram), v.payload_length = datagram;
      }
      take(std::min<std::uint32_t>(8, rest.wire));
    }
    return DecodeProblem::none;
  }
  const bool v4 = v.source.is_ipv4();
  if (v.protocol == (v4 ? Protocol::icmp : Protocol::icmpv6)) {
    if (rest.captured < 2) return need(2);
    v.icmp_type = rest.p[0], v.icmp_code = rest.p[1];
    if (has_icmp_id(v4, v.icmp_type)) {
      if (rest.captured < 6) return need(6);
      v.icmp_id = be16(rest.p + 4);
    }
    if (rest.captured >= 8) v.icmp_rest = be32(rest.p + 4);
    take(std::min<std::uint32_t>(8, rest.wire));
    if (outer != nullptr && whole && rest.captured > 8 && quotes(v4, v.icmp_type)) {
      // The quoted packet is the start of the offending one, so its lengths reach beyond what is here; only an
      // error about an IP packet of the same family makes sense.
      Rest inside{rest.p + 8, rest.captured - 8, rest.wire - 8};
      outer->quote = IpView{};
      const bool same_family = (inside.p[0] >> 4) == (v4 ? 4 : 6);
      outer->has_quote = same_family && ip_packet(inside, outer->quote, nullptr, nullptr) == DecodeProblem::none;
    }
  }
  return DecodeProblem::none;
}

DecodeProblem ip_packet(Rest rest, IpView& v, Bytes* payload, PacketView* outer) {
  if (rest.captured == 0) return missing(rest, 1);
  switch (rest.p[0] >> 4) {
    case 4: return ipv4(rest, v, payload, outer);
    case 6: return ipv6(rest, v, payload, outer);
    default: return DecodeProblem::malformed;
  }
}

Rest rest_of(Bytes bytes, std::uint32_t wire_length) {
  // No frame is longer than what 32 bits count; a longer span is cut, a shorter wire length is a lie.
  const auto captured = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), 0xFFFFFFFF));
  return {bytes.data(), captured, std::max(captured, wire_length)};
}

}  // namespace

namespace layers {

DecodeProblem network(Rest rest, PacketView& out) { return ip_packet(rest, out, &out.payload, &out); }

DecodeProblem ip_of(Rest rest, unsigned version, PacketView& out) {
  if (rest.captured != 0 && (rest.p[0] >> 4) != version) return DecodeProblem::malformed;
  return ip_packet(rest, out, &out.payload, &out);
}

void reset(PacketView& out) {
  static_cast<IpView&>(out) = IpView{};
  out.has_quote = false;
  out.vlan = 0;
  out.payload = {};
  out.tcp_options = {};
  out.more_at = 0;
}

}  // namespace layers

namespace {
DecodeProblem frame(LinkType link, Rest rest, PacketView& out) {
  // The plain case of Ethernet; the one way to read it wrong would be to read it twice.
  if (link == LinkType::ethernet && rest.captured >= 14) {
    const std::uint16_t type = be16(rest.p + 12);
    if (type == 0x0800 || type == 0x86DD) {
      rest.advance(14);
      return layers::ip_of(rest, type == 0x0800 ? 4 : 6, out);
    }
  }
  layers::Peel peel{out, rest.p};
  return layers::link_layer(link, rest, peel);
}
}  // namespace

std::string_view name(DecodeProblem problem) {
  switch (problem) {
    case DecodeProblem::none: return "none";
    case DecodeProblem::not_ip: return "not IP";
    case DecodeProblem::encapsulated: return "an encapsulation that is not opened";
    case DecodeProblem::link_unknown: return "an unknown link type";
    case DecodeProblem::snapped: return "cut by the snap length";
    case DecodeProblem::malformed: return "malformed";
    case DecodeProblem::tiny_fragment: return "a first fragment without ports";
  }
  return "";
}

std::optional<std::uint32_t> tcp_timestamp(Bytes options) {
  // RFC 9293 §3.1: kind 0 ends the list, kind 1 is one byte of padding, all others carry their length.
  for (std::size_t i = 0; i < options.size();) {
    if (options[i] == 0) return std::nullopt;
    if (options[i] == 1) {
      ++i;
      continue;
    }
    if (i + 1 >= options.size()) return std::nullopt;
    const std::size_t length = options[i + 1];
    if (length < 2 || length > options.size() - i) return std::nullopt;
    if (options[i] == 8 && length == 10) return be32(options.data() + i + 2);
    i += length;
  }
  return std::nullopt;
}

bool decode(LinkType link, Bytes bytes, std::uint32_t wire_length, PacketView& out) {
  layers::reset(out);
  out.problem = frame(link, rest_of(bytes, wire_length), out);
  return out.problem == DecodeProblem::none;
}

bool decode_next(Bytes bytes, PacketView& out) {
  const std::uint32_t at = out.more_at, wire = out.more_wire;
  layers::reset(out);
  Rest rest = rest_of(bytes, 0);
  rest.advance(std::min(at, rest.captured));
  rest.captured = std::min(rest.captured, wire);
  rest.wire = wire;
  layers::Peel peel{out, bytes.data()};
  out.problem = at == 0 ? DecodeProblem::not_ip : layers::amsdu(rest, peel);
  return out.problem == DecodeProblem::none;
}

bool decode_ip(Bytes packet, std::uint32_t wire_length, PacketView& out) {
  layers::reset(out);
  out.problem = layers::network(rest_of(packet, wire_length), out);
  return out.problem == DecodeProblem::none;
}

}  // namespace demarc
