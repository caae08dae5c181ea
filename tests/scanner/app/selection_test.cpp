#include "scanner/app/selection.h"

#include <doctest/doctest.h>

using namespace demarc;

TEST_CASE("-p as nmap spells it") {
  struct Row {
    const char *text, *tcp, *udp;
  };
  for (const Row& row :
       {Row{"22,80-90", "22,80-90", nullptr}, Row{"22,U:53,123", "22", "53,123"}, Row{"U:53,T:80", "80", "53"},
        Row{"-", "1-65535", nullptr}, Row{"T:-", "1-65535", nullptr}, Row{"U:53", nullptr, "53"}}) {
    CAPTURE(row.text);
    Result<PortsOption> ports = parse_ports_option(row.text);
    REQUIRE(ports);
    CHECK(ports->tcp.has_value() == (row.tcp != nullptr));
    CHECK(ports->udp.has_value() == (row.udp != nullptr));
    if (row.tcp != nullptr) CHECK(to_string(*ports->tcp) == row.tcp);
    if (row.udp != nullptr) CHECK(to_string(*ports->udp) == row.udp);
  }
  struct Wrong {
    const char *text, *what;
  };
  for (const Wrong& row :
       {Wrong{"0", "-p: port 0 is never probed (RFC 6335 section 6)"},
        Wrong{"80,", "-p: '' is neither a port nor a range of ports"},
        Wrong{"90-80", "-p: the range '90-80' runs backwards"}, Wrong{"X:80", "-p: 'X:' is no protocol"},
        Wrong{"080", "-p: '080' is neither a port nor a range of ports"},
        Wrong{"65536", "-p: '65536' is neither a port nor a range of ports"},
        Wrong{"I:", "-p: '' is no ICMP query"},
        Wrong{"I:3", "-p: ICMP type 3 is no query, so nobody can ask for it"},
        Wrong{"I:8/1", "-p: ICMP type 8/1 is no query, so nobody can ask for it"},
        Wrong{"I:echo-reply", "-p: 'echo-reply' is no ICMP query"}, Wrong{"I:-", "-p: '-' is no ICMP query"}}) {
    CAPTURE(row.text);
    Result<PortsOption> ports = parse_ports_option(row.text);
    REQUIRE_FALSE(ports);
    CHECK(ports.error().what == row.what);
  }
}

TEST_CASE("-p names ICMP queries by number or name, for both families") {
  auto types = [](const char* text) {
    std::string words;
    Result<PortsOption> ports = parse_ports_option(text);
    REQUIRE(ports);
    REQUIRE(ports->icmp);
    for (const IcmpType& t : *ports->icmp) words += (words.empty() ? "" : " ") + to_string(t);
    return words;
  };
  CHECK(types("I:8/0") == "8/0");
  CHECK(types("I:8,128,17") == "8 128 17");
  CHECK(types("22,I:echo,U:53,I:timestamp-request,T:80") == "8 128 13");
  CHECK(types("I:address-mask") == "17");
  Result<PortsOption> all = parse_ports_option("22,I:echo,U:53,T:80");
  REQUIRE(all);
  CHECK(to_string(*all->tcp) == "22,80");
  CHECK(to_string(*all->udp) == "53");
  CHECK_FALSE(parse_ports_option("22")->icmp);
}
