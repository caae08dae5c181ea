// The link types of capture files (tcpdump.org/linktypes.html), each up to where a protocol type, a PPP protocol or
// an IP header begins. Some wrap another link type: they lead back here, and Peel bounds how often.
#include "probes/wire/layers.h"

namespace demarc::layers {

namespace {

// The address family of BSD loopback frames: AF_INET is 2 everywhere, AF_INET6 differs by system.
DecodeProblem of_family(Rest rest, std::uint32_t family, Peel& peel) {
  switch (family) {
    case 2: return ip_of(rest, 4, peel.out);
    case 10:
    case 24:
    case 26:
    case 28:
    case 30: return ip_of(rest, 6, peel.out);  // Linux, NetBSD and OpenBSD, Solaris, FreeBSD, Darwin
    default: return DecodeProblem::not_ip;
  }
}

// A number in the byte order of whoever captured: those meant here are small.
std::uint32_t small32(const std::uint8_t* p) { return be32(p) > 0xFFFF ? le32(p) : be32(p); }

// RFC 1547 section 4.3.1.
DecodeProblem cisco_hdlc(Rest rest, Peel& peel) {
  if (rest.captured < 4) return missing(rest, 4);
  const std::uint16_t type = be16(rest.p + 2);
  rest.advance(4);
  return type < 0x600 ? DecodeProblem::not_ip : ethertype(rest, type, peel);
}

DecodeProblem ppp_hdlc(Rest rest, Peel& peel) {
  if (rest.captured < 1) return missing(rest, 1);
  return rest.p[0] == 0x0F || rest.p[0] == 0x8F ? cisco_hdlc(rest, peel) : ppp(rest, peel);
}

// LINKTYPE_LINUX_SLL and SLL2: the device type (ARPHRD_) says how the protocol is to be read.
DecodeProblem cooked(Rest rest, std::uint16_t device, std::uint16_t protocol, Peel& peel) {
  switch (device) {
    case 801: return wifi(rest, {}, peel);
    case 802: return prism(rest, peel);
    case 803: return radiotap(rest, peel);
    case 824: return DecodeProblem::not_ip;  // netlink: the protocol is a netlink family
    default: break;
  }
  if (protocol == 0x0004) return llc(rest, peel);  // ETH_P_802_2
  if (protocol < 0x600) return DecodeProblem::not_ip;
  return ethertype(rest, protocol, peel);
}

// pf's log header: its own length, the address family.
DecodeProblem pflog(Rest rest, Peel& peel) {
  if (rest.captured < 2) return missing(rest, 2);
  const std::uint32_t header = (rest.p[0] + 3U) & ~3U;
  const std::uint8_t family = rest.p[1];
  if (header < 28) return DecodeProblem::malformed;
  if (rest.captured < header) return missing(rest, header);
  rest.advance(header);
  return of_family(rest, family, peel);
}

// What netfilter logs: type-length-value blocks, numbers in the byte order of the machine; block 9 is the packet
// from the network header on, block 1 begins with its protocol type.
DecodeProblem nflog(Rest rest, Peel& peel) {
  if (rest.captured < 4) return missing(rest, 4);
  const std::uint8_t family = rest.p[0], version = rest.p[1];
  if (version != 0) return closed(peel, "NFLOG of an unknown version");
  rest.advance(4);
  std::uint16_t protocol = 0;
  for (int blocks = 0; blocks < 256; ++blocks) {
    if (rest.wire < 4) return DecodeProblem::not_ip;  // a packet of which nothing was to be logged
    if (rest.captured < 4) return DecodeProblem::snapped;
    // Both numbers are small, so the byte order shows in the type: no attribute is above 255.
    const bool little = rest.p[3] == 0;
    const std::uint32_t length = little ? le16(rest.p) : be16(rest.p);
    const std::uint16_t type = (little ? le16(rest.p + 2) : be16(rest.p + 2)) & 0x7FFF;
    if (length < 4 || length > rest.wire) return DecodeProblem::malformed;
    if (type == 1 && length >= 8 && rest.captured >= 6) protocol = be16(rest.p + 4);
    if (type == 9) {
      rest.bound(length);
      rest.advance(4);
      // The logger may keep only the front of a packet; the kernel had checked its length before.
      if (rest.captured >= 6) {
        if (rest.p[0] >> 4 == 4) rest.wire = std::max<std::uint32_t>(rest.wire, be16(rest.p + 2));
        if (rest.p[0] >> 4 == 6) rest.wire = std::max<std::uint32_t>(rest.wire, be16(rest.p + 4) + 40U);
      }
      if (family == 2 || family == 10) return of_family(rest, family, peel);
      return protocol < 0x600 ? DecodeProblem::not_ip : ethertype(rest, protocol, peel);
    }
    const std::uint32_t padded = std::min((length + 3) & ~3U, rest.wire);
    if (padded > rest.captured) return DecodeProblem::snapped;
    rest.advance(padded);
  }
  return DecodeProblem::malformed;
}

// Darwin: length of the header, what follows, the link type of what follows (DLT_ numbers, little-endian as every
// machine that writes it).
DecodeProblem pktap(Rest rest, bool sure, Peel& peel) {
  if (rest.captured < 12) return missing(rest, 12);
  const std::uint32_t header = le32(rest.p), next = le32(rest.p + 4), link = le32(rest.p + 8);
  const bool sound = header >= 12 && header <= 4096 && next <= 1 && link <= 0xFFFF;
  if (!sound) return sure ? DecodeProblem::malformed : DecodeProblem::link_unknown;
  if (next == 0) return DecodeProblem::not_ip;
  if (rest.captured < header) return missing(rest, header);
  rest.advance(header);
  return link_layer(static_cast<LinkType>(link), rest, peel);
}

// Endace: 16 bytes, extension headers while the top bit says so, then the frame. The lengths inside tell what
// padding the record has.
DecodeProblem erf(Rest rest, Peel& peel) {
  if (rest.captured < 16) return missing(rest, 16);
  const std::uint8_t type = rest.p[8] & 0x7F;
  bool extended = (rest.p[8] & 0x80) != 0;
  const std::uint16_t wire = be16(rest.p + 14);
  rest.advance(16);
  for (int headers = 0; extended; ++headers) {
    if (headers == 16) return DecodeProblem::malformed;
    if (rest.captured < 8) return missing(rest, 8);
    extended = (rest.p[0] & 0x80) != 0;
    rest.advance(8);
  }
  const auto on_the_wire = [&] {
    rest.captured = std::min<std::uint32_t>(rest.captured, wire);
    rest.wire = wire;
  };
  switch (type) {
    case 2:
    case 11:
    case 16:
    case 20:  // Ethernet, with two bytes before it
      if (rest.captured < 2) return missing(rest, 2);
      rest.advance(2);
      on_the_wire();
      return ethernet(rest, peel);
    case 1:
    case 10:
    case 15:
    case 19: on_the_wire(); return ppp_hdlc(rest, peel);
    case 22: on_the_wire(); return ip_of(rest, 4, peel.out);
    case 23: on_the_wire(); return ip_of(rest, 6, peel.out);
    case 12:
    case 13:
    case 27:
    case 48: return DecodeProblem::not_ip;  // counters, metadata, padding
    default: return closed(peel, "ERF of another medium");
  }
}

// DOCSIS 3.1 MAC (CM-SP-MULPIv3.1) section 6.2: frame control, an extended header that says whether the data is
// encrypted, then an Ethernet frame.
DecodeProblem docsis(Rest rest, Peel& peel) {
  if (rest.captured < 6) return missing(rest, 6);
  const std::uint8_t control = rest.p[0];
  const std::uint32_t extended = (control & 1) != 0 ? rest.p[1] : 0U;
  if ((control & 0xC0) == 0xC0) return DecodeProblem::not_ip;  // MAC management
  if ((control & 0xC0) != 0 || (control & 0x3E) > 2) return closed(peel, "DOCSIS frame of another kind");
  if (rest.captured < 6 + extended) return missing(rest, 6 + extended);
  for (std::uint32_t i = 4; i < 4 + extended;) {
    const std::uint32_t kind = rest.p[i] >> 4, length = rest.p[i] & 0x0FU;
    // Privacy upstream and downstream: a key sequence, then a bit that enables.
    const bool privacy = kind == 3 || kind == 4;
    if (privacy && length >= 3 && i + 2 < 4 + extended && (rest.p[i + 2] & 0x80) != 0)
      return closed(peel, "DOCSIS, encrypted");
    i += 1 + length;
  }
  rest.advance(6 + extended);
  return ethernet(rest, peel);
}

}  // namespace

DecodeProblem link_layer(LinkType link, Rest rest, Peel& peel) {
  if (--peel.left < 0) return DecodeProblem::malformed;
  const auto skip = [&](std::uint32_t bytes, auto then) {
    if (rest.captured < bytes) return missing(rest, bytes);
    const std::uint8_t* header = rest.p;
    rest.advance(bytes);
    return then(header);
  };
  switch (link) {
    case LinkType::ethernet: return ethernet(rest, peel);
    case LinkType::raw:
    case LinkType::raw_bsd:
    case LinkType::raw_openbsd: return network(rest, peel.out);
    case LinkType::ipv4: return ip_of(rest, 4, peel.out);
    case LinkType::ipv6: return ip_of(rest, 6, peel.out);
    case LinkType::null: return skip(4, [&](const std::uint8_t* h) { return of_family(rest, small32(h), peel); });
    case LinkType::loop: return skip(4, [&](const std::uint8_t* h) { return of_family(rest, be32(h), peel); });
    case LinkType::enc:  // family, index of the association, flags
      return skip(12, [&](const std::uint8_t* h) { return of_family(rest, small32(h), peel); });
    case LinkType::linux_cooked:
      return skip(16, [&](const std::uint8_t* h) { return cooked(rest, be16(h + 2), be16(h + 14), peel); });
    case LinkType::linux_cooked2:
      return skip(20, [&](const std::uint8_t* h) { return cooked(rest, be16(h + 8), be16(h), peel); });
    case LinkType::pflog: return pflog(rest, peel);
    case LinkType::ipnet:  // version, family, ..., both zones
      return skip(24, [&](const std::uint8_t* h) { return of_family(rest, h[1], peel); });
    case LinkType::nflog: return nflog(rest, peel);
    case LinkType::pktap: return pktap(rest, true, peel);
    case LinkType::pktap_old: return pktap(rest, false, peel);
    case LinkType::ppp: return ppp(rest, peel);
    case LinkType::ppp_hdlc: return ppp_hdlc(rest, peel);
    case LinkType::ppp_ether: return pppoe(rest, peel);
    case LinkType::ppp_pppd:
      if (rest.captured < 2) return missing(rest, 2);
      if (rest.p[0] <= 1 && rest.p[1] == 0x03) rest.advance(2);
      return ppp(rest, peel);
    case LinkType::ppp_with_direction: return skip(1, [&](const std::uint8_t*) { return ppp_hdlc(rest, peel); });
    case LinkType::cisco_hdlc: return cisco_hdlc(rest, peel);
    case LinkType::cisco_hdlc_with_direction:
      return skip(1, [&](const std::uint8_t*) { return cisco_hdlc(rest, peel); });
    case LinkType::mpls: return mpls(rest, peel);
    case LinkType::wifi: return wifi(rest, {}, peel);
    case LinkType::radiotap: return radiotap(rest, peel);
    case LinkType::prism: return prism(rest, peel);
    case LinkType::avs: return avs(rest, peel);
    case LinkType::ppi: return ppi(rest, peel);
    case LinkType::erf: return erf(rest, peel);
    case LinkType::docsis: return docsis(rest, peel);
  }
  return DecodeProblem::link_unknown;
}

}  // namespace demarc::layers
