// Sources: Cisco ASA Series Firewall CLI Configuration Guide, "Access Rules" (implicit permits, implicit deny,
// order of interface and global rules, management access rules) and General Operations Guide, "Management Access";
// Command Reference: same-security-traffic, management-only, icmp, ipv6 icmp, management-access.
#include "rules/acl/readers/cisco_asa_stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rules/acl/readers/line_ledger.h"

namespace demarc::asa {

namespace {

/// Interfaces beyond those that can be told apart share this number.
constexpr InterfaceId kBeyond = 255;
static_assert(kInterfacesMax == kBeyond);

/// The order of stages. What no list can permit comes first, so that a permit is answered with the list's own line.
constexpr std::int32_t kWhateverListsSay = 0, kInward = 1, kOutward = 2, kControlPlane = 1, kServices = 2;

class Builder {
 public:
  Builder(const Source& source, const Facts& facts, const ListBook& book, Device& device)
      : source_(source), facts_(facts), book_(book), device_(device) {
    for (ListIndex i = 0; i < device_.lists.size(); ++i)
      lists_.try_emplace({device_.lists[i].family == Family::ipv6, device_.lists[i].name}, i);
    for (std::size_t i = 0; i < device_.interfaces.size(); ++i) {
      if (i >= kInterfacesMax) continue;
      const InterfaceFacts& f = facts_.interfaces[i];
      if (f.is_bvi && f.bridge_group) bvis_.try_emplace(*f.bridge_group, i);
    }
  }

  void build() {
    const std::size_t count = std::min(device_.interfaces.size(), kInterfacesMax);
    gather_bindings();
    for (std::size_t i = 0; i < count; ++i)
      if (named(i)) inward(i);
    between(count);
    for (std::size_t i = 0; i < count; ++i)
      if (named(i)) outward(i);
    for (std::size_t i = 0; i < count; ++i)
      if (named(i)) to_device(i, count);
    if (device_.interfaces.size() > kInterfacesMax) beyond();
    if (facts_.unread_binding != 0) {
      const ListIndex list = nothing_known(fmt::format("line {} could not be read", facts_.unread_binding));
      add_stage(device_.lists[list].name, {Way::through, Way::to_device}, {list}, {}, {}, kWhateverListsSay,
                facts_.unread_binding);
    }
    std::stable_sort(device_.stages.begin(), device_.stages.end(),
                     [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
  }

 private:
  static ByteSet one(std::size_t i) { return ByteSet{static_cast<InterfaceId>(i)}; }
  const Interface& interface(std::size_t i) const { return device_.interfaces[i]; }
  bool named(std::size_t i) const { return !interface(i).nameif.empty(); }

  // --- Lists that nobody wrote ---

  ListIndex add_list(std::string name, Fallthrough at_end) {
    List list;
    list.name = std::move(name);
    list.at_end = at_end;
    device_.lists.push_back(std::move(list));
    return static_cast<ListIndex>(device_.lists.size() - 1);
  }
  static Entry implied(Action action, std::string text, Match match) {
    Entry e;
    e.action = action;
    e.text = std::move(text);
    e.match.push_back(std::move(match));
    return e;
  }
  static Entry undecided(Action action, std::string text, Match match, std::string why) {
    Entry e = implied(action, std::move(text), {});
    e.maybe = std::exchange(e.match, {});
    e.maybe[0] = std::move(match);
    e.undecided = std::move(why);
    return e;
  }
  /// For lists of which nobody knows what they say.
  ListIndex nothing_known(const std::string& why) {
    const ListIndex list = add_list(fmt::format("unknown: {}", why), Fallthrough::deny);
    device_.lists[list].entries.push_back(undecided(Action::unknown, "what is not known", {}, why));
    return list;
  }

  void add_stage(std::string name, Ways ways, std::vector<ListIndex> lists, std::vector<InterfaceId> ingress,
                 std::vector<InterfaceId> egress, std::int32_t priority, std::uint32_t line,
                 std::optional<Family> family = {}) {
    Stage s;
    s.name = std::move(name);
    s.ways = ways;
    s.family = family;
    s.lists = std::move(lists);
    s.ingress = std::move(ingress);
    s.egress = std::move(egress);
    s.priority = priority;
    s.line = line;
    if (!facts_.real_addresses) (s.egress.empty() ? s.real_destination : s.real_source) = false;
    device_.stages.push_back(std::move(s));
  }

  // --- Bindings ---

  struct Bound {
    ListIndex list = kNoList;
    std::uint32_t line = 0;
  };
  enum class Role : std::uint8_t { in, out, control_plane };

  void gather_bindings() {
    for (const Binding& b : facts_.bindings) {
      if (book_.is_other_kind(b.list)) continue;
      Bound bound[2] = {{find(b.list, false), b.line}, {find(b.list, true), b.line}};
      if (bound[0].list == kNoList && bound[1].list == kNoList) bound[0].list = missing(b);
      if (facts_.unified && bound[0].list == kNoList) bound[0] = bound[1];
      for (const bool six : {false, true}) {
        if (bound[six].list == kNoList) continue;
        if (b.global)
          globals_[six] = bound[six];
        else
          bound_[{b.interface,
                  b.control_plane ? Role::control_plane
                  : b.in          ? Role::in
                                  : Role::out,
                  six}] = bound[six];
      }
    }
  }
  ListIndex find(const std::string& name, bool six) const {
    const auto found = lists_.find({six, name});
    return found == lists_.end() ? kNoList : found->second;
  }
  /// The appliance takes no binding of a list that is not there, so the text is not whole.
  ListIndex missing(const Binding& b) {
    device_.diagnostics.warning(
        source_.at_line(b.line, 1, static_cast<std::uint32_t>(source_.line(b.line).size())),
        fmt::format("access list {} is applied and not in this file: what it permits is not known", b.list),
        "give the whole configuration");
    List list;
    list.name = b.list;
    list.line = b.line;
    list.defined = false;
    list.at_end = Fallthrough::give_back;
    device_.lists.push_back(std::move(list));
    const auto index = static_cast<ListIndex>(device_.lists.size() - 1);
    lists_[{false, b.list}] = index;
    return index;
  }
  const Bound* bound(std::size_t i, Role role, bool six) const {
    const auto found = bound_.find({i, role, six});
    return found == bound_.end() ? nullptr : &found->second;
  }
  /// A list that is written nowhere leaves everything open.
  void close(std::vector<ListIndex>& lists) {
    if (std::all_of(lists.begin(), lists.end(), [this](ListIndex l) { return device_.lists[l].defined; })) return;
    // What is missing may decide before the lists behind it, so these say nothing for certain.
    const auto gap =
        std::find_if(lists.begin(), lists.end(), [this](ListIndex l) { return !device_.lists[l].defined; });
    const std::string why = fmt::format("access list {} is not in this file", device_.lists[*gap].name);
    lists.erase(gap + 1, lists.end());
    lists.push_back(nothing_known(why));
  }
  /// Since 9.0 one list is about both families; before, each family has its own.
  std::vector<std::pair<std::optional<Family>, bool>> families() const {
    if (facts_.unified) return {{std::nullopt, false}};
    return {{Family::ipv4, false}, {Family::ipv6, true}};
  }

  // --- Through ---

  std::optional<std::size_t> bvi_of(std::size_t i) const {
    const std::optional<unsigned> group = facts_.interfaces[i].bridge_group;
    if (!group || facts_.interfaces[i].is_bvi) return std::nullopt;
    const auto found = bvis_.find(*group);
    return found == bvis_.end() || !named(found->second) ? std::nullopt : std::optional(found->second);
  }
  /// Towards interfaces outside its bridge group, a member has the level of its BVI.
  std::optional<int> level(std::size_t i, std::size_t towards) const {
    const std::optional<std::size_t> bvi = bvi_of(i);
    const bool same_group = facts_.interfaces[i].bridge_group == facts_.interfaces[towards].bridge_group;
    return interface(bvi && !same_group ? *bvi : i).security_level;
  }

  void inward(std::size_t i) {
    const std::string& name = interface(i).nameif;
    for (const auto& [family, six] : families()) {
      std::vector<ListIndex> lists;
      std::uint32_t line = 0;
      std::string shown;
      const auto take = [&](const Bound* b) {
        if (b == nullptr) return;
        lists.push_back(b->list);
        if (line == 0) line = b->line;
        shown += fmt::format("{}{}", shown.empty() ? "" : ", ", device_.lists[b->list].name);
      };
      take(bound(i, Role::in, six));
      if (const std::optional<std::size_t> bvi = bvi_of(i)) take(bound(*bvi, Role::in, six));
      if (const auto g = globals_.find(six); g != globals_.end()) take(&g->second);
      if (lists.empty()) {
        implicit(i, family);
        continue;
      }
      close(lists);
      add_stage(fmt::format("{} in on {}", shown, name), {Way::through}, lists, {static_cast<InterfaceId>(i)}, {},
                kInward, line, family);
    }
  }

  /// No list stands inward: the security levels decide.
  void implicit(std::size_t i, std::optional<Family> family) {
    const std::string& name = interface(i).nameif;
    ByteSet lower, same, unknown;
    for (std::size_t j = 0; j < device_.interfaces.size() && j < kInterfacesMax; ++j) {
      if (!named(j)) continue;
      const std::optional<int> from = level(i, j), to = level(j, i);
      const auto id = static_cast<InterfaceId>(j);
      if (i == j ? facts_.intra_interface : from && to && *from == *to && facts_.inter_interface) same.insert(id);
      if (i == j) continue;
      if (!from || !to)
        unknown.insert(id);
      else if (*to < *from)
        lower.insert(id);
    }
    const ListIndex list = add_list(fmt::format("security level of {}{}", name,
                                                !family                   ? ""
                                                : *family == Family::ipv4 ? " (IPv4)"
                                                                          : " (IPv6)"),
                                    Fallthrough::deny);
    std::vector<Entry>& entries = device_.lists[list].entries;
    const auto towards = [](const ByteSet& egress) {
      Match m;
      m.box.egress = egress;
      return m;
    };
    if (!lower.empty())
      entries.push_back(
          implied(Action::permit, "permit ip any any to interfaces of lower security level", towards(lower)));
    if (!same.empty())
      entries.push_back(implied(Action::permit, "permit ip any any by same-security-traffic", towards(same)));
    if (!unknown.empty())
      entries.push_back(undecided(Action::permit, "permit ip any any to interfaces of lower security level",
                                  towards(unknown), "a security level is not written"));
    add_stage(device_.lists[list].name, {Way::through}, {list}, {static_cast<InterfaceId>(i)}, {}, kInward,
              interface(i).line, family);
  }

  /// What no list can permit.
  void between(std::size_t count) {
    const ListIndex list = add_list("between interfaces", Fallthrough::permit);
    std::vector<Entry> entries;
    const auto deny = [&entries](std::string why, const ByteSet& ingress, const ByteSet& egress) {
      if (ingress.empty() || egress.empty()) return;
      Match m;
      m.box.ingress = ingress;
      m.box.egress = egress;
      entries.push_back(implied(Action::deny, std::move(why), std::move(m)));
    };
    ByteSet nameless, management;
    for (std::size_t i = 0; i < count; ++i) {
      if (!named(i)) nameless.insert(static_cast<InterfaceId>(i));
      if (facts_.interfaces[i].management_only) management.insert(static_cast<InterfaceId>(i));
    }
    constexpr std::string_view kNameless = "deny ip any any: an interface without nameif passes nothing";
    constexpr std::string_view kManagement = "deny ip any any: the interface is management-only";
    deny(std::string(kNameless), nameless, ByteSet::all());
    deny(std::string(kNameless), ByteSet::all(), nameless);
    deny(std::string(kManagement), management, ByteSet::all());
    deny(std::string(kManagement), ByteSet::all(), management);
    for (std::size_t i = 0; i < count; ++i) {
      if (!named(i)) continue;
      if (!facts_.intra_interface)
        deny("deny ip any any back out of the same interface: no same-security-traffic permit intra-interface",
             one(i), one(i));
      ByteSet same, forbidden;
      for (std::size_t j = 0; j < count; ++j) {
        if (i == j || !named(j)) continue;
        const std::optional<int> from = level(i, j), to = level(j, i);
        if (from && to && *from == *to) same.insert(static_cast<InterfaceId>(j));
        const std::vector<std::string>& no = facts_.interfaces[i].no_forward;
        if (!no.empty() && std::find(no.begin(), no.end(), interface(j).name) != no.end())
          forbidden.insert(static_cast<InterfaceId>(j));
      }
      if (!facts_.inter_interface)
        deny("deny ip any any between equal security levels: no same-security-traffic permit inter-interface",
             one(i), same);
      deny("deny ip any any: no forward interface", one(i), forbidden);
    }
    if (entries.empty()) return device_.lists.pop_back();
    device_.lists[list].entries = std::move(entries);
    add_stage("between interfaces", {Way::through}, {list}, {}, {}, kWhateverListsSay, 0);
    if (nameless.empty()) return;
    const ListIndex closed = add_list("to the appliance without nameif", Fallthrough::permit);
    Match m;
    m.box.ingress = nameless;
    device_.lists[closed].entries.push_back(implied(Action::deny, std::string(kNameless), std::move(m)));
    add_stage(device_.lists[closed].name, {Way::to_device}, {closed}, {}, {}, kWhateverListsSay, 0);
  }

  void outward(std::size_t i) {
    for (const auto& [family, six] : families()) {
      std::vector<ListIndex> lists;
      std::uint32_t line = 0;
      const auto take = [&](const Bound* b) {
        if (b == nullptr) return;
        lists.push_back(b->list);
        line = b->line;
      };
      if (const std::optional<std::size_t> bvi = bvi_of(i)) take(bound(*bvi, Role::out, six));
      take(bound(i, Role::out, six));
      if (lists.empty()) continue;
      const std::string name = fmt::format("{} out on {}", device_.lists[lists.back()].name, interface(i).nameif);
      close(lists);
      add_stage(name, {Way::through}, lists, {}, {static_cast<InterfaceId>(i)}, kOutward, line, family);
    }
  }

  // --- To the appliance ---

  AddressSet own(std::size_t i) const {
    AddressSet set;
    const auto add = [&set](const Interface& f) {
      for (const Address& a : f.addresses) set = set.unite(AddressSet::single(a));
    };
    add(interface(i));
    if (const std::optional<std::size_t> bvi = bvi_of(i)) add(interface(*bvi));
    return set;
  }

  static Match ports(Protocol protocol, std::initializer_list<std::uint16_t> numbers) {
    Match m;
    m.box.protocols = {protocol};
    std::vector<PortRange> ranges;
    for (const std::uint16_t n : numbers) ranges.push_back(PortRange::single(Port(n)));
    m.box.ports = PortSet::of(std::move(ranges));
    return m;
  }
  Entry written(Action action, std::uint32_t line, Match match) const {
    Entry e = implied(action, LineLedger::bounded(source_.line(line)), std::move(match));
    e.line = e.line_last = line;
    return e;
  }

  void far_addresses(std::size_t i, std::size_t count) {
    AddressSet others, reachable;
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i || !named(j)) continue;
      AddressSet& set = facts_.management_access == j ? reachable : others;
      for (const Address& a : interface(j).addresses) set = set.unite(AddressSet::single(a));
    }
    const AddressSet mine = own(i);
    others = others.minus(mine), reachable = reachable.minus(mine);
    if (others.empty() && reachable.empty()) return;
    const ListIndex list =
        add_list(fmt::format("other interfaces' addresses from {}", interface(i).nameif), Fallthrough::permit);
    Match m;
    m.box.destinations = others;
    Entry e = implied(Action::deny, "deny ip any to the address of another interface", std::move(m));
    if (others.empty()) e.match.clear();
    if (!reachable.empty()) {
      e.maybe.resize(1);
      e.maybe[0].box.destinations = reachable;
      e.undecided = "through a tunnel, management-access admits it";
    }
    device_.lists[list].entries.push_back(std::move(e));
    add_stage(device_.lists[list].name, {Way::to_device}, {list}, {static_cast<InterfaceId>(i)}, {},
              kWhateverListsSay, interface(i).line);
  }

  /// ssh, telnet, http.
  ListIndex management(std::size_t i) {
    const std::string& name = interface(i).nameif;
    std::vector<Entry> entries;
    std::optional<int> lowest;
    for (const Interface& f : device_.interfaces)
      if (f.security_level && (!lowest || *f.security_level < *lowest)) lowest = f.security_level;
    for (const std::size_t index : management_of(i)) {
      const ManagementLine& m = facts_.management[index];
      using Service = ManagementLine::Service;
      const std::uint16_t port = m.service == Service::ssh      ? 22
                                 : m.service == Service::telnet ? 23
                                                                : facts_.http_port;
      Match match = ports(Protocol::tcp, {port});
      match.box.sources = m.sources;
      if (const AddressSet mine = own(i); !mine.empty()) match.box.destinations = mine;
      Entry e = written(Action::permit, m.line, std::move(match));
      if (m.service == Service::http && !facts_.http_server) e.inactive = true;
      if (m.service == Service::telnet && (!lowest || interface(i).security_level == lowest)) {
        e.maybe = std::exchange(e.match, {});
        e.undecided = "at the interface of the lowest security level telnet is taken through a tunnel only";
      }
      entries.push_back(std::move(e));
    }
    if (facts_.unread_management != 0) {
      Entry e = written(Action::permit, facts_.unread_management, {});
      e.maybe = std::exchange(e.match, {});
      e.maybe[0].box.protocols = {Protocol::tcp};
      e.undecided = "the line could not be read";
      entries.push_back(std::move(e));
    }
    if (entries.empty()) return kNoList;
    const ListIndex list = add_list(fmt::format("management on {}", name), Fallthrough::give_back);
    device_.lists[list].entries = std::move(entries);
    return list;
  }

  /// What no line admits by itself: ICMP rules, tunnels, and what is left.
  ListIndex services(std::size_t i) {
    const std::string& name = interface(i).nameif;
    const ListIndex list = add_list(fmt::format("services on {}", name), Fallthrough::deny);
    std::vector<Entry> entries;
    if (facts_.unread_icmp != 0) {
      Entry e = written(Action::unknown, facts_.unread_icmp, {});
      e.maybe = std::exchange(e.match, {});
      e.maybe[0].box.protocols = ProtocolSet::icmp();
      e.undecided = "the line could not be read";
      entries.push_back(std::move(e));
    }
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const Protocol protocol = family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6;
      Match all;
      all.box.family = family;
      all.box.protocols = {protocol};
      bool any = false;
      for (const std::size_t index : icmp_of(i)) {
        const IcmpLine& rule = facts_.icmp[index];
        if (rule.family != family) continue;
        Match m = all;
        m.box.sources = rule.sources;
        m.box.icmp = rule.messages;
        entries.push_back(written(rule.permit ? Action::permit : Action::deny, rule.line, std::move(m)));
        any = true;
      }
      const std::string_view word = family == Family::ipv4 ? "icmp" : "icmp6";
      if (!any) {
        entries.push_back(
            implied(Action::permit, fmt::format("permit {} any any: no rule for {} is written", word, word), all));
        continue;
      }
      if (family == Family::ipv6) {
        Match discovery = all;
        discovery.box.icmp = IcmpSet::of_numbers(PortSet{{Port(133 << 8), Port((137 << 8) | 255)}});
        entries.push_back(undecided(Action::unknown, "neighbour discovery", std::move(discovery),
                                    "whether ICMPv6 rules are about neighbour discovery is not known"));
      }
      entries.push_back(implied(Action::deny, fmt::format("deny {} any any", word), all));
    }
    const auto ends_here = [i](const std::vector<std::size_t>& at) {
      return std::find(at.begin(), at.end(), i) != at.end();
    };
    if (ends_here(facts_.ike)) {
      entries.push_back(implied(Action::permit, "permit udp any any eq 500, 4500: IKE is enabled",
                                ports(Protocol::udp, {500, 4500})));
      Match esp;
      esp.box.protocols = {Protocol::esp};
      entries.push_back(implied(Action::permit, "permit esp any any: IKE is enabled", std::move(esp)));
    }
    if (ends_here(facts_.webvpn)) {
      Match m = ports(Protocol::tcp, {facts_.webvpn_port});
      m.box.protocols = {Protocol::tcp, Protocol::udp};
      entries.push_back(implied(Action::permit, "permit tcp, udp: webvpn is enabled", std::move(m)));
    }
    Match closed = ports(Protocol::tcp, {22, 23});
    if (facts_.http_server) closed = ports(Protocol::tcp, {22, 23, facts_.http_port});
    entries.push_back(implied(Action::deny, "deny tcp: no ssh, telnet or http line admits it", std::move(closed)));
    entries.push_back(undecided(Action::unknown, "everything else", {},
                                "whether the appliance itself takes it depends on its services, not on a filter"));
    device_.lists[list].entries = std::move(entries);
    return list;
  }

  void to_device(std::size_t i, std::size_t count) {
    const std::string& name = interface(i).nameif;
    far_addresses(i, count);
    const ListIndex management = this->management(i);
    const auto with = [management](std::vector<ListIndex> rest) {
      if (management != kNoList) rest.insert(rest.begin(), management);
      return rest;
    };
    for (const auto& [family, six] : families()) {
      const Bound* plane = bound(i, Role::control_plane, six);
      if (plane == nullptr) continue;
      std::vector<ListIndex> lists{plane->list};
      close(lists);
      if (lists.size() == 1)
        lists.push_back(add_list(fmt::format("end of the control plane on {}", name), Fallthrough::permit));
      add_stage(fmt::format("{} control-plane on {}", device_.lists[plane->list].name, name), {Way::to_device},
                with(std::move(lists)), {static_cast<InterfaceId>(i)}, {}, kControlPlane, plane->line, family);
    }
    add_stage(fmt::format("to the appliance on {}", name), {Way::to_device}, with({services(i)}),
              {static_cast<InterfaceId>(i)}, {}, kServices, interface(i).line);
  }

  const std::vector<std::size_t>& management_of(std::size_t i) {
    if (management_by_interface_.empty()) {
      management_by_interface_.resize(device_.interfaces.size());
      for (std::size_t n = 0; n < facts_.management.size(); ++n)
        management_by_interface_[facts_.management[n].interface].push_back(n);
    }
    return management_by_interface_[i];
  }
  const std::vector<std::size_t>& icmp_of(std::size_t i) {
    if (icmp_by_interface_.empty()) {
      icmp_by_interface_.resize(device_.interfaces.size());
      for (std::size_t n = 0; n < facts_.icmp.size(); ++n)
        icmp_by_interface_[facts_.icmp[n].interface].push_back(n);
    }
    return icmp_by_interface_[i];
  }

  void beyond() {
    const std::string why = fmt::format("more than {} interfaces cannot be told apart", kInterfacesMax);
    device_.diagnostics.warning({.file = source_.name()}, why, "what passes the others is undetermined");
    const ListIndex list = nothing_known(why);
    add_stage(why, {Way::through, Way::to_device}, {list}, {kBeyond}, {}, kWhateverListsSay, 0);
    add_stage(why, {Way::through}, {list}, {}, {kBeyond}, kWhateverListsSay, 0);
  }

  const Source& source_;
  const Facts& facts_;
  const ListBook& book_;
  Device& device_;
  std::map<std::pair<bool, std::string>, ListIndex> lists_;
  std::map<unsigned, std::size_t> bvis_;
  std::map<std::tuple<std::size_t, Role, bool>, Bound> bound_;
  std::map<bool, Bound> globals_;
  std::vector<std::vector<std::size_t>> management_by_interface_, icmp_by_interface_;
};

}  // namespace

void add_stages(const Source& source, const Facts& facts, const ListBook& book, Device& device) {
  Builder(source, facts, book, device).build();
}

}  // namespace demarc::asa
