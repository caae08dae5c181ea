// AWS: `aws ec2 describe-security-groups`, `describe-security-group-rules`, `describe-network-acls`, and what tells
// where they stand: `describe-network-interfaces`, `describe-instances`, `describe-subnets`,
// `describe-prefix-lists`; in one document or in several behind each other.
//
// Sources: Amazon VPC User Guide ("Control traffic to your AWS resources using security groups", "Control subnet
// traffic with network access control lists"), EC2 API Reference (IpPermission, NetworkAclEntry).
//  - A security group only permits. Of the groups of one interface any may permit; nothing else passes. The
//  sender's groups must permit it outward and the receiver's inward; replies to what was permitted pass.
//  - A network ACL is asked in the order of its numbers, where a packet leaves or enters a subnet, also for
//  replies.
//  - A rule may name a group in place of addresses: it means the private addresses of the group's interfaces.
//  - Neither filters what goes to the instance metadata, time and licence services at link-local addresses.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/aws_reader.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/reader.h"

namespace demarc {

using cloud::parse_cidr;

namespace {

/// Keys of documents beside those that are read.
constexpr std::string_view kPlainKeys[] = {"ResponseMetadata", "Vpcs",        "RouteTables",
                                           "InternetGateways", "NatGateways", "Tags",
                                           "Addresses",        "OwnerId",     "NextToken"};

}  // namespace

AddressSet AwsReader::link_local_services() {
  std::vector<Prefix> prefixes;
  for (const char* text : {"169.254.169.123", "169.254.169.250", "169.254.169.251", "169.254.169.253",
                           "169.254.169.254", "169.254.170.2", "fd00:ec2::123", "fd00:ec2::253", "fd00:ec2::254"})
    prefixes.push_back(*parse_cidr(text));
  return AddressSet::of(prefixes);
}

Result<Device> AwsReader::read() {
  for (const JsonValue root : tree_.roots()) document(root);
  if (!found_) return file_failure(tree_.source().name(), "no security group and no network ACL stands here");
  attach();
  read_groups();
  read_acls();
  bind_groups();
  bind_acls();
  translations();
  if (acls_.empty() && !groups_.empty())
    builder_.note("the document holds no network ACLs: what they deny is not known here",
                  "add the output of describe-network-acls");
  return builder_.finish(tree_);
}

void AwsReader::document(JsonValue root) {
  if (root.is_array()) {
    for (const JsonValue v : root) document_part(v, {});
  } else {
    for (const JsonValue member : root) document_part(member, member.key());
  }
}

void AwsReader::document_part(JsonValue v, const std::string& key) {
  if (key.empty()) {  // an element: a document, or an object of a list that was taken out of one
    if (v["GroupId"] && (v["IpPermissions"] || v["IpPermissionsEgress"])) return add_group(v);
    if (v["NetworkAclId"] && v["Entries"]) return add_acl(v);
    if (v["NetworkInterfaceId"]) {
      interfaces_given_ = true;
      return add_network_interface(v, {}, {});
    }
    return document(v);
  }
  const auto each = [&](auto f) {
    for (const JsonValue e : v) f(e);
  };
  if (key == "SecurityGroups") return each([this](JsonValue e) { add_group(e); });
  if (key == "SecurityGroupRules") return each([this](JsonValue e) { add_rule(e); });
  if (key == "NetworkAcls") return each([this](JsonValue e) { add_acl(e); });
  if (key == "NetworkInterfaces") {
    interfaces_given_ = true;
    return each([this](JsonValue e) { add_network_interface(e, {}, {}); });
  }
  if (key == "Reservations")
    return each([this](JsonValue r) {
      for (const JsonValue i : r["Instances"]) add_instance(i);
    });
  if (key == "Instances") return each([this](JsonValue i) { add_instance(i); });
  if (key == "Subnets")
    return each([this](JsonValue e) {
      subnets_[e["SubnetId"].text()] = e;
      builder_.account(e, Understanding::understood);
    });
  if (key == "PrefixLists") return each([this](JsonValue e) { add_prefix_list(e); });
  if (key == "NextToken" && !v.is_null()) {
    incomplete_ = true;
    return builder_.not_understood(v, "the answer goes on in another document: what is there is not known",
                                   "run the command without --no-paginate or --max-items");
  }
  if (is_one_of(key, kPlainKeys)) return builder_.account(v, Understanding::not_filtering);
  builder_.not_understood(v, fmt::format("'{}' is not known", key));
}

void AwsReader::add_group(JsonValue v) {
  found_ = true;
  Group& g = groups_[v["GroupId"].text()];
  g.value = v;
  g.name = v["GroupName"].text();
  g.vpc = v["VpcId"].text();
  g.defined = true;
  builder_.account(v, Understanding::understood);
}

void AwsReader::add_rule(JsonValue v) {
  found_ = true;
  Group& g = groups_[v["GroupId"].text()];
  if (!g.defined && !g.value) g.value = v;
  g.defined = true;
  g.rules.push_back(v);
}

void AwsReader::add_acl(JsonValue v) {
  found_ = true;
  Acl acl{v, v["NetworkAclId"].text(), v["VpcId"].text()};
  for (const JsonValue a : v["Associations"]) acl.subnets.push_back(a["SubnetId"].text());
  acls_.push_back(std::move(acl));
  builder_.account(v, Understanding::understood);
}

void AwsReader::add_prefix_list(JsonValue v) {
  PrefixList& list = prefix_lists_[v["PrefixListId"].text()];
  list.value = v;
  const JsonValue cidrs = v.any_of({"Cidrs", "Entries"});
  list.complete = cidrs.is_array();
  for (const JsonValue c : cidrs) {
    const std::optional<Prefix> prefix = parse_cidr(c.is_text() ? c.text() : c["Cidr"].text());
    if (prefix)
      list.prefixes.push_back(*prefix);
    else
      list.complete = false;
  }
  builder_.account(v, list.complete ? Understanding::understood : Understanding::in_part,
                   list.complete ? "" : "its addresses are not in the document");
}

void AwsReader::add_instance(JsonValue v) {
  std::string name = v["InstanceId"].text();
  const bool gone = v["State"]["Name"].text() == "terminated";
  if (gone) return builder_.account(v, Understanding::not_filtering);
  const JsonValue interfaces = v["NetworkInterfaces"];
  for (const JsonValue i : interfaces) add_network_interface(i, name, v);
  if (interfaces.size() == 0 && v["PrivateIpAddress"]) add_network_interface(v, name, v);
  if (interfaces.size() == 0 && !v["PrivateIpAddress"]) builder_.account(v, Understanding::not_filtering);
}

void AwsReader::add_network_interface(JsonValue v, const std::string& instance, JsonValue around) {
  Attachment a;
  a.name = v["NetworkInterfaceId"].text();
  if (a.name.empty()) a.name = instance;
  builder_.account(v, Understanding::understood);
  if (!seen_.insert(a.name).second) return;  // describe-instances and describe-network-interfaces both have it
  a.owner = instance.empty() ? v["Attachment"]["InstanceId"].text() : instance;
  a.subnet = v["SubnetId"].text();
  a.vpc = v["VpcId"].text();
  a.line = v.line();
  for (const JsonValue g : v.any_of({"Groups", "SecurityGroups"})) a.groups.push_back(g["GroupId"].text());
  const auto address = [&](JsonValue text, JsonValue association) {
    const std::optional<Address> own = parse_address(text.text());
    if (!own) return;
    if (std::find(a.addresses.begin(), a.addresses.end(), *own) != a.addresses.end()) return;
    a.addresses.push_back(*own);
    if (const std::optional<Address> outside = parse_address(association["PublicIp"].text()))
      a.translated.emplace_back(*own, *outside);
  };
  for (const JsonValue p : v["PrivateIpAddresses"]) address(p["PrivateIpAddress"], p["Association"]);
  address(v["PrivateIpAddress"], v["Association"]);
  for (const JsonValue p : v["Ipv6Addresses"]) address(p["Ipv6Address"], {});
  if (around && a.translated.empty() && a.addresses.size() == 1)
    if (const std::optional<Address> outside = parse_address(around["PublicIpAddress"].text()))
      a.translated.emplace_back(a.addresses[0], *outside);
  attachments_.push_back(std::move(a));
}

void AwsReader::attach() {
  if (!attachments_.empty()) return attach_interfaces();
  if (!groups_.empty()) {
    for (auto& [id, g] : groups_) attach_alone(id, g.name, g.value.line(), {}, {id}, g.vpc);
    return;
  }
  for (const Acl& acl : acls_)
    for (const std::string& subnet : acl.subnets) {
      std::vector<Prefix> networks;
      if (const auto known = subnets_.find(subnet); known != subnets_.end())
        if (const auto cidr = parse_cidr(known->second["CidrBlock"].text())) networks.push_back(*cidr);
      attach_alone(subnet, {}, acl.value.line(), subnet, {}, acl.vpc, std::move(networks));
    }
  // An ACL of no subnet is attached to its own name.
  for (const Acl& acl : acls_)
    if (acl.subnets.empty()) attach_alone(acl.name, {}, acl.value.line(), acl.name, {}, acl.vpc);
}

void AwsReader::attach_alone(const std::string& name, const std::string& nameif, std::uint32_t line,
                             std::string subnet, std::vector<std::string> groups, std::string vpc,
                             std::vector<Prefix> networks) {
  Interface i;
  i.name = name;
  i.nameif = nameif;
  i.line = line;
  i.networks = std::move(networks);
  Attachment a;
  a.name = name;
  a.subnet = std::move(subnet);
  a.vpc = std::move(vpc);
  a.groups = std::move(groups);
  a.id = builder_.add_interface(std::move(i));
  attachments_.push_back(std::move(a));
}

void AwsReader::attach_interfaces() {
  const bool each = attachments_.size() < kInterfacesMax;
  std::map<std::string, std::size_t> alike;  // by groups and subnet: index of the interface
  for (std::size_t n = 0; n < attachments_.size(); ++n) {
    Attachment& a = attachments_[n];
    for (const std::string& g : a.groups) groups_[g].members.push_back(n);
    std::string kind = a.name;
    if (!each) {
      std::vector<std::string> sorted = a.groups;
      std::sort(sorted.begin(), sorted.end());
      kind = fmt::format("{} {}", a.subnet, fmt::join(sorted, " "));
    }
    const auto [known, fresh] = alike.emplace(kind, builder_.device.interfaces.size());
    if (fresh) {
      Interface i;
      i.name = each ? a.name : fmt::format("{} and others in {}", a.name, a.subnet);
      i.nameif = a.owner;
      i.line = a.line;
      builder_.add_interface(std::move(i));
    }
    if (known->second < kInterfacesMax) a.id = static_cast<InterfaceId>(known->second);
    Interface& interface = builder_.device.interfaces[known->second];
    for (const Address& own : a.addresses) {
      interface.addresses.push_back(own);
      interface.networks.push_back(Prefix::host(own));
    }
  }
}

void AwsReader::translations() {
  for (const Attachment& a : attachments_) {
    for (const auto& [inside, outside] : a.translated) {
      Nat to;
      to.kind = Nat::Kind::destination;
      to.match.box.destinations = AddressSet::single(outside);
      to.to = inside;
      to.line = a.line;
      to.text = fmt::format("{} is {} of {}", to_string(outside), to_string(inside), a.name);
      Nat from = to;
      from.kind = Nat::Kind::source;
      from.match.box = {};
      from.match.box.sources = AddressSet::single(inside);
      from.match.box.egress = ByteSet{0};
      from.to = outside;
      builder_.device.nats.push_back(std::move(to));
      builder_.device.nats.push_back(std::move(from));
    }
  }
}

unsigned looks_like_aws(std::string_view text) {
  if (!cloud::is_json(text)) return 0;
  for (const char* key : {"IpPermissions", "IpPermissionsEgress", "NetworkAclId", "SecurityGroupRules"})
    if (cloud::has_key(text, key)) return 60;
  return 0;
}

Result<Device> read_aws(const Source& source) {
  const JsonTree tree = DEMARC_TRY(JsonTree::parse(source));
  return AwsReader(source, tree).read();
}

}  // namespace demarc
