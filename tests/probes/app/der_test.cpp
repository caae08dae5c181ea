#include "probes/app/der.h"

#include <doctest/doctest.h>

#include "tests/probes/app/replies.h"

using namespace demarc;
using namespace demarc::test;

TEST_CASE("a certificate tells its names and its end") {
  auto facts = read_certificate(certificate());
  REQUIRE(facts.has_value());
  CHECK(facts->common_name == "shop.example.net");
  CHECK(facts->names == std::vector<std::string>{"shop.example.net", "www.example.net", "192.0.2.10"});
  CHECK(to_string(*facts->not_after) == "2027-03-31T23:59:59Z");
}

TEST_CASE("times that are none stay unknown; the century turns at 1950") {
  CHECK(to_string(*read_certificate(certificate("a", "491231235959Z"))->not_after) == "2049-12-31T23:59:59Z");
  CHECK(to_string(*read_certificate(certificate("a", "991231235959Z"))->not_after) == "1999-12-31T23:59:59Z");
  for (const char* odd : {"271331235959Z", "270230000000Z", "2703312359Z", "270331235959X", "27033123595xZ"}) {
    CAPTURE(odd);
    CHECK_FALSE(read_certificate(certificate("a", odd))->not_after.has_value());
  }
}

TEST_CASE("names that would run in a terminal do not") {
  auto facts = read_certificate(certificate("\x1b[2Jshop"));
  CHECK(facts->common_name == "\\x1b[2Jshop");
}

TEST_CASE("no cut of a certificate is read as a whole one") {
  ByteString whole = certificate();
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    CHECK_FALSE(read_certificate(Bytes(whole).first(cut)).has_value());
}
