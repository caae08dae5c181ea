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

#include "rules/acl/readers/cloud.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/reader.h"

namespace demarc {

namespace {

using cloud::Builder;
using cloud::parse_cidr;

/// Keys of documents beside those that are read.
constexpr std::string_view kPlainKeys[] = {"ResponseMetadata", "Vpcs",        "RouteTables",
                                           "InternetGateways", "NatGateways", "Tags",
                                           "Addresses",        "OwnerId",     "NextToken"};

AddressSet link_local_services() {
  std::vector<Prefix> prefixes;
  for (const char* text : {"169.254.169.123", "169.254.169.250", "169.254.169.251", "169.254.169.253",
                           "169.254.169.254", "169.254.170.2", "fd00:ec2::123", "fd00:ec2::253", "fd00:ec2::254"})
    prefixes.push_back(*parse_cidr(text));
  return AddressSet::of(prefixes);
}

class AwsReader {
 public:
  AwsReader(const Source& source, const JsonTree& tree) : builder_(source, Dialect::aws), tree_(tree) {}

  Result<Device> read() {
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

 private:
  struct Group {
    JsonValue value = {};
    std::string name, vpc;
    std::vector<JsonValue> rules = {};  // of describe-security-group-rules
    ListIndex inward = kNoList, outward = kNoList;
    std::vector<std::size_t> members = {};  // of attachments_
    std::uint32_t uses = 0;
    bool defined = false;
  };
  struct Attachment {
    std::string name, owner, subnet, vpc;
    std::vector<std::string> groups = {};
    std::vector<Address> addresses = {};
    std::vector<std::pair<Address, Address>> translated = {};  // private, public
    std::uint32_t line = 0;
    std::optional<InterfaceId> id = {};
  };
  struct Acl {
    JsonValue value;
    std::string name, vpc;
    ListIndex inward = kNoList, outward = kNoList;
    std::vector<std::string> subnets = {};
  };
  struct PrefixList {
    JsonValue value = {};
    std::vector<Prefix> prefixes = {};
    bool complete = false;
    std::uint32_t uses = 0;
  };

  // --- Documents ---

  void document(JsonValue root) {
    if (root.is_array()) {
      for (const JsonValue v : root) document_part(v, {});
    } else {
      for (const JsonValue member : root) document_part(member, member.key());
    }
  }

  void document_part(JsonValue v, const std::string& key) {
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

  void add_group(JsonValue v) {
    found_ = true;
    Group& g = groups_[v["GroupId"].text()];
    g.value = v;
    g.name = v["GroupName"].text();
    g.vpc = v["VpcId"].text();
    g.defined = true;
    builder_.account(v, Understanding::understood);
  }
  void add_rule(JsonValue v) {
    found_ = true;
    Group& g = groups_[v["GroupId"].text()];
    if (!g.defined && !g.value) g.value = v;
    g.defined = true;
    g.rules.push_back(v);
  }
  void add_acl(JsonValue v) {
    found_ = true;
    Acl acl{v, v["NetworkAclId"].text(), v["VpcId"].text()};
    for (const JsonValue a : v["Associations"]) acl.subnets.push_back(a["SubnetId"].text());
    acls_.push_back(std::move(acl));
    builder_.account(v, Understanding::understood);
  }
  void add_prefix_list(JsonValue v) {
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

  void add_instance(JsonValue v) {
    std::string name = v["InstanceId"].text();
    const bool gone = v["State"]["Name"].text() == "terminated";
    if (gone) return builder_.account(v, Understanding::not_filtering);
    const JsonValue interfaces = v["NetworkInterfaces"];
    for (const JsonValue i : interfaces) add_network_interface(i, name, v);
    if (interfaces.size() == 0 && v["PrivateIpAddress"]) add_network_interface(v, name, v);
    if (interfaces.size() == 0 && !v["PrivateIpAddress"]) builder_.account(v, Understanding::not_filtering);
  }

  void add_network_interface(JsonValue v, const std::string& instance, JsonValue around) {
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

  // --- Attachments become interfaces ---

  void attach() {
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

  void attach_alone(const std::string& name, const std::string& nameif, std::uint32_t line, std::string subnet,
                    std::vector<std::string> groups, std::string vpc, std::vector<Prefix> networks = {}) {
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

  /// One interface for each; where there are more than can be told apart, one for all that are filtered alike.
  void attach_interfaces() {
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

  // --- Security groups ---

  void read_groups() {
    builder_.device.replies_implied = acls_.empty();
    for (auto& [id, g] : groups_) {
      const std::uint32_t line = g.value.line();
      if (!g.defined) {
        const std::string why = fmt::format("the security group {} is not in the document", id);
        g.inward = builder_.unknown(fmt::format("{} inbound", id), 0, why);
        g.outward = builder_.unknown(fmt::format("{} outbound", id), 0, why);
      } else {
        g.inward = builder_.add_list(fmt::format("{} inbound", id), line, Fallthrough::deny);
        g.outward = builder_.add_list(fmt::format("{} outbound", id), line, Fallthrough::deny);
        if (!builder_.device.replies_implied)
          for (const ListIndex list : {g.inward, g.outward})
            builder_.add_replies(list, "replies to what a group permits");
        services_entry(g.inward, true);
        services_entry(g.outward, false);
        permissions(g.value["IpPermissions"], g.inward, true);
        permissions(g.value["IpPermissionsEgress"], g.outward, false);
        for (const JsonValue r : g.rules) single_rule(r, g);
      }
    }
    for (auto& [id, g] : groups_) {
      NamedObject object;
      object.name = g.name.empty() ? id : fmt::format("{} ({})", g.name, id);
      object.kind = "security group";
      object.line = g.defined ? g.value.line() : 0;
      object.defined = g.defined;
      object.uses = g.uses + static_cast<std::uint32_t>(g.members.size());
      if (!interfaces_given_ || incomplete_) object.uses = std::max(object.uses, 1U);  // who uses it is not known
      builder_.device.objects.push_back(std::move(object));
    }
    for (auto& [id, list] : prefix_lists_) {
      NamedObject object;
      object.name = id;
      object.kind = "prefix list";
      object.line = list.value.line();
      object.uses = list.uses;
      builder_.device.objects.push_back(std::move(object));
    }
  }

  void services_entry(ListIndex list, bool inward) {
    Box box;
    (inward ? box.sources : box.destinations) = link_local_;
    builder_.list(list).entries.push_back(
        cloud::implied(Action::permit, "link-local services of AWS are not filtered", box));
  }

  /// Protocol and ports of a permission; an error in words where they are not understood.
  struct What {
    Box box = {};
    std::string text = {}, wrong = {};
  };
  static std::optional<Protocol> protocol_of(const std::string& text) {
    if (text == "icmpv6") return Protocol::icmpv6;
    return parse_protocol(text);
  }
  What what(JsonValue protocol, JsonValue from, JsonValue to) const {
    What w;
    const std::string name = protocol.text();
    if (name == "-1") {
      w.text = "all";
      return w;
    }
    const std::optional<Protocol> p = protocol_of(name);
    if (!p) {
      w.wrong = fmt::format("'{}' is no protocol", name);
      return w;
    }
    w.box.protocols = {*p};
    w.text = to_string(*p);
    const std::optional<std::int64_t> first = from.integer(), last = to.integer();
    if ((!from.is_null() && !first) || (!to.is_null() && !last)) {
      w.wrong = "the ports are no numbers";
      return w;
    }
    if (p->is_icmp()) {
      icmp(w, first, last);
    } else if (p->has_ports() && first && *first != -1) {
      const std::int64_t end = last.value_or(*first);
      if (*first < 0 || end > 65535 || end < *first) {
        w.wrong = fmt::format("{} to {} are no ports", *first, end);
        return w;
      }
      const PortRange range{Port(static_cast<std::uint16_t>(*first)), Port(static_cast<std::uint16_t>(end))};
      w.box.ports = PortSet{range};
      w.text += fmt::format(" {}", to_string(range));
    }
    return w;
  }
  static void icmp(What& w, std::optional<std::int64_t> type, std::optional<std::int64_t> code) {
    if (!type || *type == -1) return;
    if (*type < 0 || *type > 255 || (code && (*code < -1 || *code > 255))) {
      w.wrong = "the type is none of ICMP's";
      return;
    }
    IcmpType t{static_cast<std::uint8_t>(*type), {}};
    if (code && *code != -1) t.code = static_cast<std::uint8_t>(*code);
    w.box.icmp = {t};
    w.text += fmt::format(" {}", to_string(t));
  }

  void permissions(JsonValue list, ListIndex index, bool inward) {
    for (const JsonValue p : list) {
      What w = what(p["IpProtocol"], p["FromPort"], p["ToPort"]);
      if (p.has_duplicate_keys()) w.wrong = "a key is written twice";
      for (const JsonValue member : p) {
        const std::string key = member.key();
        if (key == "IpRanges" || key == "Ipv6Ranges") {
          for (const JsonValue r : member) range(w, r, r.any_of({"CidrIp", "CidrIpv6"}), index, inward);
        } else if (key == "PrefixListIds") {
          for (const JsonValue r : member) prefix_list(w, r, r["PrefixListId"].text(), index, inward);
        } else if (key == "UserIdGroupPairs") {
          for (const JsonValue r : member) pair(w, r, index, inward);
        } else if (key != "IpProtocol" && key != "FromPort" && key != "ToPort") {
          unread(member, fmt::format("'{}' is not known in a permission", key), index);
        }
      }
    }
  }

  /// A rule of describe-security-group-rules.
  void single_rule(JsonValue r, const Group& g) {
    What w = what(r["IpProtocol"], r["FromPort"], r["ToPort"]);
    if (r.has_duplicate_keys()) w.wrong = "a key is written twice";
    const bool inward = !r["IsEgress"].boolean().value_or(false);
    const ListIndex index = inward ? g.inward : g.outward;
    if (const JsonValue cidr = r.any_of({"CidrIpv4", "CidrIpv6"})) return range(w, r, cidr, index, inward);
    if (const JsonValue list = r["PrefixListId"]) return prefix_list(w, r, list.text(), index, inward);
    if (r["ReferencedGroupInfo"]) return pair(w, r, index, inward);
    unread(r, "the rule names nobody", index);
  }

  void unread(JsonValue at, const std::string& why, ListIndex index) {
    builder_.not_understood(at, why);
    Entry e = cloud::entry(at, Action::permit, at.written());  // a group only permits
    e.maybe.push_back({});
    e.undecided = why;
    builder_.list(index).entries.push_back(std::move(e));
  }

  /// The entry of a rule: who is known for certain, and who perhaps beside that.
  void add(const What& w, JsonValue at, const std::string& who, const AddressSet& certain, const std::string& open,
           ListIndex index, bool inward) {
    if (!w.wrong.empty()) return unread(at, w.wrong, index);
    if (!builder_.afford(certain.ranges().size())) return unread(at, Builder::kTooMany, index);
    Entry e = cloud::entry(at, Action::permit, fmt::format("{} {} {}", w.text, inward ? "from" : "to", who),
                           at["Description"].text());
    Match m{w.box};
    AddressSet& ends = inward ? m.box.sources : m.box.destinations;
    ends = certain;
    if (!certain.empty()) e.match.push_back(m);
    if (!open.empty()) {
      ends = AddressSet::all();
      e.maybe.push_back(m);
      e.undecided = open;
    }
    builder_.account(at, open.empty() ? Understanding::understood : Understanding::in_part, open);
    builder_.list(index).entries.push_back(std::move(e));
  }

  void range(const What& w, JsonValue at, JsonValue cidr, ListIndex index, bool inward) {
    const std::optional<Prefix> prefix = parse_cidr(cidr.text());
    if (!prefix) return unread(at, fmt::format("'{}' is no range of addresses", cidr.text().substr(0, 60)), index);
    add(w, at, to_string(*prefix), AddressSet{*prefix}, {}, index, inward);
  }

  void prefix_list(const What& w, JsonValue at, const std::string& id, ListIndex index, bool inward) {
    const auto known = prefix_lists_.find(id);
    if (known == prefix_lists_.end())
      return add(w, at, id, {}, fmt::format("the prefix list {} is not in the document", id), index, inward);
    ++known->second.uses;
    add(w, at, id, AddressSet::of(known->second.prefixes),
        known->second.complete ? "" : fmt::format("the addresses of {} are not in the document", id), index,
        inward);
  }

  void pair(const What& w, JsonValue at, ListIndex index, bool inward) {
    const JsonValue info = at["ReferencedGroupInfo"] ? at["ReferencedGroupInfo"] : at;
    const std::string id = info["GroupId"].text();
    const auto known = groups_.find(id);
    std::string open;
    AddressSet members;
    if (known != groups_.end()) {
      ++known->second.uses;
      members = members_of(id, known->second);
    }
    const bool peered = info["VpcPeeringConnectionId"] || info["PeeringStatus"];
    // Instances are not all that has interfaces: load balancers and functions have some too.
    if (peered || !interfaces_given_ || incomplete_)
      open = fmt::format("which addresses the group {} has is not in the document", id);
    const std::string name =
        known != groups_.end() && !known->second.name.empty() ? fmt::format("{} ({})", id, known->second.name) : id;
    add(w, at, name, members, open, index, inward);
  }

  const AddressSet& members_of(const std::string& id, const Group& g) {
    const auto [known, fresh] = members_.emplace(id, AddressSet{});
    if (!fresh) return known->second;
    std::vector<AddressRange> ranges;
    for (const std::size_t n : g.members)
      for (const Address& a : attachments_[n].addresses) ranges.push_back({a, a});
    return known->second = AddressSet::of_ranges(std::move(ranges));
  }

  void bind_groups() {
    // Interfaces with the same groups share their stages.
    std::map<std::vector<std::string>, std::vector<const Attachment*>> alike;
    for (const Attachment& a : attachments_)
      if (!a.groups.empty()) alike[a.groups].push_back(&a);
    for (const auto& [names, members] : alike) {
      for (const bool inward : {false, true}) {
        Stage stage;
        stage.name = fmt::format("{} {}", fmt::join(names, ", "), inward ? "inbound" : "outbound");
        stage.priority = inward ? 3 : 0;
        stage.line = members.front()->line;
        for (const std::string& n : names) {
          const Group& g = groups_.at(n);
          stage.lists.push_back(inward ? g.inward : g.outward);
          if (!g.defined) std::rotate(stage.lists.begin(), stage.lists.end() - 1, stage.lists.end());
          if (stage.line == 0) stage.line = g.value.line();
        }
        bool told_apart = true;
        for (const Attachment* a : members) {
          if (a->id)
            (inward ? stage.egress : stage.ingress).push_back(*a->id);
          else
            told_apart = false;
        }
        unique(inward ? stage.egress : stage.ingress);
        const bool some = !(inward ? stage.egress : stage.ingress).empty();
        if (some) builder_.device.stages.push_back(stage);
        if (!told_apart) builder_.add_perhaps(std::move(stage), "the interface is one of too many");
      }
    }
  }
  static void unique(std::vector<InterfaceId>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  }

  // --- Network ACLs ---

  void read_acls() {
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

  void acl_entry(JsonValue v, std::int64_t number, ListIndex index) {
    const bool inward = !v["Egress"].boolean().value_or(false);
    const std::string action = v["RuleAction"].text();
    if (number >= kLastRule && action == "deny" && v["Protocol"].text() == "-1" && !v.has_duplicate_keys()) {
      builder_.list(index).at_end_line = v.line();  // "*": what no rule matches is denied
      return builder_.account(v, Understanding::understood);
    }
    const JsonValue ports = v["PortRange"], type = v["IcmpTypeCode"];
    What w =
        type ? what(v["Protocol"], type["Type"], type["Code"]) : what(v["Protocol"], ports["From"], ports["To"]);
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

  void bind_acls() {
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

  /// The subnet, or its ACL, is not in the document: it is one of the VPC's, or one that is not there.
  void one_of_acls(const std::string& where, std::vector<InterfaceId>& ids, const std::string& vpc) {
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

  void acl_stages(const std::string& name, const std::vector<InterfaceId>& ids,
                  const std::vector<ListIndex>& inward, const std::vector<ListIndex>& outward, std::uint32_t line) {
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

  /// Public addresses, which the filters do not see.
  void translations() {
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

  static constexpr std::int64_t kLastRule = 32767;  // and 32768 for IPv6
  Builder builder_;
  const JsonTree& tree_;
  std::map<std::string, Group> groups_;
  std::map<std::string, AddressSet> members_;
  std::map<std::string, PrefixList> prefix_lists_;
  std::map<std::string, JsonValue> subnets_;
  std::vector<Acl> acls_;
  std::vector<Attachment> attachments_;
  std::set<std::string> seen_;
  AddressSet link_local_ = link_local_services();
  bool found_ = false, interfaces_given_ = false, incomplete_ = false;
};

}  // namespace

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
