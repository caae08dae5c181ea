// Commands for clouds, entered by a tool of our own into rules that are then written out, read and judged again.
#include "rules/verdict/suggest_cloud.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "tests/rules/space/naive.h"
#include "tests/rules/verdict/cloud_commands.h"

namespace demarc {
namespace {

using cloud_commands::rule;
using Words = std::vector<std::string>;

/// A rule as a provider keeps it.
struct Kept {
  std::string name;
  unsigned priority = 0;
  bool inward = true, deny = false;
  std::string protocol = "tcp";
  Words sources, destinations, ports, source_ports;
};

std::string list_of(const Words& words) {
  return words.empty() ? "[]" : fmt::format("[\"{}\"]", fmt::join(words, "\", \""));
}

/// The provider's document: two machines of the dmz, and the rules.
std::string document(Dialect dialect, const std::vector<Kept>& rules) {
  std::string out;
  const auto put = [&](std::string text) { out += (out.empty() ? "" : ",\n") + text; };
  const bool gcp = dialect == Dialect::gcp;
  for (const Kept& k : rules) {
    if (gcp) {
      put(fmt::format(
          R"({{"name": "{}", "network": "global/networks/dmz", "direction": "{}", "priority": {},)"
          R"( "sourceRanges": {}, "destinationRanges": {}, "{}": [{{"IPProtocol": "{}", "ports": {}}}]}})",
          k.name, k.inward ? "INGRESS" : "EGRESS", k.priority, list_of(k.sources), list_of(k.destinations),
          k.deny ? "denied" : "allowed", k.protocol, list_of(k.ports)));
    } else {
      put(fmt::format(R"({{"name": "{}", "priority": {}, "direction": "{}", "access": "{}", "protocol": "{}",)"
                      R"( "sourceAddressPrefixes": {}, "sourcePortRanges": {}, "destinationAddressPrefixes": {},)"
                      R"( "destinationPortRanges": {}}})",
                      k.name, k.priority, k.inward ? "Inbound" : "Outbound", k.deny ? "Deny" : "Allow", k.protocol,
                      list_of(k.sources), list_of(k.source_ports.empty() ? Words{"*"} : k.source_ports),
                      list_of(k.destinations), list_of(k.ports.empty() ? Words{"*"} : k.ports)));
    }
  }
  if (gcp) {
    for (const auto& [name, address] : {std::pair("web1", "192.0.2.11"), std::pair("mail", "192.0.2.5")})
      put(fmt::format(R"({{"kind": "compute#instance", "name": "{}", "networkInterfaces": [{{"name": "nic0",)"
                      R"( "networkIP": "{}", "network": "global/networks/dmz"}}]}})",
                      name, address));
    return fmt::format("[\n{}\n]\n", out);
  }
  return fmt::format(
      R"([{{"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/front",)"
      "\n"
      R"("name": "front", "type": "Microsoft.Network/networkSecurityGroups", "securityRules": [)"
      "\n{}\n]}}]\n",
      out);
}

Words split(std::string_view text, char at) {
  Words out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    if (end != begin) out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// What a shell hands over: options with their values.
std::map<std::string, Words> options(const std::string& command) {
  std::map<std::string, Words> out;
  std::string option = "verb";
  for (std::string word : split(command, ' ')) {
    std::erase(word, '\'');
    if (word.starts_with("--")) {
      const std::size_t equals = word.find('=');
      option = word.substr(2, equals - 2);
      out[option] = equals == std::string::npos ? Words{} : split(word.substr(equals + 1), ',');
    } else {
      out[option].push_back(word);
    }
  }
  return out;
}

void enter(const std::string& command, std::vector<Kept>& rules) {
  CAPTURE(command);
  std::map<std::string, Words> o = options(command);
  const Words verb = o["verb"];
  const bool azure = verb.at(0) == "az";
  REQUIRE(verb.at(azure ? 3 : 2) == (azure ? "rule" : "firewall-rules"));
  const std::string what = verb.at(azure ? 4 : 3), name = azure ? o["name"].at(0) : verb.at(4);
  if (azure) REQUIRE(o["resource-group"].at(0) == "rg");
  if (what == "delete") {
    REQUIRE(std::erase_if(rules, [&](const Kept& k) { return k.name == name; }) == 1);
    return;
  }
  REQUIRE(what == "create");
  REQUIRE(std::none_of(rules.begin(), rules.end(), [&](const Kept& k) { return k.name == name; }));
  Kept k;
  k.name = name;
  k.priority = static_cast<unsigned>(std::stoul(o["priority"].at(0)));
  k.inward = o["direction"].at(0) == (azure ? "Inbound" : "INGRESS");
  k.deny = o[azure ? "access" : "action"].at(0) == (azure ? "Deny" : "DENY");
  const auto no_star = [](Words words) { return words == Words{"*"} ? Words{} : words; };
  if (azure) {
    REQUIRE(k.priority >= 100);
    REQUIRE(k.priority <= 4096);
    REQUIRE(std::none_of(rules.begin(), rules.end(), [&](const Kept& other) {
      return other.priority == k.priority && other.inward == k.inward;
    }));
    k.protocol = o["protocol"].at(0);
    k.sources = o["source-address-prefixes"], k.destinations = o["destination-address-prefixes"];
    k.source_ports = no_star(o["source-port-ranges"]), k.ports = no_star(o["destination-port-ranges"]);
  } else {
    k.sources = o["source-ranges"], k.destinations = o["destination-ranges"];
    for (const std::string& service : o["rules"]) {
      const std::size_t colon = service.find(':');
      k.protocol = service.substr(0, colon);
      if (colon != std::string::npos) k.ports.push_back(service.substr(colon + 1));
    }
  }
  rules.push_back(std::move(k));
}

RuleSet rules_with(Dialect dialect, std::vector<Rule> rules) {
  const Words interfaces = dialect == Dialect::azure ? Words{"front"} : Words{"web1", "mail"};
  return cloud_commands::rules_with(interfaces, std::move(rules));
}

std::string commands(const RuleSet& rules, Dialect dialect, std::vector<Kept> kept) {
  return cloud_commands::commands(rules, dialect,
                                  {.document = [&] { return document(dialect, kept); },
                                   .enter = [&](const std::string& command) { enter(command, kept); }});
}

TEST_CASE("Azure: rules are deleted and created between priorities, before the default ones") {
  const std::vector<Kept> kept{
      {"old", 100, true, false, "Udp", {"0.0.0.0/0"}, {"192.0.2.0/28"}, {}, {}},
      {"web", 110, true, false, "Tcp", {"0.0.0.0/0"}, {"192.0.2.11/32"}, {"80-443"}, {}},
      {"none", 4096, true, true, "*", {"*"}, {"*"}, {}, {}},
      {"nothing-out", 200, false, true, "*", {"*"}, {"*"}, {}, {}},
  };
  const RuleSet rules = rules_with(Dialect::azure, {rule("WEB-1", {"https"}, {"internet"}, {"web1.front"}),
                                                    rule("OUT-1", {"dns"}, {"mail"}, {"internet"})});
  CHECK(commands(rules, Dialect::azure, kept) ==
        "az network nsg rule create --resource-group rg --nsg-name front --name OUT-1-dns-out --priority 100 "
        "--direction Outbound --access Allow --protocol 'Tcp' --source-address-prefixes 192.0.2.5/32 "
        "--source-port-ranges '*' --destination-address-prefixes 0.0.0.0/0 --destination-port-ranges 53\n"
        "az network nsg rule create --resource-group rg --nsg-name front --name OUT-1-dns-out-2 --priority 110 "
        "--direction Outbound --access Allow --protocol 'Udp' --source-address-prefixes 192.0.2.5/32 "
        "--source-port-ranges '*' --destination-address-prefixes 0.0.0.0/0 --destination-port-ranges 53\n"
        "az network nsg rule delete --resource-group rg --nsg-name front --name old\n"
        "az network nsg rule delete --resource-group rg --nsg-name front --name web\n"
        "az network nsg rule create --resource-group rg --nsg-name front --name WEB-1-https-in --priority 100 "
        "--direction Inbound --access Allow --protocol 'Tcp' --source-address-prefixes 0.0.0.0/0 "
        "--source-port-ranges '*' --destination-address-prefixes 192.0.2.11/32 --destination-port-ranges 443\n");
}

TEST_CASE("Azure: a priority is free once its rule is deleted") {
  const std::vector<Kept> kept{{"web", 100, true, false, "Tcp", {"0.0.0.0/0"}, {"192.0.2.0/24"}, {}, {}},
                               {"old", 110, true, false, "Udp", {"0.0.0.0/0"}, {"192.0.2.0/28"}, {}, {}},
                               {"none", 4096, true, true, "*", {"*"}, {"*"}, {}, {}},
                               {"nothing-out", 200, false, true, "*", {"*"}, {"*"}, {}, {}}};
  const RuleSet rules = rules_with(Dialect::azure, {rule("WEB-1", {"https"}, {"internet"}, {"web1.front"}),
                                                    rule("WEB-2", {"http"}, {"internet"}, {"mail"})});
  const std::string text = commands(rules, Dialect::azure, kept);
  CAPTURE(text);
  CHECK(text.starts_with("az network nsg rule delete --resource-group rg --nsg-name front --name web\n"));
  CHECK(text.ends_with("az network nsg rule delete --resource-group rg --nsg-name front --name old\n"));
}

TEST_CASE("a name of a rule is a word of a shell, whatever it is") {
  const std::vector<Kept> kept{
      {"$(reboot)", 1000, true, false, "udp", {"0.0.0.0/0"}, {"192.0.2.0/28"}, {}, {}},
      {"nothing-out", 900, false, true, "all", {"0.0.0.0/0"}, {"0.0.0.0/0"}, {}, {}},
  };
  const RuleSet rules = rules_with(Dialect::gcp, {rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  CHECK(commands(rules, Dialect::gcp, kept).find("firewall-rules delete '$(reboot)'\n") != std::string::npos);
}

TEST_CASE("GCP: rules are deleted and created") {
  const std::vector<Kept> kept{
      {"old", 1000, true, false, "udp", {"0.0.0.0/0"}, {"192.0.2.0/28"}, {}, {}},
      {"web", 1000, true, false, "tcp", {"0.0.0.0/0"}, {"192.0.2.11/32"}, {"80-443"}, {}},
      {"nothing-out", 900, false, true, "all", {"0.0.0.0/0"}, {"0.0.0.0/0"}, {}, {}},
  };
  const RuleSet rules = rules_with(Dialect::gcp, {rule("WEB-1", {"https"}, {"internet"}, {"web1.front"}),
                                                  rule("OUT-1", {"dns"}, {"mail"}, {"internet"})});
  CHECK(commands(rules, Dialect::gcp, kept) ==
        "gcloud compute firewall-rules create out-1-dns-out --network=dmz --direction=EGRESS --priority=10 "
        "--action=ALLOW --rules=tcp:53 --source-ranges=192.0.2.5/32 --destination-ranges=0.0.0.0/0\n"
        "gcloud compute firewall-rules create out-1-dns-out-2 --network=dmz --direction=EGRESS --priority=20 "
        "--action=ALLOW --rules=udp:53 --source-ranges=192.0.2.5/32 --destination-ranges=0.0.0.0/0\n"
        "gcloud compute firewall-rules create what-nothing-approves-out --network=dmz --direction=EGRESS "
        "--priority=910 --action=DENY --rules=all --source-ranges=0.0.0.0/0 --destination-ranges=0.0.0.0/0\n"
        "gcloud compute firewall-rules create what-nothing-approves-out-2 --network=dmz --direction=EGRESS "
        "--priority=920 --action=DENY --rules=all --source-ranges=::/0 --destination-ranges=::/0\n"
        "gcloud compute firewall-rules delete old\n"
        "gcloud compute firewall-rules delete web\n"
        "gcloud compute firewall-rules create web-1-https-in --network=dmz --direction=INGRESS --priority=10 "
        "--action=ALLOW --rules=tcp:443 --source-ranges=0.0.0.0/0 --destination-ranges=192.0.2.11/32\n");
}

TEST_CASE("what a cloud cannot say is said") {
  const std::vector<Kept> kept{{"old", 1000, true, false, "udp", {"0.0.0.0/0"}, {"192.0.2.0/28"}, {}, {}},
                               {"nothing-out", 900, false, true, "all", {"0.0.0.0/0"}, {"0.0.0.0/0"}, {}, {}}};
  const RuleSet rules = rules_with(Dialect::gcp, {rule("PING-1", {"ping"}, {"internet"}, {"web1.front"})});
  CHECK(commands(rules, Dialect::gcp, kept) == "dmz ingress: a rule does not tell ICMP messages apart");
  // Whether mail may leave, the project says and no rule.
  const RuleSet mail = rules_with(Dialect::gcp, {rule("OUT-1", {"smtp"}, {"mail"}, {"internet"})});
  CHECK(commands(mail, Dialect::gcp, kept) == "dmz egress: blocked 192.0.2.5 > 198.51.100.1 tcp/25");
}

TEST_CASE("random rules of clouds become equal to random rule sets") {
  const char* const kServices[] = {"https", "http", "wide", "dns", "mssql", "https"};
  const char* const kOutside[] = {"internet", "198.51.100.0/24", "203.0.113.64/26"};
  const char* const kInside[] = {"dmz", "web1.front", "web2.front", "mail"};
  const char* const kPrefixes[] = {"0.0.0.0/0", "198.51.100.0/24", "192.0.2.11/32", "192.0.2.0/28", "192.0.2.5/32"};
  for (const Dialect dialect : {Dialect::azure, Dialect::gcp}) {
    CAPTURE(std::string(name(dialect)));
    std::size_t entered = 0, refused = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      naive::Dice dice(seed);
      std::vector<Rule> approved;
      for (unsigned n = 1 + dice.below(4); n > 0; --n) {
        std::string from = kOutside[dice.below(3)], to = kInside[dice.below(4)];
        if (dice.one_in(3)) std::swap(from, to);
        approved.push_back(rule(fmt::format("R-{}", n), {kServices[dice.below(6)]}, {from}, {to}));
      }
      std::vector<Kept> kept;
      for (unsigned n = 1 + dice.below(6); n > 0; --n) {
        Kept k;
        k.name = fmt::format("k{}", n);
        k.priority = dialect == Dialect::gcp && dice.one_in(2) ? 1000 : 100 + 100 * n;
        k.inward = dice.one_in(2), k.deny = dice.one_in(4);
        k.protocol = dice.one_in(3) ? "udp" : "tcp";
        k.sources = {kPrefixes[dice.below(5)]}, k.destinations = {kPrefixes[dice.below(5)]};
        if (dice.one_in(2)) k.ports = {dice.one_in(2) ? "443" : "20-80"};
        kept.push_back(std::move(k));
      }
      const std::string text = commands(rules_with(dialect, approved), dialect, kept);
      const bool commanded = text.starts_with("az ") || text.starts_with("gcloud ");
      entered += commanded ? 1 : 0;
      refused += !commanded && !text.empty() ? 1 : 0;
      if (!commanded && !text.empty())
        CHECK_MESSAGE((text.substr(text.find(": ") + 2) == "there is no room between the priorities of the rules"),
                      text);
    }
    CHECK(entered > 40);
    CHECK(refused < 15);
  }
}

}  // namespace
}  // namespace demarc
