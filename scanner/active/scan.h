// What every way of scanning has in common: the questions, the pace, what is found, and where results go. The
// connect engine (connect_scan.h) needs no privilege; the raw engine (raw_scan.h) makes its own packets.
//
// An engine is told what to ask by an index into a permutation of the work (rules/plan/work.h), so that the order
// is random without memory for it and a run can resume or shard. It asks each index once; only silence is asked
// again, in passes over a bitmap. What it finds is held back until a canary (a port known to answer) was good after
// it, and then given to a sink, which writes the journal. No engine writes a file or knows a rule set.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/evidence/outcome.h"
#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"
#include "rules/policy/scope.h"
#include "rules/text/result.h"

namespace demarc {

/// What may be said to an open port.
enum class Speak : std::uint8_t {
  nothing,  // close it at once: `care: discovery-only`, operational technology, printers
  gently,   // listen, and ask only the usual question of that port: `care: gentle`
  freely,   // also the generic questions (HTTP, TLS) if it stays silent
};

/// One question: one port, or one ICMP query, of one admitted target. Only Scope::admit() makes a Target.
struct ScanWork {
  Target target;
  Port port;
  Protocol protocol = Protocol::tcp;
  IcmpType icmp = {};  // of ICMP and ICMPv6
  Speak speak = Speak::freely;
  std::uint32_t path = 0;  // targets behind the same filter share a number: the cap on states is theirs together
  std::uint32_t rate_max =
      0;  // packets/s for this target where it is less than the pace's (`care: gentle`); 0: the pace's
};

/// A port known to answer: it proves the way good at that moment.
struct ScanCanary {
  Target target;
  Port port;
};

/// How fast, how often, how long. The defaults are the gentle ones of the rule set's scope.
struct ScanPace {
  double rate_max = 1000;            // connection attempts per second of the whole scan; 0: as fast as it goes
  double rate_max_per_target = 200;  // 0: no cap of its own
  std::uint32_t states_max_per_path = 2000;  // unanswered attempts a filter may still remember; 0: no cap
  std::chrono::seconds state_lifetime{120};  // for how long it remembers them
  std::uint32_t concurrency_max = 2000;      // sockets at a time; less where descriptors are scarce
  std::uint32_t conversations_max = 64;      // open ports spoken to at a time
  std::uint8_t tries_max = 3;                // for silence; an answer is never asked again
  std::uint8_t tries_limit = 3;              // more than tries_max: so many where measured loss makes them worth it
  // At the ceiling we give up before the kernel would repeat the SYN (RFC 6298 §2: after one second), so that one
  // attempt is one packet.
  std::chrono::milliseconds timeout_min{250}, timeout_max{900};
  std::chrono::seconds canary_interval{10};
  std::uint32_t canary_probes = 20000;       // a look also after so many attempts
  std::chrono::seconds canary_patience{30};  // a loss that lasts longer ends the run
  std::uint32_t decoys_per_target =
      4;  // random high ports asked where something is open: does everything answer? 0: none
  std::chrono::milliseconds recheck_spacing{
      1200};  // between the looks for an ICMP rate limit; a Linux router allows one a second
  std::uint32_t rechecks_per_target = 6, rechecks_max = 120;
  std::chrono::seconds recheck_time_max{30};
  std::chrono::milliseconds listen_time{2000};  // a silent open port is given up after this
};

struct ScanRequest {
  std::uint64_t work_count = 0;
  std::function<ScanWork(std::uint64_t index)> work;  // for every index < work_count, always the same answer
  /// The reverse, for engines that keep nothing of a probe but a key; nullopt: not asked.
  std::function<std::optional<std::uint64_t>(const Address& target, Protocol protocol, Port port, IcmpType icmp)>
      index_of;
  std::function<bool(std::uint64_t index)> already_answered;  // by the journal that is resumed; empty: nothing is
  AskedSoFar asked;                  // likewise: silence up to there need not be asked again
  std::span<const Outcome> earlier;  // likewise: what it found, by which later answers can be told apart
  std::vector<ScanCanary> canaries;
  ScanPace pace;
  bool services = true;    // speak to open ports (as far as each work item allows)
  std::uint64_t seed = 0;  // of decoys and rechecks
  std::optional<std::chrono::nanoseconds> runtime_max;
  /// Asked at least twice a second: false ends the run in order (window_closed).
  std::function<bool(Timestamp now)> window_open;
  /// Set by a signal handler or another thread: the run ends in order (interrupted).
  const std::atomic<bool>* stop = nullptr;
};

/// One confirmed outcome of one port.
struct ScanFound {
  std::uint64_t index = 0;  // into the work
  Outcome outcome;          // `service` is not set: the writer numbers services
  std::optional<ServiceSeen> service;
};

struct ScanProgress {
  std::uint64_t done = 0, total = 0;  // work items with a final outcome
  std::uint64_t open = 0;
  std::uint64_t sent = 0, received = 0;
  double rate = 0;   // attempts per second, lately
  double loss = -1;  // -1: not known
  std::optional<std::chrono::seconds> left;
  std::uint32_t pass = 1;  // 1: everything; 2 and up: silence again
};

/// Where results go. An error (the disk is full) ends the run and is what the engine returns.
struct ScanSink {
  virtual ~ScanSink() = default;
  virtual Result<void> on_found(std::span<const ScanFound> found) = 0;
  virtual Result<void> on_canary(const CanaryLook& look) = 0;
  /// All that was asked until there is confirmed: what is not found by now stayed silent in those passes.
  virtual Result<void> on_asked(const AskedSoFar&) { return {}; }
  /// What the run has to say about itself.
  virtual Result<void> on_note(const std::string& note) = 0;
  /// About four times a second.
  virtual void on_progress(const ScanProgress& progress) = 0;
};

struct ScanResult {
  ScanSummary summary;                // the journal's end record
  std::string why;                    // for people, where the end is not `complete`
  std::uint64_t unanswered_work = 0;  // items without an outcome
};

}  // namespace demarc
