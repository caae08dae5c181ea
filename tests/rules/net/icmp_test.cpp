#include "rules/net/icmp.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("names mean other numbers in the other family") {
  CHECK(icmp_type_by_name(Family::ipv4, "echo-request") == IcmpType{8, std::nullopt});
  CHECK(icmp_type_by_name(Family::ipv6, "echo-request") == IcmpType{128, std::nullopt});
  CHECK(icmp_type_by_name(Family::ipv4, "fragmentation-needed") == IcmpType{3, 4});
  CHECK_FALSE(icmp_type_by_name(Family::ipv4, "packet-too-big"));
  CHECK(describe(Family::ipv4, {8, 0}) == "echo-request");
  CHECK(describe(Family::ipv4, {3, 13}) == "admin-prohibited");
  CHECK(describe(Family::ipv4, {200, 1}) == "200/1");
  CHECK(to_string(IcmpType{3, 4}) == "3/4");
  CHECK(parse_icmp_type("3/4").value() == IcmpType{3, 4});
  CHECK(parse_icmp_type("8").value() == IcmpType{8, std::nullopt});
  for (const char* bad : {"", "256", "3/", "/4", "3/256", "echo"}) CHECK_FALSE(parse_icmp_type(bad));
}

TEST_CASE("errors quote, queries have replies") {
  CHECK(is_icmp_error(Family::ipv4, 3));
  CHECK_FALSE(is_icmp_error(Family::ipv4, 8));
  CHECK(is_icmp_error(Family::ipv6, 1));
  CHECK_FALSE(is_icmp_error(Family::ipv6, 135));
  CHECK(icmp_reply_type(Family::ipv4, 8) == 0);
  CHECK(icmp_reply_type(Family::ipv6, 128) == 129);
  CHECK_FALSE(icmp_reply_type(Family::ipv4, 3));
}
