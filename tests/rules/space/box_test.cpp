#include "rules/space/box.h"

#include <doctest/doctest.h>

using namespace demarc;

namespace {
AddressSet net(const char* text) { return AddressSet{parse_prefix(text).value()}; }
}  // namespace

TEST_CASE("a box reads like the line of a rule set") {
  struct Row {
    Box box;
    const char* text;
  };
  const Row rows[] = {
      {{}, "any > any ip"},
      {{.sources = net("192.0.2.0/24"),
        .destinations = net("198.51.100.10"),
        .protocols = {Protocol::tcp},
        .ports = {{Port{80}, Port{80}}, {Port{8000}, Port{8080}}}},
       "192.0.2.0/24 > 198.51.100.10 tcp/80,8000-8080"},
      {{.protocols = {Protocol::icmp}, .icmp = {{8, 0}}}, "any > any icmp 8/0"},
      {{.protocols = {Protocol::icmp}, .icmp = {{3, {}}, {4, {}}}}, "any > any icmp 3-4"},
      {{.protocols = {Protocol::tcp}, .flags = tcp_flags_established()}, "any > any tcp flags established"},
      {{.protocols = {Protocol::tcp}, .flags = tcp_flags_established().complement()},
       "any > any tcp flags other than established"},
      // What is missing says more where it is little.
      {{.sources = AddressSet{*parse_prefix("0.0.0.0/0")}.minus({*parse_prefix("192.0.2.0/26")}),
        .destinations = {*parse_prefix("192.0.2.0/26"), *parse_prefix("192.0.2.128/26"),
                         *parse_prefix("198.51.100.0/24")}},
       "any but 192.0.2.0/26 > 192.0.2.0/26, 192.0.2.128/26, 198.51.100.0/24 ip"},
      {{.family = Family::ipv6, .destinations = AddressSet::all().minus({*parse_prefix("2001:db8::1/128")})},
       "any > any but 2001:db8::1 ip (IPv6)"},
      {{.protocols = {Protocol::tcp}, .flags = {tcp_flag::syn}}, "any > any tcp flags S"},
      {{.protocols = ProtocolSet(ProtocolSet{Protocol::tcp}.numbers().complement())}, "any > any ip except tcp"},
      {{.protocols = {Protocol::udp}, .source_ports = PortSet::single(Port{53})}, "any > any udp from port 53"},
      {{.states = {ConnectionState::fresh, ConnectionState::related}, .fragments = kLaterFragments},
       "any > any ip state new,related fragment last,middle"},
      {{.ingress = {1, 2}, .egress = {7}}, "any > any ip in 1-2 out 7"},
      {{.family = Family::ipv6, .sources = net("192.0.2.0/24")}, "nowhere > any ip (IPv6)"},
      {{.ports = {}}, "any > any ip/never"},
  };
  for (const Row& row : rows) CHECK(to_string(row.box) == row.text);
}

TEST_CASE("established is ACK or RST, whatever else is set") {
  const ByteSet set = tcp_flags_established();
  for (unsigned n = 0; n < 256; ++n) {
    CHECK(set.contains(static_cast<std::uint8_t>(n)) == ((n & 0x10) != 0 || (n & 0x04) != 0));
  }
  CHECK(tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn).size() == 64);
  CHECK(tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn).contains(tcp_flag::syn | tcp_flag::cwr));
  CHECK_FALSE(tcp_flags(tcp_flag::syn | tcp_flag::ack, tcp_flag::syn).contains(tcp_flag::syn | tcp_flag::ack));
}

TEST_CASE("an ICMP type without a code is every code of it") {
  const IcmpSet set{{3, {}}, {8, 0}};
  CHECK(set.contains({3, {}}));
  CHECK(set.contains({3, 13}));
  CHECK(set.contains({8, 0}));
  CHECK_FALSE(set.contains({8, {}}));
  CHECK_FALSE(set.contains({8, 1}));
  CHECK(IcmpSet::all().contains({255, {}}));
  CHECK_FALSE(IcmpSet().contains({0, 0}));
}

TEST_CASE("byte sets have both ends") {
  ByteSet set{0, 63, 64, 255};
  CHECK(set.size() == 4);
  CHECK(set.complement().size() == 252);
  CHECK(set.unite(set.complement()).is_all());
  CHECK(set.intersect(set.complement()).empty());
  CHECK(set.minus({64}).contains(63));
  CHECK_FALSE(set.minus({64}).contains(64));
}
