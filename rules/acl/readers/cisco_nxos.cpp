// Cisco NX-OS: `show running-config`, and `show access-lists` for its hit counts.
//
// What NX-OS does where nothing is written, and the reader therefore adds:
//   - a list ends in deny; an IPv6 list permits neighbour and router discovery before that (nd-na, nd-ns,
//     router-advertisement, router-solicitation: Nexus 7000 Security Configuration Guide, "Implicit Rules");
//   - `fragments permit-all|deny-all` decides about later fragments that no entry decided, before the end (the
//   same,
//     "Optimizing fragment handling");
//   - a list that is applied and not defined does not affect traffic (Nexus 7000 Command Reference, ip
//     access-group); what a list without entries does is not documented.
// A port's list (`ip port access-group`) and a VLAN's (`vlan filter`) see switched traffic too, which crosses no
// boundary here; of routed traffic a port's list sees what crosses that port.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/router_draft.h"
#include "rules/acl/readers/router_likeness.h"
#include "rules/acl/readers/router_not_filtering.h"
#include "rules/acl/readers/router_walk.h"

namespace demarc {

namespace {

using router::decimal;
using router::Missing;

class NxosReader {
 public:
  explicit NxosReader(const Source& source)
      : source_(source), draft_(source, Dialect::cisco_nxos, router::nxos_ace()) {}

  Result<Device> read() {
    groups_.read([this](Cursor& in) { return begin_group(in); }, [this](Cursor& in) { return read_member(in); });
    walk_.run(
        {.at_margin = [this](Cursor& in) { top_line(in); }, .in_list = [this](Cursor& in) { list_line(in); }});
    return finish();
  }

 private:
  void understood() { draft_.mark(Understanding::understood); }
  void not_filtering() { draft_.mark(Understanding::not_filtering); }

  // --- Groups: "object-group ip address NAME", "object-group ipv6 address NAME", "object-group ip port NAME" ---

  bool begin_group(Cursor& in) {
    const std::string_view family = in.word(), kind = in.word(), name = in.word();
    if ((family != "ip" && family != "ipv6" && family != "udf") || (kind != "address" && kind != "port"))
      return false;
    ports_ = kind == "port";
    group_ = std::string(name);
    ports_ ? draft_.groups.define_ports(group_) : draft_.groups.define_network(group_);
    draft_.define_object(group_, fmt::format("object-group {} {}", family, kind));
    return !group_.empty();
  }

  /// "10 host 192.0.2.1", "20 192.0.2.0/24", "30 192.0.2.0 0.0.0.255", "10 eq 80"
  Result<void> read_member(Cursor& in) {
    router::ConfigWalk::sequence(in);
    return ports_ ? read_port(in, group_) : read_address(in, group_);
  }

  Result<void> read_port(Cursor& in, const std::string& group) {
    const Result<std::optional<PortSet>> set = router::read_ports(in, router::nxos_ace(), nxos_names().tcp);
    if (set && *set && in.at_end()) {
      draft_.groups.add(group, **set);
      return {};
    }
    draft_.groups.spoil_ports(group);
    if (!set) return std::unexpected(set.error());
    const std::string_view word = in.word();
    return std::unexpected(
        Error{in.last(), fmt::format("'{}' is no comparison of ports", word), "eq, range, gt, lt or neq"});
  }

  Result<void> read_address(Cursor& in, const std::string& group) {
    Cursor ahead = in;
    const std::optional<Address> base = parse_address(ahead.word()), wildcard = parse_address(ahead.word());
    if (base && wildcard && base->is_ipv4() && wildcard->is_ipv4()) {
      const std::uint32_t free = wildcard->ipv4_number();
      if ((free & (free + 1)) == 0) {
        draft_.groups.add(group, AddressSet::of_ranges({{Address::ipv4(base->ipv4_number() & ~free),
                                                         Address::ipv4(base->ipv4_number() | free)}}));
        return {};
      }
      draft_.groups.spoil_network(group);
      return std::unexpected(Error{ahead.last(), "a wildcard mask with holes cannot stand in a group here"});
    }
    const Result<AddressSet> set =
        base ? Result<AddressSet>(AddressSet::single(*base)) : router::read_network_object(in);
    if (!set) {
      draft_.groups.spoil_network(group);
      return std::unexpected(set.error());
    }
    draft_.groups.add(group, *set);
    return {};
  }

  // --- Lines ---

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "hostname" || first == "switchname") {
      draft_.device().name = std::string(in.word());
      return not_filtering();
    }
    if (first == "interface") {
      interface_ = draft_.open_interface(router::interface_name(in));
      walk_.below([this](Cursor& below) { interface_line(below); });
      return understood();
    }
    if (first == "object-group") {
      walk_.below([this](Cursor&) { groups_.line(); });
      return understood();
    }
    if (first == "time-range") return understood();
    if (first == "line") {
      vty_ = in.word() == "vty";
      walk_.below([this](Cursor& below) { line_line(below); });
      return understood();
    }
    if (first == "vlan") return vlan_line(in);
    if (first == "ip" || first == "ipv6") return ip_line(in, first == "ipv6");
    if ((first == "IP" || first == "IPV4" || first == "IPV6" || first == "IPv6") &&
        (in.word() == "ACL" || in.word() == "list")) {  // "IP access list X", "IPV4 ACL X"
      walk_.begin_list(in.word(), {first == "IPV6" || first == "IPv6" ? Family::ipv6 : Family::ipv4, false}, true);
      return understood();
    }
    if ((first == "snmp-server" && in.rest().find(" use-") != std::string_view::npos) ||
        (first == "ntp" && in.peek() == "access-group"))
      return draft_.in_part("who may use this service of the switch is not modelled");
    if (first == "router") draft_.routes_by_protocol();
    walk_.nothing_known(first, router::nxos_not_filtering());
  }

  void ip_line(Cursor& in, bool v6) {
    const std::string_view what = in.word();
    const Family family = v6 ? Family::ipv6 : Family::ipv4;
    if (what == "access-list") {
      const std::string_view name = in.word();
      if (name.empty()) return draft_.unread("an access list has a name");
      if (in.peek() == "match-local-traffic") return not_filtering();
      walk_.begin_list(name, {family, false});
      return understood();
    }
    if (what == "access-group") return draft_.unread("a list is bound below an interface");
    if (what == "route") {
      not_filtering();
      if (const Result<Prefix> prefix = router::read_prefix(in.word(), family, in)) draft_.read_route(in, *prefix);
      return;
    }
    if (what == "nat" && in.peek() != "translation")
      return draft_.in_part("address translation is not read: which addresses lists see is not known");
    not_filtering();
  }

  // --- Lists ---

  void list_line(Cursor& in) {
    const std::optional<std::uint64_t> sequence = walk_.sequence(in);
    if (walk_.is_remark(in)) return;
    const std::string_view first = in.peek();
    if (first == "statistics" || first == "exit" || first == "no") return not_filtering();
    if (first == "ignore")
      return draft_.in_part("`ignore routable` leaves routed traffic out where it is a VLAN's list");
    if (first == "fragments" && !sequence) {
      in.word();
      const std::string_view which = in.word();
      if (which != "permit-all" && which != "deny-all")
        return draft_.unread(fmt::format("'{}' is neither permit-all nor deny-all", which));
      fragments_[walk_.list()] = {draft_.line, which == "permit-all"};
      return understood();
    }
    // Whatever else stands here, may be an entry of a kind that is not known.
    walk_.read_entry(in, sequence);
  }

  // --- VLAN access maps ---

  struct Clause {
    std::vector<std::pair<std::string, Family>> lists = {};
    bool drops = false, forwards = false, other = false;  // other: a match on frames
    std::uint32_t line = 0;
  };

  void vlan_line(Cursor& in) {
    const std::string_view what = in.word();
    if (what == "access-map") {
      walk_.below([this](Cursor& below) { access_map_line(below); });
      map_ = std::string(in.word());
      const std::uint64_t sequence = decimal(in.peek(), 0xFFFFFFFF).value_or(10);
      clause_ = &maps_[map_][sequence];
      clause_->line = draft_.line;
      return understood();
    }
    if (what == "filter") {
      Filter filter;
      filter.map = in.word();
      if (in.word() != "vlan-list") return draft_.unread("a map is applied with 'vlan filter MAP vlan-list VLANS'");
      filter.vlans = in.word();
      filter.line = draft_.line;
      filters_.push_back(std::move(filter));
      return understood();
    }
    not_filtering();
  }

  void access_map_line(Cursor& in) {
    const std::string_view first = in.word(), second = in.word();
    if (first == "match" && (second == "ip" || second == "ipv6") && in.word() == "address") {
      for (std::string_view name = in.word(); !name.empty(); name = in.word())
        clause_->lists.emplace_back(name, second == "ipv6" ? Family::ipv6 : Family::ipv4);
      return understood();
    }
    if (first == "match") {
      clause_->other = true;
      return understood();  // mac address: frames that hold no IP
    }
    if (first == "action") {
      clause_->drops = second == "drop";
      clause_->forwards = second == "forward" || second == "redirect";
      if (!clause_->drops && !clause_->forwards)
        return draft_.unread(fmt::format("'{}' is neither drop nor forward", second));
      return understood();
    }
    not_filtering();  // statistics, log
  }

  /// The clauses in order: what a clause's list permits meets its action, the rest the next clause. What no clause
  /// takes, is dropped.
  ListIndex map_list(const std::string& name, std::uint32_t line) {
    if (const auto known = map_lists_.find(name); known != map_lists_.end()) return known->second;
    List list;
    list.name = fmt::format("vlan access-map {}", name);
    list.line = line;
    const auto map = maps_.find(name);
    if (map == maps_.end()) {
      list.defined = false;
      list.at_end = Fallthrough::permit;
      draft_.warn(line, fmt::format("vlan access-map {} is applied and not defined: it filters nothing", name));
      return map_lists_[name] = draft_.add_list(std::move(list));
    }
    for (const auto& [sequence, clause] : map->second) {
      if (list.entries.empty()) list.line = clause.line;
      const Action action = clause.drops ? Action::deny : Action::permit;
      for (const auto& [acl, family] : clause.lists) {
        Entry e;
        e.line = e.line_last = clause.line;
        e.text = LineLedger::bounded(source_.line(clause.line));
        e.action = Action::jump;
        const ListIndex named = draft_.bound(acl, family, clause.line, Missing::permits);
        e.target = draft_.classifier(named, action, fmt::format("{} in vlan access-map {} {}", acl, name, sequence),
                                     clause.line);
        e.match.push_back({});
        e.match.back().box.family = family;
        if (!clause.drops && !clause.forwards) {
          e.maybe = std::exchange(e.match, {});
          e.undecided = "the clause has no action";
        }
        list.entries.push_back(std::move(e));
      }
      if (!clause.lists.empty() || clause.other) continue;
      Entry all;
      all.line = all.line_last = clause.line;
      all.text = LineLedger::bounded(source_.line(clause.line));
      all.action = action;
      all.match.push_back({});
      list.entries.push_back(std::move(all));
    }
    end_map(list, map->second);
    return map_lists_[name] = draft_.add_list(std::move(list));
  }

  /// What no clause takes is dropped, of a family that some clause is about; of another one it is not documented.
  static void end_map(List& list, const std::map<std::uint64_t, Clause>& clauses) {
    list.at_end = Fallthrough::permit;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      bool about = false;
      for (const auto& [sequence, clause] : clauses)
        for (const auto& [acl, of] : clause.lists) about = about || of == family;
      Entry e;
      e.text = fmt::format("{} that no clause takes", demarc::name(family));
      e.action = Action::deny;
      Match rest;
      rest.box.family = family;
      (about ? e.match : e.maybe).push_back(std::move(rest));
      if (!about) e.undecided = "what a map does with packets that none of its lists are about is not documented";
      list.entries.push_back(std::move(e));
    }
  }

  struct Filter {
    std::string map = {}, vlans = {};
    std::uint32_t line = 0;
  };

  void vlan_stages() {
    for (const Filter& filter : filters_) {
      std::vector<InterfaceId> here;
      const std::size_t interfaces = std::min(draft_.device().interfaces.size(), kInterfacesMax);
      for (std::size_t i = 0; i < interfaces; ++i)
        if (holds(filter.vlans, draft_.interface(i).name)) here.push_back(static_cast<InterfaceId>(i));
      if (here.empty()) continue;  // VLANs that are switched and not routed here
      const ListIndex list = map_list(filter.map, filter.line);
      for (const bool in : {true, false}) {
        Stage stage;
        stage.name = fmt::format("vlan filter {} {} VLAN {}", filter.map, in ? "from" : "to", filter.vlans);
        stage.ways = in ? Ways{Way::through, Way::to_device} : Ways{Way::through, Way::from_device};
        (in ? stage.ingress : stage.egress) = here;
        stage.lists = {list};
        stage.priority = in ? -1 : 4;  // outside of the router's lists
        stage.line = filter.line;
        draft_.add_stage(std::move(stage));
      }
    }
  }

  /// "10,20-30" and "Vlan10".
  static bool holds(std::string_view vlans, std::string_view interface) {
    if (!interface.starts_with("Vlan") && !interface.starts_with("vlan")) return false;
    const auto number = decimal(interface.substr(4), 4094);
    while (number && !vlans.empty()) {
      const std::string_view part = vlans.substr(0, vlans.find(','));
      vlans.remove_prefix(std::min(vlans.size(), part.size() + 1));
      const std::size_t dash = part.find('-');
      const auto first = decimal(part.substr(0, dash), 4094);
      const auto last = dash == std::string_view::npos ? first : decimal(part.substr(dash + 1), 4094);
      if (first && last && *first <= *number && *number <= *last) return true;
    }
    return false;
  }

  // --- Interfaces and terminal lines ---

  void interface_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "shutdown") {
      draft_.interface(interface_).shut = true;
      return understood();
    }
    if (first == "switchport") return draft_.read_switchport(in, interface_);
    if (first == "vrf") draft_.several_tables();
    if (first != "ip" && first != "ipv6") return not_filtering();
    const Family family = first == "ipv6" ? Family::ipv6 : Family::ipv4;
    const std::string_view what = in.word();
    if (what == "address") return draft_.read_address(in, interface_);
    const bool at_port = what == "port" && (in.peek() == "access-group" || in.peek() == "traffic-filter");
    if (at_port) in.word();
    if (at_port || what == "access-group" || what == "traffic-filter")
      return draft_.read_binding(in, {.family = family, .interface = interface_, .at_port = at_port}, false, "in",
                                 "out");
    if (what == "verify" && in.peek() == "unicast") {
      in.word();
      return draft_.read_reverse_path(in, interface_, family);
    }
    if (what == "nat")
      return draft_.in_part("address translation is not read: which addresses lists see is not known");
    // Below "hsrp 10", "ip 192.0.2.1" is an address that is shared with another router.
    if (const std::optional<Address> shared = parse_address(what))
      draft_.interface(interface_).addresses.push_back(*shared);
    not_filtering();
  }

  void line_line(Cursor& in) {
    const std::string_view first = in.word();
    const bool v6 = first == "ipv6" && in.peek() == "access-class";
    if (v6) in.word();
    if ((first != "access-class" && !v6) || !vty_) return not_filtering();
    const std::string_view name = in.word(), direction = in.word();
    if (direction == "out") return draft_.in_part("where a session on this line may lead is not modelled");
    if (direction != "in") return draft_.unread(fmt::format("'{}' is no direction: in or out", direction));
    draft_.bind({.list = std::string(name),
                 .name = fmt::format("line vty access-class {}", name),
                 .family = v6 ? Family::ipv6 : Family::ipv4,
                 .line = draft_.line,
                 .tcp = PortSet{{Port(22), Port(23)}}});
    understood();
  }

  // --- The end ---

  Result<Device> finish() {
    constexpr std::uint8_t kDiscovery[] = {136, 135, 134, 133};
    draft_.order_lists(kDiscovery, Missing::unknown, Missing::unknown);
    for (const auto& [index, fragments] : fragments_) decide_fragments(draft_.list(index), fragments);
    draft_.bind_all(Missing::permits);
    vlan_stages();
    return draft_.finish();
  }

  struct Fragments {
    std::uint32_t line = 0;
    bool permit = false;
  };

  /// Later fragments that no entry decided. Whether an entry that permits a port still lets later fragments by
  /// where the command denies them is not documented.
  void decide_fragments(List& list, const Fragments& fragments) {
    const auto is_later = [](const Match& m) { return m.box.fragments == kLaterFragments; };
    for (Entry& e : list.entries) {
      // An entry that looks at ports has a match of its own for the fragments that show none.
      if (fragments.permit || e.action != Action::permit || e.match.size() < 2 || !is_later(e.match.front()))
        continue;
      std::copy_if(e.match.begin(), e.match.end(), std::back_inserter(e.maybe), is_later);
      std::erase_if(e.match, is_later);
      e.undecided = "whether it lets later fragments by, where the list denies them";
    }
    Entry e;
    e.line = e.line_last = fragments.line;
    e.text = LineLedger::bounded(source_.line(fragments.line));
    e.action = fragments.permit ? Action::permit : Action::deny;
    Match later;
    later.box.family = list.family;
    later.box.fragments = kLaterFragments;
    e.match.push_back(std::move(later));
    // Before what is implied at the end of an IPv6 list: that names ICMP messages, which later fragments do not
    // show.
    list.entries.push_back(std::move(e));
  }

  const Source& source_;
  router::RouterDraft draft_;

  router::ConfigWalk walk_{draft_};
  router::GroupLines groups_{draft_};

  std::string group_;
  bool ports_ = false, vty_ = false;
  std::size_t interface_ = 0;
  std::map<ListIndex, Fragments> fragments_;
  std::string map_;
  Clause* clause_ = nullptr;
  std::map<std::string, std::map<std::uint64_t, Clause>> maps_;
  std::map<std::string, ListIndex> map_lists_;
  std::vector<Filter> filters_;
};

}  // namespace

unsigned looks_like_cisco_nxos(std::string_view text) { return router::likeness(text, Dialect::cisco_nxos); }

Result<Device> read_cisco_nxos(const Source& source) { return NxosReader(source).read(); }

}  // namespace demarc
