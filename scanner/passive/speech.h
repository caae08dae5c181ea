// What the payload of observed traffic says: which service speaks on a server's port, and which conversations
// announce others (an FTP server's data port, the media of a call), so that those belong to the approval of their
// parent.
//
// Two hooks in the path of every packet have to cost next to nothing. What speaks there is asked for the first
// payload of each direction of a conversation, and a memo of the beginnings seen at that server's port answers
// without looking further; a new beginning is always looked at, so SSH behind a multiplexer on 443 is found
// however much TLS went before. Announcements are read in control conversations only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/flow.h"
#include "rules/net/time.h"

namespace demarc {

struct SpeechOptions {
  /// Server ports whose beginnings are remembered, each direction for itself (192 bytes each). The memo forgets
  /// when it is full, and looks again.
  std::uint32_t servers_max = 65'536;
  /// Different services told apart; beyond that they are told by their name only.
  std::uint32_t services_max = 65'536;
  /// Announced endpoints waited for. When there are more, the one of a few that would end soonest goes early.
  std::uint32_t announced_max = 262'144;
  /// Control conversations read at a time. When there are more, one of the longest silent ones is given up.
  std::uint32_t control_max = 4'096;
  /// Keys the hashes, as FlowOptions::hash_key.
  std::uint64_t hash_key = 0;
};

/// What was seen and could not be used.
struct SpeechLosses {
  std::uint64_t beginnings_unlooked = 0;  // unknown beginnings, after many that were looked at in vain
  std::uint64_t services_unnamed = 0;     // service detail given up, `services_max` was reached
  std::uint64_t announced_dropped = 0;    // announced endpoints forgotten early
  std::uint64_t announced_refused = 0;  // that the announcing side had no right to name (ports below 1024, others)
  std::uint64_t control_unread = 0;     // control conversations of which a part was not read (gaps, bounds)
  std::uint64_t control_encrypted = 0;  // control conversations that went on inside TLS
};

/// In words, those that are not 0.
std::vector<std::string> notes_of(const SpeechLosses& losses);

/// One for all flow tables that share a view of the traffic. Not for several threads at a time.
class Speech {
 public:
  explicit Speech(const SpeechOptions& options = {});
  ~Speech();
  Speech(Speech&&) noexcept;
  Speech& operator=(Speech&&) noexcept;

  struct Recognised {
    std::uint32_t service = kNone32;  // index into take_services(); kNone32: nothing that is known
    bool listen = false;  // hear this conversation's further payload, this one included: listen() wants it
  };
  /// Asked once for each direction of a conversation: the first payload of that direction, where it is known to be
  /// the first (handshake seen, or a datagram). No allocation where the beginning is a known one.
  Recognised recognise(const Address& responder, Protocol protocol, Port port, bool from_responder, Bytes payload);
  /// Says that recognise() will soon be asked so, so that what it looks at is in the cache by then. In two steps,
  /// some packets apart: the ticket of the first is for the second.
  std::uint32_t expect(const Address& responder, Protocol protocol, Port port, bool from_responder) const;
  void expect(std::uint32_t ticket) const;
  /// Of two services recognised in one conversation, the one to keep: a server's word before a client's, and the
  /// earlier one otherwise. kNone32 loses.
  std::uint32_t better(std::uint32_t known, std::uint32_t now) const;
  /// Whether two indices name the same application protocol. Records of different ones must not be put together.
  bool same_service(std::uint32_t a, std::uint32_t b) const { return language_of(a) == language_of(b); }
  /// The same number for the same application protocol, from now on; kNone32 of kNone32.
  std::uint32_t language_of(std::uint32_t service) const;

  /// Whether conversations with that server port may announce others. Those on other ports are found by
  /// recognise(), one by one.
  static constexpr bool is_control(Protocol protocol, Port port) {
    const unsigned number = port.number();
    if (protocol == Protocol::tcp) return number == 21 || number == 111 || number == 135 || number == 5060;
    if (protocol == Protocol::udp) return number == 69 || number == 111 || number == 5060;
    return false;
  }
  /// All payload of a conversation for which is_control() or `Recognised::listen` said so, in the order of the
  /// capture. `sequence`: TCP's sequence number of the first byte; 0 for datagrams. False: no more of it is wanted.
  bool listen(const FiveTuple& conversation, bool from_responder, Timestamp at, std::uint32_t sequence,
              Bytes payload);
  /// Asked when a conversation begins, as seen by its first packet: the index into take_parents() of the one that
  /// announced it, or kNone32. One look at a small table where nothing is announced.
  std::uint32_t parent_of(Protocol protocol, const Endpoint& initiator, const Endpoint& responder, Timestamp at);

  /// So far: what the indices mean. A service may still learn its certificate.
  const std::vector<ServiceSeen>& services() const;
  const std::vector<ParentFlow>& parents() const;
  /// At the end. The indices given so far stay valid for these lists; nothing may be asked afterwards.
  std::vector<ServiceSeen> take_services();
  std::vector<ParentFlow> take_parents();
  SpeechLosses losses() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace demarc
