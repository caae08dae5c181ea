#include "probes/wire/craft_layers.h"

namespace demarc {

namespace {

bool is_v6(const Frame& packet) { return !packet.empty() && (packet[0] >> 4) == 6; }

constexpr std::uint8_t kStation[] = {0x02, 0, 0x5E, 0, 0, 1}, kPeer[] = {0x02, 0, 0x5E, 0, 0, 2};

Frame before(std::initializer_list<std::uint8_t> header, const Frame& rest) {
  Frame out(header);
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

Frame with_ethertype(const Frame& packet) {
  Frame out;
  ByteWriter(out).u16(ethertype_of(packet)).bytes(packet);
  return out;
}

Frame tagged(std::uint16_t type, std::initializer_list<std::uint8_t> tag, const Frame& packet) {
  return craft_ethertype(type, before(tag, with_ethertype(packet)));
}

Frame cisco_hdlc(const Frame& packet) { return before({0x0F, 0}, with_ethertype(packet)); }

Frame avs(const Frame& frame) {
  Frame out;
  ByteWriter(out).u32(0x80211001).u32(64).zeros(56).bytes(frame);
  return out;
}

Frame prism(const Frame& frame) {
  Frame out;
  ByteWriter(out, true).u32(0x44).u32(144).zeros(136).bytes(frame);
  return out;
}

Frame pktap(const Frame& frame, std::uint32_t link) {
  Frame out;
  ByteWriter w(out, true);
  w.u32(108).u32(1).u32(link).zeros(24).u32(1).u32(2).u32(14).u32(0).zeros(108 - 52).bytes(frame);
  return out;
}

Frame ppi(const Frame& frame, std::uint32_t link, bool check_sequence) {
  Frame out;
  ByteWriter w(out, true);
  w.u8(0).u8(0).u16(32).u32(link).u16(2).u16(20).u64(0).u16(check_sequence ? 1 : 0).zeros(10).bytes(frame);
  return out;
}

// With an extension header, and two bytes of padding behind the frame.
Frame erf(std::uint8_t type, const Frame& frame, std::uint16_t pad) {
  Frame out;
  ByteWriter w(out);
  w.u64(0).u8(type | 0x80U).u8(4).u16(static_cast<unsigned>(24 + pad + frame.size() + 2)).u16(0);
  w.u16(static_cast<unsigned>(frame.size())).u64(0).zeros(pad).bytes(frame).zeros(2);
  return out;
}

// The check sequence of HDLC (RFC 1662 appendix C.2), which DOCSIS has over its header.
std::uint16_t hdlc_check(Bytes bytes) {
  unsigned sum = 0xFFFF;
  for (const std::uint8_t byte : bytes) {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum & 1) != 0 ? (sum >> 1) ^ 0x8408U : sum >> 1;
  }
  return static_cast<std::uint16_t>(~sum);
}

Frame docsis(const Frame& frame) {
  Frame out;
  ByteWriter(out).u8(0).u8(0).u16(static_cast<unsigned>(frame.size()));
  const std::uint16_t check = hdlc_check(out);
  ByteWriter(out, true).u16(check).bytes(frame);
  return out;
}

Frame pflog(const Frame& packet) {
  Frame out;  // as OpenBSD writes it: 100 bytes
  ByteWriter(out).u8(100).u8(is_v6(packet) ? 24 : 2).zeros(98).bytes(packet);
  return out;
}

constexpr LayerCraft kLayers[] = {
    {"loopback", LinkType::null, [](const Frame& p) { return craft_frame(LinkType::null, p); }},
    {"ethernet", LinkType::ethernet, [](const Frame& p) { return craft_ethernet(p); }},
    {"ethernet vlan", LinkType::ethernet, [](const Frame& p) { return craft_ethernet(p, {42}); }},
    {"ethernet qinq", LinkType::ethernet,
     [](const Frame& p) {
       return craft_ethernet(p, {7, 300});
     }},
    {"ethernet snap", LinkType::ethernet,
     [](const Frame& p) {
       const Frame body = craft_snap(p);
       return craft_ethertype(static_cast<std::uint16_t>(body.size()), body);
     }},
    {"ethernet mpls", LinkType::ethernet,
     [](const Frame& p) {
       return craft_ethertype(0x8847, craft_mpls({16, 1000}, p));
     }},
    {"ethernet mpls explicit null", LinkType::ethernet,
     [](const Frame& p) { return craft_ethertype(0x8847, craft_mpls({is_v6(p) ? 2U : 0U}, p)); }},
    {"ethernet mpls pseudowire", LinkType::ethernet,
     [](const Frame& p) {
       Frame control{0, 0, 0, 0};
       ByteWriter(control).bytes(craft_ethernet(p));
       return craft_ethertype(0x8847, craft_mpls({500}, control));
     }},
    {"ethernet pppoe", LinkType::ethernet,
     [](const Frame& p) { return craft_ethertype(0x8864, craft_pppoe(9, craft_ppp(p))); }},
    {"ethernet vlan pppoe", LinkType::ethernet,
     [](const Frame& p) {
       Frame tag;
       ByteWriter(tag).u16(7).u16(0x8864).bytes(craft_pppoe(9, craft_ppp(p)));
       return craft_ethertype(0x8100, tag);
     }},
    {"ethernet macsec", LinkType::ethernet,
     [](const Frame& p) { return craft_ethertype(0x88E5, craft_macsec(p)); }},
    {"ethernet backbone", LinkType::ethernet,
     [](const Frame& p) {
       return craft_ethertype(0x88E7, before({0, 0, 0x10, 0x01}, craft_ethernet(p)));
     }},
    {"ethernet vn-tag", LinkType::ethernet,
     [](const Frame& p) {
       return tagged(0x8926, {0x80, 1, 0, 2}, p);
     }},
    {"ethernet hsr", LinkType::ethernet,
     [](const Frame& p) {
       return tagged(0x892F, {0, 60, 0, 1}, p);
     }},
    {"ethernet trustsec", LinkType::ethernet,
     [](const Frame& p) {
       return tagged(0x8909, {1, 1, 0, 1, 0, 16}, p);
     }},
    {"ethernet nsh", LinkType::ethernet,
     [](const Frame& p) { return craft_ethertype(0x894F, craft_nsh(is_v6(p) ? 2 : 1, p)); }},
    {"ethernet nsh ethernet", LinkType::ethernet,
     [](const Frame& p) { return craft_ethertype(0x894F, craft_nsh(3, craft_ethernet(p))); }},
    {"ppp", LinkType::ppp, [](const Frame& p) { return craft_frame(LinkType::ppp, p); }},
    {"ppp framed", LinkType::ppp,
     [](const Frame& p) {
       return before({0xFF, 0x03}, craft_ppp(p));
     }},
    {"ppp compressed protocol", LinkType::ppp,
     [](const Frame& p) { return before({std::uint8_t(is_v6(p) ? 0x57 : 0x21)}, p); }},
    {"ppp hdlc", LinkType::ppp_hdlc, [](const Frame& p) { return craft_frame(LinkType::ppp_hdlc, p); }},
    {"ppp hdlc cisco", LinkType::ppp_hdlc, [](const Frame& p) { return cisco_hdlc(p); }},
    {"pppoe", LinkType::ppp_ether, [](const Frame& p) { return craft_frame(LinkType::ppp_ether, p); }},
    {"ppp pppd", LinkType::ppp_pppd, [](const Frame& p) { return craft_frame(LinkType::ppp_pppd, p); }},
    {"ppp direction", LinkType::ppp_with_direction,
     [](const Frame& p) { return craft_frame(LinkType::ppp_with_direction, p); }},
    {"cisco hdlc", LinkType::cisco_hdlc, [](const Frame& p) { return craft_frame(LinkType::cisco_hdlc, p); }},
    {"cisco hdlc direction", LinkType::cisco_hdlc_with_direction,
     [](const Frame& p) { return craft_frame(LinkType::cisco_hdlc_with_direction, p); }},
    {"raw", LinkType::raw, [](const Frame& p) { return p; }},
    {"raw bsd", LinkType::raw_bsd, [](const Frame& p) { return p; }},
    {"raw openbsd", LinkType::raw_openbsd, [](const Frame& p) { return p; }},
    {"openbsd loopback", LinkType::loop, [](const Frame& p) { return craft_frame(LinkType::loop, p); }},
    {"enc", LinkType::enc, [](const Frame& p) { return craft_frame(LinkType::enc, p); }},
    {"cooked", LinkType::linux_cooked, [](const Frame& p) { return craft_frame(LinkType::linux_cooked, p); }},
    {"cooked 2", LinkType::linux_cooked2, [](const Frame& p) { return craft_frame(LinkType::linux_cooked2, p); }},
    {"pflog", LinkType::pflog, [](const Frame& p) { return craft_frame(LinkType::pflog, p); }},
    {"mpls", LinkType::mpls, [](const Frame& p) { return craft_frame(LinkType::mpls, p); }},
    {"ipnet", LinkType::ipnet, [](const Frame& p) { return craft_frame(LinkType::ipnet, p); }},
    {"nflog", LinkType::nflog, [](const Frame& p) { return craft_frame(LinkType::nflog, p); }},
    {"nflog big-endian", LinkType::nflog, [](const Frame& p) { return craft_nflog(p, p.size(), false); }},
    {"pktap", LinkType::pktap, [](const Frame& p) { return craft_frame(LinkType::pktap, p); }},
    {"pktap raw", LinkType::pktap, [](const Frame& p) { return pktap(p, 12); }},
    {"pktap old", LinkType::pktap_old, [](const Frame& p) { return craft_frame(LinkType::pktap_old, p); }},
    {"erf", LinkType::erf, [](const Frame& p) { return craft_frame(LinkType::erf, p); }},
    {"erf hdlc", LinkType::erf,
     [](const Frame& p) {
       return erf(1, before({0xFF, 0x03}, craft_ppp(p)), 0);
     }},
    {"docsis", LinkType::docsis, [](const Frame& p) { return craft_frame(LinkType::docsis, p); }},
    {"wifi", LinkType::wifi, [](const Frame& p) { return craft_frame(LinkType::wifi, p); }},
    {"wifi qos", LinkType::wifi, [](const Frame& p) { return craft_wifi(craft_snap(p), {.qos = true}); }},
    {"wifi qos ht", LinkType::wifi,
     [](const Frame& p) { return craft_wifi(craft_snap(p), {.qos = true, .ht_control = true}); }},
    {"wifi bridge", LinkType::wifi,
     [](const Frame& p) { return craft_wifi(craft_snap(p), {.qos = true, .four_addresses = true}); }},
    {"wifi amsdu", LinkType::wifi, [](const Frame& p) { return craft_amsdu({p}); }},
    {"radiotap", LinkType::radiotap, [](const Frame& p) { return craft_frame(LinkType::radiotap, p); }},
    {"radiotap check sequence", LinkType::radiotap,
     [](const Frame& p) { return craft_radiotap(craft_wifi(craft_snap(p), {.check_sequence = true}), 0x10); }},
    {"radiotap padded", LinkType::radiotap,
     [](const Frame& p) { return craft_radiotap(craft_wifi(craft_snap(p), {.qos = true, .padded = true}), 0x20); }},
    {"prism", LinkType::prism, [](const Frame& p) { return craft_frame(LinkType::prism, p); }},
    {"avs", LinkType::avs, [](const Frame& p) { return craft_frame(LinkType::avs, p); }},
    {"ppi", LinkType::ppi, [](const Frame& p) { return craft_frame(LinkType::ppi, p); }},
    {"ppi ethernet", LinkType::ppi, [](const Frame& p) { return ppi(craft_ethernet(p), 1, false); }},
};

}  // namespace

std::uint16_t ethertype_of(const Frame& packet) { return is_v6(packet) ? 0x86DD : 0x0800; }

Frame craft_ethertype(std::uint16_t type, const Frame& payload) {
  Frame frame;
  ByteWriter(frame).bytes(kPeer).bytes(kStation).u16(type).bytes(payload);
  return frame;
}

Frame craft_snap(const Frame& packet) {
  Frame out;
  ByteWriter(out).u32(0xAAAA0300).u16(0).u16(ethertype_of(packet)).bytes(packet);
  return out;
}

Frame craft_mpls(std::initializer_list<std::uint32_t> labels, const Frame& payload) {
  Frame out;
  ByteWriter w(out);
  std::size_t left = labels.size();
  for (const std::uint32_t label : labels) w.u32((label << 12) | (--left == 0 ? 0x100U : 0U) | 64U);
  w.bytes(payload);
  return out;
}

Frame craft_ppp(const Frame& packet) {
  Frame out;
  ByteWriter(out).u16(is_v6(packet) ? 0x0057 : 0x0021).bytes(packet);
  return out;
}

Frame craft_pppoe(std::uint16_t session, const Frame& ppp) {
  Frame out;
  ByteWriter(out).u16(0x1100).u16(session).u16(static_cast<unsigned>(ppp.size())).bytes(ppp);
  return out;
}

Frame craft_macsec(const Frame& packet, bool encrypted) {
  Frame out;  // with channel identifier and the 16 bytes of the check value
  ByteWriter w(out);
  w.u8(encrypted ? 0x2C : 0x20).u8(packet.size() + 2 < 48 ? static_cast<unsigned>(packet.size() + 2) : 0U).u32(1);
  w.u64(0x02005E0000010001).u16(ethertype_of(packet)).bytes(packet).zeros(16);
  return out;
}

Frame craft_nsh(std::uint8_t next_protocol, const Frame& payload) {
  Frame out;  // RFC 8300: metadata of type 1, 16 bytes
  ByteWriter(out).u16(0x0FC6).u8(1).u8(next_protocol).u32(0x000001FF).zeros(16).bytes(payload);
  return out;
}

Frame craft_wifi(const Frame& body, const WifiCraft& wifi) {
  Frame out;
  ByteWriter w(out);
  const unsigned flags = (wifi.four_addresses ? 3U : 1U) | (wifi.more_fragments ? 4U : 0U) |
                         (wifi.protection ? 0x40U : 0U) | (wifi.ht_control ? 0x80U : 0U);
  w.u8(wifi.qos ? 0x88 : 0x08).u8(flags).u16(0).bytes(kPeer).bytes(kStation).bytes(kPeer);
  w.u8(0x10U | wifi.fragment).u8(0);
  if (wifi.four_addresses) w.bytes(kStation);
  if (wifi.qos) w.u16(0);
  if (wifi.ht_control) w.u32(0);
  if (wifi.padded) w.zeros((4 - out.size() % 4) % 4);
  w.bytes(body);
  if (wifi.check_sequence) w.u32(0xDEADBEEF);
  return out;
}

Frame craft_amsdu(std::initializer_list<Frame> packets, const WifiCraft& wifi) {
  Frame body;
  ByteWriter w(body);
  for (const Frame& packet : packets) {
    w.zeros((4 - body.size() % 4) % 4);
    const Frame inner = craft_snap(packet);
    w.bytes(kPeer).bytes(kStation).u16(static_cast<unsigned>(inner.size())).bytes(inner);
  }
  WifiCraft traits = wifi;
  traits.qos = true;
  Frame out = craft_wifi(body, traits);
  out[traits.four_addresses ? 30 : 24] = 0x80;
  return out;
}

Frame craft_radiotap(const Frame& frame, std::uint8_t flags) {
  Frame out;  // two words of bits, the time (aligned to eight bytes), flags, rate
  ByteWriter w(out, true);
  w.u8(0).u8(0).u16(26).u32(0x80000007).u32(0).zeros(4).u64(0).u8(flags).u8(2).bytes(frame);
  return out;
}

Frame craft_nflog(const Frame& packet, std::size_t kept, bool little_endian) {
  Frame out;
  ByteWriter w(out, little_endian);
  const std::size_t count = std::min(kept, packet.size());
  w.u8(is_v6(packet) ? 10 : 2).u8(0).u8(0).u8(5);
  w.u16(8).u16(1);
  ByteWriter(out).u16(ethertype_of(packet)).u8(1).u8(0);
  w.u16(7).u16(10).bytes(Frame{'i', 'n', 0, 0});  // a prefix, padded to four bytes
  w.u16(static_cast<unsigned>(4 + count)).u16(9).bytes(Bytes(packet).first(count));
  w.zeros((4 - count % 4) % 4);
  return out;
}

Frame craft_frame(LinkType link, const Frame& packet) {
  const bool v6 = is_v6(packet);
  Frame frame;
  ByteWriter w(frame);
  switch (link) {
    case LinkType::ethernet: return craft_ethernet(packet);
    case LinkType::null:
      frame = {static_cast<std::uint8_t>(v6 ? 30 : 2), 0, 0, 0};
      break;  // as a little-endian Darwin writes it
    case LinkType::loop: w.u32(v6 ? 24 : 2); break;
    case LinkType::enc: frame = {static_cast<std::uint8_t>(v6 ? 24 : 2), 0, 0, 0, 0, 0, 1, 1, 0, 8, 0, 0}; break;
    case LinkType::linux_cooked:
      w.u16(0).u16(1).u16(6).u16(0x0200).u32(0x5E000001).u16(0).u16(ethertype_of(packet));
      break;
    case LinkType::linux_cooked2:
      w.u16(ethertype_of(packet)).u16(0).u32(2).u16(1).u8(0).u8(6).u16(0x0200).u32(0x5E000001).u16(0);
      break;
    case LinkType::ppp: return craft_ppp(packet);
    case LinkType::ppp_hdlc: return before({0xFF, 0x03}, craft_ppp(packet));
    case LinkType::ppp_ether: return craft_pppoe(9, craft_ppp(packet));
    case LinkType::ppp_pppd: return before({0x01, 0x03}, craft_ppp(packet));
    case LinkType::ppp_with_direction: return before({0x01, 0xFF, 0x03}, craft_ppp(packet));
    case LinkType::cisco_hdlc: return cisco_hdlc(packet);
    case LinkType::cisco_hdlc_with_direction: return before({0x01}, cisco_hdlc(packet));
    case LinkType::mpls: return craft_mpls({100}, packet);
    case LinkType::pflog: return pflog(packet);
    case LinkType::ipnet:
      w.u8(1).u8(v6 ? 26 : 2).u16(0).u32(static_cast<std::uint32_t>(packet.size())).zeros(16);
      break;
    case LinkType::nflog: return craft_nflog(packet, packet.size());
    case LinkType::pktap:
    case LinkType::pktap_old: return pktap(craft_ethernet(packet), 1);
    case LinkType::erf: return erf(2, craft_ethernet(packet), 2);
    case LinkType::docsis: return docsis(craft_ethernet(packet));
    case LinkType::wifi: return craft_wifi(craft_snap(packet));
    case LinkType::radiotap: return craft_radiotap(craft_wifi(craft_snap(packet)), 0);
    case LinkType::prism: return prism(craft_wifi(craft_snap(packet)));
    case LinkType::avs: return avs(craft_wifi(craft_snap(packet)));
    case LinkType::ppi: return ppi(craft_wifi(craft_snap(packet), {.check_sequence = true}), 105, true);
    case LinkType::raw_bsd:
    case LinkType::raw_openbsd:
    case LinkType::raw:
    case LinkType::ipv4:
    case LinkType::ipv6: break;
  }
  w.bytes(packet);
  return frame;
}

std::span<const LayerCraft> layer_crafts() { return kLayers; }

}  // namespace demarc
