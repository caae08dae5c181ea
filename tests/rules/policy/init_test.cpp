#include "rules/policy/init.h"

#include <doctest/doctest.h>

#include "rules/policy/yaml_reader.h"

namespace demarc {
namespace {

Date day(int y, unsigned m, unsigned d) {
  return Date{std::chrono::year{y}, std::chrono::month{m}, std::chrono::day{d}};
}

InitOptions options_on(const Date& today) {
  InitOptions options;
  options.today = today;
  return options;
}

ObservedService seen(const char* host, Protocol protocol, std::uint16_t port, const char* service = "",
                     const char* asker = nullptr, const char* name = "") {
  ObservedService out;
  out.host = *parse_address(host);
  out.host_name = name;
  out.protocol = protocol;
  out.port = Port(port);
  out.service_name = service;
  if (asker != nullptr) out.asked_by = parse_address(asker);
  return out;
}

TEST_CASE("the worked example is read without a word of complaint, on any day") {
  for (const Date& today : {day(2026, 11, 23), day(2028, 2, 29)}) {
    std::string text = initial_rule_set({}, options_on(today));
    ReadRuleSet read = read_rule_set_text("demarc.yaml", text);
    CHECK(render(read.diagnostics) == "");
    REQUIRE(read.rules);
    CHECK(read.rules->rules.size() == 7);
    CHECK(read.rules->forbidden.size() == 3);
    CHECK(read.rules->scope.authorised_on == today);
    CHECK(read.rules->rules[0].approved.size() == 3);
    CHECK_FALSE(read.rules->rules[0].proposed);
  }
}

TEST_CASE("every section of the worked example is introduced by a comment") {
  std::string text = initial_rule_set({}, options_on(day(2026, 11, 23)));
  std::size_t sections = 0;
  for (std::size_t at = text.find("\n\n"); at != std::string::npos; at = text.find("\n\n", at + 1)) {
    char next = text[at + 2];
    if (next == ' ') continue;  // between rules
    if (text.compare(at + 2, 7, "demarc:") == 0) continue;
    CHECK_MESSAGE(next == '#', text.substr(at + 2, 60));
    ++sections;
  }
  CHECK(sections >= 12);
}

TEST_CASE("a draft names what answered and approves nothing") {
  std::vector<ObservedService> services = {
      seen("192.0.2.10", Protocol::tcp, 443, "https", "203.0.113.9", "web1.example.net"),
      seen("192.0.2.10", Protocol::tcp, 443, "https", "203.0.113.9"),
      seen("192.0.2.25", Protocol::tcp, 25, "smtp"),
      seen("192.0.2.25", Protocol::tcp, 465, "smtp", "192.0.2.10"),
      seen("2001:db8::5", Protocol::udp, 53, "domain"),
      seen("10.1.2.3", Protocol::tcp, 5432, "", "10.1.9.9"),
      seen("192.0.2.10", Protocol::icmp, 0),
  };
  InitOptions options = options_on(day(2026, 11, 23));
  options.evidence = {"scan.xml", "bad\nname\x1b[31m.pcap"};
  std::string text = initial_rule_set(services, options);
  ReadRuleSet read = read_rule_set_text("demarc.yaml", text);
  INFO(text);
  CHECK(render(read.diagnostics) == "");
  REQUIRE(read.rules);
  const RuleSet& rules = *read.rules;
  CHECK(rules.hosts.size() == 4);
  REQUIRE(rules.rules.size() == 5);
  for (const Rule& rule : rules.rules) {
    CHECK(rule.proposed);
    CHECK(rule.approved.empty());
  }
  CHECK(rules.host("web1-example-net") != nullptr);
  REQUIRE(rules.service("https") != nullptr);
  CHECK(rules.service("https")->tcp == PortSet::single(Port(443)));
  REQUIRE(rules.service("tcp-465") != nullptr);  // two ports cannot both be "smtp"
  CHECK(rules.scope.targets.addresses.empty());
  CHECK(text.find('\x1b') == std::string::npos);
  // The asker's network is known for one of them, and the asker of another is nobody's neighbour.
  auto from_of = [&](const char* service) {
    for (const Rule& rule : rules.rules)
      if (rules.services[rule.services.at(0)].name == service) return rule.from.names.at(0);
    return std::string();
  };
  CHECK(from_of("https") == "internet");
  CHECK(rules.zone(from_of("tcp-465"))->addresses.contains(*parse_address("192.0.2.77")));
  CHECK(rules.zone(from_of("tcp-5432"))->addresses.contains(*parse_address("10.1.9.1")));
}

TEST_CASE("names from the evidence are foreign text and cannot break the file") {
  std::vector<ObservedService> services;
  const char* names[] = {"null", "no",       "a: b", "- x",  "#c", "\"", "internet", "192.0.2.10", "'",
                         "{",    "\xff\xfe", "web1", "web1", "<<", "~",  "true",     "010",        "net-1"};
  std::uint16_t port = 1;
  for (const char* name : names) {
    ObservedService service = seen("192.0.2.10", Protocol::tcp, port, name, nullptr, name);
    service.host = Address::ipv4(0xC0000200U + port);
    services.push_back(service);
    ++port;
  }
  ReadRuleSet read = read_rule_set_text("demarc.yaml", initial_rule_set(services, options_on(day(2026, 11, 23))));
  CHECK(render(read.diagnostics) == "");
  REQUIRE(read.rules);
  CHECK(read.rules->hosts.size() == std::size(names));
  CHECK(read.rules->services.size() == std::size(names));
}

TEST_CASE("what no rule set can hold is counted and left out") {
  std::vector<ObservedService> services = {seen("224.0.0.1", Protocol::udp, 5353),
                                           seen("192.0.2.1", Protocol::tcp, 0), seen("fe80::1", Protocol::tcp, 22)};
  std::string text = initial_rule_set(services, options_on(day(2026, 11, 23)));
  CHECK(text.find("# 3 observations were left out") != std::string::npos);
  ReadRuleSet read = read_rule_set_text("demarc.yaml", text);
  CHECK(render(read.diagnostics) == "");
  REQUIRE(read.rules);
  CHECK(read.rules->rules.empty());
}

}  // namespace
}  // namespace demarc
