// Azure network security groups: `az network nsg show` and `list`, `az network nsg rule list`, the REST form with
// `properties`, and the resources of a template; beside them network interfaces (`az network nic list`) and virtual
// networks, which tell where the groups stand and what the tags mean.
//
// Sources: Azure documentation, "Network security groups", "How network security groups filter network traffic",
// "Virtual network service tags", "Application security groups".
//  - Rules are asked in the order of their priority, each direction by itself; what is permitted may be answered.
//  - A subnet and an interface may have a group each: inward the subnet's is asked first, outward the interface's,
//  and both must permit. Traffic within a subnet meets the subnet's group too.
//  - Six default rules stand behind the others, written or not.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/cloud.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/reader.h"

namespace demarc {

namespace {

using cloud::Builder;
using cloud::last_segment;
using cloud::parse_cidr;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}
/// The property, wherever the form has it.
JsonValue prop(JsonValue v, std::string_view key) {
  const JsonValue direct = v[key];
  return direct ? direct : v["properties"][key];
}
std::string id_of(JsonValue v) { return lower(v["id"].text()); }

struct DefaultRule {
  const char *name, *source, *destination;
  int priority;
  bool inward;
};
// Behind them stand DenyAllInBound and DenyAllOutBound (65500): the ends of the lists.
constexpr DefaultRule kDefaultRules[] = {
    {"AllowVnetInBound", "VirtualNetwork", "VirtualNetwork", 65000, true},
    {"AllowAzureLoadBalancerInBound", "AzureLoadBalancer", "*", 65001, true},
    {"AllowVnetOutBound", "VirtualNetwork", "VirtualNetwork", 65000, false},
    {"AllowInternetOutBound", "*", "Internet", 65001, false},
};

class AzureReader {
 public:
  AzureReader(const Source& source, const JsonTree& tree) : builder_(source, Dialect::azure), tree_(tree) {
    builder_.device.replies_implied = true;
    vnet_space_ = cloud::private_space().unite(AddressSet::single(kHost));
  }

  Result<Device> read() {
    for (const JsonValue root : tree_.roots()) object(root, 0);
    if (groups_.empty()) return file_failure(tree_.source().name(), "no network security group stands here");
    learn_networks();
    place();
    for (Group& g : groups_) read_group(g);
    bind();
    if (tags_open_)
      builder_.note("what VirtualNetwork stands for is taken to be private addresses",
                    "add the virtual networks to the document (az network vnet list)");
    return builder_.finish(tree_);
  }

 private:
  struct Group {
    JsonValue value = {};
    std::string name, id;
    std::vector<JsonValue> rules = {};
    ListIndex inward = kNoList, outward = kNoList;
    std::set<std::string> nics = {}, subnets = {};
    std::uint32_t line = 0;
  };
  struct Nic {
    std::string name, id, subnet;
    std::vector<Address> addresses = {};
    std::vector<std::string> application_groups = {};
    std::uint32_t line = 0;
    std::optional<InterfaceId> interface = {};
    bool known = false;  // in the document itself, so its subnet is known
  };
  struct Subnet {
    std::string name;
    std::vector<Prefix> networks = {};
    std::optional<InterfaceId> interface = {};
  };

  // --- Documents ---

  void object(JsonValue v, unsigned depth) {
    if (v.is_array()) {
      for (const JsonValue e : v) object(e, depth);
      return;
    }
    const std::string type = lower(v["type"].text());
    if (prop(v, "securityRules") || type == "microsoft.network/networksecuritygroups") return add_group(v);
    if (prop(v, "direction") && prop(v, "access") && prop(v, "priority")) return add_rule(v);
    if (prop(v, "ipConfigurations") && (prop(v, "networkSecurityGroup") || !prop(v, "addressSpace")))
      return add_nic(v);
    if (prop(v, "addressSpace")) {
      vnets_.push_back(v);
      return builder_.account(v, Understanding::understood);
    }
    bool inside = false;
    for (const char* key : {"value", "resources", "networkSecurityGroups", "networkInterfaces", "virtualNetworks"})
      if (const JsonValue list = v[key]; list.is_array() && depth < 4) {
        inside = true;
        for (const JsonValue e : list) object(e, depth + 1);
      }
    if (const JsonValue template_part = v["template"]; template_part.is_object() && depth < 4) {
      inside = true;
      object(template_part, depth + 1);
    }
    if (const JsonValue next = v["nextLink"]; !next.is_null())
      builder_.not_understood(next, "the answer goes on in another document: what is there is not known");
    if (!inside) builder_.account(v, Understanding::not_filtering);
  }

  void add_group(JsonValue v) {
    Group g;
    g.value = v;
    g.name = v["name"].text();
    g.id = id_of(v);
    g.line = v.line();
    if (g.name.empty()) g.name = std::string(last_segment(g.id));
    for (const JsonValue r : prop(v, "securityRules")) g.rules.push_back(r);
    for (const JsonValue r : prop(v, "defaultSecurityRules")) g.rules.push_back(r);
    for (const JsonValue r : v["resources"])
      if (prop(r, "direction")) g.rules.push_back(r);
    for (const JsonValue n : prop(v, "networkInterfaces")) g.nics.insert(id_of(n));
    for (const JsonValue s : prop(v, "subnets")) g.subnets.insert(id_of(s));
    builder_.account(v, Understanding::understood);
    groups_.push_back(std::move(g));
  }

  /// A rule that stands alone: its id, or its name in a template ("group/rule"), says whose it is.
  void add_rule(JsonValue v) {
    std::string id = v["id"].text();
    std::string name = v["name"].text();
    if (const std::size_t at = lower(id).find("/networksecuritygroups/"); at != std::string::npos)
      name = id.substr(at + std::string_view("/networksecuritygroups/").size());
    const std::size_t slash = name.find('/');
    name = slash == std::string::npos ? "network security group" : name.substr(0, slash);
    const auto [known, fresh] = alone_.emplace(lower(name), groups_.size());
    if (fresh) {
      for (std::size_t i = 0; i < groups_.size(); ++i)
        if (lower(groups_[i].name) == lower(name)) known->second = i;
      if (known->second == groups_.size()) {
        groups_.push_back({});
        groups_.back().name = name;
        groups_.back().line = v.line();
      }
    }
    groups_[known->second].rules.push_back(v);
  }

  void add_nic(JsonValue v) {
    Nic nic;
    nic.id = id_of(v);
    nic.name = v["name"].text();
    nic.line = v.line();
    nic.known = true;
    for (const JsonValue c : prop(v, "ipConfigurations")) {
      for (const char* key : {"privateIPAddress", "privateIpAddress"})
        if (const std::optional<Address> a = parse_address(prop(c, key).text())) nic.addresses.push_back(*a);
      if (const JsonValue subnet = prop(c, "subnet")) nic.subnet = id_of(subnet);
      for (const JsonValue g : prop(c, "applicationSecurityGroups")) nic.application_groups.push_back(id_of(g));
    }
    if (const JsonValue g = prop(v, "networkSecurityGroup"); !g.is_null()) nic_groups_[nic.id] = id_of(g);
    builder_.account(v, Understanding::understood);
    nic_index_.emplace(nic.id, nics_.size());
    nics_.push_back(std::move(nic));
  }

  void learn_networks() {
    for (const JsonValue v : vnets_) {
      for (const JsonValue p : prop(v, "addressSpace")["addressPrefixes"])
        if (const std::optional<Prefix> prefix = parse_cidr(p.text())) vnet_prefixes_.push_back(*prefix);
      for (const JsonValue s : prop(v, "subnets")) {
        Subnet& subnet = subnets_[id_of(s)];
        subnet.name = s["name"].text();
        for (const JsonValue p : {prop(s, "addressPrefix")})
          if (const std::optional<Prefix> prefix = parse_cidr(p.text())) subnet.networks.push_back(*prefix);
        if (const JsonValue g = prop(s, "networkSecurityGroup"); !g.is_null()) subnet_groups_[id_of(s)] = id_of(g);
      }
    }
    vnet_space_ = vnet_space_.unite(AddressSet::of(vnet_prefixes_));
    for (const Nic& n : nics_)
      for (const std::string& g : n.application_groups)
        for (const Address& a : n.addresses) members_[g].push_back({a, a});
  }

  // --- Where the groups stand ---

  /// One interface for each machine's interface and for each subnet of which no machine is known.
  void place() {
    std::map<std::string, Group*> by_id;
    for (Group& g : groups_)
      if (!g.id.empty()) by_id.emplace(g.id, &g);
    for (const auto& [nic, group] : nic_groups_)
      if (const auto g = by_id.find(group); g != by_id.end()) g->second->nics.insert(nic);
    for (const auto& [subnet, group] : subnet_groups_)
      if (const auto g = by_id.find(group); g != by_id.end()) g->second->subnets.insert(subnet);
    for (Group& g : groups_) {
      for (const std::string& id : g.nics) {
        if (!nic_index_.emplace(id, nics_.size()).second) continue;
        Nic nic;
        nic.id = id;
        nic.line = g.line;
        nics_.push_back(std::move(nic));
      }
      for (const std::string& id : g.subnets) subnets_[id];
    }
    std::set<std::string> peopled;
    for (Nic& n : nics_) {
      Interface i;
      i.name = n.name.empty() ? std::string(last_segment(n.id)) : n.name;
      i.line = n.line;
      i.addresses = n.addresses;
      for (const Address& a : n.addresses) i.networks.push_back(Prefix::host(a));
      n.interface = builder_.add_interface(std::move(i));
      peopled.insert(n.subnet);
    }
    for (auto& [id, s] : subnets_) {
      if (peopled.contains(id)) continue;
      Interface i;
      i.name = s.name.empty() ? std::string(last_segment(id)) : s.name;
      i.networks = s.networks;
      s.interface = builder_.add_interface(std::move(i));
    }
  }

  void bind() {
    std::vector<ListIndex> subnet_lists[2], nic_lists[2];  // outward, inward: of attachments not brought together
    std::map<std::string, const Group*> of_nic, of_subnet;
    for (const Group& g : groups_) {
      for (const std::string& n : g.nics) of_nic[n] = &g;
      for (const std::string& s : g.subnets) of_subnet[s] = &g;
      if (!g.subnets.empty()) subnet_lists[0].push_back(g.outward), subnet_lists[1].push_back(g.inward);
      bool apart = false;
      for (const std::string& n : g.nics) apart = apart || !nics_[nic_index_.at(n)].known;
      if (apart) nic_lists[0].push_back(g.outward), nic_lists[1].push_back(g.inward);
      if (g.nics.empty() && g.subnets.empty()) {
        Interface i;
        i.name = g.name;
        i.line = g.line;
        add_stages(builder_.add_interface(std::move(i)), &g, g.name, true);
      }
    }
    const ListIndex any_subnet[2] = {perhaps("a subnet's group outbound", subnet_lists[0]),
                                     perhaps("a subnet's group inbound", subnet_lists[1])};
    const ListIndex any_nic[2] = {perhaps("an interface's group outbound", nic_lists[0]),
                                  perhaps("an interface's group inbound", nic_lists[1])};
    for (const Nic& n : nics_) {
      const std::string name = n.name.empty() ? std::string(last_segment(n.id)) : n.name;
      if (const auto g = of_nic.find(n.id); g != of_nic.end()) add_stages(n.interface, g->second, name, true);
      if (!n.known || n.subnet.empty())
        add_open(n.interface, any_subnet, name);
      else if (const auto g = of_subnet.find(n.subnet); g != of_subnet.end())
        add_stages(n.interface, g->second, name, false);
    }
    for (const auto& [id, s] : subnets_) {
      if (!s.interface) continue;
      const std::string name = s.name.empty() ? std::string(last_segment(id)) : s.name;
      if (const auto g = of_subnet.find(id); g != of_subnet.end()) add_stages(s.interface, g->second, name, false);
      add_open(s.interface, any_nic, name);
    }
  }

  ListIndex perhaps(std::string name, const std::vector<ListIndex>& lists) {
    if (lists.empty()) return kNoList;
    const ListIndex index =
        builder_.one_of(std::move(name), lists, "which interface lies in which subnet is not known");
    Entry& last = builder_.list(index).entries.back();  // and it may be none of them
    last.maybe = std::move(last.match);
    last.match.clear();
    last.undecided = builder_.list(index).entries.front().undecided.empty()
                         ? "which interface lies in which subnet is not known"
                         : builder_.list(index).entries.front().undecided;
    return index;
  }

  void add_stages(std::optional<InterfaceId> at, const Group* g, const std::string& where, bool nic) {
    for (const bool inward : {false, true}) {
      Stage stage;
      stage.name = fmt::format("{} {} at {}", g->name, inward ? "inbound" : "outbound", where);
      stage.lists = {inward ? g->inward : g->outward};
      stage.priority = inward ? (nic ? 3 : 2) : (nic ? 0 : 1);
      stage.line = g->line;
      add_stage(std::move(stage), at, inward);
    }
  }
  void add_open(std::optional<InterfaceId> at, const ListIndex (&lists)[2], const std::string& where) {
    for (const bool inward : {false, true}) {
      if (lists[inward ? 1 : 0] == kNoList) continue;
      Stage stage;
      stage.name = fmt::format("{} at {}", builder_.list(lists[inward ? 1 : 0]).name, where);
      stage.lists = {lists[inward ? 1 : 0]};
      stage.priority = inward ? 2 : 1;
      add_stage(std::move(stage), at, inward);
    }
  }
  void add_stage(Stage stage, std::optional<InterfaceId> at, bool inward) {
    if (!at) return builder_.add_perhaps(std::move(stage), "the interface is one of too many");
    (inward ? stage.egress : stage.ingress) = {*at};
    builder_.device.stages.push_back(std::move(stage));
  }

  // --- Rules ---

  void read_group(Group& g) {
    g.inward = builder_.add_list(fmt::format("{} inbound", g.name), g.line, Fallthrough::deny);
    g.outward = builder_.add_list(fmt::format("{} outbound", g.name), g.line, Fallthrough::deny);
    std::vector<std::pair<std::int64_t, JsonValue>> rules;
    bool defaults = false;
    for (const JsonValue r : g.rules) {
      const std::int64_t priority = prop(r, "priority").integer().value_or(0);
      defaults = defaults || priority >= 65000;
      rules.emplace_back(priority, r);
    }
    std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [priority, r] : rules) read_rule(r, priority, g);
    if (!defaults)
      for (const DefaultRule& r : kDefaultRules) default_rule(r, g);
    NamedObject object;
    object.name = g.name;
    object.kind = "network security group";
    object.line = g.line;
    object.uses = static_cast<std::uint32_t>(g.nics.size() + g.subnets.size());
    if (g.value && !prop(g.value, "networkInterfaces") && !prop(g.value, "subnets"))
      object.uses += 1;  // a template
    if (!g.value) object.uses += 1;
    builder_.device.objects.push_back(std::move(object));
  }

  /// Addresses of one end: those meant for certain, and those that are perhaps meant beside them.
  struct End {
    AddressSet certain = {}, perhaps = {};
    std::string text = {}, open = {}, wrong = {};
  };

  void default_rule(const DefaultRule& r, const Group& g) {
    End source, destination;
    add_name(source, r.source);
    add_name(destination, r.destination);
    Entry e;
    e.text = fmt::format("{} {} allow * {} > {}", r.priority, r.name, source.text, destination.text);
    e.action = Action::permit;
    fill(e, {}, source, destination);
    builder_.list(r.inward ? g.inward : g.outward).entries.push_back(std::move(e));
  }

  void read_rule(JsonValue v, std::int64_t priority, const Group& g) {
    const std::string access = lower(prop(v, "access").text()), direction = lower(prop(v, "direction").text());
    const bool inward = direction == "inbound";
    End source = end_of(v, "source"), destination = end_of(v, "destination");
    std::string wrong = source.wrong + destination.wrong;
    Box box;
    const std::string protocol = lower(prop(v, "protocol").text());
    if (protocol == "icmp") {
      box.protocols = {Protocol::icmp, Protocol::icmpv6};
    } else if (protocol != "*" && protocol != "any") {
      const std::optional<Protocol> p = parse_protocol(protocol);
      if (p)
        box.protocols = {*p};
      else
        wrong = fmt::format("'{}' is no protocol", protocol.substr(0, 60));
    }
    for (const bool from : {true, false}) {
      const std::optional<PortSet> ports = ports_of(v, from ? "source" : "destination");
      if (ports)
        (from ? box.source_ports : box.ports) = *ports;
      else
        wrong = fmt::format("the {} ports are not understood", from ? "source" : "destination");
    }
    if (access != "allow" && access != "deny")
      wrong = fmt::format("'{}' is neither Allow nor Deny", access.substr(0, 60));
    if (!inward && direction != "outbound") wrong = "the direction is neither Inbound nor Outbound";
    if (!prop(v, "priority").integer()) wrong = "the priority is missing";
    if (v.has_duplicate_keys()) wrong = "a key is written twice";
    if (!builder_.afford(source.certain.ranges().size() + destination.certain.ranges().size()))
      wrong = Builder::kTooMany;
    Entry e =
        cloud::entry(v, access == "deny" ? Action::deny : Action::permit,
                     fmt::format("{} {} {} {} {}{} > {}{}", priority, v["name"].text().substr(0, 80), access,
                                 protocol.substr(0, 20), source.text,
                                 box.source_ports == PortSet::all() ? "" : ":" + to_string(box.source_ports),
                                 destination.text, box.ports == PortSet::all() ? "" : ":" + to_string(box.ports)),
                     prop(v, "description").text());
    if (wrong.empty() && priority == 65500 && e.action == Action::deny && box == Box{} &&
        source.certain == AddressSet::all() && destination.certain == AddressSet::all()) {
      builder_.list(inward ? g.inward : g.outward).at_end_line = v.line();  // the list ends in it
      return builder_.account(v, Understanding::understood);
    }
    if (wrong.empty()) {
      fill(e, box, source, destination);
      builder_.account(v, e.undecided.empty() ? Understanding::understood : Understanding::in_part, e.undecided);
    } else {
      builder_.not_understood(v, wrong);
      e.action = Action::unknown;
      e.maybe.push_back({});
      e.undecided = wrong;
    }
    if (direction != "outbound") builder_.list(g.inward).entries.push_back(e);
    if (!inward) builder_.list(g.outward).entries.push_back(std::move(e));
  }

  static void fill(Entry& e, const Box& box, const End& source, const End& destination) {
    Match m{box};
    if (!source.certain.empty() && !destination.certain.empty()) {
      m.box.sources = source.certain;
      m.box.destinations = destination.certain;
      e.match.push_back(m);
    }
    if (source.open.empty() && destination.open.empty()) return;
    m.box.sources = source.certain.unite(source.perhaps);
    m.box.destinations = destination.certain.unite(destination.perhaps);
    e.maybe.push_back(std::move(m));
    e.undecided = source.open;
    if (!destination.open.empty() && destination.open != source.open)
      e.undecided += fmt::format("{}{}", e.undecided.empty() ? "" : ", ", destination.open);
  }

  /// "sourcePortRange": one; "sourcePortRanges": several; one of them is there.
  std::optional<PortSet> ports_of(JsonValue v, std::string_view end) const {
    PortSet set;
    bool any = false;
    const auto add = [&](const std::string& text) {
      any = true;
      if (text == "*") {
        set = PortSet::all();
        return true;
      }
      const Result<PortSet> some = parse_port_set(text);
      if (some) set = set.unite(*some);
      return some.has_value();
    };
    if (const JsonValue one = prop(v, fmt::format("{}PortRange", end)); !one.is_null() && !one.text().empty())
      if (!add(one.text())) return std::nullopt;
    for (const JsonValue one : prop(v, fmt::format("{}PortRanges", end)))
      if (!add(one.text())) return std::nullopt;
    if (!any) return std::nullopt;
    return set;
  }

  End end_of(JsonValue v, std::string_view which) {
    End end;
    bool any = false;
    if (const JsonValue one = prop(v, fmt::format("{}AddressPrefix", which)); !one.is_null() && !one.text().empty())
      any = true, add_name(end, one.text());
    for (const JsonValue one : prop(v, fmt::format("{}AddressPrefixes", which)))
      any = true, add_name(end, one.text());
    const std::string key =
        which == "source" ? "sourceApplicationSecurityGroups" : "destinationApplicationSecurityGroups";
    for (const JsonValue g : prop(v, key)) any = true, add_application_group(end, id_of(g));
    if (!any) end.wrong = fmt::format("the {} is missing", which);
    return end;
  }

  void add_name(End& end, const std::string& name) {
    if (end.text.size() < 200) end.text += fmt::format("{}{}", end.text.empty() ? "" : ",", name.substr(0, 100));
    const std::string word = lower(name);
    const auto open = [&](AddressSet perhaps, std::string why) {
      end.perhaps = end.perhaps.unite(perhaps);
      if (end.open.empty()) end.open = std::move(why);
    };
    if (word == "*" || word == "any") {
      end.certain = AddressSet::all();
    } else if (const std::optional<Prefix> prefix = parse_cidr(name)) {
      end.certain = end.certain.unite(AddressSet{*prefix});
    } else if (word == "azureloadbalancer") {
      end.certain = end.certain.unite(AddressSet::single(kHost));
    } else if (word == "virtualnetwork") {
      // Its own addresses for certain where one network is all there is; peered and connected ones perhaps.
      if (vnets_.size() == 1) end.certain = end.certain.unite(AddressSet::of(vnet_prefixes_));
      tags_open_ = tags_open_ || vnets_.empty();
      open(vnet_space_, "which addresses VirtualNetwork holds is not in the document");
    } else if (word == "internet") {
      open(AddressSet::all().minus(vnet_space_), "Internet is what lies outside the virtual network");
    } else if (const std::size_t dash = name.find('-');
               dash != std::string::npos && parse_address(name.substr(0, dash))) {
      const std::optional<Address> first = parse_address(name.substr(0, dash)),
                                   last = parse_address(name.substr(dash + 1));
      if (first && last && first->family() == last->family() && *first <= *last)
        end.certain = end.certain.unite(AddressSet::of_ranges({{*first, *last}}));
      else
        end.wrong = fmt::format("'{}' is no range of addresses", name.substr(0, 60));
    } else if (!name.empty() &&
               std::all_of(name.begin(), name.end(),
                           [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                    c == '.';
                           }) &&
               !(name[0] >= '0' && name[0] <= '9')) {
      open(AddressSet::all(), fmt::format("the addresses of the service tag {} are not in the document", name));
    } else {
      end.wrong = fmt::format("'{}' is neither an address nor a service tag", name.substr(0, 60));
    }
  }

  void add_application_group(End& end, const std::string& id) {
    end.text += fmt::format("{}{}", end.text.empty() ? "" : ",", last_segment(id));
    if (const auto known = members_.find(id); known != members_.end()) {
      end.certain = end.certain.unite(AddressSet::of_ranges(known->second));
      return;
    }
    end.perhaps = end.perhaps.unite(vnet_space_);
    if (end.open.empty())
      end.open =
          fmt::format("the members of application security group {} are not in the document", last_segment(id));
  }

  static constexpr Address kHost = Address::ipv4(0xA83F8110);  // 168.63.129.16, where health probes come from
  Builder builder_;
  const JsonTree& tree_;
  std::vector<Group> groups_;
  std::map<std::string, std::size_t> alone_;
  std::vector<Nic> nics_;
  std::map<std::string, std::size_t> nic_index_;
  std::map<std::string, std::string> nic_groups_, subnet_groups_;
  std::map<std::string, Subnet> subnets_;
  std::vector<JsonValue> vnets_;
  std::vector<Prefix> vnet_prefixes_;
  AddressSet vnet_space_;
  std::map<std::string, std::vector<AddressRange>> members_;
  bool tags_open_ = false;
};

}  // namespace

unsigned looks_like_azure(std::string_view text) {
  if (!cloud::is_json(text)) return 0;
  if (cloud::has_key(text, "securityRules") || cloud::has_key(text, "defaultSecurityRules")) return 60;
  if (cloud::has_key(text, "destinationPortRange") || cloud::has_key(text, "destinationPortRanges")) return 50;
  return 0;
}

Result<Device> read_azure(const Source& source) {
  const JsonTree tree = DEMARC_TRY(JsonTree::parse(source));
  return AzureReader(source, tree).read();
}

}  // namespace demarc
