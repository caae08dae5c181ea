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
#include "rules/acl/readers/router_not_filtering.h"
#include "rules/acl/readers/router_walk.h"

namespace demarc {

namespace {

using router::Missing;

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
    walk_.run(
        {.at_margin = [this](Cursor& in) { top_line(in); }, .in_list = [this](Cursor& in) { list_line(in); }});
    return finish();
  }

 private:
  void understood() { draft_.mark(Understanding::understood); }
  void not_filtering() { draft_.mark(Understanding::not_filtering); }

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "hostname") {
      draft_.device().name = std::string(in.word());
      return not_filtering();
    }
    if (first == "banner") return banner();
    if (first == "interface") {
      walk_.below([this](Cursor& below) { interface_line(below); });
      const std::string name = router::interface_name(in);
      interface_ = draft_.open_interface(name);
      switched_ = name.starts_with("Ethernet") || name.starts_with("Port-Channel");
      if (switched_) draft_.carries(interface_, "1");
      return understood();
    }
    if (first == "control-plane" || (first == "system" && in.peek() == "control-plane")) {
      walk_.below([this](Cursor& below) { service_line(below, true); });
      return understood();
    }
    if (first == "management") return management_line(in);
    if (first == "traffic-policies") {
      walk_.below([this](Cursor& below) { policies_.line(below); });
      return understood();
    }
    if (first == "ip" || first == "ipv6") return ip_line(in, first == "ipv6");
    if (is_shown_list(first, in)) return shown_list(in);
    if ((first == "snmp-server" && in.rest().find("access-list") != std::string_view::npos) ||
        (first == "ntp" && in.rest().find("access-group") != std::string_view::npos))
      return draft_.in_part("who may use this service of the switch is not modelled");
    if (first == "router") draft_.routes_by_protocol();
    walk_.nothing_known(first, router::eos_not_filtering());
  }

  /// "banner login", and text up to a line that says EOF.
  void banner() {
    not_filtering();
    if (const auto end = walk_.find_end([](std::string_view line) { return line == "EOF"; }))
      walk_.pass_over_to(*end);
  }

  void ip_line(Cursor& in, bool v6) {
    const std::string_view what = in.word();
    const Family family = v6 ? Family::ipv6 : Family::ipv4;
    if (what == "access-list") {
      const bool standard = in.peek() == "standard";
      if (standard) in.word();
      const std::string_view name = in.word();
      if (name.empty()) return draft_.unread("an access list has a name");
      walk_.begin_list(name, {family, standard});
      return understood();
    }
    if (what == "route") {
      not_filtering();
      const std::string_view word = in.word();
      if (word == "vrf") return;  // another table
      if (const Result<Prefix> prefix = router::read_prefix(word, family, in)) draft_.read_route(in, *prefix);
      return;
    }
    not_filtering();
  }

  // --- Lists ---

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
    walk_.begin_list(name, {six ? Family::ipv6 : Family::ipv4, text.starts_with("Standard")}, true);
    understood();
  }

  void list_line(Cursor& in) {
    const std::optional<std::uint64_t> sequence = walk_.sequence(in);
    if (walk_.is_remark(in)) return;
    const std::string_view first = in.peek();
    if (first == "counters" || first == "statistics" || first == "exit" || first == "no" || first == "Total" ||
        first == "Configured" || first == "Active" || first == "fragment-rules")
      return not_filtering();
    walk_.read_entry(in, sequence);
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
    if (first == "switchport") return draft_.read_switchport(in, interface_);
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
    if (what == "access-group")
      return draft_.read_binding(in, {.family = family, .interface = interface_, .at_port = switched_}, false, "in",
                                 "out");
    if (what == "verify" && in.peek() == "unicast") {
      in.word();
      return draft_.read_reverse_path(in, interface_, family);
    }
    if (what == "nat")
      return draft_.in_part("address translation is not read: which addresses lists see is not known");
    not_filtering();
  }

  // --- The switch itself ---

  void management_line(Cursor& in) {
    walk_.below([this](Cursor& below) { service_line(below, false); });
    managed_ = nullptr;
    const std::string_view rest = in.rest();
    for (const Managed& m : kManaged)
      if (rest.starts_with(m.name)) managed_ = &m;
    managed_ != nullptr ? understood() : not_filtering();
  }

  /// "ip access-group NAME [vrf V] [in]"
  void service_line(Cursor& in, bool control_plane) {
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
    if (control_plane) {
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

  router::ConfigWalk walk_{draft_};
  bool switched_ = false, control_plane_ = false, control_plane6_ = false;
  std::size_t interface_ = 0;
  const Managed* managed_ = nullptr;
};

}  // namespace

unsigned looks_like_arista_eos(std::string_view text) { return router::likeness(text, Dialect::arista_eos); }

Result<Device> read_arista_eos(const Source& source) { return EosReader(source).read(); }

}  // namespace demarc
