// Tunnel headers from named parts, and every tunnel by name: for tests and generators.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "probes/wire/craft.h"
#include "rules/evidence/observed_flow.h"

namespace demarc {

struct GreCraft {
  std::optional<std::uint32_t> key = {}, sequence = {};
  bool checksum = false;
};
/// Each gives what the outer IP or UDP header is followed by.
Frame craft_gre(std::uint16_t protocol, const Frame& payload, const GreCraft& gre = {});
Frame craft_pptp(std::uint16_t call, const Frame& ppp);
/// `version` 1, 2 or 3 of ERSPAN with its GRE header; `truncated` only says so.
Frame craft_erspan(int version, std::uint16_t session, const Frame& ethernet, bool truncated = false);
Frame craft_vxlan(std::uint32_t network, const Frame& ethernet);
/// `next`: 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH, 5 MPLS.
Frame craft_vxlan_gpe(std::uint32_t network, std::uint8_t next, const Frame& payload);
/// `options` padded to a multiple of 4.
Frame craft_geneve(std::uint32_t network, std::uint16_t protocol, const Frame& payload, Frame options = {});
/// With `sequence` the optional fields, with `extension` also an extension header (PDU session container).
Frame craft_gtpu(std::uint32_t teid, const Frame& packet, bool sequence = false, bool extension = false);
Frame craft_l2tp(std::uint16_t tunnel, std::uint16_t session, const Frame& ppp);
Frame craft_l2tpv3(std::uint32_t session, std::size_t cookie_bytes, const Frame& ethernet);

/// The outer packet around an inner one, by name.
struct TunnelCraft {
  std::string_view name;  // "gre key"
  TunnelKind kind;
  bool has_id, id_shared;
  /// `id` below 1,000; ends of either family unless the name says otherwise ("6in4" needs IPv4 outside and IPv6
  /// inside, "teredo" too, "4in6" the reverse).
  Frame (*packet)(const Address& source, const Address& destination, const Frame& inner, std::uint32_t id);
};
/// Every tunnel that decode_inner() opens.
std::span<const TunnelCraft> tunnel_crafts();
/// Whether this tunnel can go between addresses of that family and carry that packet.
bool can_carry(const TunnelCraft& tunnel, bool outer_v4, const Frame& inner);

}  // namespace demarc
