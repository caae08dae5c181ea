// Every entry asks two questions: does anything reach it, and would it fare otherwise without the entry? For nearly
// all entries one well-chosen packet answers both, in microseconds: a packet that comes to the entry and that
// something behind it would treat another way. Where no such packet is found, what the few entries around it leave of
// it is worked out as boxes, and where these would be too many, as sets. Both are exact.
//
// Entries are looked at from the back to the front, and each is held against what is left behind it: so of two lines
// that make each other superfluous one is told, and all lines that are told can go together.
#include "rules/verdict/anomalies.h"

#include <algorithm>
#include <array>
#include <map>

#include "rules/acl/meaning.h"
#include "rules/acl/packet_walk.h"
#include "rules/verdict/neighbours.h"
#include "rules/verdict/packet_picker.h"
#include "rules/verdict/remainder.h"

namespace demarc {

namespace {

constexpr std::array<std::string_view, 5> kStatuses{"live", "shadowed", "redundant", "unread", "partial"};

/// Bounds of the work on one device, far above what lists that people write need: pairs of entries held against
/// each other by their outer bounds, and by sets.
constexpr std::uint64_t kPairsMax = 40'000'000'000;
constexpr std::uint64_t kSetPairsMax = 100'000'000;
constexpr std::uint32_t kNoEntry = 0xFFFFFFFF;
constexpr std::size_t kNodesShared = 4'000'000;

bool decides(const Entry& e) { return e.action == Action::permit || e.action == Action::deny; }

/// Whole packets, and first fragments, which show their ports: what people mean by a line. Later fragments are a
/// matter of their own.
constexpr FragmentSet kInSight{Fragment::whole, Fragment::first};

class ListAnalysis {
 public:
  ListAnalysis(const Device& device, ListIndex index, PacketWalk& walk, const VariableOrder order,
               bool refusals_differ, std::uint64_t& pairs, std::uint64_t& set_pairs)
      : device_(device),
        list_(device.lists[index]),
        index_(index),
        gives_way_(stands_before_another(device, index)),
        walk_(walk),
        order_(order),
        refusals_differ_(refusals_differ),
        pairs_(pairs),
        set_pairs_(set_pairs),
        picker_(index),
        neighbours_(list_) {}

  /// Throws SpaceExhausted where the list is too entangled to be decided within bounds.
  void run(ListReport& report) {
    report_ = &report;
    const auto n = static_cast<std::uint32_t>(list_.entries.size());
    report.entries.resize(n);
    superfluous_.assign(n, false);
    for (std::uint32_t i = 0; i < n; ++i) report.entries[i].entry = {index_, i};
    for (std::uint32_t i = n; i-- > 0;) {
      superfluous_[i] = !is_needed(i);
      make_room();
    }
    conflicts();
  }

 private:
  /// What packets alone have shown of an entry.
  struct Shown {
    std::optional<ConcretePacket> reaches;  // a packet that comes to it
    bool matters = false;                   // one that would possibly fare otherwise without it
    bool answered_otherwise = false;        // one that would be denied all the same, and possibly in another way
  };

  bool is_needed(std::uint32_t i) {
    const Entry& e = list_.entries[i];
    EntryReport& r = report_->entries[i];
    if (e.inactive) return false;
    if (e.line == 0) return true;  // implied by the dialect: nobody wrote it, nobody can remove it
    if (e.action == Action::unknown) {
      r.status = EntryStatus::unread;
      return true;
    }
    meet_neighbours(i);
    Shown shown = try_packets(i);
    std::optional<PacketSet> live;
    if (!shown.reaches) {
      if (!shadowed_by_boxes(i, r)) live = reached(i, r);
      if (r.status == EntryStatus::shadowed) return r.otherwise || r.but_later_fragments;
      shown.reaches = live->sample();
    }
    r.sample = shown.reaches;
    if (!e.maybe.empty()) {
      r.status = EntryStatus::partial;
      return true;
    }
    if (!decides(e) || shown.matters || says_what_the_end_does(i)) return true;
    if (!live)
      if (const std::optional<bool> needed = needed_by_boxes(i, r)) return *needed;
    if (!live) live = reached(i, r);
    if (decided_otherwise(i, *live)) return true;
    r.answer_only = shown.answered_otherwise || answered_otherwise(i, *live);
    if (!r.answer_only) r.status = EntryStatus::redundant;
    successors(*live, r);
    return r.answer_only;
  }

  Shown try_packets(std::uint32_t i) {
    constexpr unsigned kAttempts = 12;
    const Entry& e = list_.entries[i];
    Shown shown;
    const bool decided = decides(e) && e.maybe.empty();
    for (const std::vector<Match>* matches : {&e.match, &e.maybe})
      for (const Match& m : *matches) {
        for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
          const std::optional<ConcretePacket> p = picker_.pick(m.box, attempt);
          if (!p || !demarc::matches(m, *p) || (has_whole(e) && !kInSight.contains(p->context.fragment))) continue;
          if (!walk_before(i, *p).on) continue;
          if (!shown.reaches) shown.reaches = p;
          if (!decided) return shown;
          const PacketWalk::Fates f = walk_behind(i, *p);
          const bool permits = e.action == Action::permit;
          if ((permits ? f.deny : f.permit) || f.give_back || (f.on && !end_says(permits))) {
            shown.reaches = p;
            shown.matters = true;
            return shown;
          }
          const bool end_answers = f.on && e.refusal != Refusal::plain;
          if (!permits && (f.refused_unlike(e.refusal) || end_answers)) {
            if (!shown.answered_otherwise) shown.reaches = p;
            shown.answered_otherwise = true;
          }
        }
      }
    return shown;
  }

  /// The neighbours hold all entries that match one of this entry's packets; where they are many, those that the
  /// index gives for the one packet are fewer.
  static constexpr std::size_t kWalkedMax = 256;
  PacketWalk::Fates walk_before(std::uint32_t i, const ConcretePacket& p) {
    return earlier_.size() <= kWalkedMax ? walk_.walk(index_, earlier_, p) : walk_.walk(index_, 0, i, p);
  }
  PacketWalk::Fates walk_behind(std::uint32_t i, const ConcretePacket& p) {
    return later_.size() <= kWalkedMax ? walk_.walk(index_, later_, p, superfluous_)
                                       : walk_.walk(index_, i + 1, PacketWalk::kToTheEnd, p, superfluous_);
  }

  static bool has_whole(const Entry& e) {
    const auto whole = [](const Match& m) {
      return m.box.fragments.contains(Fragment::whole) || m.box.fragments.contains(Fragment::first);
    };
    return std::any_of(e.match.begin(), e.match.end(), whole) || std::any_of(e.maybe.begin(), e.maybe.end(), whole);
  }
  bool end_says(bool permit) const {
    return !gives_way_ && list_.at_end == (permit ? Fallthrough::permit : Fallthrough::deny);
  }
  /// At such a list's end nothing is decided (ASA's, where a global one follows).
  static bool stands_before_another(const Device& device, ListIndex index) {
    return std::any_of(device.stages.begin(), device.stages.end(), [index](const Stage& s) {
      return !s.lists.empty() && std::find(s.lists.begin(), s.lists.end() - 1, index) != s.lists.end() - 1;
    });
  }
  /// A last line that says what the end of the list does anyway (often to log) is no mistake.
  bool says_what_the_end_does(std::uint32_t i) {
    if (i + 1 != list_.entries.size()) return false;
    return (match(i).certain | family_outside()).is_all();
  }

  // --- By boxes ---

  /// Whether boxes show that earlier entries take what the entry is for; then the report says who. False decides
  /// nothing: the entry may still be shadowed.
  bool shadowed_by_boxes(std::uint32_t i, EntryReport& r) {
    const Entry& e = list_.entries[i];
    if (!are_few_boxes(e.match) || !are_few_boxes(e.maybe)) return false;
    Remainder all;
    all.add(e.match);
    all.add(e.maybe);
    const Remainder in_sight = all.only(kInSight);
    const Remainder sight_left = left_by_boxes(in_sight);
    if (!sight_left.is_known() || !sight_left.is_empty()) return false;
    const Remainder later_left = left_by_boxes(all.only(kLaterFragments));
    if (!later_left.is_known()) return false;
    const bool later_only = !later_left.is_empty();
    const auto is_told_by_boxes = [this](std::uint32_t j) { return keeps_boxes(list_.entries[j]); };
    if (later_only &&
        (in_sight.is_empty() || !std::all_of(earlier_.begin(), earlier_.end(), is_told_by_boxes)))
      return false;
    const Remainder& taken = later_only ? in_sight : all;
    if (!takers_by_boxes(i, taken, r)) return false;
    r.status = EntryStatus::shadowed;
    r.but_later_fragments = later_only;
    r.matches_nothing = all.is_empty();
    r.sample = taken.sample();
    if (!r.sample) r.sample = (later_only ? match(i).possible & sight() : match(i).possible).sample();
    return true;
  }

  /// What those earlier entries leave that boxes describe.
  Remainder left_by_boxes(Remainder packets) const {
    const auto keeps = [this](std::uint32_t j) {
      const Entry& e = list_.entries[j];
      return e.action != Action::unknown && keeps_boxes(e);
    };
    if (!packets.is_known()) return packets;
    for (const std::uint32_t j : earlier_)  // mostly one takes all
      if (keeps(j) && packets.is_within(list_.entries[j].match).value_or(false)) return {};
    for (const std::uint32_t j : earlier_) {
      if (packets.is_empty()) break;
      if (keeps(j)) packets.take_away(list_.entries[j].match);
    }
    return packets;
  }
  /// Whether boxes say which packets the entry lets nobody behind it have: all that it matches for certain, or none.
  static bool keeps_boxes(const Entry& e) {
    return e.action == Action::unknown || ((decides(e) || e.action == Action::give_back) && are_few_boxes(e.match));
  }

  /// As takers(). False: nothing is told.
  bool takers_by_boxes(std::uint32_t i, Remainder packets, EntryReport& r) {
    const Entry& e = list_.entries[i];
    const Remainder all = packets;
    std::uint32_t dissenting = kNoEntry;
    std::vector<std::uint32_t> chain;
    bool duplicate = false;
    for (const std::uint32_t j : earlier_) {
      if (packets.is_empty()) break;
      const Entry& other = list_.entries[j];
      if (!are_few_boxes(other.match)) return false;
      if (!packets.meets(other.match)) continue;
      const std::optional<bool> alone = all.is_within(other.match);
      if (!alone) return false;
      if (*alone) chain.clear(), dissenting = kNoEntry;
      if (decides(other) && other.action != e.action && dissenting == kNoEntry) dissenting = j;
      if (other.action == e.action && same_answer(other.refusal, e.refusal)) {
        const std::optional<bool> same = match_the_same(e.match, other.match);
        if (!same) return false;
        duplicate = duplicate || *same;
      }
      chain.push_back(j);
      if (*alone) break;
      packets.take_away(other.match);
      if (!packets.is_known()) return false;
    }
    r.duplicate = duplicate;
    r.otherwise = dissenting != kNoEntry;
    keep(chain, dissenting, r);
    return true;
  }

  /// Whether, without an entry that gets packets and decides them, these would possibly fare otherwise; where they
  /// would not, it is told who decides them then. Nullopt: boxes do not show it, and nothing is told.
  std::optional<bool> needed_by_boxes(std::uint32_t i, EntryReport& r) {
    const Entry& e = list_.entries[i];
    const bool permits = e.action == Action::permit;
    const auto is_told_by_boxes = [this](std::uint32_t j) { return keeps_boxes(list_.entries[j]); };
    if ((refusals_differ_ && !permits) || !are_few_boxes(e.match) ||
        !std::all_of(earlier_.begin(), earlier_.end(), is_told_by_boxes))
      return std::nullopt;
    Remainder arriving;
    arriving.add(e.match);
    arriving = left_by_boxes(std::move(arriving));
    if (!arriving.is_known()) return std::nullopt;
    std::vector<std::uint32_t> chain;
    for (const std::uint32_t j : later_) {
      if (arriving.is_empty()) break;
      if (superfluous_[j]) continue;
      const Entry& other = list_.entries[j];
      if (other.action == Action::unknown || !keeps_boxes(other) || !are_few_boxes(other.maybe))
        return std::nullopt;
      const bool takes = arriving.meets(other.match);
      if (other.action != e.action && (takes || arriving.meets(other.maybe))) return true;
      if (!takes) continue;
      chain.push_back(j);
      arriving.take_away(other.match);
      if (!arriving.is_known()) return std::nullopt;
    }
    if (!arriving.is_empty() && !end_says(permits)) return true;
    r.status = EntryStatus::redundant;
    keep(chain, kNoEntry, r);
    return false;
  }

  static std::optional<bool> match_the_same(const std::vector<Match>& a, const std::vector<Match>& b) {
    if (a == b) return true;
    if (!are_few_boxes(a)) return std::nullopt;
    const auto within = [](const std::vector<Match>& inner,
                           const std::vector<Match>& outer) -> std::optional<bool> {
      Remainder packets;
      packets.add(inner);
      return packets.is_known() ? packets.is_within(outer) : std::nullopt;
    };
    const std::optional<bool> there = within(a, b);
    return there && *there ? within(b, a) : there;
  }

  // --- By sets ---

  /// The packets that come to an entry; none, and it is told who takes them. Exact.
  PacketSet reached(std::uint32_t i, EntryReport& r) {
    const PacketSet possible = match(i).possible;
    if (possible.is_empty()) {
      r.status = EntryStatus::shadowed;
      r.matches_nothing = true;
      return possible;
    }
    PacketSet live = possible;
    std::vector<PacketSet> block;
    const auto subtract = [&] {
      live -= space().unite_all(block);
      block.clear();
    };
    for (const std::uint32_t j : earlier_) {
      if (live.is_empty()) break;
      count_set_pair();
      block.push_back(kept(j) & live);
      if (block.size() == 64) subtract();
    }
    subtract();
    const bool later_only = !live.is_empty() && !live.overlaps(sight()) && possible.overlaps(sight());
    if (live.is_empty() || later_only) {
      const PacketSet taken = later_only ? possible & sight() : possible;
      r.status = EntryStatus::shadowed;
      r.but_later_fragments = later_only;
      r.sample = taken.sample();
      takers(i, taken, r);
    }
    return live;
  }

  /// Whether something or the end would possibly decide some of these packets another way. Exact.
  bool decided_otherwise(std::uint32_t i, PacketSet arriving) {
    const bool permits = list_.entries[i].action == Action::permit;
    for (const std::uint32_t j : later_) {
      if (arriving.is_empty()) break;
      if (superfluous_[j]) continue;
      count_set_pair();
      const PartOutcomes part = meaning().entry(list_.entries[j]);
      if (arriving.overlaps((permits ? part.deny : part.permit) | part.give_back)) return true;
      arriving &= part.on;
    }
    return !arriving.is_empty() && !end_says(permits);
  }

  /// Whether some of these packets, all of them denied by the entry and denied without it, would possibly be
  /// answered another way. Exact.
  bool answered_otherwise(std::uint32_t i, PacketSet arriving) {
    const Entry& denial = list_.entries[i];
    if (denial.action != Action::deny || !refusals_differ_) return false;
    for (const std::uint32_t j : later_) {
      if (arriving.is_empty()) break;
      if (superfluous_[j]) continue;
      count_set_pair();
      if (arriving.overlaps(refused_unlike(list_.entries[j], denial.refusal))) return true;
      arriving &= meaning().entry(list_.entries[j]).on;
    }
    return !arriving.is_empty() && denial.refusal != Refusal::plain;
  }

  /// What an entry, called lists included, possibly denies in another way than this.
  PacketSet refused_unlike(const Entry& e, Refusal refusal) {
    const bool calls = e.action == Action::jump || e.action == Action::go_to;
    if (e.action == Action::unknown || (calls && e.target >= device_.lists.size()))
      return meaning().match(e).possible;
    if (calls) return meaning().match(e).possible & called_refuses_unlike(e.target, refusal);
    return e.action == Action::deny && !same_answer(e.refusal, refusal) ? meaning().match(e).possible
                                                                        : space().empty();
  }

  /// The same of a called list with its end. Each list is worked out once; a circle of calls may do anything.
  PacketSet called_refuses_unlike(ListIndex index, Refusal refusal) {
    const std::pair key(index, refusal);
    if (const auto known = refused_unlike_.find(key); known != refused_unlike_.end()) return known->second;
    refused_unlike_.emplace(key, space().all());
    const List& list = device_.lists[index];
    PacketSet unlike = space().empty(), back = space().empty(), on = space().all();
    for (const Entry& e : list.entries) {
      if (e.inactive || e.action == Action::count) continue;
      count_set_pair();
      unlike |= on & refused_unlike(e, refusal);
      const PartOutcomes part = meaning().entry(e);
      back |= on & part.give_back;
      on &= part.on;
    }
    if (list.at_end == Fallthrough::deny && refusal != Refusal::plain) unlike |= on | back;
    return refused_unlike_.insert_or_assign(key, unlike).first->second;
  }

  /// Who takes the packets of an entry that gets none of them.
  void takers(std::uint32_t i, PacketSet packets, EntryReport& r) {
    const Entry& e = list_.entries[i];
    const PacketSet all = packets;
    std::uint32_t dissenting = kNoEntry;
    std::vector<std::uint32_t> chain;
    for (const std::uint32_t j : earlier_) {
      if (packets.is_empty()) break;
      count_set_pair();
      const Entry& earlier = list_.entries[j];
      const PacketSet certain = match(j).certain;
      if (!packets.overlaps(certain)) continue;
      const bool alone = certain.contains(all);
      if (alone) chain.clear(), dissenting = kNoEntry;
      if (decides(earlier) && earlier.action != e.action && dissenting == kNoEntry) dissenting = j;
      if (earlier.action == e.action && same_answer(earlier.refusal, e.refusal) && certain == match(i).certain)
        r.duplicate = true;
      chain.push_back(j);
      packets -= certain;
      if (alone) break;
    }
    r.otherwise = dissenting != kNoEntry;
    keep(chain, dissenting, r);
  }

  /// Who decides the packets of a redundant entry when it is gone.
  void successors(PacketSet packets, EntryReport& r) {
    std::vector<std::uint32_t> chain;
    for (const std::uint32_t j : later_) {
      if (packets.is_empty()) break;
      if (superfluous_[j]) continue;
      count_set_pair();
      const PacketSet certain = match(j).certain;
      if (!packets.overlaps(certain)) continue;
      chain.push_back(j);
      packets -= certain;
    }
    keep(chain, kNoEntry, r);
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

  /// Pairs of entries whose order decides. An exception before its rule, or a rule before what it shadows, is
  /// another matter; so is an entry that gets no packet.
  void conflicts() {
    for (std::uint32_t i = 0; i < list_.entries.size(); ++i) {
      if (!may_contradict(i)) continue;
      meet_neighbours(i);
      const Entry& e = list_.entries[i];
      std::optional<Remainder> here;  // made where it is needed
      for (const std::uint32_t j : earlier_) {
        if (list_.entries[j].action == e.action || !may_contradict(j)) continue;
        if (!here) here = in_sight(e);
        if (contradict(j, i, *here)) add_conflict(j, i);
      }
      make_room();
    }
  }
  bool may_contradict(std::uint32_t i) const {
    const Entry& e = list_.entries[i];
    return !e.inactive && decides(e) && e.maybe.empty() && !superfluous_[i] &&
           report_->entries[i].status != EntryStatus::shadowed;
  }
  /// What people mean by it. Later fragments that a line with ports cannot tell apart are no contradiction of its
  /// author's.
  static Remainder in_sight(const Entry& e) {
    Remainder all;
    if (are_few_boxes(e.match)) all.add(e.match);
    return all.only(kInSight);
  }

  /// Both have packets of the other one and packets beside. `here` is what is in sight of the second one.
  bool contradict(std::uint32_t first, std::uint32_t second, const Remainder& here) {
    const Entry &a = list_.entries[first], &b = list_.entries[second];
    if (are_few_boxes(a.match) && are_few_boxes(b.match) && here.is_known()) {
      if (!here.meets(a.match)) return false;
      const std::optional<bool> inside = here.is_within(a.match);
      if (inside && *inside) return false;
      const Remainder there = in_sight(a);
      const std::optional<bool> around = there.is_known() ? there.is_within(b.match) : std::nullopt;
      if (around && *around) return false;
      if (inside && around) return true;
    }
    count_set_pair();
    const PacketSet one = match(first).certain & sight(), other = match(second).certain & sight();
    return !one.contains(other) && !other.contains(one) && one.overlaps(other);
  }

  void add_conflict(std::uint32_t first, std::uint32_t second) {
    if (report_->conflicts.size() == ListReport::kConflictsMax) {
      ++report_->conflicts_left_out;
      return;
    }
    const PacketSet both = match(first).certain & match(second).certain & sight();
    report_->conflicts.push_back({{index_, first}, {index_, second}, both.sample()});
  }

  /// Those before and those behind that may have something in common with it.
  void meet_neighbours(std::uint32_t i) {
    neighbours_.find(i, earlier_);
    count_pairs(earlier_.size());
    const auto behind = std::lower_bound(earlier_.begin(), earlier_.end(), i);
    later_.assign(behind, earlier_.end());
    earlier_.erase(behind, earlier_.end());
  }
  void count_pairs(std::uint64_t more) {
    if ((pairs_ += more) > kPairsMax) throw SpaceExhausted("too many pairs of entries");
  }
  void count_set_pair() {
    if (++set_pairs_ > kSetPairsMax) throw SpaceExhausted("too many entries overlap");
  }

  // --- Sets, made when they are asked for; a space that has grown large makes room for a fresh one ---

  void make_room() {
    if (!space_ || space_->node_count() < kNodesShared) return;
    sets_.clear();
    refused_unlike_.clear();
    meaning_.reset();
    space_.reset();
  }
  Meaning& meaning() {
    if (!space_) {
      space_.emplace(order_);
      meaning_.emplace(device_, *space_);
      sets_.assign(list_.entries.size(), std::nullopt);
    }
    return *meaning_;
  }
  PacketSpace& space() { return meaning().space(); }
  const Bounds& match(std::uint32_t i) {
    Meaning& all = meaning();
    if (!sets_[i]) sets_[i] = all.match(list_.entries[i]);
    return *sets_[i];
  }
  /// What an entry certainly lets nobody behind it have.
  PacketSet kept(std::uint32_t j) {
    const Entry& e = list_.entries[j];
    return decides(e) ? match(j).certain : ~meaning().entry(e).on;
  }
  PacketSet sight() { return space().of(Box{.fragments = kInSight}); }
  PacketSet family_outside() {
    if (!list_.family) return space().empty();
    return space().of(Box{.family = *list_.family == Family::ipv4 ? Family::ipv6 : Family::ipv4});
  }

  const Device& device_;
  const List& list_;
  ListIndex index_;
  bool gives_way_;
  PacketWalk& walk_;
  VariableOrder order_;
  bool refusals_differ_;  // between entries of the device
  std::uint64_t &pairs_, &set_pairs_;
  PacketPicker picker_;
  ListReport* report_ = nullptr;
  Neighbours neighbours_;
  std::vector<std::uint32_t> earlier_, later_;  // of the entry that is looked at: its neighbours before and behind
  std::vector<bool> superfluous_;
  std::optional<PacketSpace> space_;
  std::optional<Meaning> meaning_;
  std::vector<std::optional<Bounds>> sets_;  // what each entry matches
  std::map<std::pair<ListIndex, Refusal>, PacketSet> refused_unlike_;
};

/// Whether denials are told in more ways than one.
bool refusals_differ(const Device& device) {
  return std::any_of(device.lists.begin(), device.lists.end(), [](const List& list) {
    return std::any_of(list.entries.begin(), list.entries.end(),
                       [](const Entry& e) { return e.refusal != Refusal::plain; });
  });
}

void mark_bound(const Device& device, DeviceReport& report) {
  std::vector<ListIndex> open;
  const auto reach = [&](ListIndex index) {
    if (index >= device.lists.size() || report.lists[index].bound) return;
    report.lists[index].bound = true;
    open.push_back(index);
  };
  for (const Stage& stage : device.stages)
    for (const ListIndex index : stage.lists) reach(index);
  for (ListIndex index = 0; index < device.lists.size(); ++index)
    if (!device.lists[index].other_use.empty()) reach(index);
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
  const bool differ = refusals_differ(device);
  PacketWalk walk(device);
  std::uint64_t pairs = 0, set_pairs = 0;
  for (ListIndex i = 0; i < device.lists.size(); ++i) {
    ListReport& list = report.lists[i];
    list.list = i;
    try {
      ListAnalysis(device, i, walk, order, differ, pairs, set_pairs).run(list);
    } catch (const SpaceExhausted&) {
      list = ListReport{};
      list.list = i;
      list.decided = false;
    }
  }
  mark_bound(device, report);
  for (std::uint32_t i = 0; i < device.objects.size(); ++i)
    if (device.objects[i].uses == 0) report.unused_objects.push_back(i);
  return report;
}

}  // namespace demarc
