#include "rules/acl/translated_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/relation.h"

namespace demarc {

namespace {

/// `address` in another network: its own host bits behind that network's prefix.
Address moved(const Address& address, const Prefix& to) {
  const unsigned width = address.is_ipv4() ? 32 : 128;
  const Uint128 host = to.length() == 0 ? ~Uint128{0} : (Uint128{1} << (width - to.length())) - 1;
  return Address::of(address.family(), (to.base().number() & ~host) | (address.number() & host));
}

/// One end of packets and what a translation may make of it.
struct End {
  AddressSet addresses;
  PortSet ports;
};

End translated(const Nat& nat, const End& end, Family family) {
  End out = end;
  if (nat.to) {
    out.addresses = AddressSet::single(*nat.to);
  } else if (nat.to_network) {
    const std::optional<Address> one = end.addresses.only();
    out.addresses = one ? AddressSet::single(moved(*one, *nat.to_network)) : AddressSet{*nat.to_network};
  } else {
    out.addresses = AddressSet::all(family);
  }
  if (nat.to_ports) out.ports = PortSet{*nat.to_ports};
  return out;
}

/// May a packet of the box be translated by it? Of packets of several protocols or families only roughly.
Relation relation(const Question& question, const Box& box, const Match& match) {
  if (question.is_plain()) return question(match);
  if (match.box.family && box.family && *match.box.family != *box.family) return Relation::none;
  const bool meet = match.box.sources.overlaps(box.sources) && match.box.destinations.overlaps(box.destinations);
  return meet ? Relation::some : Relation::none;
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

/// Where the box's end comes to by the statements of a kind. `sure`: they decide about these packets, and not what
/// an earlier packet met.
End behind(const Device& device, Nat::Kind kind, const Box& box, const End& end, bool sure, std::string& said) {
  const Question question(box);
  const Family family = box.family.value_or(Family::ipv4);
  End out{{}, {}};
  for (const Nat& nat : device.nats) {
    if (nat.kind != kind) continue;
    Relation r = relation(question, box, nat.match);
    if (r == Relation::none) continue;
    if (!sure || !nat.certain) r = Relation::some;
    const End to = nat.exempt ? end : translated(nat, end, family);
    if (to.addresses != end.addresses || to.ports != end.ports || (r == Relation::some && !nat.exempt))
      said += (said.empty() ? "" : ", ") + words(nat, r == Relation::all);
    out.addresses = out.addresses.unite(to.addresses);
    out.ports = out.ports.unite(to.ports);
    if (r == Relation::all) return out;
  }
  out.addresses = out.addresses.unite(end.addresses);
  out.ports = out.ports.unite(end.ports);
  return out;
}

}  // namespace

TranslatedView::TranslatedView(const Device& device, const Box& opening, Way way) {
  seen_.fill(opening);
  // What belongs to no conversation is not translated.
  if (device.nats.empty() || opening.states == StateSet{ConnectionState::invalid}) return;
  const bool sure = opening.states.contains(ConnectionState::fresh);
  // Which statements about destinations are about what the device sends itself, they do not say.
  const End to = behind(device, Nat::Kind::destination, opening, {opening.destinations, opening.ports},
                        sure && way != Way::from_device, said_);
  Box real = opening;
  real.destinations = to.addresses, real.ports = to.ports;
  // netfilter translates the destination first, and asks for the source by the new one.
  const bool netfilter = device.dialect == Dialect::iptables || device.dialect == Dialect::nftables;
  const End from = behind(device, Nat::Kind::source, netfilter ? real : opening,
                          {opening.sources, opening.source_ports}, sure, said_);
  for (const bool real_source : {true, false})
    for (const bool real_destination : {true, false}) {
      Box& box = seen_[index(real_source, real_destination)];
      if (!real_source) box.sources = from.addresses, box.source_ports = from.ports;
      if (real_destination) box.destinations = to.addresses, box.ports = to.ports;
    }
}

Box TranslatedView::reply_at(const Stage& stage, const Box& reply) const {
  // The stage names the ends of what passes it: a reply's source is whom the opening went to.
  const Box& opening = seen_[index(stage.real_destination, stage.real_source)];
  Box out = reply;
  out.sources = opening.destinations, out.source_ports = opening.ports;
  out.destinations = opening.sources, out.ports = opening.source_ports;
  return out;
}

}  // namespace demarc
