// TCP conversations, each a script and what Zeek's documentation calls its end.
#include <algorithm>
#include <chrono>
#include <string>

#include "probes/wire/decode.h"
#include "tests/support/traffic/kinds.h"
#include "tests/support/traffic/script.h"

namespace demarc::traffic {

namespace {

struct TcpKind {
  std::string_view name, script;
  ConnState state;
  bool established;
  Seen seen = Seen::both;
  Ports ports = Ports::well_known;
  Opener opener = Opener::known;
  std::chrono::seconds again{0};  // the same five-tuple a second time, so long after the first one's last packet
};

using enum ConnState;
using std::chrono::seconds;
constexpr TcpKind kTcpKinds[] = {
    // What a capture that sees everything shows.
    {"handshake", "ShADdADdAFfA", SF, true},
    {"handshake, closed by the server", "ShADdADdAfFa", SF, true},
    {"handshake, reset by the client", "ShADdADdR", RSTO, true},
    {"handshake, reset by the server", "ShADdADdr", RSTR, true},
    {"handshake, still open", "ShADdADd", S1, true},
    {"half closed by the client", "ShADdFadAd", S2, true},
    {"half closed by the server", "ShADdfADaD", S3, true},
    {"nothing said", "ShAFfA", SF, true},
    {"accepted, then reset", "ShAr", RSTR, true},
    {"refused", "Sr", REJ, false},
    {"refused three times", "Sr.S*r", REJ, false},
    {"unanswered", "S.*...*", S0, false},
    {"given up by the client", "SK", RSTOS0, false},
    {"half-open scan", "ShK", RSTO, false},
    {"half open, never completed", "Sh.h*", S1, false},
    {"high ports", "ShADdADdAFfA", SF, true, Seen::both, Ports::high},
    {"high ports, still open", "ShADdADd", S1, true, Seen::both, Ports::high},
    // Begun before the capture was.
    {"mid-stream, client first", "(ShADdA)DdADdA", OTH, true},
    {"mid-stream, server first", "(ShADdA)dADdADd", OTH, true},
    {"mid-stream, client's ACK first", "(ShADd)AdADdA", OTH, true},
    {"mid-stream, closed by the client", "(ShADdA)DdAFfA", SF, true},
    {"mid-stream, closed by the server", "(ShADdA)dAfFa", SF, true},
    {"mid-stream, reset by the client", "(ShADd)dADdR", OTH, true},
    {"mid-stream, reset by the server", "(ShADd)DdADr", RSTRH, true},
    {"mid-stream, only its end, client first", "(ShADdADd)FfA", SF, true},
    {"mid-stream, only its end, server first", "(ShADdADd)fFa", SF, true},
    {"mid-stream, high ports, client first", "(ShADdA)DdADdA", OTH, true, Seen::both, Ports::high},
    {"mid-stream, high ports, server first", "(ShADdA)dADdADd", OTH, true, Seen::both, Ports::high},
    {"from the SYN-ACK on", "(S)hADdADdAFfA", SF, true},
    {"from the handshake's last ACK on", "(Sh)ADdADdAFfA", SF, true},
    // The capture lies on one of two ways.
    {"client side only", "ShADdADdAFfA", SH, true, Seen::initiator},
    {"client side only, still open", "ShADdADdA", S0, true, Seen::initiator},
    {"client side only, reset by it", "ShADdADdAR", OTH, true, Seen::initiator},
    {"client side only, mid-stream", "(ShADdA)DdADdADdA", OTH, true, Seen::initiator},
    {"client side only, high ports, mid-stream", "(ShADdA)DdADdADdA", OTH, true, Seen::initiator, Ports::high},
    {"server side only", "ShADdADdAFfA", SHR, true, Seen::responder},
    {"server side only, still open", "ShADdADdA", OTH, true, Seen::responder},
    {"server side only, reset by it", "ShADdADdAr", RSTRH, true, Seen::responder},
    {"server side only, mid-stream", "(ShADdA)DdADdADd", OTH, true, Seen::responder},
    {"server side only, high ports", "ShADdADdAFfA", SHR, true, Seen::responder, Ports::high},
    {"server side only, high ports, mid-stream", "(ShADdA)DdADdADd", OTH, true, Seen::responder, Ports::high},
    // What networks do to packets.
    {"retransmissions", "S.*hAD.*d.*AD*dAF.*fA", SF, true},
    {"SYN-ACK before the SYN", "Sh~ADdAFfA", SF, true},
    {"SYN-ACK before the SYN, still open", "Sh~ADdAD", S1, true},
    {"ACK before the SYN-ACK", "ShA~DdAFfA", SF, true},
    {"data before the handshake's last ACK", "ShAD~dAFfA", SF, true},
    {"FINs in the wrong order", "ShADdAFf~A", SF, true},
    {"keep-alives", "ShADdA:Pa:Pa:pA:PaFfA", SF, true},
    {"long idle", "ShADdA!DdA!DdAFfA", SF, true},
    {"long idle, mid-stream", "(ShADdA)DdA!dADdA", OTH, true},
    // The same five-tuple again.
    {"ports reused after FIN", "ShADdAFfA", SF, true, Seen::both, Ports::well_known, Opener::known, seconds(3)},
    {"ports reused after RST", "ShADdAR", RSTO, true, Seen::both, Ports::well_known, Opener::known, seconds(1)},
    {"ports reused after silence", "ShADdA", S1, true, Seen::both, Ports::well_known, Opener::known, seconds(8000)},
    {"ports reused after a refusal", "Sr", REJ, false, Seen::both, Ports::well_known, Opener::known, seconds(40)},
    {"ports reused, server side only", "ShADdAFfA", SHR, true, Seen::responder, Ports::well_known, Opener::known,
     seconds(3)},
    // No packet tells, and no company does: the only conversation of both its ends.
    {"mid-stream, nothing tells, client first", "(ShADdA)DdADdA", OTH, true, Seen::both, Ports::unheard_of,
     Opener::either},
    {"mid-stream, nothing tells, server first", "(ShADdA)dADdADd", OTH, true, Seen::both, Ports::unheard_of,
     Opener::either},
    // Both opened it.
    {"simultaneous open", "SsHhDdAFfA", SF, true, Seen::both, Ports::high, Opener::either},
};

void make_one(MadeCapture& capture, World& world, const TcpKind& kind, const std::string& name, Family family,
              const IpCraft& ip, std::uint16_t vlan) {
  const Service service = world.tcp_service(kind.ports);
  Cast cast{.initiator = world.client(family),
            .responder = {world.server(family), Port(service.port)},
            .seen = kind.seen,
            .ip = ip,
            .client_says = service.client_says,
            .server_says = service.server_says,
            .vlan = vlan};
  const bool first_bytes_seen =
      kind.seen == Seen::both && kind.script[0] != '(' && kind.script.find('d') != std::string_view::npos;
  Timestamp at = world.sometime();
  for (int turn = 0; turn < (kind.again.count() == 0 ? 1 : 2); ++turn) {
    cast.flow = capture.add_flow({.kind = name,
                                  .protocol = Protocol::tcp,
                                  .initiator = cast.initiator,
                                  .responder = cast.responder,
                                  .state = kind.state,
                                  .established = kind.established,
                                  .opener = kind.opener,
                                  .service = std::string(first_bytes_seen ? service.name : "")});
    at = play_tcp(capture, world, cast, kind.script, at) + kind.again;
  }
}

}  // namespace

void make_tcp_kinds(MadeCapture& capture, World& world, std::uint32_t count) {
  for (const TcpKind& kind : kTcpKinds)
    for (std::uint32_t i = 0; i < count; ++i)
      make_one(capture, world, kind, std::string(kind.name), Family::ipv4, {}, 0);
  // The same over IPv6 with extension headers, and with a VLAN tag: fewer of each, since only the decoder differs.
  const IpCraft extended{.extensions = {{std::uint8_t{0}, Frame(6, 0)}, {std::uint8_t{60}, Frame(14, 0)}}};
  for (const TcpKind& kind : kTcpKinds)
    for (std::uint32_t i = 0; i < (count + 9) / 10; ++i) {
      make_one(capture, world, kind, "IPv6: " + std::string(kind.name), Family::ipv6, {}, 0);
      make_one(capture, world, kind, "IPv6 with extension headers: " + std::string(kind.name), Family::ipv6,
               extended, 0);
      make_one(capture, world, kind, "VLAN: " + std::string(kind.name), Family::ipv4, {}, 17);
    }
}

MadeCapture make_kinds(std::uint64_t seed, std::uint32_t count) {
  MadeCapture capture;
  World world(seed, std::clamp(count / 10, 4U, 60U));
  make_tcp_kinds(capture, world, count);
  for (const std::span<const Kind> kinds : {datagram_kinds(), related_kinds(), noise_kinds()})
    for (const Kind& kind : kinds)
      for (std::uint32_t i = 0; i < (count + kind.weight - 1) / kind.weight; ++i)
        kind.make(capture, world, kind.name);
  capture.arrange();
  return capture;
}

}  // namespace demarc::traffic
