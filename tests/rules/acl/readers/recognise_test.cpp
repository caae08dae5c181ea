// Content tells the dialect, and no dialect takes another's text.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "rules/acl/readers/reader.h"

namespace demarc {
namespace {

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
