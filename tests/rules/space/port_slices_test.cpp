#include "rules/space/port_slices.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/rules/space/naive.h"

using namespace demarc;
using naive::Dice;

namespace {

/// Ports for which some packet with this context passes, port by port and box by box: a union of boxes allows some
/// packet exactly where one of them does.
PortSet naive_ports(const std::vector<Box>& boxes, const Address& source, const Address& destination,
                    Protocol protocol, const SliceContext& fixed) {
  PortSet ports;
  for (const Box& b : boxes) {
    const bool names_ports = b.ports != PortSet::all() || b.source_ports != PortSet::all();
    const bool names_icmp = b.icmp != IcmpSet::all();
    if (b.family && *b.family != source.family()) continue;
    if (!b.sources.contains(source) || !b.destinations.contains(destination) || !b.protocols.contains(protocol))
      continue;
    if (names_ports && !protocol.has_ports()) continue;
    if (names_icmp && !protocol.is_icmp()) continue;
    if (!b.flags.is_all() && protocol != Protocol::tcp) continue;
    auto meets = [](const auto& set, const auto& value) { return value ? set.contains(*value) : !set.empty(); };
    if (names_ports && !meets(b.source_ports, fixed.source_port)) continue;
    if (protocol == Protocol::tcp && !meets(b.flags, fixed.flags)) continue;
    if (!meets(b.states, fixed.state) || !meets(b.fragments, fixed.fragment)) continue;
    if (!meets(b.ingress, fixed.ingress) || !meets(b.egress, fixed.egress)) continue;
    ports = ports.unite(names_icmp ? b.icmp.numbers() : b.ports);
  }
  return ports;
}

SliceContext random_context(Dice& dice) {
  SliceContext c;
  if (dice.one_in(2)) c.source_port = Port(dice.number16());
  if (dice.one_in(2)) c.flags = static_cast<std::uint8_t>(dice.below(32));
  if (dice.one_in(2)) c.state = static_cast<ConnectionState>(dice.below(4));
  if (dice.one_in(2)) c.fragment = static_cast<Fragment>(dice.below(4));
  if (dice.one_in(2)) c.ingress = static_cast<InterfaceId>(dice.below(32));
  if (dice.one_in(2)) c.egress = static_cast<InterfaceId>(dice.below(32));
  return c;
}

}  // namespace

TEST_CASE("slices list the ports that some packet may have, prepared or not, in both orders") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(seed % 2 == 0 ? VariableOrder::ports_first : VariableOrder::addresses_first);
    const std::vector<Box> boxes = dice.boxes(8);
    const PacketSet set = space.of(boxes);
    const SliceContext context = dice.one_in(3) ? SliceContext::opening() : random_context(dice);
    PortSlices slices(set, context), cramped(set, context, {.nodes_max = 1, .steps_max = 1});
    for (int n = 0; n < 20; ++n) {
      const Packet p = dice.packet_near(boxes[dice.below(static_cast<unsigned>(boxes.size()))]).packet;
      const PortSet expected = naive_ports(boxes, p.source, p.destination, p.protocol, context);
      RC_ASSERT(set.ports_between(p.source, p.destination, p.protocol, context) == expected);
      RC_ASSERT(slices.between(p.source, p.destination, p.protocol) == expected);
      RC_ASSERT(cramped.between(p.source, p.destination, p.protocol) == expected);
    }
  }));
}

TEST_CASE("a slice of what remains after a deny") {
  PacketSpace space;
  const Box web{.destinations = AddressSet{parse_prefix("192.0.2.0/24").value()},
                .protocols = {Protocol::tcp},
                .ports = {{Port{1}, Port{1023}}}};
  const Box deny{.destinations = AddressSet::single(parse_address("192.0.2.25").value()),
                 .protocols = {Protocol::tcp},
                 .ports = {{Port{135}, Port{139}}, {Port{445}, Port{445}}}};
  const Box half_denied{
      .protocols = {Protocol::tcp}, .ports = PortSet::single(Port{22}), .source_ports = {{Port{0}, Port{32767}}}};
  const PacketSet set = space.of(web) - space.of(deny) - space.of(half_denied);
  const Address from = parse_address("198.51.100.7").value();
  PortSlices slices(set);
  CHECK(slices.is_prepared());
  CHECK_FALSE(PortSlices(set, SliceContext::opening(), {.nodes_max = 10, .steps_max = 10}).is_prepared());
  CHECK(to_string(slices.between(from, parse_address("192.0.2.25").value(), Protocol::tcp)) ==
        "1-134,140-444,446-1023");
  CHECK(to_string(slices.between(from, parse_address("192.0.2.26").value(), Protocol::tcp)) == "1-1023");
  CHECK(slices.between(from, parse_address("192.0.2.26").value(), Protocol::udp).empty());
  CHECK(slices.between(from, parse_address("2001:db8::1").value(), Protocol::tcp).empty());
  PortSlices low(set, {.source_port = Port{1024}});
  CHECK(to_string(low.between(from, parse_address("192.0.2.26").value(), Protocol::tcp)) == "1-21,23-1023");
}
