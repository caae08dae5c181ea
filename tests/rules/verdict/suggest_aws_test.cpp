// Commands for AWS, entered by a tool of our own into groups and network ACLs that are then written out, read and
// judged again.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "tests/rules/space/naive.h"
#include "tests/rules/verdict/cloud_commands.h"

namespace demarc {
namespace {

using cloud_commands::rule;
namespace json = boost::json;

/// A permission with one end, as AWS keeps it: "tcp 443 443 IpRanges CidrIp 0.0.0.0/0".
json::object permission(const std::string& protocol, int first, int last, const std::string& cidr) {
  const bool ipv6 = cidr.find(':') != std::string::npos;
  json::object out{{"IpProtocol", protocol}};
  if (protocol != "-1") out["FromPort"] = first, out["ToPort"] = last;
  out[ipv6 ? "Ipv6Ranges" : "IpRanges"] = json::array{json::object{{ipv6 ? "CidrIpv6" : "CidrIp", cidr}}};
  return out;
}
json::object everything() { return permission("-1", 0, 0, "0.0.0.0/0"); }

json::object acl_entry(int number, bool egress, const std::string& action, const std::string& protocol = "-1",
                       int first = -1, int last = -1) {
  json::object out{{"RuleNumber", number},
                   {"Egress", egress},
                   {"Protocol", protocol},
                   {"RuleAction", action},
                   {"CidrBlock", "0.0.0.0/0"}};
  if (first >= 0) out["PortRange"] = json::object{{"From", first}, {"To", last}};
  return out;
}

/// A virtual network as its provider keeps it.
struct Network {
  std::map<std::string, std::vector<json::object>> rules;  // by group and direction: "sg-web ingress"
  std::map<std::string, std::vector<std::string>> groups;  // of an interface: "web1", "mail"
  std::map<std::string, std::vector<json::object>> acl;    // its entries
  bool rules_one_by_one = false;                           // describe-security-group-rules
};

std::string document(const Network& n) {
  json::object out;
  if (n.rules_one_by_one) {
    json::array rules;
    for (const auto& [list, permissions] : n.rules)
      for (const json::object& p : permissions) {
        json::object rule{{"SecurityGroupRuleId", p.contains("id") ? p.at("id") : "sgr-new"},
                          {"GroupId", list.substr(0, list.find(' '))},
                          {"IsEgress", list.ends_with(" egress")},
                          {"IpProtocol", p.at("IpProtocol")}};
        for (const char* part : {"FromPort", "ToPort"})
          rule[part] = p.contains(part) ? p.at(part) : json::value(-1);
        if (p.contains("IpRanges")) rule["CidrIpv4"] = p.at("IpRanges").at(0).at("CidrIp");
        if (p.contains("Ipv6Ranges")) rule["CidrIpv6"] = p.at("Ipv6Ranges").at(0).at("CidrIpv6");
        rules.push_back(std::move(rule));
      }
    out["SecurityGroupRules"] = std::move(rules);
  } else {
    std::map<std::string, json::object> groups;
    for (const auto& [list, permissions] : n.rules) {
      const std::string id = list.substr(0, list.find(' '));
      json::array all;
      for (const json::object& p : permissions) all.push_back(p);
      groups[id]["GroupId"] = id;
      groups[id][list.ends_with(" egress") ? "IpPermissionsEgress" : "IpPermissions"] = std::move(all);
    }
    json::array all;
    for (auto& [id, group] : groups) all.push_back(std::move(group));
    out["SecurityGroups"] = std::move(all);
  }
  json::array interfaces;
  for (const auto& [name, ids] : n.groups) {
    json::array groups;
    for (const std::string& id : ids) groups.push_back(json::object{{"GroupId", id}});
    interfaces.push_back(json::object{{"NetworkInterfaceId", name},
                                      {"SubnetId", "subnet-1"},
                                      {"PrivateIpAddress", name == "web1" ? "192.0.2.11" : "192.0.2.5"},
                                      {"Groups", std::move(groups)}});
  }
  out["NetworkInterfaces"] = std::move(interfaces);
  if (!n.acl.empty()) {
    json::array acls;
    for (const auto& [id, entries] : n.acl) {
      json::array all;
      for (const json::object& e : entries) all.push_back(e);
      acls.push_back(json::object{{"NetworkAclId", id},
                                  {"Associations", json::array{json::object{{"SubnetId", "subnet-1"}}}},
                                  {"Entries", std::move(all)}});
    }
    out["NetworkAcls"] = std::move(acls);
  }
  return json::serialize(out) + '\n';
}

/// A command's words as a shell hands them over.
std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> out{""};
  bool quoted = false;
  for (const char c : command) {
    if (c == '\'')
      quoted = !quoted;
    else if (c == ' ' && !quoted)
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

/// What tells it from others.
json::object bare(json::object p) {
  p.erase("id");
  for (const char* key : {"IpRanges", "Ipv6Ranges"})
    if (json::value* ends = p.if_contains(key)) ends->as_array().at(0).as_object().erase("Description");
  return p;
}

/// A permission of each end alone.
std::vector<json::object> one_by_one(const json::object& permission) {
  std::vector<json::object> out;
  for (const char* key : {"IpRanges", "Ipv6Ranges"}) {
    if (!permission.contains(key)) continue;
    for (const json::value& end : permission.at(key).as_array()) {
      json::object one = permission;
      one.erase("IpRanges"), one.erase("Ipv6Ranges");
      one[key] = json::array{end};
      out.push_back(std::move(one));
    }
  }
  return out;
}

void enter_group(const std::string& verb, const std::map<std::string, std::string>& options, Network& n) {
  std::vector<json::object>& kept =
      n.rules.at(options.at("--group-id") + verb.substr(verb.rfind('-')).replace(0, 1, " "));
  const auto same = [](const json::object& p) { return [&p](const json::object& k) { return bare(k) == p; }; };
  if (options.contains("--security-group-rule-ids")) {
    REQUIRE(verb.starts_with("revoke-"));
    const std::string id = options.at("--security-group-rule-ids");
    REQUIRE(std::erase_if(kept, [&](const json::object& k) {
              return k.contains("id") && k.at("id").as_string() == id;
            }) == 1);
    return;
  }
  const json::value given = json::parse(options.at("--ip-permissions"));
  REQUIRE(given.as_array().size() == 1);
  for (const json::object& p : one_by_one(given.as_array().at(0).as_object())) {
    if (verb.starts_with("revoke-")) {
      REQUIRE(std::erase_if(kept, same(p)) == 1);
    } else {
      REQUIRE(verb.starts_with("authorize-"));
      REQUIRE(std::none_of(kept.begin(), kept.end(), same(bare(p))));
      kept.push_back(p);
    }
  }
}

void enter_acl(const std::string& verb, std::map<std::string, std::string> options, Network& n) {
  std::vector<json::object>& kept = n.acl.at(options.at("--network-acl-id"));
  const bool egress = options.contains("--egress");
  const int number = std::stoi(options.at("--rule-number"));
  const auto same = [&](const json::object& e) {
    return e.at("RuleNumber") == number && e.at("Egress").as_bool() == egress;
  };
  if (verb.starts_with("delete-")) {
    REQUIRE(std::erase_if(kept, same) == 1);
    return;
  }
  REQUIRE(number > 0);
  REQUIRE(number < 32767);
  REQUIRE(std::none_of(kept.begin(), kept.end(), same));
  json::object e{{"RuleNumber", number},
                 {"Egress", egress},
                 {"Protocol", options.at("--protocol")},
                 {"RuleAction", options.at("--rule-action")}};
  if (options.contains("--cidr-block")) e["CidrBlock"] = options.at("--cidr-block");
  if (options.contains("--ipv6-cidr-block")) e["Ipv6CidrBlock"] = options.at("--ipv6-cidr-block");
  const auto two = [&](const char* option, const char* key, const char* a, const char* b) {
    if (!options.contains(option)) return;
    const std::string text = options.at(option);
    const std::size_t first = text.find('='), comma = text.find(','), second = text.rfind('=');
    e[key] = json::object{{a, std::stoi(text.substr(first + 1, comma))}, {b, std::stoi(text.substr(second + 1))}};
  };
  two("--port-range", "PortRange", "From", "To");
  two("--icmp-type-code", "IcmpTypeCode", "Type", "Code");
  kept.push_back(std::move(e));
}

void enter(const std::string& command, Network& n) {
  CAPTURE(command);
  const std::vector<std::string> words = words_of(command);
  REQUIRE(words.size() > 4);
  REQUIRE(words[0] == "aws");
  REQUIRE(words[1] == "ec2");
  std::map<std::string, std::string> options;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const bool flag = words[i] == "--ingress" || words[i] == "--egress";
    options[words[i]] = flag ? "" : words.at(i + 1);
    if (!flag) ++i;
  }
  if (options.contains("--group-id"))
    enter_group(words[2], options, n);
  else
    enter_acl(words[2], options, n);
}

RuleSet rules_with(std::vector<Rule> rules) {
  return cloud_commands::rules_with({"web1", "mail"}, std::move(rules));
}

std::string commands(const RuleSet& rules, Network n) {
  std::size_t id = 0;
  for (auto& [list, permissions] : n.rules)
    for (json::object& p : permissions)
      if (n.rules_one_by_one) p["id"] = fmt::format("sgr-{}", ++id);
  cloud_commands::Provider provider{.document = [&n] { return document(n); },
                                    .enter = [&n](const std::string& command) { enter(command, n); }};
  // Rules one by one do not show a group that has none.
  provider.shows = [&n](const std::string& list) {
    const std::string group = list.substr(0, list.find(' '));
    return !n.rules_one_by_one || !n.rules[group + " ingress"].empty() || !n.rules[group + " egress"].empty();
  };
  return cloud_commands::commands(rules, Dialect::aws, provider);
}

Network one_group() {
  Network n;
  n.groups["web1"] = {"sg-web"};
  n.rules["sg-web ingress"] = {permission("tcp", 80, 443, "0.0.0.0/0"), permission("udp", 53, 53, "0.0.0.0/0")};
  n.rules["sg-web egress"] = {everything()};
  return n;
}

const char* const kWebCommands =
    "aws ec2 revoke-security-group-egress --group-id sg-web --ip-permissions "
    "'[{\"IpProtocol\":\"-1\",\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]}]'\n"
    "aws ec2 revoke-security-group-ingress --group-id sg-web --ip-permissions "
    "'[{\"IpProtocol\":\"tcp\",\"FromPort\":80,\"ToPort\":443,\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]}]'\n"
    "aws ec2 authorize-security-group-ingress --group-id sg-web --ip-permissions "
    "'[{\"IpProtocol\":\"tcp\",\"FromPort\":443,\"ToPort\":443,\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\","
    "\"Description\":\"WEB-1-https\"}]}]'\n"
    "aws ec2 revoke-security-group-ingress --group-id sg-web --ip-permissions "
    "'[{\"IpProtocol\":\"udp\",\"FromPort\":53,\"ToPort\":53,\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]}]'\n";

TEST_CASE("AWS: rules of a security group are revoked and authorized") {
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  CHECK(commands(rules, one_group()) == kWebCommands);
}

TEST_CASE("AWS: rules that are described one by one are revoked by their names") {
  Network n = one_group();
  n.rules_one_by_one = true;
  const RuleSet rules = rules_with({rule("WEB-1", {"https", "ping"}, {"internet"}, {"web1.front"})});
  const std::string text = commands(rules, n);
  CHECK(text.find("aws ec2 revoke-security-group-egress --group-id sg-web --security-group-rule-ids sgr-1\n") !=
        std::string::npos);
  CHECK(text.find("\"IpProtocol\":\"icmp\",\"FromPort\":8,\"ToPort\":-1,") != std::string::npos);
}

TEST_CASE("AWS: a rule holds for every interface of its group") {
  Network n = one_group();
  n.groups["mail"] = {"sg-web"};
  const auto web_and_mail = [](std::vector<std::string> to) {
    return rules_with({rule("WEB-1", {"https"}, {"internet"}, std::move(to))});
  };
  CHECK(commands(web_and_mail({"web1.front"}), n) ==
        "sg-web inbound: a rule holds for all that have its list, 192.0.2.5 too: give those apart a list of their "
        "own");
  CHECK(commands(web_and_mail({"web1.front", "mail"}), n) == kWebCommands);
}

TEST_CASE("AWS: groups that are asked together are edited as one") {
  Network n = one_group();
  n.groups["web1"] = {"sg-all", "sg-web"};
  n.groups["mail"] = {"sg-all"};
  n.rules["sg-all ingress"] = {};
  n.rules["sg-all egress"] = {};
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  CHECK(commands(rules, n) == kWebCommands);
  // What nothing approves goes from a group of several places as well; what it lacks another one of each place has.
  n.rules["sg-all ingress"] = {permission("tcp", 22, 22, "0.0.0.0/0")};
  n.rules["sg-web ingress"] = {};
  n.rules["sg-web egress"] = {};
  CHECK(commands(rules, n) ==
        "aws ec2 revoke-security-group-ingress --group-id sg-all --ip-permissions "
        "'[{\"IpProtocol\":\"tcp\",\"FromPort\":22,\"ToPort\":22,\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]}]'\n"
        "aws ec2 authorize-security-group-ingress --group-id sg-web --ip-permissions "
        "'[{\"IpProtocol\":\"tcp\",\"FromPort\":443,\"ToPort\":443,\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\","
        "\"Description\":\"WEB-1-https\"}]}]'\n");
  // Where it stands alone, nothing else can.
  CHECK(commands(rules_with({rule("MAIL-1", {"smtp"}, {"internet"}, {"mail"})}), n) ==
        "sg-all inbound: in some place that asks it nothing else can permit what is missing");
}

TEST_CASE("AWS: a network ACL only stops nothing that is documented, where groups decide") {
  Network n = one_group();
  n.acl["acl-1"] = {acl_entry(100, false, "allow"), acl_entry(32767, false, "deny"), acl_entry(100, true, "allow"),
                    acl_entry(32767, true, "deny")};
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  CHECK(commands(rules, n) == kWebCommands);
  // Answers come from any port, and go to any: a rule knows only the ports that are asked.
  n.acl["acl-1"] = {acl_entry(90, false, "deny", "6", 443, 443), acl_entry(100, false, "allow"),
                    acl_entry(32767, false, "deny"), acl_entry(32767, true, "deny")};
  std::string text = commands(rules, n);
  CAPTURE(text);
  CHECK(text.find("aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 10 --protocol 6 "
                  "--rule-action allow --cidr-block 0.0.0.0/0 --port-range From=443,To=443\n") !=
        std::string::npos);
  CHECK(text.find("aws ec2 create-network-acl-entry --network-acl-id acl-1 --egress --rule-number 10 --protocol 6 "
                  "--rule-action allow --cidr-block 0.0.0.0/0 --port-range From=0,To=65535\n") !=
        std::string::npos);
  // Alone it would have to decide.
  n.groups["web1"] = {};
  n.rules.clear();
  text = commands(rules, n);
  CHECK_MESSAGE(text == "acl-1 outbound: a rule does not match on TCP flags", text);
}

TEST_CASE("AWS: names are words of a shell, whatever they are") {
  Network n = one_group();
  n.groups["web1"] = {"sg-$(reboot)"};
  n.rules["sg-$(reboot) ingress"] = std::exchange(n.rules["sg-web ingress"], {});
  n.rules["sg-$(reboot) egress"] = std::exchange(n.rules["sg-web egress"], {});
  n.rules.erase("sg-web ingress"), n.rules.erase("sg-web egress");
  const RuleSet rules = rules_with({rule("WEB-1", {"https"}, {"internet"}, {"web1.front"})});
  CHECK(commands(rules, n).find(" --group-id 'sg-$(reboot)' ") != std::string::npos);
}

TEST_CASE("AWS: random groups and network ACLs become equal to random rule sets") {
  const char* const kServices[] = {"https", "http", "wide", "dns", "mssql", "ping"};
  const char* const kOutside[] = {"internet", "198.51.100.0/24", "203.0.113.64/26"};
  const char* const kInside[] = {"web1.front", "mail"};
  const char* const kPrefixes[] = {"0.0.0.0/0", "198.51.100.0/24", "203.0.113.0/24", "::/0"};
  std::size_t entered = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    std::vector<Rule> approved;
    for (unsigned k = 1 + dice.below(4); k > 0; --k) {
      std::string from = kOutside[dice.below(3)], to = kInside[dice.below(2)];
      if (dice.one_in(3)) std::swap(from, to);
      approved.push_back(rule(fmt::format("R-{}", k), {kServices[dice.below(6)]}, {from}, {to}));
    }
    Network n;
    n.rules_one_by_one = dice.one_in(4);
    n.groups["web1"] = {"sg-web"}, n.groups["mail"] = {"sg-mail"};
    if (!n.rules_one_by_one && dice.one_in(4)) n.groups["web1"].emplace_back("sg-more");
    if (!n.rules_one_by_one && dice.one_in(4)) {
      n.groups["web1"].insert(n.groups["web1"].begin(), "sg-all");
      n.groups["mail"].emplace_back("sg-all");
    }
    for (const auto& [name, ids] : n.groups)
      for (const std::string& id : ids)
        for (const char* direction : {" ingress", " egress"}) {
          std::vector<json::object>& list = n.rules[id + direction];
          for (unsigned k = n.rules_one_by_one ? 1 + dice.below(2) : dice.below(4); k > 0; --k) {
            const char* const protocol = dice.one_in(4) ? "udp" : dice.one_in(8) ? "-1" : "tcp";
            const int first = dice.one_in(2) ? 443 : 20, last = dice.one_in(2) ? 443 : 1500;
            json::object p = permission(protocol, first, last, kPrefixes[dice.below(4)]);
            if (std::find(list.begin(), list.end(), p) == list.end()) list.push_back(std::move(p));
          }
        }
    if (dice.one_in(2))
      for (const bool egress : {false, true})
        for (unsigned k = dice.below(4); k > 0; --k)
          n.acl["acl-1"].push_back(acl_entry(static_cast<int>(100 * k), egress, dice.one_in(3) ? "deny" : "allow",
                                             dice.one_in(2) ? "-1" : "6"));
    const std::string text = commands(rules_with(approved), n);
    const bool commanded = text.starts_with("aws ");
    entered += commanded ? 1 : 0;
    refused += !commanded && !text.empty() ? 1 : 0;
    if (!commanded && !text.empty()) CHECK_MESSAGE(text.empty(), text);
  }
  CHECK(entered > 80);
  CHECK(refused < 15);
}

}  // namespace
}  // namespace demarc
