// Sources: Junos Security Policies User Guide for Security Devices (policies between zones, global policies, the
// default policy, address books, applications), Security Zones (host-inbound-traffic), NAT User Guide (rule sets,
// order: destination before, source after the policy).
//
// A packet from zone A to zone B meets the policies of that pair, then the global ones, then the default policy,
// which denies unless it says permit-all; traffic within a zone does so too. An interface without a zone passes
// nothing.
#include "rules/acl/readers/junos_security.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "rules/acl/readers/junos_applications.h"
#include "rules/acl/readers/junos_books.h"
#include "rules/acl/readers/junos_from.h"
#include "rules/acl/readers/junos_inbound.h"
#include "rules/acl/readers/junos_nat.h"
#include "rules/acl/readers/line_ledger.h"

namespace demarc::junos {

namespace {

constexpr std::string_view kNotFiltering[] = {"ike",
                                              "ipsec",
                                              "log",
                                              "pki",
                                              "ssh-known-hosts",
                                              "flow",
                                              "alg",
                                              "application-tracking",
                                              "idp",
                                              "utm",
                                              "user-identification",
                                              "dynamic-vpn",
                                              "certificates",
                                              "key-protection",
                                              "traceoptions",
                                              "forwarding-options",
                                              "forwarding-process",
                                              "firewall-authentication",
                                              "dynamic-address",
                                              "advanced-anti-malware",
                                              "ipsec-vpn",
                                              "remote-access",
                                              "tcp-encap",
                                              "group-vpn",
                                              "gprs",
                                              "dynamic-application",
                                              "macsec",
                                              "authentication-key-chains",
                                              "datapath-debug",
                                              "resource-manager",
                                              "softwires",
                                              "analysis",
                                              "screen",
                                              "apply-groups",
                                              "ssl",
                                              "idp-policy"};

class SecurityReader : SecurityPart {
 public:
  SecurityReader(Tree& tree, Device& device, const SecurityContext& context)
      : SecurityPart(tree, device, context) {}

  void read() {
    const NodeId security = tree_.find(Tree::root(), "security");
    tree_.mark(security, Understanding::understood);
    for (const NodeId c : tree_.children(security)) {
      if (is_one_of(word(c), kNotFiltering))
        tree_.mark(c, Understanding::not_filtering);
      else if (word(c) != "zones" && word(c) != "address-book" && word(c) != "policies" && word(c) != "nat")
        not_understood(c, fmt::format("'{}' is not known in security", word(c)));
    }
    zones_.read(tree_.find(security, "zones"));
    books_.read(tree_.find(security, "address-book"), zones_);
    applications_.read();
    if (context_.filters_beside)
      add_sessions();
    else
      device_.replies_implied = true;
    read_policies(tree_.find(security, "policies"));
    bind_policies();
    HostInbound(tree_, device_, context_, zones_, sessions_).read();
    Translations(tree_, device_, context_, zones_, books_).read(tree_.find(security, "nat"));
    uses_.give_to(device_);
  }

 private:
  void add_sessions() {
    sessions_ = add_list("sessions", 0, Fallthrough::give_back);
    Entry e;
    e.text = "packets of a session that a policy has permitted";
    e.action = Action::permit;
    e.match.push_back({});
    e.match[0].box.states = {ConnectionState::established, ConnectionState::related};
    device_.lists[sessions_].entries.push_back(std::move(e));
  }

  // --- Policies ---

  struct Pair {
    std::string_view from, to;
    NodeId node = kNoNode;
    ListIndex list = kNoList;
  };

  void read_policies(NodeId policies) {
    default_ = add_list("default-policy", 0, Fallthrough::deny);
    if (policies == kNoNode) return;
    tree_.mark(policies, Understanding::understood);
    for (const NodeId c : tree_.children(policies)) {
      constexpr std::string_view kPlain[] = {"policy-rematch", "traceoptions",          "policy-stats",
                                             "apply-groups",   "pre-id-default-policy", "apply-groups-except"};
      if (is_one_of(word(c), kPlain))
        tree_.mark(c, Understanding::not_filtering);
      else if (word(c) != "from-zone" && word(c) != "global" && word(c) != "default-policy")
        not_understood(c, fmt::format("'{}' is not known in policies", word(c)));
    }
    if (const NodeId n = tree_.find(policies, "default-policy"); n != kNoNode) {
      tree_.mark(n, Understanding::understood);
      List& list = device_.lists[default_];
      list.line = list.at_end_line = tree_[n].line;
      if (tree_.has(n, "permit-all")) list.at_end = Fallthrough::permit;
    }
    for (const NodeId from : tree_.children(tree_.find(policies, "from-zone")))
      for (const NodeId to : tree_.children(tree_.find(from, "to-zone"))) {
        tree_.mark(to, Understanding::understood);
        Pair pair{word(from), word(to), to};
        for (const NodeId end : {from, to})
          if (zones_.find(word(end)) == nullptr && word(end) != "junos-host")
            not_understood(end, fmt::format("the zone {} is not defined", word(end)));
        pair.list = add_list(fmt::format("from-zone {} to-zone {}", pair.from, pair.to), tree_[to].line,
                             Fallthrough::give_back);
        read_list(to, pair.list, pair.from, pair.to);
        pairs_from_.emplace(pair.from, pairs_.size());
        pairs_.push_back(pair);
      }
    if (const NodeId global = tree_.find(policies, "global"); global != kNoNode) {
      tree_.mark(global, Understanding::understood);
      global_list_ = add_list("global policies", tree_[global].line, Fallthrough::give_back);
      read_list(global, global_list_, {}, {});
    }
  }

  void read_list(NodeId node, ListIndex index, std::string_view from, std::string_view to) {
    for (const NodeId c : tree_.children(node)) {
      if (word(c) == "policy") {
        for (const NodeId p : tree_.all_children(c)) read_policy(p, index, from, to);
      } else if (!word(c).starts_with("apply-")) {
        not_understood(c, fmt::format("'{}' is not known among policies", word(c)));
        add_unknown(index, c);
      }
    }
    if (tree_[node].cut) add_unknown(index, node);
  }
  void read_policy(NodeId policy, ListIndex index, std::string_view from, std::string_view to) {
    Entry e;
    e.line = tree_[policy].line;
    e.line_last = tree_[policy].line_last;
    e.inactive = tree_[policy].inactive;
    e.text = LineLedger::bounded(fmt::format("{}policy {}", e.inactive ? "inactive: " : "", tree_.text(policy)));
    tree_.mark(policy, e.inactive ? Understanding::not_filtering : Understanding::understood);
    if (!e.inactive) {
      e.remark = std::string(tree_.value(policy, "description").substr(0, 500));
      undecided_.clear();
      read_match(tree_.find(policy, "match"), from, to, e);
      read_then(policy, e);
      for (const NodeId c : tree_.children(policy)) {
        const std::string_view w = word(c);
        if (w == "scheduler-name") {
          make_possible(e, fmt::format("scheduler {}", tree_.value(policy, w)));
          tree_.mark(c, Understanding::in_part, "a schedule decides when it holds");
        } else if (w != "match" && w != "then" && w != "description" && !w.starts_with("apply-")) {
          const std::string why = fmt::format("'{}' is not known in a policy", w);
          not_understood(c, why);
          make_possible(e, why);
        }
      }
      if (tree_[policy].cut) {
        e.action = Action::unknown;
        e.match.clear();
        e.maybe.assign(1, Match{});
        undecided_ = "the text ends within the policy";
      }
      e.undecided = undecided_;
    }
    device_.lists[index].entries.push_back(std::move(e));
  }

  void because(const std::string& why) {
    if (undecided_.find(why) != std::string::npos || undecided_.size() > 500) return;
    undecided_ += fmt::format("{}{}", undecided_.empty() ? "" : ", ", why);
  }
  void make_possible(Entry& e, const std::string& why) {
    e.maybe.insert(e.maybe.end(), e.match.begin(), e.match.end());
    e.match.clear();
    because(why);
  }

  /// The named addresses of a policy, and what they may be beside.
  struct Side {
    AddressSet known, possible;
    bool exact = true;
  };
  Side side(NodeId match, std::string_view keyword, std::string_view zone) {
    const NodeId names = tree_.find(match, keyword);
    Side s;
    std::vector<AddressRange> ranges;
    std::string incomplete;
    for (const NodeId n : tree_.children(names)) {
      NamedAddresses a = books_.addresses(zone, word(n));
      ranges.insert(ranges.end(), a.known.ranges().begin(), a.known.ranges().end());
      if (a.incomplete.empty()) continue;
      incomplete = a.incomplete;
      if (a.incomplete.ends_with("is not defined"))
        not_understood(n, a.incomplete);
      else
        tree_.mark(n, Understanding::in_part, a.incomplete);
    }
    s.known = AddressSet::of_ranges(std::move(ranges));
    if (names == kNoNode) incomplete = fmt::format("{} is missing", keyword);
    s.exact = incomplete.empty();
    if (!s.exact) because(incomplete);
    if (tree_.has(match, fmt::format("{}-excluded", keyword))) {
      s.possible = AddressSet::all().minus(s.known);
      s.known = s.exact ? s.possible : AddressSet{};
    } else {
      s.possible = s.exact ? s.known : AddressSet::all();
    }
    return s;
  }

  void read_match(NodeId match, std::string_view from, std::string_view to, Entry& e) {
    if (match == kNoNode) {
      e.maybe.push_back({});
      return because("the policy matches nothing that is written");
    }
    Side source = side(match, "source-address", from), destination = side(match, "destination-address", to);
    std::vector<ServiceWay> ways;
    bool complete = true;
    for (const NodeId a : tree_.children(tree_.find(match, "application"))) {
      const NamedServices& s = applications_.services(word(a));
      ways.insert(ways.end(), s.ways.begin(), s.ways.end());
      if (s.incomplete.empty()) continue;
      complete = false;
      because(s.incomplete);
      if (s.incomplete.ends_with("is not known"))
        not_understood(a, s.incomplete, suggest_named(word(a), junos::applications()));
      else
        tree_.mark(a, Understanding::in_part, s.incomplete);
    }
    if (tree_.find(match, "application") == kNoNode) {
      // Unified policies may name dynamic applications alone.
      complete = false;
      because("no application is named");
    }
    matches_ += ways.size() * (1 + source.possible.ranges().size() + destination.possible.ranges().size());
    if (matches_ > kAddressRangesMax) {
      complete = false;
      ways.clear();
      source.possible = destination.possible = AddressSet::all();
      because("policies name more addresses and applications than are kept");
    }
    for (const ServiceWay& way : ways)
      if (!source.known.empty() && !destination.known.empty())
        e.match.push_back(match_of(source.known, destination.known, way));
    if (!complete) {
      e.maybe.push_back(match_of(source.possible, destination.possible, {}));
    } else if (!source.exact || !destination.exact) {
      for (const ServiceWay& way : ways) e.maybe.push_back(match_of(source.possible, destination.possible, way));
    }
    for (const NodeId c : tree_.children(match)) other_condition(c, e);
  }

  void other_condition(NodeId node, Entry& e) {
    const std::string_view w = word(node);
    if (w.starts_with("source-address") || w.starts_with("destination-address") || w == "application" ||
        w.starts_with("apply-"))
      return;
    if (w == "from-zone" || w == "to-zone") return zones_of_global(node, w == "from-zone", e);
    if (w == "source-identity" || w == "dynamic-application" || w == "url-category" ||
        w == "source-end-user-profile") {
      for (const NodeId v : tree_.children(node)) {
        if (word(v) == "any" || word(v) == "none") continue;
        make_possible(e, fmt::format("{} {}", w, word(v)));
        tree_.mark(v, Understanding::in_part, "it depends on who or what speaks");
      }
      return;
    }
    const std::string why = fmt::format("'{}' is no match that is known", w);
    not_understood(node, why);
    make_possible(e, why);
  }

  void zones_of_global(NodeId node, bool from, Entry& e) {
    ByteSet ids;
    for (const NodeId z : tree_.children(node)) {
      if (word(z) == "any") return;
      const Zone* named = zones_.find(word(z));
      if (named == nullptr) {
        not_understood(z, fmt::format("the zone {} is not defined", word(z)));
        make_possible(e, "a zone is not defined");
        return;
      }
      if (!named->told_apart) return make_possible(e, "the zone has more interfaces than can be told apart");
      for (const InterfaceId id : named->interfaces) ids.insert(id);
    }
    for (std::vector<Match>* list : {&e.match, &e.maybe})
      for (Match& m : *list) (from ? m.box.ingress : m.box.egress) = ids;
  }

  void read_then(NodeId policy, Entry& e) {
    const NodeId then = tree_.find(policy, "then");
    const bool permit = tree_.has(then, "permit");
    const bool deny = tree_.has(then, "deny") || tree_.has(then, "reject");
    if (permit == deny) {
      e.action = Action::unknown;
      because("neither permit nor deny stands there alone");
      return not_understood(then == kNoNode ? policy : then, "what the policy does is not known");
    }
    e.action = permit ? Action::permit : Action::deny;
    if (tree_.has(then, "reject")) e.refusal = Refusal::reset_or_unreachable;
    for (const NodeId c : tree_.children(tree_.find(then, "permit"))) {
      const std::string_view w = word(c);
      if (w == "firewall-authentication") {
        make_possible(e, "it permits after somebody has logged in");
        tree_.mark(c, Understanding::in_part, "it permits after somebody has logged in");
      } else if (w == "application-services") {
        tree_.mark(c, Understanding::in_part, "inspection may still drop what it finds in the conversation");
      } else if (w != "tunnel" && w != "tcp-options" && w != "destination-address" && w != "services-offload" &&
                 w != "log" && !w.starts_with("apply-")) {
        not_understood(c, fmt::format("'{}' is not known behind permit", w));
        make_possible(e, fmt::format("'{}' is not known behind permit", w));
      }
    }
  }

  // --- Where they stand ---

  std::vector<ListIndex> lists_of(ListIndex pair) const {
    std::vector<ListIndex> lists;
    if (sessions_ != kNoList) lists.push_back(sessions_);
    if (pair != kNoList) lists.push_back(pair);
    if (global_list_ != kNoList) lists.push_back(global_list_);
    lists.push_back(default_);
    return lists;
  }

  void bind_policies() {
    for (const Zone& from : zones_.all()) {
      std::set<std::string_view> paired;
      const auto [begin, end] = pairs_from_.equal_range(from.name);
      for (auto p = begin; p != end; ++p) {
        const Pair& pair = pairs_[p->second];
        if (pair.to == "junos-host") {
          host_stage(pair, from, true);
          continue;
        }
        const Zone* to = zones_.find(pair.to);
        if (to == nullptr) continue;
        paired.insert(pair.to);
        add_stage(device_.lists[pair.list].name, pair.node, from.interfaces, to->interfaces, lists_of(pair.list),
                  from.told_apart && to->told_apart);
      }
      std::vector<InterfaceId> rest;
      bool told_apart = from.told_apart;
      for (const Zone& to : zones_.all()) {
        if (paired.contains(to.name)) continue;
        rest.insert(rest.end(), to.interfaces.begin(), to.interfaces.end());
        told_apart = told_apart && to.told_apart;
      }
      add_stage(fmt::format("from-zone {} to zones without policies", from.name), from.node, from.interfaces, rest,
                lists_of(kNoList), told_apart);
    }
    for (const Pair& pair : pairs_)
      if (pair.from == "junos-host")
        if (const Zone* to = zones_.find(pair.to)) host_stage(pair, *to, false);
    without_zone();
  }

  void add_stage(std::string name, NodeId node, std::vector<InterfaceId> ingress, std::vector<InterfaceId> egress,
                 std::vector<ListIndex> lists, bool told_apart) {
    if (told_apart && (ingress.empty() || egress.empty())) return;  // no packet goes that way
    Stage stage;
    stage.name = std::move(name);
    stage.lists = std::move(lists);
    stage.ingress = std::move(ingress);
    stage.egress = std::move(egress);
    stage.priority = 10;
    stage.line = tree_[node].line;
    context_.add_stage(std::move(stage), told_apart);
  }

  /// Policies to or from junos-host stand beside host-inbound-traffic. What becomes of packets that none of them
  /// matches, the sources tell differently; so it is left open.
  void host_stage(const Pair& pair, const Zone& z, bool to_device) {
    Stage stage;
    stage.name = device_.lists[pair.list].name;
    stage.ways = {to_device ? Way::to_device : Way::from_device};
    (to_device ? stage.ingress : stage.egress) = z.interfaces;
    stage.priority = 12;
    stage.line = tree_[pair.node].line;
    const ListIndex open = add_list(fmt::format("{}, its end", stage.name), 0, Fallthrough::permit);
    Entry e;
    e.text = "what no policy of junos-host matches";
    e.action = Action::unknown;
    e.undecided = "whether what no policy of junos-host matches is admitted is not known";
    e.maybe.push_back({});
    device_.lists[open].entries.push_back(std::move(e));
    if (sessions_ != kNoList) stage.lists.push_back(sessions_);
    stage.lists.push_back(pair.list);
    stage.lists.push_back(open);
    if (!z.interfaces.empty() || !z.told_apart) context_.add_stage(std::move(stage), z.told_apart);
  }

  void without_zone() {
    ByteSet zoned;
    for (const Zone& z : zones_.all())
      for (const InterfaceId id : z.interfaces) zoned.insert(id);
    std::vector<InterfaceId> rest;
    for (std::size_t i = 0; i < device_.interfaces.size() && i < kInterfacesMax; ++i)
      if (!zoned.contains(static_cast<std::uint8_t>(i))) rest.push_back(static_cast<InterfaceId>(i));
    if (rest.empty()) return;
    const ListIndex list = add_list("interfaces without a zone", 0, Fallthrough::deny);
    for (const bool in : {true, false}) {
      Stage stage;
      stage.name = "interfaces without a zone";
      (in ? stage.ingress : stage.egress) = rest;
      stage.lists = {list};
      stage.priority = 10;
      context_.add_stage(std::move(stage), true);
    }
  }

  ObjectUses uses_;
  Zones zones_{tree_, device_, context_};
  AddressBooks books_{tree_, device_, context_, uses_};
  Applications applications_{tree_, device_, context_, uses_};
  std::vector<Pair> pairs_;
  std::multimap<std::string_view, std::size_t> pairs_from_;
  ListIndex default_ = kNoList, global_list_ = kNoList, sessions_ = kNoList;
  std::size_t matches_ = 0;
  std::string undecided_;
};

}  // namespace

std::string unit_name(std::string_view interface) {
  return interface.find('.') == std::string_view::npos ? fmt::format("{}.0", interface) : std::string(interface);
}

bool has_security(const Tree& tree) {
  const NodeId security = tree.find(Tree::root(), "security");
  // In packet mode the device forwards as a router: policies do not apply.
  if (tree.find(security, {"forwarding-options", "family", "mpls", "mode", "packet-based"}) != kNoNode)
    return false;
  return tree.has(security, "policies") || tree.has(security, "zones");
}

void read_security(Tree& tree, Device& device, const SecurityContext& context) {
  SecurityReader(tree, device, context).read();
}

}  // namespace demarc::junos
