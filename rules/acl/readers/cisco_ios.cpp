// Cisco IOS and IOS-XE: `show running-config`, and `show access-lists` for its hit counts.
//
// A configuration is lines in blocks: what a block is about stands at the margin, its lines are indented. Groups
// may be written behind the lists that name them, so the text is walked twice: first for object-groups, then for
// the rest. What IOS does where nothing is written, and the reader therefore adds:
//   - a list ends in deny; an IPv6 list permits neighbour discovery before that (permit icmp any any nd-na, nd-ns);
//   - a list that is bound and not written, or has no entry yet, permits everything;
//   - an outbound list does not see what the router makes itself.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rules/acl/readers/cisco_ios_inspect.h"
#include "rules/acl/readers/cisco_ios_nat.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/router_draft.h"
#include "rules/acl/readers/router_likeness.h"

namespace demarc {

namespace {

using router::Binding;
using router::decimal;
using router::ListForm;
using router::Missing;

constexpr ListForm kStandard{Family::ipv4, true}, kExtended{Family::ipv4, false}, kIpv6{Family::ipv6, false};

/// Numbered lists say by their number what they are (Command Reference, access-list).
std::optional<ListForm> form_of_number(std::uint64_t n) {
  if (n <= 99 || (n >= 1300 && n <= 1999)) return kStandard;
  if ((n >= 100 && n <= 199) || (n >= 2000 && n <= 2699)) return kExtended;
  return std::nullopt;
}

/// First words of lines that are certainly not about filtering packets; what is not here and not read is said to be
/// not understood, which costs a line in a report and never a wrong answer.
constexpr std::string_view kNotFiltering[] = {
    "!",
    "aaa",
    "alias",
    "archive",
    "banner",
    "boot",
    "boot-end-marker",
    "boot-start-marker",
    "building",
    "call-home",
    "cdp",
    "clock",
    "cns",
    "crypto",
    "current",
    "description",
    "diagnostic",
    "domain",
    "enable",
    "end",
    "errdisable",
    "event",
    "exception",
    "exit",
    "file",
    "flow",
    "hostname",
    "ipv6-unicast",
    "key",
    "license",
    "lldp",
    "logging",
    "login",
    "mac",
    "mac-address-table",
    "memory",
    "mmi",
    "monitor",
    "multilink",
    "netconf-yang",
    "no",
    "ntp",
    "parser",
    "platform",
    "port-channel",
    "privilege",
    "process",
    "radius",
    "radius-server",
    "redundancy",
    "restconf",
    "route-map",
    "router",
    "scheduler",
    "sdm",
    "security",
    "service",
    "snmp",
    "snmp-server",
    "spanning-tree",
    "stack-mac",
    "subscriber",
    "switch",
    "tacacs",
    "tacacs-server",
    "track",
    "transceiver",
    "upgrade",
    "username",
    "version",
    "vlan",
    "voice",
    "vrf",
    "vtp",
    "bfd",
    "fhrp",
    "standby",
    "system",
    "template",
    "hw-module",
    "l2",
    "mpls",
    "policy",
    "telemetry",
    "configuration",
    "last",
    "ntp-server",
    "nvram",
    "stackwise-virtual",
    "macro",
};

class IosReader {
 public:
  explicit IosReader(const Source& source)
      : source_(source), draft_(source, Dialect::cisco_ios, router::ios_ace()), nat_(draft_), inspect_(draft_) {}

  Result<Device> read() {
    read_groups();
    for (draft_.line = 1; draft_.line <= source_.line_count(); ++draft_.line) read_line();
    return finish();
  }

 private:
  enum class Block : std::uint8_t { none, list, interface, line, group, inspect, control_plane, other };

  void understood() { draft_.mark(Understanding::understood); }
  void not_filtering() { draft_.mark(Understanding::not_filtering); }

  // --- Groups ---

  void read_groups() {
    std::string group;
    bool network = false;
    for (draft_.line = 1; draft_.line <= source_.line_count(); ++draft_.line) {
      const std::string_view text = draft_.text();
      Cursor in = draft_.cursor();
      const std::string_view first = in.word();
      if (first.empty() || first == "!") continue;
      if (text[0] != ' ' && text[0] != '\t') {
        group.clear();
        if (first != "object-group") continue;
        const std::string_view kind = in.word();
        network = kind == "network" || kind == "v6-network";
        if (!network && kind != "service" && kind != "v6-service") continue;
        group = std::string(in.word());
        network ? draft_.groups.define_network(group) : draft_.groups.define_service(group);
        draft_.define_object(group, fmt::format("object-group {}", kind));
        continue;
      }
      if (group.empty() || first == "description") continue;
      if (first == "group-object") {
        const std::string_view member = in.word();
        network ? draft_.groups.nest_network(group, member) : draft_.groups.nest_service(group, member);
        nested_.emplace_back(member);
        continue;
      }
      Cursor again = draft_.cursor();
      if (network) {
        if (const Result<AddressSet> set = router::read_network_object(again))
          draft_.groups.add(group, *set);
        else
          draft_.groups.spoil_network(group), group_errors_[draft_.line] = set.error();
      } else {
        if (Result<router::ServiceObject> object = router::read_service_object(again, router::ios_ace()))
          draft_.groups.add(group, std::move(*object));
        else
          draft_.groups.spoil_service(group), group_errors_[draft_.line] = object.error();
      }
    }
    draft_.groups.resolve();
    for (const std::string& member : nested_) draft_.use_object(member);
  }

  void group_line() {
    if (const auto error = group_errors_.find(draft_.line); error != group_errors_.end())
      return draft_.unread(error->second);
    understood();
  }

  // --- Lines ---

  void read_line() {
    const std::string_view text = draft_.text();
    Cursor in = draft_.cursor();
    const std::string_view first = in.peek();
    if (first.empty()) return;
    if (draft_.line <= banner_end_ || first.starts_with('!')) return not_filtering();
    const bool indented = text[0] == ' ' || text[0] == '\t';
    // Configurations that were pasted lose their indentation; inside a list its own words are unmistakable.
    const bool in_list = block_ == Block::list && (indented || first == "permit" || first == "deny" ||
                                                   first == "remark" || decimal(first, ~0ULL));
    if (in_list) return list_line(in);
    if (indented) {
      switch (block_) {
        case Block::interface: return interface_line(in);
        case Block::line: return line_line(in);
        case Block::group: return group_line();
        case Block::inspect: return inspect_.inner_line(in);
        case Block::control_plane:
          if (first == "service-policy")
            return draft_.in_part("what control-plane policing drops by rate is not modelled");
          return not_filtering();
        default:
          return draft_.mark(block_unread_ ? Understanding::not_understood : Understanding::not_filtering,
                             block_why_);
      }
    }
    block_ = Block::none;
    block_unread_ = false;
    block_why_.clear();
    top_line(in);
  }

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    block_ = Block::other;
    if (first == "hostname") {
      draft_.device().name = std::string(in.word());
      return not_filtering();
    }
    if (first == "banner") return banner(in);
    if (first == "access-list") return numbered_line(in);
    if (first == "interface") {
      block_ = Block::interface;
      interface_ = draft_.open_interface(router::interface_name(in));
      return understood();
    }
    if (first == "line") {
      block_ = Block::line;
      vty_ = in.word() == "vty";
      if (vty_) terminals_.push_back({});
      return understood();
    }
    if (first == "object-group") {
      block_ = Block::group;
      return understood();
    }
    if (first == "time-range") return understood();
    if (first == "ip" || first == "ipv6") return ip_line(in, first == "ipv6");
    if (first == "control-plane") {
      block_ = Block::control_plane;
      return not_filtering();
    }
    if ((first == "Standard" || first == "Extended" || first == "IPv6" || first == "Reflexive") &&
        in.rest().find("access list ") != std::string_view::npos)
      return shown_list(first, in);
    if (first == "zone" || first == "zone-pair" || first == "class-map" || first == "policy-map" ||
        first == "parameter-map") {
      block_ = Block::inspect;
      return inspect_.top_line(first, in);
    }
    if (first == "snmp-server" && in.peek() == "community") return community_line(in);
    if (first == "ntp" && in.peek() == "access-group")
      return draft_.in_part("who may use the router's clock is not modelled");
    if (first == "router") {
      draft_.routes_by_protocol();
      return not_filtering();
    }
    if (std::find(std::begin(kNotFiltering), std::end(kNotFiltering), first) != std::end(kNotFiltering))
      return not_filtering();
    block_unread_ = true;
    block_why_ = fmt::format("'{}' is not known", first);
    draft_.mark(Understanding::not_understood, block_why_);
  }

  /// "snmp-server community NAME [view V] [RO|RW] [ipv6 LIST] [LIST]"
  void community_line(Cursor& in) {
    in.word(), in.word();
    Guarded community;
    community.line = community.line6 = draft_.line;
    while (!in.at_end()) {
      const std::string_view word = in.word();
      if (word == "view")
        in.word();
      else if (word == "ipv6")
        community.list6 = in.word();
      else if (word != "RO" && word != "RW" && word != "ro" && word != "rw")
        community.list = word;
    }
    communities_.push_back(std::move(community));
    understood();
  }

  /// "banner motd ^C", and lines of text until the delimiter stands again.
  void banner(Cursor& in) {
    in.word();
    std::string_view rest = in.rest();
    not_filtering();
    if (rest.empty()) return;
    const std::string_view delimiter = rest.substr(0, rest[0] == '^' && rest.size() > 1 ? 2 : 1);
    if (rest.find(delimiter, delimiter.size()) != std::string_view::npos) return;
    constexpr std::uint32_t kBannerLinesMax = 1000;
    const std::uint32_t last = std::min(source_.line_count(), draft_.line + kBannerLinesMax);
    for (std::uint32_t n = draft_.line + 1; n <= last; ++n) {
      if (source_.line(n).find(delimiter) == std::string_view::npos) continue;
      banner_end_ = n;
      return;
    }
  }

  void ip_line(Cursor& in, bool v6) {
    const std::string_view what = in.word();
    if (what == "access-list") {
      const std::string_view kind = v6 ? std::string_view("ipv6") : in.word();
      if (kind == "resequence" || kind == "log-update" || kind == "logging" || kind == "persistent" ||
          kind == "helper")
        return not_filtering();
      if (kind == "role-based") {
        block_unread_ = true;
        block_why_ = "role-based lists filter by security group tags, which are not read";
        return draft_.unread(block_why_);
      }
      const std::string_view name = in.word();
      if (name.empty() || (kind != "standard" && kind != "extended" && kind != "ipv6"))
        return draft_.unread("an access list has a kind and a name");
      begin_list(name, kind == "standard" ? kStandard : v6 ? kIpv6 : kExtended);
      return understood();
    }
    if (what == "inspect") return inspect_.inspect_line(in);
    if (what == "nat" && !v6) return nat_.line(in);
    if (what == "nat") return draft_.in_part("translation between IPv4 and IPv6 is not read");
    if (what == "port-map") {
      inspect_.port_map();
      return draft_.in_part("inspection by protocol names then means other ports");
    }
    if (what == "route") return route_line(in, v6);
    if (what == "router") draft_.routes_by_protocol();
    if (what == "http" && in.peek() == "access-class") {
      in.word();
      std::string_view name = in.word();
      if (name == "ipv4" || name == "ipv6") v6 = name == "ipv6", name = in.word();
      draft_.bind({.list = std::string(name),
                   .name = fmt::format("ip http access-class {}", name),
                   .family = v6 ? Family::ipv6 : Family::ipv4,
                   .line = draft_.line,
                   .tcp = PortSet::of({PortRange::single(Port(80)), PortRange::single(Port(443))})});
      return understood();
    }
    not_filtering();
  }

  /// "ip route [vrf V] 0.0.0.0 0.0.0.0 203.0.113.2", "ipv6 route ::/0 2001:db8::1".
  void route_line(Cursor& in, bool v6) {
    not_filtering();
    router::Route route;
    std::string_view word = in.word();
    if (word == "vrf") return;  // another table
    if (v6) {
      const Result<Prefix> prefix = router::read_prefix(word, Family::ipv6, in);
      if (!prefix) return;
      route.prefix = *prefix;
    } else {
      const std::optional<Address> base = parse_address(word), mask = parse_address(in.word());
      const std::optional<unsigned> length = mask && mask->is_ipv4() ? router::netmask_length(*mask) : std::nullopt;
      if (!base || !length) return;
      route.prefix = Prefix::containing(*base, *length);
    }
    word = in.word();
    route.next_hop = parse_address(word);
    if (!route.next_hop) route.interface = word;
    draft_.add_route(std::move(route));
  }

  // --- Lists ---

  void begin_list(std::string_view name, ListForm form, bool shown = false) {
    block_ = Block::list;
    form_ = form;
    shown_ = shown;
    draft_.remark.clear();
    list_ = draft_.open_list(name, form.family);
  }

  void numbered_line(Cursor& in) {
    const std::string_view word = in.word();
    const std::optional<std::uint64_t> n = decimal(word, 9999);
    if (!n) {
      if (word == "compiled" || word == "rate-limit" || word == "dynamic-extended") return not_filtering();
      return draft_.unread(fmt::format("'{}' is no list number", word));
    }
    const std::optional<ListForm> form = form_of_number(*n);
    if (!form) return not_filtering();  // Ethernet types, IPX, AppleTalk
    std::string remark = std::exchange(draft_.remark, {});
    begin_list(word, *form);
    if (word == numbered_) draft_.remark = std::move(remark);
    numbered_ = word;
    block_ = Block::none;
    list_line(in);
  }

  void list_line(Cursor& in) {
    std::optional<std::uint64_t> sequence = decimal(in.peek(), 0xFFFFFFFF);
    if (sequence) {
      in.word();
    } else if (in.peek() == "sequence") {
      in.word();
      sequence = decimal(in.word(), 0xFFFFFFFF);
    } else if (shown_ && form_.family == Family::ipv6) {  // "... sequence 10" comes last there
      const std::string_view text = draft_.text();
      if (const std::size_t at = text.rfind("sequence "); at != std::string_view::npos) {
        const std::string_view rest = text.substr(at + 9);
        sequence = decimal(rest.substr(0, rest.find_first_of(" \t\r")), 0xFFFFFFFF);
      }
    }
    const std::string_view first = in.peek();
    if (first == "remark") {
      in.word();
      draft_.remark = LineLedger::bounded(in.rest());
      return understood();
    }
    if (first == "exit" || first == "exit-address-family" || first == "no" || first == "statistics")
      return not_filtering();
    if (first == "evaluate") {
      in.word();
      Entry entry = draft_.entry_here();
      entry.action = Action::permit;
      evaluations_[draft_.line] = std::string(in.word());  // filled, and its line marked, when all lists are read
      entry.packets = router::matches_shown(draft_.text());
      return draft_.place(list_, std::move(entry), sequence, shown_);
    }
    if (first == "dynamic") {
      Entry entry = draft_.entry_here();
      entry.action = Action::permit;
      entry.maybe.push_back({});
      entry.maybe.back().box.family = form_.family;
      entry.undecided = "a dynamic entry permits after somebody has logged in";
      draft_.in_part(entry.undecided);
      return draft_.place(list_, std::move(entry), sequence, shown_);
    }
    note_reflect(in);
    draft_.read_entry(in, list_, form_, sequence, shown_);
  }

  void note_reflect(Cursor in) {
    while (!in.at_end())
      if (in.word() == "reflect") reflections_[std::string(in.word())].push_back({draft_.line, list_});
  }

  /// "Extended IP access list OUTSIDE-IN", "IPv6 access list V6": a list as `show access-lists` has it, with
  /// counters.
  void shown_list(std::string_view kind, Cursor& in) {
    std::string_view name;
    for (std::string_view word = in.word(); !word.empty(); word = in.word())
      if (!word.starts_with('(')) name = word;  // "(per-user)" comes behind it
    if (kind == "Reflexive") {                  // what traffic opened while somebody looked
      block_ = Block::other;
      return not_filtering();
    }
    begin_list(name, kind == "Standard" ? kStandard : kind == "IPv6" ? kIpv6 : kExtended, true);
    understood();
  }

  // --- Interfaces and terminal lines ---

  void interface_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "shutdown") {
      draft_.interface(interface_).shut = true;
      return understood();
    }
    if (first == "zone-member") return inspect_.zone_member(in, interface_);
    if (first == "service-policy") {
      policies_applied_.emplace_back(draft_.line, policy_name(in));  // its policy may stand behind
      return;
    }
    if (first == "switchport") return switchport_line(in);
    if (first == "standby" || first == "vrrp" ||
        first == "glbp") {  // an address that it shares with another router
      while (!in.at_end())
        if (in.word() == "ip")
          if (const std::optional<Address> a = parse_address(in.peek()))
            draft_.interface(interface_).addresses.push_back(*a);
      return not_filtering();
    }
    if (first == "vrf") draft_.several_tables();
    if (first != "ip" && first != "ipv6") return not_filtering();
    const Family family = first == "ipv6" ? Family::ipv6 : Family::ipv4;
    const std::string_view what = in.word();
    if (what == "vrf") draft_.several_tables();
    if (what == "address") return draft_.read_address(in, interface_);
    if (what == "access-group" || what == "traffic-filter") return binding_line(in, family);
    if (what == "inspect") return inspect_.interface_inspect(in, interface_);
    if (what == "nat") return nat_.interface_line(in, interface_);
    if (what == "verify" && in.peek() == "unicast") {
      in.word();
      return draft_.read_reverse_path(in, interface_, family);
    }
    not_filtering();
  }

  static std::string policy_name(Cursor& in) {
    std::string_view name;
    while (!in.at_end()) name = in.word();
    return std::string(name);
  }

  void switchport_line(Cursor& in) {
    not_filtering();
    is_port_ = interface_;
    const std::string_view kind = in.word();
    if (kind == "access" && in.word() == "vlan") draft_.carries(interface_, in.word());
    if (kind == "mode" && in.word() == "trunk") draft_.carries(interface_, {});
    if (kind == "trunk" && in.word() == "allowed" && in.word() == "vlan" && in.peek() != "add")
      draft_.carries(interface_, in.word());
  }

  void binding_line(Cursor& in, Family family) {
    Binding b;
    b.family = family;
    b.interface = interface_;
    b.line = draft_.line;
    if (in.peek() == "common") {  // looked up before the interface's own
      in.word();
      b.lists.emplace_back(in.word());
    }
    if (in.peek() != "in" && in.peek() != "out") b.lists.emplace_back(in.word());
    const std::string_view direction = in.word();
    if (b.lists.empty() || (direction != "in" && direction != "out"))
      return draft_.unread(fmt::format("'{}' is no direction: in or out", direction));
    b.in = direction == "in";
    b.at_port = is_port_ == interface_;
    draft_.bind(std::move(b));
    understood();
  }

  /// Something that people log in or ask by, and its lists.
  struct Guarded {
    bool open = true;  // false: nobody gets in there
    std::string list = {}, list6 = {};
    std::uint32_t line = 0, line6 = 0;
  };

  void line_line(Cursor& in) {
    if (!vty_) return not_filtering();
    Guarded& terminal = terminals_.back();
    const std::string_view first = in.word();
    if (first == "transport" && in.word() == "input") terminal.open = in.word() != "none";
    const bool v6 = first == "ipv6" && in.peek() == "access-class";
    if (v6) in.word();
    if (first != "access-class" && !v6) return not_filtering();
    const std::string_view name = in.word(), direction = in.word();
    if (direction == "out") return draft_.in_part("where a session on this line may lead is not modelled");
    if (direction != "in") return draft_.unread(fmt::format("'{}' is no direction: in or out", direction));
    (v6 ? terminal.list6 : terminal.list) = name;
    (v6 ? terminal.line6 : terminal.line) = draft_.line;
    understood();
  }

  // --- The end ---

  Result<Device> finish() {
    constexpr std::uint8_t kDiscovery[] = {136, 135};
    draft_.order_lists(kDiscovery, Missing::permits, Missing::permits);
    reflexive_lists();
    draft_.bind_all(Missing::permits);
    guard_services();
    for (const auto& [line, policy] : policies_applied_) {
      if (inspect_.policy_may_drop(policy))
        draft_.mark_at(line, Understanding::in_part, "what this policy drops by class or rate is not modelled");
      else
        draft_.mark_at(line, Understanding::not_filtering);
    }
    inspect_.finish();
    nat_.finish();
    return draft_.finish();
  }

  /// `evaluate NAME`: what `reflect NAME` let out of the other list may come back. A packet of a conversation that
  /// is established has been answered by one that went out, and that one left its mirror image here, unless an
  /// entry before it let it out without.
  void reflexive_lists() {
    if (evaluations_.empty()) return;
    std::map<std::uint32_t, std::string> mirrors;  // line -> name
    for (const auto& [name, places] : reflections_)
      for (const auto& [line, list] : places) mirrors[line] = name;
    struct Mirror {
      std::vector<Match> certain, perhaps;
    };
    std::map<std::string, Mirror> by_name;
    std::size_t left = 100'000;
    for (const List& list : draft_.device().lists) {
      bool lets_out = false;  // some entry before lets packets out without a mirror image
      for (const Entry& e : list.entries) {
        const auto mirror = mirrors.find(e.line);
        if (mirror == mirrors.end() || e.line == 0) {
          lets_out = lets_out || e.action != Action::deny;
          continue;
        }
        Mirror& to = by_name[mirror->second];
        for (const bool certain : {true, false}) {
          for (const Match& m : certain ? e.match : e.maybe) {
            if (left < router::weight(m)) left = 0;
            if (left == 0) break;
            left -= router::weight(m);
            Match back = m;
            std::swap(back.box.sources, back.box.destinations);
            std::swap(back.box.ports, back.box.source_ports);
            std::swap(back.source_bits, back.destination_bits);
            back.box.icmp = IcmpSet::all();
            back.box.flags = ByteSet::all();
            back.box.states = {ConnectionState::established};
            (certain && !lets_out ? to.certain : to.perhaps).push_back(std::move(back));
          }
        }
      }
    }
    for (List& list : draft_.device().lists) {
      for (Entry& e : list.entries) {
        const auto asked = evaluations_.find(e.line);
        if (asked == evaluations_.end()) continue;
        const auto mirror = by_name.find(asked->second);
        if (mirror == by_name.end()) {
          draft_.warn(e.line, fmt::format("no entry reflects to {}: nothing comes back by it", asked->second));
          continue;
        }
        std::size_t size = 0;
        for (const Match& m : mirror->second.certain) size += router::weight(m);
        for (const Match& m : mirror->second.perhaps) size += router::weight(m);
        if (left == 0 || size > left) {
          left = 0;
          e.maybe.assign(1, Match{});
          e.undecided = "there are too many reflexive entries to follow";
          continue;
        }
        left -= size;
        e.match = mirror->second.certain;
        e.maybe = mirror->second.perhaps;
        if (!e.maybe.empty()) e.undecided = "which conversations were opened from the other side";
      }
    }
    for (const auto& [line, name] : evaluations_) {
      const auto mirror = by_name.find(name);
      const bool open = mirror != by_name.end() && (!mirror->second.perhaps.empty() || left == 0);
      draft_.mark_at(line, open ? Understanding::in_part : Understanding::understood,
                     open ? "which conversations were opened from the other side" : "");
    }
  }

  /// Which terminal line a session gets, and which community a request names, is not known.
  void guard_services() {
    for (const bool v6 : {false, true}) {
      const Family family = v6 ? Family::ipv6 : Family::ipv4;
      const auto guard = [&](const std::vector<Guarded>& all, std::string_view what, Protocol protocol,
                             const PortSet& ports, std::string_view why) {
        std::map<std::string, std::uint32_t> lists;
        bool unguarded = false;
        for (const Guarded& g : all) {
          if (!g.open) continue;
          const std::string& name = v6 ? g.list6 : g.list;
          if (name.empty())
            unguarded = true;
          else
            lists.emplace(name, v6 ? g.line6 : g.line);
        }
        draft_.guard(lists, unguarded, family, what, protocol, ports, why, Missing::permits);
      };
      guard(terminals_, "line vty access-class", Protocol::tcp, PortSet{{Port(22), Port(23)}},
            "other terminal lines have another access-class");
      guard(communities_, "snmp-server community", Protocol::udp, PortSet::single(Port(161)),
            "other communities have another list");
    }
  }

  const Source& source_;
  router::RouterDraft draft_;
  IosNat nat_;
  IosInspect inspect_;

  Block block_ = Block::none;
  bool block_unread_ = false, shown_ = false, vty_ = false;
  std::string block_why_, numbered_;
  std::uint32_t banner_end_ = 0;
  ListForm form_ = kExtended;
  ListIndex list_ = 0;
  std::size_t interface_ = 0;
  std::optional<std::size_t> is_port_;
  std::vector<std::string> nested_;
  std::map<std::uint32_t, Error> group_errors_;
  std::vector<Guarded> terminals_, communities_;
  std::vector<std::pair<std::uint32_t, std::string>> policies_applied_;
  std::map<std::uint32_t, std::string> evaluations_;
  std::map<std::string, std::vector<std::pair<std::uint32_t, ListIndex>>> reflections_;
};

}  // namespace

unsigned looks_like_cisco_ios(std::string_view text) { return router::likeness(text, Dialect::cisco_ios); }

Result<Device> read_cisco_ios(const Source& source) { return IosReader(source).read(); }

}  // namespace demarc
