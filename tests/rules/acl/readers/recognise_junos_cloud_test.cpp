#include <doctest/doctest.h>

#include <algorithm>

#include "rules/acl/readers/reader.h"
#include "tests/rules/acl/readers/cloud_samples.h"
#include "tests/rules/acl/readers/junos_samples.h"

namespace demarc {
namespace {

TEST_CASE("a configuration is told by its content") {
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
    // The readers of other families see nothing of their own in it; the routers' dialects share lines.
    const auto is_router = [](Dialect d) {
      return d == Dialect::cisco_ios || d == Dialect::cisco_nxos || d == Dialect::cisco_xr || d == Dialect::arista_eos;
    };
    unsigned own = 0, others = 0;
    for (const DialectReader& reader : dialect_readers()) {
      CAPTURE(std::string(name(reader.dialect)));
      const unsigned likeness = reader.likeness(row.text);
      if (reader.dialect == row.dialect)
        own = likeness;
      else
        others = std::max(others, likeness);
      if (reader.dialect != row.dialect && !(is_router(reader.dialect) && is_router(row.dialect))) CHECK(likeness == 0);
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

}  // namespace
}  // namespace demarc
