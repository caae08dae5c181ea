#include "rules/policy/scope.h"

#include <doctest/doctest.h>

#include <type_traits>

#include "tests/rules/policy/world.h"

using namespace demarc;
using namespace demarc::world;

// Nobody but Scope makes a Target.
static_assert(!std::is_default_constructible_v<Target>);
static_assert(!std::is_constructible_v<Target, Address, Care>);

TEST_CASE("what is admitted, and why the rest is not") {
  RuleSet r = small_dmz();
  r.scope.exclude = ends(r, {"mail"});
  r.hosts[3].care = Care::never;   // db
  r.hosts[0].care = Care::gentle;  // web1
  Scope scope = Scope::from_rules(r).value();
  struct Row {
    const char* address;
    const char* why;
  };
  for (const Row& row :
       {Row{"192.0.2.11", ""}, Row{"192.0.2.9", ""}, Row{"2001:db8:d::12", ""},
        Row{"192.0.2.5", "mail (192.0.2.5) is excluded from the scope"},
        Row{"10.30.0.3", "db (10.30.0.3) has `care: never` and is never asked"},
        Row{"192.0.2.1", "fw (192.0.2.1) is an address of the filtering device fw"},
        Row{"192.0.2.0", "192.0.2.0 is the network address of a known prefix and never a target"},
        Row{"192.0.2.15", "192.0.2.15 is the broadcast address of a known prefix and never a target"},
        Row{"192.0.2.16", "192.0.2.16 is outside the authorised scope"},
        Row{"10.20.0.11", "web1.back (10.20.0.11) is outside the authorised scope"},
        Row{"224.0.0.1", "224.0.0.1 is a multicast address and never a target"},
        Row{"255.255.255.255", "255.255.255.255 is the broadcast address and never a target"},
        Row{"fe80::1", "fe80::1 is link-local and never a target"},
        Row{"0.0.0.0", "0.0.0.0 is the unspecified address and never a target"},
        Row{"127.0.0.1", "127.0.0.1 is this machine itself"},
        Row{"::ffff:192.0.2.5", "::ffff:192.0.2.5 is excluded from the scope"}}) {
    CAPTURE(row.address);
    Result<Target> target = scope.admit(ip(row.address));
    CHECK((target ? "" : target.error().what) == std::string(row.why));
    CHECK(scope.admits(ip(row.address)) == target.has_value());
  }
  CHECK(scope.admit(ip("192.0.2.11"))->care() == Care::gentle);
  CHECK_FALSE(scope.admits(ip("::ffff:192.0.2.11")));  // would leave as IPv4, under another name
}

TEST_CASE("a filtering device is a target only where the scope names it") {
  RuleSet r = small_dmz();
  r.scope.targets = ends(r, {"dmz", "fw"});
  CHECK(Scope::from_rules(r)->admits(ip("192.0.2.1")));
  CHECK(Scope::from_rules(r)->admits(ip("10.20.0.1")));
  r.scope.targets = ends(r, {"dmz", "192.0.2.1"});
  CHECK(Scope::from_rules(r)->admits(ip("192.0.2.1")));
}

TEST_CASE("translations and vantage points belong to the scope") {
  RuleSet r = small_dmz();
  Translation t;
  t.real_name = "web1.front";
  t.real = {ip("192.0.2.11")};
  t.seen_as = ip("203.0.113.10");
  t.from = ends(r, {"internet"});
  r.translations.push_back(t);
  r.scope.vantage_targets = {"vantage:external"};
  CHECK(Scope::from_rules(r)->admits(ip("203.0.113.10")));
  CHECK(Scope::from_rules(r)->admits(ip("203.0.113.77")));
  CHECK_FALSE(Scope::from_rules(r)->admits(ip("203.0.113.11")));
  SUBCASE("what excludes the host excludes its face") {
    Prefix excluded = net("192.0.2.11");
    CHECK_FALSE(Scope::from_rules(r, {&excluded, 1})->admits(ip("203.0.113.10")));
  }
  SUBCASE("care goes with the host") {
    r.hosts[0].care = Care::never;
    CHECK_FALSE(Scope::from_rules(r)->admits(ip("203.0.113.10")));
  }
}

TEST_CASE("without a scope nothing may be asked") {
  RuleSet r = small_dmz();
  r.scope = {};
  CHECK(Scope::from_rules(r).error().what == "the rule set has no scope, so nothing may be asked");
  r.scope.given = true;
  CHECK(Scope::from_rules(r).error().what == "the scope has no targets, so nothing may be asked");
  CHECK_FALSE(Scope::from_prefixes({}));
}

TEST_CASE("a scope from the command line") {
  std::vector<Prefix> targets = {net("127.0.0.1"), net("192.0.2.0/29")}, exclude = {net("192.0.2.4")};
  Scope scope = Scope::from_prefixes(targets, exclude).value();
  CHECK(scope.admits(ip("127.0.0.1")));
  CHECK_FALSE(scope.admits(ip("127.0.0.2")));
  CHECK_FALSE(scope.admits(ip("192.0.2.4")));
  CHECK_FALSE(scope.admits(ip("192.0.2.7")));
  std::vector<Prefix> multicast = {net("224.0.0.0/4"), net("169.254.0.0/16")};
  CHECK_FALSE(Scope::from_prefixes(multicast)->admits(ip("224.0.0.5")));
  CHECK_FALSE(Scope::from_prefixes(multicast)->admits(ip("169.254.1.1")));
}

TEST_CASE("enumeration: IPv4 and long IPv6 prefixes by address, short ones by what is known") {
  RuleSet r = small_dmz();
  r.scope.targets = ends(r, {"dmz", "2001:db8:f::ff00/120"});
  Scope scope = Scope::from_rules(r).value();
  std::vector<Address> known = {ip("2001:db8:d::77"), ip("2001:db8:99::1")};
  Scope::Enumeration all = scope.enumerate(known).value();
  // 192.0.2.0/28 without network, broadcast and firewall; web2 and a known one of the /64; 256 of the /120.
  CHECK(all.targets.size() == 13 + 2 + 256);
  REQUIRE(all.notes.size() == 2);
  CHECK(all.notes[0] ==
        "2001:db8:d::/64 is too large to ask address by address: 1 named host and 1 known from evidence stand for "
        "it");
  CHECK(all.notes[1] == "fw (192.0.2.1) is an address of the filtering device fw");
  for (const Target& t : all.targets) CHECK(scope.admits(t.address()));
  AddressSet within{net("192.0.2.8/29")};
  CHECK(scope.enumerate({}, 100, &within)->targets.size() == 7);
  std::vector<Prefix> everything = {net("0.0.0.0/0"), net("::/0")};
  CHECK_FALSE(Scope::from_prefixes(everything)->enumerate());  // and at once
}

TEST_CASE("rates: never above the scope, divided among all who send") {
  RuleSet r = small_dmz();
  r.scope.rate_max = 5000;
  Scope scope = Scope::from_rules(r).value();
  CHECK(scope.rate_share(0, 1)->packets_per_second == 1000);
  CHECK(scope.rate_share(5000, 4)->packets_per_second == 1250);
  CHECK(scope.rate_share(5000, 4)->packets_per_second_per_target == 50);
  CHECK(scope.rate_share(5000, 4)->states_per_path == 500);
  CHECK(scope.rate_share(5001, 1).error().what == "--rate 5001 is above the scope's max_rate of 5000 packets/s");
  CHECK_FALSE(scope.rate_share(2, 3));
}

TEST_CASE("fragile ports get no application bytes unless a rule names them") {
  RuleSet r = small_dmz();
  service(r, "modbus", "502");
  r.rules.push_back(rule(r, "OT-1", {"modbus"}, {"office"}, {"web1.front"}));
  r.rules.push_back(rule(r, "ALL", {"every"}, {"office"}, {"web2"}));
  r.hosts[2].care = Care::discovery_only;  // mail
  Scope scope = Scope::from_rules(r).value();
  auto speak = [&](const char* address, std::uint16_t port) {
    return scope.speak_allowed(scope.admit(ip(address)).value(), Port{port});
  };
  CHECK(speak("192.0.2.11", 502));
  CHECK_FALSE(speak("192.0.2.12", 502));
  for (std::uint16_t port : {std::uint16_t{9100}, std::uint16_t{9107}, std::uint16_t{515}, std::uint16_t{102},
                             std::uint16_t{20000}, std::uint16_t{44818}})
    CHECK_FALSE(speak("192.0.2.11", port));
  CHECK(speak("192.0.2.11", 9108));
  CHECK(speak("192.0.2.11", 443));
  CHECK_FALSE(speak("192.0.2.5", 443));
}

TEST_CASE("the hash of a scope follows what it allows") {
  RuleSet r = small_dmz();
  std::string before = Scope::from_rules(r)->sha256();
  CHECK(Scope::from_rules(r)->sha256() == before);
  r.rules.push_back(rule(r, "R-1", {"https"}, {"internet"}, {"web1.front"}));
  CHECK(Scope::from_rules(r)->sha256() == before);
  r.scope.exclude = ends(r, {"mail"});
  CHECK(Scope::from_rules(r)->sha256() != before);
}
