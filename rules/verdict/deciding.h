// Which packets a line decides, on one way through a device. Private to this folder.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/meaning.h"

namespace demarc {

class Deciding {
 public:
  /// All must outlive it. With `list`, that list alone is the way.
  Deciding(const Device& device, PacketSpace& space, Way way, ListIndex list = kNoList,
           const Focus* focus = nullptr);

  /// What the way lets through.
  Bounds permitted();
  /// The line that decides this packet.
  FilterDecision decide(const ConcretePacket& packet);
  /// All packets that possibly arrive where this line stands and that it (or the list's end) takes.
  PacketSet reached(const DecidingLine& line);

 private:
  const PacketSet& arriving(ListIndex list);
  using Halves = std::vector<std::optional<PacketSet>>;  // of a list: the halves of node n are 2n and 2n + 1
  const PacketSet& let_by(Halves& halves, ListIndex list, std::size_t node, std::uint32_t first,
                          std::uint32_t last);
  /// What is left of everything behind the first entries of a list.
  PacketSet behind(ListIndex list, std::uint32_t entries);

  const Device& device_;
  Meaning meaning_;
  Way way_;
  ListIndex list_;
  Decider decider_;
  std::map<ListIndex, PacketSet> arriving_;
  std::map<ListIndex, Halves> halves_;
};

}  // namespace demarc
