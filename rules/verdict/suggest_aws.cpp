// Sources: AWS CLI Command Reference, ec2: authorize- and revoke-security-group-ingress and -egress ("you do not
// need to specify the description to revoke the rule"), create- and delete-network-acl-entry.
#include "rules/verdict/suggest_aws.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "rules/net/icmp.h"
#include "rules/net/protocol.h"
#include "rules/text/escape.h"
#include "rules/verdict/cloud_documents.h"
#include "rules/verdict/suggest.h"

namespace demarc {

namespace {

using cloud::array_of;
using cloud::each_object;
using cloud::text_of;
namespace json = boost::json;

/// "sg-web inbound" without its direction.
std::string owner_of(const List& list) { return list.name.substr(0, list.name.rfind(' ')); }

/// What tells one end of a permission from another; the rest is for people.
constexpr std::string_view kEndKeys[] = {"CidrIp", "CidrIpv6", "PrefixListId",          "GroupId",
                                         "UserId", "VpcId",    "VpcPeeringConnectionId"};

/// A permission of one end alone.
json::object alone(const json::object& permission, std::string_view key, const json::value& end) {
  json::object out;
  for (const char* const part : {"IpProtocol", "FromPort", "ToPort"})
    if (const json::value* v = permission.if_contains(part)) out[part] = *v;
  json::object one;
  if (const json::object* object = end.if_object())
    for (const std::string_view part : kEndKeys)
      if (const json::value* v = object->if_contains(part); v != nullptr && v->is_string()) one[part] = *v;
  out[key] = json::array{std::move(one)};
  return out;
}

unsigned number_of(std::string_view text) {
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// As the rules of groups call a protocol: four by name, the others by number, all of them -1.
std::string protocol_of_group(const std::string& number) {
  if (number == "all") return "-1";
  switch (number_of(number)) {
    case 1: return "icmp";
    case 6: return "tcp";
    case 17: return "udp";
    case 58: return "icmpv6";
    default: return number;
  }
}

/// The first and last port; type and code of an ICMP message; none where the protocol has neither.
std::optional<std::pair<int, int>> from_and_to(const CloudRule& rule) {
  if (rule.protocol == "all") return std::nullopt;
  const Protocol protocol(static_cast<std::uint8_t>(number_of(rule.protocol)));
  if (protocol.is_icmp()) {
    if (rule.message.empty()) return std::pair(-1, -1);
    const IcmpType type = parse_icmp_type(rule.message).value();
    return std::pair<int, int>(type.type, type.code ? *type.code : -1);
  }
  if (protocol != Protocol::tcp && protocol != Protocol::udp) return std::nullopt;
  if (rule.ports.empty()) return std::pair(0, 65535);
  const std::string& ports = rule.ports.front();
  const std::size_t dash = ports.find('-');
  const int first = static_cast<int>(number_of(ports));
  return std::pair(first, dash == std::string::npos ? first : static_cast<int>(number_of(ports.substr(dash + 1))));
}

const std::string& far_end(const CloudRule& rule) {
  return rule.sources.empty() ? rule.destinations.front() : rule.sources.front();
}
bool is_ipv6(const CloudRule& rule) { return far_end(rule).find(':') != std::string::npos; }

}  // namespace

bool is_security_group(const Device& device, ListIndex list) {
  return device.dialect == Dialect::aws && device.lists[list].defined &&
         reply_handling(device, list) != ReplyHandling::stateless;
}

// --- Security groups ---

AwsGroupRules::AwsGroupRules(std::vector<json::value>& documents, const Device& device, ListIndex index) {
  const List& list = device.lists[index];
  group_ = owner_of(list);
  inward_ = is_inward(list);
  for (json::value& document : documents)
    each_object(document, [&](json::object& object) {
      if (text_of(object, "GroupId") == group_ &&
          (object.contains("IpPermissions") || object.contains("IpPermissionsEgress")))
        find_group(object);
    });
  for (json::value& document : documents)
    each_object(document, [&](json::object& object) {
      if (json::array* rules = array_of(object, "SecurityGroupRules")) find_rules(*rules);
    });
  const auto written =
      std::count_if(list.entries.begin(), list.entries.end(), [](const Entry& e) { return e.line != 0; });
  if (found_ > 1)
    problem = fmt::format("the document holds the group {} twice", group_);
  else if (static_cast<std::size_t>(written) != places_.size())
    problem = fmt::format("the rules of {} stand in the document in a form that is not edited", group_);
  else if (permissions_ == nullptr && rules_ == nullptr)
    problem = fmt::format("the document has no place for a rule of {}", group_);
}

void AwsGroupRules::find_group(json::object& group) {
  ++found_;
  permissions_ = array_of(group, inward_ ? "IpPermissions" : "IpPermissionsEgress");
  if (permissions_ == nullptr) return;
  for (json::value& permission : *permissions_) {
    json::object* object = permission.if_object();
    if (object == nullptr) continue;
    for (auto& member : *object)
      if (json::array* ends = member.value().if_array())
        for (std::size_t n = 0; n < ends->size(); ++n)
          places_.push_back({ends, n, alone(*object, member.key(), (*ends)[n])});
  }
}

void AwsGroupRules::find_rules(json::array& rules) {
  rules_ = &rules;
  for (std::size_t n = 0; n < rules.size(); ++n) {
    const json::object* object = rules[n].if_object();
    if (object == nullptr || text_of(*object, "GroupId") != group_) continue;
    const json::value* outward = object->if_contains("IsEgress");
    if ((outward != nullptr && outward->is_bool() && outward->get_bool()) == inward_) continue;
    places_.push_back({&rules, n, {}, text_of(*object, "SecurityGroupRuleId")});
    if (places_.back().id.empty()) problem = fmt::format("a rule of {} has no SecurityGroupRuleId", group_);
  }
}

std::string AwsGroupRules::remove(const List& list, std::uint32_t entry) {
  const auto place = static_cast<std::size_t>(std::count_if(list.entries.begin(), list.entries.begin() + entry,
                                                            [](const Entry& e) { return e.line != 0; }));
  const Place& p = places_[place];
  gone_[p.in].push_back(p.at);
  const std::string what =
      p.id.empty() ? fmt::format("--ip-permissions {}", shell_word(json::serialize(json::array{p.permission})))
                   : fmt::format("--security-group-rule-ids {}", shell_word(p.id));
  return fmt::format("aws ec2 revoke-security-group-{} --group-id {} {}", inward_ ? "ingress" : "egress",
                     shell_word(group_), what);
}

std::vector<std::string> AwsGroupRules::create(const std::vector<NewRule>& rules) {
  std::vector<json::object> permissions;  // without ends
  std::vector<json::object> shown;
  for (const NewRule& r : rules) {
    json::object permission{{"IpProtocol", protocol_of_group(r.rule.protocol)}};
    if (const auto ports = from_and_to(r.rule))
      permission["FromPort"] = ports->first, permission["ToPort"] = ports->second;
    const auto same = std::find(permissions.begin(), permissions.end(), permission);
    const auto at = static_cast<std::size_t>(same - permissions.begin());
    if (same == permissions.end()) permissions.push_back(permission), shown.push_back(permission);
    const bool ipv6 = is_ipv6(r.rule);
    json::value& ends = shown[at][ipv6 ? "Ipv6Ranges" : "IpRanges"];
    if (!ends.is_array()) ends = json::array();
    ends.get_array().push_back(
        json::object{{ipv6 ? "CidrIpv6" : "CidrIp", far_end(r.rule)}, {"Description", r.rule.wanted}});
    if (permissions_ != nullptr) continue;
    permission["GroupId"] = group_;
    permission["IsEgress"] = !inward_;
    permission[ipv6 ? "CidrIpv6" : "CidrIpv4"] = far_end(r.rule);
    permission["SecurityGroupRuleId"] = "";  // it gets one when it is created
    come_.push_back(std::move(permission));
  }
  std::vector<std::string> out;
  for (json::object& permission : shown) {
    if (permissions_ != nullptr) come_.push_back(permission);
    out.push_back(fmt::format("aws ec2 authorize-security-group-{} --group-id {} --ip-permissions {}",
                              inward_ ? "ingress" : "egress", shell_word(group_),
                              shell_word(json::serialize(json::array{std::move(permission)}))));
  }
  return out;
}

void AwsGroupRules::finish() {
  for (auto& [in, places] : gone_) {
    std::sort(places.begin(), places.end(), std::greater<>());
    for (const std::size_t at : places) in->erase(in->begin() + static_cast<std::ptrdiff_t>(at));
  }
  json::array* const to = permissions_ != nullptr ? permissions_ : rules_;
  for (json::value& rule : come_) to->push_back(std::move(rule));
  gone_.clear(), come_.clear();
}

// --- Network ACLs ---

AwsAclRules::AwsAclRules(std::vector<json::value>& documents, const Device& device, ListIndex index) {
  acl_ = owner_of(device.lists[index]);
  inward_ = is_inward(device.lists[index]);
  std::size_t found = 0;
  for (json::value& document : documents)
    each_object(document, [&](json::object& object) {
      json::array* entries = array_of(object, "Entries");
      if (entries == nullptr || text_of(object, "NetworkAclId") != acl_) return;
      ++found;
      entries_ = entries;
    });
  if (found != 1) problem = fmt::format("no one network ACL of the document is {}", acl_);
}

std::string AwsAclRules::command(const char* verb, std::uint64_t number) const {
  return fmt::format("aws ec2 {}-network-acl-entry --network-acl-id {} --{} --rule-number {}", verb,
                     shell_word(acl_), inward_ ? "ingress" : "egress", number);
}

std::string AwsAclRules::remove(const List& list, std::uint32_t entry) {
  const std::string& text = list.entries[entry].text;
  std::uint64_t wanted = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted);
  for (auto at = entries_->begin(); at != entries_->end() && error == std::errc{}; ++at) {
    const json::object* object = at->if_object();
    const json::value *number = object != nullptr ? object->if_contains("RuleNumber") : nullptr,
                      *outward = object != nullptr ? object->if_contains("Egress") : nullptr;
    if (number == nullptr || outward == nullptr || !outward->is_bool() || outward->get_bool() == inward_) continue;
    if (!number->is_number() || number->to_number<double>() != static_cast<double>(wanted)) continue;
    entries_->erase(at);
    return command("delete", wanted);
  }
  problem = fmt::format("line {} is no rule with a number", list.entries[entry].line);
  return "";
}

std::string AwsAclRules::create(const NewRule& one) {
  const auto& [name, number, rule] = one;
  const std::string protocol = rule.protocol == "all" ? "-1" : rule.protocol;
  const char* const action = rule.deny ? "deny" : "allow";
  const bool ipv6 = is_ipv6(rule);
  json::object entry{{"RuleNumber", number},
                     {"Egress", !inward_},
                     {"Protocol", protocol},
                     {"RuleAction", action},
                     {ipv6 ? "Ipv6CidrBlock" : "CidrBlock", far_end(rule)}};
  std::string out = fmt::format("{} --protocol {} --rule-action {} --{}cidr-block {}", command("create", number),
                                protocol, action, ipv6 ? "ipv6-" : "", far_end(rule));
  if (const auto ports = from_and_to(rule)) {
    const auto [first, last] = *ports;
    if (protocol == "1" || protocol == "58") {
      entry["IcmpTypeCode"] = json::object{{"Type", first}, {"Code", last}};
      out += fmt::format(" --icmp-type-code Type={},Code={}", first, last);
    } else {
      entry["PortRange"] = json::object{{"From", first}, {"To", last}};
      out += fmt::format(" --port-range From={},To={}", first, last);
    }
  }
  entries_->push_back(std::move(entry));
  return out;
}

}  // namespace demarc
