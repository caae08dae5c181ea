#include "rules/net/address_intervals.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace demarc {
namespace {

Address at(const char* text) { return *parse_address(text); }

TEST_CASE("each family is an interval, and each given address begins one") {
  const AddressIntervals none;
  CHECK(none.size() == 2);
  CHECK(none.find(at("255.255.255.255")) == 0);
  CHECK(none.find(at("::")) == 1);
  const AddressIntervals cut({at("192.0.2.0"), at("192.0.2.64"), at("192.0.2.0"), at("2001:db8::"), at("0.0.0.0")});
  CHECK(cut.size() == 5);
  struct Row {
    const char* address;
    std::uint32_t interval;
  };
  for (const Row& row :
       {Row{"0.0.0.0", 0}, Row{"192.0.1.255", 0}, Row{"192.0.2.0", 1}, Row{"192.0.2.63", 1}, Row{"192.0.2.64", 2},
        Row{"255.255.255.255", 2}, Row{"::", 3}, Row{"2001:db7::", 3}, Row{"2001:db8::", 4}, Row{"ffff::", 4}}) {
    CAPTURE(row.address);
    CHECK(cut.find(at(row.address)) == row.interval);
  }
  CHECK(cut.first(2) == at("192.0.2.64"));
  CHECK(cut.first(4) == at("2001:db8::"));
}

TEST_CASE("many intervals are found as a search over all of them finds them") {
  std::mt19937 random(5);
  for (const std::uint32_t spread : {0xFFFFFFFFU, 0x000FFFFFU, 0x00000FFFU}) {
    std::vector<Address> firsts;
    for (int i = 0; i < 3000; ++i)
      firsts.push_back(Address::ipv4(0xC6120000U + (static_cast<std::uint32_t>(random()) & spread)));
    firsts.push_back(Address::ipv4(0xFFFFFFFF));
    firsts.push_back(Address::ipv4(0x00010000));
    const AddressIntervals intervals(firsts);
    firsts.push_back(Address::ipv4(0));
    std::sort(firsts.begin(), firsts.end());
    firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
    const auto expected = [&](const Address& a) {
      return static_cast<std::uint32_t>(std::upper_bound(firsts.begin(), firsts.end(), a) - firsts.begin() - 1);
    };
    const auto agree = [&](std::uint32_t n) {
      CAPTURE(n);
      REQUIRE(intervals.find(Address::ipv4(n)) == expected(Address::ipv4(n)));
    };
    for (const Address& a : firsts)
      for (const std::uint32_t d : {0xFFFFFFFFU, 0U, 1U}) agree(a.ipv4_number() + d);
    for (int i = 0; i < 20000; ++i) agree(static_cast<std::uint32_t>(random()));
  }
}

TEST_CASE("the next address crosses from IPv4 to IPv6 and ends") {
  Address a = at("192.0.2.255");
  CHECK(next_address(a));
  CHECK(a == at("192.0.3.0"));
  a = at("255.255.255.255");
  CHECK(next_address(a));
  CHECK(a == at("::"));
  a = at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  CHECK(!next_address(a));
}

}  // namespace
}  // namespace demarc
