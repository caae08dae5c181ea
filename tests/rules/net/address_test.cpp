#include "rules/net/address.h"

#include <doctest/doctest.h>

#include "rules/net/prefix.h"

using namespace demarc;

TEST_CASE("addresses are read strictly and written canonically") {
  struct Row {
    const char *in, *out;
  };
  for (const Row& row :
       {Row{"192.0.2.1", "192.0.2.1"}, Row{"0.0.0.0", "0.0.0.0"},
        Row{"255.10.100.9", "255.10.100.9"}, Row{"2001:DB8::0:1", "2001:db8::1"},
        Row{"::", "::"}, Row{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, Row{"1:0:0:2:0:0:0:3", "1:0:0:2::3"}}) {
    CAPTURE(row.in);
    REQUIRE(parse_address(row.in));
    CHECK(to_string(*parse_address(row.in)) == row.out);
  }
  for (const char* bad : {"", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.1 ", " 192.0.2.1", "1.2.3.4.5",
                          "fe80::1%eth0", "::1::", "12345::", "0x7f.1", "localhost"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_address(bad));
  }
  CHECK_FALSE(parse_address(std::string_view("192.0.2.1\0", 10)));
}

TEST_CASE("bytes and numbers agree") {
  const std::uint8_t four[] = {192, 0, 2, 1};
  CHECK(Address::from_ipv4_bytes(four) == *parse_address("192.0.2.1"));
  CHECK(parse_address("192.0.2.1")->bytes()[3] == 1);
  Address six = *parse_address("2001:db8::1");
  CHECK(Address::from_ipv6_bytes(six.bytes().data()) == six);
  CHECK(Address::of(Family::ipv6, six.number()) == six);
  CHECK(parse_address("::ffff:192.0.2.1")->unmapped() == *parse_address("192.0.2.1"));
  CHECK(six.unmapped() == six);
}

TEST_CASE("an address's class") {
  struct Row {
    const char* address;
    AddressClass address_class;
  };
  for (const Row& row :
       {Row{"8.8.8.8", AddressClass::unicast},      Row{"192.0.2.1", AddressClass::unicast},
        Row{"10.1.2.3", AddressClass::private_use}, Row{"172.31.255.255", AddressClass::private_use},
        Row{"172.32.0.0", AddressClass::unicast},   Row{"100.64.0.1", AddressClass::private_use},
        Row{"127.0.0.1", AddressClass::loopback},   Row{"169.254.0.1", AddressClass::link_local},
        Row{"224.0.0.1", AddressClass::multicast},  Row{"239.255.255.255", AddressClass::multicast},
        Row{"240.0.0.1", AddressClass::reserved},   Row{"255.255.255.255", AddressClass::broadcast},
        Row{"0.0.0.0", AddressClass::unspecified},  Row{"0.1.2.3", AddressClass::reserved},
        Row{"2001:db8::1", AddressClass::unicast},  Row{"fe80::1", AddressClass::link_local},
        Row{"ff02::1", AddressClass::multicast},    Row{"fd00::1", AddressClass::private_use},
        Row{"::1", AddressClass::loopback},         Row{"::", AddressClass::unspecified},
        Row{"64:ff9b::1", AddressClass::unicast},   Row{"4000::1", AddressClass::reserved}}) {
    CAPTURE(row.address);
    CHECK(classify(*parse_address(row.address)) == row.address_class);
  }
}

TEST_CASE("a prefix with host bits is refused, and the hint names the network") {
  Result<Prefix> wrong = parse_prefix("192.0.2.10/24");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().what == "192.0.2.10/24 has bits beyond its prefix length");
  CHECK(wrong.error().hint == "the network is 192.0.2.0/24, the single address 192.0.2.10");
  for (const char* bad : {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/024", "192.0.2.0/-1", "2001:db8::/129", "x/8",
                          "/8", "192.0.2.0/8x"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_prefix(bad));
  }
}

TEST_CASE("a prefix holds its addresses and no others") {
  Prefix p = *parse_prefix("192.0.2.0/26");
  CHECK(p.contains(*parse_address("192.0.2.63")));
  CHECK_FALSE(p.contains(*parse_address("192.0.2.64")));
  CHECK_FALSE(p.contains(*parse_address("::192.0.2.1")));
  CHECK(to_string(p.last()) == "192.0.2.63");
  CHECK(p.contains(*parse_prefix("192.0.2.32/27")));
  CHECK_FALSE(p.contains(*parse_prefix("192.0.2.0/24")));
  CHECK(p.overlaps(*parse_prefix("192.0.2.0/24")));
  CHECK(Prefix::containing(*parse_address("2001:db8::1"), 0).last() == Address::of(Family::ipv6, ~Uint128{0}));
  CHECK(to_string(*parse_prefix("192.0.2.9/32")) == "192.0.2.9");
}
