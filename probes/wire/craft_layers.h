// What may stand before an IP packet in a link frame, from named parts; and all of it by name, for tests and
// generators that want every layer there is.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "probes/wire/craft.h"

namespace demarc {

/// 0x0800 or 0x86DD, as the first four bits say.
std::uint16_t ethertype_of(const Frame& packet);
/// An Ethernet header before any payload; no padding.
Frame craft_ethertype(std::uint16_t type, const Frame& payload);
/// IEEE 802.2 with SNAP before a packet.
Frame craft_snap(const Frame& packet);
/// A label stack, the bottom last; `payload` as it is.
Frame craft_mpls(std::initializer_list<std::uint32_t> labels, const Frame& payload);
/// The PPP protocol number before a packet.
Frame craft_ppp(const Frame& packet);
Frame craft_pppoe(std::uint16_t session, const Frame& ppp);
/// `encrypted` only says so: the data stays as it is.
Frame craft_macsec(const Frame& packet, bool encrypted = false);
Frame craft_nsh(std::uint8_t next_protocol, const Frame& payload);

struct WifiCraft {
  bool qos = false, four_addresses = false, ht_control = false, protection = false;
  bool more_fragments = false, check_sequence = false;
  bool padded = false;  // between header and body, as some drivers do
  std::uint8_t fragment = 0;
};
/// A data frame with that body.
Frame craft_wifi(const Frame& body, const WifiCraft& wifi = {});
/// The body of a QoS data frame that holds several packets, and the frame.
Frame craft_amsdu(std::initializer_list<Frame> packets, const WifiCraft& wifi = {});
/// `flags` as radiotap's field: 0x10 check sequence, 0x20 padded, 0x40 damaged.
Frame craft_radiotap(const Frame& frame, std::uint8_t flags);
/// One NFLOG record: `kept` bytes of the packet, numbers in either byte order.
Frame craft_nflog(const Frame& packet, std::size_t kept, bool little_endian = true);

/// A way for one packet to be inside a frame, by name.
struct LayerCraft {
  std::string_view name;  // "ethernet mpls"
  LinkType link;
  Frame (*frame)(const Frame& packet);
};
/// Every link type and every encapsulation that decode() opens.
std::span<const LayerCraft> layer_crafts();

}  // namespace demarc
