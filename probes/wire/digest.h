// The common frame in a cache line and a half: what a flow table needs of a packet, and nothing else.
//
// Nearly every frame of a capture is Ethernet, perhaps with VLAN tags, around IPv4 without options or IPv6 without
// extension headers, around whole TCP or UDP. For those a full PacketView (decode.h) costs more to reset than the
// packet costs to read. digest() reads exactly those frames, to the same values as decode(), and leaves every other
// one, odd or damaged, to it.
#pragma once

#include <cstdint>

#include "probes/wire/bytes.h"
#include "probes/wire/decode.h"
#include "probes/wire/link_type.h"
#include "rules/net/address.h"
#include "rules/net/protocol.h"

namespace demarc {

/// Numbers in host byte order, lengths in bytes; the fields mean what they mean in IpView.
struct PacketDigest {
  std::uint64_t source_high = 0, source_low = 0;  // IPv4: the number, in `low`
  std::uint64_t destination_high = 0, destination_low = 0;
  const std::uint8_t* payload = nullptr;  // what was captured behind the transport header
  std::uint32_t payload_captured = 0;
  std::uint32_t payload_length = 0;  // on the wire
  std::uint32_t length = 0;          // of the whole IP packet on the wire
  std::uint32_t tcp_seq = 0, tcp_ack = 0;
  std::uint16_t source_port = 0, port = 0;  // of ICMP queries: both the identifier
  std::uint16_t icmp = 0;                   // type << 8 | code
  std::uint8_t protocol = 0;
  std::uint8_t tcp_flags = 0, ttl = 0;
  bool ipv6 = false, has_ports = false;

  Address source() const { return address(source_high, source_low); }
  Address destination() const { return address(destination_high, destination_low); }

 private:
  Address address(std::uint64_t high, std::uint64_t low) const {
    return ipv6 ? Address::ipv6(high, low) : Address::ipv4(static_cast<std::uint32_t>(low));
  }
};

/// Reads a common frame as decode() would. False: it is not one, and decode() must look; `out` is then unspecified.
bool digest(LinkType link, Bytes frame, std::uint32_t wire_length, PacketDigest& out);

/// The same of a decoded packet, or of what an ICMP error quotes (which has no payload).
PacketDigest digest_of(const PacketView& packet);
PacketDigest digest_of(const IpView& packet);

}  // namespace demarc
