#include "rules/net/port.h"

#include <doctest/doctest.h>

#include "rules/net/protocol.h"

using namespace demarc;

TEST_CASE("port sets as engineers write them") {
  struct Row {
    const char *in, *out;
  };
  for (const Row& row : {Row{"22,80-90", "22,80-90"}, Row{"90,80-89", "80-90"}, Row{"0-65535", "0-65535"},
                         Row{"443", "443"}, Row{"1-5,3-9", "1-9"}}) {
    CAPTURE(row.in);
    REQUIRE(parse_port_set(row.in));
    CHECK(to_string(*parse_port_set(row.in)) == row.out);
  }
  for (const char* bad :
       {"", ",", "80,", "80-", "-80", "65536", "080", "0x50", "80 ", "1-2-3", "+1", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_port_set(bad));
  }
  CHECK(parse_port_set("90-80").error().what == "the range '90-80' runs backwards");
  CHECK(parse_port_set("90-80").error().hint == "write 80-90");
}

TEST_CASE("the only port of a set") {
  CHECK(PortSet::single(Port(0)).only() == Port(0));
  CHECK(PortSet::single(Port(65535)).only() == Port(65535));
  CHECK_FALSE(PortSet().only());
  CHECK_FALSE(PortSet::all().only());
  CHECK_FALSE(parse_port_set("80,443")->only());
}

TEST_CASE("set operations at the ends of the range") {
  PortSet all = PortSet::all();
  CHECK(all.size() == 65536);
  CHECK(to_string(all.minus(PortSet::single(Port(0)))) == "1-65535");
  CHECK(to_string(all.minus(PortSet::single(Port(65535)))) == "0-65534");
  CHECK(all.minus(all).empty());
  PortSet web = *parse_port_set("80,443"), low = *parse_port_set("1-1023");
  CHECK(to_string(low.minus(web)) == "1-79,81-442,444-1023");
  CHECK(low.contains(web));
  CHECK_FALSE(web.contains(low));
  CHECK(to_string(web.unite(*parse_port_set("81-442"))) == "80-443");
  CHECK(web.intersect(*parse_port_set("443-500")) == PortSet::single(Port(443)));
}

TEST_CASE("protocols by name and number") {
  CHECK(parse_protocol("tcp") == Protocol::tcp);
  CHECK(parse_protocol("esp") == Protocol::esp);
  CHECK(parse_protocol("253")->number() == 253);
  CHECK_FALSE(parse_protocol("256"));
  CHECK_FALSE(parse_protocol("06"));
  CHECK(to_string(Protocol(99)) == "99");
}
