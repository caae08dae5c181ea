#include "rules/verdict/suggest_entries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "rules/verdict/suggest_short.h"

namespace demarc {

namespace {

constexpr std::size_t kCoverMax = 200;      // boxes of what a rule approves of the wanted
constexpr std::size_t kPlainPrefixes = 8;   // of a zone that is written out as it is
constexpr std::size_t kDomainDenies = 60;   // prefixes at most of addresses that have no business here
constexpr std::size_t kOwnMax = 8;          // addresses of a zone that a filter has itself
constexpr std::size_t kApproversNamed = 4;  // rules that one reason names

bool is_everybody(const WishPart& part) {  // neighbour discovery comes from everywhere
  return part.rule.empty() && part.boxes.size() == 1 && part.boxes[0].sources == AddressSet::all();
}

/// Who comes by a list, in one family. A zone that is all but many networks is `big`: nobody writes it out, and
/// "any" stands for it behind denies of everybody else.
struct Ends {
  AddressSet named = {};      // who has business here
  AddressSet big = {};        // of these, the big zones
  AddressSet few = {};        // and the others
  AddressSet strangers = {};  // who has none
};

Ends ends_of(const AddressSet& here, Family family, const RuleSet& rules) {
  Ends out;
  out.named = here;
  for (const Zone& zone : rules.zones) {
    const AddressSet all = zone.addresses.intersect(AddressSet::all(family));
    if (!all.overlaps(here)) continue;
    // A filter's own addresses, mostly: they need not be told apart from their zone.
    if (all.minus(here).size() <= kOwnMax) out.named = out.named.unite(all);
    if (all.prefixes().size() > kPlainPrefixes) out.big = out.big.unite(all);
  }
  out.big = out.big.intersect(out.named);
  out.few = out.named.minus(out.big);
  out.strangers = AddressSet::all(family).minus(out.named);
  return out;
}

}  // namespace

IntendedEntry one_entry(Action action, Box box, std::string comment) {
  IntendedEntry e;
  e.action = action;
  e.comment = std::move(comment);
  e.match.push_back({.box = std::move(box)});
  return e;
}

IntendedEntry entry_of_replies() {
  return one_entry(Action::permit, {.states = {ConnectionState::established, ConnectionState::related}},
                   "replies, and what belongs to approved conversations");
}

std::size_t address_lines(const std::vector<Box>& boxes) {
  std::size_t lines = 0;
  for (const Box& b : boxes) lines += address_lines(b);
  return lines;
}
std::size_t address_lines(const std::vector<IntendedEntry>& entries) {
  std::size_t lines = 0;
  for (const IntendedEntry& e : entries)
    for (const Match& m : e.match) lines += address_lines(m.box);
  return lines;
}

std::size_t written_size(const IntendedList& list, const DialectWriter& writer) {
  std::size_t size = 0;
  for (const IntendedEntry& e : list.entries)
    for (const Family f : {Family::ipv4, Family::ipv6})
      if (list.family.value_or(f) == f) {
        const WrittenEntry written = writer.entry(e, list, f);
        for (const std::string& line : written.lines) size += line.size();
        size += written.unsaid.size() * kUnsaidWeight;
      }
  return size;
}

PacketSet named_by(const std::vector<IntendedEntry>& entries, PacketSpace& space) {
  PacketSet all = space.empty();
  for (const IntendedEntry& e : entries)
    for (const Match& m : e.match) all |= space.of(m.box);
  return all;
}

List with_fragments(List list, ReplyHandling replies) {
  if (replies != ReplyHandling::stateless) return list;
  for (Entry& e : list.entries) {
    std::vector<Match> more;
    for (Match& m : e.match) {
      const Box& b = m.box;
      const bool deeper = b.ports != PortSet::all() || b.source_ports != PortSet::all() ||
                          !(b.icmp == IcmpSet::all()) || b.flags != ByteSet::all();
      if (!deeper || b.fragments != FragmentSet::all()) continue;
      if (e.action == Action::permit) {
        Match later = m;
        later.box.ports = later.box.source_ports = PortSet::all();
        later.box.icmp = IcmpSet::all();
        later.box.flags = ByteSet::all();
        later.box.fragments = kLaterFragments;
        more.push_back(std::move(later));
      } else {
        m.box.fragments = {Fragment::whole, Fragment::first};
      }
    }
    e.match.insert(e.match.end(), more.begin(), more.end());
  }
  return list;
}

// --- Denies in front ---

Front::Front(const RuleSet& rules, PacketSpace& space, const Wish& wish, std::optional<Family> family)
    : space_(space), strangers_(space.empty()), few_(space.empty()) {
  PacketSet named = wish.must;
  for (const WishPart& part : wish.parts)
    if (is_everybody(part)) named -= part.set;
  for (const Family f : {Family::ipv4, Family::ipv6}) {
    const PacketSet here = named & space.of(Box{.family = f});
    if (family.value_or(f) != f || here.is_empty()) continue;
    const Ends from = ends_of(here.sources(), f, rules), to = ends_of(here.destinations(), f, rules);
    // Of two families each is denied by its own addresses.
    if (!from.big.empty() && from.strangers.prefixes().size() <= kDomainDenies) {
      Box box{.family = f, .sources = from.strangers};
      strangers_ |= space.of(box);
      stranger_entries_.push_back(one_entry(Action::deny, std::move(box), "sources that have no business here"));
    }
    if (!to.big.empty() && to.strangers.prefixes().size() <= kDomainDenies) {
      Box box{.family = f, .destinations = to.strangers};
      strangers_ |= space.of(box);
      stranger_entries_.push_back(
          one_entry(Action::deny, std::move(box), "destinations that have no business here"));
    }
    if ((from.big.empty() && to.big.empty()) || from.few.empty() || to.few.empty()) continue;
    Box box{.family = f, .sources = from.few, .destinations = to.few};
    few_ |= space.of(box);
    few_boxes_.push_back(std::move(box));
  }
}

std::vector<Box> Front::few_of(const Box& box) const {
  std::vector<Box> out;
  for (const Box& few : few_boxes_) {
    if (box.family && box.family != few.family) continue;
    Box b = box;
    b.family = few.family;
    b.sources = box.sources.intersect(few.sources);
    b.destinations = box.destinations.intersect(few.destinations);
    if (!b.sources.empty() && !b.destinations.empty()) out.push_back(std::move(b));
  }
  return out;
}

std::vector<IntendedEntry> Front::deny_strangers(const PacketSet& left) const {
  std::vector<IntendedEntry> out;
  for (const IntendedEntry& e : stranger_entries_) {
    IntendedEntry one = e;
    Box& box = one.match.front().box;
    AddressSet& side = box.sources == AddressSet::all() ? box.destinations : box.sources;
    AddressSet kept;
    for (const Prefix& p : side.prefixes()) {
      Box part = box;
      (&side == &box.sources ? part.sources : part.destinations) = AddressSet{p};
      if (left.overlaps(space_.of(part))) kept = kept.unite(AddressSet{p});
    }
    if (kept.empty()) continue;
    side = kept;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<IntendedEntry> Front::deny_few(const PacketSet& rest) const {
  std::vector<IntendedEntry> out;
  for (Box box : few_boxes_) {
    for (AddressSet Box::*side : {&Box::destinations, &Box::sources}) {
      Box wider = box;
      wider.*side = AddressSet::all();
      if (!space_.of(wider).overlaps(rest)) {
        box = std::move(wider);
        break;
      }
    }
    if (space_.of(box).overlaps(rest)) return {};
    out.push_back(one_entry(Action::deny, std::move(box), "these have other business here"));
  }
  return out;
}

// --- Rule by rule ---

WishedEntries::WishedEntries(PacketSpace& space, const Wish& wish, bool denies)
    : space_(space), wish_(wish), denies_(denies) {
  tree_.resize(4 * wish.parts.size() + 4, space.empty());
  const auto fill = [&](const auto& self, std::size_t at, std::size_t first, std::size_t last) -> void {
    if (last - first == 1) {
      tree_[at] = wish_.parts[first].set;
      return;
    }
    const std::size_t middle = first + (last - first) / 2;
    self(self, 2 * at, first, middle);
    self(self, 2 * at + 1, middle, last);
    tree_[at] = tree_[2 * at] | tree_[2 * at + 1];
  };
  if (!wish.parts.empty()) fill(fill, 1, 0, wish.parts.size());
}

void WishedEntries::find(std::size_t at, std::size_t first, std::size_t last, const PacketSet& packets,
                         std::vector<const WishPart*>& out) const {
  if (first == last || !tree_[at].overlaps(packets)) return;
  if (last - first == 1) return out.push_back(&wish_.parts[first]);
  const std::size_t middle = first + (last - first) / 2;
  find(2 * at, first, middle, packets, out);
  find(2 * at + 1, middle, last, packets, out);
}

std::vector<const WishPart*> WishedEntries::parts_of(const PacketSet& packets) const {
  std::vector<const WishPart*> out;
  find(1, 0, wish_.parts.size(), packets, out);
  return out;
}

/// Appends entries for a part, with its words; `said` grows by what they permit.
void WishedEntries::tell(std::vector<IntendedEntry> entries, const WishPart& part, PacketSet& said,
                         std::vector<IntendedEntry>& to) const {
  for (IntendedEntry& e : entries) {
    const Box& box = e.match.front().box;
    if (e.action != Action::permit) {
      e.comment = "nothing approves it, and the next entry would let it by";
    } else {
      e.comment = part.comment;
      if (box.sources != AddressSet::all()) e.source_name = part.source_name;
      if (box.destinations != AddressSet::all()) e.destination_name = part.destination_name;
      for (const Match& m : e.match) said |= space_.of(m.box);
    }
    to.push_back(std::move(e));
  }
}

std::vector<IntendedEntry> WishedEntries::for_each_rule(const PacketSet& wanted, const PacketSet& here) const {
  std::vector<IntendedEntry> out;
  PacketSet said = space_.empty();
  // What no rule opens is of conversations that others opened.
  if (!tree_[1].contains(wanted)) {
    out.push_back(entry_of_replies());
    said = named_by(out, space_);
  }
  const PacketSet plain_wanted = plain(wanted);
  ShortLines lines(space_, {here, wish_.may, wish_.must, {}, denies_});
  for (const WishPart* part : parts_of(wanted)) {
    const PacketSet common = plain(part->set & wanted);
    if (said.contains(common)) continue;
    std::vector<Box> boxes;
    for (const Box& b : part->boxes)
      if (!said.contains(space_.of(b) & plain_wanted)) boxes.push_back(b);
    std::vector<IntendedEntry> entries = lines.permit(boxes);
    const Cover cover = common.cover(kCoverMax);
    if (cover.complete() && address_lines(cover.boxes) < address_lines(entries)) {
      entries.clear();
      for (const Box& b : cover.boxes) entries.push_back(one_entry(Action::permit, b));
    }
    tell(std::move(entries), *part, said, out);
  }
  return out;
}

FrontedEntries WishedEntries::fronted(const PacketSet& wanted, const PacketSet& left, const Front& front,
                                      std::optional<Family> family) const {
  FrontedEntries out;
  const PacketSet known = space_.of(Box{.family = family}) - front.strangers();
  ShortLines first(space_, {known, wish_.may, wish_.must, {}}),
      second(space_, {known - front.few(), wish_.may, wish_.must, {}});
  PacketSet said = space_.empty();
  const PacketSet plain_wanted = plain(wanted);
  for (const WishPart& part : wish_.parts)
    for (const Box& both : part.boxes)
      for (const Family f : {Family::ipv4, Family::ipv6}) {
        Box box = both;
        if (family.value_or(f) != f || box.family.value_or(f) != f) continue;
        box.family = f;
        const PacketSet set = space_.of(box) & plain_wanted;
        if (set.is_empty() || said.contains(set)) continue;
        std::vector<IntendedEntry> wide = first.widened(box);
        if (!wide.empty()) {
          tell(std::move(wide), part, said, out.early);
          continue;
        }
        // The few first, in their own words; the many behind the deny.
        for (const Box& few : front.few_of(box)) tell({one_entry(Action::permit, few)}, part, said, out.early);
        if (!said.contains(set)) tell(second.permit({box}), part, said, out.late);
      }
  out.few = front.deny_few((wish_.must & left) - named_by(out.early, space_));
  return out;
}

std::string WishedEntries::who(std::string_view approve, const PacketSet& packets) const {
  std::vector<std::string_view> rules;
  std::set<std::string_view> known;
  for (const WishPart* part : parts_of(packets)) {
    const std::string_view rule = part->rule.empty() ? part->comment : part->rule;
    if (known.insert(rule).second) rules.push_back(rule);
  }
  if (rules.empty()) return "an approved conversation needs";  // of the device itself, begun the other way
  const std::size_t named = std::min(rules.size(), kApproversNamed);
  std::string words =
      fmt::format("{}", fmt::join(rules.begin(), rules.begin() + static_cast<std::ptrdiff_t>(named), ", "));
  if (rules.size() > named) words += fmt::format(" and {} more", rules.size() - named);
  return fmt::format("{} {}{}", words, approve, rules.size() == 1 ? "s" : "");
}

}  // namespace demarc
