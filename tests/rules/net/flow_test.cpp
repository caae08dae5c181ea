#include "rules/net/flow.h"

#include <doctest/doctest.h>

#include "rules/net/app_protocol.h"

using namespace demarc;

TEST_CASE("a flow key forgets who opened, a five-tuple does not") {
  Endpoint client{*parse_address("198.51.100.7"), Port(40000)}, server{*parse_address("192.0.2.10"), Port(443)};
  FiveTuple there{Protocol::tcp, client, server}, back{Protocol::tcp, server, client};
  CHECK(there != back);
  CHECK(FlowKey(there) == FlowKey(back));
  CHECK(FlowKey(there) != FlowKey({Protocol::udp, client, server}));
}

TEST_CASE("packets and endpoints for people") {
  Packet web{
      *parse_address("198.51.100.7"), *parse_address("192.0.2.10"), Protocol::tcp, Port(40000), Port(443), {}};
  CHECK(to_string(web) == "198.51.100.7 > 192.0.2.10 tcp/443");
  Packet ping{*parse_address("2001:db8::1"), *parse_address("2001:db8::2"), Protocol::icmpv6, {}, {}, {128, 0}};
  CHECK(to_string(ping) == "2001:db8::1 > 2001:db8::2 icmpv6 echo-request");
  CHECK(to_string(Endpoint{*parse_address("2001:db8::1"), Port(80)}) == "[2001:db8::1]:80");
}

TEST_CASE("what speaks satisfies what is expected") {
  CHECK(satisfies("tls", "http", "tls"));
  CHECK(satisfies("tls", "http", "http"));
  CHECK(satisfies("http", "", "winrm"));
  CHECK(satisfies("tls", "http", "winrm"));
  CHECK(satisfies("winrm", "", "http"));
  CHECK(satisfies("tls", "elasticsearch", "http"));
  CHECK(satisfies("tls", "", "ldap"));  // nobody looked inside
  CHECK_FALSE(satisfies("tls", "http", "ldap"));
  CHECK_FALSE(satisfies("tls", "", "ssh"));
  CHECK_FALSE(satisfies("http", "", "tls"));
  CHECK_FALSE(satisfies("ssh", "", "tls"));
  CHECK(satisfies("dtls", "", "sip"));
  CHECK_FALSE(satisfies("dtls", "", "ntp"));
  CHECK(satisfies("quic", "", "http"));  // HTTP/3
  CHECK_FALSE(satisfies("quic", "", "ldap"));
  CHECK(is_app_protocol("mssql"));
  CHECK(is_app_protocol("netbios-ns"));
  CHECK_FALSE(is_app_protocol("mssqql"));
}
