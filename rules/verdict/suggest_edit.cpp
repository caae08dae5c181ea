#include "rules/verdict/suggest_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/verdict/suggest_short.h"

namespace demarc {

namespace {

constexpr std::size_t kCoverMax = 200;         // boxes of what is denied before an entry
constexpr std::size_t kDeniesMax = 3;          // denies of fragments before an entry that is otherwise right
constexpr std::uint32_t kComparedMax = 2'000;  // entries of a list for which several ways are tried
constexpr std::size_t kEditWeight = 20;        // of an edit, in letters, beside what it writes

/// How long the entries are in the words of the list's device.
std::size_t size_of(const EditGrounds& on, std::vector<IntendedEntry> entries) {
  IntendedList list;
  list.family = on.device.lists[on.list].family, list.entries = std::move(entries);
  for (const Interface& i : on.device.interfaces) list.interfaces.push_back(i.name);
  list.far_ends = on.far_ends;
  return written_size(list, on.writer);
}

class ListEditor {
 public:
  ListEditor(const EditGrounds& on, FrontOf front)
      : on_(on),
        list_(on.device.lists[on.list]),
        space_(on.meaning.space()),
        front_(front),
        of_family_(space_.of(Box{.family = list_.family})),
        must_(on.wish.must & of_family_),
        later_(space_.of(Box{.fragments = kLaterFragments})),
        left_(of_family_) {}

  ListEdits run() {
    const auto size = static_cast<std::uint32_t>(list_.entries.size());
    bool fronted = front_ == FrontOf::nothing;
    for (std::uint32_t i = 0; i < size && !left_.is_empty() && out_.not_editable.empty(); ++i) {
      const Entry& e = list_.entries[i];
      if (e.inactive || e.action == Action::count) continue;
      if (e.action == Action::unknown) {
        give_up(fmt::format("line {} is not understood ({}): what it does cannot be brought into agreement", e.line,
                            e.undecided));
        break;
      }
      const Bounds match = on_.meaning.match(e);
      if (!fronted && begins_business(e, match)) {
        fronted = true;
        settle_front(i);
        if (!out_.not_editable.empty()) break;
      }
      if (!left_.overlaps(match.possible)) {
        if (fronted && front_ != FrontOf::nothing) remove_settled(i, e, match);
        continue;
      }
      if (e.action == Action::permit && is_edited(i))
        permit(i, e, match);
      else
        other(i, e, match);
    }
    if (out_.not_editable.empty()) end(size);
    return std::move(out_);
  }

 private:
  void add(ListEdit::Kind kind, std::uint32_t entry, bool keeps, std::vector<IntendedEntry> instead,
           std::string reason, const PacketSet& shown) {
    out_.edits.push_back({kind, entry, keeps, std::move(instead), std::move(reason), shown.sample()});
  }
  void give_up(std::string why) {
    out_.edits.clear();
    out_.not_editable = std::move(why);
  }
  std::vector<IntendedEntry> permits(const PacketSet& wanted) const {
    return on_.entries.for_each_rule(wanted, left_);
  }
  std::size_t size_of(const std::vector<IntendedEntry>& entries) const { return demarc::size_of(on_, entries); }
  std::string why_not(const PacketSet& extra) const {
    return demarc::why_not(on_.rules, on_.documented, *extra.sample());
  }

  bool is_edited(std::uint32_t i) const {
    return list_.entries[i].line != 0 && (i >= on_.fixed.size() || !on_.fixed[i]);
  }
  bool stateless() const { return on_.replies == ReplyHandling::stateless; }

  /// What new entries decide. A filter without state sees no ports of later fragments, so that they are in the set
  /// by addresses alone: a set in which they had ports would grow with every pair of an entry and a port.
  PacketSet decided_by(const std::vector<IntendedEntry>& entries) const {
    const List list = with_fragments(as_list({.family = list_.family, .entries = entries}), on_.replies);
    PacketSet all = space_.empty();
    for (const Entry& e : list.entries)
      for (const Match& m : e.match) all |= space_.of(m.box);
    return all;
  }

  /// What later entries, as they stand, let through of it anyway.
  PacketSet permitted_behind(std::uint32_t entry, const PacketSet& packets) const {
    PacketSet yes = space_.empty(), no = space_.empty();
    if (list_.entries.size() > kComparedMax || packets.is_empty()) return yes;
    std::vector<Taken> taken;
    no |= on_.lines.behind(on_.list, entry, packets, taken);
    for (const Taken& t : taken) (t.fate == Fate::permit && !t.open ? yes : no) |= t.packets;
    return yes - no;
  }

  /// Denies before it, and permits of replies by state and the like, are right for everybody.
  bool begins_business(const Entry& e, const Bounds& match) const {
    if (e.action == Action::deny) return false;
    return e.action != Action::permit || !on_.wish.may.contains(left_ & match.possible);
  }

  void settle_front(std::uint32_t before) {
    std::vector<IntendedEntry> settling = on_.front.deny_strangers(left_ - on_.wish.may);
    PacketSet settled = on_.front.strangers();
    if (front_ == FrontOf::strangers_and_few) {
      FrontedEntries parts = on_.entries.fronted(must_ & left_ & on_.front.few(), left_, on_.front, list_.family);
      if (parts.few.empty() || !parts.late.empty()) return give_up("the few cannot be told from the many");
      settled |= on_.front.few() | decided_by(parts.early) | decided_by(parts.few);
      std::move(parts.early.begin(), parts.early.end(), std::back_inserter(settling));
      std::move(parts.few.begin(), parts.few.end(), std::back_inserter(settling));
    }
    if (!settling.empty())
      add(ListEdit::Kind::add, before, true, std::move(settling),
          "who has no business here, or other business than the rest, is settled first, so that lines may say any",
          (left_ & settled) - on_.wish.may);
    left_ -= settled;
  }

  /// A permit of what may not pass goes, though what stands in front of it leaves it nothing.
  void remove_settled(std::uint32_t i, const Entry& e, const Bounds& match) {
    if (e.action != Action::permit || !is_edited(i)) return;
    const PacketSet extra = (match.possible & of_family_) - on_.wish.may;
    if (!extra.is_empty()) add(ListEdit::Kind::remove, i, false, {}, why_not(extra), extra);
  }

  void permit(std::uint32_t i, const Entry& e, const Bounds& match) {
    const PacketSet reach = left_ & match.possible, extra = reach - on_.wish.may;
    if (extra.is_empty()) {
      left_ -= match.certain;
      return;
    }
    PacketSet useful = reach & must_;
    useful -= permitted_behind(i, useful);
    if (useful.is_empty()) return add(ListEdit::Kind::remove, i, false, {}, why_not(extra), extra);
    std::vector<IntendedEntry> instead = permits(useful);
    std::optional<std::vector<IntendedEntry>> denies = denies_before(e, match, extra);
    if (denies && size_of(*denies) < size_of(instead)) {
      left_ -= match.certain | decided_by(*denies);
      add(ListEdit::Kind::narrow, i, true, std::move(*denies), why_not(extra), extra);
    } else {
      left_ -= decided_by(instead);
      add(ListEdit::Kind::narrow, i, false, std::move(instead),
          fmt::format("{}; {} part of it", why_not(extra), on_.entries.who("need", useful)), extra);
    }
  }

  /// Denies of later fragments, which show no ports: by addresses alone. None where state is kept, for they are put
  /// together before; nothing where they cannot be said in few.
  std::optional<std::vector<IntendedEntry>> deny_fragments(const PacketSet& extra, std::size_t most) const {
    std::vector<IntendedEntry> out;
    if (!stateless()) return out;
    const Cover cover = (extra & later_).forget({Field::state, Field::ingress, Field::egress}).cover(most);
    if (!cover.complete()) return std::nullopt;
    for (const Box& b : cover.boxes) out.push_back(one_entry(Action::deny, b, "nothing approves it"));
    return out;
  }
  PacketSet but_fragments(const PacketSet& extra) const { return stateless() ? extra - later_ : extra; }

  /// Denies that leave the entry nothing that may not pass. None: it cannot be said in few.
  std::optional<std::vector<IntendedEntry>> denies_before(const Entry& e, const Bounds& match,
                                                          const PacketSet& extra) const {
    if (!match.is_exact() || (on_.far_ends != nullptr && !on_.far_ends->denies)) return std::nullopt;
    const PacketSet seen = but_fragments(extra);
    std::vector<IntendedEntry> denies = ShortLines(space_, {left_, on_.wish.may, must_, e.match}).deny(seen);
    for (IntendedEntry& d : denies) d.comment = "nothing approves it";
    const std::optional<std::vector<IntendedEntry>> fragments = deny_fragments(extra, kDeniesMax);
    if (!fragments) return std::nullopt;
    denies.insert(denies.end(), fragments->begin(), fragments->end());
    const PacketSet named = named_by(denies, space_);
    if (denies.empty() || named.overlaps(must_) || !named.contains(plain(seen))) return std::nullopt;
    return denies;
  }

  /// Denies of exactly these packets. None: it cannot be said in few.
  std::optional<std::vector<IntendedEntry>> denies_of(const PacketSet& extra) const {
    Cover denied = plain(but_fragments(extra)).cover(kCoverMax);
    std::optional<std::vector<IntendedEntry>> denies = deny_fragments(extra, kCoverMax);
    if (!denied.complete() || !denies) return std::nullopt;
    IntendedEntry deny;
    deny.action = Action::deny;
    deny.comment = "nothing approves it";
    for (Box& b : denied.boxes) deny.match.push_back({.box = std::move(b)});
    if (!deny.match.empty()) denies->insert(denies->begin(), std::move(deny));
    return denies;
  }
  static IntendedEntry deny_all() { return one_entry(Action::deny, {}, "what nothing approves"); }

  /// What else decides: denies, calls, entries that nobody wrote.
  void other(std::uint32_t i, const Entry& e, const Bounds& match) {
    const PartOutcomes part = on_.meaning.entry(e);
    const PacketSet extra = (left_ & part.permit) - on_.wish.may, blocked = left_ & part.deny & must_;
    if (e.action == Action::deny && !blocked.is_empty() && is_edited(i) && must_.contains(left_ & match.possible))
      return add(ListEdit::Kind::remove, i, false, {}, on_.entries.who("approve", blocked) + " it", blocked);
    if (!extra.is_empty()) {
      std::optional<std::vector<IntendedEntry>> denies = denies_of(extra);
      if (!denies || size_of(*denies) >= kUnsaidWeight) {
        // Then everything is settled before it.
        std::vector<IntendedEntry> all = permits(left_ & must_);
        all.push_back(deny_all());
        if (size_of(all) >= kUnsaidWeight)
          return give_up(fmt::format("line {} lets too much through to be narrowed by entries before it", e.line));
        add(ListEdit::Kind::narrow, i, true, std::move(all), why_not(extra), extra);
        left_ = space_.empty();
        return;
      }
      add(ListEdit::Kind::narrow, i, true, std::move(*denies), why_not(extra), extra);
      left_ -= extra;
    }
    if (!blocked.is_empty()) {
      std::vector<IntendedEntry> before = permits(blocked);
      const PacketSet now = decided_by(before);
      add(ListEdit::Kind::add, i, true, std::move(before),
          on_.entries.who("approve", blocked) + " it, and the entry denies it", blocked);
      left_ -= now;
    }
    left_ &= part.on;
  }

  void end(std::uint32_t size) {
    if (list_.at_end == Fallthrough::permit) {
      const PacketSet extra = left_ - on_.wish.may;
      if (extra.is_empty()) return;
      std::vector<IntendedEntry> instead = permits(left_ & must_);
      instead.push_back(deny_all());
      add(ListEdit::Kind::add, size, true, std::move(instead),
          fmt::format("the end of the list permits it: {}", why_not(extra)), extra);
    } else if (const PacketSet missing = left_ & must_; !missing.is_empty()) {
      add(ListEdit::Kind::add, size, true, permits(missing),
          on_.entries.who("approve", missing) + " it, and no entry permits it", missing);
    }
  }

  const EditGrounds& on_;
  const List& list_;
  PacketSpace& space_;
  FrontOf front_;
  const PacketSet of_family_, must_, later_;
  PacketSet left_;  // what no entry of the new list has decided for certain
  ListEdits out_;
};

std::size_t weight_of(const std::vector<ListEdit>& edits, const EditGrounds& on) {
  std::size_t size = 0;
  for (const ListEdit& e : edits) size += size_of(on, e.instead) + kEditWeight;
  return size;
}

bool are_right(const std::vector<ListEdit>& edits, const EditGrounds& on) {
  Device changed = on.device;
  changed.lists[on.list] = with_edits(on.device.lists[on.list], edits, on.replies);
  Meaning meaning(changed, on.meaning.space());
  return judge_bounds(meaning.permitted_by(on.list), on.wish, changed.lists[on.list].family).exact;
}

}  // namespace

List with_edits(const List& list, const std::vector<ListEdit>& edits, ReplyHandling replies) {
  List out = list;
  out.entries.clear();
  std::size_t n = 0;
  for (std::uint32_t i = 0; i <= list.entries.size(); ++i) {
    bool gone = false;
    for (; n < edits.size() && edits[n].entry == i; ++n) {
      gone = gone || (!edits[n].keeps && edits[n].kind != ListEdit::Kind::add);
      const List more = with_fragments(as_list({.family = list.family, .entries = edits[n].instead}), replies);
      out.entries.insert(out.entries.end(), more.entries.begin(), more.entries.end());
    }
    if (i < list.entries.size() && !gone) out.entries.push_back(list.entries[i]);
  }
  return out;
}

ListEdits edits_of(const EditGrounds& on) {
  ListEdits best = ListEditor(on, FrontOf::nothing).run();
  if (!best.not_editable.empty() || on.device.lists[on.list].entries.size() > kComparedMax) return best;
  std::size_t shortest = weight_of(best.edits, on);
  for (const FrontOf front : {FrontOf::strangers, FrontOf::strangers_and_few}) {
    if ((front == FrontOf::strangers ? on.front.strangers() : on.front.few()).is_empty()) break;
    ListEdits one = ListEditor(on, front).run();
    if (!one.not_editable.empty()) continue;
    const std::size_t size = weight_of(one.edits, on);
    if (size >= shortest || !are_right(one.edits, on)) continue;
    best = std::move(one);
    shortest = size;
  }
  return best;
}

std::string why_not(const RuleSet& rules, const Documented& documented, const ConcretePacket& packet) {
  const demarc::Judgement& judgement = documented.judge(packet.packet);
  if (!judgement.forbidden_by.empty())
    return fmt::format("{} forbids it", rules.forbidden[judgement.forbidden_by.front()].id);
  if (judgement.approved) return "it is approved elsewhere, and nothing approves that it comes by here";
  const std::optional<NearestRule> nearest = documented.nearest(packet.packet);
  return nearest ? fmt::format("nothing approves it ({})", nearest->why) : std::string("nothing approves it");
}

}  // namespace demarc
