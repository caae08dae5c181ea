// Which entries of a list can be about one packet, without a look at all of them: a list of a hundred thousand
// lines is asked millions of times when observed conversations are rehearsed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "rules/acl/device.h"
#include "rules/net/address_intervals.h"

namespace demarc {

/// Three segment trees over the entries: by source, by destination, by destination port. Each entry stands at the
/// few nodes that make up its ranges, so what can be about an address stands on one path to the root. A question
/// takes the tree whose path holds the fewest.
class EntryIndex {
 public:
  explicit EntryIndex(const List& list);

  /// Replaces `out` with the entries that may match (or possibly match) such a packet, in their order, and perhaps
  /// some that do not. No port: the packet has none, or nobody knows it.
  void candidates(const Address& source, const Address& destination, std::optional<Port> port,
                  std::vector<std::uint32_t>& out) const;

 private:
  using Position = std::uint32_t;
  struct Span {
    Position first, last;
    std::uint32_t entry;
  };
  class Tree {
   public:
    /// Positions are 0 .. size - 1.
    void build(Position size, std::span<const Span> spans);
    std::size_t path_length(Position at) const;
    void path(Position at, std::vector<std::uint32_t>& out) const;

   private:
    template <typename F>
    void each_node(const Span& span, F&& f) const;
    Position leaves_ = 1;
    std::vector<std::uint32_t> begin_;    // by node, into entries_
    std::vector<std::uint32_t> entries_;  // one run a node
  };
  Position port_position(Port port) const;

  AddressIntervals sources_, destinations_;
  std::vector<std::uint16_t> port_cuts_;  // where intervals begin, sorted, the first is 0
  Tree by_source_, by_destination_, by_port_;
};

/// The indices of a device's lists, each made once it is worth it. Not for several threads at once.
class ListIndices {
 public:
  /// A list is indexed when it has been asked that often before (0: at once). The device must outlive this.
  ListIndices(const Device& device, unsigned asked_before);

  /// As EntryIndex::candidates; all entries where an index would cost more than it saves.
  void candidates(ListIndex list, const Address& source, const Address& destination, std::optional<Port> port,
                  std::vector<std::uint32_t>& out);
  /// All entries.
  void all(ListIndex list, std::vector<std::uint32_t>& out) const;

 private:
  const Device& device_;
  unsigned asked_before_;
  std::vector<unsigned> asked_;
  std::vector<std::unique_ptr<EntryIndex>> indices_;
};

}  // namespace demarc
