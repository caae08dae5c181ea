#include "rules/acl/readers/router_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace demarc::router {

namespace {

constexpr unsigned kVlanMax = 4094;
constexpr std::string_view kWhyEmpty = "what a list without entries does is not documented";

Entry implied(std::string text, Action action, Match match) {
  Entry e;
  e.text = std::move(text);
  e.action = action;
  e.match.push_back(std::move(match));
  return e;
}

std::string_view discovery_name(std::uint8_t type) {
  switch (type) {
    case 133: return "router-solicitation";
    case 134: return "router-advertisement";
    case 135: return "nd-ns";
    default: return "nd-na";
  }
}

}  // namespace

std::size_t weight(const Match& match) {
  return 1 + (match.box.sources.ranges().size() + match.box.destinations.ranges().size()) / 8;
}

std::string interface_name(Cursor& in) {
  std::string name(in.word());
  // "interface Serial 0/0"; what follows a name with a number in it is something else ("point-to-point").
  if (name.find_first_of("0123456789") == std::string::npos && !in.at_end()) name += in.word();
  return name;
}

RouterDraft::RouterDraft(const Source& source, Dialect dialect, const AceDialect& words)
    : source_(source), words_(words), ledger_(source, device_) {
  device_.file = device_.name = source.name();
  device_.dialect = dialect;
}

// --- The line ---

void RouterDraft::unread(std::string why, std::string hint) {
  mark(Understanding::not_understood, why);
  warn(line, std::move(why), std::move(hint));
}
void RouterDraft::unread(const Error& error) {
  mark(Understanding::not_understood, error.what);
  device_.diagnostics.warning(error.where, error.what, error.hint);
}
void RouterDraft::in_part(std::string why) { mark(Understanding::in_part, std::move(why)); }

void RouterDraft::warn(std::uint32_t number, std::string what, std::string hint) {
  const std::string_view written = source_.line(number);
  const std::size_t first = std::min(written.find_first_not_of(" \t"), written.size());
  device_.diagnostics.warning(source_.at_line(number, static_cast<std::uint32_t>(first + 1),
                                              static_cast<std::uint32_t>(written.size() - first)),
                              std::move(what), std::move(hint));
}

// --- Groups ---

void RouterDraft::define_object(std::string_view name, std::string kind) {
  std::vector<std::size_t>& of_that_name = objects_[std::string(name)];
  for (const std::size_t i : of_that_name)
    if (device_.objects[i].kind == kind) return;  // opened again
  of_that_name.push_back(device_.objects.size());
  NamedObject object;
  object.name = name;
  object.kind = std::move(kind);
  object.line = line;
  device_.objects.push_back(std::move(object));
}

void RouterDraft::use_object(std::string_view name) {
  if (const auto found = objects_.find(name); found != objects_.end())
    for (const std::size_t i : found->second) ++device_.objects[i].uses;
}

Groups RouterDraft::named_groups() {
  const auto used = [this](auto* group, std::string_view name) {
    if (group != nullptr) use_object(name);
    return group;
  };
  return {
      [this, used](std::string_view name) { return used(groups.network(name), name); },
      [this, used](std::string_view name) { return used(groups.service(name), name); },
      [this, used](std::string_view name) { return used(groups.ports(name), name); },
      &ranges_left_,
  };
}

// --- Lists ---

std::optional<ListIndex> RouterDraft::find_list(std::string_view name, Family family) const {
  const auto found = lists_.find(std::pair(family, std::string(name)));
  return found == lists_.end() ? std::nullopt : std::optional(found->second);
}

ListIndex RouterDraft::add_list(List list) {
  device_.lists.push_back(std::move(list));
  drafts_.resize(device_.lists.size());
  return static_cast<ListIndex>(device_.lists.size() - 1);
}

ListIndex RouterDraft::open_list(std::string_view name, Family family) {
  if (const std::optional<ListIndex> known = find_list(name, family)) return *known;
  List list;
  list.name = name;
  list.line = line;
  list.family = family;
  const ListIndex index = add_list(std::move(list));
  lists_.emplace(std::pair(family, std::string(name)), index);
  return index;
}

Entry RouterDraft::entry_here() {
  Entry entry;
  entry.line = entry.line_last = line;
  entry.text = LineLedger::bounded(text());
  entry.remark = std::exchange(remark, {});
  return entry;
}

void RouterDraft::read_entry(Cursor& in, ListIndex index, ListForm form, std::optional<std::uint64_t> sequence,
                             bool shown) {
  Entry entry = entry_here();
  if (const Result<void> read = read_ace(in, words_, form, named_groups(), entry); !read) {
    make_unknown(entry, form.family, read.error().what);
    unread(read.error());
  } else {
    mark(entry.undecided.empty() ? Understanding::understood : Understanding::in_part, entry.undecided);
  }
  entry.packets = matches_shown(text());
  place(index, std::move(entry), sequence, shown);
}

void RouterDraft::place(ListIndex index, Entry entry, std::optional<std::uint64_t> sequence, bool shown) {
  ListDraft& draft = drafts_[index];
  List& list = device_.lists[index];
  if (!sequence) sequence = draft.last + 10;
  const auto [taken, fresh] = draft.taken.emplace(*sequence, static_cast<std::uint32_t>(list.entries.size()));
  if (!fresh) {
    Entry& there = list.entries[taken->second];
    if (shown)
      there.packets = entry.packets;
    else
      there = std::move(entry);  // written again: it takes the other's place
    return;
  }
  draft.last = std::max(draft.last, *sequence);
  draft.order.push_back(*sequence);
  list.entries.push_back(std::move(entry));
}

void RouterDraft::order_lists(std::span<const std::uint8_t> neighbour_discovery, Missing empty_ipv4,
                              Missing empty_ipv6) {
  for (std::size_t i = 0; i < device_.lists.size(); ++i) {
    List& list = device_.lists[i];
    const std::vector<std::uint64_t>& order = drafts_[i].order;
    if (!std::is_sorted(order.begin(), order.end())) {
      std::vector<std::uint32_t> sorted(order.size());
      std::iota(sorted.begin(), sorted.end(), 0U);
      std::sort(sorted.begin(), sorted.end(),
                [&order](std::uint32_t a, std::uint32_t b) { return order[a] < order[b]; });
      std::vector<Entry> entries;
      entries.reserve(sorted.size());
      for (const std::uint32_t n : sorted) entries.push_back(std::move(list.entries[n]));
      list.entries = std::move(entries);
    }
    if (list.entries.empty()) {
      list.at_end = Fallthrough::permit;
      if ((list.family == Family::ipv6 ? empty_ipv6 : empty_ipv4) == Missing::permits) continue;
      Entry e;
      make_unknown(e, list.family, std::string(kWhyEmpty));
      e.text = "a list without entries";
      list.entries.push_back(std::move(e));
    } else if (list.family == Family::ipv6) {
      for (const std::uint8_t type : neighbour_discovery) {
        Match m;
        m.box.family = Family::ipv6;
        m.box.protocols = {Protocol::icmpv6};
        m.box.icmp = {IcmpType{type, {}}};
        list.entries.push_back(
            implied(fmt::format("permit icmp any any {}", discovery_name(type)), Action::permit, std::move(m)));
      }
    }
  }
}

// --- Interfaces ---

std::size_t RouterDraft::open_interface(std::string_view name) {
  const auto [found, fresh] = interfaces_.emplace(std::string(name), device_.interfaces.size());
  if (fresh) {
    Interface i;
    i.name = name;
    i.line = line;
    device_.interfaces.push_back(std::move(i));
  }
  return found->second;
}

std::optional<std::size_t> RouterDraft::find_interface(std::string_view name) const {
  const auto found = interfaces_.find(name);
  return found == interfaces_.end() ? std::nullopt : std::optional(found->second);
}

void RouterDraft::add_address(std::size_t index, const Address& address, unsigned length) {
  Interface& i = device_.interfaces[index];
  i.addresses.push_back(address);
  i.networks.push_back(Prefix::containing(address, length));
}

void RouterDraft::read_address(Cursor& in, std::size_t index) {
  const std::string_view word = in.word();
  const std::size_t slash = word.find('/');
  if (const std::optional<Address> a = parse_address(word.substr(0, slash))) {
    if (slash != std::string_view::npos) {
      const std::optional<std::uint64_t> length = decimal(word.substr(slash + 1), bits(a->family()));
      if (!length) return unread(fmt::format("'{}' is no address with a length", word));
      add_address(index, *a, static_cast<unsigned>(*length));
    } else if (a->is_ipv4()) {
      const std::optional<Address> mask = parse_address(in.word());
      const std::optional<unsigned> length = mask && mask->is_ipv4() ? netmask_length(*mask) : std::nullopt;
      if (!length) return unread("the netmask is missing, or its ones are not in front");
      add_address(index, *a, *length);
    }
  } else if (word == "dhcp" || word == "negotiated" || word == "autoconfig") {
    dynamic_routes_ = true;  // neither the address nor the default route that comes with it are known here
  }
  mark(Understanding::understood);
}

void RouterDraft::carries(std::size_t port, std::string_view vlans) {
  Vlans& carried = vlans_[port];
  carried.reset();  // said twice, the last one holds
  if (vlans.empty() || vlans == "all") carried.set();
  while (!carried.all() && !vlans.empty()) {
    const std::string_view part = vlans.substr(0, vlans.find(','));
    vlans.remove_prefix(std::min(vlans.size(), part.size() + 1));
    const std::size_t dash = part.find('-');
    const auto first = decimal(part.substr(0, dash), kVlanMax);
    const auto last = dash == std::string_view::npos ? first : decimal(part.substr(dash + 1), kVlanMax);
    if (!first || !last) continue;  // "none"
    if (*first <= 1 && *last >= kVlanMax) carried.set();
    for (std::uint64_t n = *first; n <= *last && !carried.all(); ++n) carried.set(n);
  }
}

void RouterDraft::read_switchport(Cursor& in, std::size_t interface) {
  mark(Understanding::not_filtering);
  const std::string_view kind = in.word();
  if (kind == "access" && in.word() == "vlan") carries(interface, in.word());
  if (kind == "mode" && in.word() == "trunk") carries(interface, {});
  if (kind == "trunk" && in.word() == "allowed" && in.word() == "vlan" && in.peek() != "add")
    carries(interface, in.word());
}

void RouterDraft::read_binding(Cursor& in, Binding to, bool may_be_common, std::string_view inward,
                               std::string_view outward) {
  if (may_be_common && in.peek() == "common") {  // looked up before the interface's own
    in.word();
    to.lists.emplace_back(in.word());
  }
  if (!may_be_common || (in.peek() != inward && in.peek() != outward)) to.lists.emplace_back(in.word());
  const std::string_view direction = in.word();
  if (to.lists.empty() || (direction != inward && direction != outward))
    return unread(fmt::format("'{}' is no direction: {} or {}", direction, inward, outward));
  to.in = direction == inward;
  to.line = line;
  bind(std::move(to));
  mark(Understanding::understood);
}

void RouterDraft::read_route(Cursor& in, const Prefix& prefix) {
  Route route;
  route.prefix = prefix;
  const std::string_view way = in.word();
  route.next_hop = parse_address(way.substr(0, way.find('/')));
  if (!route.next_hop) route.interface = way;
  add_route(std::move(route));
}

std::vector<InterfaceId> RouterDraft::ids(std::size_t index) const {
  if (index >= kInterfacesMax) return {};
  return {static_cast<InterfaceId>(index)};
}

// --- Stages ---

ListIndex RouterDraft::bound(std::string_view name, Family family, std::uint32_t number, Missing undefined) {
  if (const std::optional<ListIndex> known = find_list(name, family)) return *known;
  List missing;
  missing.name = name;
  missing.line = number;
  missing.family = family;
  missing.defined = false;
  missing.at_end = Fallthrough::permit;
  if (undefined == Missing::unknown) {
    missing.defined = true;  // otherwise nobody would look at the entry
    Entry e;
    make_unknown(e, family, "what a list does that is applied and not defined is not documented");
    e.text = fmt::format("{} is not defined", name);
    missing.entries.push_back(std::move(e));
  }
  warn(number,
       undefined == Missing::permits
           ? fmt::format("access list {} is applied and not defined: it permits everything", name)
           : fmt::format("access list {} is applied and not defined: what that does is not known", name),
       "define it, or remove the binding");
  const ListIndex index = add_list(std::move(missing));
  lists_.emplace(std::pair(family, std::string(name)), index);
  return index;
}

ListIndex RouterDraft::classifier(ListIndex classified, Action action, std::string name, std::uint32_t number) {
  List list;
  list.name = std::move(name);
  list.line = number;
  list.family = device_.lists[classified].family;
  list.at_end = Fallthrough::give_back;
  const List& from = device_.lists[classified];
  std::size_t size = from.entries.size();
  for (auto e = from.entries.begin(); e != from.entries.end() && size <= classified_left_; ++e) {
    for (const Match& m : e->match) size += weight(m) - 1;
    for (const Match& m : e->maybe) size += weight(m) - 1;
  }
  if (size > classified_left_) {
    Entry e;
    make_unknown(e, list.family, "the lists of its classes are too many");
    e.source_list = classified;
    e.line = e.line_last = number;
    list.entries.push_back(std::move(e));
  } else {
    classified_left_ -= size;
    for (const Entry& each : from.entries) {
      Entry e = each;
      e.source_list = classified;
      if (e.action == Action::permit)
        e.action = action;
      else if (e.action == Action::deny)
        e.action = Action::give_back;
      list.entries.push_back(std::move(e));
    }
    if (from.at_end == Fallthrough::permit) {
      Match all;
      all.box.family = list.family;
      Entry e = implied(fmt::format("{} permits everything", from.name), action, std::move(all));
      e.source_list = classified;
      list.entries.push_back(std::move(e));
    }
  }
  return add_list(std::move(list));
}

ListIndex RouterDraft::perhaps(const Stage& stage, std::string why) {
  List list;
  list.name = fmt::format("{}, for some", stage.name);
  list.line = stage.line;
  list.family = stage.family;
  list.at_end = Fallthrough::permit;
  for (const ListIndex index : stage.lists) {
    Entry e;
    e.line = e.line_last = stage.line;
    e.text = LineLedger::bounded(source_.line(stage.line));
    e.action = index == stage.lists.back() ? Action::go_to : Action::jump;
    e.target = index;
    Match all;
    all.box.family = stage.family;
    e.maybe.push_back(std::move(all));
    e.undecided = why;
    list.entries.push_back(std::move(e));
  }
  return add_list(std::move(list));
}

void RouterDraft::add_stage_at(Stage stage, std::size_t interface, bool in) {
  (in ? stage.ingress : stage.egress) = ids(interface);
  if (interface >= kInterfacesMax)
    stage.lists = {perhaps(stage, "there are too many interfaces to tell this one apart")};
  device_.stages.push_back(std::move(stage));
}

void RouterDraft::bind_port_to_vlans(const Binding& b, const Stage& at_port) {
  const auto vlans = vlans_.find(b.interface);
  if (vlans == vlans_.end()) return;
  Stage stage = at_port;
  for (std::size_t i = 0; i < device_.interfaces.size() && i < kInterfacesMax; ++i) {
    const std::string_view name = device_.interfaces[i].name;
    if (!name.starts_with("Vlan") && !name.starts_with("vlan")) continue;
    const auto number = decimal(name.substr(4), kVlanMax);
    if (number && vlans->second.test(*number))
      (b.in ? stage.ingress : stage.egress).push_back(static_cast<InterfaceId>(i));
  }
  if (stage.ingress.empty() && stage.egress.empty()) return;
  stage.lists = {
      perhaps(stage, fmt::format("only what crosses {} meets the list", device_.interfaces[b.interface].name))};
  device_.stages.push_back(std::move(stage));
}

void RouterDraft::add_service(const ServiceBinding& b, Missing undefined) {
  const ListIndex called = bound(b.list, b.family, b.line, undefined);
  Stage stage;
  stage.name = b.name;
  stage.ways = {Way::to_device};
  stage.family = b.family;
  stage.ingress = b.ingress;
  stage.priority = 2;
  stage.line = b.line;
  if (!b.tcp && !b.udp) {
    stage.lists = {called};
    return add_stage(std::move(stage));
  }
  List list;
  list.name = b.name;
  list.line = b.line;
  list.family = b.family;
  list.at_end = Fallthrough::permit;
  Entry e;
  e.line = e.line_last = b.line;
  e.text = LineLedger::bounded(source_.line(b.line));
  e.action = Action::go_to;
  e.target = called;
  const auto match = [&](Protocol protocol, const PortSet& ports) {
    Match m;
    m.box.family = b.family;
    m.box.protocols = {protocol};
    m.box.ports = ports;
    e.match.push_back(std::move(m));
  };
  if (b.tcp) match(Protocol::tcp, *b.tcp);
  if (b.udp) match(Protocol::udp, *b.udp);
  list.entries.push_back(std::move(e));
  stage.lists = {add_list(std::move(list))};
  add_stage(std::move(stage));
}

void RouterDraft::guard(const std::map<std::string, std::uint32_t>& lists, bool unguarded, Family family,
                        std::string_view what, Protocol protocol, const PortSet& ports, std::string_view why,
                        Missing undefined) {
  if (lists.empty()) return;
  List list;
  list.line = lists.begin()->second;
  list.family = family;
  list.at_end = Fallthrough::permit;
  std::string names;
  std::size_t left = lists.size();
  for (const auto& [name, number] : lists) {
    const bool certain = --left == 0 && !unguarded;
    if (names.size() < 200) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    Entry e;
    e.line = e.line_last = number;
    e.text = LineLedger::bounded(source_.line(number));
    e.action = Action::go_to;
    e.target = bound(name, family, number, undefined);
    Match m;
    m.box.family = family;
    m.box.protocols = {protocol};
    m.box.ports = ports;
    (certain ? e.match : e.maybe).push_back(std::move(m));
    if (!certain) e.undecided = why;
    list.entries.push_back(std::move(e));
  }
  list.name = fmt::format("{} {}", what, names);
  Stage stage;
  stage.name = list.name;
  stage.ways = {Way::to_device};
  stage.family = family;
  stage.priority = 2;
  stage.line = list.line;
  stage.lists = {add_list(std::move(list))};
  add_stage(std::move(stage));
}

void RouterDraft::bind_all(Missing undefined) {
  for (const Binding& b : bindings_) {
    Stage stage;
    for (const std::string& name : b.lists) stage.lists.push_back(bound(name, b.family, b.line, undefined));
    stage.name = fmt::format("{} {} on {}", fmt::join(b.lists, " and "), b.in ? "in" : "out",
                             device_.interfaces[b.interface].name);
    stage.ways = b.in ? Ways{Way::through, Way::to_device} : Ways{Way::through};
    stage.family = b.family;
    stage.priority = b.in ? 0 : 3;
    stage.line = b.line;
    if (b.at_port) bind_port_to_vlans(b, stage);
    add_stage_at(std::move(stage), b.interface, b.in);
  }
  for (const ServiceBinding& s : services_) add_service(s, undefined);
  for (const auto& [where, check] : reverse_paths_) add_reverse_path(check, undefined);
}

Device RouterDraft::finish() {
  std::stable_sort(device_.stages.begin(), device_.stages.end(),
                   [](const Stage& a, const Stage& b) { return a.priority < b.priority; });
  std::stable_sort(device_.lines.begin(), device_.lines.end(),
                   [](const LineReport& a, const LineReport& b) { return a.line < b.line; });
  if (device_.interfaces.size() > kInterfacesMax)
    device_.diagnostics.warning(
        {.file = source_.name()},
        fmt::format("only {} interfaces can be told apart; whether the lists of the others stand on the way "
                    "is not decided",
                    kInterfacesMax));
  return std::move(device_);
}

}  // namespace demarc::router
