#include <doctest/doctest.h>

#include "tests/rules/acl/readers/ask.h"
#include "tests/rules/acl/readers/cloud_samples.h"

namespace demarc {
namespace {

using ask::icmp;
using ask::packet;

Device read(std::string text) {
  return read_configuration(Source("gcp.json", std::move(text)), Dialect::gcp).value();
}
std::string fate(const Device& d, const ConcretePacket& p, const char* in, const char* out) {
  const std::string a = ask::way(d, p, in, out);
  return a.substr(0, a.find(' '));
}
const char *const kOut = "198.51.100.7", *const kWeb = "10.0.1.10", *const kDb = "10.0.2.33";

TEST_CASE("with instances, tags and accounts say whom a rule is about") {
  const Device d = read(std::string(samples::kGcp) + samples::kGcpInstances);
  CHECK(d.replies_implied);
  CHECK(d.coverage.not_understood == 0);
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 443), "outside", "web1") == "permit");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 8005), "outside", "web1") == "permit");
  CHECK(fate(d, packet(kOut, kDb, Protocol::tcp, 443), "outside", "db1") == "deny");
  CHECK(fate(d, packet(kWeb, kDb, Protocol::tcp, 1433), "web1", "db1") == "permit");
  CHECK(fate(d, packet("10.0.1.11", kDb, Protocol::tcp, 1433), "outside", "db1") == "deny");
  // Of two rules with one priority the one that denies comes first.
  CHECK(ask::way(d, packet(kOut, kDb, Protocol::tcp, 445), "outside", "db1") == "deny 14");
  CHECK(fate(d, icmp(kOut, kDb, 8), "outside", "db1") == "permit");
  CHECK(fate(d, icmp("203.0.113.1", kDb, 8), "outside", "db1") == "deny");
  // Outward everything is admitted that no rule denies.
  CHECK(fate(d, packet(kDb, kOut, Protocol::tcp, 443), "db1", "outside") == "permit");
  CHECK(fate(d, packet(kWeb, kOut, Protocol::tcp, 443), "web1", "outside") == "deny");
  CHECK(fate(d, packet(kWeb, "203.0.113.9", Protocol::tcp, 443), "web1", "outside") == "permit");
  CHECK(fate(d, packet(kDb, "203.0.113.9", Protocol::tcp, 25), "db1", "outside") == "undetermined");
  CHECK(fate(d, packet(kWeb, "169.254.169.254", Protocol::tcp, 80), "web1", "outside") == "permit");
  REQUIRE(d.nats.size() == 2);
  CHECK(to_string(*d.nats[0].to) == kWeb);
  const List& list = d.lists[d.find_list("dmz ingress")];
  CHECK(list.entries[0].text == "10 old allow all from 0.0.0.0/0");
  CHECK(list.entries[0].inactive);
}

TEST_CASE("without instances tags are not decided") {
  const Device d = read(samples::kGcp);
  CHECK(d.coverage.in_part == 3);
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 443), "outside", "dmz") == "undetermined");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 444), "outside", "dmz") == "deny");
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 445), "outside", "dmz") == "deny");
  CHECK(fate(d, packet(kWeb, kOut, Protocol::tcp, 443), "dmz", "outside") == "undetermined");
  CHECK(d.lists[d.find_list("dmz ingress")].entries[2].remark == "the public site");
}

TEST_CASE("a rule that is not understood may do anything") {
  const Device d = read(R"({"items": [{"name": "a", "direction": "INGRESS", "priority": 1,
    "denied": [{"IPProtocol": "tpc"}]}, {"name": "b", "allowed": [{"IPProtocol": "all"}]}]})");
  CHECK(d.coverage.not_understood == 1);
  CHECK(fate(d, packet(kOut, kWeb, Protocol::tcp, 443), "outside", "default") == "undetermined");
  CHECK(d.diagnostics.all()[0].error.what == "'tpc' is no protocol");
}

}  // namespace
}  // namespace demarc
