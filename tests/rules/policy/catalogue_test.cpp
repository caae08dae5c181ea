#include "rules/policy/catalogue.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "rules/net/app_protocol.h"

using namespace demarc;

TEST_CASE("every row can be read and says what it should") {
  std::string_view before;
  for (const CatalogueEntry& row : catalogue()) {
    CAPTURE(row.name);
    CHECK(before < row.name);  // sorted, unique
    before = row.name;
    CHECK((row.tcp.empty() || parse_port_set(row.tcp)));
    CHECK((row.udp.empty() || parse_port_set(row.udp)));
    CHECK_FALSE((row.tcp.empty() && row.udp.empty()));
    CHECK((row.speaks.empty() || is_app_protocol(row.speaks)));
    CHECK(row.exposed >= Severity::low);
    for (std::string_view sentence : {row.risk, row.remedy}) CHECK(sentence.ends_with('.'));
    CHECK_FALSE(row.source.empty());
    CHECK(catalogue_find(row.name) == &row);
  }
}

TEST_CASE("services by port, the most specific row first") {
  struct Row {
    Protocol protocol;
    int port;
    const char* name;
  };
  for (const Row& row : {Row{Protocol::tcp, 445, "smb"},
                         Row{Protocol::tcp, 135, "msrpc"},
                         Row{Protocol::tcp, 593, "msrpc"},
                         Row{Protocol::udp, 137, "netbios-ns"},
                         Row{Protocol::udp, 138, "netbios-dgm"},
                         Row{Protocol::tcp, 139, "netbios-ssn"},
                         Row{Protocol::tcp, 25, "smtp"},
                         Row{Protocol::tcp, 3389, "rdp"},
                         Row{Protocol::tcp, 5985, "winrm"},
                         Row{Protocol::tcp, 389, "ldap"},
                         Row{Protocol::tcp, 636, "ldaps"},
                         Row{Protocol::tcp, 3268, "ldap-gc"},
                         Row{Protocol::tcp, 88, "kerberos"},
                         Row{Protocol::udp, 161, "snmp"},
                         Row{Protocol::tcp, 23, "telnet"},
                         Row{Protocol::tcp, 21, "ftp"},
                         Row{Protocol::udp, 69, "tftp"},
                         Row{Protocol::tcp, 513, "rsh"},
                         Row{Protocol::tcp, 5900, "vnc"},
                         Row{Protocol::tcp, 1433, "mssql"},
                         Row{Protocol::udp, 1434, "mssql-browser"},
                         Row{Protocol::tcp, 1521, "oracle"},
                         Row{Protocol::tcp, 3306, "mysql"},
                         Row{Protocol::tcp, 5432, "postgresql"},
                         Row{Protocol::tcp, 6379, "redis"},
                         Row{Protocol::tcp, 27017, "mongodb"},
                         Row{Protocol::tcp, 9200, "elasticsearch"},
                         Row{Protocol::udp, 11211, "memcached"},
                         Row{Protocol::tcp, 2049, "nfs"},
                         Row{Protocol::tcp, 111, "rpcbind"},
                         Row{Protocol::tcp, 6000, "x11"},
                         Row{Protocol::tcp, 2375, "docker"},
                         Row{Protocol::tcp, 6443, "kubernetes-api"},
                         Row{Protocol::tcp, 10250, "kubelet"},
                         Row{Protocol::tcp, 2379, "etcd"},
                         Row{Protocol::udp, 623, "ipmi"},
                         Row{Protocol::tcp, 9100, "printer-raw"},
                         Row{Protocol::tcp, 9101, "printer-raw"},
                         Row{Protocol::tcp, 515, "lpd"},
                         Row{Protocol::tcp, 631, "ipp"},
                         Row{Protocol::tcp, 3128, "proxy"},
                         Row{Protocol::tcp, 1080, "socks"},
                         Row{Protocol::udp, 500, "ike"},
                         Row{Protocol::udp, 1194, "openvpn"},
                         Row{Protocol::udp, 51820, "wireguard"},
                         Row{Protocol::tcp, 1723, "pptp"},
                         Row{Protocol::udp, 1701, "l2tp"},
                         Row{Protocol::tcp, 502, "modbus"}}) {
    CAPTURE(row.port);
    const CatalogueEntry* found = catalogue_find(row.protocol, Port{static_cast<std::uint16_t>(row.port)});
    REQUIRE(found != nullptr);
    CHECK(found->name == row.name);
    CHECK(catalogue_ports(row.protocol).contains(Port{static_cast<std::uint16_t>(row.port)}));
  }
  CHECK(catalogue_find(Protocol::tcp, Port{4}) == nullptr);
  CHECK(catalogue_find(Protocol::sctp, Port{445}) == nullptr);
  CHECK(catalogue_ports(Protocol::icmp).empty());
}

TEST_CASE("services by what was recognised") {
  CHECK(catalogue_by_protocol("smb")->name == "smb");
  CHECK(catalogue_by_protocol("netbios-session")->name == "netbios-ssn");
  CHECK(catalogue_by_protocol("http")->name == "http");
  CHECK(catalogue_by_protocol("tls")->name == "https");
  CHECK(catalogue_by_protocol("") == nullptr);
  CHECK(catalogue_by_protocol("gopher") == nullptr);
}
