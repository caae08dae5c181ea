#include "rules/acl/translated_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/meaning.h"
#include "rules/acl/relation.h"

namespace demarc {

namespace {

/// More would be a device that says little about any packet.
constexpr std::size_t kCoursesMax = 4000;

Rewriting rewriting(const Nat& nat) {
  Rewriting r;
  r.end = nat.kind == Nat::Kind::source ? Rewriting::End::source : Rewriting::End::destination;
  // Between families nobody says which address it is.
  r.addresses = AddressSet::all();
  if (nat.to)
    r.addresses = r.addresses.minus(AddressSet::all(nat.to->family())).unite(AddressSet::single(*nat.to));
  else
    r.network = nat.to_network;
  if (nat.to_ports) r.ports = PortSet{*nat.to_ports};
  return r;
}

/// Translated to what they are.
bool keeps(const Nat& nat, const Box& packets) {
  const bool source = nat.kind == Nat::Kind::source;
  if (!(source ? packets.sources : packets.destinations).only()) return false;
  if (nat.to_ports && !(source ? packets.source_ports : packets.ports).only()) return false;
  return rewriting(nat).image(packets) == packets;
}

/// A cheap look at two that mostly have nothing in common.
bool may_meet(const Match& a, const Match& b) {
  const auto apart = [](const AddressSet& x, const AddressSet& y) {
    return x.empty() || y.empty() || x.ranges().back().last < y.ranges().front().first ||
           y.ranges().back().last < x.ranges().front().first;
  };
  return !apart(a.box.destinations, b.box.destinations) && !apart(a.box.sources, b.box.sources);
}

/// Statements of one line, written out by what they match.
bool say_the_same(const Nat& a, const Nat& b) {
  return a.line == b.line && a.to == b.to && a.to_network == b.to_network && a.to_ports == b.to_ports;
}

std::string words(const Nat& nat, bool all) {
  std::string what = nat.kind == Nat::Kind::source ? "the source" : "the destination";
  if (!all) what += " of some of these packets";
  if (nat.to) what += " to " + to_string(*nat.to);
  if (nat.to_network) what += " into " + to_string(*nat.to_network);
  if (!nat.to && !nat.to_network) what += " to an address that the line does not say";
  if (nat.to_ports) what += " port " + to_string(*nat.to_ports);
  return fmt::format("line {} translates {}", nat.line, what);
}

bool begin_conversations(const StateSet& states) { return states.contains(ConnectionState::fresh); }
bool are_of_none(const StateSet& states) { return states == StateSet{ConnectionState::invalid}; }

}  // namespace

void Course::set(const Nat* destination, const Nat* source) {
  destination_nat_ = destination, source_nat_ = source;
  if (destination != nullptr) destination_[1] = rewriting(*destination);
  if (source != nullptr) source_[0] = rewriting(*source);
}

Box Course::seen(const Stage& stage, const Box& packets) const {
  const std::optional<Rewriting>&to = destination_[stage.real_destination], &from = source_[stage.real_source];
  const Box there = to ? to->image(packets) : packets;
  return from ? from->image(there) : there;
}

PacketSet Course::seen(const Stage& stage, const PacketSet& packets) const {
  const std::optional<Rewriting>&to = destination_[stage.real_destination], &from = source_[stage.real_source];
  PacketSet there = to ? to->image(packets) : packets;
  if (to && between_) there &= *between_;
  return from ? from->image(there) : there;
}

PacketSet Course::origin(const Stage& stage, const PacketSet& seen) const {
  const std::optional<Rewriting>&to = destination_[stage.real_destination], &from = source_[stage.real_source];
  PacketSet there = from ? from->origin(seen) : seen;
  if (to && between_) there &= *between_;
  return to ? to->origin(there) : there;
}

Course Course::of_replies(const Box& opening) const {
  if (is_plain()) return *this;
  Course out;
  out.source_nat_ = source_nat_, out.destination_nat_ = destination_nat_;
  for (const bool real : {false, true}) {
    // A stage names the ends of what passes it: a reply's source is whom the opening went to.
    Stage stage;
    stage.real_source = stage.real_destination = real;
    const Box there = seen(stage, opening);
    out.source_[real] = Rewriting{Rewriting::End::source, there.destinations, {}, there.ports};
    out.destination_[real] = Rewriting{Rewriting::End::destination, there.sources, {}, there.source_ports};
  }
  return out;
}

/// Packets to which a statement may apply, or none of them does.
struct Translations::Taken {
  const Nat* nat = nullptr;
  PacketSet packets;
};

Translations::Translations(const Device& device) : device_(device) {
  for (const Nat& nat : device.nats) {
    matches_.push_back(nat.match);
    // What goes on is translated as it began.
    StateSet& states = matches_.back().box.states;
    if (begin_conversations(states)) states = StateSet::all();
  }
}

/// netfilter translates the destination first, and asks for the source by the new one.
bool Translations::source_by_new_destination() const {
  return device_.dialect == Dialect::iptables || device_.dialect == Dialect::nftables;
}

std::vector<const Nat*> Translations::taken(Nat::Kind kind, const Box& packets, bool sure, bool& mixed) const {
  const Question question(packets);
  std::vector<const Nat*> out;
  bool kept = false;
  for (std::size_t i = 0; i < matches_.size(); ++i) {
    const Nat& nat = device_.nats[i];
    if (nat.kind != kind) continue;
    const Relation relation = question(matches_[i]);
    if (relation == Relation::none) continue;
    if (relation == Relation::some) mixed = true;
    if (nat.exempt || keeps(nat, packets))
      kept = true;
    else
      out.push_back(&nat);
    if (relation == Relation::all && sure && nat.certain) {
      if (kept) out.push_back(nullptr);
      return out;
    }
  }
  out.push_back(nullptr);
  return out;
}

std::vector<Translations::Taken> Translations::taken(Nat::Kind kind, const PacketSet& packets, bool sure) const {
  PacketSpace& space = *packets.space();
  std::vector<Taken> out;
  std::vector<PacketSet> kept, decided;  // what no later statement comes to see
  std::vector<const Match*> decided_by;
  for (std::size_t i = 0; i < matches_.size(); ++i) {
    const Nat& nat = device_.nats[i];
    if (nat.kind != kind) continue;
    PacketSet hit = packets & set_of(matches_[i], space);
    if (hit.is_empty()) continue;
    const PacketSet all = hit;
    for (std::size_t n = 0; n < decided.size(); ++n)
      if (may_meet(*decided_by[n], matches_[i])) hit -= decided[n];
    if (sure && nat.certain) decided.push_back(all), decided_by.push_back(&matches_[i]);
    if (hit.is_empty()) continue;
    if (nat.exempt)
      kept.push_back(std::move(hit));
    else if (!out.empty() && say_the_same(*out.back().nat, nat))
      out.back().packets |= hit;
    else
      out.push_back({&nat, std::move(hit)});
    if (out.size() > kCoursesMax) throw SpaceExhausted("packets that are translated in thousands of ways");
  }
  kept.push_back(packets - space.unite_all(decided));
  PacketSet as_they_are = space.unite_all(kept);
  if (!as_they_are.is_empty()) out.push_back({nullptr, std::move(as_they_are)});
  return out;
}

Translations::OfBox Translations::courses(const Box& packets, Way way) const {
  OfBox out;
  if (none() || are_of_none(packets.states)) return {{Course{}}, false};
  if (!Question(packets).is_plain()) return {{}, true};
  const bool sure = begin_conversations(packets.states);
  // Which statements about destinations are about what the device sends itself, they do not say.
  for (const Nat* to : taken(Nat::Kind::destination, packets, sure && way != Way::from_device, out.mixed)) {
    const bool moved = to != nullptr && source_by_new_destination();
    for (const Nat* from :
         taken(Nat::Kind::source, moved ? rewriting(*to).image(packets) : packets, sure, out.mixed)) {
      out.courses.emplace_back().set(to, from);
      if (out.courses.size() > kCoursesMax) return {{}, true};
    }
  }
  return out;
}

std::vector<CourseOfSet> Translations::courses(const PacketSet& packets, const StateSet& states, Way way) const {
  if (none() || are_of_none(states)) return {{Course{}, packets}};
  const bool sure = begin_conversations(states);
  std::vector<CourseOfSet> out;
  for (const Taken& to : taken(Nat::Kind::destination, packets, sure && way != Way::from_device)) {
    const bool by_new = to.nat != nullptr && source_by_new_destination();
    const PacketSet there = by_new ? rewriting(*to.nat).image(to.packets) : to.packets;
    for (const Taken& from : taken(Nat::Kind::source, there, sure)) {
      CourseOfSet one{{}, from.packets};
      one.course.set(to.nat, from.nat);
      if (by_new) {
        one.packets = to.packets & rewriting(*to.nat).origin(from.packets);
        if (from.packets != there) one.course.between_ = from.packets;
      }
      out.push_back(std::move(one));
      if (out.size() > kCoursesMax) throw SpaceExhausted("packets that are translated in thousands of ways");
    }
  }
  return out;
}

std::vector<Box> Translations::with_images(std::vector<Box> packets) const {
  for (const Nat::Kind kind : {Nat::Kind::destination, Nat::Kind::source}) {
    const std::size_t before = packets.size();
    for (std::size_t i = 0; i < matches_.size(); ++i) {
      const Nat& nat = device_.nats[i];
      if (nat.kind != kind || nat.exempt) continue;
      for (std::size_t n = 0; n < before; ++n) {
        const bool source = kind == Nat::Kind::source;
        if ((source ? packets[n].sources : packets[n].destinations)
                .overlaps(source ? matches_[i].box.sources : matches_[i].box.destinations))
          packets.push_back(rewriting(nat).image(packets[n]));
      }
    }
  }
  return packets;
}

std::string words_of(std::span<const Course> courses) {
  std::string out;
  for (const auto nat_of : {&Course::destination_nat_, &Course::source_nat_}) {
    std::vector<const Nat*> nats;
    for (const Course& c : courses)
      if (c.*nat_of != nullptr) nats.push_back(c.*nat_of);
    std::sort(nats.begin(), nats.end());
    nats.erase(std::unique(nats.begin(), nats.end()), nats.end());
    for (const Nat* nat : nats) {
      const bool all =
          std::all_of(courses.begin(), courses.end(), [&](const Course& c) { return c.*nat_of == nat; });
      out += (out.empty() ? "" : ", ") + words(*nat, all);
    }
  }
  return out;
}

}  // namespace demarc
