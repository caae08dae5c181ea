#include "rules/acl/writers/junos.h"

#include <doctest/doctest.h>

#include "rules/acl/writers/writer.h"
#include "tests/rules/acl/writers/round_trip.h"

namespace demarc {
namespace {

const round_trip::Traits kJunos{
    .dialect = Dialect::junos, .leaves_later_fragments = true, .before = "set version 21.4R3\n"};

using round_trip::addresses;
using round_trip::permit;

std::string terms(const IntendedEntry& entry, Family family = Family::ipv4) {
  const WrittenEntry written = write_junos_entry(entry, {}, family);
  std::string out;
  for (const std::string& line : written.lines) out += line + '\n';
  for (const std::string& why : written.unsaid) out += "unsaid: " + why + '\n';
  return out;
}

TEST_CASE("Junos: an entry as terms") {
  const AddressSet web = addresses({"192.0.2.10"});
  const PortSet ports{{Port(80), Port(81)}, {Port(443), Port(443)}};
  struct Row {
    Box box;
    const char* terms;
  };
  const Row rows[] = {
      {{}, "permit\nthen accept\n"},
      {{.destinations = web, .protocols = {Protocol::tcp}, .ports = ports},
       "permit\nfrom destination-address 192.0.2.10/32\nfrom protocol tcp\nfrom destination-port 80-81\n"
       "from destination-port 443\nthen accept\n"},
      {{.sources = addresses({"192.0.2.10", "192.0.2.12/31"}), .protocols = {Protocol::tcp, Protocol::esp}},
       "permit\nfrom source-address 192.0.2.10/32\nfrom source-address 192.0.2.12/31\nfrom protocol tcp\n"
       "from protocol esp\nthen accept\n"},
      {{.protocols = {Protocol::tcp, Protocol::udp}, .source_ports = PortSet::single(Port(53))},
       "permit\nfrom protocol tcp\nfrom source-port 53\nthen accept\n"
       "permit\nfrom protocol udp\nfrom source-port 53\nthen accept\n"},
      {{.protocols = {Protocol::tcp}, .flags = tcp_flags_established()},
       "permit\nfrom protocol tcp\nfrom tcp-established\nfrom fragment-offset 0\nthen accept\n"},
      {{.protocols = {Protocol::tcp}, .flags = tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn)},
       "permit\nfrom protocol tcp\nfrom tcp-flags \"(syn & !ack)\"\nfrom fragment-offset 0\nthen accept\n"},
      {{.protocols = {Protocol::icmp}, .icmp = IcmpSet{{3, std::uint8_t{4}}, {8, {}}, {11, {}}}},
       "permit\nfrom protocol icmp\nfrom icmp-type 8\nfrom icmp-type 11\nthen accept\n"
       "permit\nfrom protocol icmp\nfrom icmp-type 3\nfrom icmp-code 4\nthen accept\n"},
      {{.destinations = web, .fragments = kLaterFragments},
       "permit\nfrom destination-address 192.0.2.10/32\nfrom is-fragment\nthen accept\n"},
      {{.states = {ConnectionState::fresh}}, "unsaid: a filter keeps no state of connections\n"},
      {{.egress = {1}}, "unsaid: a filter does not match on the interface that a packet leaves by\n"},
  };
  for (const Row& row : rows) CHECK(terms(permit(row.box)) == row.terms);
  CHECK(terms(permit({.protocols = {Protocol::udp}}), Family::ipv6) ==
        "permit\nfrom next-header udp\nthen accept\n");
}

TEST_CASE("Junos: terms are named after their rules, each name is given once") {
  IntendedList list;
  list.name = "IN";
  list.family = Family::ipv4;
  list.entries = {permit({.protocols = {Protocol::tcp}}, "WEB-001 https, owner web-team"),
                  permit({.protocols = {Protocol::udp}}, "WEB-001 https, owner web-team"),
                  permit({.protocols = {Protocol::esp}}, "WEB-001 https, owner web-team: replies")};
  const Written written = write_junos(list);
  REQUIRE(written.texts.size() == 1);
  CHECK(written.texts[0].text ==
        "set firewall family inet filter IN term WEB-001-https from protocol tcp\n"
        "set firewall family inet filter IN term WEB-001-https then accept\n"
        "set firewall family inet filter IN term WEB-001-https-2 from protocol udp\n"
        "set firewall family inet filter IN term WEB-001-https-2 then accept\n"
        "set firewall family inet filter IN term WEB-001-https-replies from protocol esp\n"
        "set firewall family inet filter IN term WEB-001-https-replies then accept\n"
        "set firewall family inet filter IN term rest then discard\n");
}

TEST_CASE("Junos: what is written means exactly what was intended") {
  std::size_t permits = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    permits += round_trip::check(round_trip::random_list(dice, kJunos), kJunos, dice);
  }
  CHECK(permits > 2000);
}

}  // namespace
}  // namespace demarc
