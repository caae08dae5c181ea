// How to talk to an open port whose service nobody told us: listen first where servers speak first, otherwise ask
// the usual question of that port, then the generic ones. Values that are told what happened and say what to do
// next; they hold no socket and read no clock.
//
// A port that never says a word must not cost the sum of all waits. So a conversation opens several dialogues, each
// on a connection of its own, the later ones only when the earlier ones had some time:
//
//   0            L/4           L/2                         L      (an unusual port; L is the listen time)
//   | listen .... | HTTP on the same connection ............ |
//                               | TLS on a second one ...... |
//                               | MSRPC on a third, where it may live
//
// The first dialogue that recognises something goes on (what speaks inside TLS, STARTTLS, an NTLM challenge); the
// others are closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probes/app/app_probe.h"

namespace demarc {

/// What a finished TLS handshake told. Nothing of it was verified: whether a certificate is trusted is nobody's
/// question here.
struct TlsFacts {
  std::string version;     // "TLS 1.3"
  std::string cipher;      // "TLS_AES_256_GCM_SHA384"
  ByteString certificate;  // DER, of the server itself
  bool wants_client_certificate = false;
};

/// One connection after the other, each question after the answer to the one before.
class Dialogue {
 public:
  enum class Manner : std::uint8_t {
    gentle,   // listen, and ask only the usual question of that port
    thorough  // then what the answer suggests, and HTTP, TLS and, in the ranges where it lives, MSRPC
  };
  struct Turn {
    const AppProbe* probe;  // nullptr: listen
    std::chrono::milliseconds wait;
    bool same_connection = false;  // goes on with what was said, or is dropped
    bool start_tls = false;        // a handshake comes first
  };
  Dialogue(std::vector<Turn> turns, Port port, Manner manner, std::chrono::milliseconds listen_time);
  /// The target's address, for protocols that name it (HTTP's Host).
  void set_host(std::string host) { host_ = std::move(host); }

  struct Step {
    bool finished = false;
    bool fresh_connection = false;      // on a new connection; the old one is closed
    bool start_tls = false;             // a TLS handshake comes first, told by on_tls()
    ByteString request;                 // to send (inside TLS, once there is); empty: only listen
    std::chrono::milliseconds wait{0};  // for an answer, from now, or from the end of the handshake
  };
  /// The first step, or the next one after on_bytes() said that this one is done, or on_silence() or on_closed().
  Step next();

  /// Bytes that arrived; beyond kReplyMax they are not kept. True: this step is done.
  bool on_bytes(Bytes chunk);
  /// The handshake that the step asked for succeeded.
  void on_tls(const TlsFacts& facts);
  /// The time is over.
  void on_silence() { end_step(); }
  /// The peer closed or reset the connection, a fresh one was not accepted, or the handshake failed.
  void on_closed();

  /// Something was recognised, or somebody spoke first in a language we do not know: nobody else need ask.
  bool settled() const { return settled_; }
  /// The best that was seen so far.
  std::optional<ServiceSeen> seen() const;

 private:
  void end_step();
  void look_inside_tls();
  Heard read(Bytes reply) const;

  std::vector<Turn> turns_;  // to come, the last one first
  Port port_;
  Manner manner_;
  std::chrono::milliseconds listen_time_;
  std::string host_;
  Turn turn_{nullptr, {}};
  std::vector<const AppProbe*> history_;
  ByteString reply_;
  std::optional<ServiceSeen> seen_, inside_;
  bool connected_ = true;  // the connection is there
  bool spoken_ = false;    // and has carried a request of ours or an answer
  bool inside_tls_ = false, looked_inside_ = false, settled_ = false;
  unsigned steps_ = 0;
};

class ServiceConversation {
 public:
  using Manner = Dialogue::Manner;
  /// For one port, the first one included. Whoever opens connections keeps to it.
  static constexpr unsigned kConnectionsMax = 6;

  ServiceConversation(Port port, Manner manner, std::chrono::milliseconds listen_time);
  void set_host(const std::string& host);

  struct Opening {
    std::chrono::milliseconds after;  // begins so long after the conversation did, if nothing is settled by then
    Dialogue dialogue;
  };
  /// In the order of their beginning; the first begins at once, on the connection that found the port open.
  std::vector<Opening>& openings() { return openings_; }
  /// The best that any of them saw.
  std::optional<ServiceSeen> seen() const;

 private:
  std::vector<Opening> openings_;
};

}  // namespace demarc
