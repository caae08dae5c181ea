// What stands between a capture record and the IP header: the headers of some twenty-five link types, and the tags
// and encapsulations that a link frame may carry. They are opened whoever asks, because none of them has IP
// addresses outside: there is one packet, and this is the way to it. What cannot be opened says its name.
#include <string_view>

#include "probes/wire/layers.h"

namespace demarc {

namespace {

struct Row {
  LinkType type;
  std::string_view name;
};
constexpr Row kNames[] = {
    {LinkType::null, "BSD loopback"},
    {LinkType::ethernet, "Ethernet"},
    {LinkType::ppp, "PPP"},
    {LinkType::raw_bsd, "raw IP"},
    {LinkType::raw_openbsd, "raw IP"},
    {LinkType::ppp_hdlc, "PPP in HDLC framing"},
    {LinkType::ppp_ether, "PPPoE"},
    {LinkType::raw, "raw IP"},
    {LinkType::cisco_hdlc, "Cisco HDLC"},
    {LinkType::wifi, "IEEE 802.11"},
    {LinkType::loop, "OpenBSD loopback"},
    {LinkType::enc, "OpenBSD enc"},
    {LinkType::linux_cooked, "Linux cooked"},
    {LinkType::pflog, "pf log"},
    {LinkType::prism, "IEEE 802.11 with Prism header"},
    {LinkType::radiotap, "IEEE 802.11 with radiotap"},
    {LinkType::docsis, "DOCSIS"},
    {LinkType::pktap_old, "PKTAP"},
    {LinkType::avs, "IEEE 802.11 with AVS header"},
    {LinkType::ppp_pppd, "PPP of pppd"},
    {LinkType::ppi, "PPI"},
    {LinkType::erf, "ERF"},
    {LinkType::ppp_with_direction, "PPP with direction"},
    {LinkType::cisco_hdlc_with_direction, "Cisco HDLC with direction"},
    {LinkType::mpls, "MPLS"},
    {LinkType::ipnet, "IPNET"},
    {LinkType::ipv4, "raw IPv4"},
    {LinkType::ipv6, "raw IPv6"},
    {LinkType::nflog, "NFLOG"},
    {LinkType::pktap, "PKTAP"},
    {LinkType::linux_cooked2, "Linux cooked v2"},
};

}  // namespace

std::string_view name(LinkType type) {
  for (const Row& row : kNames)
    if (row.type == type) return row.name;
  return "";
}

namespace layers {

namespace {

// Tags that stand before the next protocol type, and how many bytes of theirs precede it.
struct Tag {
  std::uint16_t type;
  std::uint8_t bytes;
};
constexpr Tag kTags[] = {
    {0x8100, 2}, {0x88A8, 2}, {0x9100, 2}, {0x9200, 2},  // 802.1Q, 802.1ad, older QinQ
    {0x8926, 4},                                         // VN-Tag (802.1BR draft)
    {0x892F, 4},                                         // HSR (IEC 62439-3)
    {0xF1C1, 4},                                         // redundancy tag (802.1CB)
};
bool is_vlan_tag(std::uint16_t type) {
  return type == 0x8100 || type == 0x88A8 || type == 0x9100 || type == 0x9200;
}

// Protocol types that may carry IP and that are not opened: skipping them as "not IP" would hide traffic.
struct Closed {
  std::uint16_t type;
  std::string_view name;
};
constexpr Closed kClosed[] = {
    {0x22F3, "TRILL"},      {0x4305, "batman-adv"}, {0x876B, "compressed TCP/IP"},
    {0x8903, "FabricPath"}, {0xA0ED, "6LoWPAN"},    {0xDADA, "DSA tag"},
};

// IEEE 802.1AE-2018 section 9: the tag says whether the data behind it was changed.
DecodeProblem macsec(Rest rest, Peel& peel) {
  if (rest.captured < 6) return missing(rest, 6);
  const std::uint8_t control = rest.p[0], short_length = rest.p[1] & 0x3F;
  if ((control & 0x80) != 0) return closed(peel, "MACsec of an unknown version");
  if ((control & 0x08) != 0) return closed(peel, "MACsec, encrypted");
  if ((control & 0x04) != 0) return closed(peel, "MACsec, changed");
  const std::uint32_t header = (control & 0x20) != 0 ? 14 : 6;  // with the channel identifier, or without
  if (rest.captured < header + 2) return missing(rest, header + 2);
  rest.advance(header);
  if (short_length != 0) rest.bound(std::max<std::uint32_t>(short_length, 2));
  if (rest.captured < 2) return missing(rest, 2);
  const std::uint16_t type = be16(rest.p);
  rest.advance(2);
  return ethertype_or_length(rest, type, peel);
}

// IEEE 802.1Q-2018 section 9.7: service identifier, then the customer's frame.
DecodeProblem backbone(Rest rest, Peel& peel) {
  if (rest.captured < 4) return missing(rest, 4);
  rest.advance(4);
  return ethernet(rest, peel);
}

// Cisco TrustSec: version 1, one option (the security group), then the protocol type.
DecodeProblem trustsec(Rest rest, Peel& peel) {
  if (rest.captured < 8) return missing(rest, 8);
  if (rest.p[0] != 1 || rest.p[1] != 1) return closed(peel, "Cisco metadata");
  const std::uint16_t type = be16(rest.p + 6);
  rest.advance(8);
  return ethertype_or_length(rest, type, peel);
}

}  // namespace

DecodeProblem ethernet(Rest rest, Peel& peel) {
  if (rest.captured < 14) return missing(rest, 14);
  const std::uint16_t type = be16(rest.p + 12);
  rest.advance(14);
  return ethertype_or_length(rest, type, peel);
}

DecodeProblem ethertype_or_length(Rest rest, std::uint16_t type, Peel& peel) {
  if (type > 1500) return ethertype(rest, type, peel);
  rest.bound(type);
  return llc(rest, peel);
}

// IEEE 802.2: IP stands behind SNAP (RFC 1042), long ago also directly.
DecodeProblem llc(Rest rest, Peel& peel) {
  if (rest.captured < 3) return rest.wire < 3 ? DecodeProblem::not_ip : DecodeProblem::snapped;
  const std::uint8_t* h = rest.p;
  if (h[0] == 0x06 && h[1] == 0x06 && h[2] == 0x03) {  // RFC 948
    rest.advance(3);
    return ip_of(rest, 4, peel.out);
  }
  if (h[0] != 0xAA || h[1] != 0xAA || h[2] != 0x03) return DecodeProblem::not_ip;
  if (rest.captured < 8) return missing(rest, 8);
  // Organization 0 and 802.1H's 0000F8 go on with an ethertype; others name protocols of their own.
  const std::uint32_t organization = be32(h + 2) & 0x00FFFFFF;
  if (organization != 0 && organization != 0x0000F8) return DecodeProblem::not_ip;
  const std::uint16_t type = be16(h + 6);
  rest.advance(8);
  return ethertype(rest, type, peel);
}

DecodeProblem ethertype(Rest rest, std::uint16_t type, Peel& peel) {
  for (int vlans = 0;;) {
    const Tag* tag = std::find_if(std::begin(kTags), std::end(kTags), [&](const Tag& t) { return t.type == type; });
    if (tag == std::end(kTags)) break;
    if (--peel.left < 0) return DecodeProblem::malformed;
    if (rest.captured < tag->bytes + 2U) return missing(rest, tag->bytes + 2U);
    if (is_vlan_tag(type)) {
      if (++vlans > 8) return DecodeProblem::malformed;
      peel.out.vlan = be16(rest.p) & 0x0FFF;  // 802.1Q-2018 §9.6: priority, drop eligible, id
    }
    type = be16(rest.p + tag->bytes);
    rest.advance(tag->bytes + 2U);
    if (type <= 1500) {
      rest.bound(type);
      return llc(rest, peel);
    }
  }
  if (--peel.left < 0) return DecodeProblem::malformed;
  switch (type) {
    case 0x0800: return ip_of(rest, 4, peel.out);
    case 0x86DD: return ip_of(rest, 6, peel.out);
    case 0x8847:
    case 0x8848: return mpls(rest, peel);
    case 0x8864: return pppoe(rest, peel);
    case 0x880B: return ppp(rest, peel);
    case 0x88E5: return macsec(rest, peel);
    case 0x88E7: return backbone(rest, peel);
    case 0x6558: return ethernet(rest, peel);  // transparent bridging
    case 0x894F: return nsh(rest, peel);
    case 0x8909: return trustsec(rest, peel);
    case 0x8870: return llc(rest, peel);  // jumbo frames, whose length would look like a type
    default: break;
  }
  for (const Closed& row : kClosed)
    if (row.type == type) return closed(peel, row.name);
  return DecodeProblem::not_ip;
}

// RFC 2516 section 4.
DecodeProblem pppoe(Rest rest, Peel& peel) {
  if (rest.captured < 6) return missing(rest, 6);
  if (rest.p[0] != 0x11) return DecodeProblem::malformed;  // version and type
  if (rest.p[1] != 0) return DecodeProblem::not_ip;        // discovery
  const std::uint16_t length = be16(rest.p + 4);
  rest.advance(6);
  rest.bound(length);
  return ppp(rest, peel);
}

// RFC 1661 section 2; numbers from IANA "PPP DLL Protocol Numbers".
DecodeProblem ppp(Rest rest, Peel& peel) {
  if (--peel.left < 0) return DecodeProblem::malformed;
  if (rest.captured < 1) return missing(rest, 1);
  if (rest.p[0] == 0xFF) {  // RFC 1662 §3.1
    if (rest.captured < 2) return missing(rest, 2);
    if (rest.p[1] != 0x03) return DecodeProblem::malformed;
    rest.advance(2);
    if (rest.captured < 1) return missing(rest, 1);
  }
  std::uint16_t protocol = rest.p[0];
  if ((protocol & 1) != 0) {  // compressed to one byte (RFC 1661 §6.5)
    rest.advance(1);
  } else {
    if (rest.captured < 2) return missing(rest, 2);
    protocol = be16(rest.p);
    rest.advance(2);
  }
  switch (protocol) {
    case 0x0021: return ip_of(rest, 4, peel.out);
    case 0x0057: return ip_of(rest, 6, peel.out);
    case 0x0281:
    case 0x0283: return mpls(rest, peel);
    case 0x002D:
    case 0x002F: return closed(peel, "PPP, compressed TCP/IP headers");
    case 0x0003:
    case 0x0005:
    case 0x004F:
    case 0x0061:
    case 0x0063:
    case 0x0065:
    case 0x0067:
    case 0x0069:
    case 0x2063:
    case 0x2065:
    case 0x2067:
    case 0x2069: return closed(peel, "PPP, compressed IP headers");
    case 0x0031: return closed(peel, "PPP bridging");
    case 0x003D: return closed(peel, "PPP multilink");
    case 0x0053:
    case 0x0055: return closed(peel, "PPP, encrypted");
    case 0x00FB:
    case 0x00FD: return closed(peel, "PPP, compressed or encrypted");
    default: return DecodeProblem::not_ip;  // other network layers, and control
  }
}

// RFC 8300 section 2.
DecodeProblem nsh(Rest rest, Peel& peel) {
  if (--peel.left < 0) return DecodeProblem::malformed;
  if (rest.captured < 4) return missing(rest, 4);
  const std::uint32_t header = (rest.p[1] & 0x3FU) * 4U;
  const std::uint8_t next = rest.p[3];
  if ((rest.p[0] & 0xC0) != 0) return closed(peel, "NSH of an unknown version");
  if (header < 8) return DecodeProblem::malformed;
  if ((rest.p[0] & 0x20) != 0) return DecodeProblem::not_ip;  // operation and maintenance
  if (rest.captured < header) return missing(rest, header);
  rest.advance(header);
  switch (next) {
    case 1: return ip_of(rest, 4, peel.out);
    case 2: return ip_of(rest, 6, peel.out);
    case 3: return ethernet(rest, peel);
    case 4: return nsh(rest, peel);
    case 5: return mpls(rest, peel);
    default: return closed(peel, "NSH of an unknown protocol");
  }
}

}  // namespace layers

}  // namespace demarc
