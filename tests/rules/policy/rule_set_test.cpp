#include "rules/policy/rule_set.h"

#include <doctest/doctest.h>

#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

namespace {
std::string zone_name(const RuleSet& rules, std::string_view address) {
  const Zone* zone = rules.zone_of(ip(address));
  return zone == nullptr ? "-" : zone->name;
}
}  // namespace

TEST_CASE("the zone of an address is that of the longest prefix, and `any` takes global unicast only") {
  RuleSet r;
  auto add = [&](std::string name, std::vector<Prefix> cidrs) {
    Zone z;
    z.name = std::move(name);
    z.any = cidrs.empty();
    z.cidrs = std::move(cidrs);
    r.zones.push_back(std::move(z));
  };
  add("internet", {});
  add("site", {net("10.0.0.0/8"), net("2001:db8::/32")});
  add("dmz", {net("10.1.0.0/16"), net("2001:db8:d::/64")});
  add("farm", {net("10.1.2.0/24"), net("255.255.255.0/24"), net("10.255.255.255")});
  struct Row {
    const char* address;
    const char* zone;
  };
  for (const Row& row : {Row{"10.0.0.0", "site"},
                         Row{"10.0.255.255", "site"},
                         Row{"10.1.0.0", "dmz"},
                         Row{"10.1.1.255", "dmz"},
                         Row{"10.1.2.0", "farm"},
                         Row{"10.1.2.255", "farm"},
                         Row{"10.1.3.0", "dmz"},
                         Row{"10.1.255.255", "dmz"},
                         Row{"10.2.0.0", "site"},
                         Row{"10.255.255.254", "site"},
                         Row{"10.255.255.255", "farm"},
                         Row{"11.0.0.0", "internet"},
                         Row{"9.255.255.255", "internet"},
                         Row{"172.16.0.1", "-"},
                         Row{"192.168.1.1", "-"},
                         Row{"224.0.0.1", "-"},
                         Row{"169.254.0.1", "-"},
                         Row{"127.0.0.1", "-"},
                         Row{"0.0.0.0", "-"},
                         Row{"255.255.255.200", "farm"},
                         Row{"2001:db8::1", "site"},
                         Row{"2001:db8:d::1", "dmz"},
                         Row{"2001:db8:d:1::", "site"},
                         Row{"2001:db9::1", "internet"},
                         Row{"fe80::1", "-"},
                         Row{"ff02::1", "-"},
                         Row{"fd00::1", "-"},
                         Row{"::", "-"}}) {
    CAPTURE(row.address);
    CHECK(zone_name(r, row.address) == row.zone);
  }
}

TEST_CASE("addresses and names find each other, and what is added later is found") {
  RuleSet r = small_dmz();
  CHECK(r.name_of(ip("192.0.2.11")) == "web1.front");
  CHECK(r.name_of(ip("10.20.0.11")) == "web1.back");
  CHECK(r.name_of(ip("192.0.2.5")) == "mail");
  CHECK(r.name_of(ip("203.0.113.77")) == "vantage:external");
  CHECK(r.name_of(ip("192.0.2.9")).empty());
  CHECK(r.host_of(ip("10.20.0.11"))->name == "web1");
  CHECK(r.host_of(ip("203.0.113.77")) == nullptr);
  CHECK(r.device_of(ip("10.20.0.1"))->name == "fw");
  CHECK(r.device_of(ip("192.0.2.5")) == nullptr);
  CHECK(r.zone("dmz")->name == "dmz");
  CHECK(r.zone("dm") == nullptr);
  CHECK(r.service("https")->tcp == ports("443"));
  CHECK(r.vantage("office")->zone == "office");
  CHECK(r.person("ito")->roles.front() == "network");
  CHECK(r.rule("R-1") == nullptr);
  r.rules.push_back(rule(r, "R-1", {"https"}, {"internet"}, {"web1.front"}));
  CHECK(r.rule("R-1")->id == "R-1");
  Exception x;
  x.rule = rule(r, "X-1", {"smb"}, {"office"}, {"web1"});
  r.exceptions.push_back(x);
  CHECK(r.rule("X-1")->id == "X-1");
  RuleSet copy = r;
  copy.rules[0].reason = "changed";
  CHECK(copy.rule("R-1")->reason == "changed");
  CHECK(r.rule("R-1")->reason.empty());
}

TEST_CASE("severities and care by name") {
  for (int i = 0; i <= static_cast<int>(Severity::critical); ++i)
    CHECK(parse_severity(name(static_cast<Severity>(i))) == static_cast<Severity>(i));
  CHECK_FALSE(parse_severity("urgent"));
  CHECK(name(Care::discovery_only) == "discovery-only");
}
