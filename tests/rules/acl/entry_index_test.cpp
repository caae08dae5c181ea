#include "rules/acl/entry_index.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "rules/acl/packet_walk.h"
#include "tests/rules/acl/random_device.h"

namespace demarc {
namespace {

TEST_CASE("no entry that matches is missing, and the order is the list's") {
  std::uint64_t matching = 0, told = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    List list;
    for (unsigned n = 0; n < 60; ++n) {
      Entry e = naive::entry(Action::permit, {{.box = dice.box()}, {.box = dice.box()}});
      if (dice.one_in(3)) e.maybe.push_back({.box = dice.box()});
      list.entries.push_back(std::move(e));
    }
    const EntryIndex index(list);
    std::vector<std::uint32_t> out{7, 7};
    for (int n = 0; n < 200; ++n) {
      const ConcretePacket p = naive::packet_near_list(dice, list);
      index.candidates(p.packet.source, p.packet.destination,
                       p.packet.protocol.has_ports() ? std::optional<Port>(p.packet.port) : std::nullopt, out);
      REQUIRE(std::is_sorted(out.begin(), out.end()));
      REQUIRE(std::adjacent_find(out.begin(), out.end()) == out.end());
      for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
        if (!naive::matches_any(list.entries[i].match, p) && !naive::matches_any(list.entries[i].maybe, p)) continue;
        ++matching;
        REQUIRE(std::binary_search(out.begin(), out.end(), i));
      }
      told += out.size();
      all += list.entries.size();
    }
  }
  CHECK(matching > 1000);
  CHECK(told < all * 9 / 10);
}

TEST_CASE("an empty list, and an entry with more ranges than are kept apart") {
  std::vector<std::uint32_t> out;
  EntryIndex(List{}).candidates(Address::ipv4(1), Address::ipv4(2), Port(80), out);
  CHECK(out.empty());
  std::vector<AddressRange> ranges;
  for (std::uint32_t n = 0; n < 10'000; ++n) ranges.push_back({Address::ipv4(4 * n), Address::ipv4(4 * n + 1)});
  List list;
  list.entries.push_back(
      naive::entry(Action::permit, {{.box = {.destinations = AddressSet::of_ranges(std::move(ranges))}}}));
  const EntryIndex index(list);
  index.candidates(Address::ipv4(1), Address::ipv4(39'997), std::nullopt, out);
  CHECK(out.size() == 1);
  index.candidates(Address::ipv4(1), Address::ipv4(50'000), std::nullopt, out);
  CHECK(out.empty());
}

}  // namespace
}  // namespace demarc
