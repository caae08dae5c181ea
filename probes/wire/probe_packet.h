// Probes as bytes, written in place: what craft.h does for tests and captures, without a vector for each packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "probes/wire/bytes.h"
#include "rules/net/address.h"

namespace demarc {

/// What the IP header of a probe says. Both addresses are of one family.
struct ProbeIp {
  Address source, destination;
  std::uint8_t ttl = 64;
  std::uint16_t id = 0;  // IPv4 identification; the IPv6 flow label has no counterpart and stays 0
  bool dont_fragment = true;
};

struct ProbeTcp {
  std::uint16_t source_port = 0, port = 0;
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = 0;  // tcp_flag::...
  std::uint16_t window = 64240;
  std::optional<std::uint16_t> segment_max;  // MSS option (RFC 9293 §3.7.1)
  std::optional<std::uint32_t> timestamp;    // TSval of a timestamps option (RFC 7323 §3.2)
};

/// Each writes one whole packet from its IP header on and returns its length; 0 if `out` has no room for it.
std::size_t write_tcp(std::span<std::uint8_t> out, const ProbeIp& ip, const ProbeTcp& tcp);
std::size_t write_udp(std::span<std::uint8_t> out, const ProbeIp& ip, std::uint16_t source_port, std::uint16_t port,
                      Bytes payload);
/// ICMP or ICMPv6 by the family of the addresses. `rest` is the second word: identifier and sequence number.
std::size_t write_icmp(std::span<std::uint8_t> out, const ProbeIp& ip, std::uint8_t type, std::uint8_t code,
                       std::uint32_t rest, Bytes payload);

/// The longest header that any of them writes before its payload.
inline constexpr std::size_t kProbeHeadersMax = 40 + 20 + 40;

using EthernetAddress = std::array<std::uint8_t, 6>;

/// An ARP request (RFC 826) from its own header on. IPv4.
std::size_t write_arp_request(std::span<std::uint8_t> out, const EthernetAddress& own, const Address& source,
                              const Address& wanted);
/// Who is asking and what the answer is, of an ARP reply to us; nullopt for anything else.
struct ArpReply {
  Address address;
  EthernetAddress link;
};
std::optional<ArpReply> read_arp_reply(Bytes packet);

/// A neighbour solicitation (RFC 4861 §4.3) from its IPv6 header on, to the solicited-node multicast address.
std::size_t write_neighbour_solicitation(std::span<std::uint8_t> out, const EthernetAddress& own,
                                         const Address& source, const Address& wanted);
/// 33:33:ff and the last three bytes (RFC 2464 §7).
EthernetAddress solicited_node_link(const Address& wanted);
/// The link address that a neighbour advertisement gives (§4.4), from its IPv6 header on. Only with hop limit 255,
/// which shows that no router forwarded it (§7.1.2).
std::optional<ArpReply> read_neighbour_advertisement(Bytes packet);

}  // namespace demarc
