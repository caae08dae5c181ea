#include <doctest/doctest.h>

#include "rules/acl/writers/writer.h"
#include "tests/rules/acl/writers/round_trip.h"

namespace demarc {
namespace {

const round_trip::Traits kAsa{.dialect = Dialect::cisco_asa,
                              .only_whole = true,
                              .ports_of_every_protocol = false,
                              .flags = false,
                              .protocol_zero = false,
                              .before = "ASA Version 9.16(1)\n"};

TEST_CASE("ASA: groups where there is more than one of something, and one remark for an entry") {
  IntendedList list;
  list.name = "outside_in";
  IntendedEntry web;
  web.comment = "WEB-001 https, owner web-team";
  web.destination_name = "web-front";
  Match m;
  m.box.destinations =
      AddressSet::of_ranges({{Address::ipv4(0xC000020A), Address::ipv4(0xC000020C)},
                             {Address::ipv6(0x20010DB8000D0000, 0x12), Address::ipv6(0x20010DB8000D0000, 0x12)}});
  m.box.protocols = {Protocol::tcp};
  m.box.ports = PortSet{{Port(80), Port(80)}, {Port(443), Port(443)}};
  web.match = {m};
  list.entries = {web};
  const Written written = write_cisco_asa(list);
  REQUIRE(written.complete());
  REQUIRE(written.texts.size() == 1);
  CHECK(written.texts[0].text ==
        "object-group network web-front\n"
        " network-object 192.0.2.10 255.255.255.254\n"
        " network-object host 192.0.2.12\n"
        "object-group service tcp-ports tcp\n"
        " port-object eq 80\n"
        " port-object eq 443\n"
        "access-list outside_in remark WEB-001 https, owner web-team\n"
        "access-list outside_in extended permit tcp any4 object-group web-front object-group tcp-ports\n"
        "access-list outside_in extended permit tcp any6 host 2001:db8:d::12 object-group tcp-ports\n"
        "access-list outside_in extended deny ip any any\n");
}

TEST_CASE("ASA: what it cannot say is reported and not written") {
  IntendedList list;
  list.name = "x";
  IntendedEntry e;
  Match m;
  m.box.protocols = {Protocol::tcp};
  m.box.flags = tcp_flags_established();
  e.match = {m};
  list.entries = {e};
  const Written written = write_cisco_asa(list);
  REQUIRE(written.unsaid.size() == 1);
  CHECK(written.unsaid[0].why == "no entry matches on TCP flags");
  CHECK(written.texts[0].text == "access-list x extended deny ip any any\n");
}

TEST_CASE("ASA: what is written means exactly what was intended") {
  std::size_t permits = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    permits += round_trip::check(round_trip::random_list(dice, kAsa), kAsa, dice);
  }
  CHECK(permits > 2000);
}

}  // namespace
}  // namespace demarc
