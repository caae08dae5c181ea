// Cisco IOS-XR: `show running-config`, and `show access-lists` for its hit counts.
//
// Blocks are indented by a blank for each level and end in `!`. What IOS-XR does where nothing is written, and the
// reader therefore adds:
//   - a list ends in deny; an IPv6 list permits neighbour discovery before that (nd-na, nd-ns), if it has an entry;
//   - a list that is applied and not defined passes everything (IP Addresses and Services Command Reference, ipv4
//     access-group); what an IPv4 list without entries does is not documented;
//   - a common list is looked up before the interface's, and has no end of its own where there is one;
//   - once an interface is named in `control-plane management-plane`, management traffic to the router is taken
//   from
//     the named interfaces and the route processor's Ethernet alone (System Security Configuration Guide,
//     "Management Plane Protection").
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/router_draft.h"
#include "rules/acl/readers/router_likeness.h"
#include "rules/acl/readers/router_not_filtering.h"
#include "rules/acl/readers/router_walk.h"

namespace demarc {

namespace {

using router::Binding;
using router::decimal;
using router::Missing;

/// What management plane protection is about.
struct Managed {
  std::string_view name;
  Protocol protocol;
  std::uint16_t port;
};
constexpr Managed kManaged[] = {
    {"HTTP", Protocol::tcp, 80},   {"HTTP", Protocol::tcp, 443},  {"NETCONF", Protocol::tcp, 830},
    {"SNMP", Protocol::udp, 161},  {"SSH", Protocol::tcp, 22},    {"TFTP", Protocol::udp, 69},
    {"Telnet", Protocol::tcp, 23}, {"XML", Protocol::tcp, 38751}, {"XML", Protocol::tcp, 38752},
};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

class XrReader {
 public:
  explicit XrReader(const Source& source) : source_(source), draft_(source, Dialect::cisco_xr, router::xr_ace()) {}

  Result<Device> read() {
    find_dropping_policies();
    groups_.read([this](Cursor& in) { return begin_group(in); }, [this](Cursor& in) { return read_member(in); });
    walk_.run({.at_margin = [this](Cursor& in) { top_line(in); },
               .in_list = [this](Cursor& in) { list_line(in); },
               .passed_over = [this](std::string_view first) { return in_policy(first); },
               .bang_ends = true});
    return finish();
  }

 private:
  void understood() { draft_.mark(Understanding::understood); }
  void not_filtering() { draft_.mark(Understanding::not_filtering); }

  // --- Groups: "object-group network ipv4 NAME", "object-group port NAME" ---

  bool begin_group(Cursor& in) {
    const std::string_view kind = in.word();
    ports_ = kind == "port";
    if (!ports_ && kind != "network") return false;
    const std::string_view family = ports_ ? std::string_view() : in.word();
    group_ = std::string(in.word());
    ports_ ? draft_.groups.define_ports(group_) : draft_.groups.define_network(group_);
    draft_.define_object(group_, ports_ ? "object-group port" : fmt::format("object-group network {}", family));
    return !group_.empty();
  }

  Result<void> read_member(Cursor& in) {
    if (in.peek() == "object-group") {
      in.word();
      const std::string_view member = in.word();
      ports_ ? draft_.groups.nest_ports(group_, member) : draft_.groups.nest_network(group_, member);
      groups_.nested(member);
      return {};
    }
    if (ports_) {
      const Result<std::optional<PortSet>> set = router::read_ports(in, router::xr_ace(), xr_names().tcp);
      if (set && *set && in.at_end()) {
        draft_.groups.add(group_, **set);
        return {};
      }
      draft_.groups.spoil_ports(group_);
      if (!set) return std::unexpected(set.error());
      return std::unexpected(Error{in.last(), "this is no comparison of ports", "eq, range, gt, lt or neq"});
    }
    const Result<AddressSet> set = router::read_network_object(in);
    if (!set) {
      draft_.groups.spoil_network(group_);
      return std::unexpected(set.error());
    }
    draft_.groups.add(group_, *set);
    return {};
  }

  void find_dropping_policies() {
    std::string policy;
    for (std::uint32_t n = 1; n <= source_.line_count(); ++n) {
      Cursor in = draft_.cursor_at(n);
      const std::string_view first = in.word();
      if (first.empty() || first == "!") continue;
      const std::string_view text = source_.line(n);
      if (text[0] == ' ' || text[0] == '\t') {
        if (!policy.empty() && first == "drop") dropping_policies_.insert(policy);
        continue;
      }
      policy.clear();
      if (first != "policy-map") continue;
      for (std::string_view word = in.word(); !word.empty(); word = in.word()) policy = word;
    }
  }

  // --- Lines ---

  /// "route-policy X" to "end-policy": its lines are indented by as much as their author liked.
  bool in_policy(std::string_view first) {
    const bool within = in_policy_;
    if (first.starts_with("end-")) in_policy_ = false;
    return within;
  }

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "hostname") {
      draft_.device().name = std::string(in.word());
      return not_filtering();
    }
    if (first == "interface") {
      if (in.peek() == "preconfigure") in.word();
      interface_ = draft_.open_interface(router::interface_name(in));
      walk_.below([this](Cursor& below) { interface_line(below); });
      return understood();
    }
    if (first == "ipv4" || first == "ipv6") {
      if (in.peek() != "access-list") return not_filtering();
      in.word();
      const std::string_view name = in.word();
      if (name.empty()) return draft_.unread("an access list has a name");
      if (name == "log-update" || name == "maximum") return not_filtering();
      walk_.begin_list(name, {first == "ipv6" ? Family::ipv6 : Family::ipv4, false});
      return understood();
    }
    if (first == "object-group") {
      walk_.below([this](Cursor&) { groups_.line(); });
      return understood();
    }
    if (first == "control-plane") {
      walk_.below([this](Cursor& below) { control_plane_line(below); });
      return understood();
    }
    if (first == "line") {
      walk_.below([this](Cursor& below) { terminal_line(below); });
      return understood();
    }
    if (first == "ssh" || first == "telnet") return server_line(first, in);
    if (first == "snmp-server" && in.peek() == "community") return community_line(in);
    if (first == "ntp" && in.rest().find("access-group") != std::string_view::npos)
      return draft_.in_part("who may use the router's clock is not modelled");
    if (first == "router") {
      if (in.peek() == "static") {
        walk_.below([this](Cursor& below) { route_line(below); });
        other_table_ = false;
      } else {
        draft_.routes_by_protocol();
      }
      return not_filtering();
    }
    in_policy_ = first == "route-policy" || first == "prefix-set" || first == "as-path-set" ||
                 first == "community-set" || first == "extcommunity-set" || first == "rd-set" ||
                 first == "large-community-set";
    walk_.nothing_known(first, router::xr_not_filtering());
  }

  void route_line(Cursor& in) {
    not_filtering();
    const std::string_view first = in.word();
    if (first == "vrf") other_table_ = true;
    if (first == "address-family" || other_table_) return;
    const Family family = first.find(':') != std::string_view::npos ? Family::ipv6 : Family::ipv4;
    if (const Result<Prefix> prefix = router::read_prefix(first, family, in)) draft_.read_route(in, *prefix);
  }

  // --- Lists ---

  void list_line(Cursor& in) {
    const std::optional<std::uint64_t> sequence = walk_.sequence(in);
    if (walk_.is_remark(in)) return;
    if (in.peek() == "exit" || in.peek() == "no") return not_filtering();
    // A shown list begins as a written one does.
    const bool shown = router::matches_shown(draft_.text()).has_value();
    draft_.read_entry(in, walk_.list(), walk_.form(), sequence, shown);
  }

  // --- Interfaces ---

  void interface_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "shutdown") {
      draft_.interface(interface_).shut = true;
      return understood();
    }
    if (first == "service-policy") {
      in.word();
      if (dropping_policies_.contains(std::string(in.word())))
        return draft_.in_part("what this policy drops by class is not modelled");
      return not_filtering();
    }
    if (first == "vrf") draft_.several_tables();
    if (first != "ipv4" && first != "ipv6") return not_filtering();
    const Family family = first == "ipv6" ? Family::ipv6 : Family::ipv4;
    const std::string_view what = in.word();
    if (what == "address") return draft_.read_address(in, interface_);
    if (what == "access-group")  // "[common C] [NAME] ingress|egress [hardware-count] [interface-statistics] ..."
      return draft_.read_binding(in, {.family = family, .interface = interface_}, true, "ingress", "egress");
    if (what == "verify" && in.peek() == "unicast") {
      in.word();
      return draft_.read_reverse_path(in, interface_, family);
    }
    not_filtering();
  }

  // --- Services of the router itself ---

  void bind_service(std::string_view list, Family family, PortSet tcp, std::string_view what) {
    draft_.bind({.list = std::string(list),
                 .name = fmt::format("{} {}", what, list),
                 .family = family,
                 .line = draft_.line,
                 .tcp = std::move(tcp)});
  }

  void terminal_line(Cursor& in) {
    if (in.word() != "access-class") return not_filtering();
    std::string_view word = in.word();
    std::optional<Family> family;
    if (word == "ipv4" || word == "ipv6") family = word == "ipv6" ? Family::ipv6 : Family::ipv4, word = in.word();
    if (word == "egress") return draft_.in_part("where a session on this line may lead is not modelled");
    if (word != "ingress") return draft_.unread(fmt::format("'{}' is no direction: ingress or egress", word));
    const std::string_view name = in.word();
    if (!family)
      terminals_.push_back({std::string(name), draft_.line});  // of whichever family the list is
    else
      bind_service(name, *family, PortSet{{Port(22), Port(23)}}, "line access-class");
    understood();
  }

  /// "ssh server vrf default ipv4 access-list A ipv6 access-list B", "telnet vrf default ipv4 server max-servers 5
  /// access-list A"
  void server_line(std::string_view which, Cursor& in) {
    Family family = Family::ipv4;
    bool bound = false;
    while (!in.at_end()) {
      const std::string_view word = in.word();
      if (word == "ipv4" || word == "ipv6") family = word == "ipv6" ? Family::ipv6 : Family::ipv4;
      if (word != "access-list") continue;
      bind_service(in.word(), family, PortSet::single(Port(which == "ssh" ? 22 : 23)),
                   fmt::format("{} server", which));
      bound = true;
    }
    bound ? understood() : not_filtering();
  }

  /// "snmp-server community NAME [RO|RW] [SystemOwner] [IPv4 LIST]"
  void community_line(Cursor& in) {
    in.word(), in.word();
    bool guarded = false;
    while (!in.at_end()) {
      const std::string_view word = in.word();
      guarded =
          guarded || !(word == "RO" || word == "RW" || word == "SystemOwner" || word == "SDROwner" || word == "v");
    }
    if (guarded) return draft_.in_part("who may ask by SNMP is not modelled");
    not_filtering();
  }

  // --- Management plane protection ---

  struct Allowed {
    std::size_t interface = 0;
    bool any_interface = false;
    std::string protocol = {};
    bool peers_only = false;
    std::vector<Prefix> peers = {};
    std::uint32_t line = 0;
  };

  void control_plane_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "management-plane") {
      if (management_plane_ == 0) management_plane_ = draft_.line;
      return understood();
    }
    if (management_plane_ == 0) return not_filtering();
    if (first == "inband" || first == "out-of-band") return understood();
    if (first == "interface") {
      managed_all_ = in.peek() == "all";
      if (!managed_all_) managed_ = std::string(router::interface_name(in));
      return understood();
    }
    if (first == "allow") {
      Allowed a;
      a.any_interface = managed_all_;
      if (!managed_all_) a.interface = draft_.open_interface(managed_);
      a.protocol = in.word();
      a.peers_only = in.word() == "peer";
      a.line = draft_.line;
      const bool known = same_word(a.protocol, "all") ||
                         std::any_of(std::begin(kManaged), std::end(kManaged),
                                     [&a](const Managed& m) { return same_word(m.name, a.protocol); });
      if (!known) return draft_.unread(fmt::format("'{}' is no management protocol", a.protocol));
      allowed_.push_back(std::move(a));
      return understood();
    }
    if (first == "address" && !allowed_.empty()) {
      const Family family = in.word() == "ipv6" ? Family::ipv6 : Family::ipv4;
      const Result<Prefix> peer = router::read_prefix(in.word(), family, in);
      if (!peer) return draft_.unread(peer.error());
      allowed_.back().peers.push_back(*peer);
      return understood();
    }
    if (first == "vrf") return draft_.in_part("which interfaces of the VRF these are is not read");
    draft_.mark(first == "peer" ? Understanding::understood : Understanding::not_filtering);
  }

  void add_managed(std::string_view protocol, const Box& box, Entry& e) const {
    for (const Managed& m : kManaged) {
      if (!same_word(protocol, "all") && !same_word(m.name, protocol)) continue;
      Match match;
      match.box = box;
      match.box.protocols = {m.protocol};
      match.box.ports = PortSet::single(Port(m.port));
      e.match.push_back(std::move(match));
    }
  }

  void management_stage() {
    if (allowed_.empty()) return;
    List list;
    list.name = "control-plane management-plane";
    list.line = management_plane_;
    list.at_end = Fallthrough::permit;
    std::set<std::size_t> named;
    for (const Allowed& a : allowed_) {
      if (!a.any_interface) named.insert(a.interface);
      Entry e;
      e.line = e.line_last = a.line;
      e.text = LineLedger::bounded(source_.line(a.line));
      e.action = Action::permit;
      Box box;
      if (!a.any_interface && a.interface < kInterfacesMax) box.ingress = {static_cast<InterfaceId>(a.interface)};
      if (a.peers_only) box.sources = AddressSet::of(a.peers);
      add_managed(a.protocol, box, e);
      if (!a.any_interface && a.interface >= kInterfacesMax) {
        e.maybe = std::exchange(e.match, {});
        e.undecided = "there are too many interfaces to tell this one apart";
      }
      list.entries.push_back(std::move(e));
    }
    Entry processor;
    processor.text = "the route processor's Ethernet takes management traffic";
    processor.action = Action::permit;
    Box box;
    box.ingress = {};
    const std::size_t interfaces = std::min(draft_.device().interfaces.size(), kInterfacesMax);
    for (std::size_t i = 0; i < interfaces; ++i)
      if (draft_.interface(i).name.starts_with("MgmtEth") && !named.contains(i))
        box.ingress.insert(static_cast<InterfaceId>(i));
    if (!box.ingress.empty()) {
      add_managed("all", box, processor);
      list.entries.push_back(std::move(processor));
    }
    Entry rest;
    rest.line = rest.line_last = management_plane_;
    rest.text = "management-plane: other interfaces take no management traffic";
    rest.action = Action::deny;
    add_managed("all", {}, rest);
    list.entries.push_back(std::move(rest));
    Stage stage;
    stage.name = list.name;
    stage.ways = {Way::to_device};
    stage.priority = 1;
    stage.line = management_plane_;
    stage.lists = {draft_.add_list(std::move(list))};
    draft_.add_stage(std::move(stage));
  }

  // --- The end ---

  Result<Device> finish() {
    constexpr std::uint8_t kDiscovery[] = {136, 135};
    draft_.order_lists(kDiscovery, Missing::unknown, Missing::permits);
    for (const auto& [name, line] : terminals_) {
      const bool six = draft_.find_list(name, Family::ipv6).has_value();
      draft_.line = line;
      if (six) bind_service(name, Family::ipv6, PortSet{{Port(22), Port(23)}}, "line access-class");
      if (!six || draft_.find_list(name, Family::ipv4))
        bind_service(name, Family::ipv4, PortSet{{Port(22), Port(23)}}, "line access-class");
    }
    draft_.bind_all(Missing::permits);
    management_stage();
    return draft_.finish();
  }

  const Source& source_;
  router::RouterDraft draft_;

  router::ConfigWalk walk_{draft_};
  router::GroupLines groups_{draft_};

  std::string group_;
  bool ports_ = false, in_policy_ = false, other_table_ = false;
  std::size_t interface_ = 0;
  std::set<std::string> dropping_policies_;
  std::vector<std::pair<std::string, std::uint32_t>> terminals_;
  std::uint32_t management_plane_ = 0;
  bool managed_all_ = true;
  std::string managed_;
  std::vector<Allowed> allowed_;
};

}  // namespace

unsigned looks_like_cisco_xr(std::string_view text) { return router::likeness(text, Dialect::cisco_xr); }

Result<Device> read_cisco_xr(const Source& source) { return XrReader(source).read(); }

}  // namespace demarc
