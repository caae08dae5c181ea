#include <doctest/doctest.h>

#include "rules/acl/writers/writer.h"
#include "tests/rules/acl/writers/round_trip.h"

namespace demarc {
namespace {

const round_trip::Traits kIos{.dialect = Dialect::cisco_ios,
                              .sees_later_fragments = false,
                              .neighbour_discovery = true,
                              .ports_of_every_protocol = false,
                              .holes = true};

using round_trip::addresses;
using round_trip::permit;

std::string lines(const IntendedEntry& entry, Family family = Family::ipv4) {
  const WrittenEntry written = write_cisco_ios_entry(entry, {}, family);
  std::string out;
  for (const std::string& line : written.lines) out += line + '\n';
  for (const std::string& why : written.unsaid) out += "unsaid: " + why + '\n';
  return out;
}

TEST_CASE("IOS: an entry in its words") {
  const AddressSet web = addresses({"192.0.2.10"}), front = addresses({"192.0.2.0/26"});
  const PortSet https = PortSet::single(Port(443));
  struct Row {
    Box box;
    const char* lines;
  };
  const Row rows[] = {
      {{.destinations = web, .protocols = {Protocol::tcp}, .ports = https},
       "permit tcp any host 192.0.2.10 eq 443\n"},
      {{.sources = front,
        .protocols = {Protocol::udp},
        .ports = PortSet{{Port(53), Port(53)}, {Port(123), Port(123)}}},
       "permit udp 192.0.2.0 0.0.0.63 any eq 53 123\n"},
      {{.protocols = {Protocol::tcp}, .ports = PortSet{{Port(1024), Port(65535)}}}, "permit tcp any any gt 1023\n"},
      {{.protocols = {Protocol::tcp}, .ports = PortSet{{Port(0), Port(79)}}}, "permit tcp any any lt 80\n"},
      {{.protocols = {Protocol::tcp}, .ports = PortSet{{Port(80), Port(90)}, {Port(443), Port(443)}}},
       "permit tcp any any eq 443\npermit tcp any any range 80 90\n"},
      {{.sources = addresses({"192.0.2.10", "192.0.2.12/31"})},
       "permit ip host 192.0.2.10 any\npermit ip 192.0.2.12 0.0.0.1 any\n"},
      {{.destinations = web, .protocols = {Protocol::tcp}, .source_ports = https, .flags = tcp_flags_established()},
       "permit tcp any eq 443 host 192.0.2.10 established\n"},
      {{.protocols = {Protocol::tcp}, .flags = tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn)},
       "permit tcp any any match-all +syn -ack\n"},
      {{.protocols = {Protocol::icmp}, .icmp = IcmpSet{{3, std::uint8_t{4}}, {8, {}}}},
       "permit icmp any any 3 4\npermit icmp any any 8\n"},
      {{.protocols = {Protocol::esp, Protocol::gre}}, "permit 47 any any\npermit esp any any\n"},
      {{.fragments = kLaterFragments}, "permit ip any any fragments\n"},
      {{.protocols = {Protocol(33)}, .ports = https}, "unsaid: IOS does not match on the ports of dccp\n"},
      {{.states = {ConnectionState::established}},
       "unsaid: a list without state cannot match on connection state\n"},
      {{.protocols = {Protocol::tcp}, .flags = tcp_flags(tcp_flag::ece, tcp_flag::ece)},
       "unsaid: IOS does not match on the flags ECE and CWR\n"},
      {{.sources = addresses({"2001:db8::/32"})}, ""},
      {{.ports = PortSet{}}, ""},
  };
  for (const Row& row : rows) CHECK(lines(permit(row.box)) == row.lines);
  CHECK(lines(permit({.destinations = addresses({"2001:db8::5", "2001:db8:d::/64"}),
                      .protocols = {Protocol::tcp},
                      .ports = PortSet{{Port(80), Port(80)}, {Port(443), Port(443)}}}),
              Family::ipv6) ==
        "permit tcp any host 2001:db8::5 eq 80\npermit tcp any host 2001:db8::5 eq 443\n"
        "permit tcp any 2001:db8:d::/64 eq 80\npermit tcp any 2001:db8:d::/64 eq 443\n");
}

TEST_CASE("IOS: a list has remarks, and its entries' numbers leave room for them") {
  IntendedList list;
  list.name = "OUTSIDE-IN";
  list.entries = {permit({.destinations = addresses({"192.0.2.10", "2001:db8:d::12"}),
                          .protocols = {Protocol::tcp},
                          .ports = PortSet::single(Port(443))},
                         "WEB-001 https, owner web-team\nenable secret x"),
                  permit({.destinations = addresses({"192.0.2.25"}),
                          .protocols = {Protocol::tcp},
                          .ports = PortSet::single(Port(25))})};
  const Written written = write_cisco_ios(list);
  REQUIRE(written.complete());
  REQUIRE(written.texts.size() == 2);
  CHECK(written.texts[0].text ==
        "ip access-list extended OUTSIDE-IN\n"
        " remark WEB-001 https, owner web-team enable secret x\n"
        " 20 permit tcp any host 192.0.2.10 eq 443\n"
        " 30 permit tcp any host 192.0.2.25 eq 25\n");
  CHECK(written.texts[1].text ==
        "ipv6 access-list OUTSIDE-IN-V6\n"
        " remark WEB-001 https, owner web-team enable secret x\n"
        " sequence 20 permit tcp any host 2001:db8:d::12 eq 443\n");
}

TEST_CASE("IOS: a list without entries denies, as it was intended") {
  naive::Dice dice(1);
  IntendedList nothing;
  nothing.name = "NOTHING";
  nothing.family = Family::ipv4;
  CHECK(round_trip::check(nothing, kIos, dice) == 0);
  nothing.family = Family::ipv6;
  round_trip::check(nothing, kIos, dice);
}

TEST_CASE("IOS: what is written means exactly what was intended") {
  std::size_t permits = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    permits += round_trip::check(round_trip::random_list(dice, kIos), kIos, dice);
  }
  CHECK(permits > 2000);
}

}  // namespace
}  // namespace demarc
