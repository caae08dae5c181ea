// What others' conversations show by their first bytes. The active engine knows what it asked; who only listens
// sees a client's question, a server's answer to somebody else's, or one of the two. Answers are read by the rows
// of app_probes.cpp and udp_probes.cpp, the very same; one more table (overheard.cpp) has what clients say first,
// and those answers whose rows know only the answer to our own question (a transaction id is ours there, anybody's
// here).
//
// Forms are strict: two are never mixed up by chance, and who is not sure says nothing. A conversation that nobody
// knows is no finding.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "probes/app/app_probe.h"

namespace demarc {

struct OverheardForm {
  std::string_view name;
  Protocol protocol;
  bool from_server;
  std::optional<ServiceSeen> (*read)(Bytes first);
  std::string_view reference;
  std::string_view answered_by = {};  // a client's question: the row of app_probes.cpp that reads its answer
};
std::span<const OverheardForm> overheard_forms();

struct Overheard {
  std::optional<ServiceSeen> seen;
  bool complete = true;            // false: more bytes would tell more (the rest of a certificate)
  std::string_view answered_by{};  // as in OverheardForm
  /// A greeting that SMTP and FTP servers share and that does not say which: the client's first word will.
  bool greets = false;
};
/// What else was seen at that port, where it helps to read this.
struct OverheardBefore {
  std::string_view answered_by{};  // what a client asked
  bool greets = false;             // what the server greeted with
};
/// Reads the first payload of one direction of a conversation.
Overheard overhear(Protocol protocol, bool from_server, Bytes first, const OverheardBefore& before = {});

/// Where a beginning keeps the same eight bytes from one conversation to the next, though transaction ids and
/// lengths change: eight bytes at `offset`, as far as `mask` has ones (the first byte highest).
struct Steady {
  std::uint8_t offset;
  std::uint64_t mask;
};
/// All of them; the first fits whatever speaks. (Here, because it is asked for every conversation.)
inline constexpr Steady kSteadyBeginnings[] = {
    {0, 0xFFFFFFFF00000000},   // whatever speaks
    {0, 0xFFFF000000FF0000},   // tls: kind, major version, what the handshake begins with
    {2, 0xF800FFFF00000000},   // dns: QR and operation, the number of questions; not the id
    {4, 0xF800FFFF00000000},   // dns over TCP: behind the length
    {4, 0xFFFFFFFFFFFFFFFF},   // rpc: call or reply, the RPC version or state; not the xid
    {8, 0xFFFFFFFFFFFFFFFF},   // rpc over TCP: behind the mark
    {16, 0x00FFFF0000000000},  // ike: version and exchange; not the SPIs
    {20, 0x00FFFF0000000000},  // ike on 4500: behind its marker
    {0, 0xC0FFFFFFFF000000},   // quic: long header, version
    {0, 0xFFFF0000FF000000},   // kerberos over TCP: a short length, the kind
    {0, 0xFF00000000000000},   // one byte
    {0, 0xFFFF000000000000},   // two bytes
    {0, 0xFF00FFFF00FF0000},   // ber: SEQUENCE, a length, INTEGER of one byte, what follows
    {0, 0xFFFF00FFFF00FF00},   // ber: the same with a length of one byte more
    {0, 0xFFFF0000FFFF00FF},   // ber: and of two
    {0, 0xFF000000FFFFFFFF},   // smb: the mark behind the length
    {0, 0xFFFF000000FF0000},   // rdp: version, the X.224 kind
    {4, 0xFFFF000000000000},   // postgresql: the protocol behind the length
    {12, 0xFFFFFFFF00000000},  // mongodb: the operation
    {2, 0xFFFFFF0000000000},   // oracle: checksum 0, kind
    {1, 0x00FFFFFF00000000},   // mysql: sequence and protocol behind the length
    {4, 0xFFFF00FF00000000},   // kafka: api and version
    {0, 0xFFFF0000FFFFFFFF},   // stun: kind and cookie
    {0, 0x3F00000000000000},   // ntp: version and mode; not the leap warning
    {2, 0xFFFFFFFF00000000},   // memcached: what stands behind an id of 16 bits
    {0, 0xFF000000FF000000},   // cassandra: version, operation
};
/// Which one fits a beginning that was read as that service.
std::uint8_t steady_beginning_of(std::string_view service, Protocol protocol, Bytes first);
/// The eight bytes under the mask; what is not there is zero.
inline std::uint64_t steady_bytes(const Steady& steady, Bytes first) {
  if (first.size() >= std::size_t{steady.offset} + 8) return be64(first.data() + steady.offset) & steady.mask;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t at = steady.offset + i;
    number = number << 8 | (at < first.size() ? first[at] : 0U);
  }
  return number & steady.mask;
}

/// Whether the beginning is one of the unmistakable ones ("SSH-", a TLS record, "HTTP/1."), which are looked at
/// however much else was seen at a port. A few comparisons.
bool is_telling(Protocol protocol, Bytes first);

}  // namespace demarc
