// A second decoder of the IP layer, written from the RFCs for being read and not for being fast: copies, no
// look-ahead, no snap length cleverness. It shares no code with probes/wire but the address types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rules/net/flow.h"

namespace demarc::naive {

struct Packet {
  Address source, destination;
  Protocol protocol;
  std::optional<std::uint16_t> source_port, port;
  std::uint8_t flags = 0;  // TCP's
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t icmp_type = 0, icmp_code = 0;
  std::uint16_t icmp_id = 0;
  std::size_t length = 0;   // of the whole IP packet
  std::size_t payload = 0;  // bytes behind the transport header
  std::string text;         // of them, what is there
  bool fragment = false, later_fragment = false;
  std::uint32_t fragment_id = 0;
  std::vector<std::uint8_t> quote;  // what an ICMP error quotes
};

/// Nothing for what is no sound IP packet. `quoted`: only the start is there, lengths reach beyond it.
std::optional<Packet> read_ip(const std::vector<std::uint8_t>& bytes, bool quoted = false);

/// What stands behind the link header of Ethernet (with tags), BSD loopback, raw IP and Linux cooked frames; empty
/// for what is not IP or not one of these.
std::vector<std::uint8_t> strip_link(unsigned link_type, const std::vector<std::uint8_t>& frame);

}  // namespace demarc::naive
