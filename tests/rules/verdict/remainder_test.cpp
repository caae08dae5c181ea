#include "rules/verdict/remainder.h"

#include <doctest/doctest.h>

#include "rules/acl/meaning.h"
#include "tests/rules/acl/random_device.h"

namespace demarc {
namespace {

TEST_CASE("what is left, what meets it and what holds it are as sets say") {
  int empty = 0, held = 0, met = 0, unknown = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    Device device;
    PacketSpace space;
    const Meaning meaning(device, space);
    const auto matches = [&dice](unsigned most) {
      std::vector<Match> list;
      for (const Box& box : dice.boxes(most)) list.push_back({.box = box});
      return list;
    };
    const auto set_of = [&](const std::vector<Match>& list) {
      return meaning.match(naive::entry(Action::permit, list)).certain;
    };
    std::vector<Match> first = matches(3);
    if (dice.one_in(2)) first.resize(1), first[0].box.protocols = {dice.protocol()};  // so that little suffices
    Remainder rest;
    rest.add(first);
    PacketSet set = set_of(first);
    if (dice.one_in(3)) {
      rest = rest.only(kLaterFragments);
      set &= space.of(Box{.fragments = kLaterFragments});
    }
    for (unsigned n = 0; n < 6; ++n) {
      std::vector<Match> other = matches(3);
      if (dice.one_in(4)) other.front() = {.box = first.front().box};
      if (dice.one_in(4)) other.front().box.ports = PortSet::all(), other.front().box.sources = AddressSet::all();
      const PacketSet other_set = set_of(other);
      REQUIRE(rest.meets(other) == set.overlaps(other_set));
      const std::optional<bool> within = rest.is_within(other);
      if (within) REQUIRE(*within == other_set.contains(set));
      met += rest.meets(other) ? 1 : 0;
      held += within && *within && !rest.is_empty() ? 1 : 0;
      rest.take_away(other);
      if (!rest.is_known()) {
        ++unknown;
        break;
      }
      set -= other_set;
      REQUIRE(rest.is_empty() == set.is_empty());
    }
    empty += rest.is_known() && rest.is_empty() ? 1 : 0;
  }
  CHECK(met > 1000);
  CHECK(held > 100);
  CHECK(empty > 100);
  CHECK(unknown < 150);
}

TEST_CASE("too many parts are given up, and addresses with holes and long tables are no few boxes") {
  Remainder rest;
  rest.add(std::vector<Match>{{.box = {.family = Family::ipv4, .protocols = {Protocol::tcp}}}});
  std::vector<Match> diagonal;  // one host for each port: nothing that is left has a simple shape
  for (std::uint32_t n = 0; n < 200; ++n)
    diagonal.push_back({.box = {.sources = AddressSet::single(Address::ipv4(2 * n)),
                                .destinations = AddressSet::single(Address::ipv4(7 * n)),
                                .ports = PortSet::single(Port(static_cast<std::uint16_t>(n)))}});
  rest.take_away(diagonal);
  CHECK_FALSE(rest.is_known());
  CHECK_FALSE(rest.is_within(diagonal).value_or(false));

  CHECK_FALSE(are_few_boxes(diagonal));
  diagonal.resize(50);
  CHECK(are_few_boxes(diagonal));
  diagonal[7].source_bits = AddressBits{Family::ipv4, 0xC0000201, 0xFFFFFF01};
  CHECK_FALSE(are_few_boxes(diagonal));
}

}  // namespace
}  // namespace demarc
