#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "probes/app/udp_codecs.h"
#include "probes/app/udp_probe.h"
#include "tests/probes/app/udp_replies.h"

using namespace demarc;
using namespace demarc::test;

namespace {
std::vector<std::string_view> names_for(std::uint16_t port) {
  std::vector<std::string_view> names;
  for (const UdpProbe* probe : udp_probes_for(Port{port})) names.push_back(probe->name);
  return names;
}
using Names = std::vector<std::string_view>;
}  // namespace

TEST_CASE("rows have names of their own, a reference, and questions of a size that everybody lets by") {
  std::set<std::string_view> names;
  for (const UdpProbe& probe : udp_probes()) {
    CAPTURE(probe.name);
    CHECK(names.insert(probe.name).second);
    CHECK_FALSE(probe.reference.empty());
    CHECK(probe.request(udp_token()).size() <= 1232);  // within an IPv6 packet of 1280 bytes
    CHECK(find_udp_probe(probe.name) == &probe);
    for (const PortRange& range : probe.ports) CHECK(range.first <= range.last);
  }
  CHECK(find_udp_probe("no such row") == nullptr);
}

TEST_CASE("a port is asked its own questions; one that no row names the generic ones, beginning with nothing") {
  CHECK(names_for(53) == Names{"dns-version-bind", "dns-query"});
  CHECK(names_for(123) == Names{"ntp-client", "ntp-control"});
  CHECK(names_for(161) == Names{"snmp-v3-engine", "snmp-v2c-public", "snmp-v1-public"});
  CHECK(names_for(443) == Names{"quic-version", "dtls-client-hello"});
  CHECK(names_for(500) == Names{"ike-v2-init", "ike-v1-main"});
  CHECK(names_for(4500) == Names{"ike-v2-init-nat", "ike-v1-main-nat"});
  CHECK(names_for(514) == Names{"syslog"});
  CHECK(names_for(1646) == Names{"radius-status"});
  CHECK(names_for(9995) == Names{"flow-export"});
  CHECK(names_for(40000) == Names{"empty", "dns-version-bind", "snmp-v3-engine", "rpcbind-null"});
  for (unsigned port = 1; port < 65536; ++port) {
    std::vector<const UdpProbe*> probes = udp_probes_for(Port{static_cast<std::uint16_t>(port)});
    REQUIRE(probes.size() >= 1);
    REQUIRE(probes.size() <= 4);
  }
}

TEST_CASE("control systems and printers get no bytes, only an empty datagram, and their silence proves nothing") {
  for (int port : {102, 502, 515, 2222, 9100, 20000, 34964, 44818, 47808}) {
    CAPTURE(port);
    std::vector<const UdpProbe*> probes = udp_probes_for(Port{static_cast<std::uint16_t>(port)});
    REQUIRE(probes.size() == 1);
    CHECK(probes[0]->request(udp_token()).empty());
    CHECK_FALSE(probes[0]->answers);
  }
}

TEST_CASE("questions that would write, log in or ask for an address carry nothing") {
  for (const char* row :
       {"syslog", "snmp-trap", "netbios-datagram", "discard", "dhcp", "flow-export", "overlay-tunnel"})
    CHECK(find_udp_probe(row)->request(udp_token()).empty());
}

TEST_CASE("sizes that the protocols want") {
  CHECK(find_udp_probe("quic-version")->request(udp_token()).size() == 1200);         // RFC 9000 §14.1
  CHECK(find_udp_probe("wireguard-initiation")->request(udp_token()).size() == 148);  // §5.4.2
  CHECK(find_udp_probe("rdp-udp-syn")->request(udp_token()).size() == 1232);          // MS-RDPEUDP §3.1.5.1.1
  CHECK(find_udp_probe("ntp-client")->request(udp_token()).size() == 48);
  ByteString ike = find_udp_probe("ike-v2-init")->request(udp_token());
  CHECK(be32(&ike[24]) == ike.size());
  ike = find_udp_probe("ike-v1-main")->request(udp_token());
  CHECK(be32(&ike[24]) == ike.size());
  ByteString nat = find_udp_probe("ike-v1-main-nat")->request(udp_token());
  CHECK(be32(nat.data()) == 0);
  CHECK(std::equal(ike.begin(), ike.end(), nat.begin() + 4, nat.end()));
  CHECK(find_udp_probe("tftp-read")->other_port);
}

TEST_CASE("numbers of BER have the fewest bytes and come back") {
  struct Row {
    std::uint32_t number;
    std::size_t bytes;
  };
  for (const Row& row :
       {Row{0, 1}, Row{127, 1}, Row{128, 2}, Row{255, 2}, Row{32767, 2}, Row{32768, 3}, Row{0x7FFFFFFF, 4}}) {
    CAPTURE(row.number);
    ByteString out = app::ber_number(row.number);
    CHECK(out.size() == 2 + row.bytes);
    ByteReader in(out);
    CHECK(app::next_ber_number(in) == row.number);
  }
  ByteString five_of_length = {0x30, 0x85, 1, 1, 1, 1, 1, 0};
  ByteReader too_long(five_of_length);
  CHECK_FALSE(app::next_ber(too_long).has_value());
}
