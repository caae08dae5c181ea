// Reduced ordered binary decision diagrams with complement edges: the machine under PacketSet. It knows levels and
// edges, nothing of packets.
//
// An edge is a node number and a complement bit. Every node exists once (unique table), and the high edge of a node
// is never complemented, so each Boolean function is exactly one edge: equality is equality of numbers, and
// negation flips a bit. All set operations are one recursion, conjunction, with a cache of its results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "rules/space/count.h"

namespace demarc {

/// How much a space may take before it gives up.
struct SpaceLimits {
  std::size_t nodes_max = 16'000'000;       // about 30 bytes each with their tables: half a gigabyte
  std::uint64_t steps_max = 4'000'000'000;  // of the recursion, over the space's life: about two minutes
};

/// A comparison needs more nodes or steps than its space may have. The inputs are legal and nothing is wrong with
/// them: whoever started the comparison catches this, says which comparison it was, and reports it as not decided.
class SpaceExhausted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Diagram {
 public:
  using Edge = std::uint32_t;
  using Level = std::uint32_t;
  static constexpr Edge kTrue = 0, kFalse = 1;

  explicit Diagram(Level levels, SpaceLimits limits = {});
  Diagram(const Diagram&) = delete;
  Diagram& operator=(const Diagram&) = delete;

  Level levels() const { return levels_; }
  std::size_t node_count() const { return nodes_.size(); }
  std::uint64_t steps() const { return steps_; }

  /// The function "if the variable at that level is 1 then high else low". Both must lie below the level.
  Edge make(Level level, Edge low, Edge high);
  static constexpr Edge complement(Edge e) { return e ^ 1U; }
  Edge conjunction(Edge a, Edge b);
  Edge disjunction(Edge a, Edge b) { return complement(conjunction(complement(a), complement(b))); }
  Edge difference(Edge a, Edge b) { return conjunction(a, complement(b)); }
  /// "If the variable at that level is 1 then high else low", wherever the level lies; neither edge may test it.
  /// What both have in common is not visited.
  Edge insert(Level level, Edge low, Edge high);
  /// Is there an assignment under which both hold? Makes no nodes.
  bool overlap(Edge a, Edge b);
  /// Existential quantification: is there a value of the variables at the marked levels under which e holds?
  Edge forget(Edge e, const std::vector<bool>& levels);

  /// The level of the edge's topmost variable; levels() for a constant.
  Level level(Edge e) const { return nodes_[e >> 1].level; }
  Edge low(Edge e) const { return nodes_[e >> 1].low ^ (e & 1U); }
  Edge high(Edge e) const { return nodes_[e >> 1].high ^ (e & 1U); }
  /// How many assignments of all levels() variables make e true.
  Count count(Edge e) const;
  /// Nodes that the edges reach together.
  std::size_t size(std::span<const Edge> edges) const;

 private:
  struct Node {
    Level level;
    Edge low, high;
  };
  struct CacheLine {
    std::uint32_t operation = 0;  // 0: empty, 1: conjunction, otherwise insertion at level operation - 2
    Edge a = 0, b = 0, result = 0;
  };
  void step();
  CacheLine& line(std::uint32_t operation, Edge a, Edge b);
  void grow_table();

  Level levels_;
  SpaceLimits limits_;
  std::uint64_t steps_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::uint64_t>
      table_;  // hash << 32 | node number, open addressing; 0 is empty (the constant is not in it)
  std::vector<CacheLine> cache_;
};

}  // namespace demarc
