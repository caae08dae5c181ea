// Who stands behind what was probed: a translation, a virtual server, or the address itself. Probes name the
// address that the vantage point sees; rules name the host.
#pragma once

#include <vector>

#include "rules/verdict/judging.h"

namespace demarc {

/// A slice at the real address. Ports are the host's own.
struct Piece {
  std::uint16_t standpoint = 0;
  Address real, probed;
  Protocol protocol;
  std::vector<Segment> segments;
  std::vector<Address> vip_members;
  const Vip* vip = nullptr;
};

/// One piece for each host behind the slice's address.
std::vector<Piece> pieces_of(const Judging& j, const Slice& slice);

}  // namespace demarc
