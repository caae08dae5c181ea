#include "scanner/app/scope_limit.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include "scanner/files/file.h"

using namespace demarc;

namespace {
struct Limit {
  std::string path;
  explicit Limit(const char* text) {
    char name[] = "/tmp/demarc-limit-XXXXXX";
    int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
    REQUIRE(write_file_atomically(path, text));
  }
  ~Limit() { unlink(path.c_str()); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;
};
Scope scope_of(const char* prefix) {
  std::vector<Prefix> prefixes = {*parse_prefix(prefix)};
  return *Scope::from_prefixes(prefixes);
}
}  // namespace

TEST_CASE("a limit is one prefix a line, or a YAML list of them") {
  for (const char* text : {"192.0.2.0/26\n2001:db8::/64\n", "# ours\n\n  192.0.2.0/26  # front\r\n2001:db8::/64",
                           "- 192.0.2.0/26\n- \"2001:db8::/64\"\n"}) {
    CAPTURE(text);
    Limit file(text);
    Result<ScopeLimit> limit = ScopeLimit::read(file.path);
    REQUIRE(limit);
    AddressSet inside = AddressSet::all().minus(AddressSet::of(limit->outside()));
    CHECK(to_string(inside) == "192.0.2.0/26, 2001:db8::/64");
  }
  for (const char* bad : {"", "# nothing\n", "192.0.2.0/26\nweb1\n", "192.0.2.1/26\n", "targets: [192.0.2.0/26]\n",
                          "192.0.2.0/26 198.51.100.0/24\n"}) {
    CAPTURE(bad);
    Limit file(bad);
    Result<ScopeLimit> limit = ScopeLimit::read(file.path);
    REQUIRE_FALSE(limit);
    CHECK(limit.error().where.file == file.path);
  }
  CHECK_FALSE(ScopeLimit::read("/nonexistent/limit"));
}

TEST_CASE("the scope is cut and that is said; what was named is refused") {
  Limit file("192.0.2.0/27\n");
  Result<ScopeLimit> limit = ScopeLimit::read(file.path);
  REQUIRE(limit);
  CHECK(limit->left_out(scope_of("192.0.2.0/28"), {})->empty());
  Result<std::string> note = limit->left_out(scope_of("192.0.2.0/26"), {});
  REQUIRE(note);
  CHECK(note->find("leaves out 192.0.2.32/27") != std::string::npos);
  CHECK_FALSE(limit->left_out(scope_of("198.51.100.0/24"), {}));
  std::vector<Prefix> inside = {*parse_prefix("192.0.2.9")}, outside = {*parse_prefix("192.0.2.40")};
  CHECK(limit->left_out(scope_of("192.0.2.0/26"), inside)->empty());
  CHECK_FALSE(limit->left_out(scope_of("192.0.2.0/26"), outside));
}
