// The same conversation in the captures of two sensors. Between them may stand an address translation: then the two
// records name different ends, and only one side shows who really talks. The real initiator is seen on the side
// where its packets have travelled less (the higher TTL), the real responder likewise; between equal ones the
// earlier capture decides.
//
//        A --[ sensor a ]-- firewall --[ sensor b ]-- S          a: A > S      b: P > S      real: A > S
//
// What survives a translation is the mark of a conversation: TCP's initial sequence numbers, the first payload of
// others. It counts only where it is unique within a few seconds and one end at least looks the same, or a mapping
// of ends was seen several times. Firewalls that choose sequence numbers of their own break it; then times, sizes
// and the unchanged end decide, again only for a mapping that was seen several times and never otherwise. What is
// in doubt stays apart.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "scanner/passive/flow_table.h"

namespace demarc {

struct NatJoins {
  std::uint64_t twice = 0;       // conversations that two sensors saw with the same ends
  std::uint64_t translated = 0;  // and with different ends: the real ones are known now
  std::uint64_t ambiguous = 0;   // that fit several others: left apart
  std::uint64_t undecided = 0;   // the same, but nothing tells which ends are real: left apart
  auto operator<=>(const NatJoins&) const = default;
};

/// In words, what was left apart.
std::vector<std::string> notes_of(const NatJoins& joins);

/// One element for each sensor's table; ConversationTrace::flow indexes `evidence.flows`. Sets `real` of the flows;
/// a flow that is only partly joined is split, the new ones stand at the end. Of each conversation one record
/// counts, the others get `seen_twice`.
NatJoins join_sensors(std::span<const std::vector<ConversationTrace>> sensors, FlowEvidence& evidence);

}  // namespace demarc
