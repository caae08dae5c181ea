// One packet through the views: which rules approve it and which nearly do, what forbids it, what probes and
// captures say about it, and hop by hop which line of a configuration decides.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/evidence/snapshot.h"
#include "rules/net/flow.h"
#include "rules/net/time.h"
#include "rules/policy/rule_set.h"
#include "rules/verdict/given_configuration.h"

namespace demarc {

/// A rule, exception or forbidden entry beside the packet.
struct RuleOpinion {
  enum class Kind : std::uint8_t {
    approves,
    exception_approves,
    forbids,
    lifted,
    near_miss
  } kind = Kind::near_miss;
  std::string id;
  std::string service;
  std::string why;  // "in force", "expired 2026-03-31", "the source lies outside `from`", "X-001 lifts it"
  Location where;
};
std::string_view name(RuleOpinion::Kind kind);

/// What a probe found at the packet's destination.
struct ProbeOpinion {
  std::string vantage, zone, file, state, passage, answer, answered_by, doubt, service, asked_as;
  std::string who;    // "reset by a filter in between: its TTL is 64, ..."; empty where the answer says it
  std::string stops;  // "stops at hop 3, after 203.0.113.1"; empty if nobody looked
  std::optional<std::uint8_t> ttl;
  std::uint8_t tries = 0;
  std::uint32_t record = 0;
  std::optional<Timestamp> at;
  bool same_zone = false;  // the vantage point stands for the packet's source: same zone
  bool stale = false;      // older than coverage.max_age
};

struct FlowOpinion {
  std::string initiator, responder, file, sensor, states;
  std::uint32_t record = 0;
  std::uint64_t conversations = 0, established = 0;
  Timestamp first, last;
  bool same_source = false;
};

/// What one device on the path does with the packet; several of one hop are alternatives.
struct HopOpinion {
  std::uint32_t hop = 0;
  std::string device, way;       // "forward", "local-in", "local-out"
  std::string fate;              // "permit", "deny", "undetermined", "not measured"
  std::string list, text, file;  // the deciding line; no file: no configuration
  std::uint32_t line = 0;
  std::string why;  // what leaves it open, or why it is not measured
};

struct Explanation {
  Packet packet;
  std::string source_name, source_zone, destination_name, destination_zone;
  std::string seen_as;  // the address the source's zone sees for the destination, if it differs
  bool approved = false, forbidden = false;
  std::vector<RuleOpinion> rules;    // approving, then forbidding, then near misses
  std::vector<ProbeOpinion> probes;  // those from the packet's own zone first
  std::vector<FlowOpinion> flows;
  std::vector<HopOpinion> hops;
  std::string configured = "not measured";  // in short
  std::string conclusion;                   // one sentence
};

/// `as_of` decides what is in force. At most `shown` near misses, probes and flows each.
Explanation explain(const RuleSet& rules, const Snapshot& snapshot, const Packet& packet, Timestamp as_of,
                    std::size_t shown = 10, std::span<const GivenConfiguration> configurations = {});

/// Lines for a terminal, foreign text made safe.
std::string explanation_text(const Explanation& explanation);
std::string explanation_json(const Explanation& explanation);

}  // namespace demarc
