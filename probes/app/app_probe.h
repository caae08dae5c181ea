// What speaks on an open port. A probe is a question in bytes and a reader of the answer; each is one row of one
// table (app_probes.cpp), and the engine names none of them. Polite by construction: no request logs in, writes, or
// asks for more than who is there.
//
// Recognition looks at bytes and never at port numbers: an SSH server on 443 is ssh. Ports only decide which
// question comes first.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/evidence/outcome.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"

namespace demarc {

using ByteString = std::vector<std::uint8_t>;

/// No more of an answer is read than this.
inline constexpr std::size_t kReplyMax = 16 * 1024;
/// No more of it is kept as evidence, before escaping.
inline constexpr std::size_t kEvidenceMax = 160;

/// What a reader makes of the bytes so far.
struct Heard {
  std::optional<ServiceSeen> seen;
  bool complete = true;             // more bytes would tell nothing new
  std::string_view follow_up = {};  // another probe, on a connection of its own, would tell more
  std::string_view then = {};       // another probe goes on with this dialogue, on the same connection
  bool start_tls = false;           // the server now waits for a TLS handshake on this connection; `then` is inside
};

/// One question we know how to ask.
struct AppProbe {
  std::string_view name;
  Protocol protocol;
  std::span<const PortRange> ports;  // where it is the usual question
  /// nullptr: the server speaks first. `host` is the target's address as a URI writes it, or empty.
  ByteString (*request)(std::string_view host);
  Heard (*read)(Bytes reply);
  std::string_view reference;
  std::span<const PortRange> tls_ports = {};  // where it is the usual question inside TLS
  bool only_asked = false;                    // its reader needs to know that its own question was asked
};

std::span<const AppProbe> app_probes();
const AppProbe* find_app_probe(std::string_view name);
/// The probes whose questions are the usual ones of that port, in the order of asking.
std::vector<const AppProbe*> usual_probes(Protocol protocol, Port port);
/// The probe whose question is the usual one inside TLS on that port, or nullptr.
const AppProbe* usual_inside_tls(Port port);

/// Shows the reply to the reader of the probe that was asked (if any), then to all the others. What nobody knows is
/// "unknown", with its first bytes as evidence. Nothing is seen in an empty reply.
Heard recognise(Bytes reply, const AppProbe* asked);

inline constexpr std::string_view kUnknownService = "unknown";

}  // namespace demarc
