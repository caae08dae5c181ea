#include "rules/space/plain_box.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/rules/space/naive.h"

namespace demarc {
namespace {

std::size_t holding(const std::vector<PlainBox>& parts, const ConcretePacket& p) {
  return static_cast<std::size_t>(std::count_if(
      parts.begin(), parts.end(), [&p](const PlainBox& part) { return naive::matches(part.box(), p); }));
}

/// Boxes that differ in one or two fields meet and nest more often than random ones do.
Box changed(naive::Dice& dice, Box box) {
  const Box other = dice.box();
  switch (dice.below(6)) {
    case 0: box.ports = other.ports; break;
    case 1: box.sources = other.sources; break;
    case 2: box.protocols = other.protocols; break;
    case 3: box.fragments = other.fragments, box.states = other.states; break;
    case 4: box.flags = other.flags, box.icmp = other.icmp; break;
    default: box.destinations = other.destinations, box.family = other.family; break;
  }
  return box;
}

TEST_CASE("a box has so many plain parts") {
  struct Row {
    Box box;
    std::size_t parts;
  };
  const Row rows[] = {
      {{}, 8},  // two families, and TCP, others with ports, ICMP, others
      {{.family = Family::ipv4}, 4},
      {{.family = Family::ipv4, .protocols = {Protocol::tcp, Protocol::udp}}, 2},
      {{.family = Family::ipv4, .ports = {{Port{80}, Port{80}}}}, 2},
      {{.family = Family::ipv4, .ports = {{Port{80}, Port{80}}}, .flags = {tcp_flag::syn}}, 1},
      {{.sources = {*parse_prefix("192.0.2.0/24")}, .protocols = {Protocol::esp}}, 1},
      {{.sources = {*parse_prefix("192.0.2.0/24")}, .destinations = {*parse_prefix("2001:db8::/32")}}, 0},
      {{.ports = {{Port{80}, Port{80}}}, .icmp = {{8, 0}}}, 0},
      {{.protocols = {Protocol::esp}, .ports = {{Port{80}, Port{80}}}}, 0},
      {{.fragments = {}}, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(to_string(row.box));
    CHECK(PlainBox::parts_of(row.box).size() == row.parts);
  }
}

TEST_CASE(
    "parts, what they have in common with a box and what it leaves of them are as sets say, packet by packet") {
  int met = 0, inside = 0, left = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Box box = dice.box(), other = dice.one_in(2) ? changed(dice, box) : dice.box();
    PacketSpace space(dice.one_in(2) ? VariableOrder::ports_first : VariableOrder::addresses_first);
    const PacketSet set = space.of(box), other_set = space.of(other);
    const std::vector<PlainBox> parts = PlainBox::parts_of(box);
    REQUIRE(parts.empty() == set.is_empty());
    bool all_inside = true, some_meet = false;
    std::vector<PlainBox> rest;
    for (const PlainBox& part : parts) {
      const PacketSet here = space.of(part.box());
      REQUIRE_FALSE(here.is_empty());
      REQUIRE(part.sample() == here.sample());
      REQUIRE(part.meets(other) == here.overlaps(other_set));
      REQUIRE(part.is_within(other) == other_set.contains(here));
      all_inside = all_inside && part.is_within(other);
      some_meet = some_meet || part.meets(other);
      const std::optional<PlainBox> later = part.only(kLaterFragments);
      const PacketSet of_kind = here & space.of(Box{.fragments = kLaterFragments});
      REQUIRE((later ? space.of(later->box()) : space.empty()) == of_kind);
      PlainBox(part).take_away(other, rest);
    }
    std::vector<Box> boxes;
    for (const PlainBox& part : rest) {
      boxes.push_back(part.box());
      REQUIRE_FALSE(space.of(part.box()).is_empty());
    }
    REQUIRE(space.of(boxes) == set - other_set);
    for (int n = 0; n < 20; ++n) {
      const ConcretePacket p = dice.packet_near(dice.one_in(2) ? box : other);
      REQUIRE(holding(parts, p) == (naive::matches(box, p) ? 1 : 0));
      REQUIRE(holding(rest, p) == (naive::matches(box, p) && !naive::matches(other, p) ? 1 : 0));
    }
    met += some_meet ? 1 : 0;
    inside += all_inside && !parts.empty() ? 1 : 0;
    left += rest.size() > parts.size() ? 1 : 0;
  }
  CHECK(met > 300);
  CHECK(inside > 50);
  CHECK(left > 100);
}

}  // namespace
}  // namespace demarc
