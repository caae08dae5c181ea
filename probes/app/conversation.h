// How to talk to an open port whose service nobody told us: listen first where servers speak first, otherwise ask
// the usual question of that port, then the generic ones. A value that is told what happened and says what to do
// next; it holds no socket and reads no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "probes/app/app_probe.h"

namespace demarc {

class Conversation {
 public:
  enum class Manner : std::uint8_t {
    gentle,   // listen, and ask only the usual question of that port
    thorough  // then HTTP, TLS and, in the ranges where it lives, MSRPC
  };
  Conversation(Port port, Manner manner, std::chrono::milliseconds listen_time);

  struct Step {
    bool finished = false;
    bool fresh_connection = false;      // on a new connection; the old one is closed
    ByteString request;                 // to send; empty: only listen
    std::chrono::milliseconds wait{0};  // for an answer, from now
  };
  /// The first step, or the next one after on_bytes() said that this one is done, or on_silence() or on_closed().
  Step next();

  /// Bytes that arrived; beyond kReplyMax they are not kept. True: this step is done.
  bool on_bytes(Bytes chunk);
  /// The time is over.
  void on_silence() { end_step(); }
  /// The peer closed or reset the connection, or a fresh one was not accepted.
  void on_closed();

  /// The best that was seen so far.
  const std::optional<ServiceSeen>& seen() const { return seen_; }

 private:
  struct Turn {
    const AppProbe* probe;  // nullptr: listen
    std::chrono::milliseconds wait;
  };
  void end_step();

  std::vector<Turn> turns_;  // to come, the last one first
  const AppProbe* asked_ = nullptr;
  std::vector<const AppProbe*> history_;
  ByteString reply_;
  std::optional<ServiceSeen> seen_;
  bool usable_ = true;    // the connection is there and has carried no request of ours
  bool settled_ = false;  // recognised: nothing more to ask
  unsigned connections_ = 1;
};

}  // namespace demarc
