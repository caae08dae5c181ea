// Which packets a line decides, on one way through a device. Private to this folder.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/meaning.h"
#include "rules/verdict/hull.h"

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
  /// Of an entry's packets those that come to it from the beginning of its list.
  PacketSet reaching(ListIndex list, std::uint32_t entry);

  const Device& device_;
  Meaning meaning_;
  Way way_;
  ListIndex list_;
  Decider decider_;
  std::map<ListIndex, PacketSet> arriving_;
  /// Of a list that was asked about, by entry.
  struct Known {
    std::vector<Hull> hulls;
    std::vector<std::optional<PacketSet>> on;  // what goes on behind it
  };
  std::map<ListIndex, Known> known_;
};

}  // namespace demarc
