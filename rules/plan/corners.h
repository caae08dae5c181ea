// Corner probing: one probe where a sweep sends thousands. A filter that is made of rules decides alike for all
// ports between two neighbouring port numbers that any of its rules name. The documents name the same numbers, or
// ought to: so they cut the port axis of a host into pieces, and one port speaks for its piece.
//
// One is enough for a filter that follows the documents, and for one that deviates by whole lines: a rule for
// another service, a rule forgotten, an any-any. It is not enough for a deviation whose ends no document names: an
// opening of a few ports in the middle of a piece is found only if the probe happens to fall into it. That is why a
// probe proves its own port and nothing else, and why configurations, which do name such ends, may be given as
// further documents.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// The port numbers at which a piece begins, sorted: an edge 80 parts 79 from 80. 65536 is one as well.
using PortEdges = std::vector<std::uint32_t>;

/// Adds where `ports` begins and ends. `singles`: every port of it becomes a piece of its own.
void add_edges(PortEdges& edges, const PortSet& ports, bool singles = false);
/// The pieces of `axis` between the edges: sorted, disjoint, together the axis.
std::vector<PortRange> cut_at(const PortSet& axis, const PortEdges& edges);
/// The port that is asked for a piece: the only one, one of two, or an inner one, by a hash of piece and seed.
/// Inner, because the first and last port are where an off-by-one of a neighbouring line shows: it would speak for
/// that line.
Port port_for(const PortRange& piece, std::uint64_t seed);
PortSet ports_for(std::span<const PortRange> pieces, std::uint64_t seed);

/// Where the rule set cuts the ports of a host: rules and exceptions whatever their status and source (a source
/// that was implemented too wide is the commonest mistake), forbidden entries, ports named by `coverage`; every
/// port of the catalogue and every fragile port by itself, because those are never "like their neighbours";
/// canaries. The rule set must outlive it.
class CornerMap {
 public:
  /// `further`: documents that hold for every host (lines of configurations), each a set of ports that it treats
  /// alike.
  explicit CornerMap(const RuleSet& rules, std::span<const PortSet> further = {});
  /// By the address of the real host, or of a virtual server. TCP or UDP.
  const PortEdges& edges(const Address& real, Protocol protocol) const;

 private:
  struct Document {
    const AddressSet* to = nullptr;
    std::array<PortEdges, 2> edges;  // TCP, UDP
  };
  struct Slot {
    bool known = false;
    std::array<PortEdges, 2> edges;
  };
  std::size_t slot_of(const Address& real) const;
  std::array<PortEdges, 2> make(const Address& real, std::size_t slot) const;
  const RuleSet* rules_;
  std::array<PortEdges, 2> everywhere_;
  std::vector<Document> documents_;             // by destination, each destination once
  std::vector<Address> cuts_;                   // between two neighbouring cuts every address has the same edges
  std::vector<std::vector<std::uint32_t>> at_;  // by interval: the documents that hold it
  mutable std::vector<Slot> slots_;
};

}  // namespace demarc
