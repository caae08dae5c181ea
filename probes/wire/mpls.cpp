// MPLS says how many labels there are, but not what follows them: only the two ends of a path know. RFC 4928 lets
// the first four bits be looked at: 4 and 6 are IP, 0 is the control word of a pseudowire, 1 its control channel.
// An Ethernet pseudowire without a control word begins with any address at all, so that one is believed only where
// nothing else fits; what fits two readings is not read.
#include "probes/wire/craft.h"
#include "probes/wire/layers.h"

namespace demarc::layers {

namespace {

// Whether bytes are an IP packet, by what its header says about itself.
Guess looks_like_ipv4(const Rest& rest) {
  if (rest.captured < 20) return rest.wire < 20 ? Guess::no : Guess::cut;
  const std::uint32_t header = (rest.p[0] & 0x0FU) * 4U, total = be16(rest.p + 2);
  if (header < 20 || header > rest.wire) return Guess::no;
  return total == 0 || (total >= header && total <= rest.wire) ? Guess::yes : Guess::no;
}
Guess looks_like_ipv6(const Rest& rest) {
  if (rest.captured < 40) return rest.wire < 40 ? Guess::no : Guess::cut;
  return be16(rest.p + 4) + 40U <= rest.wire ? Guess::yes : Guess::no;
}
bool checksum_holds(const Rest& rest) {
  const std::uint32_t header = (rest.p[0] & 0x0FU) * 4U;
  return header <= rest.captured && internet_checksum(Bytes(rest.p, header)) == 0;
}

}  // namespace

DecodeProblem ip_or_ethernet(Rest rest, std::string_view otherwise, Peel& peel) {
  if (rest.captured < 1) return missing(rest, 1);
  const unsigned version = rest.p[0] >> 4;
  const Guess ip = version == 4 ? looks_like_ipv4(rest) : version == 6 ? looks_like_ipv6(rest) : Guess::no;
  const Guess frame = looks_like_ethernet(rest);
  if (ip == Guess::cut) return DecodeProblem::snapped;
  if (ip == Guess::no) {
    if (frame == Guess::cut) return DecodeProblem::snapped;
    return frame == Guess::yes ? ethernet(rest, peel) : closed(peel, otherwise);
  }
  if (frame == Guess::yes) {
    const std::uint32_t length = version == 4 ? be16(rest.p + 2) : be16(rest.p + 4) + 40U;
    const bool proven = version == 4 ? checksum_holds(rest) : length == rest.wire;
    // Behind an IP packet there may be a check sequence, and padding if the frame is short.
    const bool fits = length == 0 || length + 4 >= rest.wire || rest.wire <= 50;
    if (!proven) return fits ? closed(peel, "IP or an Ethernet frame") : ethernet(rest, peel);
  }
  return ip_of(rest, version, peel.out);
}

namespace {

DecodeProblem pseudowire(Rest rest, Peel& peel) {
  const Guess plain = looks_like_ethernet(rest);
  if (rest.captured < 4) return missing(rest, 4);
  Rest behind = rest;
  behind.advance(4);
  const Guess with_control_word = looks_like_ethernet(behind);
  if (plain == Guess::cut || with_control_word == Guess::cut) return DecodeProblem::snapped;
  if (plain == with_control_word)
    return closed(peel, plain == Guess::yes ? "MPLS, two readings" : "MPLS pseudowire");
  if (plain == Guess::yes) return ethernet(rest, peel);
  // RFC 4385 section 3: flags, fragmentation, a length if the whole is shorter than 64 bytes.
  if ((rest.p[1] & 0xC0) != 0) return closed(peel, "MPLS pseudowire, in fragments");
  const std::uint32_t length = rest.p[1] & 0x3FU;
  if (length > 4) behind.bound(length - 4);
  return ethernet(behind, peel);
}

}  // namespace

Guess looks_like_ethernet(Rest rest) {
  if (rest.captured < 14) return rest.wire < 14 ? Guess::no : Guess::cut;
  if ((rest.p[6] & 1) != 0) return Guess::no;  // nobody sends from a group address
  std::uint16_t type = be16(rest.p + 12);
  rest.advance(14);
  for (int tags = 0; tags < 4 && (type == 0x8100 || type == 0x88A8); ++tags) {
    if (rest.captured < 4) return rest.wire < 4 ? Guess::no : Guess::cut;
    type = be16(rest.p + 2);
    rest.advance(4);
  }
  const auto is = [&](std::uint32_t bytes, auto fits) {
    if (rest.captured < bytes) return rest.wire < bytes ? Guess::no : Guess::cut;
    return fits(rest.p) ? Guess::yes : Guess::no;
  };
  switch (type) {
    case 0x0800: return is(1, [](const std::uint8_t* p) { return p[0] >> 4 == 4 && (p[0] & 0x0F) >= 5; });
    case 0x86DD: return is(1, [](const std::uint8_t* p) { return p[0] >> 4 == 6; });
    case 0x0806: return is(4, [](const std::uint8_t* p) { return be32(p) == 0x00010800; });
    case 0x8863:
    case 0x8864: return is(1, [](const std::uint8_t* p) { return p[0] == 0x11; });
    case 0x8847:
    case 0x8809:
    case 0x888E:
    case 0x88CC:
    case 0x88E5:
    case 0x8902: return Guess::yes;
    default: break;
  }
  if (type > 1500 || type > rest.wire) return Guess::no;
  return is(3, [](const std::uint8_t* p) {
    return p[2] == 0x03 && ((p[0] == 0x42 && p[1] == 0x42) || (p[0] == 0xAA && p[1] == 0xAA));
  });
}

// RFC 3032 section 2.1.
DecodeProblem mpls(Rest rest, Peel& peel) {
  if (--peel.left < 0) return DecodeProblem::malformed;
  for (int labels = 0;; ++labels) {
    if (labels == 16) return DecodeProblem::malformed;
    if (rest.captured < 4) return missing(rest, 4);
    const std::uint32_t entry = be32(rest.p);
    rest.advance(4);
    peel.label = entry >> 12;
    if ((entry & 0x100) != 0) break;
  }
  if (rest.captured < 1) return missing(rest, 1);
  switch (peel.label) {
    case 0: return ip_of(rest, 4, peel.out);  // explicit null: the label says what follows
    case 2: return ip_of(rest, 6, peel.out);
    case 13: return DecodeProblem::not_ip;  // generic associated channel (RFC 5586)
    default: break;
  }
  switch (rest.p[0] >> 4) {
    case 4:
    case 6: return ip_or_ethernet(rest, "MPLS pseudowire", peel);
    case 0: return pseudowire(rest, peel);
    default: break;
  }
  switch (looks_like_ethernet(rest)) {
    case Guess::yes: return ethernet(rest, peel);
    case Guess::cut: return DecodeProblem::snapped;
    case Guess::no: break;
  }
  // RFC 4385 section 5: the associated channel, version 0.
  if (rest.p[0] == 0x10 && rest.captured >= 2 && rest.p[1] == 0) return DecodeProblem::not_ip;
  return closed(peel, "MPLS pseudowire");
}

}  // namespace demarc::layers
