// Google Cloud VPC firewall rules: `gcloud compute firewall-rules list --format=json`, or the REST form with
// `items`; beside them instances (`gcloud compute instances list --format=json`), which tell who has a tag.
//
// Sources: Google Cloud documentation, "VPC firewall rules" (priority, implied rules, always allowed and always
// blocked traffic), "Use source and target tags".
//  - Each network has rules for what comes to an instance and for what leaves it. The smaller priority is asked
//  first; of two with the same one, the one that denies.
//  - A rule holds for its targets: instances with one of its tags or service accounts, or all of the network.
//  - Behind all rules everything is admitted outward and nothing inward. What was permitted may be answered.
//  - The metadata server is always reachable.
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

class GcpReader {
 public:
  GcpReader(const Source& source, const JsonTree& tree) : builder_(source, Dialect::gcp), tree_(tree) {
    builder_.device.replies_implied = true;
  }

  Result<Device> read() {
    for (const JsonValue root : tree_.roots()) object(root, 0);
    if (rules_.empty()) return file_failure(tree_.source().name(), "no firewall rule stands here");
    attach();
    for (auto& [name, network] : networks_) read_network(name, network);
    if (policies_ == 0)
      builder_.note(
          "hierarchical and network firewall policies are not in the document: what they decide first is not "
          "known here");
    return builder_.finish(tree_);
  }

 private:
  struct Rule {
    JsonValue value;
    std::int64_t priority = 1000;
    bool deny = false, inward = true;
  };
  struct Network {
    std::vector<Rule> rules = {};
    std::vector<InterfaceId> interfaces = {};
    bool told_apart = true;
  };
  struct Member {  // one network interface of an instance
    std::string network;
    std::set<std::string> tags = {}, accounts = {};
    std::vector<Address> addresses = {};
    std::optional<InterfaceId> id = {};
  };

  void object(JsonValue v, unsigned depth) {
    if (v.is_array()) {
      for (const JsonValue e : v) object(e, depth);
      return;
    }
    if (v["networkInterfaces"]) return add_instance(v);
    if (v["allowed"] || v["denied"]) return add_rule(v);
    bool inside = false;
    for (const char* key : {"items", "firewalls", "instances", "firewallRules"})
      if (const JsonValue list = v[key]; list.is_array() && depth < 4) {
        inside = true;
        for (const JsonValue e : list) object(e, depth + 1);
      }
    if (const JsonValue next = v["nextPageToken"]; !next.is_null())
      builder_.not_understood(next, "the answer goes on in another document: what is there is not known");
    if (inside) return;
    if (const std::string kind = v["kind"].text(); kind == "compute#firewallPolicy" || v["rules"]) {
      ++policies_;
      return builder_.not_understood(v, "firewall policies are not read: what they decide is not known");
    }
    builder_.account(v, Understanding::not_filtering);
  }

  void add_rule(JsonValue v) {
    Rule r{v};
    r.priority = v["priority"].integer().value_or(1000);
    r.deny = v["denied"].size() != 0;
    r.inward = v["direction"].text() != "EGRESS";
    std::string network(last_segment(v["network"].text()));
    if (network.empty()) network = "default";
    networks_[network].rules.push_back(r);
    rules_.push_back(r);
  }

  void add_instance(JsonValue v) {
    instances_given_ = true;
    builder_.account(v, Understanding::understood);
    std::set<std::string> tags, accounts;
    for (const JsonValue t : v["tags"]["items"]) tags.insert(t.text());
    for (const JsonValue a : v["serviceAccounts"]) accounts.insert(a["email"].text());
    std::size_t number = 0;
    for (const JsonValue n : v["networkInterfaces"]) {
      Member m;
      m.network = std::string(last_segment(n["network"].text()));
      m.tags = tags;
      m.accounts = accounts;
      for (const char* key : {"networkIP", "ipv6Address"})
        if (const std::optional<Address> a = parse_address(n[key].text())) m.addresses.push_back(*a);
      Interface i;
      i.name = v["name"].text();
      if (number++ != 0) i.name += fmt::format("/{}", n["name"].text());
      i.line = v.line();
      i.addresses = m.addresses;
      for (const Address& a : m.addresses) i.networks.push_back(Prefix::host(a));
      m.id = builder_.add_interface(std::move(i));
      translation(n, m);
      members_.push_back(std::move(m));
    }
  }

  void translation(JsonValue n, const Member& m) {
    for (const JsonValue c : n["accessConfigs"]) {
      const std::optional<Address> outside = parse_address(c["natIP"].text());
      if (!outside || m.addresses.empty() || !m.addresses[0].is_ipv4()) continue;
      Nat to;
      to.kind = Nat::Kind::destination;
      to.match.box.destinations = AddressSet::single(*outside);
      to.to = m.addresses[0];
      to.line = n.line();
      to.text = fmt::format("{} is {}", to_string(*outside), to_string(m.addresses[0]));
      Nat from = to;
      from.kind = Nat::Kind::source;
      from.match.box = {};
      from.match.box.sources = AddressSet::single(m.addresses[0]);
      from.match.box.egress = ByteSet{0};
      from.to = *outside;
      builder_.device.nats.push_back(std::move(to));
      builder_.device.nats.push_back(std::move(from));
    }
  }

  void attach() {
    for (auto& [name, network] : networks_) {
      for (const Member& m : members_) {
        if (m.network != name) continue;
        if (m.id)
          network.interfaces.push_back(*m.id);
        else
          network.told_apart = false;
      }
      if (instances_given_ && (!network.interfaces.empty() || !network.told_apart)) continue;
      Interface i;
      i.name = name;
      if (const auto id = builder_.add_interface(std::move(i)))
        network.interfaces.push_back(*id);
      else
        network.told_apart = false;
    }
  }

  // --- Rules ---

  void read_network(const std::string& name, Network& network) {
    std::stable_sort(network.rules.begin(), network.rules.end(), [](const Rule& a, const Rule& b) {
      return std::pair(a.priority, !a.deny) < std::pair(b.priority, !b.deny);
    });
    for (const bool inward : {false, true}) {
      const ListIndex index = builder_.add_list(fmt::format("{} {}", name, inward ? "ingress" : "egress"), 0,
                                                inward ? Fallthrough::deny : Fallthrough::permit);
      if (!inward) always(index, network);
      for (const Rule& r : network.rules)
        if (r.inward == inward) read_rule(r, name, network, index);
      Stage stage;
      stage.name = builder_.list(index).name;
      stage.lists = {index};
      (inward ? stage.egress : stage.ingress) = network.interfaces;
      stage.priority = inward ? 1 : 0;
      if (!network.interfaces.empty()) builder_.device.stages.push_back(stage);
      if (!network.told_apart) builder_.add_perhaps(std::move(stage), "the instance is one of too many");
    }
  }

  /// What no rule changes.
  void always(ListIndex index, const Network& network) {
    const bool denies =
        std::any_of(network.rules.begin(), network.rules.end(), [](const Rule& r) { return r.deny && !r.inward; });
    Box metadata;
    metadata.destinations = AddressSet::single(*parse_address("169.254.169.254"));
    if (denies)
      builder_.list(index).entries.push_back(
          cloud::implied(Action::permit, "the metadata server is always reachable", metadata));
    Box mail;
    mail.protocols = {Protocol::tcp};
    mail.ports = PortSet::single(Port(25));
    mail.destinations = AddressSet::all().minus(cloud::private_space());
    Entry e = cloud::implied(Action::deny, "mail to external addresses may be blocked", mail);
    e.maybe = std::move(e.match);
    e.match.clear();
    e.undecided = "whether TCP port 25 is open to external addresses depends on the project";
    builder_.list(index).entries.push_back(std::move(e));
  }

  struct Open {
    std::string why = {};
    void because(const std::string& more) {
      if (why.find(more) == std::string::npos) why += fmt::format("{}{}", why.empty() ? "" : ", ", more);
    }
  };

  void read_rule(const Rule& rule, const std::string& network_name, const Network& network, ListIndex index) {
    const JsonValue v = rule.value;
    std::string wrong;
    Open open;
    std::string text =
        fmt::format("{} {} {}", rule.priority, v["name"].text().substr(0, 80), rule.deny ? "deny" : "allow");
    const std::vector<Box> services = services_of(v[rule.deny ? "denied" : "allowed"], text, wrong);
    // Who it is about at the other end.
    AddressSet certain, perhaps;
    ends(v, rule.inward, network_name, text, certain, perhaps, open, wrong);
    // For whom it holds.
    ByteSet targets = ByteSet::all();
    targets_of(v, network_name, text, targets, open);
    if (v.has_duplicate_keys()) wrong = "a key is written twice";
    if (!builder_.afford(certain.ranges().size() * services.size())) wrong = Builder::kTooMany;
    if (v["allowed"].size() != 0 && v["denied"].size() != 0) wrong = "it allows and denies";
    if (const std::string d = v["direction"].text(); !d.empty() && d != "INGRESS" && d != "EGRESS")
      wrong = fmt::format("'{}' is no direction", d.substr(0, 60));
    if (rule.priority < 0 || rule.priority > 65535) wrong = "the priority is out of range";
    Entry e = cloud::entry(v, rule.deny ? Action::deny : Action::permit, std::move(text), v["description"].text());
    e.inactive = v["disabled"].boolean().value_or(false);
    if (!wrong.empty()) {
      builder_.not_understood(v, wrong);
      e.action = Action::unknown;
      e.maybe.push_back({});
      e.undecided = wrong;
      builder_.list(index).entries.push_back(std::move(e));
      return;
    }
    const bool whom = open_targets_ || (!network.told_apart && !targets.is_all());
    if (whom && open.why.empty()) open.because("a target is one of too many instances");
    for (const Box& service : services) {
      Match m{service};
      AddressSet& other = rule.inward ? m.box.sources : m.box.destinations;
      if (!rule.inward) add_sources(v, m.box.sources);
      if (rule.inward) add_destinations(v, m.box.destinations);
      if (network.told_apart) (rule.inward ? m.box.egress : m.box.ingress) = targets;
      if (!certain.empty() && !targets.empty()) {
        other = certain;
        (whom ? e.maybe : e.match).push_back(m);
      }
      if (!perhaps.empty()) {
        other = perhaps;
        e.maybe.push_back(m);
      }
    }
    e.undecided = open.why;
    builder_.account(v,
                     e.inactive            ? Understanding::not_filtering
                     : e.undecided.empty() ? Understanding::understood
                                           : Understanding::in_part,
                     e.undecided);
    builder_.list(index).entries.push_back(std::move(e));
  }

  static std::vector<Box> services_of(JsonValue list, std::string& text, std::string& wrong) {
    std::vector<Box> out;
    for (const JsonValue s : list) {
      Box box;
      const std::string name = s["IPProtocol"].text();
      if (name != "all") {
        const std::optional<Protocol> p = parse_protocol(name);
        if (!p) {
          wrong = fmt::format("'{}' is no protocol", name.substr(0, 60));
          continue;
        }
        box.protocols = {*p};
      }
      PortSet ports;
      for (const JsonValue p : s["ports"]) {
        const Result<PortSet> some = parse_port_set(p.text());
        if (some)
          ports = ports.unite(*some);
        else
          wrong = fmt::format("'{}' is no port", p.text().substr(0, 60));
      }
      if (s["ports"].size() != 0) box.ports = ports;
      if (text.size() < 300) text += fmt::format(" {}{}", name, ports.empty() ? "" : ":" + to_string(ports));
      out.push_back(std::move(box));
    }
    if (list.size() == 0) wrong = "it names no protocol";
    return out;
  }

  static AddressSet ranges_of(JsonValue list, std::string& wrong) {
    std::vector<Prefix> prefixes;
    for (const JsonValue r : list) {
      const std::optional<Prefix> prefix = parse_cidr(r.text());
      if (prefix)
        prefixes.push_back(*prefix);
      else
        wrong = fmt::format("'{}' is no range of addresses", r.text().substr(0, 60));
    }
    return AddressSet::of(prefixes);
  }

  /// A rule may also narrow its own instances' end.
  static void add_sources(JsonValue v, AddressSet& sources) {
    std::string wrong;
    if (v["sourceRanges"].size() != 0) sources = ranges_of(v["sourceRanges"], wrong);
  }
  static void add_destinations(JsonValue v, AddressSet& destinations) {
    std::string wrong;
    if (v["destinationRanges"].size() != 0) destinations = ranges_of(v["destinationRanges"], wrong);
  }

  void ends(JsonValue v, bool inward, const std::string& network, std::string& text, AddressSet& certain,
            AddressSet& perhaps, Open& open, std::string& wrong) {
    certain = ranges_of(v[inward ? "sourceRanges" : "destinationRanges"], wrong);
    ranges_of(v[inward ? "destinationRanges" : "sourceRanges"], wrong);
    bool any = v[inward ? "sourceRanges" : "destinationRanges"].size() != 0;
    text += inward ? " from" : " to";
    if (any) text += fmt::format(" {}", to_string(certain));
    for (const bool tags : {true, false}) {
      const JsonValue list = v[tags ? "sourceTags" : "sourceServiceAccounts"];
      if (!inward || list.size() == 0) continue;
      any = true;
      std::vector<AddressRange> ranges;
      std::set<std::string> wanted;
      for (const JsonValue t : list) {
        wanted.insert(t.text());
        if (text.size() < 400) text += fmt::format(" {}", t.text().substr(0, 60));
      }
      for (const Member& m : members_)
        if (m.network == network && overlaps(tags ? m.tags : m.accounts, wanted))
          for (const Address& a : m.addresses) ranges.push_back({a, a});
      certain = certain.unite(AddressSet::of_ranges(std::move(ranges)));
      if (instances_given_) continue;
      perhaps = AddressSet::all();
      open.because(fmt::format("which instances have the {} is not in the document",
                               tags ? "source tags" : "source service accounts"));
    }
    if (any) return;
    certain = AddressSet{Prefix::containing(Address{}, 0)};  // 0.0.0.0/0 is understood
    text += " 0.0.0.0/0";
  }

  static bool overlaps(const std::set<std::string>& have, const std::set<std::string>& wanted) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) { return have.contains(w); });
  }

  void targets_of(JsonValue v, const std::string& network, std::string& text, ByteSet& targets, Open& open) {
    open_targets_ = false;
    for (const bool tags : {true, false}) {
      const JsonValue list = v[tags ? "targetTags" : "targetServiceAccounts"];
      if (list.size() == 0) continue;
      std::set<std::string> wanted;
      text += tags ? " at tags" : " at service accounts";
      for (const JsonValue t : list) {
        wanted.insert(t.text());
        if (text.size() < 400) text += fmt::format(" {}", t.text().substr(0, 60));
      }
      if (!instances_given_) {
        open_targets_ = true;
        open.because(fmt::format("which instances have the {} is not in the document",
                                 tags ? "target tags" : "target service accounts"));
        continue;
      }
      ByteSet ids;
      for (const Member& m : members_)
        if (m.network == network && m.id && overlaps(tags ? m.tags : m.accounts, wanted)) ids.insert(*m.id);
      targets = targets.intersect(ids);
    }
  }

  Builder builder_;
  const JsonTree& tree_;
  std::map<std::string, Network> networks_;
  std::vector<Rule> rules_;
  std::vector<Member> members_;
  bool instances_given_ = false, open_targets_ = false;
  std::size_t policies_ = 0;
};

}  // namespace

unsigned looks_like_gcp(std::string_view text) {
  if (!cloud::is_json(text)) return 0;
  if (text.find("compute#firewall") != std::string_view::npos) return 60;
  if ((cloud::has_key(text, "allowed") || cloud::has_key(text, "denied")) && cloud::has_key(text, "IPProtocol"))
    return 60;
  return 0;
}

Result<Device> read_gcp(const Source& source) {
  const JsonTree tree = DEMARC_TRY(JsonTree::parse(source));
  return GcpReader(source, tree).read();
}

}  // namespace demarc
