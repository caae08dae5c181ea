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
        Wrong{"65536", "-p: '65536' is neither a port nor a range of ports"}}) {
    CAPTURE(row.text);
    Result<PortsOption> ports = parse_ports_option(row.text);
    REQUIRE_FALSE(ports);
    CHECK(ports.error().what == row.what);
  }
}
