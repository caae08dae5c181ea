// Content tells the dialect, and no dialect takes another's text.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "rules/acl/readers/reader.h"
#include "tests/rules/acl/readers/cloud_samples.h"
#include "tests/rules/acl/readers/junos_samples.h"

namespace demarc {
namespace {

struct Sample {
  const char* text;
  const char* dialect;  // empty: of several alike, or of none
};

// Small excerpts, as people paste them, of every dialect that is read.
constexpr Sample kSamples[] = {
    {"access-list 110 permit tcp any host 192.0.2.10 eq www\naccess-list 110 deny ip any any log\n", "cisco-ios"},
    {"access-list 10 permit 192.0.2.0 0.0.0.255\n", "cisco-ios"},
    {"ip access-list extended OUTSIDE-IN\n permit tcp any host 192.0.2.10 eq 443\n", "cisco-ios"},
    {"ip access-list standard STAFF\n permit 192.0.2.0 0.0.0.63\n", "cisco-ios"},
    {"version 15.7\nservice timestamps log datetime msec\nhostname r1\n", "cisco-ios"},
    {"ipv6 access-list V6\n sequence 10 permit tcp any host 2001:DB8::1 eq 443\ninterface GigabitEthernet0/0\n"
     " ipv6 traffic-filter V6 in\n",
     "cisco-ios"},
    {"Extended IP access list 110\n    10 permit tcp any any eq 443 (1204 matches)\n", "cisco-ios"},
    {"interface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n ip access-group 110 in\n", "cisco-ios"},

    {"ip access-list OUTSIDE-IN\n  10 permit tcp any 192.0.2.10/32 eq 443\n", "cisco-nxos"},
    {"ip access-list OUTSIDE-IN\n  statistics per-entry\n  10 permit tcp any host 192.0.2.10 eq 443\n",
     "cisco-nxos"},
    {"object-group ip address WEB\n  10 host 192.0.2.10\n", "cisco-nxos"},
    {"!Command: show running-config\nversion 9.3(5) Bios:version\nhostname n9k\n", "cisco-nxos"},
    {"feature bgp\nvrf context management\ninterface mgmt0\n  ip address 192.0.2.1/24\n", "cisco-nxos"},
    {"IP access list L\n        10 permit ip any any [match=12]\n", "cisco-nxos"},

    {"ipv4 access-list EDGE\n 10 permit tcp any host 192.0.2.10 eq www\n", "cisco-xr"},
    {"ipv6 access-list V6\n 10 permit tcp any host 2001:db8::1 eq https\n!\ninterface GigabitEthernet0/0/0/0\n"
     " ipv6 access-group V6 ingress\n!\n",
     "cisco-xr"},
    {"!! IOS XR Configuration 7.3.2\nhostname xr\n", "cisco-xr"},
    {"object-group network ipv4 SERVERS\n host 192.0.2.10\n!\n", "cisco-xr"},
    {"interface GigabitEthernet0/0/0/0\n ipv4 address 192.0.2.1 255.255.255.0\n ipv4 access-group EDGE "
     "ingress\n!\n",
     "cisco-xr"},

    {"ip access-list OUTSIDE-IN\n   10 permit tcp any host 192.0.2.10 eq https\n", "arista-eos"},
    {"ip access-list OUTSIDE-IN\n   counters per-entry\n   10 permit ip any any\n", "arista-eos"},
    {"! device: leaf1 (DCS-7050SX3, EOS-4.28.3M)\nhostname leaf1\n", "arista-eos"},
    {"IP Access List default-control-plane-acl [readonly]\n        10 permit icmp any any\n", "arista-eos"},
    {"management api http-commands\n   no shutdown\n", "arista-eos"},

    // Nobody's, or not to be told apart.
    {"", ""},
    {"hello world\n", ""},
    {"ip access-list L\n", ""},
};

/// Their lists share lines.
bool is_router(Dialect d) {
  return d == Dialect::cisco_ios || d == Dialect::cisco_nxos || d == Dialect::cisco_xr || d == Dialect::arista_eos;
}

TEST_CASE("each dialect is told from the others, on small excerpts") {
  for (const Sample& sample : kSamples) {
    CAPTURE(sample.text);
    const std::optional<Dialect> dialect = recognise_dialect(sample.text);
    CHECK((dialect ? std::string(name(*dialect)) : "") == sample.dialect);
  }
}

TEST_CASE("no router's reader takes ASA's lists for its own") {
  for (const char* text :
       {"access-list OUTSIDE extended permit tcp any host 192.0.2.10 eq www\n",
        "access-list 101 extended permit ip any any\naccess-group 101 in interface outside\n",
        "interface GigabitEthernet0/0\n nameif outside\n security-level 0\n ip address 192.0.2.1 "
        "255.255.255.0\n",
        "object-group network WEB\n network-object host 192.0.2.10\n", "ASA Version 9.16(1)\nhostname fw\n"}) {
    CAPTURE(text);
    for (const DialectReader& reader : dialect_readers())
      if (is_router(reader.dialect)) CHECK(reader.likeness(text) == 0);
  }
}

TEST_CASE("the readers of other families see nothing of their own in it") {
  struct Row {
    const char* text;
    Dialect dialect;
  };
  for (const Row& row : {
           Row{"hostname r\nip access-list extended IN\n permit tcp any any eq 443\n", Dialect::cisco_ios},
           Row{samples::kJunosHierarchy, Dialect::junos},
           Row{samples::kJunosSet, Dialect::junos},
           Row{samples::kSrxHierarchy, Dialect::junos},
           Row{samples::kSrxSet, Dialect::junos},
           Row{"firewall {\n  filter F {\n    term a {\n      then accept;\n", Dialect::junos},
           Row{samples::kAws, Dialect::aws},
           Row{samples::kAzure, Dialect::azure},
           Row{samples::kGcp, Dialect::gcp},
       }) {
    CAPTURE(std::string(row.text).substr(0, 60));
    const std::optional<Dialect> dialect = recognise_dialect(row.text);
    REQUIRE(dialect);
    CHECK(name(*dialect) == name(row.dialect));
    unsigned own = 0, others = 0;
    for (const DialectReader& reader : dialect_readers()) {
      CAPTURE(std::string(name(reader.dialect)));
      const unsigned likeness = reader.likeness(row.text);
      if (reader.dialect == row.dialect)
        own = likeness;
      else
        others = std::max(others, likeness);
      if (reader.dialect != row.dialect && !(is_router(reader.dialect) && is_router(row.dialect)))
        CHECK(likeness == 0);
    }
    CHECK(others < own);
  }
}

TEST_CASE("what is no configuration is told as none") {
  for (const char* text : {"", "{}", "[]", "{\"demarc\": \"scan\", \"version\": 1}", "some words of prose\n"}) {
    CAPTURE(std::string(text));
    CHECK(!recognise_dialect(text));
  }
}

TEST_CASE("a text that may be of several dialects names them") {
  const Result<Device> read = read_configuration(Source("acl.txt", "ip access-list L\n"));
  REQUIRE(!read);
  CHECK(read.error().what == "this may be of several dialects alike: cisco-nxos, arista-eos");
  CHECK(read.error().hint == "say which one with --dialect");
  CHECK(read_configuration(Source("acl.txt", "ip access-list L\n"), Dialect::arista_eos));
}

TEST_CASE("a configuration is recognised by what it says") {
  struct Row {
    const char* file;
    Dialect dialect;
  };
  for (const Row& row : {
           Row{"asa_edge.cfg", Dialect::cisco_asa},
           Row{"asa_82.cfg", Dialect::cisco_asa},
           Row{"asa_show_access_list.txt", Dialect::cisco_asa},
           Row{"ftd_lina.cfg", Dialect::cisco_asa},
       }) {
    CAPTURE(row.file);
    std::ifstream in(std::string(DEMARC_SOURCE_DIR) + "/tests/rules/acl/samples/" + row.file, std::ios::binary);
    REQUIRE(in.good());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::optional<Dialect> found = recognise_dialect(text);
    REQUIRE(found.has_value());
    CHECK(name(*found) == name(row.dialect));
  }
}

TEST_CASE("a few lines are enough") {
  struct Row {
    const char* text;
    Dialect dialect;
  };
  for (const Row& row : {
           Row{"access-list OUT extended permit tcp any host 192.0.2.10 eq 443\n", Dialect::cisco_asa},
           Row{"hostname fw\naccess-list OUT extended deny ip any any\naccess-group OUT in interface outside\n",
               Dialect::cisco_asa},
           Row{"object network WEB\n host 192.0.2.10\n", Dialect::cisco_asa},
           Row{"access-list 110 permit tcp any host 192.0.2.10 eq 443\n", Dialect::cisco_ios},
           Row{"hostname r\ninterface Gi0/0\n ip access-group IN in\nip access-list extended IN\n permit ip any "
               "any\n",
               Dialect::cisco_ios},
           Row{"object-group network SERVERS\n host 192.0.2.10\nip access-list extended L\n permit ip any any\n",
               Dialect::cisco_ios},
       }) {
    CAPTURE(row.text);
    const std::optional<Dialect> found = recognise_dialect(row.text);
    REQUIRE(found.has_value());
    CHECK(name(*found) == name(row.dialect));
  }
  CHECK(!recognise_dialect("nothing of the kind\n").has_value());
}

}  // namespace
}  // namespace demarc
