// Which entries of a list may have something in common with a given one. Of a hundred thousand lines a line between
// two hosts meets a dozen, and whoever holds it against each of the others spends all his time on finding them.
// Private to this folder.
//
// The outer bounds of every box of every entry are the leaves of a tree whose nodes hold the bounds of all below. A
// node is cut where a look at some of its own boxes shows that the fewest comparisons follow: by service, by
// address, or the broad ones from the narrow ones, as the list has it.
#pragma once

#include <cstdint>
#include <vector>

#include "rules/acl/device.h"
#include "rules/verdict/hull.h"

namespace demarc {

class Neighbours {
 public:
  /// The list must outlive it.
  explicit Neighbours(const List& list);

  /// Replaces `out` with the entries, in their order, that may match a packet which this one matches or possibly
  /// matches: those for which it is so, and few others. Never the entry itself, nor what matches nothing
  /// (switched-off entries) or decides nothing by itself (counters).
  void find(std::uint32_t entry, std::vector<std::uint32_t>& out);

 private:
  struct Part {
    Hull hull;
    std::uint32_t entry;
  };
  struct Node {
    Hull hull = {};
    std::uint32_t first = 0, last = 0;  // of parts_
    std::uint32_t behind = 0;           // the node behind all below it; children follow their parent
  };
  void build(std::uint32_t first, std::uint32_t last);
  /// Cuts a run of parts in two; its middle, or `first` where all are alike.
  std::uint32_t cut(std::uint32_t first, std::uint32_t last);
  void collect(const Hull& asked, std::vector<std::uint32_t>& out) const;
  void put_in_order(std::vector<std::uint32_t>& entries);

  const List& list_;
  std::vector<Part> parts_;  // in the order of the leaves
  std::vector<Node> nodes_;
  std::vector<std::uint64_t> found_;  // a bit for each entry, while many are put in order
};

}  // namespace demarc
