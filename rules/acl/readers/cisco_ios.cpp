// Cisco IOS and IOS-XE: `show running-config`, and `show access-lists` for its hit counts.
//
// A configuration is lines in blocks: what a block is about stands at the margin, its lines are indented. Groups
// may be written behind the lists that name them, so the text is walked twice: first for object-groups, then for
// the rest. What IOS does where nothing is written, and the reader therefore adds:
//   - a list ends in deny; an IPv6 list permits neighbour discovery before that (permit icmp any any nd-na, nd-ns);
//   - a list that is bound and not written, or has no entry yet, permits everything;
//   - an outbound list does not see what the router makes itself.
#include <fmt/format.h>

#include <map>

#include "rules/acl/readers/cisco_ios_inspect.h"
#include "rules/acl/readers/cisco_ios_nat.h"
#include "rules/acl/readers/cisco_ios_reflexive.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/router_draft.h"
#include "rules/acl/readers/router_likeness.h"
#include "rules/acl/readers/router_not_filtering.h"
#include "rules/acl/readers/router_walk.h"

namespace demarc {

namespace {

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

class IosReader {
 public:
  explicit IosReader(const Source& source)
      : draft_(source, Dialect::cisco_ios, router::ios_ace()), nat_(draft_), inspect_(draft_) {}

  Result<Device> read() {
    groups_.read([this](Cursor& in) { return begin_group(in); }, [this](Cursor& in) { return read_member(in); });
    walk_.run(
        {.at_margin = [this](Cursor& in) { top_line(in); }, .in_list = [this](Cursor& in) { list_line(in); }});
    return finish();
  }

 private:
  void understood() { draft_.mark(Understanding::understood); }
  void not_filtering() { draft_.mark(Understanding::not_filtering); }

  // --- Groups ---

  bool begin_group(Cursor& in) {
    const std::string_view kind = in.word();
    network_ = kind == "network" || kind == "v6-network";
    if (!network_ && kind != "service" && kind != "v6-service") return false;
    group_ = std::string(in.word());
    network_ ? draft_.groups.define_network(group_) : draft_.groups.define_service(group_);
    draft_.define_object(group_, fmt::format("object-group {}", kind));
    return !group_.empty();
  }

  Result<void> read_member(Cursor& in) {
    if (in.peek() == "group-object") {
      in.word();
      const std::string_view member = in.word();
      network_ ? draft_.groups.nest_network(group_, member) : draft_.groups.nest_service(group_, member);
      groups_.nested(member);
      return {};
    }
    if (network_) {
      const Result<AddressSet> set = router::read_network_object(in);
      if (set) return draft_.groups.add(group_, *set), Result<void>{};
      draft_.groups.spoil_network(group_);
      return std::unexpected(set.error());
    }
    Result<router::ServiceObject> object = router::read_service_object(in, router::ios_ace());
    if (object) return draft_.groups.add(group_, std::move(*object)), Result<void>{};
    draft_.groups.spoil_service(group_);
    return std::unexpected(object.error());
  }

  // --- Lines ---

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "hostname") {
      draft_.device().name = std::string(in.word());
      return not_filtering();
    }
    if (first == "banner") return banner(in);
    if (first == "access-list") return numbered_line(in);
    if (first == "interface") {
      interface_ = draft_.open_interface(router::interface_name(in));
      walk_.below([this](Cursor& below) { interface_line(below); });
      return understood();
    }
    if (first == "line") {
      walk_.below([this](Cursor& below) { line_line(below); });
      vty_ = in.word() == "vty";
      if (vty_) terminals_.push_back({});
      return understood();
    }
    if (first == "object-group") {
      walk_.below([this](Cursor&) { groups_.line(); });
      return understood();
    }
    if (first == "time-range") return understood();
    if (first == "ip" || first == "ipv6") return ip_line(in, first == "ipv6");
    if (first == "control-plane") {
      walk_.below([this](Cursor& below) { control_plane_line(below); });
      return not_filtering();
    }
    if ((first == "Standard" || first == "Extended" || first == "IPv6" || first == "Reflexive") &&
        in.rest().find("access list ") != std::string_view::npos)
      return shown_list(first, in);
    if (first == "zone" || first == "zone-pair" || first == "class-map" || first == "policy-map" ||
        first == "parameter-map") {
      walk_.below([this](Cursor& below) { inspect_.inner_line(below); });
      return inspect_.top_line(first, in);
    }
    if (first == "snmp-server" && in.peek() == "community") return community_line(in);
    if (first == "ntp" && in.peek() == "access-group")
      return draft_.in_part("who may use the router's clock is not modelled");
    if (first == "router") {
      draft_.routes_by_protocol();
      return not_filtering();
    }
    walk_.nothing_known(first, router::ios_not_filtering());
  }

  void control_plane_line(Cursor& in) {
    if (in.peek() == "service-policy")
      return draft_.in_part("what control-plane policing drops by rate is not modelled");
    not_filtering();
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
    const auto ends = [delimiter](std::string_view line) { return line.find(delimiter) != std::string_view::npos; };
    if (const auto end = walk_.find_end(ends)) walk_.pass_over_to(*end);
  }

  void ip_line(Cursor& in, bool v6) {
    const std::string_view what = in.word();
    if (what == "access-list") {
      const std::string_view kind = v6 ? std::string_view("ipv6") : in.word();
      if (kind == "resequence" || kind == "log-update" || kind == "logging" || kind == "persistent" ||
          kind == "helper")
        return not_filtering();
      if (kind == "role-based") {
        const std::string why = "role-based lists filter by security group tags, which are not read";
        walk_.unread_below(why);
        return draft_.unread(why);
      }
      const std::string_view name = in.word();
      if (name.empty() || (kind != "standard" && kind != "extended" && kind != "ipv6"))
        return draft_.unread("an access list has a kind and a name");
      walk_.begin_list(name, kind == "standard" ? kStandard : v6 ? kIpv6 : kExtended);
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
    const std::string_view word = in.word();
    if (word == "vrf") return;  // another table
    if (v6) {
      if (const Result<Prefix> prefix = router::read_prefix(word, Family::ipv6, in)) draft_.read_route(in, *prefix);
      return;
    }
    const std::optional<Address> base = parse_address(word), mask = parse_address(in.word());
    const std::optional<unsigned> length = mask && mask->is_ipv4() ? router::netmask_length(*mask) : std::nullopt;
    if (base && length) draft_.read_route(in, Prefix::containing(*base, *length));
  }

  // --- Lists ---

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
    walk_.begin_list(word, *form);
    walk_.end_list();
    if (word == numbered_) draft_.remark = std::move(remark);
    numbered_ = word;
    list_line(in);
  }

  void list_line(Cursor& in) {
    std::optional<std::uint64_t> sequence = walk_.sequence(in);
    if (sequence) {
      // As named lists have it since they are numbered.
    } else if (in.peek() == "sequence") {
      in.word();
      sequence = decimal(in.word(), 0xFFFFFFFF);
    } else if (walk_.shown() && walk_.form().family == Family::ipv6) {  // "... sequence 10" comes last there
      const std::string_view text = draft_.text();
      if (const std::size_t at = text.rfind("sequence "); at != std::string_view::npos) {
        const std::string_view rest = text.substr(at + 9);
        sequence = decimal(rest.substr(0, rest.find_first_of(" \t\r")), 0xFFFFFFFF);
      }
    }
    if (walk_.is_remark(in)) return;
    const std::string_view first = in.peek();
    if (first == "exit" || first == "exit-address-family" || first == "no" || first == "statistics")
      return not_filtering();
    if (first == "evaluate") {
      in.word();
      Entry entry = draft_.entry_here();
      entry.action = Action::permit;
      reflexive_.evaluate(in.word());  // filled, and its line marked, when all lists are read
      entry.packets = router::matches_shown(draft_.text());
      return draft_.place(walk_.list(), std::move(entry), sequence, walk_.shown());
    }
    if (first == "dynamic") {
      Entry entry = draft_.entry_here();
      entry.action = Action::permit;
      entry.maybe.push_back({});
      entry.maybe.back().box.family = walk_.form().family;
      entry.undecided = "a dynamic entry permits after somebody has logged in";
      draft_.in_part(entry.undecided);
      return draft_.place(walk_.list(), std::move(entry), sequence, walk_.shown());
    }
    reflexive_.note(in);
    walk_.read_entry(in, sequence);
  }

  /// "Extended IP access list OUTSIDE-IN", "IPv6 access list V6": a list as `show access-lists` has it, with
  /// counters.
  void shown_list(std::string_view kind, Cursor& in) {
    std::string_view name;
    for (std::string_view word = in.word(); !word.empty(); word = in.word())
      if (!word.starts_with('(')) name = word;        // "(per-user)" comes behind it
    if (kind == "Reflexive") return not_filtering();  // what traffic opened while somebody looked
    walk_.begin_list(name, kind == "Standard" ? kStandard : kind == "IPv6" ? kIpv6 : kExtended, true);
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
    if (first == "switchport") {
      is_port_ = interface_;
      return draft_.read_switchport(in, interface_);
    }
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
    if (what == "access-group" || what == "traffic-filter")
      return draft_.read_binding(in, {.family = family, .interface = interface_, .at_port = is_port_ == interface_},
                                 true, "in", "out");
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
    reflexive_.fill();
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

  router::RouterDraft draft_;
  IosNat nat_;
  IosInspect inspect_;

  ReflexiveLists reflexive_{draft_};
  router::ConfigWalk walk_{draft_};
  router::GroupLines groups_{draft_};

  std::string group_, numbered_;
  bool network_ = false, vty_ = false;
  std::size_t interface_ = 0;
  std::optional<std::size_t> is_port_;
  std::vector<Guarded> terminals_, communities_;
  std::vector<std::pair<std::uint32_t, std::string>> policies_applied_;
};

}  // namespace

unsigned looks_like_cisco_ios(std::string_view text) { return router::likeness(text, Dialect::cisco_ios); }

Result<Device> read_cisco_ios(const Source& source) { return IosReader(source).read(); }

}  // namespace demarc
