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
#include <charconv>
#include <set>

#include "rules/acl/readers/junos_from.h"
#include "rules/acl/readers/junos_names.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/text/suggest.h"

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

AddressSet whole(Family family) {
  return AddressSet{Prefix::containing(family == Family::ipv4 ? Address{} : Address::ipv6(0, 0), 0)};
}

/// What a name of an address book stands for.
struct NamedAddresses {
  AddressSet known = {};
  std::string incomplete = {};  // why more may belong to it
};
/// One way of an application.
struct ServiceWay {
  ProtocolSet protocols = ProtocolSet::all();
  PortSet ports = PortSet::all(), source_ports = PortSet::all();
  IcmpSet icmp = IcmpSet::all();
};
struct NamedServices {
  std::vector<ServiceWay> ways = {};
  std::string incomplete = {};
};

ServiceWay way_of(const Service& s) {
  ServiceWay way;
  if (s.protocol != 0) way.protocols = {Protocol(s.protocol)};
  if (s.port != 0 || s.port_last != 65535) way.ports = PortSet{{Port(s.port), Port(s.port_last)}};
  if (s.icmp_type >= 0) way.icmp = {IcmpType{static_cast<std::uint8_t>(s.icmp_type), {}}};
  return way;
}

Match match_of(const AddressSet& sources, const AddressSet& destinations, const ServiceWay& way) {
  Match m;
  m.box.sources = sources;
  m.box.destinations = destinations;
  m.box.protocols = way.protocols;
  m.box.ports = way.ports;
  m.box.source_ports = way.source_ports;
  m.box.icmp = way.icmp;
  return m;
}

struct Zone {
  std::string_view name;
  NodeId node = kNoNode;
  std::vector<InterfaceId> interfaces = {};
  bool told_apart = true;  // false: one of its interfaces has no number
};

class SecurityReader {
 public:
  SecurityReader(Tree& tree, Device& device, const SecurityContext& context)
      : tree_(tree), device_(device), context_(context) {}

  void read() {
    const NodeId security = tree_.find(Tree::root(), "security");
    tree_.mark(security, Understanding::understood);
    for (const NodeId c : tree_.children(security)) {
      if (std::find(std::begin(kNotFiltering), std::end(kNotFiltering), word(c)) != std::end(kNotFiltering))
        tree_.mark(c, Understanding::not_filtering);
      else if (word(c) != "zones" && word(c) != "address-book" && word(c) != "policies" && word(c) != "nat")
        not_understood(c, fmt::format("'{}' is not known in security", word(c)));
    }
    read_zones(tree_.find(security, "zones"));
    read_books(tree_.find(security, "address-book"));
    read_applications();
    if (context_.filters_beside)
      add_sessions();
    else
      device_.replies_implied = true;
    read_policies(tree_.find(security, "policies"));
    bind_policies();
    bind_host_inbound();
    read_nat(tree_.find(security, "nat"));
    for (auto& [key, object] : objects_) device_.objects.push_back(std::move(object));
  }

 private:
  std::string_view word(NodeId id) const { return tree_[id].word; }
  void not_understood(NodeId node, std::string why, std::string hint = {}) {
    device_.diagnostics.warning(tree_.where(node), why, std::move(hint));
    tree_.mark(node, Understanding::not_understood, std::move(why));
  }

  ListIndex add_list(std::string name, std::uint32_t line, Fallthrough at_end) {
    List list;
    list.name = std::move(name);
    list.line = line;
    list.at_end = at_end;
    device_.lists.push_back(std::move(list));
    return static_cast<ListIndex>(device_.lists.size() - 1);
  }

  void add_sessions() {
    sessions_ = add_list("sessions", 0, Fallthrough::give_back);
    Entry e;
    e.text = "packets of a session that a policy has permitted";
    e.action = Action::permit;
    e.match.push_back({});
    e.match[0].box.states = {ConnectionState::established, ConnectionState::related};
    device_.lists[sessions_].entries.push_back(std::move(e));
  }

  // --- Zones ---

  void read_zones(NodeId zones) {
    if (zones == kNoNode) return;
    tree_.mark(zones, Understanding::understood);
    for (const NodeId c : tree_.children(zones))
      if (word(c) != "security-zone" && word(c) != "functional-zone" && !word(c).starts_with("apply-"))
        not_understood(c, fmt::format("'{}' is not known in zones", word(c)));
    for (const NodeId z : tree_.children(tree_.find(zones, "security-zone"))) {
      if (zones_.size() == kZonesMax) {
        not_understood(z, "more zones than any device has: the rest is not read");
        Stage stage;
        stage.name = "zones that are not read";
        stage.lists = {add_list(stage.name, tree_[z].line, Fallthrough::permit)};
        add_unknown(stage.lists[0], z);
        context_.add_stage(std::move(stage), true);
        break;
      }
      zone_index_.emplace(word(z), zones_.size());
      add_zone(z, zones_);
    }
    if (const NodeId management = tree_.find(zones, {"functional-zone", "management"}); management != kNoNode)
      add_zone(management, management_);
    if (const NodeId f = tree_.find(zones, "functional-zone"); f != kNoNode)
      tree_.mark(f, Understanding::understood);
  }

  void add_zone(NodeId node, std::vector<Zone>& into) {
    Zone zone{word(node), node};
    tree_.mark(node, Understanding::understood);
    for (const NodeId i : tree_.children(tree_.find(node, "interfaces"))) {
      if (word(i).starts_with("apply-")) continue;
      const std::optional<InterfaceId> id = context_.interface(unit_name(word(i)));
      if (!id) {
        zone.told_apart = false;
        continue;
      }
      zone.interfaces.push_back(*id);
      device_.interfaces[*id].nameif = std::string(zone.name);
    }
    if (const NodeId screen = tree_.find(node, "screen"); screen != kNoNode)
      tree_.mark(screen, Understanding::in_part, "a screen drops floods and malformed packets");
    into.push_back(std::move(zone));
  }

  const Zone* zone(std::string_view name) const {
    const auto found = zone_index_.find(name);
    return found == zone_index_.end() ? nullptr : &zones_[found->second];
  }

  // --- Addresses ---

  void read_books(NodeId books) {
    if (books != kNoNode) tree_.mark(books, Understanding::understood);
    for (const NodeId book : tree_.children(books)) {
      books_.push_back(book);
      add_objects(book);
      for (const NodeId z : tree_.children(tree_.find(book, {"attach", "zone"}))) attached_.emplace(word(z), book);
    }
    global_ = tree_.find(books, "global");
    for (const Zone& z : zones_)
      if (const NodeId book = tree_.find(z.node, "address-book"); book != kNoNode) {
        attached_.emplace(z.name, book);
        add_objects(book);
      }
  }

  void add_objects(NodeId book) {
    for (const std::string_view kind : {"address", "address-set"})
      for (const NodeId a : tree_.children(tree_.find(book, kind))) {
        NamedObject object;
        object.name = std::string(word(a));
        object.kind = std::string(kind);
        object.line = tree_[a].line;
        objects_.emplace(std::tuple(book, kind, word(a)), std::move(object));
      }
  }
  void use(NodeId book, std::string_view kind, std::string_view name) {
    const auto found = objects_.find(std::tuple(book, kind, name));
    if (found != objects_.end()) ++found->second.uses;
  }

  /// The name in the book of the zone, then in the global one. Of zone "any": every book (global policies).
  NamedAddresses addresses(std::string_view zone, std::string_view name) {
    if (name == "any") return {AddressSet::all()};
    if (name == "any-ipv4") return {whole(Family::ipv4)};
    if (name == "any-ipv6") return {whole(Family::ipv6)};
    if (const auto attached = attached_.find(zone); attached != attached_.end())
      if (is_in(attached->second, name)) return in_book(attached->second, name, 0);
    if (is_in(global_, name)) return in_book(global_, name, 0);
    if (const auto written = parse_junos_address(name); written && !written->bits)
      return {AddressSet{written->prefix}};
    return {{}, fmt::format("address {} is not defined", name)};
  }
  bool is_in(NodeId book, std::string_view name) const {
    return tree_.find(book, {"address", name}) != kNoNode || tree_.find(book, {"address-set", name}) != kNoNode;
  }

  NamedAddresses in_book(NodeId book, std::string_view name, unsigned depth) {
    const auto key = std::pair(book, name);
    if (const auto known = resolved_.find(key); known != resolved_.end()) {
      if (depth == 0) use(book, "address", name), use(book, "address-set", name);
      return known->second;
    }
    NamedAddresses result;
    if (depth > kSetDepthMax) {
      result.incomplete = fmt::format("address-set {} lies in a circle or too deep", name);
      return result;
    }
    // While it is worked out it is empty: a circle of sets adds nothing.
    resolved_[key].incomplete = fmt::format("address-set {} holds itself", name);
    std::vector<AddressRange> ranges;
    const auto add = [&](const NamedAddresses& more) {
      ranges.insert(ranges.end(), more.known.ranges().begin(), more.known.ranges().end());
      if (!more.incomplete.empty()) result.incomplete = more.incomplete;
    };
    use(book, "address", name);
    if (const NodeId a = tree_.find(book, {"address", name}); a != kNoNode) add(one_address(a));
    if (const NodeId set = tree_.find(book, {"address-set", name}); set != kNoNode) {
      use(book, "address-set", name);
      for (const std::string_view kind : {"address", "address-set"})
        for (const NodeId m : tree_.children(tree_.find(set, kind))) {
          if (tree_.find(book, {kind, word(m)}) != kNoNode)
            add(in_book(book, word(m), depth + 1));
          else
            result.incomplete = fmt::format("{} {} is not defined", kind, word(m)),
            not_understood(m, result.incomplete);
        }
    }
    result.known = AddressSet::of_ranges(std::move(ranges));
    return resolved_[key] = result;
  }

  NamedAddresses one_address(NodeId node) {
    NamedAddresses result;
    for (const NodeId c : tree_.children(node)) {
      const std::string_view w = word(c);
      if (w == "description" || w.starts_with("apply-")) continue;
      if (w == "range-address") {
        for (const NodeId first : tree_.children(c)) {
          const std::optional<Address> low = parse_address(word(first));
          const std::optional<Address> high = parse_address(tree_.value(first, "to"));
          if (low && high && low->family() == high->family() && *low <= *high)
            result.known = result.known.unite(AddressSet::of_ranges({{*low, *high}}));
          else
            result.incomplete = "a range of addresses is not understood", not_understood(c, result.incomplete);
        }
      } else if (w == "dns-name" || w == "wildcard-address") {
        result.incomplete = w == "dns-name" ? fmt::format("names are not resolved: {}", tree_.value(node, w))
                                            : fmt::format("the mask of {} has holes", tree_.value(node, w));
        tree_.mark(c, Understanding::in_part, result.incomplete);
      } else if (w == "ip-prefix") {
        for (const NodeId p : tree_.children(c))
          if (const auto written = parse_junos_address(word(p)); written && !written->bits)
            result.known = result.known.unite(AddressSet{written->prefix});
      } else if (const auto written = parse_junos_address(w); written && !written->bits) {
        result.known = result.known.unite(AddressSet{written->prefix});
      } else {
        result.incomplete = fmt::format("'{}' is no address", w);
        not_understood(c, result.incomplete);
      }
    }
    return result;
  }

  // --- Applications ---

  void read_applications() {
    const NodeId node = tree_.find(Tree::root(), "applications");
    if (node == kNoNode) return;
    tree_.mark(node, Understanding::understood);
    for (const std::string_view kind : {"application", "application-set"})
      for (const NodeId a : tree_.children(tree_.find(node, kind))) {
        NamedObject object;
        object.name = std::string(word(a));
        object.kind = std::string(kind);
        object.line = tree_[a].line;
        objects_.emplace(std::tuple(node, kind, word(a)), std::move(object));
      }
    applications_ = node;
  }

  const NamedServices& services(std::string_view name, unsigned depth = 0) {
    const auto known = services_.find(name);
    if (known != services_.end()) {
      use(applications_, "application", name), use(applications_, "application-set", name);
      return known->second;
    }
    NamedServices result;
    services_[name].incomplete = fmt::format("application-set {} holds itself", name);
    const NodeId one = tree_.find(applications_, {"application", name}),
                 set = tree_.find(applications_, {"application-set", name});
    if (name == "any") {
      result.ways.push_back({});
    } else if (one != kNoNode) {
      use(applications_, "application", name);
      result = custom(one);
    } else if (set != kNoNode && depth < kSetDepthMax) {
      use(applications_, "application-set", name);
      for (const std::string_view kind : {"application", "application-set"})
        for (const NodeId m : tree_.children(tree_.find(set, kind))) {
          const NamedServices& member = services(word(m), depth + 1);
          result.ways.insert(result.ways.end(), member.ways.begin(), member.ways.end());
          if (!member.incomplete.empty()) result.incomplete = member.incomplete;
          if (result.ways.size() > kWaysMax) {
            result.ways.resize(kWaysMax);
            result.incomplete = fmt::format("application-set {} has too many members", name);
            break;
          }
        }
    } else {
      for (const Service& s : applications())
        if (s.name == name) result.ways.push_back(way_of(s));
      for (const ApplicationSet& s : application_sets())
        if (s.name == name)
          for (const Service& member : applications())
            if (member.name == s.member) result.ways.push_back(way_of(member));
      if (result.ways.empty()) result.incomplete = fmt::format("application {} is not known", name);
    }
    return services_[name] = std::move(result);
  }

  /// `application A { protocol tcp; destination-port 80; }`, or with terms, which may be written on one line.
  NamedServices custom(NodeId node) {
    NamedServices result;
    const NodeId terms = tree_.find(node, "term");
    if (terms == kNoNode) {
      service_words(node, result);
    } else {
      for (const NodeId t : tree_.children(terms)) service_words(t, result);
    }
    return result;
  }

  void service_words(NodeId node, NamedServices& out) {
    ServiceWay way;
    std::optional<unsigned> type, code;
    std::vector<NodeId> at{node};
    while (!at.empty()) {
      const NodeId n = at.back();
      at.pop_back();
      for (const NodeId key : tree_.children(n)) {
        const std::string_view k = word(key);
        for (const NodeId value : tree_.children(key)) {
          const std::string_view v = word(value);
          at.push_back(value);  // "protocol tcp destination-port 80": the next keyword lies below
          const auto wrong = [&] {
            out.incomplete = fmt::format("{} {} is not understood", k, v);
            not_understood(value, out.incomplete);
          };
          if (k == "protocol") {
            const std::optional<Protocol> p = parse_junos_protocol(v);
            if (p)
              way.protocols = {*p};
            else
              wrong();
          } else if (k == "destination-port" || k == "source-port") {
            const std::optional<PortRange> r = parse_junos_ports(v);
            if (r)
              (k == "source-port" ? way.source_ports : way.ports) = PortSet{*r};
            else
              wrong();
          } else if (k == "icmp-type" || k == "icmp6-type") {
            type = icmp_number(v, k == "icmp-type" ? Family::ipv4 : Family::ipv6);
            if (!type) wrong();
          } else if (k == "icmp-code" || k == "icmp6-code") {
            code = icmp_number(v, k == "icmp-code" ? Family::ipv4 : Family::ipv6);
            if (!code) wrong();
          } else if (k == "rpc-program-number" || k == "uuid") {
            out.incomplete = fmt::format("the ports of {} {} are given out by its port mapper", k, v);
            tree_.mark(value, Understanding::in_part, out.incomplete);
          } else if (k != "application-protocol" && k != "inactivity-timeout" && k != "description" && k != "alg" &&
                     !k.starts_with("apply-") && k != "ether-type") {
            out.incomplete = fmt::format("'{}' is not known in an application", k);
            not_understood(key, out.incomplete);
          }
        }
      }
    }
    if (type && way.protocols != ProtocolSet::all())
      way.icmp = {IcmpType{static_cast<std::uint8_t>(*type),
                           code ? std::optional(static_cast<std::uint8_t>(*code)) : std::nullopt}};
    out.ways.push_back(std::move(way));
  }

  static std::optional<unsigned> icmp_number(std::string_view v, Family family) {
    for (const NamedNumber& row : icmp_types(family))
      if (row.name == v) return row.number;
    unsigned n = 0;
    const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), n);
    if (v.empty() || error != std::errc{} || end != v.data() + v.size() || n > 255) return std::nullopt;
    return n;
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
      if (std::find(std::begin(kPlain), std::end(kPlain), word(c)) != std::end(kPlain))
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
          if (zone(word(end)) == nullptr && word(end) != "junos-host")
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
  void add_unknown(ListIndex index, NodeId node) {
    Entry e;
    e.line = e.line_last = tree_[node].line;
    e.text = LineLedger::bounded(tree_.text(node));
    e.action = Action::unknown;
    e.maybe.push_back({});
    e.undecided = tree_[node].cut ? "the text ends here" : "the statement is not known";
    device_.lists[index].entries.push_back(std::move(e));
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
      NamedAddresses a = addresses(zone, word(n));
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
      const NamedServices& s = services(word(a));
      ways.insert(ways.end(), s.ways.begin(), s.ways.end());
      if (s.incomplete.empty()) continue;
      complete = false;
      because(s.incomplete);
      std::vector<std::string_view> known;
      for (const Service& row : applications()) known.push_back(row.name);
      if (s.incomplete.ends_with("is not known"))
        not_understood(a, s.incomplete, suggest(word(a), std::span<const std::string_view>(known)));
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
      const Zone* named = zone(word(z));
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
    for (const Zone& from : zones_) {
      std::set<std::string_view> paired;
      const auto [begin, end] = pairs_from_.equal_range(from.name);
      for (auto p = begin; p != end; ++p) {
        const Pair& pair = pairs_[p->second];
        if (pair.to == "junos-host") {
          host_stage(pair, from, true);
          continue;
        }
        const Zone* to = zone(pair.to);
        if (to == nullptr) continue;
        paired.insert(pair.to);
        add_stage(device_.lists[pair.list].name, pair.node, from.interfaces, to->interfaces, lists_of(pair.list),
                  from.told_apart && to->told_apart);
      }
      std::vector<InterfaceId> rest;
      bool told_apart = from.told_apart;
      for (const Zone& to : zones_) {
        if (paired.contains(to.name)) continue;
        rest.insert(rest.end(), to.interfaces.begin(), to.interfaces.end());
        told_apart = told_apart && to.told_apart;
      }
      add_stage(fmt::format("from-zone {} to zones without policies", from.name), from.node, from.interfaces, rest,
                lists_of(kNoList), told_apart);
    }
    for (const Pair& pair : pairs_)
      if (pair.from == "junos-host")
        if (const Zone* to = zone(pair.to)) host_stage(pair, *to, false);
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
    for (const Zone& z : zones_)
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

  // --- To the device ---

  void bind_host_inbound() {
    for (const std::vector<Zone>* zones : {&zones_, &management_})
      for (const Zone& z : *zones) {
        const NodeId of_zone = tree_.find(z.node, "host-inbound-traffic");
        std::vector<InterfaceId> plain;
        for (const NodeId i : tree_.children(tree_.find(z.node, "interfaces"))) {
          const std::optional<InterfaceId> id = context_.interface(unit_name(word(i)));
          const NodeId own = tree_.find(i, "host-inbound-traffic");
          if (own == kNoNode) {
            if (id) plain.push_back(*id);
          } else if (id) {
            inbound_stage(own, fmt::format("host-inbound-traffic on {}", word(i)), {*id});
          }
        }
        if (!plain.empty())
          inbound_stage(of_zone, fmt::format("host-inbound-traffic of zone {}", z.name), std::move(plain), z.node);
      }
  }

  void inbound_stage(NodeId node, std::string name, std::vector<InterfaceId> ingress, NodeId zone = kNoNode) {
    const std::uint32_t line = tree_[node == kNoNode ? zone : node].line;
    const ListIndex list = add_list(name, line, Fallthrough::deny);
    // Exceptions count before what they are exceptions from.
    for (const bool exceptions : {true, false})
      for (const std::string_view kind : {"system-services", "protocols"}) {
        const std::span<const Service> rows = kind == "protocols" ? host_protocols() : system_services();
        for (const NodeId s : tree_.children(tree_.find(node, kind)))
          if (tree_.has(s, "except") == exceptions) inbound_entry(s, rows, kind, list, exceptions);
      }
    Stage stage;
    stage.name = std::move(name);
    stage.ways = {Way::to_device};
    stage.ingress = std::move(ingress);
    stage.priority = 11;
    stage.line = line;
    if (sessions_ != kNoList) stage.lists.push_back(sessions_);
    stage.lists.push_back(list);
    context_.add_stage(std::move(stage), true);
  }

  void inbound_entry(NodeId node, std::span<const Service> rows, std::string_view kind, ListIndex list,
                     bool except) {
    Entry e;
    e.line = e.line_last = tree_[node].line;
    e.text = LineLedger::bounded(fmt::format("{} {}", kind, tree_.text(node)));
    e.action = except ? Action::deny : Action::permit;
    const std::string_view name = word(node);
    for (const Service& s : rows)
      if (s.name == name || name == "all" || name == "any-service")
        e.match.push_back(match_of(AddressSet::all(), AddressSet::all(), way_of(s)));
    if (name == "any-service" || (name == "all" && kind == "system-services")) {
      Match ports;
      ports.box.protocols = {Protocol::tcp, Protocol::udp};
      if (name == "any-service") {
        e.match.push_back(std::move(ports));
      } else {
        e.maybe.push_back(std::move(ports));
        e.undecided = "services may have other ports than their usual ones";
        tree_.mark(node, Understanding::in_part, e.undecided);
      }
    }
    if (e.match.empty()) {
      std::vector<std::string_view> known;
      for (const Service& s : rows) known.push_back(s.name);
      e.undecided = fmt::format("'{}' is no service that is known", name);
      e.maybe.push_back({});
      not_understood(node, e.undecided, suggest(name, std::span<const std::string_view>(known)));
    }
    device_.lists[list].entries.push_back(std::move(e));
  }

  // --- Translation ---

  void read_nat(NodeId nat) {
    if (nat == kNoNode) return;
    tree_.mark(nat, Understanding::understood);
    for (const std::string_view kind : {"source", "destination", "static"}) {
      const NodeId of_kind = tree_.find(nat, kind);
      for (const NodeId set : tree_.children(tree_.find(of_kind, "rule-set"))) {
        Box around;
        if (!ends(tree_.find(set, "from"), around.ingress) || !ends(tree_.find(set, "to"), around.egress))
          tree_.mark(set, Understanding::in_part, "between which interfaces it translates is not known");
        for (const NodeId rule : tree_.children(tree_.find(set, "rule"))) nat_rule(rule, kind, of_kind, around);
      }
    }
  }

  bool ends(NodeId node, ByteSet& ids) {
    if (node == kNoNode) return true;
    ByteSet set;
    for (const NodeId z : tree_.children(tree_.find(node, "zone"))) {
      const Zone* named = zone(word(z));
      if (named == nullptr || !named->told_apart) return false;
      for (const InterfaceId id : named->interfaces) set.insert(id);
    }
    for (const NodeId i : tree_.children(tree_.find(node, "interface"))) {
      const std::optional<InterfaceId> id = context_.interface(unit_name(word(i)));
      if (!id) return false;
      set.insert(*id);
    }
    if (tree_.has(node, "routing-instance")) return false;
    ids = set;
    return true;
  }

  void nat_rule(NodeId rule, std::string_view kind, NodeId of_kind, const Box& around) {
    Nat nat;
    nat.kind = kind == "source" ? Nat::Kind::source : Nat::Kind::destination;
    nat.line = tree_[rule].line;
    nat.text = LineLedger::bounded(fmt::format("{} rule {}", kind, tree_.text(rule)));
    nat.match.box = around;
    const NodeId match = tree_.find(rule, "match");
    bool plain = true;
    for (const NodeId c : tree_.children(match)) {
      const std::string_view w = word(c);
      if (w == "source-address" || w == "destination-address") {
        std::vector<Prefix> prefixes;
        for (const NodeId a : tree_.children(c)) {
          const auto written = parse_junos_address(word(a));
          if (written && !written->bits)
            prefixes.push_back(written->prefix);
          else
            plain = false;
        }
        (w == "source-address" ? nat.match.box.sources : nat.match.box.destinations) = AddressSet::of(prefixes);
      } else if (w == "destination-port" || w == "source-port") {
        std::vector<PortRange> ranges;
        for (const NodeId p : tree_.children(c)) {
          std::optional<PortRange> r = parse_junos_ports(word(p));
          if (const std::string_view last = tree_.value(p, "to"); r && !last.empty())
            if (const std::optional<PortRange> end = parse_junos_ports(last); end && r->first <= end->last)
              r->last = end->last;
          if (r)
            ranges.push_back(*r);
          else
            plain = false;
        }
        (w == "source-port" ? nat.match.box.source_ports : nat.match.box.ports) = PortSet::of(std::move(ranges));
      } else if (w == "source-address-name" || w == "destination-address-name") {
        AddressSet all;
        for (const NodeId a : tree_.children(c)) {
          const NamedAddresses named = addresses({}, word(a));
          plain = plain && named.incomplete.empty();
          all = all.unite(named.known);
        }
        (w == "source-address-name" ? nat.match.box.sources : nat.match.box.destinations) = std::move(all);
      } else if (w == "protocol") {
        ProtocolSet set;
        for (const NodeId p : tree_.children(c)) {
          const std::optional<Protocol> protocol = parse_junos_protocol(word(p));
          if (protocol)
            set.insert(*protocol);
          else
            plain = false;
        }
        nat.match.box.protocols = set;
      } else {
        plain = false;
      }
    }
    const NodeId then = tree_.find(rule, {"then", fmt::format("{}-nat", kind)});
    if (tree_.has(then, "off")) {
      tree_.mark(rule, Understanding::in_part,
                 "what it keeps from translation is not kept from the rules behind it");
      return;
    }
    translate(then, of_kind, kind, nat);
    if (!plain) tree_.mark(match, Understanding::in_part, "a condition of the translation is not understood");
    if (kind == "static" && nat.to) {
      // It holds both ways: what the inside sends bears the outside address.
      Nat back = nat;
      back.kind = Nat::Kind::source;
      back.match.box = {};
      back.match.box.egress = around.ingress;
      back.match.box.sources = AddressSet::single(*nat.to);
      const std::vector<AddressRange>& outside = nat.match.box.destinations.ranges();
      if (outside.size() == 1 && outside[0].first == outside[0].last) back.to = outside[0].first;
      device_.nats.push_back(std::move(back));
    }
    device_.nats.push_back(std::move(nat));
  }

  void translate(NodeId then, NodeId of_kind, std::string_view kind, Nat& nat) {
    std::string_view address;
    if (kind == "static") {
      for (const NodeId p : tree_.children(tree_.find(then, "prefix"))) {
        if (address.empty()) address = word(p);
        if (const auto port = parse_junos_ports(tree_.value(tree_.find(p, "mapped-port"), ""))) nat.to_ports = port;
      }
    } else {
      const NodeId pool = tree_.find(of_kind, {"pool", tree_.value(then, "pool")});
      std::size_t addresses = 0;
      for (const NodeId a : tree_.children(tree_.find(pool, "address"))) {
        if (word(a) == "to" || word(a) == "port" || ++addresses > 1) continue;
        address = word(a);
        if (tree_.has(a, "to")) ++addresses;
        if (const std::string_view port = tree_.value(a, "port"); !port.empty())
          nat.to_ports = parse_junos_ports(port);
      }
      if (const std::string_view port = tree_.value(tree_.find(pool, "address"), "port"); !port.empty())
        nat.to_ports = parse_junos_ports(port);
      if (addresses != 1) return;
    }
    const auto written = parse_junos_address(address);
    if (written && !written->bits && written->prefix.is_host()) nat.to = written->prefix.base();
  }

  static constexpr unsigned kSetDepthMax = 64;
  static constexpr std::size_t kZonesMax = 2048, kWaysMax = 5000;
  Tree& tree_;
  Device& device_;
  const SecurityContext& context_;
  std::vector<Zone> zones_, management_;
  std::vector<NodeId> books_;
  std::map<std::string_view, NodeId> attached_;
  NodeId global_ = kNoNode, applications_ = kNoNode;
  std::map<std::tuple<NodeId, std::string_view, std::string_view>, NamedObject> objects_;
  std::map<std::pair<NodeId, std::string_view>, NamedAddresses> resolved_;
  std::map<std::string_view, NamedServices> services_;
  std::vector<Pair> pairs_;
  std::multimap<std::string_view, std::size_t> pairs_from_;
  std::map<std::string_view, std::size_t> zone_index_;
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
