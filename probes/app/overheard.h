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
/// All of them, for short numbers; the first is the first four bytes, whatever speaks.
std::span<const Steady> steady_beginnings();
/// Which one fits a beginning that was read as that service.
std::uint8_t steady_beginning_of(std::string_view service, Protocol protocol, Bytes first);
/// The eight bytes under the mask; what is not there is zero.
std::uint64_t steady_bytes(const Steady& steady, Bytes first);

/// Whether the beginning is one of the unmistakable ones ("SSH-", a TLS record, "HTTP/1."), which are looked at
/// however much else was seen at a port. A few comparisons.
bool is_telling(Protocol protocol, Bytes first);

}  // namespace demarc
