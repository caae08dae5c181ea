#include "rules/verdict/neighbours.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "rules/acl/meaning.h"
#include "tests/rules/acl/random_device.h"
#include "tests/support/large_lists.h"

namespace demarc {
namespace {

TEST_CASE(
    "no entry that shares a packet is missing, the order is the list's, and most of the others are not told") {
  std::size_t sharing = 0, told = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    Device device;
    device.lists.resize(1);
    List& list = device.lists[0];
    for (unsigned n = 0; n < 60; ++n) {
      Entry e = naive::entry(dice.one_in(2) ? Action::permit : Action::deny, {{.box = dice.box()}});
      if (dice.one_in(3)) e.match.push_back({.box = dice.box()});
      if (dice.one_in(4)) e.maybe.push_back({.box = dice.box()});
      if (dice.one_in(9)) e.action = Action::count;
      e.inactive = dice.one_in(9);
      list.entries.push_back(std::move(e));
    }
    PacketSpace space;
    Meaning meaning(device, space);
    Neighbours neighbours(list);
    std::vector<std::uint32_t> out{7, 7};
    for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
      if (list.entries[i].inactive) continue;
      neighbours.find(i, out);
      REQUIRE(std::is_sorted(out.begin(), out.end()));
      REQUIRE(std::adjacent_find(out.begin(), out.end()) == out.end());
      const PacketSet here = meaning.match(list.entries[i]).possible;
      for (std::uint32_t j = 0; j < list.entries.size(); ++j) {
        const bool is_told = std::binary_search(out.begin(), out.end(), j);
        if (j == i || list.entries[j].inactive || list.entries[j].action == Action::count) {
          REQUIRE_FALSE(is_told);
          continue;
        }
        if (!meaning.match(list.entries[j]).possible.overlaps(here)) continue;
        ++sharing;
        REQUIRE(is_told);
      }
      told += out.size();
      all += list.entries.size();
    }
  }
  CHECK(sharing > 1000);
  CHECK(told < all * 9 / 10);
}

TEST_CASE("of a large list with few services and many hosts, hardly any others are told") {
  List list;
  for (const large_lists::Line& line : large_lists::structured(4000, 5))
    list.entries.push_back(naive::entry(Action::permit, {{.box = line.box}}));
  for (unsigned n = 0; n < 100; ++n) list.entries.push_back(list.entries[0]);  // more of a kind than a leaf holds
  Neighbours neighbours(list);
  std::vector<std::uint32_t> out;
  std::size_t told = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    neighbours.find(i, out);
    told += out.size();
  }
  CHECK(told < 4000 * 20);
  neighbours.find(0, out);
  CHECK(out.size() >= 100);
  neighbours.find(4050, out);
  CHECK(out.size() >= 100);
  CHECK(out.front() == 0);
}

TEST_CASE("entries that match nothing have no neighbours") {
  List list;
  list.entries.push_back(naive::entry(Action::permit, {{.box = {.sources = {}}}}));
  list.entries.push_back(naive::entry(Action::permit, {}));
  list.entries.push_back(naive::entry(Action::permit, std::vector<Match>(1)));
  Neighbours neighbours(list);
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < 3; ++i) {
    neighbours.find(i, out);
    CHECK(out.empty());
  }
}

}  // namespace
}  // namespace demarc
