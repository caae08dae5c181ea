// What is approved at one instant, as sets and by look-up.
//
// The sets are unions and differences of boxes. The look-ups answer the same questions for a million single
// packets, so they take another way: rule sets repeat themselves (the same groups and zones stand in hundreds of
// rules), so equal address sets get one number, and a packet is reduced to
//     source      -> the numbers of the `from` sets that hold it
//     destination -> the numbers of the `to` sets that hold it
//     protocol and port -> the services that speak it
// The entries that match are then a few look-ups of (to, from) pairs and services. All addresses between two
// neighbouring ends of ranges behave alike, and so do ports: what was found is remembered by these classes.
#include <algorithm>

#include "rules/policy/documented_index.h"

namespace demarc {

struct Documented::Sets {
  using Slots = std::vector<std::optional<PacketSet>>;
  PacketSpace* space;
  Slots opening, reply, exception, forbidden, in_effect;
  std::optional<PacketSet> approved, all_forbidden, replies;

  Sets(const RuleSet& rules, PacketSpace& space_in)
      : space(&space_in),
        opening(rules.rules.size()),
        reply(rules.rules.size()),
        exception(rules.exceptions.size()),
        forbidden(rules.forbidden.size()),
        in_effect(rules.forbidden.size()) {}

  template <typename F>
  static const PacketSet& kept(std::optional<PacketSet>& slot, F make) {
    if (!slot) slot = make();
    return *slot;
  }
};

Documented::Documented(const RuleSet& rules, PacketSpace& space, Timestamp at)
    : index_(std::make_unique<Index>(rules, at)), sets_(std::make_unique<Sets>(rules, space)) {}
Documented::~Documented() = default;
Documented::Documented(Documented&&) noexcept = default;
Documented& Documented::operator=(Documented&&) noexcept = default;

const RuleSet& Documented::rules() const { return *index_->rules; }
Timestamp Documented::at() const { return index_->at; }
PacketSpace& Documented::space() const { return *sets_->space; }
const RuleState& Documented::state(std::uint32_t rule) const { return index_->states.at(rule); }
const RuleState& Documented::exception_state(std::uint32_t exception) const {
  return index_->exception_states.at(exception);
}

const PacketSet& Documented::opening_set(std::uint32_t rule) const {
  return Sets::kept(sets_->opening.at(rule), [&] {
    const Rule& r = rules().rules[rule];
    return space().of(opening_boxes(rules(), r.services, r.from.addresses, r.to.addresses));
  });
}

const PacketSet& Documented::reply_set(std::uint32_t rule) const {
  return Sets::kept(sets_->reply.at(rule), [&] {
    const Rule& r = rules().rules[rule];
    return space().of(reply_boxes(rules(), r.services, r.from.addresses, r.to.addresses));
  });
}

const PacketSet& Documented::exception_set(std::uint32_t exception) const {
  return Sets::kept(sets_->exception.at(exception), [&] {
    const Rule& r = rules().exceptions[exception].rule;
    return space().of(opening_boxes(rules(), r.services, r.from.addresses, r.to.addresses));
  });
}

const PacketSet& Documented::forbidden_set(std::uint32_t entry) const {
  return Sets::kept(sets_->forbidden.at(entry), [&] {
    const ForbiddenEntry& f = rules().forbidden[entry];
    return space().of(opening_boxes(rules(), f.services, f.from.addresses, f.to.addresses));
  });
}

// Writing F for an entry, L for what exceptions in force lift of it, and E for the openings of the rules in force
// that it excepts: a rule is cut by F - L of the entries that do not except it; an entry is in effect in F - L - E.
const PacketSet& Documented::forbidden_in_effect(std::uint32_t entry) const {
  return Sets::kept(sets_->in_effect.at(entry), [&] {
    PacketSet set = forbidden_set(entry);
    for (std::uint32_t x : index_->lifted_by[entry])
      if (exception_state(x).in_force()) set -= exception_set(x);
    for (std::uint32_t r : index_->except_rules[entry])
      if (state(r).in_force()) set -= opening_set(r);
    for (std::uint32_t x : index_->except_exceptions[entry]) {
      std::uint32_t own = index_->exception_of[x];
      if (!exception_state(x).in_force() || own == documented::kNone) continue;
      PacketSet approving = exception_set(x) & forbidden_set(own);
      for (std::uint32_t f = 0; f < rules().forbidden.size(); ++f) {
        if (f == entry || index_->excepts_exception(f, x) || !forbidden_set(f).overlaps(approving)) continue;
        PacketSet standing = forbidden_set(f);
        for (std::uint32_t lifting : index_->lifted_by[f])
          if (exception_state(lifting).in_force()) standing -= exception_set(lifting);
        approving -= standing;
      }
      set -= approving;
    }
    return set;
  });
}

const PacketSet& Documented::forbidden() const {
  return Sets::kept(sets_->all_forbidden, [&] {
    std::vector<PacketSet> sets;
    for (std::uint32_t f = 0; f < rules().forbidden.size(); ++f) sets.push_back(forbidden_in_effect(f));
    return space().unite_all(sets);
  });
}

const PacketSet& Documented::approved() const {
  return Sets::kept(sets_->approved, [&] {
    const RuleSet& r = rules();
    std::vector<PacketSet> standing;  // entries less what is lifted
    for (std::uint32_t f = 0; f < r.forbidden.size(); ++f) {
      PacketSet set = forbidden_set(f);
      for (std::uint32_t x : index_->lifted_by[f])
        if (exception_state(x).in_force()) set -= exception_set(x);
      standing.push_back(set);
    }
    const PacketSet cut = space().unite_all(standing);
    std::vector<bool> excepted(r.rules.size());
    for (const std::vector<std::uint32_t>& rules_of_entry : index_->except_rules)
      for (std::uint32_t rule : rules_of_entry) excepted[rule] = true;

    std::vector<Box> plain;
    std::vector<PacketSet> parts;
    for (std::uint32_t i = 0; i < r.rules.size(); ++i) {
      if (!state(i).in_force()) continue;
      if (!excepted[i]) {
        std::vector<Box> boxes =
            opening_boxes(r, r.rules[i].services, r.rules[i].from.addresses, r.rules[i].to.addresses);
        std::move(boxes.begin(), boxes.end(), std::back_inserter(plain));
        continue;
      }
      PacketSet set = opening_set(i);
      for (std::uint32_t f = 0; f < r.forbidden.size(); ++f)
        if (!index_->excepts_rule(f, i)) set -= standing[f];
      parts.push_back(set);
    }
    parts.push_back(space().of(plain) - cut);
    for (std::uint32_t x = 0; x < r.exceptions.size(); ++x) {
      std::uint32_t own = index_->exception_of[x];
      if (!exception_state(x).in_force() || own == documented::kNone) continue;
      PacketSet set = exception_set(x) & forbidden_set(own);
      for (std::uint32_t f = 0; f < r.forbidden.size(); ++f)
        if (!index_->excepts_exception(f, x)) set -= standing[f];
      parts.push_back(set);
    }
    return space().unite_all(parts);
  });
}

const PacketSet& Documented::replies() const {
  return Sets::kept(sets_->replies, [&] {
    std::vector<Box> boxes;
    auto add = [&](const Rule& rule) {
      std::vector<Box> more = reply_boxes(rules(), rule.services, rule.from.addresses, rule.to.addresses);
      std::move(more.begin(), more.end(), std::back_inserter(boxes));
    };
    for (std::uint32_t i = 0; i < rules().rules.size(); ++i)
      if (state(i).in_force()) add(rules().rules[i]);
    for (std::uint32_t x = 0; x < rules().exceptions.size(); ++x)
      if (exception_state(x).in_force()) add(rules().exceptions[x].rule);
    return space().of(boxes);
  });
}

// --- Packets
// --------------------------------------------------------------------------------------------------------

const Judgement& Documented::judge(const Packet& packet) const { return index_->judge(packet); }
std::optional<NearestRule> Documented::nearest(const Packet& packet) const { return index_->nearest(packet); }
PortClass Documented::port_class(Protocol protocol, std::uint16_t number) const {
  return index_->port_class(protocol, number);
}

const PortSet& Documented::approved_ports(const Address& source, const Address& destination,
                                          Protocol protocol) const {
  return index_->slice(source, destination, protocol).approved;
}

const PortSet& Documented::forbidden_ports(const Address& source, const Address& destination,
                                           Protocol protocol) const {
  return index_->slice(source, destination, protocol).forbidden;
}

}  // namespace demarc
