#include "rules/acl/decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/entry_index.h"
#include "rules/acl/meaning.h"
#include "rules/acl/relation.h"
#include "rules/acl/translated_view.h"

namespace demarc {

namespace {

/// What may become of the asked packets, and by which line first.
struct Possible {
  std::optional<DecidingLine> permit, deny;
  bool on = true;                    // they may fall out at the end
  std::optional<DecidingLine> open;  // the first line that left it open
  std::string open_why;
  bool mixed = false;  // a line matched some of them: only sets can tell
};

void note(std::optional<DecidingLine>& slot, DecidingLine line) {
  if (!slot) slot = line;
}

template <typename Candidates>
class Walk {
 public:
  /// candidates(list, out): the entries that a question may match.
  Walk(const Device& device, const Question& question, Candidates& candidates)
      : device_(device), question_(question), candidates_(candidates), called_(device.lists.size()) {}

  void list(ListIndex index, Possible& out) {
    const List& list = device_.lists.at(index);
    bool left = false;  // some leave the list before its end
    std::vector<std::uint32_t> entries;
    candidates_(index, entries);
    for (const std::uint32_t i : entries) {
      if (!out.on || out.mixed) break;
      const Entry& e = list.entries[i];
      if (e.inactive || e.action == Action::count) continue;
      Relation certain = Relation::none, maybe = Relation::none;
      for (const Match& m : e.match) certain = std::max(certain, question_(m));
      if (certain != Relation::all)
        for (const Match& m : e.maybe) maybe = std::max(maybe, question_(m));
      if (certain == Relation::some || maybe == Relation::some) out.mixed = true;
      if (certain == Relation::none && maybe == Relation::none) continue;
      const DecidingLine here{index, i};
      const bool sure = certain == Relation::all && e.action != Action::unknown;
      if (!sure && !out.open) {
        out.open = here;
        out.open_why = e.undecided.empty() ? "what the line does is not known" : e.undecided;
      }
      if (e.action == Action::permit || e.action == Action::unknown) note(out.permit, here);
      if (e.action == Action::deny || e.action == Action::unknown) note(out.deny, here);
      bool goes_on = !sure;
      if (e.action == Action::jump || e.action == Action::go_to) {
        Possible called;
        if (e.target < device_.lists.size()) {
          called = through(e.target, here);
        } else {
          called.permit = called.deny = called.open = here;
          called.open_why = "the list that it calls is not there";
        }
        if (called.permit) note(out.permit, *called.permit);
        if (called.deny) note(out.deny, *called.deny);
        if (called.open && !out.open) out.open = called.open, out.open_why = called.open_why;
        out.mixed = out.mixed || called.mixed;
        if (called.on && e.action == Action::jump) goes_on = true;
        if (called.on && e.action == Action::go_to) left = true;
      }
      if (e.action == Action::give_back) left = true;
      if (!goes_on) out.on = false;
    }
    out.on = out.on || left;
  }

  /// Applies the end of a list to what falls out of it.
  void end(ListIndex index, Possible& out) const {
    if (!out.on) return;
    const Fallthrough at_end = device_.lists[index].at_end;
    if (at_end == Fallthrough::permit) note(out.permit, {index, {}});
    if (at_end == Fallthrough::deny) note(out.deny, {index, {}});
    out.on = at_end == Fallthrough::give_back;
  }

 private:
  /// A called list with its end. It is walked once, however often it is called; one that calls itself in a circle
  /// may do anything.
  Possible through(ListIndex index, DecidingLine caller) {
    std::optional<Possible>& known = called_[index];
    if (known) return *known;
    known.emplace();
    known->permit = known->deny = known->open = caller;
    known->open_why = "lists call each other in a circle";
    Possible result;
    list(index, result);
    end(index, result);
    return *(called_[index] = std::move(result));
  }

  const Device& device_;
  const Question& question_;
  Candidates& candidates_;
  std::vector<std::optional<Possible>> called_;
};

/// The same for questions of many packets, by sets.
class SetWalk {
 public:
  SetWalk(const Device& device, Meaning& meaning) : device_(device), meaning_(meaning) {}

  /// What of `arriving` may fall out at the end.
  PacketSet list(ListIndex index, PacketSet arriving, Possible& out, unsigned depth = 0) {
    const List& list = device_.lists.at(index);
    PacketSet left = meaning_.space().empty();
    for (std::uint32_t i = 0; i < list.entries.size() && !arriving.is_empty(); ++i) {
      const Entry& e = list.entries[i];
      if (e.inactive || e.action == Action::count) continue;
      const Bounds match = meaning_.match(e);
      const PacketSet hit = arriving & match.possible;
      if (hit.is_empty()) continue;
      const DecidingLine here{index, i};
      const bool unknown = e.action == Action::unknown;
      if ((unknown || !match.certain.contains(hit)) && !out.open) {
        out.open = here;
        out.open_why = e.undecided.empty() ? "what the line does is not known" : e.undecided;
      }
      if (!unknown) arriving -= match.certain;
      if (e.action == Action::permit || unknown) note(out.permit, here);
      if (e.action == Action::deny || unknown) note(out.deny, here);
      if (e.action == Action::give_back) left |= hit;
      if (e.action != Action::jump && e.action != Action::go_to) continue;
      if (e.target >= device_.lists.size() || depth > device_.lists.size()) {
        note(out.permit, here), note(out.deny, here), note(out.open, here);
        continue;
      }
      const PacketSet back = end(e.target, this->list(e.target, hit, out, depth + 1), out);
      (e.action == Action::jump ? arriving : left) |= back;
    }
    return arriving | left;
  }

  PacketSet end(ListIndex index, const PacketSet& falling, Possible& out) {
    const Fallthrough at_end = device_.lists[index].at_end;
    if (falling.is_empty() || at_end == Fallthrough::give_back) return falling;
    note(at_end == Fallthrough::permit ? out.permit : out.deny, {index, {}});
    return meaning_.space().empty();
  }

 private:
  const Device& device_;
  Meaning& meaning_;
};

std::string describe(const Device& device, const DecidingLine& by) {
  if (by.list == kNoList) return "no filter stands on the way";
  const List& list = device.lists[by.list];
  if (by.entry) {
    const Entry& e = list.entries[*by.entry];
    return e.line == 0 ? fmt::format("{}: {} (implied)", list.name, e.text)
                       : fmt::format("{}, line {}: {}", list.name, e.line, e.text);
  }
  if (!list.defined) return fmt::format("{} is not defined", list.name);
  return fmt::format("no entry of {} matches; at its end stands {}", list.name,
                     list.at_end == Fallthrough::permit ? "permit" : "deny");
}

FilterDecision conclude(const Device& device, const Possible& p) {
  FilterDecision d;
  if (p.permit && !p.deny) {
    d.fate = Fate::permit, d.by = *p.permit, d.why = describe(device, *p.permit);
  } else if (p.deny && !p.permit) {
    d.fate = Fate::deny, d.by = *p.deny, d.why = describe(device, *p.deny);
  } else if (p.permit) {
    d.by = p.open.value_or(*p.permit);
    d.why = p.open ? fmt::format("{} may match or not: {}", describe(device, *p.open), p.open_why)
                   : fmt::format("some of these packets are permitted ({}) and some are denied ({})",
                                 describe(device, *p.permit), describe(device, *p.deny));
  }
  return d;
}

}  // namespace

PacketQuestion PacketQuestion::of(const ConcretePacket& concrete, Way way) {
  const Packet& p = concrete.packet;
  const PacketContext& c = concrete.context;
  PacketQuestion q;
  q.way = way;
  q.packets.family = p.source.family();
  q.packets.sources = AddressSet::single(p.source);
  q.packets.destinations = AddressSet::single(p.destination);
  q.packets.protocols = {p.protocol};
  if (p.protocol.has_ports()) {
    q.packets.ports = PortSet::single(p.port);
    q.packets.source_ports = PortSet::single(p.source_port);
  }
  if (p.protocol.is_icmp()) q.packets.icmp = {IcmpType{p.icmp.type, p.icmp.code.value_or(0)}};
  if (p.protocol == Protocol::tcp) q.packets.flags = ByteSet{c.flags};
  q.packets.states = {c.state};
  q.packets.fragments = {c.fragment};
  q.packets.ingress = ByteSet{c.ingress};
  q.packets.egress = ByteSet{c.egress};
  return q;
}

std::string_view name(Fate fate) {
  switch (fate) {
    case Fate::permit: return "permit";
    case Fate::deny: return "deny";
    case Fate::undetermined: return "undetermined";
  }
  return "";
}

namespace {

/// How often a list is asked before it is indexed.
constexpr unsigned kAskedBefore = 8;

void candidates(ListIndices& indices, ListIndex list, const Box& asked, std::vector<std::uint32_t>& out) {
  const std::optional<Address> source = asked.sources.only(), destination = asked.destinations.only();
  if (!source || !destination) return indices.all(list, out);
  indices.candidates(list, *source, *destination, asked.ports.only(), out);
}

}  // namespace

Decider::Decider(const Device& device)
    : device_(device), indices_(std::make_unique<ListIndices>(device, kAskedBefore)) {}
Decider::Decider(Decider&&) noexcept = default;
Decider::~Decider() = default;

FilterDecision Decider::decide(const PacketQuestion& asked) {
  std::vector<std::vector<ListIndex>> stages;  // the lists of each
  std::vector<const Stage*> where;
  if (asked.list != kNoList) {
    stages.push_back({asked.list});
    where.push_back(nullptr);
  } else {
    for (const Stage& stage : device_.stages) {
      if (!stage.ways.contains(asked.way)) continue;
      stages.push_back(stage.lists);
      where.push_back(&stage);
    }
  }
  // What each stage sees. One box for all of them, where nothing is translated.
  std::optional<TranslatedView> view;
  if (asked.translate && !device_.nats.empty() && asked.list == kNoList)
    view.emplace(device_, asked.opening.value_or(asked.packets), asked.way);
  if (view && view->is_plain()) view.reset();
  Box translated;
  const auto seen_by = [&](const Stage* stage) -> const Box& {
    if (!view) return asked.packets;
    if (!asked.opening) return view->at(*stage);
    return translated = view->reply_at(*stage, asked.packets);
  };
  Possible all;
  bool by_sets = !Question(asked.packets).is_plain();
  // Once plainly; where some of the packets match a line and others do not, again by sets.
  for (int attempt = 0; attempt < 2; ++attempt) {
    all = Possible{};
    std::optional<PacketSpace> space;
    std::optional<Meaning> meaning;
    PacketSet arriving;
    if (by_sets) {
      space.emplace();
      meaning.emplace(device_, *space);
      arriving = space->of(asked.packets);
    }
    bool may_pass = true;
    std::optional<DecidingLine> last_permit;
    for (std::size_t i = 0; i < stages.size() && may_pass && !all.mixed; ++i) {
      const Box& packets = seen_by(where[i]);
      if (by_sets && view) arriving = space->of(packets);
      Match seen;
      if (where[i] != nullptr) {
        const auto only = [](const std::vector<InterfaceId>& ids) {
          ByteSet set;
          for (const InterfaceId id : ids) set.insert(id);
          return ids.empty() ? ByteSet::all() : set;
        };
        seen.box.family = where[i]->family;
        seen.box.ingress = only(where[i]->ingress);
        seen.box.egress = only(where[i]->egress);
      }
      Possible here;
      bool passes_by = false;  // some are not seen by this stage
      if (by_sets) {
        const PacketSet sees = space->of(seen.box);
        PacketSet on = arriving & sees;
        passes_by = !(arriving - sees).is_empty();
        if (on.is_empty()) continue;
        SetWalk walk(device_, *meaning);
        for (const ListIndex list : stages[i]) on = walk.list(list, on, here);
        here.on = !stages[i].empty() && !walk.end(stages[i].back(), on, here).is_empty();
      } else {
        const Question question(packets);
        const Relation sees = question(seen);
        if (sees == Relation::none) continue;
        if (sees == Relation::some) all.mixed = true;
        const auto may_match = [&](ListIndex list, std::vector<std::uint32_t>& out) {
          candidates(*indices_, list, packets, out);
        };
        Walk walk(device_, question, may_match);
        for (const ListIndex list : stages[i])
          if (here.on) walk.list(list, here);
        if (!stages[i].empty()) walk.end(stages[i].back(), here);
        all.mixed = all.mixed || here.mixed;
      }
      const bool passes = here.permit || here.on || passes_by;
      // A line that permits says more than the end of a list behind it, which permits whatever comes.
      if (here.permit && (here.permit->entry || !last_permit || !last_permit->entry)) last_permit = here.permit;
      if (here.deny) note(all.deny, *here.deny);
      if (here.open && !all.open) all.open = here.open, all.open_why = here.open_why;
      may_pass = passes;
      if (by_sets && !view && where[i] != nullptr) arriving &= meaning->permitted(*where[i]).possible;
    }
    if (!all.mixed) {
      if (may_pass) all.permit = last_permit.value_or(DecidingLine{});
      break;
    }
    by_sets = true;
  }
  FilterDecision decision = conclude(device_, all);
  if (view) decision.why += "; " + view->said();
  return decision;
}

}  // namespace demarc
