// What many unanswered packets amount to: scans, floods, backscatter, in bounded memory and exact in their totals.
//
// The table takes every unanswered conversation, one at a time as they end, and holds it back. As soon as enough of
// them make a scan or a flood (rules/evidence/noise_criteria.h) they fold into one record, and so do those that
// follow. At the end, what folded into nothing comes back as a record of its own. When memory runs short, those
// that are least likely to become anything fold into `attempts` records: by responder and port where several of
// them share one, then by initiator, then by responder, then by nothing. What comes in comes out, to the packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "rules/evidence/noise_criteria.h"
#include "rules/evidence/observed_flow.h"
#include "rules/net/address.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"

namespace demarc {

struct NoiseOptions {
  /// Bytes the table may take, at least 2 MiB. A conversation that is held back needs about 480.
  std::size_t memory_max = std::size_t{32} << 20;
  /// Keys the hashes, so that a capture cannot aim at them. Tables that are merged need the same key.
  std::uint64_t hash_key = 0;
};

/// One unanswered conversation (whatever its source port), or one answer that nobody asked for.
struct Attempt {
  Address initiator, responder;
  Protocol protocol;
  bool initiator_certain = false;
  ConnState state = ConnState::S0;  // how it ended: S0 silence, REJ refused, RSTO, RSTOS0, SH broken off, ...
  std::uint16_t port = 0;           // the responder's; ICMP: the query's type << 8 | code; 0 where there is none
  std::uint32_t source = 0, record = 0, tunnel = kNone32;  // as in ObservedFlow
  std::uint32_t conversations = 1;
  std::uint64_t packets_out = 0, packets_in = 0, bytes_out = 0, bytes_in = 0;
  Timestamp first, last;
};

/// Not for several threads: one table for each, and absorb() at the end.
class NoiseTable {
 public:
  explicit NoiseTable(const NoiseOptions& options);
  ~NoiseTable();
  NoiseTable(NoiseTable&&) noexcept;

  /// A conversation in which only one side took part has ended.
  void attempt(const Attempt& attempt);
  /// An answer (SYN-ACK, RST, UDP from a server's port, an ICMP error and its quote) without a question. Its sender
  /// stands as `initiator`, who got it as `responder`, and `port` is the one it was sent from (ICMP errors: the
  /// port that was asked, as quoted). Becomes a record of its sender at once.
  void backscatter(const Attempt& answer);
  /// Says that attempt() or backscatter() comes soon.
  void prefetch(const Attempt& attempt) const;

  /// Takes everything out of another table with the same key, which is empty afterwards.
  void absorb(NoiseTable& other);

  /// Appends what there was, sorted, and empties the table for the next window. `kept`: attempts that belong to
  /// nothing larger, one record for each initiator, responder, protocol, port and tunnel, none of them established;
  /// the caller adds them to the records it has of the same ends. `records`: what the same time established, since
  /// unanswered clients of a server that answers most others are no flood.
  void finish(std::span<const ObservedFlow> records, std::vector<ObservedFlow>& kept,
              std::vector<TrafficNoise>& noise);

  /// Conversations whose ends were given up to bound memory (FlowSource::aggregated), by source; shorter where
  /// there were none. For the current window: empty after finish(), so ask before it.
  const std::vector<std::uint64_t>& given_up() const;
  /// Bytes the table takes now.
  std::size_t memory() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace demarc
