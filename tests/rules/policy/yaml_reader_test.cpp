// What the reader makes of files that are right. What it says about files that are wrong is in
// tests/scenarios/rules.
#include "rules/policy/yaml_reader.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "rules/policy/yaml_reader_parts.h"
#include "rules/text/sha256.h"

namespace demarc {
namespace {

Result<std::string> slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return failure("no such file");
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

const std::string kData = std::string(DEMARC_SOURCE_DIR) + "/tests/rules/policy/data/";

RuleFiles disk(std::string environment = "lab") {
  RuleFiles files;
  files.read = slurp;
  files.environment = [environment](std::string_view name) -> std::optional<std::string> {
    if (name != "DEMARC_ENV") return std::nullopt;
    return environment;
  };
  files.time_zone_bytes = [](std::string_view name) { return slurp("/usr/share/zoneinfo/" + std::string(name)); };
  return files;
}

RuleSet good(const std::string& file) {
  ReadRuleSet read = read_rule_set(kData + file, disk());
  INFO(render(read.diagnostics));
  REQUIRE(read.rules);
  CHECK(render(read.diagnostics) == "");
  return std::move(*read.rules);
}

Address at(const char* text) { return *parse_address(text); }

TEST_CASE("the example of the DMZ is read whole") {
  RuleSet rules = good("demarc.yaml");
  CHECK(rules.name == "iis-dmz");
  CHECK(rules.time_zone.name() == "Europe/Berlin");
  CHECK(rules.review.approval_roles.size() == 3);
  CHECK(rules.zones.size() == 8);
  CHECK(rules.hosts.size() == 13);  // one of them from the environment's file
  CHECK(rules.groups.size() == 3);
  CHECK(rules.services.size() == 21);
  CHECK(rules.rules.size() == 14);
  CHECK(rules.forbidden.size() == 9);
  CHECK(rules.exceptions.size() == 1);
  CHECK(rules.retired.size() == 1);
  CHECK(rules.accepted.size() == 1);
  CHECK(rules.vantages.size() == 6);
  CHECK(rules.sensors.size() == 2);
  CHECK(rules.devices.size() == 2);
  CHECK(rules.paths.size() == 8);
  CHECK(rules.people.size() == 4);
  CHECK(rules.translations.size() == 1);
  CHECK(rules.vips.size() == 1);

  const Rule& shop = rules.rules[0];
  CHECK(shop.id == "WEB-001");
  CHECK(rules.services[shop.services.at(0)].name == "https");
  CHECK(shop.from.names == std::vector<std::string>{"internet", "office"});
  CHECK(shop.from.addresses.contains(at("8.8.8.8")));
  CHECK(shop.from.addresses.contains(at("10.50.3.4")));
  CHECK_FALSE(shop.from.addresses.contains(at("10.20.0.11")));
  CHECK(shop.to.addresses == AddressSet{Prefix::host(at("192.0.2.10")), Prefix::host(at("192.0.2.11")),
                                        Prefix::host(at("192.0.2.12")), Prefix::host(at("2001:db8:d::12"))});
  CHECK(shop.approved.size() == 3);
  CHECK(shop.expect.at("management") == Expectation::blocked);
  CHECK(shop.use == Use::required);
  CHECK(shop.use_window == Period{.days = 35});
  CHECK(shop.reviewed.at(0).decision == "keep");
  CHECK(shop.tags == std::vector<std::string>{"pci"});
  CHECK(shop.where.line == 127);

  CHECK(rules.scope.rate_max == 5000);
  CHECK(rules.scope.rate_max_per_target == 500);
  CHECK(rules.scope.states_max_per_path == 5000);
  CHECK(rules.scope.targets.addresses.contains(at("203.0.113.77")));  // vantage:external
  CHECK(rules.scope.vantage_targets == std::vector<std::string>{"external"});
  REQUIRE(rules.scope.windows.size() == 2);
  CHECK(rules.scope.windows[0].weekly);
  CHECK(rules.scope.windows[0].day_from == 6);
  CHECK(rules.scope.windows[0].day_to == 0);
  CHECK(rules.scope.windows[1].ticket == "CHG-1120");
  REQUIRE(rules.scope.blackouts.size() == 1);
  CHECK(to_string(rules.scope.blackouts[0].end.date) == "2027-01-07");  // a day alone is included as an end
  CHECK(rules.coverage.udp.catalogue);
  CHECK_FALSE(rules.coverage.icmp.catalogue);
  CHECK(rules.coverage.age_max == Period{.days = 7});
  CHECK(rules.service("traps-logs")->one_way);
  CHECK(rules.service("path-mtu")->icmp.at(0) == IcmpType{3, 4});
  CHECK(rules.service("path-mtu")->icmpv6.at(0) == IcmpType{2, std::nullopt});
  CHECK(rules.service("ftp")->related_tcp == PortSet{{Port(50000), Port(51000)}});
  CHECK(rules.vantage("external")->canaries.at(0).address == at("192.0.2.10"));
  CHECK(rules.vantage("external")->ssh->identity == "~/.ssh/probe");
  CHECK(rules.vantage("lab-office")->behind_nat);
  CHECK(rules.forbidden.at(0).severity == Severity::critical);
  CHECK(rules.paths.at(7).none);
}

TEST_CASE("every key and every form is taken without a word") {
  RuleSet rules = good("every-key.yaml");
  CHECK(rules.zone("dmz")->intra_allowed);
  CHECK_FALSE(rules.zone("back")->intra_allowed);
  CHECK(rules.host("ups1")->care == Care::never);
  CHECK(rules.service("ntp")->source_ports == PortSet::single(Port(123)));
  CHECK(rules.service("vpn")->ip == std::vector<Protocol>{Protocol::esp, Protocol::vrrp});
  CHECK(rules.translations.at(0).ports ==
        std::vector<std::pair<Port, Port>>{{Port(80), Port(8080)}, {Port(443), Port(8443)}});
  CHECK(rules.vantage("inside")->zone == "back");
  CHECK(rules.vantage("outside")->canaries.size() == 3);  // two addresses of one card, and one by itself
  CHECK(rules.sensor("tap")->sampling == 100);
  CHECK(rules.sensor("tap")->beyond_filter);
  CHECK(rules.coverage.tcp.ports == PortSet{{Port(22), Port(22)}, {Port(8000), Port(8100)}});
  CHECK(rules.coverage.icmp.none);
  CHECK(rules.paths.at(0).via == std::vector<std::vector<std::string>>{{"rtr-a", "rtr-b"}, {"fw"}});
  CHECK(rules.scope.windows.at(1).day_to == 4);  // Wed 24:00 is Thu 00:00
  CHECK(rules.scope.windows.at(1).to == std::chrono::minutes(0));
  CHECK(rules.rules.at(0).verify_by == VerifyBy::probe);
  CHECK(rules.rules.at(1).proposed);
  CHECK(rules.rules.at(1).temporary);
  CHECK(rules.rules.at(1).temporary_until.has_value());
  CHECK(rules.rules.at(2).temporary);  // `until` alone says so
  CHECK(rules.accepted.at(1).id == "0123456789ab");
  CHECK(rules.accepted.at(0).target_addresses.contains(at("192.0.2.12")));
  CHECK(rules.exceptions.at(0).of == "F-2");
}

TEST_CASE("the hash names the bytes of all files in reading order") {
  RuleSet rules = good("demarc.yaml");
  std::string all = *slurp(kData + "demarc.yaml") + *slurp(kData + "baseline/forbidden-from-outside.yaml") +
                    *slurp(kData + "env/lab.yaml");
  CHECK(rules.sha256 == sha256_hex(all));
}

TEST_CASE("the longest prefix wins, a zone may take back what lies inside another, and `any` takes the rest") {
  ReadRuleSet read =
      read_rule_set_text("t.yaml",
                         "demarc: 1\nzones:\n  site: { cidrs: [10.0.0.0/8, 10.1.1.0/24] }\n  lab: { cidrs: "
                         "[10.1.0.0/16] }\n  edge: { cidrs: [10.0.0.0/30] }\n"
                         "  top: { cidrs: [10.255.255.0/24, 198.51.100.0/24] }\n  rest: { any: true }\n");
  REQUIRE(read.rules);
  struct Row {
    const char *address, *zone;
  };
  for (const Row& row : {Row{"10.0.0.0", "edge"},     Row{"10.0.0.3", "edge"},      Row{"10.0.0.4", "site"},
                         Row{"10.0.255.255", "site"}, Row{"10.1.0.0", "lab"},       Row{"10.1.0.255", "lab"},
                         Row{"10.1.1.0", "site"},     Row{"10.1.1.255", "site"},    Row{"10.1.2.0", "lab"},
                         Row{"10.1.255.255", "lab"},  Row{"10.2.0.0", "site"},      Row{"10.255.254.255", "site"},
                         Row{"10.255.255.0", "top"},  Row{"10.255.255.255", "top"}, Row{"198.51.100.7", "top"},
                         Row{"11.0.0.0", "rest"},     Row{"8.8.8.8", "rest"},       Row{"2001:db8::1", "rest"},
                         Row{"192.168.1.1", ""},      Row{"172.16.0.1", ""},        Row{"127.0.0.1", ""},
                         Row{"224.0.0.1", ""},        Row{"255.255.255.255", ""},   Row{"0.0.0.0", ""},
                         Row{"169.254.1.1", ""},      Row{"100.64.0.1", ""},        Row{"::1", ""},
                         Row{"fe80::1", ""},          Row{"ff02::1", ""},           Row{"fc00::1", ""}}) {
    CAPTURE(row.address);
    std::string holder;
    int holders = 0;
    for (const Zone& zone : read.rules->zones) {
      if (!zone.addresses.contains(at(row.address))) continue;
      holder = zone.name;
      ++holders;
    }
    CHECK(holder == row.zone);
    CHECK(holders <= 1);
    const Zone* looked_up = read.rules->zone_of(at(row.address));  // the other way to ask must agree
    CHECK((looked_up == nullptr ? std::string() : looked_up->name) == row.zone);
  }
}

TEST_CASE("`any` is exactly what is classed as unicast") {
  const AddressSet& set = policy_reading::global_unicast();
  for (const AddressRange& range : set.ranges()) {
    CHECK(classify(range.first) == AddressClass::unicast);
    CHECK(classify(range.last) == AddressClass::unicast);
    Uint128 first = range.first.number(), last = range.last.number();
    if (first != 0) CHECK(classify(Address::of(range.first.family(), first - 1)) != AddressClass::unicast);
    if (last != (range.last.is_ipv4() ? Uint128{0xFFFFFFFF} : ~Uint128{0}))
      CHECK(classify(Address::of(range.last.family(), last + 1)) != AddressClass::unicast);
  }
  for (std::uint32_t step = 0; step < 65536; ++step) {
    Address address = Address::ipv4((step << 16) + step);
    CHECK(set.contains(address) == (classify(address) == AddressClass::unicast));
  }
}

TEST_CASE("groups of groups come to the same addresses as their members") {
  ReadRuleSet read =
      read_rule_set_text("t.yaml",
                         "demarc: 1\nzones: { dmz: { cidrs: [192.0.2.0/24] } }\nhosts: { a: { addresses: "
                         "[192.0.2.1] }, b: { nics: { x: [192.0.2.2], y: [192.0.2.3] } } }\n"
                         "groups:\n  outer: [inner, a]\n  inner: [b.x, 192.0.2.128/25]\n");
  REQUIRE(read.rules);
  CHECK(read.rules->groups.at(0).members.addresses ==
        AddressSet{Prefix::host(at("192.0.2.1")), Prefix::host(at("192.0.2.2")), *parse_prefix("192.0.2.128/25")});
}

TEST_CASE("a missing file, a directory and a file that cannot be read say so") {
  ReadRuleSet read = read_rule_set(kData + "nowhere.yaml", disk());
  CHECK_FALSE(read.rules);
  CHECK(render(read.diagnostics) == kData + "nowhere.yaml: error: no such file\n");
}

TEST_CASE("a flood of errors is cut, counted and does not take long") {
  std::string text = "demarc: 1\nhosts:\n";
  for (int i = 0; i < 3000; ++i) text += fmt::format("  host-{}: {{ addresses: [192.0.2.1] }}\n", i);
  text += "rules:\n";
  for (int i = 0; i < 20'000; ++i)
    text += fmt::format("  - {{ id: R-{}, service: nothing, from: hist-{}, to: nobody }}\n", i, i);
  ReadRuleSet read = read_rule_set_text("t.yaml", text);
  CHECK_FALSE(read.rules);
  CHECK(read.diagnostics.all().size() == 200);
  CHECK(read.diagnostics.error_count() == 60'000);
  CHECK(read.diagnostics.suppressed() > 59'000);
  CHECK(read.diagnostics.all().back().level == DiagnosticLevel::error);  // warnings do not push errors out
}

TEST_CASE("addresses by the million are refused, not stored") {
  std::string text = "demarc: 1\nservices: { s: { tcp: [1] } }\ngroups:\n  many:\n";
  for (int i = 0; i < 30'000; ++i) text += fmt::format("    - 198.18.{}.{}\n", i / 125, (i % 125) * 2);
  text += "rules:\n";
  for (int i = 0; i < 500; ++i)
    text += fmt::format("  - {{ id: R-{}, service: s, from: many, to: many, owner: a, reason: b }}\n", i);
  ReadRuleSet read = read_rule_set_text("t.yaml", text);
  CHECK_FALSE(read.rules);
  REQUIRE(read.diagnostics.error_count() == 1);
  CHECK(render(read.diagnostics).find("more than 10000000 address ranges") != std::string::npos);
}

TEST_CASE("ten thousand rules are ten thousand rules") {
  std::string text =
      "demarc: 1\nzones: { internet: { any: true }, dmz: { cidrs: [192.0.2.0/24] } }\nservices: { https: { tcp: "
      "[443] } }\nrules:\n";
  for (int i = 0; i < 10'000; ++i)
    text += fmt::format(
        "  - {{ id: R-{}, service: https, from: internet, to: 192.0.2.{}, owner: web, reason: shop }}\n", i,
        i % 254 + 1);
  ReadRuleSet read = read_rule_set_text("t.yaml", text);
  REQUIRE(read.rules);
  CHECK(read.rules->rules.size() == 10'000);
  CHECK(read.rules->rules[9'999].id == "R-9999");
  CHECK(read.rules->rules[9'999].where.line == 10'004);
}

}  // namespace

TEST_CASE("what becomes an argument of ssh cannot be an option, a shell's word or a token") {
  auto errors = [](const std::string& fields) {
    ReadRuleSet read = read_rule_set_text(
        "t.yaml", "demarc: 1\nzones: { internet: { any: true } }\nvantages:\n  v: { address: 203.0.113.7, ssh: { " +
                      fields + " } }\n");
    return read.diagnostics.error_count();
  };
  for (const char* good : {"host: probe.example", "host: scan@probe.example", "host: \"scan@2001:db8::7\"",
                           "host: \"[2001:db8::7]\"", "host: a, jump: \"me@b,c:2222\"",
                           "host: a, identity: ~/.ssh/key, known_hosts: /etc/demarc/known_hosts, port: 22"}) {
    CAPTURE(good);
    CHECK(errors(good) == 0);
  }
  for (const char* bad : {"host: -oProxyCommand=id",
                          "host: scan@-oProxyCommand=id",
                          "host: \"a b\"",
                          "host: \"a\\nb\"",
                          "host: \"a\\x1b\"",
                          "host: \"$(id)\"",
                          "host: \"`id`\"",
                          "host: \"a;id\"",
                          "host: \"%h\"",
                          "host: \"a@b@\"",
                          "host: \"@a\"",
                          "host: \"\"",
                          "host: \"a,b\"",
                          "host: \"ssh://a/\"",
                          "host: a, jump: \"-J\"",
                          "host: a, jump: \"b,-oX\"",
                          "host: a, jump: \"b,,c\"",
                          "host: a, jump: \"$(id)\"",
                          "host: a, identity: -oX",
                          "host: a, identity: \"a b\"",
                          "host: a, identity: \"%d/x\"",
                          "host: a, known_hosts: \"a\\tb\"",
                          "host: a, known_hosts: \"-x\"",
                          "host: a, port: 0",
                          "host: a, shell: sh"}) {
    CAPTURE(bad);
    CHECK(errors(bad) > 0);
  }
}

}  // namespace demarc
