#include "rules/verdict/suggest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "rules/verdict/suggest_short.h"

namespace demarc {

namespace {

constexpr std::size_t kCoverMax = 200;        // boxes of what takes an entry's place
constexpr std::size_t kDeniesMax = 3;         // denies before an entry that is otherwise right
constexpr std::size_t kPlainPrefixes = 8;     // pairs of prefixes that are written out as they are
constexpr std::size_t kDomainDenies = 60;     // prefixes at most of addresses that have no business here
constexpr std::uint32_t kEditedMax = 20'000;  // entries of a list whose edits are worked out

AddressSet whole(Family family) {
  return AddressSet{Prefix::containing(family == Family::ipv4 ? Address{} : Address::ipv6(0, 0), 0)};
}
std::size_t prefixes_in(const AddressSet& set, Family family) {
  const AddressSet part = set.intersect(whole(family));
  return part == whole(family) ? 1 : part.prefixes().size();
}

std::vector<Match> matches_of(std::vector<Box> boxes) {
  std::vector<Match> out;
  for (Box& b : boxes) out.push_back({.box = std::move(b)});
  return out;
}

/// Entries that name addresses by hundreds of prefixes, because a zone is all but many networks, become short: what
/// has no business here is denied first, and behind that "any" is the zone. Nothing that is denied may pass, so no
/// deny can cut what is wished; and what passes behind them is within what may.
class Widening {
 public:
  Widening(PacketSpace& space, const Wish& wish, const IntendedList& list) : space_(space), wish_(wish) {
    PacketSet named = wish.must;
    for (const WishPart& part : wish.parts)
      if (part.rule.empty() && part.boxes.size() == 1 && part.boxes[0].sources == AddressSet::all())
        named -= part.set;  // neighbour discovery comes from everywhere
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      if (list.family.value_or(family) != family) continue;
      Side& s = sides_[family == Family::ipv4 ? 0 : 1];
      const PacketSet here = named & space.of(Box{.family = family});
      s.no_source = whole(family).minus(here.sources());
      s.no_destination = whole(family).minus(here.destinations());
      if (s.no_source == whole(family)) s.no_source = s.no_destination = {};
    }
  }

  IntendedList run(IntendedList list) {
    std::vector<IntendedEntry> entries, wide;
    bool first_is_neighbours = false;
    for (const IntendedEntry& e : list.entries)
      for (const Match& m : e.match)
        for (const Family f : {Family::ipv4, Family::ipv6}) {
          Box one = m.box;
          if (list.family.value_or(f) != f || one.family.value_or(f) != f) continue;
          if (prefixes_in(one.sources, f) * prefixes_in(one.destinations, f) > kPlainPrefixes) continue;
          one.family = f;
          permitted_ |= space_.of(one);
        }
    for (IntendedEntry& e : list.entries) {
      IntendedEntry kept = e;
      kept.match.clear();
      std::vector<IntendedEntry> widened;
      for (const Match& m : e.match) widen(m.box, list, e, kept, widened);
      for (IntendedEntry& w : widened) wide.push_back(std::move(w));
      if (!kept.match.empty()) entries.push_back(std::move(kept));
    }
    std::move(wide.begin(), wide.end(), std::back_inserter(entries));
    first_is_neighbours = !entries.empty() && entries.front().comment.starts_with("neighbour discovery");
    std::vector<IntendedEntry> front;
    for (const Side& s : sides_) {
      if (s.source_denied) front.push_back(deny(Box{.sources = s.no_source}, "sources that have no business here"));
      if (s.destination_denied)
        front.push_back(deny(Box{.destinations = s.no_destination}, "destinations that have no business here"));
    }
    entries.insert(entries.begin() + (first_is_neighbours ? 1 : 0), front.begin(), front.end());
    list.entries = std::move(entries);
    return list;
  }

 private:
  struct Side {
    AddressSet no_source = {}, no_destination = {};
    bool source_denied = false, destination_denied = false;
  };

  static IntendedEntry deny(Box box, std::string comment) {
    IntendedEntry e;
    e.action = Action::deny;
    e.comment = std::move(comment);
    e.match.push_back({.box = std::move(box)});
    return e;
  }

  void widen(const Box& box, const IntendedList& list, const IntendedEntry& entry, IntendedEntry& kept,
             std::vector<IntendedEntry>& out) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      if (list.family.value_or(family) != family || box.family.value_or(family) != family) continue;
      const std::size_t from = prefixes_in(box.sources, family), to = prefixes_in(box.destinations, family);
      if (from * to == 0) continue;
      Box one = box;
      one.family = family;
      if (from * to > kPlainPrefixes && widen_one(one, from >= to, std::min(from, to), from * to, entry, out))
        continue;
      kept.match.push_back({.box = std::move(one)});
    }
  }

  bool widen_one(const Box& box, bool sources, std::size_t others, std::size_t plain_lines,
                 const IntendedEntry& entry, std::vector<IntendedEntry>& out) {
    Side& side = sides_[*box.family == Family::ipv4 ? 0 : 1];
    const AddressSet& none = sources ? side.no_source : side.no_destination;
    bool& denied = sources ? side.source_denied : side.destination_denied;
    const std::size_t domain = prefixes_in(none, *box.family);
    if (domain > kDomainDenies) return false;
    Box wide = box;
    (sources ? wide.sources : wide.destinations) = AddressSet::all();
    Box outside{.family = box.family};
    (sources ? outside.sources : outside.destinations) = none;
    const PacketSet behind = none.empty() ? space_.empty() : space_.of(outside);
    // Later fragments are asked by addresses and protocol alone.
    const PacketSet later_box = space_.of(Box{.fragments = kLaterFragments});
    const PacketSet w = space_.of(wide);
    const PacketSet lets = w | (w.forget({Field::port_or_icmp, Field::source_port, Field::flags}) & later_box);
    PacketSet too_much = lets - wish_.may - behind;
    // One deny for all who have business here, but not this: what of theirs is wished stands before it.
    Box other = box;
    (sources ? other.sources : other.destinations) =
        whole(*box.family).minus(none).minus(sources ? box.sources : box.destinations);
    const PacketSet others_set = space_.of(other);
    const bool said_before = !too_much.is_empty() && permitted_.contains(others_set & wish_.must);
    if (said_before) too_much -= others_set - later_box;
    const PacketSet now = plain(too_much - later_box), later = too_much & later_box;
    const Cover denies = now.cover(kDeniesMax * 4), fragments = later.cover(kDeniesMax * 4);
    if (!denies.complete() || !fragments.complete()) return false;
    std::size_t lines = others + (denied ? 0 : std::min<std::size_t>(domain, 4));
    for (const Cover* c : {&denies, &fragments})
      for (const Box& b : c->boxes)
        lines += prefixes_in(b.sources, *box.family) * prefixes_in(b.destinations, *box.family);
    if (said_before)
      lines += prefixes_in(other.sources, *box.family) * prefixes_in(other.destinations, *box.family);
    if (lines >= plain_lines) return false;
    if (said_before) out.push_back(deny(other, "these have business here, but not this"));
    permitted_ |= space_.of(box);
    denied = denied || !none.empty();
    for (const Cover* c : {&denies, &fragments})
      for (const Box& b : c->boxes)
        out.push_back(deny(b, "nothing approves it, and the next entry would let it by"));
    IntendedEntry wider = entry;
    wider.match = {Match{.box = std::move(wide)}};
    out.push_back(std::move(wider));
    return true;
  }

  PacketSpace& space_;
  const Wish& wish_;
  Side sides_[2];
  PacketSet permitted_ = space_.empty();  // by entries that stand before the wide ones, and by these
};

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

std::vector<IntendedEntry> Suggester::entries_for(const Wish& wish, const PacketSet& wanted) const {
  std::vector<IntendedEntry> out;
  PacketSet said = space_->empty();
  for (const WishPart& part : wish.parts) {
    const PacketSet common = part.set & wanted;
    if (common.is_empty() || said.contains(common)) continue;
    IntendedEntry e;
    e.comment = part.comment;
    e.source_name = part.source_name, e.destination_name = part.destination_name;
    const PacketSet packets = plain(common);
    if (packets.contains(plain(part.set))) {
      e.match = matches_of(part.boxes);
    } else {
      const Cover cover = packets.cover(kCoverMax);
      e.match = matches_of(cover.complete() ? cover.boxes : part.boxes);
      e.source_name.clear(), e.destination_name.clear();
    }
    said |= packets;
    out.push_back(std::move(e));
  }
  return out;
}

IntendedList Suggester::full_list(const Wish& wish, const Domain& domain, const DialectWriter& writer,
                                  ReplyHandling replies) {
  IntendedList list;
  list.family = domain.family;
  if (replies == ReplyHandling::by_state) {
    IntendedEntry state;
    state.comment = "replies, and what belongs to approved conversations";
    state.match.push_back({.box = {.states = {ConnectionState::established, ConnectionState::related}}});
    list.entries.push_back(std::move(state));
  }
  for (IntendedEntry& e : entries_for(wish, wish.must)) list.entries.push_back(std::move(e));
  if (writer.address_lists) return list;
  IntendedList wide = Widening(*space_, wish, list).run(list);
  Device as_device;
  as_device.lists.push_back(as_list(wide));
  // The list that is long is right as well; the short one must be.
  return judge(as_device, 0, wish, list.family).exact ? wide : list;
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
  const DialectWriter* writer = find_writer(device.dialect);
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

/// Addresses from which nothing may pass here, as a box; empty sources: there are none, or too many to write.
Box Suggester::no_business_here(const Wish& wish, const List& list) const {
  PacketSet named =
      wish.must | (wish.may & space_->of(Box{.states = {ConnectionState::fresh}, .fragments = {Fragment::whole}}));
  named -= space_->of(
      Box{.family = Family::ipv6, .protocols = {Protocol::icmpv6}, .icmp = IcmpSet{{135, {}}, {136, {}}}});
  AddressSet sources;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (list.family.value_or(family) != family) continue;
    const AddressSet here = (named & space_->of(Box{.family = family})).sources();
    if (here.empty()) continue;
    const AddressSet none = whole(family).minus(here);
    if (none.prefixes().size() <= kDomainDenies) sources = sources.unite(none);
  }
  return Box{.family = list.family, .sources = std::move(sources)};
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
  Meaning meaning(device, *space_);
  if (judge(device, s.list, s.wish, list.family).exact) return;
  PacketSpace& space = *space_;
  const PacketSet of_family = space.of(Box{.family = list.family});
  const PacketSet must = s.wish.must & of_family, &may = s.wish.may;
  PacketSet left = of_family;  // what no entry of the new list has decided for certain
  const auto add = [&](ListEdit::Kind kind, std::uint32_t entry, bool keeps, std::vector<IntendedEntry> instead,
                       std::string reason, const PacketSet& shown) {
    s.edits.push_back({kind, entry, keeps, std::move(instead), std::move(reason), shown.sample()});
  };
  /// What is written in a permit's place, or before a deny.
  const auto permits = [&](const PacketSet& wanted) {
    std::vector<IntendedEntry> entries = entries_for(s.wish, wanted);
    if (writer == nullptr || writer->address_lists) return entries;
    IntendedList as;
    as.family = list.family;
    as.entries = entries;
    std::size_t lines = 0;
    for (const IntendedEntry& e : entries)
      for (const Family f : {Family::ipv4, Family::ipv6})
        if (list.family.value_or(f) == f) lines += writer->entry(e, as, f).lines.size();
    if (lines <= 2 * kPlainPrefixes) return entries;
    // The short form, where it is right: it denies before it permits, and what it denies nobody may.
    IntendedList wide = Widening(space, s.wish, as).run(as);
    Device as_device;
    as_device.lists.push_back(as_list(wide));
    Meaning of_wide(as_device, space);
    const Bounds got = of_wide.permitted_by(0);
    return got.certain.contains(wanted) && s.wish.may.contains(got.possible) ? wide.entries : entries;
  };

  // Entries that say "any" and mean a zone are right behind entries that deny whoever is not of it.
  if (writer == nullptr || !writer->address_lists) {
    const PacketSet strangers = space.of(no_business_here(s.wish, list));
    std::optional<std::uint32_t> first;  // permit
    std::optional<PacketSet> let_by;  // that the denies would stop, and with them all that is wrong with an entry
    PacketSet arriving = left;
    for (std::uint32_t i = 0; i < list.entries.size() && !let_by && !strangers.is_empty(); ++i) {
      const Entry& e = list.entries[i];
      if (e.inactive || e.action == Action::count) continue;
      if (e.action != Action::permit && e.action != Action::deny) break;
      const Bounds match = meaning.match(e);
      if (e.action == Action::permit) {
        if (!first) first = i;
        const PacketSet extra = (arriving & match.possible) - may;
        if (!extra.is_empty() && strangers.contains(extra) && must.overlaps(match.certain & arriving))
          let_by = extra;
      }
      arriving -= match.certain;
    }
    if (let_by) {
      IntendedEntry deny;
      deny.action = Action::deny;
      deny.comment = "sources that have no business here";
      deny.match.push_back({.box = no_business_here(s.wish, list)});
      add(ListEdit::Kind::add, *first, true, {std::move(deny)},
          "entries behind it say any, and no rule names these sources", *let_by);
      left -= strangers;
    }
  }

  for (std::uint32_t i = 0; i < list.entries.size() && !left.is_empty(); ++i) {
    const Entry& e = list.entries[i];
    if (e.inactive || e.action == Action::count) continue;
    if (e.action == Action::unknown) {
      s.not_editable = fmt::format("line {} is not understood ({}): what it does cannot be brought into agreement",
                                   e.line, e.undecided);
      s.edits.clear();
      return;
    }
    const Bounds match = meaning.match(e);
    const PacketSet reach = left & match.possible;
    if (reach.is_empty()) continue;
    if (e.action == Action::permit && e.line != 0) {
      const PacketSet extra = reach - may, useful = reach & must;
      if (extra.is_empty()) {
        left -= match.certain;
      } else if (useful.is_empty()) {
        add(ListEdit::Kind::remove, i, false, {}, why_not(*extra.sample()), extra);
      } else {
        std::vector<IntendedEntry> instead = permits(useful);
        // A deny that names ports leaves later fragments to the entry: they are denied by addresses alone.
        const PacketSet later = space.of(Box{.fragments = kLaterFragments});
        const Cover denies = plain(extra - later).cover(kDeniesMax), fragments = (extra & later).cover(kDeniesMax);
        std::size_t boxes = 0;
        for (const IntendedEntry& n : instead) boxes += n.match.size();
        const bool sayable = (plain(extra) & must).is_empty();
        if (match.is_exact() && denies.complete() && fragments.complete() && sayable &&
            denies.boxes.size() * 3 < boxes) {
          IntendedEntry deny;
          deny.action = Action::deny;
          deny.comment = "nothing approves it";
          deny.match = matches_of(denies.boxes);
          for (const Box& b : fragments.boxes) deny.match.push_back({.box = b});
          add(ListEdit::Kind::narrow, i, true, {std::move(deny)}, why_not(*extra.sample()), extra);
          left -= match.certain | extra;
        } else {
          add(ListEdit::Kind::narrow, i, false, std::move(instead),
              fmt::format("{}; {} needs part of it", why_not(*extra.sample()), who_approves(useful, s.wish)),
              extra);
          left -= useful;
        }
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
      add(ListEdit::Kind::add, i, true, permits(blocked),
          fmt::format("{} approves it, and the entry denies it", who_approves(blocked, s.wish)), blocked);
      left -= blocked;
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
