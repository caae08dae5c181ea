// How the decoders of link layers and tunnels stand on each other. Each step takes what is left of the captured
// bytes and of the wire length; the two differ when a snap length cut the frame, and the difference decides whether
// a missing header is the capture's fault (snapped) or the packet's (malformed). Not for use outside this folder.
#pragma once

#include <algorithm>

#include "probes/wire/decode.h"

namespace demarc::layers {

/// What is left of a frame: the bytes that were captured, and how many there were on the wire (never fewer).
struct Rest {
  const std::uint8_t* p;
  std::uint32_t captured;
  std::uint32_t wire;
  /// Only by what was captured.
  void advance(std::uint32_t n) { p += n, captured -= n, wire -= n; }
  /// What lies behind `n` bytes is not ours: padding, a check sequence.
  void bound(std::uint32_t n) { wire = std::min(wire, n), captured = std::min(captured, n); }
};

inline DecodeProblem missing(const Rest& rest, std::uint32_t needed) {
  return rest.wire >= needed ? DecodeProblem::snapped : DecodeProblem::malformed;
}

/// What has been peeled off so far, and where to.
struct Peel {
  PacketView& out;
  const std::uint8_t* start;  // of the frame
  int left = 24;              // layers that may still come: no sound frame has as many
  std::uint32_t label = 0;    // the innermost MPLS label
};

inline DecodeProblem closed(Peel& peel, std::string_view name) {
  peel.out.closed = name;
  return DecodeProblem::encapsulated;
}

/// IP of the version that the first four bits tell.
DecodeProblem network(Rest rest, PacketView& out);
/// IP of that version; anything else is malformed.
DecodeProblem ip_of(Rest rest, unsigned version, PacketView& out);
void reset(PacketView& out);

/// A frame of any link type.
DecodeProblem link_layer(LinkType link, Rest rest, Peel& peel);
DecodeProblem ethernet(Rest rest, Peel& peel);
/// From behind a protocol type on (IANA "IEEE 802 Numbers"): tags, encapsulations, then IP or something else.
DecodeProblem ethertype(Rest rest, std::uint16_t type, Peel& peel);
/// The same where a number up to 1500 is a length with IEEE 802.2 behind it.
DecodeProblem ethertype_or_length(Rest rest, std::uint16_t type, Peel& peel);
DecodeProblem llc(Rest rest, Peel& peel);
DecodeProblem mpls(Rest rest, Peel& peel);
/// From the protocol number on, with or without the bytes FF 03 before it.
DecodeProblem ppp(Rest rest, Peel& peel);
DecodeProblem pppoe(Rest rest, Peel& peel);
DecodeProblem nsh(Rest rest, Peel& peel);

/// Whether bytes that nothing announces are an Ethernet frame: `cut` means that the capture holds too few to tell.
enum class Guess : std::uint8_t { no, yes, cut };
Guess looks_like_ethernet(Rest rest);
/// Where IP or an Ethernet frame may stand and nothing says which: what fits both ways is not read, what fits
/// neither has the name `otherwise`.
DecodeProblem ip_or_ethernet(Rest rest, std::string_view otherwise, Peel& peel);

/// IEEE 802.11 frames, and the headers that monitoring puts before them.
struct WifiTraits {
  bool padded = false;  // between header and body, to four bytes
};
DecodeProblem wifi(Rest rest, const WifiTraits& traits, Peel& peel);
DecodeProblem radiotap(Rest rest, Peel& peel);
DecodeProblem prism(Rest rest, Peel& peel);
DecodeProblem avs(Rest rest, Peel& peel);
DecodeProblem ppi(Rest rest, Peel& peel);
/// One subframe of an A-MSDU; says in peel.out where the next one is.
DecodeProblem amsdu(Rest rest, Peel& peel);

}  // namespace demarc::layers
