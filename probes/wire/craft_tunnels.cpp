#include "probes/wire/craft_tunnels.h"

#include "probes/wire/craft_layers.h"

namespace demarc {

namespace {

constexpr std::uint16_t kEntropy = 50000;  // source port of tunnels that put a hash there

Frame udp(const Address& source, const Address& destination, std::uint16_t port, const Frame& payload) {
  return craft_udp(source, destination, kEntropy, port,
                   std::string_view(reinterpret_cast<const char*>(payload.data()), payload.size()));
}

Frame ip(const Address& source, const Address& destination, unsigned protocol, const Frame& payload) {
  return craft_ip(source, destination, Protocol(static_cast<std::uint8_t>(protocol)), payload);
}

bool is_v6(const Frame& packet) { return (packet[0] >> 4) == 6; }

using A = const Address&;
using F = const Frame&;
using Id = std::uint32_t;

constexpr TunnelCraft kTunnels[] = {
    {"ipip", TunnelKind::ipip, false, true, [](A s, A d, F p, Id) { return ip(s, d, is_v6(p) ? 41 : 4, p); }},
    {"6in4", TunnelKind::sixinfour, false, true, [](A s, A d, F p, Id) { return ip(s, d, 41, p); }},
    {"4in6", TunnelKind::ipip, false, true, [](A s, A d, F p, Id) { return ip(s, d, 4, p); }},
    {"gre", TunnelKind::gre, false, true,
     [](A s, A d, F p, Id) { return ip(s, d, 47, craft_gre(ethertype_of(p), p)); }},
    {"gre key", TunnelKind::gre, true, true,
     [](A s, A d, F p, Id id) { return ip(s, d, 47, craft_gre(ethertype_of(p), p, {.key = id})); }},
    {"gre checksum key sequence", TunnelKind::gre, true, true,
     [](A s, A d, F p, Id id) {
       return ip(s, d, 47, craft_gre(ethertype_of(p), p, {.key = id, .sequence = 7, .checksum = true}));
     }},
    {"gre ethernet", TunnelKind::gre, true, true,
     [](A s, A d, F p, Id id) { return ip(s, d, 47, craft_gre(0x6558, craft_ethernet(p), {.key = id})); }},
    {"nvgre", TunnelKind::gre, true, true,
     [](A s, A d, F p, Id id) {
       const Id key = ((0x1000 + id) << 8) | 0x5A;  // network, flow
       return ip(s, d, 47, craft_gre(0x6558, craft_ethernet(p), {.key = key}));
     }},
    {"gre mpls", TunnelKind::gre, false, true,
     [](A s, A d, F p, Id) { return ip(s, d, 47, craft_gre(0x8847, craft_mpls({17}, p))); }},
    {"gre in udp", TunnelKind::gre, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 4754, craft_gre(ethertype_of(p), p, {.key = id})); }},
    {"pptp", TunnelKind::gre, true, false,
     [](A s, A d, F p, Id id) { return ip(s, d, 47, craft_pptp(static_cast<std::uint16_t>(id), craft_ppp(p))); }},
    {"erspan 1", TunnelKind::erspan, false, true,
     [](A s, A d, F p, Id) { return ip(s, d, 47, craft_erspan(1, 0, craft_ethernet(p))); }},
    {"erspan 2", TunnelKind::erspan, true, true,
     [](A s, A d, F p, Id id) {
       return ip(s, d, 47, craft_erspan(2, static_cast<std::uint16_t>(id), craft_ethernet(p)));
     }},
    {"erspan 3", TunnelKind::erspan, true, true,
     [](A s, A d, F p, Id id) {
       return ip(s, d, 47, craft_erspan(3, static_cast<std::uint16_t>(id), craft_ethernet(p)));
     }},
    {"vxlan", TunnelKind::vxlan, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 4789, craft_vxlan(id, craft_ethernet(p))); }},
    {"vxlan vlan", TunnelKind::vxlan, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 4789, craft_vxlan(id, craft_ethernet(p, {33}))); }},
    {"vxlan 8472", TunnelKind::vxlan, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 8472, craft_vxlan(id, craft_ethernet(p))); }},
    {"vxlan-gpe", TunnelKind::vxlan, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 4790, craft_vxlan_gpe(id, is_v6(p) ? 2 : 1, p)); }},
    {"vxlan-gpe nsh", TunnelKind::vxlan, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 4790, craft_vxlan_gpe(id, 4, craft_nsh(is_v6(p) ? 2 : 1, p))); }},
    {"geneve", TunnelKind::geneve, true, true,
     [](A s, A d, F p, Id id) { return udp(s, d, 6081, craft_geneve(id, 0x6558, craft_ethernet(p))); }},
    {"geneve options ip", TunnelKind::geneve, true, true,
     [](A s, A d, F p, Id id) {
       return udp(s, d, 6081, craft_geneve(id, ethertype_of(p), p, {0x01, 0x02, 0x80, 1, 9, 9, 9, 9}));
     }},
    {"gtpu", TunnelKind::gtpu, true, false,
     [](A s, A d, F p, Id id) { return udp(s, d, 2152, craft_gtpu(id, p)); }},
    {"gtpu sequence", TunnelKind::gtpu, true, false,
     [](A s, A d, F p, Id id) { return udp(s, d, 2152, craft_gtpu(id, p, true)); }},
    {"gtpu extension", TunnelKind::gtpu, true, false,
     [](A s, A d, F p, Id id) { return udp(s, d, 2152, craft_gtpu(id, p, true, true)); }},
    {"l2tp", TunnelKind::other, true, false,
     [](A s, A d, F p, Id id) {
       return udp(s, d, 1701, craft_l2tp(0, static_cast<std::uint16_t>(id), craft_ppp(p)));
     }},
    {"l2tpv3", TunnelKind::other, true, false,
     [](A s, A d, F p, Id id) { return ip(s, d, 115, craft_l2tpv3(id, 8, craft_ethernet(p))); }},
    {"teredo", TunnelKind::other, false, true, [](A s, A d, F p, Id) { return udp(s, d, 3544, p); }},
    {"mpls in udp", TunnelKind::other, true, false,
     [](A s, A d, F p, Id id) { return udp(s, d, 6635, craft_mpls({id}, p)); }},
    {"mpls in ip", TunnelKind::other, true, false,
     [](A s, A d, F p, Id id) { return ip(s, d, 137, craft_mpls({id}, p)); }},
    {"etherip", TunnelKind::other, false, true,
     [](A s, A d, F p, Id) {
       Frame payload{0x30, 0};
       ByteWriter(payload).bytes(craft_ethernet(p));
       return ip(s, d, 97, payload);
     }},
};

}  // namespace

Frame craft_gre(std::uint16_t protocol, const Frame& payload, const GreCraft& gre) {
  Frame out;
  ByteWriter w(out);
  w.u16((gre.checksum ? 0x8000U : 0U) | (gre.key ? 0x2000U : 0U) | (gre.sequence ? 0x1000U : 0U)).u16(protocol);
  if (gre.checksum) w.u32(0);
  if (gre.key) w.u32(*gre.key);
  if (gre.sequence) w.u32(*gre.sequence);
  w.bytes(payload);
  if (gre.checksum) {
    const std::uint16_t sum = internet_checksum(out);
    out[4] = static_cast<std::uint8_t>(sum >> 8);
    out[5] = static_cast<std::uint8_t>(sum);
  }
  return out;
}

Frame craft_pptp(std::uint16_t call, const Frame& ppp) {
  Frame out;  // RFC 2637: with sequence and acknowledgment numbers
  ByteWriter w(out);
  w.u16(0x3081).u16(0x880B).u16(static_cast<unsigned>(ppp.size())).u16(call).u32(5).u32(4).bytes(ppp);
  return out;
}

Frame craft_erspan(int version, std::uint16_t session, const Frame& ethernet, bool truncated) {
  if (version == 1) return craft_gre(0x88BE, ethernet);
  Frame payload;
  ByteWriter w(payload);
  w.u16(version == 2 ? 0x1000U : 0x2000U).u16((truncated ? 0x0400U : 0U) | (session & 0x3FFU));
  if (version == 2)
    w.u32(3);
  else
    w.u32(12345).u16(0).u16(0x8001).u32(0).u32(0);  // with the platform's subheader
  w.bytes(ethernet);
  return craft_gre(version == 2 ? 0x88BE : 0x22EB, payload, {.sequence = 1});
}

Frame craft_vxlan(std::uint32_t network, const Frame& ethernet) {
  Frame out;
  ByteWriter(out).u32(0x08000000).u32(network << 8).bytes(ethernet);
  return out;
}

Frame craft_vxlan_gpe(std::uint32_t network, std::uint8_t next, const Frame& payload) {
  Frame out;
  ByteWriter(out).u32(0x0C000000U | next).u32(network << 8).bytes(payload);
  return out;
}

Frame craft_geneve(std::uint32_t network, std::uint16_t protocol, const Frame& payload, Frame options) {
  options.resize((options.size() + 3) / 4 * 4);
  Frame out;
  ByteWriter w(out);
  w.u8(static_cast<unsigned>(options.size() / 4))
      .u8(0)
      .u16(protocol)
      .u32(network << 8)
      .bytes(options)
      .bytes(payload);
  return out;
}

Frame craft_gtpu(std::uint32_t teid, const Frame& packet, bool sequence, bool extension) {
  Frame rest;
  ByteWriter w(rest);
  if (sequence || extension) w.u16(1).u8(0).u8(extension ? 0x85 : 0);
  if (extension) w.u8(1).u16(0x1009).u8(0);  // four bytes: a PDU session container, the last
  w.bytes(packet);
  Frame out;
  ByteWriter(out)
      .u8(0x30U | (sequence ? 2U : 0U) | (extension ? 4U : 0U))
      .u8(255)
      .u16(static_cast<unsigned>(rest.size()))
      .u32(teid)
      .bytes(rest);
  return out;
}

Frame craft_l2tp(std::uint16_t tunnel, std::uint16_t session, const Frame& ppp) {
  Frame out;  // a length and sequence numbers
  ByteWriter w(out);
  w.u16(0x4802).u16(static_cast<unsigned>(14 + ppp.size() - 2)).u16(tunnel).u16(session).u16(1).u16(0).bytes(ppp);
  out[2] = static_cast<std::uint8_t>(out.size() >> 8);
  out[3] = static_cast<std::uint8_t>(out.size());
  return out;
}

Frame craft_l2tpv3(std::uint32_t session, std::size_t cookie_bytes, const Frame& ethernet) {
  Frame out;
  ByteWriter(out).u32(session).bytes(Frame(cookie_bytes, 0xC7)).bytes(ethernet);
  return out;
}

std::span<const TunnelCraft> tunnel_crafts() { return kTunnels; }

bool can_carry(const TunnelCraft& tunnel, bool outer_v4, const Frame& inner) {
  if (tunnel.name == "6in4" || tunnel.name == "teredo") return outer_v4 && is_v6(inner);
  if (tunnel.name == "4in6") return !outer_v4 && !is_v6(inner);
  if (tunnel.name == "ipip") return outer_v4 != is_v6(inner);
  return true;
}

}  // namespace demarc
