// Which lines decide the packets of a set. Walking a list of ten thousand lines for each of ten thousand rules
// would be too slow, so every list is a tree of halves: each half knows what its lines may take, and a small set
// goes down only where something takes it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/meaning.h"

namespace demarc {

/// What one line does with packets that reach it.
struct Taken {
  DecidingLine line = {};
  Fate fate = Fate::undetermined;  // what it does to them
  bool open = false;               // perhaps not to all of them: what it matches is not decided by the file
  PacketSet packets = {};
};

class ListLines {
 public:
  /// Both must outlive it.
  ListLines(const Device& device, Meaning& meaning);

  /// Appends the lines of the list, and of those that it calls, that may decide packets of the set. Returns what
  /// may come out at the list's end. Not the end itself.
  PacketSet distribute(ListIndex list, const PacketSet& arriving, std::vector<Taken>& out);
  /// The same for packets that arrive behind this entry.
  PacketSet behind(ListIndex list, std::uint32_t entry, const PacketSet& arriving, std::vector<Taken>& out);
  /// What the end of the list does with what comes out; nothing where it gives way.
  void end(ListIndex list, const PacketSet& falling, std::vector<Taken>& out) const;

 private:
  /// Of each half of a list, what some line in it may take; the halves of node n are 2n and 2n + 1.
  using Tree = std::vector<std::optional<PacketSet>>;
  const PacketSet& takes(ListIndex list, std::size_t at, std::uint32_t first, std::uint32_t last);
  PacketSet go(ListIndex list, std::size_t at, std::uint32_t first, std::uint32_t last, const PacketSet& arriving,
               PacketSet& left, std::vector<Taken>& out, unsigned depth, std::uint32_t from = 0);
  PacketSet entry(ListIndex list, std::uint32_t index, const PacketSet& arriving, PacketSet& left,
                  std::vector<Taken>& out, unsigned depth);
  PacketSet distribute(ListIndex list, const PacketSet& arriving, std::vector<Taken>& out, unsigned depth);

  const Device& device_;
  Meaning& meaning_;
  std::vector<Tree> trees_;  // by list
};

}  // namespace demarc
