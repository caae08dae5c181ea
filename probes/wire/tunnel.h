// The packet inside a packet. A tunnel has addresses of its own outside, so its packets are conversations of their
// own, and what they carry is opened only where somebody asks: both levels stay apart.
#pragma once

#include <cstdint>

#include "probes/wire/decode.h"
#include "rules/evidence/observed_flow.h"

namespace demarc {

/// How many tunnels inside one another anybody needs to open.
inline constexpr int kTunnelDepthMax = 8;

struct TunnelView {
  bool found = false;  // the outer packet belongs to a tunnel
  TunnelKind kind = TunnelKind::other;
  /// VNI, GRE key (of NVGRE: VSID), TEID, ERSPAN session, call or session number, MPLS label; 0: it has none.
  std::uint32_t id = 0;
  /// Both directions of a conversation carry the same id (VXLAN, GENEVE, GRE, ERSPAN). Otherwise each end chose its
  /// own (GTP-U, PPTP, L2TP, MPLS), and an id cannot tell two conversations apart without tearing each in two.
  bool id_shared = true;
};

/// Whether a packet may belong to a tunnel, by protocol and ports alone: cheap, and true for every packet of which
/// decode_inner() finds something. Ports are 0 where there are none.
inline bool may_be_tunnel(std::uint8_t protocol, std::uint16_t source_port, std::uint16_t port) {
  switch (protocol) {
    case 17:
      switch (port) {
        case 1701:
        case 2152:
        case 3544:
        case 4754:
        case 4789:
        case 4790:
        case 6081:
        case 6635:
        case 8472: return true;
        default: return source_port == 3544;
      }
    case 4:
    case 41:
    case 47:
    case 94:
    case 97:
    case 115:
    case 137: return true;
    default: return false;
  }
}
inline bool may_be_tunnel(const IpView& v) { return may_be_tunnel(v.protocol.number(), v.source_port, v.port); }

/// Opens the tunnel that `outer` (as decode() left it, its payload still in place) belongs to. True: `inner` is the
/// packet inside, with lengths of its own. False: tunnel.found says whether there is a tunnel at all, and
/// inner.problem why nothing was opened (`not_ip` where the tunnel carries no packet; `encapsulated` with
/// inner.closed where it cannot be opened, fragments of outer packets among them). `inner` may not be `outer`; for
/// tunnels in tunnels call again, at most kTunnelDepthMax times.
bool decode_inner(const PacketView& outer, PacketView& inner, TunnelView& tunnel);

}  // namespace demarc
