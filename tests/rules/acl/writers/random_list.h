// Lists from a seed, of what a dialect can say.
#pragma once

#include <fmt/format.h>

#include "rules/acl/writers/writer.h"
#include "tests/rules/space/naive.h"

namespace demarc::round_trip {

/// What a dialect adds to every list, and what it cannot see.
struct Traits {
  Dialect dialect;
  bool sees_later_fragments = true;  // false: ports of later fragments are not seen (IOS)
  bool leaves_later_fragments = false;  // true: what names ports, messages or flags does not match them (Junos)
  bool only_whole = false;  // true: no fragment ever gets there (state, reassembly): only whole packets count
  bool neighbour_discovery = false;     // implied permits at the end of IPv6 lists
  bool ports_of_every_protocol = true;  // DCCP, UDP-Lite
  bool states = false, flags = true, holes = false;
  bool protocol_zero = true;
  std::string before = {};  // stands before what is read back
};

/// Random lists of what the dialect can say.
inline IntendedList random_list(naive::Dice& dice, const Traits& t) {
  IntendedList list;
  list.name = "RANDOM";
  if (!dice.one_in(3)) list.family = dice.one_in(2) ? Family::ipv4 : Family::ipv6;
  list.at_end = dice.one_in(5) ? Fallthrough::permit : Fallthrough::deny;
  for (unsigned n = dice.below(7); n > 0; --n) {
    IntendedEntry e;
    e.action = dice.one_in(3) ? Action::deny : Action::permit;
    e.comment = dice.one_in(3) ? "" : fmt::format("RULE-{:03} \"web\" server, owner: x?", n);
    if (dice.one_in(3)) e.source_name = "web-front", e.destination_name = "9 lives";
    for (unsigned m = 1 + dice.below(2); m > 0; --m) {
      Match match;
      Box& b = match.box;
      b.sources = dice.addresses();
      b.destinations = dice.addresses();
      if (dice.one_in(4)) b.family = dice.one_in(2) ? Family::ipv4 : Family::ipv6;
      switch (dice.below(7)) {
        case 0: break;
        case 1:
          b.protocols = ProtocolSet(ProtocolSet{dice.protocol()}.numbers().complement());
          if (!t.protocol_zero) b.protocols = ProtocolSet(b.protocols.numbers().minus(ByteSet{0}));
          break;
        case 2: b.protocols = {dice.protocol(), dice.protocol()}; break;
        case 3:
          b.family = dice.one_in(2) ? Family::ipv4 : Family::ipv6;
          b.protocols = {*b.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6};
          b.icmp = dice.one_in(2) ? IcmpSet{{8, {}}, {3, std::uint8_t{4}}, {0, {}}} : IcmpSet{{128, {}}, {1, {}}};
          break;
        case 4:
          if (t.flags) {
            b.protocols = {Protocol::tcp};
            b.flags = dice.one_in(2)   ? tcp_flags_established()
                      : dice.one_in(2) ? tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn)
                                       : tcp_flags(tcp_flag::syn | tcp_flag::ack | tcp_flag::fin | tcp_flag::rst,
                                                   static_cast<std::uint8_t>(dice.below(24) & 7U))
                                             .complement();
            b.ports = dice.ports();
            break;
          }
          [[fallthrough]];
        default:
          if (t.ports_of_every_protocol && dice.one_in(4))
            b.protocols = dice.one_in(2) ? ProtocolSet::all() : ProtocolSet::with_ports();
          else
            b.protocols = dice.one_in(3) ? ProtocolSet{Protocol::tcp, Protocol::udp}
                                         : ProtocolSet{dice.one_in(2) ? Protocol::tcp : Protocol::sctp};
          b.ports = dice.ports();
          if (dice.one_in(4)) b.source_ports = dice.ports();
          break;
      }
      if (t.states && dice.one_in(3)) b.states = dice.four<ConnectionState>();
      if (t.holes && dice.one_in(5)) {
        match.source_bits = AddressBits{Family::ipv4, 0xC0000200U + dice.below(256), 0xFFFFFF00U | dice.below(256)};
      }
      e.match.push_back(std::move(match));
    }
    list.entries.push_back(std::move(e));
  }
  return list;
}

}  // namespace demarc::round_trip
