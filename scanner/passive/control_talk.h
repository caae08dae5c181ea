// Control conversations, read line by line and message by message for what they announce. There are few of them,
// so each may keep a little: the rest of a line or message that was cut by segments, an RPC question whose answer
// names no protocol, the media that the other side of a call offered. All of it is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "probes/app/announced.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/flow.h"
#include "scanner/passive/related.h"

namespace demarc {

/// What was not read, and why.
struct ControlLosses {
  std::uint64_t refused = 0;    // announced endpoints that the announcing side had no right to name
  std::uint64_t unread = 0;     // gaps, messages longer than is kept, conversations given up for others
  std::uint64_t encrypted = 0;  // conversations that went on inside TLS
};

class ControlTalks {
 public:
  ControlTalks(Related& related, std::uint32_t talks_max, std::uint64_t hash_key);
  ~ControlTalks();
  ControlTalks(ControlTalks&&) noexcept;

  /// Payload of a conversation that speaks `kind`, in the order of the capture. False: nothing more will come of
  /// it.
  bool listen(RelatedBy kind, const FiveTuple& conversation, bool from_responder, Timestamp at,
              std::uint32_t sequence, Bytes payload);

  const std::vector<ParentFlow>& parents() const;
  const ControlLosses& losses() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace demarc
