// Frames come in layers: link, VLAN tags, IP with its options or extension headers, transport. Each step below
// takes what is left of the captured bytes and of the wire length; the two differ when a snap length cut the frame,
// and the difference decides whether a missing header is the capture's fault (snapped) or the packet's (malformed).
#include "probes/wire/decode.h"

#include <algorithm>

namespace demarc {

namespace {

// What is left of a frame: the bytes that were captured, and how many there were on the wire (never fewer).
struct Rest {
  const std::uint8_t* p;
  std::uint32_t captured;
  std::uint32_t wire;
  void advance(std::uint32_t n) { p += n, captured -= n, wire -= n; }
};

DecodeProblem missing(const Rest& rest, std::uint32_t needed) {
  return rest.wire >= needed ? DecodeProblem::snapped : DecodeProblem::malformed;
}

// Ethertypes (IANA "IEEE 802 Numbers").
constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD;

bool is_vlan_tag(std::uint16_t ethertype) {
  return ethertype == 0x8100 || ethertype == 0x88A8 || ethertype == 0x9100 ||
         ethertype == 0x9200;  // 802.1Q, 802.1ad, older QinQ
}
// Encapsulations that may carry IP and that we do not open: skipping them as "not IP" would hide traffic.
bool may_carry_ip(std::uint16_t ethertype) {
  switch (ethertype) {
    case 0x8847:
    case 0x8848:  // MPLS
    case 0x8864:  // PPPoE session
    case 0x880B:  // PPP
    case 0x88E5:  // MACsec
    case 0x88E7:  // provider backbone bridging
    case 0x6558:  // transparent Ethernet bridging
    case 0x894F:  // network service header
    case 0x8926:  // VN-Tag
      return true;
    default: return false;
  }
}

DecodeProblem transport(Rest ip, IpView& v, Bytes* payload, PacketView* outer);
DecodeProblem network(Rest rest, IpView& v, Bytes* payload, PacketView* outer);

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

// RFC 8200 §3 and §4. The chain is walked to the transport header; AH counts as part of it (RFC 4302 §3.1.1).
DecodeProblem ipv6(Rest rest, IpView& v, Bytes* payload, PacketView* outer) {
  if (rest.captured < 40) return missing(rest, 40);
  const std::uint8_t* h = rest.p;
  v.source = Address::from_ipv6_bytes(h + 8);
  v.destination = Address::from_ipv6_bytes(h + 24);
  v.ttl = h[7];
  std::uint8_t next = h[6];
  std::uint32_t total = std::uint32_t{be16(h + 4)} + 40;
  // 0 is a jumbogram (RFC 2675 §2), or segmentation offload, unless nothing follows the header (§4.7).
  if ((total == 40 && next != 59) || total > rest.wire) total = rest.wire;
  v.length = total;
  rest.wire = total;
  rest.captured = std::min(rest.captured, total);
  rest.advance(40);
  for (int headers = 0;; ++headers) {
    std::uint32_t size = 0;
    switch (next) {
      case 0:
      case 43:
      case 60:
      case 51:
      case 44: {  // hop-by-hop, routing, destination options, AH, fragment
        if (headers == 16) return DecodeProblem::malformed;
        if (rest.captured < 8) {
          v.protocol = Protocol(next);
          return missing(rest, 8);
        }
        size = next == 44 ? 8U : next == 51 ? (rest.p[1] + 2U) * 4U : (rest.p[1] + 1U) * 8U;
        if (size < 8 || size > rest.wire) return DecodeProblem::malformed;
        if (next == 44) {
          const std::uint16_t offset = be16(rest.p + 2);
          v.fragment = (offset & 0xFFF9) != 0;  // an "atomic fragment" (RFC 6946) is whole
          v.later_fragment = (offset & 0xFFF8) != 0;
          v.fragment_id = be32(rest.p + 4);
        }
        next = rest.p[0];
        if (size > rest.captured) {
          v.protocol = Protocol(next);
          return DecodeProblem::snapped;
        }
        rest.advance(size);
        if (v.later_fragment) {
          v.protocol = Protocol(next);
          return transport(rest, v, payload, outer);
        }
        continue;
      }
      default: break;
    }
    v.protocol = Protocol(next);
    return transport(rest, v, payload, outer);
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
      outer->has_quote = same_family && network(inside, outer->quote, nullptr, nullptr) == DecodeProblem::none;
    }
  }
  return DecodeProblem::none;
}

DecodeProblem network(Rest rest, IpView& v, Bytes* payload, PacketView* outer) {
  if (rest.captured == 0) return missing(rest, 1);
  switch (rest.p[0] >> 4) {
    case 4: return ipv4(rest, v, payload, outer);
    case 6: return ipv6(rest, v, payload, outer);
    default: return DecodeProblem::malformed;
  }
}

DecodeProblem ip_of(Rest rest, unsigned version, PacketView& out) {
  if (rest.captured != 0 && (rest.p[0] >> 4) != version) return DecodeProblem::malformed;
  return network(rest, out, &out.payload, &out);
}

// From the ethertype on: tags, then IP or something else.
DecodeProblem ethertype(Rest rest, std::uint16_t type, PacketView& out) {
  for (int tags = 0; is_vlan_tag(type); ++tags) {
    if (tags == 8) return DecodeProblem::malformed;
    if (rest.captured < 4) return missing(rest, 4);
    out.vlan = be16(rest.p) & 0x0FFF;  // 802.1Q-2018 §9.6: priority, drop eligible, id
    type = be16(rest.p + 2);
    rest.advance(4);
  }
  if (type <= 1500) {  // a length: IEEE 802.2 follows; IP only behind SNAP (RFC 1042)
    if (rest.captured < 8) return DecodeProblem::not_ip;
    const std::uint8_t* h = rest.p;
    const bool snap = h[0] == 0xAA && h[1] == 0xAA && h[2] == 0x03 && h[3] == 0 && h[4] == 0 && h[5] == 0;
    if (!snap) return DecodeProblem::not_ip;
    type = be16(h + 6);
    rest.advance(8);
  }
  if (type == kIpv4) return ip_of(rest, 4, out);
  if (type == kIpv6) return ip_of(rest, 6, out);
  return may_carry_ip(type) ? DecodeProblem::encapsulated : DecodeProblem::not_ip;
}

// The address family of BSD loopback frames: AF_INET is 2 everywhere, AF_INET6 differs by system.
DecodeProblem bsd_loopback(Rest rest, std::uint32_t family, PacketView& out) {
  rest.advance(4);
  switch (family) {
    case 2: return ip_of(rest, 4, out);
    case 10:
    case 24:
    case 28:
    case 30: return ip_of(rest, 6, out);  // Linux, NetBSD and OpenBSD, FreeBSD, Darwin
    default: return DecodeProblem::not_ip;
  }
}

DecodeProblem frame(LinkType link, Rest rest, PacketView& out) {
  switch (link) {
    case LinkType::ethernet: {
      if (rest.captured < 14) return missing(rest, 14);
      const std::uint16_t type = be16(rest.p + 12);
      rest.advance(14);
      return ethertype(rest, type, out);
    }
    case LinkType::raw:
    case LinkType::raw_bsd:
    case LinkType::raw_openbsd: return network(rest, out, &out.payload, &out);
    case LinkType::ipv4: return ip_of(rest, 4, out);
    case LinkType::ipv6: return ip_of(rest, 6, out);
    case LinkType::null: {
      if (rest.captured < 4) return missing(rest, 4);
      const std::uint32_t family = be32(rest.p);  // of either byte order; families are small numbers
      return bsd_loopback(rest, family > 0xFFFF ? le32(rest.p) : family, out);
    }
    case LinkType::loop:
      if (rest.captured < 4) return missing(rest, 4);
      return bsd_loopback(rest, be32(rest.p), out);
    case LinkType::linux_cooked: {
      if (rest.captured < 16) return missing(rest, 16);
      const std::uint16_t type = be16(rest.p + 14);
      rest.advance(16);
      return ethertype(rest, type, out);
    }
    case LinkType::linux_cooked2: {
      if (rest.captured < 20) return missing(rest, 20);
      const std::uint16_t type = be16(rest.p);
      rest.advance(20);
      return ethertype(rest, type, out);
    }
  }
  return DecodeProblem::link_unknown;
}

Rest rest_of(Bytes bytes, std::uint32_t wire_length) {
  // No frame is longer than what 32 bits count; a longer span is cut, a shorter wire length is a lie.
  const auto captured = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), 0xFFFFFFFF));
  return {bytes.data(), captured, std::max(captured, wire_length)};
}

void reset(PacketView& out) {
  static_cast<IpView&>(out) = IpView{};
  out.has_quote = false;
  out.vlan = 0;
  out.payload = {};
  out.tcp_options = {};
}

}  // namespace

std::string_view name(LinkType type) {
  switch (type) {
    case LinkType::null: return "BSD loopback";
    case LinkType::ethernet: return "Ethernet";
    case LinkType::raw_bsd:
    case LinkType::raw_openbsd:
    case LinkType::raw: return "raw IP";
    case LinkType::loop: return "OpenBSD loopback";
    case LinkType::linux_cooked: return "Linux cooked";
    case LinkType::ipv4: return "raw IPv4";
    case LinkType::ipv6: return "raw IPv6";
    case LinkType::linux_cooked2: return "Linux cooked v2";
  }
  return "";
}

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
  reset(out);
  out.problem = frame(link, rest_of(bytes, wire_length), out);
  return out.problem == DecodeProblem::none;
}

bool decode_ip(Bytes packet, std::uint32_t wire_length, PacketView& out) {
  reset(out);
  out.problem = network(rest_of(packet, wire_length), out, &out.payload, &out);
  return out.problem == DecodeProblem::none;
}

}  // namespace demarc
