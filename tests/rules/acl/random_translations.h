// Devices that translate, from a seed, and the judge of one packet: every statement that may be met is tried.
#pragma once

#include <vector>

#include "tests/rules/acl/random_device.h"

namespace demarc::naive {

/// Few addresses and ports, so that statements and entries meet the same packets.
inline std::vector<Address> all_few_addresses() {
  std::vector<Address> all;
  for (const unsigned host : {1U, 2U, 129U, 130U}) all.push_back(Address::ipv4(0xC0000200U + host));
  return all;
}
inline Address few_addresses(Dice& dice) { return all_few_addresses()[dice.below(4)]; }
inline AddressSet few_sets(Dice& dice) {
  if (dice.one_in(3)) return AddressSet::all();
  return AddressSet{Prefix::containing(few_addresses(dice), dice.one_in(3) ? 25 : 32)};
}
inline Port few_ports(Dice& dice) { return Port(dice.one_in(2) ? 80 : 443); }
inline Box few_boxes(Dice& dice) {
  Box b;
  b.family = Family::ipv4;
  b.sources = few_sets(dice), b.destinations = few_sets(dice);
  if (dice.one_in(3)) b.protocols = {Protocol::tcp}, b.ports = PortSet::single(few_ports(dice));
  if (dice.one_in(6)) b.source_ports = PortSet::single(few_ports(dice));
  return b;
}
inline ConcretePacket few_packets(Dice& dice) {
  ConcretePacket p = dice.packet();
  p.packet.source = few_addresses(dice), p.packet.destination = few_addresses(dice);
  p.packet.protocol = dice.one_in(6) ? Protocol::icmp : Protocol::tcp;
  p.packet.port = few_ports(dice), p.packet.source_port = few_ports(dice);
  return p;
}

inline Device random_translating_device(Dice& dice) {
  Device d = random_device(dice);
  d.dialect = dice.one_in(2) ? Dialect::nftables : Dialect::cisco_ios;
  for (List& list : d.lists)
    for (Entry& e : list.entries)
      for (std::vector<Match>* matches : {&e.match, &e.maybe})
        for (Match& m : *matches)
          if (!dice.one_in(8)) m = Match{few_boxes(dice), {}, {}};
  for (unsigned n = 1 + dice.below(3); n > 0; --n) {
    Stage stage;
    stage.lists = {dice.below(static_cast<unsigned>(d.lists.size()))};
    stage.real_source = dice.one_in(2), stage.real_destination = dice.one_in(2);
    if (dice.one_in(4)) stage.family = Family::ipv4;
    if (dice.one_in(4)) stage.ingress = {static_cast<InterfaceId>(dice.below(32)), 1, 2, 3, 5, 8};
    d.stages.push_back(stage);
  }
  for (unsigned n = 1 + dice.below(4); n > 0; --n) {
    Nat nat;
    nat.line = n;
    nat.kind = dice.one_in(2) ? Nat::Kind::source : Nat::Kind::destination;
    nat.match.box = few_boxes(dice);
    nat.exempt = dice.one_in(5);
    nat.certain = !dice.one_in(4);
    if (dice.one_in(3))
      nat.to_network = Prefix::containing(few_addresses(dice), 25);
    else
      nat.to = few_addresses(dice);
    if (dice.one_in(3)) nat.to_ports = PortRange::single(few_ports(dice));
    d.nats.push_back(nat);
  }
  return d;
}

/// What the packet may look like behind the statements of a kind, asked for as `asked`.
inline std::vector<ConcretePacket> translated(const Device& device, Nat::Kind kind, const ConcretePacket& asked,
                                              const ConcretePacket& packet) {
  std::vector<ConcretePacket> out;
  for (const Nat& nat : device.nats) {
    if (nat.kind != kind || !matches_any({nat.match}, asked)) continue;
    ConcretePacket there = packet;
    Address& address = kind == Nat::Kind::source ? there.packet.source : there.packet.destination;
    Port& port = kind == Nat::Kind::source ? there.packet.source_port : there.packet.port;
    if (!nat.exempt) {
      if (nat.to) address = *nat.to;
      if (nat.to_network) {
        const Uint128 network = nat.to_network->last().number() ^ nat.to_network->first().number();
        address = Address::of(address.family(), nat.to_network->first().number() | (address.number() & network));
      }
      if (nat.to_ports && there.packet.protocol.has_ports()) port = nat.to_ports->first;
    }
    out.push_back(there);
    if (nat.certain) return out;
  }
  out.push_back(packet);
  return out;
}

/// Through all stages, from what comes in.
inline Fates fates_on_the_way(const Device& device, const ConcretePacket& p) {
  Fates all;
  for (const ConcretePacket& to : translated(device, Nat::Kind::destination, p, p)) {
    const bool netfilter = device.dialect == Dialect::nftables;
    for (const ConcretePacket& both : translated(device, Nat::Kind::source, netfilter ? to : p, to)) {
      bool comes = true;
      for (const Stage& stage : device.stages) {
        ConcretePacket seen = p;
        if (stage.real_destination)
          seen.packet.destination = both.packet.destination, seen.packet.port = both.packet.port;
        if (!stage.real_source)
          seen.packet.source = both.packet.source, seen.packet.source_port = both.packet.source_port;
        if (stage.family && *stage.family != p.packet.source.family()) continue;
        if (!stage.ingress.empty() &&
            std::find(stage.ingress.begin(), stage.ingress.end(), p.context.ingress) == stage.ingress.end())
          continue;
        const Fates here = fates(device, stage.lists[0], seen);
        const bool ends_in_deny = device.lists[stage.lists[0]].at_end == Fallthrough::deny;
        all.deny = all.deny || here.deny || (here.on && ends_in_deny);
        comes = here.permit || (here.on && !ends_in_deny);
        if (!comes) break;
      }
      all.permit = all.permit || comes;
    }
  }
  return all;
}

}  // namespace demarc::naive
