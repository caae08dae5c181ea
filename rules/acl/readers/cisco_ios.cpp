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
#include <charconv>
#include <map>

#include "rules/acl/readers/cisco_ios_ace.h"
#include "rules/acl/readers/line_ledger.h"
#include "rules/acl/readers/reader.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace {

using ios::Kind;

std::optional<unsigned> number(std::string_view word) {
  unsigned n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return n;
}

/// Numbered lists say by their number what they are (Command Reference, access-list).
std::optional<Kind> kind_of_number(unsigned n) {
  if (n <= 99 || (n >= 1300 && n <= 1999)) return Kind::standard;
  if ((n >= 100 && n <= 199) || (n >= 2000 && n <= 2699)) return Kind::extended;
  return std::nullopt;
}

/// First words of lines that are certainly not about filtering packets; what is not here and not read is said to be
/// not understood, which costs a line in a report and never a wrong answer.
constexpr std::string_view kNotFiltering[] = {
    "version",
    "service",
    "boot-start-marker",
    "boot-end-marker",
    "boot",
    "enable",
    "username",
    "clock",
    "logging",
    "ntp",
    "banner",
    "end",
    "hostname",
    "vlan",
    "spanning-tree",
    "router",
    "snmp-server",
    "license",
    "redundancy",
    "crypto",
    "archive",
    "alias",
    "control-plane",
    "vrf",
    "voice",
    "ipv6-unicast",
    "multilink",
    "no",
    "building",
    "current",
    "mmi",
    "diagnostic",
    "memory",
    "platform",
    "subscriber",
    "call-home",
    "exit",
    "!",
    "upgrade",
    "track",
    "tacacs",
    "tacacs-server",
    "radius-server",
    "radius",
    "key",
    "privilege",
    "scheduler",
    "aaa",
    "domain",
    "cdp",
    "lldp",
    "vtp",
    "file",
    "exception",
    "netconf-yang",
    "restconf",
    "transceiver",
    "login",
    "sdm",
    "switch",
    "stack-mac",
    "monitor",
    "flow",
    "cns",
    "parser",
    "process",
    "errdisable",
    "port-channel",
    "description",
    "event",
    "security",
    "mac-address-table",
};

class IosReader {
 public:
  explicit IosReader(const Source& source) : source_(source), ledger_(source, device_) {
    device_.file = source.name();
    device_.name = source.name();
    device_.dialect = Dialect::cisco_ios;
  }

  Result<Device> read() {
    read_groups();
    for (line_ = 1; line_ <= source_.line_count(); ++line_) read_line(source_.line(line_));
    finish();
    return std::move(device_);
  }

 private:
  enum class Block : std::uint8_t { none, list, interface, line, group, other };

  void mark(Understanding u, std::string why = {}) { ledger_.mark(line_, u, std::move(why)); }
  Cursor cursor(std::string_view text) const { return Cursor(source_.name(), text, line_); }

  // --- Groups ---

  void read_groups() {
    std::string current;
    bool network = false;
    std::vector<std::pair<std::string, std::string>> nested;  // group, member group
    for (line_ = 1; line_ <= source_.line_count(); ++line_) {
      const std::string_view text = source_.line(line_);
      Cursor in = cursor(text);
      const std::string_view first = in.word();
      if (text.empty() || first == "!") continue;
      if (text[0] != ' ' && text[0] != '\t') {
        current.clear();
        if (first != "object-group") continue;
        const std::string_view kind = in.word();
        if (kind != "network" && kind != "service") continue;
        network = kind == "network";
        current = std::string(in.word());
        if (network)
          networks_[current];
        else
          services_[current];
        NamedObject object;
        object.name = current;
        object.kind = fmt::format("object-group {}", kind);
        object.line = line_;
        device_.objects.push_back(std::move(object));
        continue;
      }
      if (current.empty() || first == "description") continue;
      if (first == "group-object") {
        nested.emplace_back(current, std::string(in.word()));
        continue;
      }
      Cursor again = cursor(text);
      if (network) {
        ios::NetworkGroup& group = networks_[current];
        if (const Result<AddressSet> set = ios::read_network_object(again))
          group.addresses = group.addresses.unite(*set);
        else
          group.complete = false, group_errors_[line_] = set.error();
      } else {
        ios::ServiceGroup& group = services_[current];
        if (const Result<ios::ServiceObject> object = ios::read_service_object(again))
          group.members.push_back(*object);
        else
          group.complete = false, group_errors_[line_] = object.error();
      }
    }
    resolve(nested);
  }

  /// Groups in groups. As many rounds as there are groups reach every depth; a circle adds nothing after that.
  void resolve(const std::vector<std::pair<std::string, std::string>>& nested) {
    for (std::size_t round = 0; round <= nested.size() && round < 32; ++round) {
      bool changed = false;
      for (const auto& [group, member] : nested) {
        if (const auto into = networks_.find(group); into != networks_.end()) {
          const auto from = networks_.find(member);
          const bool complete = into->second.complete && from != networks_.end() && from->second.complete;
          AddressSet all = from == networks_.end() ? into->second.addresses
                                                   : into->second.addresses.unite(from->second.addresses);
          changed = changed || complete != into->second.complete || all != into->second.addresses;
          into->second.complete = complete;
          into->second.addresses = std::move(all);
        } else if (round == 0 && services_.contains(group)) {
          const auto from = services_.find(member);
          ios::ServiceGroup& target = services_[group];
          if (from == services_.end()) {
            target.complete = false;
          } else if (member != group) {
            const std::vector<ios::ServiceObject> more = from->second.members;
            target.members.insert(target.members.end(), more.begin(), more.end());
            target.complete = target.complete && from->second.complete;
          }
        }
        if (round == 0) use(member);
      }
      if (!changed) break;
    }
  }

  void use(std::string_view name) {
    for (NamedObject& object : device_.objects)
      if (object.name == name) ++object.uses;
  }

  // --- Lines ---

  void read_line(std::string_view text) {
    Cursor in = cursor(text);
    const std::string_view first = in.peek();
    if (first.empty()) return;
    if (first.starts_with('!')) return mark(Understanding::not_filtering);
    const bool indented = text[0] == ' ' || text[0] == '\t';
    // Configurations that were pasted lose their indentation; inside a list its own words are unmistakable.
    const bool in_list = block_ == Block::list &&
                         (indented || first == "permit" || first == "deny" || first == "remark" || number(first));
    if (in_list) return list_line(in);
    if (indented) {
      switch (block_) {
        case Block::interface: return interface_line(in);
        case Block::line: return vty_line(in);
        case Block::group: return group_line();
        default:
          return mark(block_unread_ ? Understanding::not_understood : Understanding::not_filtering, block_why_);
      }
    }
    block_ = Block::none;
    block_unread_ = false;
    block_why_.clear();
    top_line(in);
  }

  void top_line(Cursor& in) {
    const std::string_view first = in.word();
    if (first == "hostname") {
      device_.name = std::string(in.word());
      return mark(Understanding::not_filtering);
    }
    if (first == "access-list") return numbered_line(in);
    if (first == "interface") return begin_interface(in);
    if (first == "line") {
      block_ = Block::line;
      vty_ = in.word() == "vty";
      return mark(Understanding::understood);
    }
    if (first == "object-group") {
      block_ = Block::group;
      return mark(Understanding::understood);
    }
    if (first == "time-range") {
      block_ = Block::other;
      return mark(Understanding::understood);
    }
    if (first == "ip" || first == "ipv6") return ip_line(in, first == "ipv6");
    if ((first == "Standard" || first == "Extended" || first == "IPv6") &&
        in.rest().find("access list ") != std::string_view::npos)
      return shown_list(first, in);
    if (first == "zone" || first == "zone-pair" || first == "class-map" || first == "policy-map" ||
        first == "parameter-map") {
      block_ = Block::other;
      block_unread_ = true;
      block_why_ = "zone-based policies and class maps are not read: what they drop is not known";
      unread_inspection_ = unread_inspection_ || first == "zone-pair";
      return mark(Understanding::not_understood, block_why_);
    }
    block_ = Block::other;
    if (std::find(std::begin(kNotFiltering), std::end(kNotFiltering), first) != std::end(kNotFiltering))
      return mark(Understanding::not_filtering);
    block_unread_ = true;
    block_why_ = fmt::format("'{}' is not known", first);
    mark(Understanding::not_understood, block_why_);
  }

  void ip_line(Cursor& in, bool v6) {
    const std::string_view what = in.word();
    if (what == "access-list") {
      std::string_view kind = v6 ? std::string_view("ipv6") : in.word();
      if (kind == "resequence" || kind == "log-update" || kind == "logging" || kind == "persistent")
        return mark(Understanding::not_filtering);
      const std::string_view name = in.word();
      if (name.empty() || (kind != "standard" && kind != "extended" && kind != "ipv6"))
        return unread("an access list has a kind and a name");
      begin_list(std::string(name), kind == "standard" ? Kind::standard : v6 ? Kind::ipv6 : Kind::extended);
      return mark(Understanding::understood);
    }
    block_ = Block::other;
    if (what == "inspect") {
      return mark(Understanding::in_part,
                  "inspection opens ports for replies: what it lets back in is not modelled");
    }
    mark(Understanding::not_filtering);  // routes, names, NAT: nat is read for what it translates below
  }

  void unread(std::string why) {
    mark(Understanding::not_understood, why);
    device_.diagnostics.warning(source_.at_line(line_, 1, static_cast<std::uint32_t>(source_.line(line_).size())),
                                std::move(why));
  }

  // --- Lists ---

  List& begin_list(std::string name, Kind kind) {
    block_ = Block::list;
    kind_ = kind;
    shown_ = false;
    // An IPv6 list may have the name of another family's: they are told apart by what binds them.
    const Family family = kind == Kind::ipv6 ? Family::ipv6 : Family::ipv4;
    for (current_ = 0; current_ < device_.lists.size(); ++current_)
      if (device_.lists[current_].name == name && device_.lists[current_].family == family) {
        List& list = device_.lists[current_];
        if (!list.defined) list.defined = true, list.line = line_, list.at_end = Fallthrough::deny;
        return list;
      }
    List list;
    list.name = std::move(name);
    list.line = line_;
    list.family = family;
    device_.lists.push_back(std::move(list));
    return device_.lists.back();
  }

  void numbered_line(Cursor& in) {
    const std::string_view word = in.word();
    const std::optional<unsigned> n = number(word);
    if (!n) return unread(fmt::format("'{}' is no list number", word));
    const std::optional<Kind> kind = kind_of_number(*n);
    if (!kind) {
      block_ = Block::other;
      return mark(Understanding::not_filtering);  // Ethernet types, IPX, AppleTalk
    }
    begin_list(std::string(word), *kind);
    block_ = Block::none;
    list_line(in);
  }

  void list_line(Cursor& in) {
    List& list = device_.lists[current_];
    std::uint32_t sequence = 0;
    if (const std::optional<unsigned> n = number(in.peek())) {
      in.word();
      sequence = *n;
    } else if (in.peek() == "sequence") {
      in.word();
      sequence = number(in.word()).value_or(0);
    }
    if (in.peek() == "remark") {
      in.word();
      remark_ = LineLedger::bounded(in.rest());
      return mark(Understanding::understood);
    }
    if (in.peek() == "exit" || in.peek() == "exit-address-family") return mark(Understanding::not_filtering);
    Entry entry;
    entry.line = entry.line_last = line_;
    entry.text = LineLedger::bounded(source_.line(line_));
    entry.remark = std::exchange(remark_, {});
    if (in.peek() == "evaluate") {
      // A reflexive list: what the inside opened may come back. Which packets those are, the traffic decides.
      entry.action = Action::permit;
      entry.undecided = "a reflexive list admits replies to what was opened from the other side";
      Match replies;
      replies.box.family = list.family;
      replies.box.states = {ConnectionState::established, ConnectionState::related};
      entry.match.push_back(std::move(replies));
      entry.undecided.clear();
      mark(Understanding::understood);
    } else if (in.peek() == "dynamic") {
      in.word();
      entry.maybe.push_back({});
      entry.maybe.back().box.family = list.family;
      entry.action = Action::permit;
      entry.undecided = "a dynamic entry permits after somebody has logged in";
      mark(Understanding::in_part, entry.undecided);
    } else {
      const ios::Groups groups{
          [this](std::string_view name) { return find_in(networks_, name); },
          [this](std::string_view name) { return find_in(services_, name); },
      };
      const Result<void> read = ios::read_ace(in, kind_, groups, entry);
      if (!read) {
        entry.match.clear();
        entry.maybe.assign(1, Match{});
        entry.maybe[0].box.family = list.family;
        entry.action = Action::unknown;
        entry.undecided = read.error().what;
        device_.diagnostics.warning(read.error().where, read.error().what, read.error().hint);
        mark(Understanding::not_understood, read.error().what);
      } else {
        mark(entry.undecided.empty() ? Understanding::understood : Understanding::in_part, entry.undecided);
      }
    }
    entry.packets = matches_shown(source_.line(line_));
    place(list, std::move(entry), sequence);
  }

  template <typename Map>
  auto find_in(Map& map, std::string_view name) -> const typename Map::mapped_type* {
    const auto found = map.find(std::string(name));
    if (found == map.end()) return nullptr;
    use(name);
    return &found->second;
  }

  /// "(123 matches)" of show access-lists.
  static std::optional<std::uint64_t> matches_shown(std::string_view text) {
    const std::size_t open = text.rfind('(');
    if (open == std::string_view::npos) return std::nullopt;
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(text.data() + open + 1, text.data() + text.size(), n);
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (error != std::errc{} || !rest.starts_with(" match")) return std::nullopt;
    return n;
  }

  /// Entries stand in the order of their numbers; without one, at the end, ten behind the last.
  void place(List& list, Entry entry, std::uint32_t sequence) {
    std::vector<std::uint32_t>& order = sequences_[current_];
    if (sequence == 0) sequence = order.empty() ? 10 : std::max(order.back() + 10, order.back());
    const auto at = std::lower_bound(order.begin(), order.end(), sequence);
    const auto index = at - order.begin();
    if (at != order.end() && *at == sequence) {
      Entry& there = list.entries[static_cast<std::size_t>(index)];
      if (shown_)
        there.packets = entry.packets;  // the same entry with its counter
      else
        there = std::move(entry);  // written again: it takes the other's place
      return;
    }
    order.insert(at, sequence);
    list.entries.insert(list.entries.begin() + index, std::move(entry));
  }

  /// "Extended IP access list OUTSIDE-IN", "IPv6 access list V6": a list as `show access-lists` has it, with
  /// counters.
  void shown_list(std::string_view kind, Cursor& in) {
    std::string_view name;
    while (!in.at_end()) name = in.word();
    begin_list(std::string(name), kind == "Standard" ? Kind::standard
                                  : kind == "IPv6"   ? Kind::ipv6
                                                     : Kind::extended);
    shown_ = true;
    mark(Understanding::understood);
  }

  // --- Interfaces and terminal lines ---

  void begin_interface(Cursor& in) {
    block_ = Block::interface;
    Interface i;
    i.name = std::string(in.word());
    if (!in.at_end()) i.name += std::string(in.word());  // "Serial 0/0"
    i.line = line_;
    device_.interfaces.push_back(std::move(i));
    mark(Understanding::understood);
  }

  void interface_line(Cursor& in) {
    Interface& interface = device_.interfaces.back();
    const std::string_view first = in.word();
    if (first == "shutdown") {
      interface.shut = true;
      return mark(Understanding::understood);
    }
    if (first != "ip" && first != "ipv6") {
      if (first == "zone-member" || first == "service-policy") {
        unread_inspection_ = true;
        return mark(Understanding::not_understood, fmt::format("{}: what the policy drops is not known", first));
      }
      return mark(Understanding::not_filtering);
    }
    const std::string_view what = in.word();
    if (what == "address") return address_line(in, interface, first == "ipv6");
    if (what == "access-group" || what == "traffic-filter") {
      const std::string_view name = in.word(), direction = in.word();
      if (direction != "in" && direction != "out")
        return unread(fmt::format("'{}' is no direction: in or out", direction));
      bindings_.push_back({std::string(name), device_.interfaces.size() - 1, direction == "in",
                           first == "ipv6" ? Family::ipv6 : Family::ipv4, line_});
      return mark(Understanding::understood);
    }
    if (what == "inspect" || (what == "verify" && in.peek() == "unicast"))
      return mark(Understanding::in_part,
                  fmt::format("ip {} drops or admits by more than addresses and ports", what));
    mark(Understanding::not_filtering);
  }

  void address_line(Cursor& in, Interface& interface, bool v6) {
    const std::string_view word = in.word();
    if (v6) {
      const std::size_t slash = word.find('/');
      const std::optional<Address> a = parse_address(word.substr(0, slash));
      const std::optional<unsigned> length =
          slash == std::string_view::npos ? std::nullopt : number(word.substr(slash + 1));
      if (a && length && *length <= 128) {
        interface.addresses.push_back(*a);
        interface.networks.push_back(Prefix::containing(*a, *length));
      }
      return mark(Understanding::understood);
    }
    const std::optional<Address> a = parse_address(word), mask = parse_address(in.word());
    const std::optional<unsigned> length = mask && mask->is_ipv4() ? ios::netmask_length(*mask) : std::nullopt;
    if (a && length) {
      interface.addresses.push_back(*a);
      interface.networks.push_back(Prefix::containing(*a, *length));
    }
    mark(Understanding::understood);  // dhcp, negotiated: the address is not known here
  }

  void vty_line(Cursor& in) {
    if (in.peek() != "access-class" || !vty_) return mark(Understanding::not_filtering);
    in.word();
    const std::string_view name = in.word(), direction = in.word();
    if (direction == "in") vty_lists_.push_back({std::string(name), line_});
    mark(Understanding::understood);
  }

  void group_line() {
    if (const auto error = group_errors_.find(line_); error != group_errors_.end()) {
      device_.diagnostics.warning(error->second.where, error->second.what, error->second.hint);
      return mark(Understanding::not_understood, error->second.what);
    }
    mark(Understanding::understood);
  }

  // --- The end ---

  struct Binding {
    std::string list;
    std::size_t interface = 0;
    bool in = false;
    Family family = Family::ipv4;
    std::uint32_t line = 0;
  };
  struct VtyList {
    std::string list;
    std::uint32_t line = 0;
  };

  ListIndex bound_list(const std::string& name, Family family, std::uint32_t line) {
    for (ListIndex i = 0; i < device_.lists.size(); ++i)
      if (device_.lists[i].name == name && device_.lists[i].family == family) return i;
    List missing;
    missing.name = name;
    missing.line = line;
    missing.family = family;
    missing.defined = false;
    missing.at_end = Fallthrough::permit;  // a list that is applied and not written permits everything
    device_.lists.push_back(std::move(missing));
    device_.diagnostics.warning(
        source_.at_line(line, 1, static_cast<std::uint32_t>(source_.line(line).size())),
        fmt::format("access list {} is applied and not defined: it permits everything", name),
        "define it, or remove the binding");
    return static_cast<ListIndex>(device_.lists.size() - 1);
  }

  void finish() {
    for (List& list : device_.lists) {
      if (list.family == Family::ipv6 && !list.entries.empty()) add_neighbour_discovery(list);
      if (list.entries.empty()) list.at_end = Fallthrough::permit;
    }
    for (const Binding& b : bindings_) {
      Stage stage;
      const ListIndex list = bound_list(b.list, b.family, b.line);
      stage.name = fmt::format("{} {} on {}", b.list, b.in ? "in" : "out", device_.interfaces[b.interface].name);
      stage.ways = b.in ? Ways{Way::through, Way::to_device} : Ways{Way::through};
      stage.family = b.family;
      stage.lists = {list};
      stage.priority = b.in ? 0 : 1;
      stage.line = b.line;
      if (b.interface < kInterfacesMax)
        (b.in ? stage.ingress : stage.egress) = {static_cast<InterfaceId>(b.interface)};
      device_.stages.push_back(std::move(stage));
    }
    for (const VtyList& v : vty_lists_) add_vty(v);
    std::stable_sort(device_.stages.begin(), device_.stages.end(),
                     [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
    if (device_.interfaces.size() > kInterfacesMax)
      device_.diagnostics.warning(
          {.file = source_.name()},
          fmt::format("only {} interfaces can be told apart; the lists of the others count as "
                      "if they stood at all of them",
                      kInterfacesMax));
  }

  /// `access-class NAME in` below `line vty`: who may log in, by telnet and ssh.
  void add_vty(const VtyList& v) {
    const ListIndex called = bound_list(v.list, Family::ipv4, v.line);
    List list;
    list.name = fmt::format("line vty access-class {}", v.list);
    list.line = v.line;
    list.family = Family::ipv4;
    list.at_end = Fallthrough::permit;
    Entry e;
    e.line = e.line_last = v.line;
    e.text = LineLedger::bounded(source_.line(v.line));
    e.action = Action::jump;
    e.target = called;
    Match m;
    m.box.family = Family::ipv4;
    m.box.protocols = {Protocol::tcp};
    m.box.ports = PortSet{{Port(22), Port(23)}};
    e.match.push_back(std::move(m));
    list.entries.push_back(std::move(e));
    Stage stage;
    stage.name = list.name;
    stage.ways = {Way::to_device};
    stage.family = Family::ipv4;
    stage.lists = {static_cast<ListIndex>(device_.lists.size())};
    stage.priority = 2;
    stage.line = v.line;
    device_.lists.push_back(std::move(list));
    device_.stages.push_back(std::move(stage));
  }

  void add_neighbour_discovery(List& list) {
    for (const std::uint8_t type : {std::uint8_t{136}, std::uint8_t{135}}) {
      Entry e;
      e.text = fmt::format("permit icmp any any {}", type == 136 ? "nd-na" : "nd-ns");
      e.action = Action::permit;
      Match m;
      m.box.family = Family::ipv6;
      m.box.protocols = {Protocol::icmpv6};
      m.box.icmp = {IcmpType{type, {}}};
      e.match.push_back(std::move(m));
      list.entries.push_back(std::move(e));
    }
  }

  const Source& source_;
  Device device_;
  LineLedger ledger_;
  std::uint32_t line_ = 0;

  Block block_ = Block::none;
  bool block_unread_ = false, vty_ = false, shown_ = false, unread_inspection_ = false;
  std::string block_why_, remark_;
  Kind kind_ = Kind::extended;
  ListIndex current_ = 0;
  std::map<ListIndex, std::vector<std::uint32_t>> sequences_;
  std::map<std::string, ios::NetworkGroup> networks_;
  std::map<std::string, ios::ServiceGroup> services_;
  std::map<std::uint32_t, Error> group_errors_;
  std::vector<Binding> bindings_;
  std::vector<VtyList> vty_lists_;
};

}  // namespace

unsigned looks_like_cisco_ios(std::string_view text) {
  unsigned points = 0;
  const auto has = [text](std::string_view what) {
    return text.starts_with(what) || text.find("\n" + std::string(what)) != std::string_view::npos;
  };
  if (has("ip access-list standard ") || has("ip access-list extended ") || has("ipv6 access-list ")) points += 20;
  if (has("access-list ")) points += 5;
  if (has(" ip access-group ")) points += 20;
  if (has("hostname ")) points += 2;
  if (has("service timestamps")) points += 10;
  if (has("ASA Version") || has("!Command: show running-config")) points = 0;
  return points;
}

Result<Device> read_cisco_ios(const Source& source) { return IosReader(source).read(); }

}  // namespace demarc
