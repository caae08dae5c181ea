// What is written, read back by the dialect's own reader, and compared with what was intended: by sets, and packet
// by packet by the naive judge, which knows nothing of either.
#pragma once

#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "rules/acl/meaning.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/writers/writer.h"
#include "tests/rules/acl/naive_device.h"
#include "tests/rules/acl/writers/random_list.h"

namespace demarc::round_trip {

inline AddressSet addresses(std::initializer_list<const char*> words) {
  AddressSet set;
  for (const char* word : words) set = set.unite(AddressSet{parse_prefix(word).value()});
  return set;
}
inline IntendedEntry permit(Box box, std::string comment = {}) {
  IntendedEntry e;
  e.comment = std::move(comment);
  e.match.push_back({.box = std::move(box)});
  return e;
}
inline IntendedEntry neighbour_discovery() {
  IntendedEntry nd;
  nd.match.push_back(
      {.box = {.family = Family::ipv6, .protocols = {Protocol::icmpv6}, .icmp = IcmpSet{{135, {}}, {136, {}}}}});
  return nd;
}

/// The intended list as the dialect sees packets, followed by a person.
inline bool permitted(const IntendedList& list, const ConcretePacket& p, const Traits& t) {
  const bool later = p.context.fragment == Fragment::last || p.context.fragment == Fragment::middle;
  for (const IntendedEntry& e : list.entries) {
    for (Match m : e.match) {
      const Box& b = m.box;
      const bool ports = b.ports != PortSet::all() || b.source_ports != PortSet::all();
      const bool deeper = ports || b.icmp != IcmpSet::all() || !b.flags.is_all();
      if (later && deeper && t.leaves_later_fragments) continue;
      if (later && deeper && !t.sees_later_fragments) {
        if (e.action == Action::deny) continue;
        if ((ports && !p.packet.protocol.has_ports()) ||
            (b.icmp != IcmpSet::all() && !p.packet.protocol.is_icmp()) ||
            (!b.flags.is_all() && p.packet.protocol != Protocol::tcp))
          continue;
        m.box.ports = m.box.source_ports = PortSet::all();
        m.box.icmp = IcmpSet::all();
        m.box.flags = ByteSet::all();
      }
      if (naive::matches_any({m}, p)) return e.action == Action::permit;
    }
  }
  if (t.neighbour_discovery && naive::matches_any(neighbour_discovery().match, p)) return true;
  return list.at_end == Fallthrough::permit;
}

/// The list that decides in what was read back: the bound one where lists are bound, the only one otherwise.
inline Bounds read_back(const Device& device, Meaning& meaning) {
  return device.stages.empty() ? meaning.permitted_by(0) : meaning.permitted(Way::through);
}

/// Packets of which a dialect says something of its own: ICMP of the other family, which nobody sends, and on Linux
/// neighbour discovery and multicast listener messages, whose state is not tracked.
inline std::vector<Box> set_apart(Dialect dialect) {
  std::vector<Box> boxes{Box{.family = Family::ipv6, .protocols = {Protocol::icmp}},
                         Box{.family = Family::ipv4, .protocols = {Protocol::icmpv6}}};
  if (dialect == Dialect::iptables || dialect == Dialect::nftables)
    boxes.push_back(Box{.family = Family::ipv6,
                        .protocols = {Protocol::icmpv6},
                        .icmp = IcmpSet::of_numbers(PortSet{{Port(130 << 8), Port(137 << 8 | 255)},
                                                            {Port(143 << 8), Port(143 << 8 | 255)}})});
  return boxes;
}

/// How many packets were permitted, so that a caller sees that the dice reach something.
inline std::size_t check(const IntendedList& intended, const Traits& t, naive::Dice& dice) {
  const DialectWriter* writer = find_writer(t.dialect);
  REQUIRE(writer != nullptr);
  const Written written = writer->write(intended);
  for (const Unsaid& u : written.unsaid) FAIL("entry ", u.entry, ": ", u.why);
  IntendedList expected = intended;
  if (t.neighbour_discovery) expected.entries.push_back(neighbour_discovery());
  std::size_t permits = 0;
  for (const WrittenText& text : written.texts) {
    CAPTURE(text.text);
    Result<Device> read = read_configuration(Source("written", t.before + text.text), t.dialect);
    REQUIRE_MESSAGE(read.has_value(), (read ? std::string() : read.error().what));
    for (const Diagnostic& d : read->diagnostics.all()) FAIL(render(d.error));
    REQUIRE(read->coverage.not_understood == 0);
    PacketSpace space;
    Meaning meaning(*read, space);
    const Bounds bounds = read_back(*read, meaning);
    Device as_device;
    as_device.lists.push_back(as_list(expected));
    Meaning plain(as_device, space);
    Box compared;
    compared.family = text.family;
    compared.fragments =
        t.only_whole ? FragmentSet{Fragment::whole} : FragmentSet{Fragment::whole, Fragment::first};
    const std::vector<Box> apart = set_apart(t.dialect);
    const PacketSet within = space.of(compared) - space.of(apart);
    REQUIRE((bounds.gap() & within).is_empty());
    const PacketSet wanted = plain.permitted_by(0).certain & within, got = bounds.certain & within;
    if (wanted != got) {
      const auto sample = ((wanted - got) | (got - wanted)).sample();
      FAIL("not the same: ", to_string(sample->packet), " flags ", int(sample->context.flags), " is ",
           std::string(wanted.contains(*sample) ? "intended" : "not intended"));
    }
    for (int n = 0; n < 40; ++n) {
      ConcretePacket p = dice.packet();
      if (!intended.entries.empty() && !dice.one_in(5)) {
        const IntendedEntry& e = intended.entries[dice.below(static_cast<unsigned>(intended.entries.size()))];
        p = dice.packet_near(e.match[0].box);
      }
      if (text.family && p.packet.source.family() != *text.family) continue;
      if (t.only_whole) p.context.fragment = Fragment::whole;
      if (std::any_of(apart.begin(), apart.end(), [&p](const Box& b) { return naive::matches(b, p); })) continue;
      const bool want = permitted(intended, p, t);
      INFO(to_string(p.packet), " fragment ", int(p.context.fragment), " flags ", int(p.context.flags));
      REQUIRE(bounds.certain.contains(p) == want);
      permits += want ? 1 : 0;
    }
  }
  return permits;
}

}  // namespace demarc::round_trip
