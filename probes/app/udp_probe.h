// What to send to a UDP port so that its service must answer, and how to read the answer. A port that nobody speaks
// to properly stays silent whether it is open or not; so every service that a DMZ review meets has its own
// question, one row of one table (udp_probes.cpp). Polite by construction: nothing logs in, writes, or asks for a
// large answer.
//
// A stranger can send datagrams too. Every question carries a token that only we know, wherever its protocol gives
// room to (transaction ids, cookies, names), and the reader says how many bits of it came back.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "probes/app/app_probe.h"

namespace demarc {

/// 128 unguessable bits for one question.
struct Token {
  std::array<std::uint8_t, 16> bytes{};
  std::uint16_t u16(unsigned at = 0) const { return be16(bytes.data() + at); }
  std::uint32_t u32(unsigned at = 0) const { return be32(bytes.data() + at); }
  std::uint64_t u64(unsigned at = 0) const { return be64(bytes.data() + at); }
};

struct UdpHeard {
  bool is_answer = false;           // what this protocol must say to that question; otherwise nothing else counts
  unsigned token_bits = 0;          // of the token that came back: what a stranger would have had to guess
  std::optional<ServiceSeen> seen;  // what speaks, if it says
};

/// One question we know how to ask.
struct UdpProbe {
  std::string_view name;
  std::span<const PortRange> ports;  // where it is asked
  ByteString (*request)(const Token& token);
  UdpHeard (*read)(Bytes reply, const Token& token);
  bool other_port = false;  // the answer comes from another port of the target (TFTP, RFC 1350 §4)
  std::string_view reference;
  bool answers =
      true;  // false: the protocol has no answer for strangers (syslog, WireGuard): silence proves nothing
};

std::span<const UdpProbe> udp_probes();
const UdpProbe* find_udp_probe(std::string_view name);
/// Never a real token: a reader that gets it judges by form alone, and finds no bits of it.
inline constexpr Token kNobodyAsked{};
/// The questions for that port, the likeliest first; never empty: where nobody knows better, it is an empty
/// datagram and then a few generic ones. Each try may ask another one.
std::vector<const UdpProbe*> udp_probes_for(Port port);
/// Shows a reply to the reader of the question asked, then to the others (whose tokens it cannot carry): a service
/// may stand on another's port. Who sends our own question back is an echo service. What nobody knows is no answer,
/// but is shown as "unknown" with its first bytes as evidence.
UdpHeard recognise_udp(Bytes reply, const UdpProbe& asked, const Token& token);

}  // namespace demarc
