// Which packets a line decides, on one way through a device: packets as they come in, whatever the stages see in
// their place. Private to this folder.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "rules/acl/decide.h"
#include "rules/acl/meaning.h"
#include "rules/acl/translated_view.h"
#include "rules/verdict/hull.h"

namespace demarc {

class Deciding {
 public:
  struct Asked {
    Way way = Way::through;
    ListIndex list = kNoList;  // that list alone is the way
    StateSet states = StateSet::all();
  };
  /// All must outlive it.
  Deciding(const Device& device, PacketSpace& space, const Asked& asked, const Focus& focus);

  /// What the way lets through of the packets in focus.
  Bounds permitted();
  /// The line that decides this packet.
  FilterDecision decide(const ConcretePacket& packet);
  /// All packets that possibly arrive where this line stands and that it (or the list's end) takes.
  PacketSet reached(const DecidingLine& line);

 private:
  /// Where packets come to lists, all of them seen in the same way.
  struct Entrance {
    CourseOfSet course = {};
    Stage stage = {};
    std::map<ListIndex, PacketSet> entering = {};  // from the stages
    std::map<ListIndex, PacketSet> arriving = {};  // and from calls, of each list that was asked about
  };
  bool is_plain() const { return courses_.size() == 1 && courses_[0].course.is_plain(); }
  std::vector<Entrance>& entrances();
  void enter(const CourseOfSet& course);
  const PacketSet& arriving(Entrance& entrance, ListIndex list);
  /// Of an entry's packets those that come to it from the beginning of its list.
  PacketSet reaching(ListIndex list, std::uint32_t entry);

  const Device& device_;
  Asked asked_;
  Translations translations_;
  Focus focus_;  // what stages may see of the packets asked about
  Meaning meaning_;
  std::vector<CourseOfSet> courses_;
  Decider decider_;
  std::vector<Entrance> entrances_;
  std::vector<std::vector<std::pair<ListIndex, std::uint32_t>>> callers_;  // of each list
  /// Of a list that was asked about, by entry.
  struct Known {
    std::vector<Hull> hulls;
    std::vector<std::optional<PacketSet>> on;  // what goes on behind it
  };
  std::map<ListIndex, Known> known_;
};

}  // namespace demarc
