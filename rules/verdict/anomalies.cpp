// Every entry asks two questions: does anything reach it, and would it fare otherwise without the entry? For nearly
// all entries one well-chosen packet answers both, in microseconds: a packet that comes to the entry and that
// something behind it would treat another way. Only where no such packet is found are sets worked out, exactly, from
// the few entries that overlap with this one.
//
// Entries are looked at from the back to the front, and each is held against what is left behind it: so of two lines
// that make each other superfluous one is told, and all lines that are told can go together.
#include "rules/verdict/anomalies.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "rules/acl/meaning.h"
#include "rules/acl/packet_walk.h"
#include "rules/verdict/hull.h"

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

/// Whole packets, and first fragments: what people mean by a line. Later fragments are a matter of their own.
bool has_ports_in_sight(Fragment f) { return f == Fragment::whole || f == Fragment::first; }

/// Packets of a box: ordinary ones first, then any.
class Picker {
 public:
  explicit Picker(std::uint64_t seed) : random_(seed) {}

  std::optional<ConcretePacket> pick(const Box& box, unsigned attempt) {
    ConcretePacket c;
    const bool ordinary = attempt < 4;
    const std::optional<Address> source = address(box.sources, box.family, attempt % 2 == 0, ordinary);
    if (!source) return std::nullopt;
    const std::optional<Address> destination =
        address(box.destinations, source->family(), attempt / 2 % 2 == 0, ordinary);
    if (!destination) return std::nullopt;
    c.packet.source = *source, c.packet.destination = *destination;
    if (!protocol(box, ordinary, c.packet.protocol)) return std::nullopt;
    if (c.packet.protocol.has_ports()) {
      c.packet.port = port(box.ports, attempt % 2 == 0, ordinary, 80);
      c.packet.source_port = port(box.source_ports, attempt / 2 % 2 == 0, ordinary, 40'000);
    }
    if (c.packet.protocol.is_icmp()) {
      const std::uint16_t number = port(box.icmp.numbers(), attempt % 2 == 0, ordinary, 8 << 8).number();
      c.packet.icmp = {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 0xFF)};
    }
    if (c.packet.protocol == Protocol::tcp) {
      constexpr std::uint8_t kLikely[] = {tcp_flag::syn, tcp_flag::ack, tcp_flag::syn | tcp_flag::ack, tcp_flag::rst};
      const std::uint8_t wanted = ordinary ? kLikely[attempt] : static_cast<std::uint8_t>(random_());
      if (!one_of(box.flags, wanted, c.context.flags)) return std::nullopt;
    }
    return four(box.states, ordinary, c.context.state) && four(box.fragments, ordinary, c.context.fragment) &&
                   one_of(box.ingress, 0, c.context.ingress) && one_of(box.egress, 0, c.context.egress)
               ? std::optional(c)
               : std::nullopt;
  }

 private:
  std::optional<Address> address(const AddressSet& set, std::optional<Family> family, bool front, bool ordinary) {
    const std::vector<AddressRange>& ranges = set.ranges();
    if (ranges.empty()) return std::nullopt;
    if (ranges == kAll_.ranges()) {  // anybody
      if (family.value_or(Family::ipv4) == Family::ipv4)
        return Address::ipv4(ordinary ? 0xC6336407U : static_cast<std::uint32_t>(random_()));
      return Address::ipv6(0x20010DB800000000U, ordinary ? 7 : random_());
    }
    for (std::size_t tries = 0; tries < 4; ++tries) {
      const AddressRange& r = ordinary && tries == 0 ? (front ? ranges.front() : ranges.back())
                                                     : ranges[random_() % ranges.size()];
      if (family && r.first.family() != *family) continue;
      if (ordinary) return front ? r.first : r.last;
      const Uint128 width = r.last.number() - r.first.number();
      const Uint128 wide = static_cast<Uint128>(random_()) << 64 | random_();
      return Address::of(r.first.family(), r.first.number() + (width == ~Uint128{0} ? wide : wide % (width + 1)));
    }
    for (const AddressRange& r : ranges)
      if (!family || r.first.family() == *family) return front ? r.first : r.last;
    return std::nullopt;
  }
  bool protocol(const Box& box, bool ordinary, Protocol& out) {
    ByteSet set = box.protocols.numbers();
    const auto narrow = [&set](const ProtocolSet& to) { set = set.intersect(to.numbers()); };
    if (box.ports != PortSet::all() || box.source_ports != PortSet::all()) narrow(ProtocolSet::with_ports());
    if (box.icmp != IcmpSet::all()) narrow(ProtocolSet::icmp());
    if (!box.flags.is_all()) narrow({Protocol::tcp});
    std::uint8_t number = 0;
    if (!one_of(set, ordinary ? Protocol(Protocol::tcp).number() : static_cast<std::uint8_t>(random_()), number))
      return false;
    out = Protocol(number);
    return true;
  }
  Port port(const PortSet& set, bool front, bool ordinary, std::uint16_t usual) {
    const std::vector<PortRange>& ranges = set.ranges();
    if (ranges.empty()) return Port(0);
    if (ordinary && set.contains(Port(usual))) return Port(usual);
    const PortRange& r = ranges[ordinary ? 0 : random_() % ranges.size()];
    if (ordinary) return front ? r.first : r.last;
    const unsigned width = r.last.number() - r.first.number() + 1U;
    return Port(static_cast<std::uint16_t>(r.first.number() + random_() % width));
  }
  /// The wanted number, or the next one in the set, cyclically.
  static bool one_of(const ByteSet& set, std::uint8_t wanted, std::uint8_t& out) {
    for (unsigned n = 0; n < 256; ++n) {
      out = static_cast<std::uint8_t>(wanted + n);
      if (set.contains(out)) return true;
    }
    return false;
  }
  template <typename E>
  bool four(const FourSet<E>& set, bool ordinary, E& out) {
    const std::uint64_t start = ordinary ? 0 : random_() % 4;
    for (std::uint64_t n = 0; n < 4; ++n) {
      out = E((start + n) % 4);
      if (set.contains(out)) return true;
    }
    return false;
  }

  std::mt19937_64 random_;
  const AddressSet kAll_ = AddressSet::all();
};

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
        picker_(index) {}

  /// Throws SpaceExhausted where the list is too entangled to be decided within bounds.
  void run(ListReport& report) {
    report_ = &report;
    const auto n = static_cast<std::uint32_t>(list_.entries.size());
    report.entries.resize(n);
    superfluous_.assign(n, false);
    hulls_.reserve(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      report.entries[i].entry = {index_, i};
      hulls_.push_back(hull_of(list_.entries[i]));
    }
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
    Shown shown = try_packets(i);
    std::optional<PacketSet> live;
    if (!shown.reaches) {
      live = reached(i, r);
      if (r.status == EntryStatus::shadowed) return r.otherwise || r.but_later_fragments;
      shown.reaches = live->sample();
    }
    r.sample = shown.reaches;
    if (!e.maybe.empty()) {
      r.status = EntryStatus::partial;
      return true;
    }
    if (!decides(e) || shown.matters || says_what_the_end_does(i)) return true;
    if (!live) live = reached(i, r);
    if (decided_otherwise(i, *live)) return true;
    r.answer_only = shown.answered_otherwise || answered_otherwise(i, *live);
    if (!r.answer_only) r.status = EntryStatus::redundant;
    successors(i, *live, r);
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
          if (!p || !demarc::matches(m, *p) || (has_whole(e) && !has_ports_in_sight(p->context.fragment))) continue;
          if (!walk_.walk(index_, 0, i, *p).on) continue;
          if (!shown.reaches) shown.reaches = p;
          if (!decided) return shown;
          const PacketWalk::Fates f = walk_.walk(index_, i + 1, PacketWalk::kToTheEnd, *p, superfluous_);
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

  /// The packets that come to an entry; none, and it is told who takes them. Exact.
  PacketSet reached(std::uint32_t i, EntryReport& r) {
    const PacketSet possible = match(i).possible;
    if (possible.is_empty()) {
      r.status = EntryStatus::shadowed;
      r.matches_nothing = true;
      return possible;
    }
    PacketSet live = possible;
    std::vector<std::uint32_t> block;
    const auto subtract = [&] {
      std::vector<PacketSet> sets;
      for (const std::uint32_t j : block) sets.push_back(kept(j) & live);
      live -= space().unite_all(sets);
      block.clear();
    };
    for (std::uint32_t j = 0; j < i && !live.is_empty(); ++j) {
      if (!may_meet(i, j)) continue;
      block.push_back(j);
      if (block.size() == 64) subtract();
    }
    if (!block.empty() && !live.is_empty()) subtract();
    const PacketSet sight = space().of(Box{.fragments = {Fragment::whole, Fragment::first}});
    const bool later_only = !live.is_empty() && !live.overlaps(sight) && possible.overlaps(sight);
    if (live.is_empty() || later_only) {
      const PacketSet taken = later_only ? possible & sight : possible;
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
    for (std::uint32_t j = i + 1; j < list_.entries.size() && !arriving.is_empty(); ++j) {
      if (superfluous_[j] || !may_meet(i, j)) continue;
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
    for (std::uint32_t j = i + 1; j < list_.entries.size() && !arriving.is_empty(); ++j) {
      if (superfluous_[j] || !may_meet(i, j)) continue;
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
    for (std::uint32_t j = 0; j < i && !packets.is_empty(); ++j) {
      if (!may_meet(i, j)) continue;
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
  void successors(std::uint32_t i, PacketSet packets, EntryReport& r) {
    std::vector<std::uint32_t> chain;
    for (std::uint32_t j = i + 1; j < list_.entries.size() && !packets.is_empty(); ++j) {
      if (superfluous_[j] || !may_meet(i, j)) continue;
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
    std::vector<std::uint32_t> permits, denies;
    for (std::uint32_t i = 0; i < list_.entries.size(); ++i) {
      const Entry& e = list_.entries[i];
      if (e.inactive || !decides(e) || !e.maybe.empty() || superfluous_[i] ||
          report_->entries[i].status == EntryStatus::shadowed)
        continue;
      const std::vector<std::uint32_t>& others = e.action == Action::permit ? denies : permits;
      for (const std::uint32_t j : others) {
        if (!meet(hulls_[i], hulls_[j])) {
          count_pair();
          continue;
        }
        conflict(j, i);
      }
      make_room();
      (e.action == Action::permit ? permits : denies).push_back(i);
    }
  }

  void conflict(std::uint32_t first, std::uint32_t second) {
    count_set_pair();
    const PacketSet a = match(first).certain, b = match(second).certain;
    // Later fragments that a line with ports cannot tell apart are no contradiction of its author's.
    const PacketSet sight = space().of(Box{.fragments = {Fragment::whole, Fragment::first}});
    const PacketSet here = a & sight, there = b & sight;
    if (here.contains(there) || there.contains(here) || !here.overlaps(there)) return;
    if (report_->conflicts.size() == ListReport::kConflictsMax) {
      ++report_->conflicts_left_out;
      return;
    }
    report_->conflicts.push_back({{index_, first}, {index_, second}, (here & there).sample()});
  }

  /// False: the entries have nothing in common, or the other one takes nothing.
  bool may_meet(std::uint32_t i, std::uint32_t other) {
    const Entry& e = list_.entries[other];
    count_pair();
    if (e.inactive || e.action == Action::count || !meet(hulls_[i], hulls_[other])) return false;
    count_set_pair();
    return true;
  }
  void count_pair() {
    if (++pairs_ > kPairsMax) throw SpaceExhausted("too many pairs of entries");
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
  Picker picker_;
  ListReport* report_ = nullptr;
  std::vector<Hull> hulls_;
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
