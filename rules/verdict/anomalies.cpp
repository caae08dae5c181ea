// Every entry asks two questions: what reaches it, and what would happen behind it. Both are answered for all
// entries at once by halving the list: the outcomes of every half are worked out from the bottom up, then passed
// down again as "what came before" and "what comes after". That is a number of set operations that grows with the
// list and its logarithm, where asking entry by entry grows with the square.
#include "rules/verdict/anomalies.h"

#include <algorithm>
#include <array>

#include "rules/acl/meaning.h"

namespace demarc {

namespace {

constexpr std::array<std::string_view, 5> kStatuses{"live", "shadowed", "redundant", "unread", "partial"};

/// How many pairs of entries are held against each other, in one device, to say who takes whose packets: enough for
/// lists of ten thousand lines, and an end for hostile ones.
constexpr std::uint64_t kPairsMax = 200'000'000;
constexpr std::uint32_t kNoEntry = 0xFFFFFFFF;
constexpr std::size_t kNodesShared = 4'000'000;

bool meet(const PortSet& a, const PortSet& b) {
  auto i = a.ranges().begin(), j = b.ranges().begin();
  while (i != a.ranges().end() && j != b.ranges().end()) {
    if (i->last < j->first)
      ++i;
    else if (j->last < i->first)
      ++j;
    else
      return true;
  }
  return false;
}
bool meet(const AddressSet& a, const AddressSet& b) {
  auto i = a.ranges().begin(), j = b.ranges().begin();
  while (i != a.ranges().end() && j != b.ranges().end()) {
    if (i->last < j->first)
      ++i;
    else if (j->last < i->first)
      ++j;
    else
      return true;
  }
  return false;
}
/// False: no packet is in both. True: there may be one (what holes and missing fields exclude is not looked at).
bool may_overlap(const Box& a, const Box& b) {
  return !(a.family && b.family && *a.family != *b.family) &&
         !a.protocols.numbers().intersect(b.protocols.numbers()).empty() && meet(a.ports, b.ports) &&
         meet(a.source_ports, b.source_ports) && meet(a.destinations, b.destinations) && meet(a.sources, b.sources);
}
bool may_overlap(const Entry& a, const Entry& b) {
  const auto any = [](const std::vector<Match>& x, const std::vector<Match>& y) {
    return std::any_of(x.begin(), x.end(), [&y](const Match& m) {
      return std::any_of(y.begin(), y.end(), [&m](const Match& n) { return may_overlap(m.box, n.box); });
    });
  };
  return any(a.match, b.match) || any(a.match, b.maybe) || any(a.maybe, b.match) || any(a.maybe, b.maybe);
}

bool decides(const Entry& e) { return e.action == Action::permit || e.action == Action::deny; }

class ListAnalysis {
 public:
  ListAnalysis(const Device& device, ListIndex index, Meaning& meaning, std::uint64_t& pairs)
      : device_(device), list_(device.lists[index]), index_(index), meaning_(meaning), pairs_(pairs) {}

  void run(ListReport& report) {
    report_ = &report;
    const std::size_t n = list_.entries.size();
    report.entries.resize(n);
    for (std::uint32_t i = 0; i < n; ++i) report.entries[i].entry = {index_, i};
    if (n == 0) return;
    certain_.reserve(n);
    for (const Entry& e : list_.entries) certain_.push_back(meaning_.match(e).certain);
    tree_.reserve(2 * n);
    const std::size_t root = build(0, n);
    PartOutcomes end = meaning_.no_entry();
    if (list_.at_end == Fallthrough::permit) std::swap(end.permit, end.on);
    if (list_.at_end == Fallthrough::deny) std::swap(end.deny, end.on);
    descend(root, 0, n, meaning_.no_entry(), end);
  }

 private:
  struct Node {
    PartOutcomes part;
    std::size_t left = 0, right = 0;  // 0: a leaf
  };

  std::size_t build(std::size_t first, std::size_t last) {
    Node node;
    if (last - first == 1) {
      node.part = meaning_.entry(list_.entries[first]);
    } else {
      const std::size_t middle = first + (last - first) / 2;
      node.left = build(first, middle);
      node.right = build(middle, last);
      node.part = join(tree_[node.left].part, tree_[node.right].part);
    }
    tree_.push_back(std::move(node));
    return tree_.size() - 1;
  }

  /// What stands in the range once everything that is superfluous in it is gone. From the back to the front, and an
  /// entry is held against what is left behind it: so of two lines that make each other superfluous one is told,
  /// and all lines that are told can go together.
  PartOutcomes descend(std::size_t at, std::size_t first, std::size_t last, const PartOutcomes& before,
                       const PartOutcomes& after) {
    if (last - first == 1)
      return leaf(static_cast<std::uint32_t>(first), before, after) ? tree_[at].part : meaning_.no_entry();
    const std::size_t middle = first + (last - first) / 2;
    const std::size_t left = tree_[at].left, right = tree_[at].right;
    const PartOutcomes behind = descend(right, middle, last, join(before, tree_[left].part), after);
    const PartOutcomes front = descend(left, first, middle, before, join(behind, after));
    return join(front, behind);
  }

  /// Whether the entry is needed.
  bool leaf(std::uint32_t i, const PartOutcomes& before, const PartOutcomes& after) {
    const Entry& e = list_.entries[i];
    EntryReport& r = report_->entries[i];
    if (e.inactive) return false;
    const Bounds match = meaning_.match(e);
    if (e.action == Action::unknown) {
      r.status = EntryStatus::unread;
      return true;
    }
    const PacketSet live = match.possible & before.on;
    if (match.possible.is_empty()) {
      r.status = EntryStatus::shadowed;
      r.matches_nothing = true;
      return false;
    }
    if (live.is_empty()) {
      r.status = EntryStatus::shadowed;
      r.sample = match.possible.sample();
      takers(i, match.possible, r);
      return r.otherwise;  // what a line that contradicts was meant to do is for a person to decide: it stays
    }
    r.sample = live.sample();
    if (!e.maybe.empty()) {
      r.status = EntryStatus::partial;
      return true;
    }
    if (!decides(e)) return true;
    // A last line that says what the end of the list does anyway (often to log) is no mistake.
    if (i + 1 == list_.entries.size() && (match.certain | family_outside()).is_all()) return true;
    const PacketSet otherwise =
        (e.action == Action::permit ? after.deny : after.permit) | after.give_back | after.on;
    if (!live.overlaps(otherwise)) {
      r.status = EntryStatus::redundant;
      successors(i, live, r);
      return false;
    }
    const PacketSet taken = match.certain & (e.action == Action::permit ? before.deny : before.permit);
    if (!taken.is_empty()) conflicts(i, match.certain);
    return true;
  }

  /// Who takes the packets of an entry that gets none.
  void takers(std::uint32_t i, PacketSet packets, EntryReport& r) {
    const Entry& e = list_.entries[i];
    const PacketSet all = packets;
    std::uint32_t dissenting = kNoEntry;
    std::vector<std::uint32_t> chain;
    for (std::uint32_t j = 0; j < i && !packets.is_empty(); ++j) {
      const Entry& earlier = list_.entries[j];
      if (earlier.inactive || earlier.action == Action::count) continue;
      if (++pairs_ > kPairsMax) {
        r.by_more = true;
        return;
      }
      if (!may_overlap(e, earlier)) continue;
      const PacketSet& certain = certain_[j];
      const PacketSet share = packets & certain;
      if (share.is_empty()) continue;
      if (certain.contains(all)) chain.clear(), dissenting = kNoEntry;  // this one alone would do
      if (decides(earlier) && earlier.action != e.action && dissenting == kNoEntry) dissenting = j;
      if (certain == certain_[i] && earlier.action == e.action) r.duplicate = true;
      chain.push_back(j);
      packets -= certain;
      if (certain.contains(all)) break;
    }
    r.otherwise = dissenting != kNoEntry;
    keep(chain, dissenting, r);
  }

  /// Who decides the packets of a redundant entry when it is gone.
  void successors(std::uint32_t i, PacketSet packets, EntryReport& r) {
    const Entry& e = list_.entries[i];
    std::vector<std::uint32_t> chain;
    for (std::uint32_t j = i + 1; j < list_.entries.size() && !packets.is_empty(); ++j) {
      const Entry& later = list_.entries[j];
      if (later.inactive || later.action == Action::count || is_superfluous(j)) continue;
      if (++pairs_ > kPairsMax) {
        r.by_more = true;
        return;
      }
      if (!may_overlap(e, later)) continue;
      const PacketSet& certain = certain_[j];
      if (!packets.overlaps(certain)) continue;
      chain.push_back(j);
      packets -= certain;
    }
    keep(chain, kNoEntry, r);
  }

  PacketSet family_outside() const {
    if (!list_.family) return meaning_.space().empty();
    return meaning_.space().of(Box{.family = *list_.family == Family::ipv4 ? Family::ipv6 : Family::ipv4});
  }

  bool is_superfluous(std::uint32_t j) const {
    const EntryReport& r = report_->entries[j];
    return (r.status == EntryStatus::shadowed && !r.otherwise) || r.status == EntryStatus::redundant;
  }

  /// The first ones, and the one that dissents among them.
  void keep(const std::vector<std::uint32_t>& chain, std::uint32_t must, EntryReport& r) {
    for (const std::uint32_t j : chain) {
      const bool last_place = r.by.size() + 1 == EntryReport::kBlockersMax;
      const bool held_for_must =
          last_place && must != kNoEntry && j < must && chain.size() > EntryReport::kBlockersMax;
      if (r.by.size() == EntryReport::kBlockersMax || held_for_must) {
        r.by_more = true;
        continue;
      }
      r.by.push_back({index_, j});
    }
  }

  void conflicts(std::uint32_t i, const PacketSet& match) {
    const Entry& e = list_.entries[i];
    for (std::uint32_t j = 0; j < i; ++j) {
      const Entry& earlier = list_.entries[j];
      if (earlier.inactive || !decides(earlier) || earlier.action == e.action || !earlier.maybe.empty()) continue;
      if (++pairs_ > kPairsMax) return;
      if (!may_overlap(e, earlier)) continue;
      const PacketSet& other = certain_[j];
      // An exception before its rule, or a rule before what it shadows, is another matter.
      if (match.contains(other) || other.contains(match)) continue;
      const PacketSet common = match & other;
      if (common.is_empty()) continue;
      if (report_->conflicts.size() == ListReport::kConflictsMax) {
        ++report_->conflicts_left_out;
        continue;
      }
      report_->conflicts.push_back({{index_, j}, {index_, i}, common.sample()});
    }
  }

  const Device& device_;
  const List& list_;
  ListIndex index_;
  Meaning& meaning_;
  std::uint64_t& pairs_;
  ListReport* report_ = nullptr;
  std::vector<PacketSet> certain_;  // what each entry matches
  std::vector<Node> tree_;
};

void mark_bound(const Device& device, DeviceReport& report) {
  std::vector<ListIndex> open;
  const auto reach = [&](ListIndex index) {
    if (index >= device.lists.size() || report.lists[index].bound) return;
    report.lists[index].bound = true;
    open.push_back(index);
  };
  for (const Stage& stage : device.stages)
    for (const ListIndex index : stage.lists) reach(index);
  while (!open.empty()) {
    const ListIndex index = open.back();
    open.pop_back();
    for (const Entry& e : device.lists[index].entries) {
      if (e.action == Action::jump || e.action == Action::go_to) reach(e.target);
      reach(e.source_list);
    }
  }
}

}  // namespace

std::string_view name(EntryStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

DeviceReport find_anomalies(const Device& device) {
  DeviceReport report;
  report.lists.resize(device.lists.size());
  const VariableOrder order = choose_order(boxes_of(device));
  std::uint64_t pairs = 0;
  std::optional<PacketSpace> space;
  std::optional<Meaning> meaning;
  for (ListIndex i = 0; i < device.lists.size(); ++i) {
    ListReport& list = report.lists[i];
    list.list = i;
    // Lists that call each other share what is known of the called ones; a space that has grown large makes room.
    if (!space || space->node_count() > kNodesShared) {
      meaning.reset();
      space.emplace(order);
      meaning.emplace(device, *space);
    }
    try {
      ListAnalysis(device, i, *meaning, pairs).run(list);
    } catch (const SpaceExhausted&) {
      list = ListReport{};
      list.list = i;
      list.decided = false;
      space.reset();
    }
  }
  mark_bound(device, report);
  for (std::uint32_t i = 0; i < device.objects.size(); ++i)
    if (device.objects[i].uses == 0) report.unused_objects.push_back(i);
  return report;
}

}  // namespace demarc
