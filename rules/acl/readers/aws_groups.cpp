// Security groups: their rules as lists, and the interfaces that they are attached to as stages.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/aws_reader.h"

namespace demarc {

using cloud::parse_cidr;

std::optional<Protocol> AwsReader::protocol_of(const std::string& text) {
  if (text == "icmpv6") return Protocol::icmpv6;
  return parse_protocol(text);
}

AwsReader::What AwsReader::what(JsonValue protocol, JsonValue from, JsonValue to) const {
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

void AwsReader::icmp(What& w, std::optional<std::int64_t> type, std::optional<std::int64_t> code) {
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

void AwsReader::read_groups() {
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

void AwsReader::services_entry(ListIndex list, bool inward) {
  Box box;
  (inward ? box.sources : box.destinations) = link_local_;
  builder_.list(list).entries.push_back(
      cloud::implied(Action::permit, "link-local services of AWS are not filtered", box));
}

void AwsReader::permissions(JsonValue list, ListIndex index, bool inward) {
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

void AwsReader::single_rule(JsonValue r, const Group& g) {
  What w = what(r["IpProtocol"], r["FromPort"], r["ToPort"]);
  if (r.has_duplicate_keys()) w.wrong = "a key is written twice";
  const bool inward = !r["IsEgress"].boolean().value_or(false);
  const ListIndex index = inward ? g.inward : g.outward;
  if (const JsonValue cidr = r.any_of({"CidrIpv4", "CidrIpv6"})) return range(w, r, cidr, index, inward);
  if (const JsonValue list = r["PrefixListId"]) return prefix_list(w, r, list.text(), index, inward);
  if (r["ReferencedGroupInfo"]) return pair(w, r, index, inward);
  unread(r, "the rule names nobody", index);
}

void AwsReader::unread(JsonValue at, const std::string& why, ListIndex index) {
  builder_.not_understood(at, why);
  Entry e = cloud::entry(at, Action::permit, at.written());  // a group only permits
  e.maybe.push_back({});
  e.undecided = why;
  builder_.list(index).entries.push_back(std::move(e));
}

void AwsReader::add(const What& w, JsonValue at, const std::string& who, const AddressSet& certain,
                    const std::string& open, ListIndex index, bool inward) {
  if (!w.wrong.empty()) return unread(at, w.wrong, index);
  if (!builder_.afford(certain.ranges().size())) return unread(at, cloud::Builder::kTooMany, index);
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

void AwsReader::range(const What& w, JsonValue at, JsonValue cidr, ListIndex index, bool inward) {
  const std::optional<Prefix> prefix = parse_cidr(cidr.text());
  if (!prefix) return unread(at, fmt::format("'{}' is no range of addresses", cidr.text().substr(0, 60)), index);
  add(w, at, to_string(*prefix), AddressSet{*prefix}, {}, index, inward);
}

void AwsReader::prefix_list(const What& w, JsonValue at, const std::string& id, ListIndex index, bool inward) {
  const auto known = prefix_lists_.find(id);
  if (known == prefix_lists_.end())
    return add(w, at, id, {}, fmt::format("the prefix list {} is not in the document", id), index, inward);
  ++known->second.uses;
  add(w, at, id, AddressSet::of(known->second.prefixes),
      known->second.complete ? "" : fmt::format("the addresses of {} are not in the document", id), index, inward);
}

void AwsReader::pair(const What& w, JsonValue at, ListIndex index, bool inward) {
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

const AddressSet& AwsReader::members_of(const std::string& id, const Group& g) {
  const auto [known, fresh] = members_.emplace(id, AddressSet{});
  if (!fresh) return known->second;
  std::vector<AddressRange> ranges;
  for (const std::size_t n : g.members)
    for (const Address& a : attachments_[n].addresses) ranges.push_back({a, a});
  return known->second = AddressSet::of_ranges(std::move(ranges));
}

void AwsReader::bind_groups() {
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

void AwsReader::unique(std::vector<InterfaceId>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace demarc
