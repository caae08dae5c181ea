// Arista EOS: `show running-config`, and `show ip access-lists` for its hit counts.
//
// What EOS does where nothing is written, and the reader therefore adds:
//   - a list ends in deny; whether an IPv6 list lets neighbour discovery by before that is not documented;
//   - the control plane has a list, default-control-plane-acl, unless another one is applied to it; what it permits
//     in every release is added, the rest of it is not known;
//   - what a list does that is applied and not defined, or has no entries, is not documented;
//   - later fragments are taken to be matched as IOS does, which permits more than any other reading.
// A list on a switched port sees switched traffic too, which crosses no boundary here; of routed traffic it sees
// what crosses that port.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/arista_eos_policies.h"
#include "rules/acl/readers/reader.h"
#include "rules/acl/readers/router_draft.h"
#include "rules/acl/readers/router_likeness.h"

namespace demarc {

namespace {

using router::Binding;
using router::decimal;
using router::Missing;

constexpr std::string_view kNotFiltering[] = {
    "!",
    "aaa",
    "agent",
    "alias",
    "arp",
    "banner",
    "bfd",
    "boot",
    "class-map",
    "clock",
    "cvx",
    "daemon",
    "dhcp",
    "dns",
    "dot1x",
    "enable",
    "end",
    "environment",
    "errdisable",
    "event-handler",
    "event-monitor",
    "exit",
    "hardware",
    "hostname",
    "l2-protocol",
    "lacp",
    "lldp",
    "load-interval",
    "logging",
    "mac",
    "maintenance",
    "mcs",
    "mlag",
    "monitor",
    "mpls",
    "no",
    "ntp",
    "peer-filter",
    "platform",
    "policy-map",
    "port-channel",
    "prompt",
    "ptp",
    "qos",
    "queue-monitor",
    "radius-server",
    "redundancy",
    "role",
    "route-map",
    "router",
    "schedule",
    "service",
    "sflow",
    "snmp-server",
    "spanning-tree",
    "ssh",
    "switch",
    "system",
    "tacacs-server",
    "tap",
    "terminal",
    "track",
    "transceiver",
    "trident",
    "username",
    "version",
    "virtual-cable",
    "vlan",
    "vmtracer",
    "vrf",
    "vxlan",
    "management",
    "address",
    "aging",
    "default",
    "email",
    "ipv4",
    "kernel",
    "match-list",
    "patch",
    "power",
    "priority-flow-control",
    "poe",
    "switchport",
    "tcam",
    "traffic-engineering",
    "zerotouch",
    "interface-profile",
    "dynamic",
};

/// Services of the switch that have lists of their own.
struct Managed {
  std::string_view name;  // behind `management`
  std::uint16_t ports[2];
};
constexpr Managed kManaged[] = {
    {"ssh", {22, 22}},           {"telnet", {23, 23}},       {"api http-commands", {80, 443}},
    {"api netconf", {830, 830}}, {"api gnmi", {6030, 6030}}, {"api restconf", {6020, 6020}},
};

/// What the read-only list of the control plane permits in every release that we know of.
constexpr std::string_view kControlPlane[] = {
    "permit icmp any any",
    "permit ip any any tracked",
    "permit udp any any eq bfd ttl eq 255",
    "permit udp any any eq bfd-echo ttl eq 254",
    "permit ospf any any",
    "permit tcp any any eq ssh telnet www snmp bgp https msdp ldp",
    "permit udp any any eq bootps bootpc snmp rip ntp ldp",
    "permit tcp any any eq mlag ttl eq 255",
    "permit udp any any eq mlag ttl eq 255",
    "permit vrrp any any",
    "permit ahp any any",
    "permit pim any any",
    "permit igmp any any",
};
constexpr std::string_view kControlPlane6[] = {
    "permit icmpv6 any any",
    "permit ipv6 any any tracked",
    "permit ospf any any",
    "permit tcp any any eq ssh telnet www snmp bgp https",
    "permit udp any any eq snmp ntp",
    "permit vrrp any any",
    "permit ahp any any",
    "permit pim any any",
};

class EosReader {
 public:
  explicit EosReader(const Source& source)
      : source_(source), draft_(source, Dialect::arista_eos, router::eos_ace()), policies_(draft_) {}

  Result<Device> read() {
    draft_.groups.resolve();
    for (draft_.line = 1; draft_.line <= source_.line_count(); ++draft_.line) read_line();
    return finish();
  }

 private:
  enum class Block : std::uint8_t { none, list, interface, control_plane, management, policies, other };

  void understood() { draft_.mark(Understanding::understood); }
  void not_filtering() { draft_.mark(Understanding::not_filtering); }

  void read_line() {
    const std::string_view text = draft_.text();
    Cursor in = draft_.cursor();
    const std::string_view first = in.peek();
    if (first.empty()) return;
    if (draft_.line <= banner_end_ || first.starts_with('!')) return not_filtering();
    const bool indented = text[0] == ' ' || text[0] == '\t';
    const bool in_list = block_ == Block::list && (indented || first == "permit" || first == "deny" ||
                                                   first == "remark" || decimal(first, ~0ULL));
    if (in_list) return list_line(in);
    if (indented) {
      switch (block_) {
        case Block::interface: return interface_line(in);
        case Block::control_plane:
        case Block::management: return service_line(in);
        case Block::policies: return policies_.line(in);
        default:
          return draft_.mark(block_unread_ ? Understanding::not_understood : Understanding::not_filtering,
                             block_why_);
      }
    }
    block_ = Block::other;
    block_unread_ = false;
    block_why_.clear();
    top_line(in);
  }

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "hostname") {
      draft_.device().name = std::string(in.word());
      return not_filtering();
    }
    if (first == "banner") return banner();
    if (first == "interface") {
      block_ = Block::interface;
      const std::string name = router::interface_name(in);
      interface_ = draft_.open_interface(name);
      switched_ = name.starts_with("Ethernet") || name.starts_with("Port-Channel");
      if (switched_) draft_.carries(interface_, "1");
      return understood();
    }
    if (first == "control-plane" || (first == "system" && in.peek() == "control-plane")) {
      block_ = Block::control_plane;
      return understood();
    }
    if (first == "management") return management_line(in);
    if (first == "traffic-policies") {
      block_ = Block::policies;
      return understood();
    }
    if (first == "ip" || first == "ipv6") return ip_line(in, first == "ipv6");
    if (is_shown_list(first, in)) return shown_list(in);
    if ((first == "snmp-server" && in.rest().find("access-list") != std::string_view::npos) ||
        (first == "ntp" && in.rest().find("access-group") != std::string_view::npos))
      return draft_.in_part("who may use this service of the switch is not modelled");
    if (first == "router") draft_.routes_by_protocol();
    if (std::find(std::begin(kNotFiltering), std::end(kNotFiltering), first) != std::end(kNotFiltering))
      return not_filtering();
    block_unread_ = true;
    block_why_ = fmt::format("'{}' is not known", first);
    draft_.mark(Understanding::not_understood, block_why_);
  }

  /// "banner login", and text up to a line that says EOF.
  void banner() {
    not_filtering();
    constexpr std::uint32_t kBannerLinesMax = 1000;
    const std::uint32_t last = std::min(source_.line_count(), draft_.line + kBannerLinesMax);
    for (std::uint32_t n = draft_.line + 1; n <= last; ++n) {
      if (source_.line(n) != "EOF") continue;
      banner_end_ = n;
      return;
    }
  }

  void ip_line(Cursor& in, bool v6) {
    const std::string_view what = in.word();
    const Family family = v6 ? Family::ipv6 : Family::ipv4;
    if (what == "access-list") {
      const bool standard = in.peek() == "standard";
      if (standard) in.word();
      const std::string_view name = in.word();
      if (name.empty()) return draft_.unread("an access list has a name");
      begin_list(name, {family, standard}, false);
      return understood();
    }
    if (what == "route") {
      not_filtering();
      router::Route route;
      std::string_view word = in.word();
      if (word == "vrf") return;  // another table
      const Result<Prefix> prefix = router::read_prefix(word, family, in);
      if (!prefix) return;
      route.prefix = *prefix;
      const std::string_view way = in.word();
      route.next_hop = parse_address(way);
      if (!route.next_hop) route.interface = way;
      return draft_.add_route(std::move(route));
    }
    not_filtering();
  }

  // --- Lists ---

  void begin_list(std::string_view name, router::ListForm form, bool shown) {
    block_ = Block::list;
    form_ = form;
    shown_ = shown;
    draft_.remark.clear();
    list_ = draft_.open_list(name, form.family);
  }

  static bool is_shown_list(std::string_view first, const Cursor& in) {
    return (first == "IP" || first == "IPV6" || first == "IPv6" || first == "Standard" || first == "Phone") &&
           in.rest().find("Access List ") != std::string_view::npos;
  }

  /// "IP Access List NAME [readonly]", "Standard IPV6 Access List NAME"
  void shown_list(Cursor& in) {
    const std::string_view text = draft_.text();
    const bool six = text.find("V6 ") != std::string_view::npos || text.find("v6 ") != std::string_view::npos;
    std::string_view name;
    for (std::string_view word = in.word(), before; !word.empty(); before = word, word = in.word())
      if (before == "List") name = word;
    if (name.empty()) return draft_.unread("an access list has a name");
    begin_list(name, {six ? Family::ipv6 : Family::ipv4, text.starts_with("Standard")}, true);
    understood();
  }

  void list_line(Cursor& in) {
    const std::optional<std::uint64_t> sequence = decimal(in.peek(), 0xFFFFFFFF);
    if (sequence) in.word();
    const std::string_view first = in.peek();
    if (first == "remark") {
      in.word();
      draft_.remark = LineLedger::bounded(in.rest());
      return understood();
    }
    if (first == "counters" || first == "statistics" || first == "exit" || first == "no" || first == "Total" ||
        first == "Configured" || first == "Active" || first == "fragment-rules")
      return not_filtering();
    draft_.read_entry(in, list_, form_, sequence, shown_);
  }

  // --- Interfaces ---

  void interface_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "shutdown") {
      draft_.interface(interface_).shut = true;
      return understood();
    }
    if (first == "no" && in.peek() == "switchport") {
      switched_ = false;
      return not_filtering();
    }
    if (first == "switchport") return switchport_line(in);
    if (first == "traffic-policy") return policies_.bind(in, interface_);
    if (first == "service-policy") return draft_.in_part("what this policy drops by class or rate is not modelled");
    if (first == "vrf") draft_.several_tables();
    if (first != "ip" && first != "ipv6") return not_filtering();
    const Family family = first == "ipv6" ? Family::ipv6 : Family::ipv4;
    const std::string_view what = in.word();
    if (what == "address") {
      if (in.peek() == "virtual") in.word();
      return draft_.read_address(in, interface_);
    }
    if (what == "virtual-router" && in.word() == "address") {
      if (const std::optional<Address> a = parse_address(in.word()))
        draft_.interface(interface_).addresses.push_back(*a);
      return not_filtering();
    }
    if (what == "access-group") {
      Binding b;
      b.lists.emplace_back(in.word());
      b.family = family;
      b.interface = interface_;
      b.line = draft_.line;
      b.at_port = switched_;
      const std::string_view direction = in.word();
      if (direction != "in" && direction != "out")
        return draft_.unread(fmt::format("'{}' is no direction: in or out", direction));
      b.in = direction == "in";
      draft_.bind(std::move(b));
      return understood();
    }
    if (what == "verify" && in.peek() == "unicast") {
      in.word();
      return draft_.read_reverse_path(in, interface_, family);
    }
    if (what == "nat")
      return draft_.in_part("address translation is not read: which addresses lists see is not known");
    not_filtering();
  }

  void switchport_line(Cursor& in) {
    not_filtering();
    const std::string_view kind = in.word();
    if (kind == "access" && in.word() == "vlan") draft_.carries(interface_, in.word());
    if (kind == "mode" && in.word() == "trunk") draft_.carries(interface_, {});
    if (kind == "trunk" && in.word() == "allowed" && in.word() == "vlan" && in.peek() != "add")
      draft_.carries(interface_, in.word());
  }

  // --- The switch itself ---

  void management_line(Cursor& in) {
    block_ = Block::management;
    managed_ = nullptr;
    const std::string_view rest = in.rest();
    for (const Managed& m : kManaged)
      if (rest.starts_with(m.name)) managed_ = &m;
    managed_ != nullptr ? understood() : not_filtering();
  }

  /// "ip access-group NAME [vrf V] [in]"
  void service_line(Cursor& in) {
    const std::string_view first = in.word();
    if ((first != "ip" && first != "ipv6") || in.word() != "access-group") return not_filtering();
    const Family family = first == "ipv6" ? Family::ipv6 : Family::ipv4;
    const std::string name(in.word());
    bool other_table = false;
    while (!in.at_end())
      if (in.word() == "vrf") other_table = in.peek() != "default" || other_table;
    if (other_table) return draft_.in_part("which interfaces belong to a VRF is not read: the list is not applied");
    router::ServiceBinding b;
    b.list = name;
    b.family = family;
    b.line = draft_.line;
    if (block_ == Block::control_plane) {
      b.name = fmt::format("control-plane {}", name);
      (family == Family::ipv4 ? control_plane_ : control_plane6_) = true;
    } else if (managed_ != nullptr) {
      b.name = fmt::format("management {} {}", managed_->name, name);
      b.tcp =
          PortSet::of({PortRange::single(Port(managed_->ports[0])), PortRange::single(Port(managed_->ports[1]))});
    } else {
      return draft_.in_part("which ports this service has is not known: the list is not applied");
    }
    draft_.bind(std::move(b));
    understood();
  }

  // --- The end ---

  Result<Device> finish() {
    draft_.order_lists({}, Missing::unknown, Missing::unknown);
    for (List& list : draft_.device().lists) perhaps_neighbour_discovery(list);
    if (!draft_.device().interfaces.empty()) {
      default_control_plane(Family::ipv4, control_plane_, kControlPlane);
      default_control_plane(Family::ipv6, control_plane6_, kControlPlane6);
    }
    draft_.bind_all(Missing::unknown);
    policies_.finish();
    return draft_.finish();
  }

  static void perhaps_neighbour_discovery(List& list) {
    if (list.family != Family::ipv6) return;
    Entry e;
    e.text = "permit icmpv6 any any neighbor-advertisement, neighbor-solicitation";
    e.action = Action::permit;
    Match m;
    m.box.family = Family::ipv6;
    m.box.protocols = {Protocol::icmpv6};
    m.box.icmp = {icmp_whole(135), icmp_whole(136)};
    e.maybe.push_back(std::move(m));
    e.undecided = "whether an IPv6 list lets neighbour discovery by at its end is not documented";
    list.entries.push_back(std::move(e));
  }

  /// The list that is applied where no other one is; as shown in the text, or what is known of it.
  void default_control_plane(Family family, bool replaced, std::span<const std::string_view> known) {
    constexpr std::string_view kName = "default-control-plane-acl";
    if (replaced) return;
    if (!draft_.find_list(kName, family)) {
      draft_.line = 0;
      List& list = draft_.list(draft_.open_list(kName, family));
      const router::Groups none{[](std::string_view) { return nullptr; }, [](std::string_view) { return nullptr; },
                                [](std::string_view) { return nullptr; }, nullptr};
      for (const std::string_view text : known) {
        Entry e;
        e.text = text;
        Cursor in(source_.name(), text, 0);
        if (router::read_ace(in, router::eos_ace(), {family, false}, none, e)) list.entries.push_back(std::move(e));
      }
      Entry rest;
      router::make_unknown(rest, family, "what else default-control-plane-acl permits differs by release");
      rest.text = "the rest of default-control-plane-acl";
      list.entries.push_back(std::move(rest));
    }
    draft_.bind(
        router::ServiceBinding{.list = std::string(kName), .name = "control-plane default", .family = family});
  }

  const Source& source_;
  router::RouterDraft draft_;
  EosPolicies policies_;

  Block block_ = Block::none;
  bool block_unread_ = false, shown_ = false, switched_ = false, control_plane_ = false, control_plane6_ = false;
  std::string block_why_;
  std::uint32_t banner_end_ = 0;
  router::ListForm form_ = {};
  ListIndex list_ = 0;
  std::size_t interface_ = 0;
  const Managed* managed_ = nullptr;
};

}  // namespace

unsigned looks_like_arista_eos(std::string_view text) { return router::likeness(text, Dialect::arista_eos); }

Result<Device> read_arista_eos(const Source& source) { return EosReader(source).read(); }

}  // namespace demarc
