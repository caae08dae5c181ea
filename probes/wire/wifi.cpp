// IEEE 802.11: what a station on the air, or an interface in monitor mode, sees. Only data frames carry packets;
// most are encrypted and say so. A frame may hold several packets (A-MSDU), a packet may come in several frames
// (fragments), and the headers that drivers put before the frame say whether a check sequence stands behind it.
#include "probes/wire/layers.h"

namespace demarc::layers {

// IEEE 802.11-2020 section 9.2.3 and 9.3.2.
DecodeProblem wifi(Rest rest, const WifiTraits& traits, Peel& peel) {
  if (--peel.left < 0) return DecodeProblem::malformed;
  if (rest.captured < 2) return missing(rest, 2);
  const std::uint8_t control = rest.p[0], flags = rest.p[1];
  if ((control & 0x03) != 0) return DecodeProblem::malformed;  // protocol version
  // Management, control and extension frames, and data frames without data.
  if ((control & 0x0C) != 0x08 || (control & 0x40) != 0) return DecodeProblem::not_ip;
  const bool qos = (control & 0x80) != 0, four_addresses = (flags & 0x03) == 0x03;
  std::uint32_t header = 24 + (four_addresses ? 6U : 0U);
  const std::uint32_t qos_at = header;
  if (qos) header += 2;
  if (qos && (flags & 0x80) != 0) header += 4;  // HT control
  if (traits.padded) header = (header + 3) & ~3U;
  if ((flags & 0x40) != 0) return closed(peel, "IEEE 802.11, encrypted");
  if (rest.captured < header) return missing(rest, header);
  const std::uint8_t* h = rest.p;
  const bool more_fragments = (flags & 0x04) != 0;
  if ((h[22] & 0x0F) != 0) return DecodeProblem::not_ip;  // a later fragment: the first one stands for the packet
  rest.advance(header);
  if (qos && (h[qos_at] & 0x80) != 0) return amsdu(rest, peel);
  // Mesh (section 9.2.4.8.3): flags, time to live, sequence number, up to two more addresses.
  if (qos && four_addresses && (h[qos_at + 1] & 0x01) != 0 && rest.captured >= 1 && rest.p[0] != 0xAA) {
    const std::uint32_t mesh = 6 + (rest.p[0] & 0x03U) * 6;
    if (rest.captured < mesh) return missing(rest, mesh);
    rest.advance(mesh);
  }
  // The rest of the packet comes later, and the header tells how much that is.
  if (more_fragments) rest.wire += std::min<std::uint32_t>(0xFFFF, 0xFFFFFFFF - rest.wire);
  return llc(rest, peel);
}

// IEEE 802.11-2020 section 9.3.2.2.2: two addresses, a length, the packet, padding to four bytes.
DecodeProblem amsdu(Rest rest, Peel& peel) {
  if (rest.captured < 14) return missing(rest, 14);
  const std::uint32_t length = be16(rest.p + 12), whole = (14 + length + 3) & ~3U;
  if (14 + length > rest.wire) return DecodeProblem::malformed;
  // A check sequence that nobody announced may be left at the end; no subframe is that short.
  if (rest.wire >= whole + 14) {
    peel.out.more_at = static_cast<std::uint32_t>(rest.p - peel.start) + whole;
    peel.out.more_wire = rest.wire - whole;
  }
  rest.advance(14);
  rest.bound(length);
  return llc(rest, peel);
}

// radiotap.org: a little-endian header whose fields are announced by bits and aligned to their size; only the first
// two matter here.
DecodeProblem radiotap(Rest rest, Peel& peel) {
  if (rest.captured < 8) return missing(rest, 8);
  if (rest.p[0] != 0) return closed(peel, "radiotap of an unknown version");
  const std::uint32_t header = le16(rest.p + 2), present = le32(rest.p + 4);
  if (header < 8) return DecodeProblem::malformed;
  if (rest.captured < header) return missing(rest, header);
  std::uint32_t at = 8;
  for (std::uint32_t more = present; (more >> 31) != 0; at += 4) {  // further words of bits
    if (at + 4 > header) return DecodeProblem::malformed;
    more = le32(rest.p + at);
  }
  std::uint8_t flags = 0;
  if ((present & 1) != 0) at = ((at + 7) & ~7U) + 8;  // the time
  if ((present & 2) != 0) {
    if (at >= header) return DecodeProblem::malformed;
    flags = rest.p[at];
  }
  rest.advance(header);
  if ((flags & 0x40) != 0) return DecodeProblem::malformed;  // received with a wrong check sequence
  if ((flags & 0x10) != 0) {
    if (rest.wire < 4) return DecodeProblem::malformed;
    rest.bound(rest.wire - 4);
  }
  return wifi(rest, {.padded = (flags & 0x20) != 0}, peel);
}

// Prism monitor headers: code and length in the byte order of the machine; the same link type was used for AVS.
DecodeProblem prism(Rest rest, Peel& peel) {
  if (rest.captured < 8) return missing(rest, 8);
  if ((be32(rest.p) & 0xFFFFFFF0) == 0x80211000) return avs(rest, peel);
  const std::uint32_t length = std::min(be32(rest.p + 4), le32(rest.p + 4));
  if (length < 24 || length > 4096) return DecodeProblem::malformed;
  if (rest.captured < length) return missing(rest, length);
  rest.advance(length);
  return wifi(rest, {}, peel);
}

// AVS monitor headers: version and length, big-endian.
DecodeProblem avs(Rest rest, Peel& peel) {
  if (rest.captured < 8) return missing(rest, 8);
  if ((be32(rest.p) & 0xFFFFFFF0) != 0x80211000) return DecodeProblem::malformed;
  const std::uint32_t length = be32(rest.p + 4);
  if (length < 8 || length > 4096) return DecodeProblem::malformed;
  if (rest.captured < length) return missing(rest, length);
  rest.advance(length);
  return wifi(rest, {}, peel);
}

// CACE's per-packet information 1.0.10: little-endian, a link type, fields; the one for 802.11 knows of the check
// sequence.
DecodeProblem ppi(Rest rest, Peel& peel) {
  if (rest.captured < 8) return missing(rest, 8);
  if (rest.p[0] != 0) return closed(peel, "PPI of an unknown version");
  const std::uint32_t header = le16(rest.p + 2), link = le32(rest.p + 4);
  const bool aligned = (rest.p[1] & 1) != 0;
  if (header < 8 || link > 0xFFFF) return DecodeProblem::malformed;
  if (rest.captured < header) return missing(rest, header);
  bool check_sequence = false, damaged = false;
  for (std::uint32_t at = 8; at + 4 <= header;) {
    const std::uint32_t type = le16(rest.p + at), length = le16(rest.p + at + 2);
    if (at + 4 + length > header) return DecodeProblem::malformed;
    if (type == 2 && length >= 10) {  // 802.11 common: the time, then flags
      const std::uint16_t flags = le16(rest.p + at + 12);
      check_sequence = (flags & 0x01) != 0;
      damaged = (flags & 0x04) != 0;
    }
    at += 4 + length;
    if (aligned) at = (at + 3) & ~3U;
  }
  rest.advance(header);
  if (damaged) return DecodeProblem::malformed;
  if (check_sequence) {
    if (rest.wire < 4) return DecodeProblem::malformed;
    rest.bound(rest.wire - 4);
  }
  return link_layer(static_cast<LinkType>(link), rest, peel);
}

}  // namespace demarc::layers
