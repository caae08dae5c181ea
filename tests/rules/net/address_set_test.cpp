#include "rules/net/address_set.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace demarc;

namespace {
AddressSet set_of(std::initializer_list<const char*> prefixes) {
  std::vector<Prefix> parsed;
  for (const char* text : prefixes) parsed.push_back(*parse_prefix(text));
  return AddressSet::of(parsed);
}
}  // namespace

TEST_CASE("sets are canonical: touching ranges join, equal sets compare equal") {
  CHECK(set_of({"192.0.2.0/25", "192.0.2.128/25"}) == set_of({"192.0.2.0/24"}));
  CHECK(set_of({"255.255.255.255"}).ranges().size() == 1);
  CHECK(set_of({"255.255.255.255", "::"}).ranges().size() == 2);  // families never join
  CHECK(to_string(set_of({"192.0.2.0/26", "198.51.100.4"})) == "192.0.2.0/26, 198.51.100.4");
  CHECK(to_string(AddressSet()) == "none");
}

TEST_CASE("the only address of a set") {
  CHECK(set_of({"192.0.2.7"}).only() == parse_address("192.0.2.7"));
  CHECK(set_of({"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}).only() ==
        parse_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  CHECK_FALSE(AddressSet().only());
  CHECK_FALSE(set_of({"192.0.2.6/31"}).only());
  CHECK_FALSE(set_of({"192.0.2.7", "192.0.2.9"}).only());
  CHECK_FALSE(set_of({"0.0.0.0", "::"}).only());
  CHECK_FALSE(set_of({"::/0"}).only());
}

TEST_CASE("the whole space, its ends and its complement") {
  AddressSet all = AddressSet::all();
  CHECK(all.minus(all).empty());
  AddressSet zero = set_of({"0.0.0.0/0"});
  CHECK(all.minus(zero) == set_of({"::/0"}));
  CHECK(all.minus(set_of({"255.255.255.255"})).contains(*parse_address("255.255.255.254")));
  CHECK_FALSE(all.minus(set_of({"255.255.255.255"})).contains(*parse_address("255.255.255.255")));
  CHECK(set_of({"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}).minus(set_of({"::/1"})).size() == 1);
  CHECK(set_of({"::/0"}).size() == ~Uint128{0});
  CHECK(set_of({"::/0"}).prefixes().size() == 1);
}

TEST_CASE("operations agree with plain sets of numbers, and prefixes re-unite to the set") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    auto draw = [&](std::set<std::uint32_t>& plain) {
      std::vector<AddressRange> ranges;
      int count = static_cast<int>(random() % 4);
      for (int i = 0; i < count; ++i) {
        auto number = [&](unsigned below) { return static_cast<std::uint32_t>(random() % below); };
        std::uint32_t first = number(64), last = std::min<std::uint32_t>(63, first + number(12));
        ranges.push_back({Address::ipv4(first), Address::ipv4(last)});
        for (std::uint32_t n = first; n <= last; ++n) plain.insert(n);
      }
      return AddressSet::of_ranges(ranges);
    };
    std::set<std::uint32_t> pa, pb;
    AddressSet a = draw(pa), b = draw(pb);
    AddressSet both = a.unite(b), common = a.intersect(b), rest = a.minus(b);
    for (std::uint32_t n = 0; n < 66; ++n) {
      Address address = Address::ipv4(n);
      REQUIRE(both.contains(address) == (pa.contains(n) || pb.contains(n)));
      REQUIRE(common.contains(address) == (pa.contains(n) && pb.contains(n)));
      REQUIRE(rest.contains(address) == (pa.contains(n) && !pb.contains(n)));
    }
    REQUIRE(a.size() == pa.size());
    std::vector<Prefix> prefixes = a.prefixes();
    REQUIRE(AddressSet::of(prefixes) == a);
  }
}
