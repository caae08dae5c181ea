#include "rules/verdict/finding.h"

#include <doctest/doctest.h>

#include <set>

#include "rules/verdict/reconcile.h"

namespace demarc {
namespace {

Finding smb(std::string rule = "F-SMB") {
  Finding f;
  f.kind = FindingKind::exposed_forbidden;
  f.severity = Severity::critical;
  f.rule = std::move(rule);
  f.from_zone = "internet";
  f.to_zone = "dmz";
  f.target = "web1";
  f.protocol = Protocol::tcp;
  f.ports = PortSet::single(Port{445});
  return f;
}

TEST_CASE("every kind has its own name, a meaning and a remedy, and is found by its name") {
  std::set<std::string_view> names;
  for (std::size_t k = 0; k < kFindingKinds; ++k) {
    const auto kind = static_cast<FindingKind>(k);
    CHECK(names.insert(name(kind)).second);
    CHECK(parse_finding_kind(name(kind)) == kind);
    CHECK(!meaning(kind).empty());
    CHECK(!default_remedy(kind).empty());
  }
  CHECK(parse_finding_kind("exposed") == std::nullopt);
}

TEST_CASE("only not-measured has no severity") {
  for (std::size_t k = 0; k < kFindingKinds; ++k) {
    const auto kind = static_cast<FindingKind>(k);
    CHECK((default_severity(kind) == Severity::none) == (kind == FindingKind::not_measured));
  }
}

TEST_CASE("an id is twelve hex digits of what the finding is about, and of nothing else") {
  Finding a = smb();
  set_finding_id(a);
  CHECK(a.id.size() == 12);
  CHECK(a.id.find_first_not_of("0123456789abcdef") == std::string::npos);

  Finding b = smb();
  b.title = "other words";
  b.severity = Severity::low;
  b.evidence.push_back({"scan.jsonl", "record 9", "open"});
  b.vantages = {"external"};
  set_finding_id(b);
  CHECK(b.id == a.id);

  const auto differs = [&](auto change) {
    Finding c = smb();
    change(c);
    set_finding_id(c);
    return c.id != a.id;
  };
  CHECK(differs([](Finding& f) { f.kind = FindingKind::flow_forbidden; }));
  CHECK(differs([](Finding& f) { f.rule = "F-OTHER"; }));
  CHECK(differs([](Finding& f) { f.from_zone = "office"; }));
  CHECK(differs([](Finding& f) { f.target = "web2"; }));
  CHECK(differs([](Finding& f) { f.target_address = Address::ipv4(1); }));
  CHECK(differs([](Finding& f) { f.protocol = Protocol::udp; }));
  CHECK(differs([](Finding& f) { f.ports = PortSet::single(Port{139}); }));
}

TEST_CASE("a gap keeps its id while its numbers change") {
  Finding a, b;
  a.title = "12 of 65535 TCP ports not asked from external";
  b.title = "9000 of 65535 TCP ports not asked from external";
  set_finding_id(a);
  set_finding_id(b);
  CHECK(a.id == b.id);
}

TEST_CASE("the worst comes first") {
  Finding a = smb(), b = smb();
  b.severity = Severity::low;
  CHECK(finding_before(a, b));
  CHECK(!finding_before(b, a));
  b.severity = a.severity;
  CHECK(!finding_before(a, b));
  b.target = "web2";
  CHECK(finding_before(a, b));
}

}  // namespace
}  // namespace demarc
