// How far what somebody says of a capture is true, kind by kind.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/traffic/made_capture.h"

namespace demarc::traffic {

/// One conversation as a program reports it.
struct SaidFlow {
  Protocol protocol;
  Endpoint initiator = {}, responder = {};  // ICMP: both ports 0
  bool certain = false;
  std::optional<ConnState> state = {};
  std::optional<bool> established = {};
  std::uint64_t packets_out = 0, packets_in = 0;
  std::optional<std::uint64_t> bytes_out = {},
                               bytes_in = {};  // whole IP packets; none: the program counts something else
  std::string service = {};
  std::string parent = {};  // "initiator responder port by", as text; "": none
  Timestamp first = {};
};
SaidFlow said(const ObservedFlow& flow, const FlowEvidence& evidence);

struct KindScore {
  std::uint64_t flows = 0;
  std::uint64_t missing = 0;           // no conversation was reported for it
  std::uint64_t right = 0, wrong = 0;  // who opened it; `either` counts as right unless it is called certain
  std::uint64_t certain = 0;           // called certain, right or wrong
  std::uint64_t wrong_certain = 0;     // wrong, or not to be known, and called certain
  std::uint64_t state_wrong = 0, use_wrong = 0, packets_wrong = 0, bytes_wrong = 0;
  std::uint64_t service_missing = 0, service_wrong = 0, parent_missing = 0, parent_wrong = 0;
  std::string example;  // of the first fault: what came out, what is true
  double right_percent() const {
    return flows == 0 ? 100 : 100.0 * static_cast<double>(right) / static_cast<double>(flows);
  }
};

struct Score {
  std::map<std::string, KindScore> kinds;
  KindScore all;
  std::uint64_t invented = 0;  // reported, and nobody made it
  std::string invented_example;
};

/// Compares one by one: conversations of the same ends are paired in the order of time. `split_is_fault`: where a
/// program reports one conversation for two that were made, the second is missing; otherwise only its direction is
/// judged.
Score score(const std::vector<TrueFlow>& truth, const std::vector<SaidFlow>& said, bool split_is_fault);

}  // namespace demarc::traffic
