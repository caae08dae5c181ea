#include "rules/verdict/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "rules/verdict/configured_lines.h"
#include "rules/verdict/suggest_lines.h"
#include "rules/verdict/suggest_short.h"

namespace demarc {

namespace {

constexpr std::size_t kCoverMax = 200;         // boxes of what takes an entry's place
constexpr std::size_t kDeniesMax = 3;          // denies before an entry that is otherwise right
constexpr std::size_t kPlainPrefixes = 8;      // pairs of prefixes that are written out as they are
constexpr std::size_t kDomainDenies = 60;      // prefixes at most of addresses that have no business here
constexpr std::size_t kOwnMax = 8;             // addresses of a zone that a filter has itself
constexpr std::uint32_t kComparedMax = 2'000;  // entries of a list for which several ways are tried
constexpr std::uint32_t kEditedMax = 20'000;   // entries of a list whose edits are worked out
constexpr std::size_t kEditWeight = 20;        // of an edit, in letters, beside what it writes

std::vector<Match> matches_of(std::vector<Box> boxes) {
  std::vector<Match> out;
  for (Box& b : boxes) out.push_back({.box = std::move(b)});
  return out;
}

IntendedEntry entry_of(Action action, Box box, std::string comment) {
  IntendedEntry e;
  e.action = action;
  e.comment = std::move(comment);
  e.match.push_back({.box = std::move(box)});
  return e;
}

std::size_t lines_in(const std::vector<Box>& boxes) {
  std::size_t lines = 0;
  for (const Box& b : boxes) lines += address_lines(b);
  return lines;
}
std::size_t lines_in(const std::vector<IntendedEntry>& entries) {
  std::size_t lines = 0;
  for (const IntendedEntry& e : entries)
    for (const Match& m : e.match) lines += address_lines(m.box);
  return lines;
}

/// Entries for a list of the device.
IntendedList intended(const Device& device, std::optional<Family> family, std::vector<IntendedEntry> entries) {
  IntendedList out;
  out.family = family, out.entries = std::move(entries);
  for (const Interface& i : device.interfaces) out.interfaces.push_back(i.name);
  return out;
}

/// How long the entries are in the dialect's words.
std::size_t written_size(const IntendedList& list, const DialectWriter& writer) {
  std::size_t size = 0;
  for (const IntendedEntry& e : list.entries)
    for (const Family f : {Family::ipv4, Family::ipv6})
      if (list.family.value_or(f) == f)
        for (const std::string& line : writer.entry(e, list, f).lines) size += line.size();
  return size;
}

/// A filter without state asks later fragments by addresses and protocol alone: a permit lets them by whatever else
/// it names, a deny that names more leaves them alone.
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

/// What stands at the front of a list so that its lines may say "any": denies of strangers, and of the few who have
/// other business here than the many, behind what they may.
class Front {
 public:
  Front(const RuleSet& rules, PacketSpace& space, const Wish& wish, std::optional<Family> family)
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
        stranger_boxes_.push_back(entry_of(Action::deny, std::move(box), "sources that have no business here"));
      }
      if (!to.big.empty() && to.strangers.prefixes().size() <= kDomainDenies) {
        Box box{.family = f, .destinations = to.strangers};
        strangers_ |= space.of(box);
        stranger_boxes_.push_back(
            entry_of(Action::deny, std::move(box), "destinations that have no business here"));
      }
      if ((from.big.empty() && to.big.empty()) || from.few.empty() || to.few.empty()) continue;
      Box box{.family = f, .sources = from.few, .destinations = to.few};
      few_ |= space.of(box);
      few_boxes_.push_back(std::move(box));
    }
  }

  const PacketSet& strangers() const { return strangers_; }
  /// The box's packets of the few to the few.
  std::vector<Box> few_of(const Box& box) const {
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
  const PacketSet& few() const { return few_; }

  /// Denies of those strangers that are among `left`, each only where it is.
  std::vector<IntendedEntry> deny_strangers(const PacketSet& left) const {
    std::vector<IntendedEntry> out;
    for (const IntendedEntry& e : stranger_boxes_) {
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
  /// One deny for the few, which may say "any" where it stops nothing of the rest, which must pass behind it.
  std::vector<IntendedEntry> deny_few(const PacketSet& rest) const {
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
      out.push_back(entry_of(Action::deny, std::move(box), "these have other business here"));
    }
    return out;
  }

 private:
  PacketSpace& space_;
  PacketSet strangers_, few_;
  std::vector<IntendedEntry> stranger_boxes_;
  std::vector<Box> few_boxes_;
};

namespace {

VariableOrder order_of(const RuleSet& rules) {
  std::vector<Box> boxes;
  for (const Rule& r : rules.rules) {
    const std::vector<Box> more = opening_boxes(rules, r.services, r.from.addresses, r.to.addresses);
    boxes.insert(boxes.end(), more.begin(), more.end());
    if (boxes.size() > 400) break;
  }
  return choose_order(boxes);
}

}  // namespace

Suggester::Suggester(const RuleSet& rules, Timestamp at)
    : rules_(rules), space_(std::make_unique<PacketSpace>(order_of(rules))), documented_(rules, *space_, at) {}
Suggester::~Suggester() = default;

/// Entries for what is wanted, rule by rule. What a rule approves may be written whole: all of it may pass.
std::vector<IntendedEntry> Suggester::entries_for(const Wish& wish, const PacketSet& wanted,
                                                  const PacketSet& here) const {
  std::vector<IntendedEntry> out;
  PacketSet said = space_->empty();
  const PacketSet plain_wanted = plain(wanted);
  ShortLines lines(*space_, {here, wish.may, wish.must, {}});
  for (const WishPart& part : wish.parts) {
    const PacketSet common = plain(part.set & wanted);
    if (common.is_empty() || said.contains(common)) continue;
    std::vector<Box> boxes;
    for (const Box& b : part.boxes)
      if (!said.contains(space_->of(b) & plain_wanted)) boxes.push_back(b);
    std::vector<IntendedEntry> entries = lines.permit(boxes);
    const Cover cover = common.cover(kCoverMax);
    if (cover.complete() && lines_in(cover.boxes) < lines_in(entries)) {
      entries.clear();
      for (const Box& b : cover.boxes) entries.push_back(entry_of(Action::permit, b, ""));
    }
    for (IntendedEntry& e : entries) {
      const bool permits = e.action == Action::permit;
      e.comment = permits ? part.comment : "nothing approves it, and the next entry would let it by";
      if (permits && e.match.front().box.sources != AddressSet::all()) e.source_name = part.source_name;
      if (permits && e.match.front().box.destinations != AddressSet::all())
        e.destination_name = part.destination_name;
      if (permits)
        for (const Match& m : e.match) said |= space_->of(m.box);
      out.push_back(std::move(e));
    }
  }
  return out;
}

/// What is said in front, with the deny of the few at its end, and what behind it.
Suggester::Fronted Suggester::fronted(const Wish& wish, const PacketSet& wanted, const PacketSet& left,
                                      const Front& front, std::optional<Family> family) const {
  Fronted out;
  std::vector<IntendedEntry>&early = out.early, &late = out.late;
  PacketSpace& s = *space_;
  const PacketSet known = s.of(Box{.family = family}) - front.strangers();
  ShortLines first(s, {known, wish.may, wish.must, {}}), second(s, {known - front.few(), wish.may, wish.must, {}});
  PacketSet said = s.empty();
  const PacketSet plain_wanted = plain(wanted);
  const auto tell = [&](std::vector<IntendedEntry> entries, const WishPart& part, std::vector<IntendedEntry>& to) {
    for (IntendedEntry& e : entries) {
      const Box& box = e.match.front().box;
      const bool permits = e.action == Action::permit;
      e.comment = permits ? part.comment : "nothing approves it, and the next entry would let it by";
      if (permits && box.sources != AddressSet::all()) e.source_name = part.source_name;
      if (permits && box.destinations != AddressSet::all()) e.destination_name = part.destination_name;
      if (permits) said |= s.of(box);
      to.push_back(std::move(e));
    }
  };
  for (const WishPart& part : wish.parts) {
    for (const Box& both : part.boxes)
      for (const Family f : {Family::ipv4, Family::ipv6}) {
        Box box = both;
        if (family.value_or(f) != f || box.family.value_or(f) != f) continue;
        box.family = f;
        const PacketSet set = s.of(box) & plain_wanted;
        if (set.is_empty() || said.contains(set)) continue;
        const std::vector<IntendedEntry> wide = first.widened(box);
        if (!wide.empty()) {
          tell(wide, part, early);
          continue;
        }
        // The few first, in their own words; the many behind the deny.
        for (const Box& few : front.few_of(box)) tell({entry_of(Action::permit, few, "")}, part, early);
        if (!said.contains(set)) tell(second.permit({box}), part, late);
      }
  }
  PacketSet permitted = s.empty();
  for (const IntendedEntry& e : early)
    for (const Match& m : e.match) permitted |= s.of(m.box);
  out.few = front.deny_few((wish.must & left) - permitted);
  return out;
}

IntendedList Suggester::full_list(const Wish& wish, const Domain& domain, const DialectWriter& writer,
                                  ReplyHandling replies) {
  IntendedList list;
  list.family = domain.family;
  std::vector<IntendedEntry> head;
  PacketSet said_first = space_->empty();
  if (replies == ReplyHandling::by_state) {
    IntendedEntry state;
    state.comment = "replies, and what belongs to approved conversations";
    state.match.push_back({.box = {.states = {ConnectionState::established, ConnectionState::related}}});
    said_first = space_->of(state.match.front().box);
    head.push_back(std::move(state));
  }
  const Front front(rules_, *space_, wish, list.family);
  IntendedList best = list, fronted_list = list;
  best.entries = head;
  for (IntendedEntry& e : entries_for(wish, wish.must, space_->all())) best.entries.push_back(std::move(e));
  if (front.strangers().is_empty()) return best;
  fronted_list.entries = head;
  Fronted parts = fronted(wish, wish.must - said_first, ~said_first, front, list.family);
  std::vector<IntendedEntry> entries = std::move(parts.early);
  if (!parts.late.empty()) std::move(parts.few.begin(), parts.few.end(), std::back_inserter(entries));
  std::move(parts.late.begin(), parts.late.end(), std::back_inserter(entries));
  std::size_t neighbours = 0;
  while (neighbours < entries.size() && entries[neighbours].comment.starts_with("neighbour discovery"))
    ++neighbours;
  const std::vector<IntendedEntry> denies = front.deny_strangers(space_->all());
  entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(neighbours), denies.begin(), denies.end());
  for (IntendedEntry& e : entries) fronted_list.entries.push_back(std::move(e));
  Device as_device;
  as_device.lists.push_back(with_fragments(as_list(fronted_list), replies));
  if (written_size(fronted_list, writer) < written_size(best, writer) &&
      judge(as_device, 0, wish, list.family).exact)
    return fronted_list;
  return best;
}

ListSuggestion Suggester::between(const Zone& from, const Zone& to, const DialectWriter& writer,
                                  std::optional<Family> family) {
  Domain domain;
  domain.family = family;
  domain.seen.push_back({.family = family, .sources = from.addresses, .destinations = to.addresses});
  const ReplyHandling replies = writer.replies_implied ? ReplyHandling::implied
                                : writer.names_states  ? ReplyHandling::by_state
                                                       : ReplyHandling::stateless;
  ListSuggestion out;
  out.wish = wish_for(domain, replies, true, true);
  out.full = full_list(out.wish, domain, writer, replies);
  out.full.name = fmt::format("{}-TO-{}", from.name, to.name);
  std::transform(out.full.name.begin(), out.full.name.end(), out.full.name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

std::vector<ListSuggestion> Suggester::suggest(const Binding& binding, std::uint32_t index) {
  const Device& device = *binding.devices[index].device;
  const DialectWriter* writer = edit_writer(device.dialect);
  std::vector<ListSuggestion> out;
  std::set<ListIndex> asked;
  for (const Stage& stage : device.stages)
    for (const ListIndex list : stage.lists) {
      if (!asked.insert(list).second) continue;
      const Domain domain = domain_of(binding, index, list);
      ListSuggestion s;
      s.list = list;
      const ReplyHandling replies = reply_handling(device);
      s.wish = wish_for(domain, replies, device.icmp_replies_implied, device.icmp_errors_implied);
      if (writer != nullptr) {
        s.full = full_list(s.wish, domain, *writer, replies);
        s.full.name = device.lists[list].name;
        s.full.family = device.lists[list].family ? device.lists[list].family : domain.family;
        s.full.way = stage.ways.contains(Way::through)     ? Way::through
                     : stage.ways.contains(Way::to_device) ? Way::to_device
                                                           : Way::from_device;
        for (const Interface& i : device.interfaces) s.full.interfaces.push_back(i.name);
      }
      if (domain.seen.empty() && s.wish.must.is_empty())
        s.not_editable = "no declared path leads by this list: declare enforcement.paths";
      else if (stage.lists.size() > 1)
        s.not_editable = "other lists are asked with it, and only together they decide";
      else
        edit(device, s, writer);
      out.push_back(std::move(s));
    }
  return out;
}

std::string Suggester::who_approves(const PacketSet& packets, const Wish& wish) const {
  std::vector<std::string_view> rules;
  for (const WishPart& part : wish.parts)
    if (part.set.overlaps(packets)) {
      const std::string_view rule =
          part.rule.empty() ? std::string_view(part.comment) : std::string_view(part.rule);
      if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
    }
  if (rules.size() > 4)
    return fmt::format("{} and {} more", fmt::join(rules.begin(), rules.begin() + 4, ", "), rules.size() - 4);
  return fmt::format("{}", fmt::join(rules, ", "));
}

/// The list with the edits, as intended: words may say less.
List Suggester::edited(const Device& device, const ListSuggestion& s, const std::vector<ListEdit>& edits) const {
  const List& list = device.lists[s.list];
  List out = list;
  out.entries.clear();
  std::size_t n = 0;
  for (std::uint32_t i = 0; i <= list.entries.size(); ++i) {
    bool gone = false;
    for (; n < edits.size() && edits[n].entry == i; ++n) {
      gone = gone || (!edits[n].keeps && edits[n].kind != ListEdit::Kind::add);
      const List more =
          with_fragments(as_list({.family = list.family, .entries = edits[n].instead}), reply_handling(device));
      out.entries.insert(out.entries.end(), more.entries.begin(), more.entries.end());
    }
    if (i < list.entries.size() && !gone) out.entries.push_back(list.entries[i]);
  }
  return out;
}

void Suggester::edit(const Device& device, ListSuggestion& s, const DialectWriter* writer) {
  const List& list = device.lists[s.list];
  if (!list.defined) {
    s.not_editable = "it is bound and written nowhere";
    return;
  }
  if (list.entries.size() > kEditedMax) {
    s.not_editable = fmt::format("it has more than {} entries", kEditedMax);
    return;
  }
  if (judge(device, s.list, s.wish, list.family).exact) return;
  Meaning meaning(device, *space_);
  ListLines lines(device, meaning);
  const Front front(rules_, *space_, s.wish, list.family);
  // Line by line, or with denies in front that make most lines right: the shortest that says it.
  std::size_t shortest = 0;
  for (const FrontOf what : {FrontOf::nothing, FrontOf::strangers, FrontOf::strangers_and_few}) {
    if (what != FrontOf::nothing && (list.entries.size() > kComparedMax || writer == nullptr)) break;
    if (what == FrontOf::strangers && front.strangers().is_empty()) break;
    if (what == FrontOf::strangers_and_few && front.few().is_empty()) break;
    ListSuggestion one;
    one.list = s.list, one.wish = s.wish;
    edit_with(device, one, writer, meaning, lines, front, what);
    if (what == FrontOf::nothing) {
      s.edits = one.edits, s.not_editable = one.not_editable;
      if (!s.not_editable.empty() || writer == nullptr) return;
    }
    std::size_t size = 0;
    for (const ListEdit& e : one.edits)
      size += written_size(intended(device, list.family, e.instead), *writer) + kEditWeight;
    if (what != FrontOf::nothing) {
      if (size >= shortest || !one.not_editable.empty()) continue;
      Device changed = device;
      changed.lists[s.list] = edited(device, s, one.edits);
      if (!judge(changed, s.list, s.wish, list.family).exact) continue;
      s.edits = std::move(one.edits);
    }
    shortest = size;
  }
}

void Suggester::edit_with(const Device& device, ListSuggestion& s, const DialectWriter* writer, Meaning& meaning,
                          ListLines& lines, const Front& front, FrontOf what) {
  const List& list = device.lists[s.list];
  PacketSpace& space = *space_;
  const PacketSet of_family = space.of(Box{.family = list.family});
  const PacketSet must = s.wish.must & of_family, &may = s.wish.may;
  const PacketSet later = space.of(Box{.fragments = kLaterFragments});
  PacketSet left = of_family;  // what no entry of the new list has decided for certain
  const auto add = [&](ListEdit::Kind kind, std::uint32_t entry, bool keeps, std::vector<IntendedEntry> instead,
                       std::string reason, const PacketSet& shown) {
    s.edits.push_back({kind, entry, keeps, std::move(instead), std::move(reason), shown.sample()});
  };
  const auto decided = [&](const std::vector<IntendedEntry>& entries) {
    PacketSet all = space.empty();
    for (const IntendedEntry& e : entries)
      for (const Match& m : e.match) all |= space.of(m.box);
    return all;
  };
  const auto permits = [&](const PacketSet& wanted) { return entries_for(s.wish, wanted, left); };
  const auto size_of = [&](const std::vector<IntendedEntry>& entries) {
    return writer == nullptr ? lines_in(entries) : written_size(intended(device, list.family, entries), *writer);
  };
  /// What later entries, as they stand, let through of it anyway.
  const auto permitted_behind = [&](std::uint32_t entry, const PacketSet& packets) {
    PacketSet yes = space.empty(), no = space.empty();
    if (list.entries.size() > kComparedMax || packets.is_empty()) return yes;
    std::vector<Taken> taken;
    no |= lines.behind(s.list, entry, packets, taken);
    for (const Taken& t : taken) (t.fate == Fate::permit && !t.open ? yes : no) |= t.packets;
    return yes - no;
  };

  bool fronted_yet = what == FrontOf::nothing;
  for (std::uint32_t i = 0; i < list.entries.size() && !left.is_empty(); ++i) {
    const Entry& e = list.entries[i];
    if (e.inactive || e.action == Action::count) continue;
    if (e.action == Action::unknown) {
      s.not_editable = fmt::format("line {} is not understood ({}): what it does cannot be brought into agreement",
                                   e.line, e.undecided);
      s.edits.clear();
      return;
    }
    if (!fronted_yet && e.action != Action::deny) {
      const Bounds first = meaning.match(e);
      // Replies by state and the like are right for everybody.
      if (e.action != Action::permit || !may.contains(left & first.possible)) {
        fronted_yet = true;
        std::vector<IntendedEntry> before = front.deny_strangers(left - may);
        PacketSet settled = front.strangers();
        if (what == FrontOf::strangers_and_few) {
          Fronted parts = fronted(s.wish, must & left & front.few(), left, front, list.family);
          settled |= front.few() | decided(parts.early);
          if (parts.few.empty() || !parts.late.empty()) {
            s.not_editable = "the few cannot be told from the many";
            return;
          }
          settled |= decided(parts.few);
          std::move(parts.early.begin(), parts.early.end(), std::back_inserter(before));
          std::move(parts.few.begin(), parts.few.end(), std::back_inserter(before));
        }
        if (!before.empty())
          add(ListEdit::Kind::add, i, true, std::move(before),
              "who has no business here, or other business than the rest, is settled first, so that lines may say "
              "any",
              (left & settled) - may);
        left -= settled;
      }
    }
    const Bounds match = meaning.match(e);
    const PacketSet reach = left & match.possible;
    if (reach.is_empty()) continue;
    if (e.action == Action::permit && e.line != 0) {
      const PacketSet extra = reach - may, all_useful = reach & must;
      if (extra.is_empty()) {
        left -= match.certain;
        continue;
      }
      const PacketSet useful = all_useful - permitted_behind(i, all_useful);
      if (useful.is_empty()) {
        add(ListEdit::Kind::remove, i, false, {}, why_not(*extra.sample()), extra);
        continue;
      }
      std::vector<IntendedEntry> instead = permits(useful);
      // A deny that names ports leaves later fragments to the entry: they are denied by addresses alone.
      std::vector<IntendedEntry> denies = ShortLines(space, {left, may, must, e.match}).deny(extra - later);
      const Cover fragments = (extra & later).cover(kDeniesMax);
      for (const Box& b : fragments.boxes) denies.push_back(entry_of(Action::deny, b, ""));
      for (IntendedEntry& d : denies) d.comment = "nothing approves it";
      const bool sayable = match.is_exact() && fragments.complete() && !denies.empty() &&
                           (decided(denies) & must).is_empty() && decided(denies).contains(plain(extra - later));
      if (sayable && size_of(denies) < size_of(instead)) {
        left -= match.certain | decided(denies);
        add(ListEdit::Kind::narrow, i, true, std::move(denies), why_not(*extra.sample()), extra);
      } else {
        left -= decided(instead);
        add(ListEdit::Kind::narrow, i, false, std::move(instead),
            fmt::format("{}; {} needs part of it", why_not(*extra.sample()), who_approves(useful, s.wish)), extra);
      }
      continue;
    }
    // What else decides: denies, calls, entries that the file does not decide.
    const PartOutcomes part = meaning.entry(e);
    const PacketSet extra = (left & part.permit) - may, blocked = left & part.deny & must;
    if (e.action == Action::deny && !blocked.is_empty() && e.line != 0 && must.contains(reach)) {
      add(ListEdit::Kind::remove, i, false, {}, fmt::format("{} approves it", who_approves(blocked, s.wish)),
          blocked);
      continue;
    }
    if (!extra.is_empty()) {
      const Cover denies = plain(extra).cover(kCoverMax);
      if (!denies.complete()) {
        s.not_editable = fmt::format("line {} lets too much through to be narrowed by entries before it", e.line);
        s.edits.clear();
        return;
      }
      IntendedEntry deny;
      deny.action = Action::deny;
      deny.comment = "nothing approves it";
      deny.match = matches_of(denies.boxes);
      add(ListEdit::Kind::narrow, i, true, {std::move(deny)}, why_not(*extra.sample()), extra);
      left -= extra;
    }
    if (!blocked.is_empty()) {
      std::vector<IntendedEntry> before = permits(blocked);
      const PacketSet now = decided(before);
      add(ListEdit::Kind::add, i, true, std::move(before),
          fmt::format("{} approves it, and the entry denies it", who_approves(blocked, s.wish)), blocked);
      left -= now;
    }
    left &= part.on;
  }
  const auto end = static_cast<std::uint32_t>(list.entries.size());
  if (list.at_end == Fallthrough::permit) {
    const PacketSet extra = left - may;
    if (!extra.is_empty()) {
      std::vector<IntendedEntry> instead = permits(left & must);
      IntendedEntry deny;
      deny.action = Action::deny;
      deny.comment = "what nothing approves";
      deny.match.push_back({});
      instead.push_back(std::move(deny));
      add(ListEdit::Kind::add, end, true, std::move(instead),
          fmt::format("the end of the list permits it: {}", why_not(*extra.sample())), extra);
    }
  } else if (const PacketSet missing = left & must; !missing.is_empty()) {
    add(ListEdit::Kind::add, end, true, permits(missing),
        fmt::format("{} approves it, and no entry permits it", who_approves(missing, s.wish)), missing);
  }
}

}  // namespace demarc
