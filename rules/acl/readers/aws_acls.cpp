// Network ACLs: their entries in the order of their numbers, and the subnets where they stand.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/aws_reader.h"

namespace demarc {

using cloud::parse_cidr;

void AwsReader::read_acls() {
  for (Acl& acl : acls_) {
    const std::uint32_t line = acl.value.line();
    acl.inward = builder_.add_list(fmt::format("{} inbound", acl.name), line, Fallthrough::deny);
    acl.outward = builder_.add_list(fmt::format("{} outbound", acl.name), line, Fallthrough::deny);
    services_entry(acl.inward, true);
    services_entry(acl.outward, false);
    std::vector<std::pair<std::int64_t, JsonValue>> entries;
    for (const JsonValue e : acl.value["Entries"]) entries.emplace_back(e["RuleNumber"].integer().value_or(0), e);
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [number, e] : entries)
      acl_entry(e, number, e["Egress"].boolean().value_or(false) ? acl.outward : acl.inward);
  }
}

void AwsReader::acl_entry(JsonValue v, std::int64_t number, ListIndex index) {
  const bool inward = !v["Egress"].boolean().value_or(false);
  const std::string action = v["RuleAction"].text();
  if (number >= kLastRule && action == "deny" && v["Protocol"].text() == "-1" && !v.has_duplicate_keys()) {
    builder_.list(index).at_end_line = v.line();  // "*": what no rule matches is denied
    return builder_.account(v, Understanding::understood);
  }
  const JsonValue ports = v["PortRange"], type = v["IcmpTypeCode"];
  What w = type ? what(v["Protocol"], type["Type"], type["Code"]) : what(v["Protocol"], ports["From"], ports["To"]);
  const std::string cidr = v.any_of({"CidrBlock", "Ipv6CidrBlock"}).text();
  const std::optional<Prefix> prefix = parse_cidr(cidr);
  Entry e = cloud::entry(v, action == "allow" ? Action::permit : Action::deny,
                         fmt::format("{} {} {} {} {}", number >= kLastRule ? "*" : fmt::format("{}", number),
                                     action, w.text, inward ? "from" : "to", cidr.substr(0, 60)));
  if (!prefix) w.wrong = fmt::format("'{}' is no range of addresses", cidr.substr(0, 60));
  if (action != "allow" && action != "deny") w.wrong = fmt::format("'{}' is neither allow nor deny", action);
  if (!v["Egress"].boolean()) w.wrong = "the direction is missing";
  if (!v["RuleNumber"].integer()) w.wrong = "the number of the rule is missing";
  if (v.has_duplicate_keys()) w.wrong = "a key is written twice";
  if (w.wrong.empty()) {
    w.box.family = prefix->family();
    (inward ? w.box.sources : w.box.destinations) = AddressSet{*prefix};
    e.match.push_back({w.box});
    builder_.account(v, Understanding::understood);
  } else {
    builder_.not_understood(v, w.wrong);
    e.action = Action::unknown;
    e.maybe.push_back({});
    e.undecided = w.wrong;
  }
  builder_.list(index).entries.push_back(std::move(e));
}

void AwsReader::bind_acls() {
  if (acls_.empty()) return;
  std::map<std::string, std::vector<InterfaceId>> in_subnet;
  std::map<std::string, std::vector<InterfaceId>> nowhere;  // by VPC: attachments whose subnet is not known
  for (const Attachment& a : attachments_) {
    if (!a.id) continue;
    (a.subnet.empty() ? nowhere[a.vpc] : in_subnet[a.subnet]).push_back(*a.id);
  }
  std::set<std::string> bound;
  for (const Acl& acl : acls_) {
    std::vector<std::string> subnets = acl.subnets;
    if (subnets.empty()) subnets.push_back(acl.name);
    for (const std::string& subnet : subnets) {
      const auto known = in_subnet.find(subnet);
      if (known == in_subnet.end()) continue;
      bound.insert(subnet);
      unique(known->second);
      acl_stages(fmt::format("{} of {}", acl.name, subnet), known->second, {acl.inward}, {acl.outward},
                 acl.value.line());
    }
  }
  for (auto& [vpc, ids] : nowhere) one_of_acls(vpc, ids, vpc);
  for (auto& [subnet, ids] : in_subnet)
    if (!bound.contains(subnet)) one_of_acls(subnet, ids, {});
}

void AwsReader::one_of_acls(const std::string& where, std::vector<InterfaceId>& ids, const std::string& vpc) {
  unique(ids);
  std::vector<ListIndex> inward, outward;
  for (const Acl& acl : acls_)
    if (!vpc.empty() && acl.vpc == vpc) inward.push_back(acl.inward), outward.push_back(acl.outward);
  const std::string name = fmt::format("network ACL of {}", where.empty() ? "an unknown VPC" : where);
  const std::string why = "which network ACL stands there is not in the document";
  if (inward.empty()) {
    inward = {builder_.unknown(fmt::format("{} inbound", name), 0, why)};
    outward = {builder_.unknown(fmt::format("{} outbound", name), 0, why)};
  } else if (inward.size() > 1) {
    inward = {builder_.one_of(fmt::format("{} inbound", name), inward, why)};
    outward = {builder_.one_of(fmt::format("{} outbound", name), outward, why)};
  }
  acl_stages(name, ids, inward, outward, 0);
}

void AwsReader::acl_stages(const std::string& name, const std::vector<InterfaceId>& ids,
                           const std::vector<ListIndex>& inward, const std::vector<ListIndex>& outward,
                           std::uint32_t line) {
  const std::vector<InterfaceId> others = builder_.all_but(ids);
  for (const bool in : {false, true}) {
    Stage stage;
    stage.name = fmt::format("{} {}", name, in ? "inbound" : "outbound");
    stage.lists = in ? inward : outward;
    stage.ingress = in ? others : ids;
    stage.egress = in ? ids : others;
    stage.priority = in ? 2 : 1;
    stage.line = line;
    builder_.device.stages.push_back(std::move(stage));
  }
}

}  // namespace demarc
