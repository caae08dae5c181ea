// Each tunnel is a header between two packets: where it stands (an IP protocol or a UDP port), what it calls
// itself, and where the inner packet begins. A port alone proves nothing (any client may be given 4789 for a
// moment), so what the header must look like is checked, and what does not fit is no tunnel.
#include "probes/wire/tunnel.h"

#include <optional>

#include "probes/wire/layers.h"

namespace demarc {

namespace {

using layers::closed;
using layers::Guess;
using layers::missing;
using layers::Peel;
using layers::Rest;

// What opening came to: `none` is a tunnel's packet opened; no value says that this is no tunnel.
using Opened = std::optional<DecodeProblem>;
constexpr std::nullopt_t kNoTunnel = std::nullopt;

// RFC 7637 section 3.2: the upper 24 bits are the network, the lower ones differ from flow to flow. Networks below
// 0x1000 are reserved there, and small keys are what people give Ethernet over plain GRE.
std::uint32_t nvgre_or_key(std::uint32_t key) { return (key >> 8) >= 0x1000 ? key >> 8 : key; }

// ERSPAN (draft-foschiano-erspan-03): type I has no header, II 8 bytes, III 12 or 20.
DecodeProblem erspan(Rest rest, std::uint16_t protocol, bool sequence, TunnelView& tunnel, Peel& peel) {
  tunnel.kind = TunnelKind::erspan;
  if (protocol == 0x88BE && !sequence) {
    tunnel.id = 0;
    return layers::ethernet(rest, peel);
  }
  std::uint32_t header = protocol == 0x88BE ? 8 : 12;
  if (rest.captured < header) return missing(rest, header);
  const unsigned version = rest.p[0] >> 4;
  if (version != (protocol == 0x88BE ? 1U : 2U)) return closed(peel, "ERSPAN of an unknown version");
  tunnel.id = be16(rest.p + 2) & 0x03FF;
  const bool truncated = (rest.p[2] & 0x04) != 0;
  unsigned frame_type = 0;
  if (header == 12) {
    frame_type = (rest.p[10] >> 2) & 0x1F;
    if ((rest.p[11] & 1) != 0) header = 20;
  }
  if (rest.captured < header) return missing(rest, header);
  rest.advance(header);
  // A mirror that cut the frame left its lengths as they were: those tell.
  if (truncated) rest.wire += std::min<std::uint32_t>(0xFFFF, 0xFFFFFFFF - rest.wire);
  if (frame_type == 0) return layers::ethernet(rest, peel);
  return frame_type == 2 ? layers::network(rest, peel.out) : closed(peel, "ERSPAN of another medium");
}

// PPTP (RFC 2637 section 4.1).
DecodeProblem gre1(Rest rest, TunnelView& tunnel, Peel& peel) {
  const std::uint16_t flags = be16(rest.p), protocol = be16(rest.p + 2);
  if ((flags & 0x2000) == 0) return DecodeProblem::malformed;
  if (rest.captured < 8) return missing(rest, 8);
  const std::uint16_t length = be16(rest.p + 4);
  if (protocol ==
      0x6400) {  // Ethernet over IP as MikroTik does it: the number little-endian, and one for both ends
    tunnel.id = le16(rest.p + 6);
    rest.advance(8);
    rest.bound(length);
    return length == 0 ? DecodeProblem::not_ip : layers::ethernet(rest, peel);
  }
  tunnel.id = be16(rest.p + 6);
  tunnel.id_shared = false;
  if (protocol != 0x880B) return closed(peel, "GRE version 1");
  if ((flags & 0x1000) == 0) return DecodeProblem::not_ip;  // an acknowledgment alone
  const std::uint32_t header = (flags & 0x0080) != 0 ? 16 : 12;
  if (rest.captured < header) return missing(rest, header);
  rest.advance(header);
  rest.bound(length);
  return layers::ppp(rest, peel);
}

// RFC 2784, with key and sequence number as RFC 2890.
DecodeProblem gre(Rest rest, TunnelView& tunnel, Peel& peel) {
  if (rest.captured < 4) return missing(rest, 4);
  const std::uint16_t flags = be16(rest.p), protocol = be16(rest.p + 2);
  if ((flags & 7) == 1) return gre1(rest, tunnel, peel);
  if ((flags & 7) != 0) return closed(peel, "GRE of an unknown version");
  if ((flags & 0x4000) != 0) return closed(peel, "GRE with source routes");  // RFC 1701
  std::uint32_t header = 4;
  const std::uint32_t key_at = (flags & 0x8000) != 0 ? 8 : 4;
  if ((flags & 0x8000) != 0) header += 4;
  if ((flags & 0x2000) != 0) header += 4;
  if ((flags & 0x1000) != 0) header += 4;
  if (rest.captured < header) return missing(rest, header);
  if ((flags & 0x2000) != 0) tunnel.id = be32(rest.p + key_at);
  rest.advance(header);
  switch (protocol) {
    case 0: return DecodeProblem::not_ip;  // keepalive
    case 0x6558: tunnel.id = nvgre_or_key(tunnel.id); return layers::ethernet(rest, peel);
    case 0x88BE:
    case 0x22EB: return erspan(rest, protocol, (flags & 0x1000) != 0, tunnel, peel);
    case 0x883E:  // WCCP (draft-mclaggan-wccp-v2rev1 section 3.12.1): version 2 has a redirect header
      if (rest.captured < 1) return missing(rest, 1);
      if (rest.p[0] >> 4 != 4) {
        if (rest.captured < 4) return missing(rest, 4);
        rest.advance(4);
      }
      return layers::ip_of(rest, 4, peel.out);
    default: return protocol < 0x600 ? DecodeProblem::not_ip : layers::ethertype(rest, protocol, peel);
  }
}

// RFC 7348 section 5; the protocol extension is draft-ietf-nvo3-vxlan-gpe section 3.
Opened vxlan(Rest rest, bool gpe_port, TunnelView& tunnel, Peel& peel) {
  if (rest.captured < 8) return rest.wire < 8 ? Opened(kNoTunnel) : Opened(DecodeProblem::snapped);
  const std::uint8_t flags = rest.p[0], next = rest.p[3];
  if ((flags & 0x08) == 0) return kNoTunnel;  // without a network number it is nothing
  const bool extended = (flags & 0x04) != 0 && (gpe_port || (rest.p[1] == 0 && rest.p[2] == 0));
  if ((flags & 0x30) != 0) return kNoTunnel;
  tunnel.id = be32(rest.p + 4) >> 8;
  rest.advance(8);
  if (!extended) return layers::ethernet(rest, peel);
  if ((flags & 0x01) != 0) return DecodeProblem::not_ip;  // operation and maintenance
  switch (next) {
    case 1: return layers::ip_of(rest, 4, peel.out);
    case 2: return layers::ip_of(rest, 6, peel.out);
    case 0:
    case 3: return layers::ethernet(rest, peel);
    case 4: return layers::nsh(rest, peel);
    case 5: return layers::mpls(rest, peel);
    default: return closed(peel, "VXLAN-GPE of an unknown protocol");
  }
}

// RFC 8926 section 3.4.
Opened geneve(Rest rest, TunnelView& tunnel, Peel& peel) {
  if (rest.captured < 8) return rest.wire < 8 ? Opened(kNoTunnel) : Opened(DecodeProblem::snapped);
  const std::uint32_t header = 8 + (rest.p[0] & 0x3FU) * 4U;
  const std::uint16_t protocol = be16(rest.p + 2);
  if ((rest.p[0] & 0xC0) != 0 || header > rest.wire) return kNoTunnel;
  tunnel.id = be32(rest.p + 4) >> 8;
  if ((rest.p[1] & 0x80) != 0) return DecodeProblem::not_ip;  // a control message
  if (rest.captured < header) return DecodeProblem::snapped;
  rest.advance(header);
  return protocol < 0x600 ? DecodeProblem::not_ip : layers::ethertype(rest, protocol, peel);
}

// 3GPP TS 29.281 section 5.
Opened gtpu(Rest rest, TunnelView& tunnel, Peel& peel) {
  tunnel.id_shared = false;
  if (rest.captured < 8) return rest.wire < 8 ? Opened(kNoTunnel) : Opened(DecodeProblem::snapped);
  const std::uint8_t flags = rest.p[0];
  if ((flags & 0xF0) != 0x30) return kNoTunnel;  // version 1, not charging
  tunnel.id = be32(rest.p + 4);
  if (rest.p[1] != 255) return DecodeProblem::not_ip;  // echoes, errors, end markers
  const std::uint16_t length = be16(rest.p + 2);
  rest.advance(8);
  rest.bound(length);
  if ((flags & 0x07) != 0) {  // sequence number, N-PDU number, type of the first extension
    if (rest.captured < 4) return missing(rest, 4);
    std::uint8_t next = (flags & 0x04) != 0 ? rest.p[3] : std::uint8_t{0};
    rest.advance(4);
    for (int extensions = 0; next != 0; ++extensions) {
      if (extensions == 16) return DecodeProblem::malformed;
      if (rest.captured < 1) return missing(rest, 1);
      const std::uint32_t size = rest.p[0] * 4U;
      if (size == 0) return DecodeProblem::malformed;
      if (rest.captured < size) return missing(rest, size);
      next = rest.p[size - 1];
      rest.advance(size);
    }
  }
  return layers::ip_or_ethernet(rest, "GTP-U of another protocol", peel);
}

// RFC 3931 section 4.1: how long cookie and sublayer are, only the two ends know. An Ethernet frame that fits at
// exactly one of the places is believed.
DecodeProblem l2tpv3(Rest rest, TunnelView& tunnel, Peel& peel) {
  if (rest.captured < 4) return missing(rest, 4);
  tunnel.id = be32(rest.p);
  if (tunnel.id == 0) return DecodeProblem::not_ip;  // control
  rest.advance(4);
  std::optional<std::uint32_t> found;
  for (const std::uint32_t at : {0U, 4U, 8U, 12U}) {
    if (at > rest.captured) return at > rest.wire ? closed(peel, "L2TPv3") : DecodeProblem::snapped;
    Rest here = rest;
    here.advance(at);
    const Guess guess = layers::looks_like_ethernet(here);
    if (guess == Guess::cut) return DecodeProblem::snapped;
    if (guess == Guess::no) continue;
    if (found) return closed(peel, "L2TPv3, two readings");
    found = at;
  }
  if (!found) return closed(peel, "L2TPv3");
  rest.advance(*found);
  return layers::ethernet(rest, peel);
}

// RFC 2661 section 3.1, and RFC 3931 section 4.1.2 for version 3.
Opened l2tp(Rest rest, TunnelView& tunnel, Peel& peel) {
  tunnel.id_shared = false;
  if (rest.captured < 6) return rest.wire < 6 ? Opened(kNoTunnel) : Opened(DecodeProblem::snapped);
  const std::uint16_t flags = be16(rest.p);
  const unsigned version = flags & 0x0F;
  if (version == 3) {
    if ((flags & 0x8000) != 0) return DecodeProblem::not_ip;
    rest.advance(4);
    return l2tpv3(rest, tunnel, peel);
  }
  if (version != 2 || (flags & 0x34F0) != 0) return kNoTunnel;  // bits that must be 0
  if ((flags & 0x8000) != 0) return DecodeProblem::not_ip;
  const bool has_length = (flags & 0x4000) != 0;
  if (has_length) {
    const std::uint16_t length = be16(rest.p + 2);
    if (length > rest.wire) return kNoTunnel;
    rest.bound(length);
  }
  std::uint32_t header = has_length ? 8 : 6;
  if (rest.captured < header) return missing(rest, header);
  tunnel.id = be32(rest.p + header - 4);  // tunnel and session
  if ((flags & 0x0800) != 0) header += 4;
  if ((flags & 0x0200) != 0) {
    if (rest.captured < header + 2) return missing(rest, header + 2);
    header += 2U + be16(rest.p + header);
  }
  if (rest.captured < header) return missing(rest, header);
  rest.advance(header);
  return layers::ppp(rest, peel);
}

// RFC 4380 section 5.1.1: an authentication, an origin, or neither, then IPv6.
Opened teredo(Rest rest, Peel& peel) {
  for (int indications = 0; indications < 2; ++indications) {
    if (rest.captured < 2) return rest.wire < 2 ? Opened(kNoTunnel) : Opened(DecodeProblem::snapped);
    const std::uint16_t kind = be16(rest.p);
    if (kind > 1) break;
    std::uint32_t size = 8;
    if (kind == 1) {
      if (rest.captured < 4) return missing(rest, 4);
      size = 13U + rest.p[2] + rest.p[3];
    }
    if (rest.captured < size) return missing(rest, size);
    rest.advance(size);
  }
  if (rest.captured < 1) return missing(rest, 1);
  if (rest.p[0] >> 4 != 6) return kNoTunnel;
  return layers::ip_of(rest, 6, peel.out);
}

Opened over_udp(const PacketView& outer, Rest rest, TunnelView& tunnel, Peel& peel) {
  switch (outer.port) {
    case 4789:
    case 8472: return vxlan(rest, false, tunnel, peel);  // the second: Linux before the number was assigned
    case 4790: return vxlan(rest, true, tunnel, peel);
    case 6081: return geneve(rest, tunnel, peel);
    case 2152: return gtpu(rest, tunnel, peel);
    case 1701: return l2tp(rest, tunnel, peel);
    case 4754: return gre(rest, tunnel, peel);  // RFC 8086
    case 6635: {                                // RFC 7510
      const DecodeProblem problem = layers::mpls(rest, peel);
      tunnel.id = peel.label;
      tunnel.id_shared = false;
      return problem;
    }
    default: return teredo(rest, peel);
  }
}

Opened open(const PacketView& outer, Rest rest, TunnelView& tunnel, Peel& peel) {
  switch (outer.protocol.number()) {
    case 17: return over_udp(outer, rest, tunnel, peel);
    case 94:                                           // KA9Q's number for the same
    case 4: return layers::ip_of(rest, 4, peel.out);   // RFC 2003, RFC 2473
    case 41: return layers::ip_of(rest, 6, peel.out);  // RFC 4213, RFC 2473
    case 47: return gre(rest, tunnel, peel);
    case 97:  // RFC 3378
      if (rest.captured < 2) return missing(rest, 2);
      if (rest.p[0] >> 4 != 3) return closed(peel, "EtherIP of an unknown version");
      rest.advance(2);
      return layers::ethernet(rest, peel);
    case 115: tunnel.id_shared = false; return l2tpv3(rest, tunnel, peel);
    default: {  // 137: RFC 4023
      const DecodeProblem problem = layers::mpls(rest, peel);
      tunnel.id = peel.label;
      tunnel.id_shared = false;
      return problem;
    }
  }
}

TunnelKind kind_of(const PacketView& outer) {
  switch (outer.protocol.number()) {
    case 4:
    case 94: return TunnelKind::ipip;
    case 41: return outer.source.is_ipv4() ? TunnelKind::sixinfour : TunnelKind::ipip;
    case 47: return TunnelKind::gre;
    case 17: break;
    default: return TunnelKind::other;
  }
  switch (outer.port) {
    case 4789:
    case 4790:
    case 8472: return TunnelKind::vxlan;
    case 6081: return TunnelKind::geneve;
    case 2152: return TunnelKind::gtpu;
    case 4754: return TunnelKind::gre;
    default: return TunnelKind::other;
  }
}

}  // namespace

bool decode_inner(const PacketView& outer, PacketView& inner, TunnelView& tunnel) {
  tunnel = TunnelView{};
  layers::reset(inner);
  inner.problem = DecodeProblem::not_ip;
  if (outer.problem != DecodeProblem::none || !may_be_tunnel(outer)) return false;
  const auto captured = static_cast<std::uint32_t>(outer.payload.size());
  tunnel.kind = kind_of(outer);
  const Rest rest{outer.payload.data(), captured, std::max(outer.payload_length, captured)};
  Peel peel{inner, rest.p};
  if (outer.fragment) {
    // The first part may show the header, but not that the lengths in it are true.
    tunnel.found = true;
    inner.problem = closed(peel, "a fragment of a tunnel's packet");
    return false;
  }
  const Opened opened = open(outer, rest, tunnel, peel);
  if (!opened) {
    tunnel = TunnelView{};
    layers::reset(inner);
    return false;
  }
  tunnel.found = true;
  inner.problem = *opened;
  return inner.problem == DecodeProblem::none;
}

}  // namespace demarc
