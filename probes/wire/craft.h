// Packets from named parts, with their checksums: for raw probes, generators of captures, and tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "probes/wire/bytes.h"
#include "probes/wire/link_type.h"
#include "rules/net/address.h"
#include "rules/net/protocol.h"

namespace demarc {

using Frame = std::vector<std::uint8_t>;

/// The Internet checksum (RFC 1071) over a pseudo-header sum and the bytes.
std::uint16_t internet_checksum(Bytes bytes, std::uint32_t sum = 0);

/// What the IP layer of a crafted packet says.
struct IpCraft {
  std::uint8_t ttl = 64;
  std::uint32_t id = 0;
  std::uint16_t fragment_offset = 0;  // in bytes, a multiple of 8
  bool more_fragments = false;
  Frame options = {};  // IPv4, padded to a multiple of 4
  /// IPv6 extension headers in order: their protocol number, and the body behind "next header" and "length".
  std::vector<std::pair<std::uint8_t, Frame>> extensions = {};
  std::optional<std::uint16_t> length_claimed = {};  // what the length field says instead of the truth
};

struct TcpCraft {
  std::uint16_t source_port = 0, port = 0;
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = 0;  // tcp_flag::...
  std::string_view payload = {};
  Frame options = {};  // padded to a multiple of 4
  std::uint16_t window = 65535;
};

Frame craft_ip(const Address& source, const Address& destination, Protocol protocol, Bytes payload,
               const IpCraft& ip = {});
Frame craft_tcp(const Address& source, const Address& destination, const TcpCraft& tcp, const IpCraft& ip = {});
Frame craft_udp(const Address& source, const Address& destination, std::uint16_t source_port, std::uint16_t port,
                std::string_view payload = {}, const IpCraft& ip = {});
/// `rest` is the second word of the header: identifier and sequence number, or an MTU.
Frame craft_icmp(const Address& source, const Address& destination, std::uint8_t type, std::uint8_t code,
                 std::uint32_t rest, Bytes payload = {}, const IpCraft& ip = {});
/// An error from `source` to whoever sent `offending`, quoting at most `quoted_max` of its bytes.
Frame craft_icmp_error(const Address& source, std::uint8_t type, std::uint8_t code, const Frame& offending,
                       std::size_t quoted_max = 548);
/// The packet in pieces whose payload is at most `payload_max` bytes (rounded down to a multiple of 8).
std::vector<Frame> craft_fragments(const Frame& packet, std::size_t payload_max, std::uint32_t id);

/// The packet as a frame of that link type.
Frame craft_frame(LinkType link, const Frame& packet);
/// An Ethernet frame with tags from the outside in (several: 802.1ad outside), padded to 60 bytes.
Frame craft_ethernet(const Frame& packet, std::initializer_list<std::uint16_t> vlans = {});

}  // namespace demarc
