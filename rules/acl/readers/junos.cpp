// Juniper Junos: `show configuration`, and the same with `| display set`.
//
// junos_tree.h makes one tree of both notations; here it is read. What Junos does where nothing is written, and the
// reader therefore adds:
//   - a filter ends in discard; behind a chain (input-list) or a filter that another one names, only the last end
//   does;
//   - a term without `from` matches everything; one without a terminating action accepts, unless it says `next
//   term`
//     (Firewall Filters User Guide, "Firewall Filter Nonterminating Actions", "How Standard Firewall Filters
//     Evaluate Packets");
//   - a filter on lo0 sees what is for the device, whatever interface it came in by;
//   - nothing is implied for IPv6: neighbour discovery is filtered like everything else.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/acl/readers/junos_from.h"
#include "rules/acl/readers/junos_security.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/refusal_words.h"
#include "rules/text/cursor.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace {

using junos::kNoNode;
using junos::NodeId;

/// Sections that say nothing about which packets pass.
constexpr std::string_view kNotFiltering[] = {"version",
                                              "system",
                                              "snmp",
                                              "routing-options",
                                              "protocols",
                                              "chassis",
                                              "class-of-service",
                                              "event-options",
                                              "access",
                                              "access-profile",
                                              "accounting-options",
                                              "applications",
                                              "bridge-domains",
                                              "diameter",
                                              "dynamic-profiles",
                                              "ethernet-switching-options",
                                              "fabric",
                                              "forwarding-options",
                                              "jsrc",
                                              "logical-systems",
                                              "multi-chassis",
                                              "multicast-snooping-options",
                                              "poe",
                                              "policy-options",
                                              "routing-instances",
                                              "services",
                                              "session-limit-group",
                                              "smtp",
                                              "switch-options",
                                              "tenants",
                                              "unified-edge",
                                              "virtual-chassis",
                                              "vlans",
                                              "vmhost",
                                              "wlan",
                                              "apply-groups",
                                              "apply-macro",
                                              "groups",
                                              "interfaces",
                                              "firewall",
                                              "security",
                                              "schedulers",
                                              "rcsid",
                                              "host-name"};

constexpr std::string_view kAccepting[] = {"accept",  "routing-instance", "logical-system", "topology",
                                           "next-ip", "next-ip6",         "next-interface"};
constexpr std::string_view kGoingOn[] = {"count",
                                         "log",
                                         "syslog",
                                         "sample",
                                         "port-mirror",
                                         "port-mirror-instance",
                                         "forwarding-class",
                                         "loss-priority",
                                         "dscp",
                                         "traffic-class",
                                         "service-accounting",
                                         "service-accounting-deferred",
                                         "service-filter-hit",
                                         "packet-mode",
                                         "load-balance",
                                         "next-hop-group",
                                         "analyzer",
                                         "dont-fragment",
                                         "exclude-accounting",
                                         "interface-group",
                                         "set",
                                         "bgp-output-queue-priority",
                                         "virtual-channel",
                                         "clear-policy-map",
                                         "policy-map",
                                         "de-encapsulate-keep",
                                         "no-decrement-ttl",
                                         "sflow",
                                         "l2-mirror",
                                         "trace",
                                         "ipsec-sa-hint"};
constexpr std::string_view kPolicing[] = {"policer",       "three-color-policer",           "hierarchical-policer",
                                          "prefix-action", "enhanced-hierarchical-policer", "two-color-policer"};
constexpr std::string_view kFirewall[] = {
    "family",      "filter", "interface-set", "apply-groups", "apply-groups-except", "load-balance-group",
    "traceoptions"};
constexpr std::string_view kFilterOptions[] = {"interface-specific",
                                               "accounting-profile",
                                               "physical-interface-filter",
                                               "enhanced-mode",
                                               "instance-shared",
                                               "fast-lookup-filter",
                                               "interface-shared",
                                               "promote",
                                               "apply-groups",
                                               "apply-groups-except",
                                               "apply-flags",
                                               "scale-optimized",
                                               "profile"};

template <std::size_t N>
bool one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// The families whose filters are about packets that a packet set can say.
struct FilterFamily {
  std::string_view name;
  std::optional<Family> family;
};
constexpr FilterFamily kFamilies[] = {{"inet", Family::ipv4}, {"inet6", Family::ipv6}, {"any", std::nullopt}};

const FilterFamily* filter_family(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kFamilies), std::end(kFamilies), [name](const auto& f) { return f.name == name; });
  return found == std::end(kFamilies) ? nullptr : &*found;
}

class JunosReader {
 public:
  explicit JunosReader(const Source& source) : source_(source), tree_(source, device_) {
    device_.file = source.name();
    device_.name = source.name();
    device_.dialect = Dialect::junos;
  }

  Result<Device> read() {
    DEMARC_TRY(tree_.read());
    if (tree_[junos::Tree::root()].first == kNoNode)
      return file_failure(source_.name(), "no Junos statement stands here");
    mark_sections();
    read_prefix_lists();
    read_policers();
    collect_units();
    find_bound_names();
    read_filters();
    bind_units();
    bind_forwarding();
    if (junos::has_security(tree_))
      read_security_policies();
    else if (const NodeId policies = tree_.find(root(), {"security", "policies"}); policies != kNoNode)
      not_understood(policies, "the device is in packet mode: security policies do not apply");
    say_unused();
    widen_by_groups();
    if (tree_.is_cut()) add_unknown_stage("what is behind the end of the text");
    std::stable_sort(device_.stages.begin(), device_.stages.end(),
                     [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
    tree_.account();
    return std::move(device_);
  }

 private:
  static constexpr NodeId root() { return junos::Tree::root(); }
  std::string_view word(NodeId id) const { return tree_[id].word; }

  void not_understood(NodeId node, std::string why, std::string hint = {}) {
    device_.diagnostics.warning(tree_.where(node), why, std::move(hint));
    tree_.mark(node, Understanding::not_understood, std::move(why));
  }

  // --- The whole ---

  void mark_sections() {
    for (const NodeId top : tree_.all_children(root())) {
      if (tree_[top].inactive || one_of(word(top), kNotFiltering))
        tree_.mark(top, Understanding::not_filtering);
      else
        tree_.mark(top, Understanding::not_understood, fmt::format("'{}' is not known", word(top)));
    }
    if (const NodeId logical = tree_.find(root(), "logical-systems"); logical != kNoNode)
      not_understood(logical, "logical systems are devices of their own: their filters are not read");
    if (const NodeId tenants = tree_.find(root(), "tenants"); tenants != kNoNode)
      not_understood(tenants, "tenants are devices of their own: their policies are not read");
    if (const std::string_view name = tree_.value(tree_.find(root(), "system"), "host-name"); !name.empty())
      device_.name = std::string(name);
  }

  void say_unused() {
    for (auto& [name, list] : prefix_lists_) {
      NamedObject object;
      object.name = std::string(name);
      object.kind = "prefix-list";
      object.line = tree_[list.node].line;
      object.uses = list.uses + routing_uses_[name];
      device_.objects.push_back(std::move(object));
    }
  }

  /// A group that was not applied may hold terms of any filter, or put filters on any interface.
  void widen_by_groups() {
    const bool filters = tree_.groups_missed("firewall"), security = tree_.groups_missed("security");
    if (filters || security)
      for (List& list : device_.lists) list.entries.insert(list.entries.begin(), anything(list.family));
    if (filters || security || tree_.groups_missed("interfaces")) add_unknown_stage("groups that are not applied");
  }
  /// Something may stand on every way that is not known.
  void add_unknown_stage(std::string name) {
    Stage stage;
    stage.ways = {Way::through, Way::to_device, Way::from_device};
    stage.lists = {unknown_list(name, 0, std::nullopt)};
    device_.lists.back().entries[0].undecided = fmt::format("{}: it is not known", name);
    stage.name = std::move(name);
    device_.stages.push_back(std::move(stage));
  }
  static Entry anything(std::optional<Family> family) {
    Entry e;
    e.text = "what a group says that is not applied";
    e.action = Action::unknown;
    e.undecided = "a configuration group is not applied";
    e.maybe.push_back({});
    e.maybe.back().box.family = family;
    return e;
  }

  // --- What filters name ---

  void read_prefix_lists() {
    const NodeId options = tree_.find(root(), "policy-options");
    for (const NodeId node : tree_.children(tree_.find(options, "prefix-list"))) {
      junos::PrefixList& list = prefix_lists_[word(node)];
      list.node = node;
      tree_.mark(node, Understanding::understood);
      for (const NodeId c : tree_.children(node)) {
        if (word(c) == "apply-path") {
          apply_path(c, list);
        } else if (word(c).starts_with("apply-groups")) {
          continue;
        } else if (const auto written = junos::parse_junos_address(word(c)); written && !written->bits) {
          list.prefixes.push_back(written->prefix);
        } else {
          list.incomplete = fmt::format("'{}' is no prefix", word(c));
          not_understood(c, list.incomplete);
        }
      }
    }
    count_routing_uses(tree_.find(options, "policy-statement"));
  }

  /// Routing policies use prefix lists as well.
  void count_routing_uses(NodeId statements) {
    if (statements == kNoNode) return;
    for (NodeId id = statements + 1; id < tree_.size(); ++id) {
      const std::string_view w = word(id);
      if (w != "prefix-list" && w != "prefix-list-filter" && w != "source-prefix-list" &&
          w != "destination-prefix-list")
        continue;
      bool within = false;
      for (NodeId up = tree_[id].parent; up != kNoNode && !within; up = tree_[up].parent) within = up == statements;
      if (!within) continue;
      for (const NodeId c : tree_.children(id)) ++routing_uses_[word(c)];
    }
  }

  /// `apply-path "protocols bgp group <*> neighbor <*>"`: the words that the last pattern stands for. Configuration
  /// elsewhere holds them, so they are looked up there.
  void apply_path(NodeId node, junos::PrefixList& list) {
    std::string_view path;
    for (const NodeId c : tree_.children(node)) path = word(c);
    std::vector<NodeId> here{root()};
    std::size_t steps = 0;
    for (Cursor in(source_.name(), path); !in.at_end();) {
      const std::string_view pattern = in.word();
      std::vector<NodeId> next;
      for (const NodeId h : here)
        for (const NodeId c : tree_.children(h))
          if (++steps < kApplyPathStepsMax && junos::glob_matches(pattern, word(c))) next.push_back(c);
      here = std::move(next);
    }
    apply_path_steps_ += steps;
    if (path.empty() || steps >= kApplyPathStepsMax || apply_path_steps_ >= kApplyPathStepsMax) {
      list.incomplete = "its apply-path is not worked out";
      return not_understood(node, list.incomplete);
    }
    for (const NodeId h : here) {
      // "192.0.2.1/24" of an interface stands for its network.
      const auto written = junos::parse_junos_address(word(h));
      if (written && !written->bits) {
        list.prefixes.push_back(written->prefix);
      } else {
        list.incomplete = fmt::format("its apply-path finds '{}', which is no prefix", word(h).substr(0, 60));
        not_understood(node, list.incomplete);
      }
    }
  }

  void read_policers() {
    const NodeId firewall = tree_.find(root(), "firewall");
    for (const std::string_view kind : kPolicing)
      for (const NodeId p : tree_.children(tree_.find(firewall, kind))) {
        tree_.mark(p, Understanding::understood);
        bool discards = kind != "policer";
        for (const NodeId t : tree_.children(tree_.find(p, "then"))) discards = discards || word(t) == "discard";
        if (tree_.find(p, {"action", "loss-priority", "high", "then", "discard"}) == kNoNode &&
            kind == "three-color-policer")
          discards = false;
        if (!discards) gentle_policers_.insert(word(p));
      }
  }
  bool may_discard(std::string_view policer) const { return !gentle_policers_.contains(policer); }

  // --- Interfaces ---

  struct Unit {
    std::string name;
    NodeId node = kNoNode;       // the unit
    NodeId interface = kNoNode;  // the interface; the unit may be one of a range
  };

  void collect_units() {
    const NodeId interfaces = tree_.find(root(), "interfaces");
    for (const NodeId i : tree_.all_children(interfaces)) {
      if (tree_[i].inactive) continue;
      if (word(i).starts_with("apply-")) continue;
      tree_.mark(i, Understanding::not_filtering);
      if (word(i) == "interface-range") {
        for (const NodeId range : tree_.children(i)) range_units(range);
      } else {
        units_of(i, word(i));
      }
    }
    // Those with filters or zones come first: only so many can be told apart.
    std::set<std::string, std::less<>> zoned;
    for (const NodeId zone : tree_.children(tree_.find(root(), {"security", "zones", "security-zone"})))
      for (const NodeId i : tree_.children(tree_.find(zone, "interfaces"))) zoned.insert(junos::unit_name(word(i)));
    std::stable_partition(units_.begin(), units_.end(),
                          [&](const Unit& u) { return zoned.contains(u.name) || is_filtered(u.node); });
    for (const Unit& u : units_) add_interface(u);
  }

  void units_of(NodeId i, std::string_view name) {
    for (const NodeId unit : tree_.children(tree_.find(i, "unit")))
      units_.push_back({fmt::format("{}.{}", name, word(unit)), unit, i});
  }

  /// `interface-range R { member ge-0/0/1; unit 0 { ... } }`.
  void range_units(NodeId range) {
    bool plain = true;
    for (const NodeId m : tree_.children(tree_.find(range, "member"))) {
      if (word(m).find_first_of("*[") == std::string_view::npos)
        units_of(range, word(m));
      else
        plain = false;
    }
    plain = plain && !tree_.has(range, "member-range");
    if (plain || tree_.find(range, "unit") == kNoNode) return;
    not_understood(range, "which interfaces the range holds is not known");
    for (const NodeId unit : tree_.children(tree_.find(range, "unit")))
      if (is_filtered(unit)) unplaced_.push_back(unit);
  }

  bool is_filtered(NodeId unit) const {
    if (tree_.has(unit, "filter")) return true;
    for (const NodeId f : tree_.children(tree_.find(unit, "family")))
      if (tree_.has(f, "filter") || tree_.has(f, "simple-filter") || tree_.has(f, "policer")) return true;
    return false;
  }

  void add_interface(const Unit& unit) {
    if (interface_ids_.contains(unit.name)) return;
    Interface i;
    i.name = unit.name;
    i.line = tree_[unit.node].line;
    i.shut = tree_.has(unit.node, "disable") || tree_.has(unit.interface, "disable");
    tree_.mark(unit.node, Understanding::not_filtering);
    for (const FilterFamily& f : kFamilies)
      for (const NodeId a : tree_.children(tree_.find(unit.node, {"family", f.name, "address"}))) {
        const auto written = junos::parse_junos_address(word(a));
        if (!written || written->bits) continue;
        i.networks.push_back(written->prefix);
        const std::string_view host = word(a).substr(0, word(a).find('/'));
        if (const std::optional<Address> own = parse_address(host)) i.addresses.push_back(*own);
        tree_.mark(a, Understanding::understood);
      }
    interface_ids_.emplace(unit.name, device_.interfaces.size());
    device_.interfaces.push_back(std::move(i));
  }

  std::optional<InterfaceId> interface_id(std::string_view name) {
    const auto found = interface_ids_.find(std::string(name));
    std::size_t index = device_.interfaces.size();
    if (found != interface_ids_.end()) {
      index = found->second;
    } else {
      Interface i;  // named, and configured elsewhere
      i.name = std::string(name);
      interface_ids_.emplace(i.name, index);
      device_.interfaces.push_back(std::move(i));
    }
    if (index >= kInterfacesMax) return std::nullopt;
    return static_cast<InterfaceId>(index);
  }

  /// Interfaces that a pattern means: "ge-0/0/0.0", "ge-*", "ge-0/0/0" (all of its units).
  std::optional<std::vector<InterfaceId>> interfaces_like(std::string_view pattern) {
    std::vector<InterfaceId> ids;
    if (pattern.find('*') == std::string_view::npos && pattern.find('.') != std::string_view::npos) {
      const std::optional<InterfaceId> id = interface_id(pattern);
      if (!id) return std::nullopt;
      return std::vector{*id};
    }
    const std::string glob = fmt::format("<{}>", pattern), units = fmt::format("<{}.*>", pattern);
    for (std::size_t i = 0; i < device_.interfaces.size(); ++i) {
      const std::string& name = device_.interfaces[i].name;
      if (!junos::glob_matches(glob, name) && !junos::glob_matches(units, name)) continue;
      if (i >= kInterfacesMax) return std::nullopt;
      ids.push_back(static_cast<InterfaceId>(i));
    }
    return ids;
  }

  // --- Filters ---

  /// Names of filters that stand anywhere: `filter { input F; }`, `filter { input-list [ F G ]; }`.
  void find_bound_names() {
    for (NodeId id = 1; id < tree_.size(); ++id) {
      if (word(id) != "filter") continue;
      for (const NodeId c : tree_.children(id)) {
        if (!word(c).starts_with("input") && !word(c).starts_with("output")) continue;
        for (const NodeId n : tree_.children(c)) {
          bound_.insert(word(n));
          for (const NodeId named : tree_.children(n)) bound_.insert(word(named));
        }
      }
    }
  }

  void read_filters() {
    const NodeId firewall = tree_.find(root(), "firewall");
    if (firewall == kNoNode) return;
    tree_.mark(firewall, Understanding::understood);
    for (const NodeId c : tree_.children(firewall))
      if (!one_of(word(c), kFirewall) && !one_of(word(c), kPolicing))
        not_understood(c, fmt::format("'{}' is not known in firewall", word(c)));
    const NodeId families = tree_.find(firewall, "family");
    // All lists first, for filters may name filters that are written behind them.
    declare_filters(tree_.find(firewall, "filter"), "inet");
    for (const NodeId f : tree_.children(families)) {
      if (filter_family(word(f)) == nullptr) {
        not_understood(f, fmt::format("filters of family {} are not read: what they drop is not known", word(f)));
        for (const NodeId filter : tree_.children(tree_.find(f, "filter")))
          lists_.emplace(
              std::pair(std::string(word(f)), std::string(word(filter))),
              unknown_list(fmt::format("{} {}", word(f), word(filter)), tree_[filter].line, std::nullopt));
        continue;
      }
      declare_filters(tree_.find(f, "filter"), word(f));
      for (const NodeId c : tree_.children(f))
        if (word(c) != "filter" && !word(c).starts_with("apply-"))
          not_understood(c, fmt::format("'{}' is not read: what it drops is not known", word(c)));
    }
    for (std::size_t i = 0; i < declared_.size(); ++i) read_filter(i, false);
    // Those that others name come at the end, without an end of their own.
    for (std::size_t i = 0; i < nested_.size(); ++i) read_filter(nested_[i], true);
  }

  struct Declared {
    NodeId node;
    std::string_view family;
    ListIndex list, nested = kNoList;
  };

  void declare_filters(NodeId filters, std::string_view family) {
    for (const NodeId f : tree_.children(filters)) {
      List list;
      list.name = std::string(word(f));
      list.line = tree_[f].line;
      list.family = filter_family(family)->family;
      const auto index = static_cast<ListIndex>(device_.lists.size());
      const bool fresh = lists_.emplace(std::pair(std::string(family), list.name), index).second;
      if (!fresh) {  // `firewall filter F` and `firewall family inet filter F`
        not_understood(f, fmt::format("the filter {} is written twice", word(f)));
        continue;
      }
      declared_.push_back({f, family, index});
      declared_by_list_.emplace(index, declared_.size() - 1);
      device_.lists.push_back(std::move(list));
    }
  }

  ListIndex unknown_list(std::string name, std::uint32_t line, std::optional<Family> family) {
    List list;
    list.name = std::move(name);
    list.line = line;
    list.family = family;
    list.at_end = Fallthrough::permit;
    Entry e = anything(family);
    e.line = e.line_last = line;
    e.text = list.name;
    e.undecided = "the filter is not read";
    list.entries.push_back(std::move(e));
    device_.lists.push_back(std::move(list));
    return static_cast<ListIndex>(device_.lists.size() - 1);
  }

  junos::FilterContext context(std::optional<Family> family) {
    return {family,
            [this](std::string_view name) -> junos::PrefixList* {
              const auto found = prefix_lists_.find(name);
              return found == prefix_lists_.end() ? nullptr : &found->second;
            },
            [this](std::string_view name) { return interfaces_like(name); },
            [this](std::string_view name) {
              return tree_.find(root(), {"firewall", "interface-set", name});
            },
            &ranges_left_};
  }

  void read_filter(std::size_t which, bool nested) {
    const Declared filter = declared_[which];
    const ListIndex index = nested ? filter.nested : filter.list;
    const junos::FilterContext with = context(filter_family(filter.family)->family);
    if (!nested) tree_.mark(filter.node, Understanding::understood);
    for (const NodeId c : tree_.children(filter.node)) {
      if (word(c) == "term") {
        for (const NodeId t : tree_.all_children(c)) read_term(t, filter, index, with);
      } else if (!one_of(word(c), kFilterOptions) && word(c) != "from" && word(c) != "then") {
        not_understood(c, fmt::format("'{}' is not known in a filter", word(c)));
        add_unknown(index, c, with.family);
      }
    }
    // Old configurations have filters without terms.
    if (tree_.has(filter.node, "from") || tree_.has(filter.node, "then"))
      read_term(filter.node, filter, index, with);
    if (tree_[filter.node].cut) add_unknown(index, filter.node, with.family);
  }

  void add_unknown(ListIndex index, NodeId node, std::optional<Family> family) {
    Entry e = anything(family);
    e.line = e.line_last = tree_[node].line;
    e.text = LineLedger::bounded(tree_.text(node));
    e.undecided = tree_[node].cut ? "the text ends within the filter" : "the statement is not known";
    device_.lists[index].entries.push_back(std::move(e));
  }

  void read_term(NodeId term, const Declared& filter, ListIndex index, const junos::FilterContext& with) {
    Entry entry;
    entry.line = tree_[term].line;
    entry.line_last = tree_[term].line_last;
    entry.text = LineLedger::bounded(fmt::format("{}{}{}", tree_[term].inactive ? "inactive: " : "",
                                                 term == filter.node ? "" : "term ", tree_.text(term)));
    entry.inactive = tree_[term].inactive;
    tree_.mark(term, entry.inactive ? Understanding::not_filtering : Understanding::understood);
    if (entry.inactive) {
      device_.lists[index].entries.push_back(std::move(entry));
      return;
    }
    junos::read_from(tree_, device_, tree_.find(term, "from"), with, entry);
    if (tree_.find(term, "from") == kNoNode) {
      entry.match.assign(1, Match{});
      entry.match[0].box.family = with.family;
    }
    if (const NodeId named = tree_.find(term, "filter"); named != kNoNode && term != filter.node) {
      std::string_view name;
      for (const NodeId c : tree_.children(named)) name = word(c);
      nest(entry, name, filter, named);
    } else {
      read_actions(term, index, entry);
    }
    for (const NodeId c : tree_.children(term)) {
      const std::string_view w = word(c);
      if (w == "from" || w == "then" || w == "filter" || w.starts_with("apply-groups") || term == filter.node)
        continue;
      not_understood(c, fmt::format("'{}' is not known in a term", w));
      entry.maybe.insert(entry.maybe.end(), entry.match.begin(), entry.match.end());
      entry.match.clear();
      entry.undecided = fmt::format("'{}' is not known in a term", w);
    }
    if (tree_[term].cut) {
      entry.action = Action::unknown;
      entry.maybe.assign(1, Match{});
      entry.maybe[0].box.family = with.family;
      entry.match.clear();
      entry.undecided = "the text ends within the term";
    }
    device_.lists[index].entries.push_back(std::move(entry));
  }

  /// `term T { filter OTHER; }`: the other filter's terms stand here; its implicit discard does not. A filter that
  /// is bound as well has a second list, which ends in it.
  void nest(Entry& entry, std::string_view name, const Declared& filter, NodeId node) {
    const auto found = lists_.find(std::pair(std::string(filter.family), std::string(name)));
    if (found == lists_.end()) {
      entry.action = Action::unknown;
      entry.undecided = fmt::format("filter {} is not defined", name);
      return not_understood(node, entry.undecided);
    }
    Declared& called = declared_[declared_by_list_.at(found->second)];
    if (called.nested == kNoList && !bound_.contains(name)) {
      called.nested = called.list;
      device_.lists[called.list].at_end = Fallthrough::give_back;
    }
    if (called.nested == kNoList) {
      List list;
      list.name = fmt::format("{} (within another)", name);
      list.line = device_.lists[called.list].line;
      list.family = device_.lists[called.list].family;
      list.at_end = Fallthrough::give_back;
      called.nested = static_cast<ListIndex>(device_.lists.size());
      nested_.push_back(declared_by_list_.at(found->second));
      device_.lists.push_back(std::move(list));
    }
    entry.action = Action::jump;
    entry.target = called.nested;
  }

  void read_actions(NodeId term, ListIndex index, Entry& entry) {
    entry.action = Action::permit;  // without a terminating action
    bool terminated = false;
    std::string unknown;
    for (const NodeId a : tree_.children(tree_.find(term, "then"))) {
      const std::string_view w = word(a);
      const auto ends = [&](Action action, Refusal refusal = Refusal::plain) {
        if (!terminated) entry.action = action, entry.refusal = refusal;  // an inherited one comes behind
        terminated = true;
      };
      if (one_of(w, kAccepting)) {
        ends(Action::permit);
      } else if (w == "discard") {
        ends(Action::deny);
      } else if (w == "reject") {
        ends(Action::deny, refusal_of(a));
      } else if (w == "next" && tree_.has(a, "term")) {
        ends(Action::count);
      } else if (one_of(w, kPolicing)) {
        for (const NodeId p : tree_.children(a)) add_policer(p, index, entry);
      } else if (!one_of(w, kGoingOn) && !w.starts_with("apply-groups")) {
        unknown = fmt::format("'{}' is no action that is known", w);
        constexpr std::string_view kKnown[] = {"accept",       "discard", "reject",  "next",   "count",
                                               "log",          "syslog",  "policer", "sample", "forwarding-class",
                                               "loss-priority"};
        not_understood(a, unknown, suggest(w, std::span(kKnown)));
      }
    }
    if (unknown.empty() || terminated) return;
    entry.action = Action::unknown;
    entry.undecided += fmt::format("{}{}", entry.undecided.empty() ? "" : ", ", unknown);
  }

  /// `reject` alone says that communication is administratively prohibited.
  Refusal refusal_of(NodeId reject) const {
    for (const NodeId message : tree_.children(reject)) return refusal_by_word(word(message));
    return Refusal::prohibited;
  }

  /// What a policer discards depends on the rate: before the term's own action some packets may be dropped.
  void add_policer(NodeId policer, ListIndex index, const Entry& term) {
    if (!may_discard(word(policer))) return;
    Entry e;
    e.line = e.line_last = tree_[policer].line;
    e.text = LineLedger::bounded(fmt::format("policer {}", word(policer)));
    e.action = Action::deny;
    e.maybe = term.match;
    e.maybe.insert(e.maybe.end(), term.maybe.begin(), term.maybe.end());
    e.undecided = fmt::format("policer {} may discard what exceeds its rate", word(policer));
    tree_.mark(policer, Understanding::in_part, e.undecided);
    device_.lists[index].entries.push_back(std::move(e));
  }

  // --- Where filters stand ---

  void bind_units() {
    read_instances();
    for (const Unit& unit : units_) bind_unit(unit.node, unit.name);
    for (const NodeId unit : unplaced_) bind_unit(unit, {});
  }

  void read_instances() {
    for (const NodeId r : tree_.children(tree_.find(root(), "routing-instances"))) {
      tree_.mark(r, Understanding::not_filtering);
      for (const NodeId i : tree_.children(tree_.find(r, "interface"))) {
        const std::string name = junos::unit_name(word(i));
        instances_[name] = word(r);
        if (name.starts_with("lo0.")) loopbacks_.insert(word(r));
      }
    }
  }
  std::string_view instance_of(const std::string& interface) const {
    const auto found = instances_.find(interface);
    return found == instances_.end() ? std::string_view() : found->second;
  }

  void bind_unit(NodeId unit, const std::string& name) {
    const auto bind = [&](NodeId filter, std::string_view family) {
      tree_.mark(filter, Understanding::understood);
      for (const NodeId c : tree_.children(filter)) {
        const std::string_view w = word(c);
        const bool in = w.starts_with("input");
        if (w == "input" || w == "output" || w == "input-list" || w == "output-list") {
          std::vector<NodeId> names;
          for (const NodeId n : tree_.children(c)) {
            if (word(n) == "precedence") continue;
            if (word(n) == "filter-name")
              for (const NodeId named : tree_.children(n)) names.push_back(named);
            else
              names.push_back(n);
            if (w == "input" || w == "output") break;  // one; what a group adds comes behind
          }
          if (!names.empty()) place(filter_stage(names, in, family, name, c), can_tell(name));
        } else if (w != "group" && !w.starts_with("apply-groups")) {
          not_understood(c, fmt::format("'{}' is not known at an interface's filter", w));
        }
      }
    };
    if (const NodeId f = tree_.find(unit, "filter"); f != kNoNode) bind(f, "any");
    for (const NodeId family : tree_.children(tree_.find(unit, "family"))) {
      if (const NodeId f = tree_.find(family, "filter"); f != kNoNode) bind(f, word(family));
      for (const std::string_view unread : {"simple-filter", "service", "sampling"})
        if (const NodeId f = tree_.find(family, unread); f != kNoNode && unread != "sampling") {
          not_understood(f, fmt::format("{}: what it drops is not known", unread));
          Stage stage = stage_at(true, name, f);
          stage.name = fmt::format("{} on {}", unread, name);
          stage.lists = {unknown_list(stage.name, tree_[f].line, std::nullopt)};
          place(std::move(stage), !name.empty());
        }
      if (const NodeId p = tree_.find(family, "policer"); p != kNoNode) bind_policer(p, name, word(family));
      if (const NodeId rpf = tree_.find(family, "rpf-check"); rpf != kNoNode)
        tree_.mark(rpf, Understanding::in_part, "it drops what would be routed back another way");
    }
  }

  Stage stage_at(bool in, const std::string& name, NodeId node) {
    Stage stage;
    const bool loopback = name.starts_with("lo0.");
    stage.line = tree_[node].line;
    stage.priority = in ? (loopback ? 10 : 0) : (loopback ? 5 : 20);
    if (loopback) {
      stage.ways = in ? Ways{Way::to_device} : Ways{Way::from_device};
      loopback_interfaces(name, stage);
    } else {
      stage.ways = in ? Ways{Way::through, Way::to_device} : Ways{Way::through, Way::from_device};
      if (!name.empty())
        if (const std::optional<InterfaceId> id = interface_id(name)) (in ? stage.ingress : stage.egress) = {*id};
    }
    // Translation lies between the filters of the interfaces.
    stage.real_destination = !in;
    stage.real_source = in;
    return stage;
  }

  /// lo0's unit in a routing instance sees what comes in by the instance's interfaces; lo0.0 all that no other
  /// does.
  void loopback_interfaces(const std::string& name, Stage& stage) {
    if (loopbacks_.empty()) return;
    const std::string_view mine = instance_of(name);
    for (std::size_t i = 0; i < device_.interfaces.size() && i < kInterfacesMax; ++i) {
      const std::string& other = device_.interfaces[i].name;
      const std::string_view its = instance_of(other);
      const bool seen = mine.empty() ? its.empty() || !loopbacks_.contains(its) : its == mine;
      if (!seen) continue;
      (stage.ways.contains(Way::to_device) ? stage.ingress : stage.egress).push_back(static_cast<InterfaceId>(i));
    }
  }

  /// `seen` false: the interfaces cannot be told, so the stage may or may not see a packet.
  void place(Stage stage, bool seen) {
    if (!seen) {
      List list;
      list.name = fmt::format("{}, perhaps", stage.name);
      list.line = stage.line;
      list.at_end = Fallthrough::permit;
      for (const ListIndex called : stage.lists) {
        Entry e;
        e.line = e.line_last = stage.line;
        e.text = stage.name;
        e.action = Action::jump;
        e.target = called;
        e.maybe.push_back({});
        e.undecided = "on which interfaces it stands is not known";
        list.entries.push_back(std::move(e));
      }
      stage.ingress.clear();
      stage.egress.clear();
      stage.lists = {static_cast<ListIndex>(device_.lists.size())};
      device_.lists.push_back(std::move(list));
    }
    device_.stages.push_back(std::move(stage));
  }

  bool can_tell(const std::string& name) {
    return !name.empty() && (name.starts_with("lo0.") || interface_id(name).has_value());
  }

  Stage filter_stage(const std::vector<NodeId>& names, bool in, std::string_view family, const std::string& name,
                     NodeId node) {
    Stage stage = stage_at(in, name, node);
    const FilterFamily* known = filter_family(family);
    if (known != nullptr) stage.family = known->family;
    std::string words;
    for (const NodeId n : names) {
      words += fmt::format("{}{}", words.empty() ? "" : " ", word(n));
      const auto key = std::pair(std::string(family), std::string(word(n)));
      const auto found = lists_.find(key);
      if (found != lists_.end()) {
        stage.lists.push_back(found->second);
        continue;
      }
      not_understood(n, fmt::format("the filter {} of family {} is applied and not defined", word(n), family),
                     "what it does is taken for anything");
      const ListIndex unknown = unknown_list(std::string(word(n)), tree_[n].line, stage.family);
      device_.lists[unknown].entries[0].undecided = "the filter is not defined";
      lists_.emplace(key, unknown);
      stage.lists.push_back(unknown);
    }
    stage.name = fmt::format("{} {} on {}", words, in ? "in" : "out", name.empty() ? "a range" : name);
    return stage;
  }

  void bind_policer(NodeId policer, const std::string& name, std::string_view family) {
    for (const NodeId c : tree_.children(policer)) {
      const bool in = word(c) == "input";
      if (!in && word(c) != "output") continue;
      for (const NodeId p : tree_.children(c)) {
        if (!may_discard(word(p))) continue;
        Stage stage = stage_at(in, name, c);
        stage.name = fmt::format("policer {} {} on {}", word(p), in ? "in" : "out", name);
        List list;
        list.name = stage.name;
        list.line = stage.line;
        if (const FilterFamily* f = filter_family(family)) list.family = stage.family = f->family;
        list.at_end = Fallthrough::permit;
        stage.lists = {static_cast<ListIndex>(device_.lists.size())};
        device_.lists.push_back(std::move(list));
        Entry all;
        all.match.push_back({});
        all.match[0].box.family = stage.family;
        add_policer(p, stage.lists[0], all);
        place(std::move(stage), can_tell(name));
      }
    }
  }

  /// `forwarding-options family inet filter input F`, also of a routing instance.
  void bind_forwarding() {
    forwarding(tree_.find(root(), "forwarding-options"), {});
    for (const NodeId r : tree_.children(tree_.find(root(), "routing-instances")))
      forwarding(tree_.find(r, "forwarding-options"), word(r));
  }
  void forwarding(NodeId options, std::string_view instance) {
    for (const NodeId family : tree_.children(tree_.find(options, "family"))) {
      for (const NodeId c : tree_.children(tree_.find(family, "filter"))) {
        if (word(c) != "input" && word(c) != "output") continue;
        tree_.mark(c, Understanding::understood);
        for (const NodeId n : tree_.children(c)) {
          Stage stage = filter_stage({n}, word(c) == "input", word(family), {}, c);
          stage.ways = {Way::through};
          stage.priority = 1;
          stage.real_source = stage.real_destination = true;
          stage.name =
              fmt::format("{} at the forwarding table{}{}", word(n), instance.empty() ? "" : " of ", instance);
          for (std::size_t i = 0; !instances_.empty() && i < device_.interfaces.size() && i < kInterfacesMax; ++i)
            if (instance_of(device_.interfaces[i].name) == instance)
              stage.ingress.push_back(static_cast<InterfaceId>(i));
          if (!instances_.empty() && stage.ingress.empty()) break;  // nothing comes in there
          device_.stages.push_back(std::move(stage));
          break;
        }
      }
    }
  }

  // --- Security policies ---

  void read_security_policies() {
    bool beside = false;
    for (const Stage& s : device_.stages) beside = beside || !s.lists.empty();
    junos::read_security(tree_, device_,
                         {[this](std::string_view name) { return interface_id(name); },
                          [this](Stage stage, bool seen) { place(std::move(stage), seen); }, beside});
  }

  static constexpr std::size_t kApplyPathStepsMax = 2'000'000;
  const Source& source_;
  Device device_;
  junos::Tree tree_;
  std::map<std::string_view, junos::PrefixList> prefix_lists_;
  std::map<std::string_view, std::uint32_t> routing_uses_;
  std::size_t apply_path_steps_ = 0;
  std::set<std::string_view> gentle_policers_, bound_;
  std::vector<Unit> units_;
  std::vector<NodeId> unplaced_;
  std::map<std::string, std::size_t> interface_ids_;
  std::map<std::string, std::string_view> instances_;
  std::set<std::string_view> loopbacks_;                            // routing instances with a lo0 of their own
  std::map<std::pair<std::string, std::string>, ListIndex> lists_;  // by family and name
  std::vector<Declared> declared_;
  std::map<ListIndex, std::size_t> declared_by_list_;
  std::vector<std::size_t> nested_;
  std::uint64_t ranges_left_ = junos::kAddressRangesMax;
};

}  // namespace

unsigned looks_like_junos(std::string_view text) {
  unsigned points = 0;
  std::size_t lines = 0, sets = 0;
  for (std::size_t begin = 0; begin < text.size() && lines < 2000; ++lines) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, std::min<std::size_t>(end - begin, 200));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    for (const std::string_view top : {"firewall", "interfaces", "security", "policy-options", "groups", "system",
                                       "routing-options", "protocols", "applications", "routing-instances"}) {
      if (line.starts_with("set ") && line.substr(4).starts_with(top) &&
          line.substr(4 + top.size()).starts_with(' '))
        ++sets;
      if (line.ends_with('{') && line.starts_with(top) &&
          (line.size() == top.size() + 1 || line[top.size()] == ' '))
        points += 10;
    }
    if (line.starts_with("family inet") && line.ends_with('{')) points += 10;
    if (line.starts_with("from-zone ") && line.ends_with('{')) points += 10;
    if (line.starts_with("## Last c")) points += 20;
    begin = end + 1;
  }
  return std::min<unsigned>(points, 60) + static_cast<unsigned>(std::min<std::size_t>(sets * 10, 60));
}

Result<Device> read_junos(const Source& source) { return JunosReader(source).read(); }

}  // namespace demarc
