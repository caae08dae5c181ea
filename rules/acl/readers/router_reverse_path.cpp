// Unicast reverse path forwarding: a packet is dropped whose source is not routed to where it came in (strict), or
// routed nowhere (loose). What is routed where, connected networks and static routes tell as long as no routing
// protocol runs; with one, only what is connected is certain. (RFC 3704; Cisco IOS Security Command Reference, ip
// verify unicast source reachable-via.)
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/router_draft.h"

namespace demarc::router {

namespace {
constexpr std::size_t kRoutesMax = 1000;  // each is taken from what longer ones leave: not for full tables
}

void RouterDraft::add_route(Route route) {
  if (routes_.size() < kRoutesMax)
    routes_.push_back(std::move(route));
  else
    too_many_routes_ = true;
}

void RouterDraft::read_reverse_path(Cursor& in, std::size_t interface, Family family) {
  ReversePathCheck check;
  check.interface = interface;
  check.family = family;
  check.line = line;
  std::string_view word = in.word();
  if (word == "reverse-path") {
    check.strict = check.allow_default = true;
  } else {
    if (word == "source") word = in.word();
    if (word != "reachable-via") return unread(fmt::format("'{}' is not understood here", word));
    word = in.word();
    if (word != "rx" && word != "any") return unread(fmt::format("'{}' is neither rx nor any", word));
    check.strict = word == "rx";
  }
  while (!in.at_end()) {
    word = in.word();
    if (word == "allow-default")
      check.allow_default = true;
    else if (word != "allow-self-ping" && word != "l2-src" && word != "lookup-vrf")
      check.list = word;
  }
  // The line is marked at the end: routes may stand behind it. Said twice, the last one holds.
  const auto [there, fresh] = reverse_paths_.emplace(std::pair(interface, family), check);
  if (fresh) return;
  ledger_.mark(there->second.line, Understanding::understood);
  there->second = std::move(check);
}

/// The table is what is written: every next hop is at hand, and nothing else adds routes.
bool RouterDraft::routes_known() const {
  if (dynamic_routes_ || too_many_routes_ || device_.interfaces.size() > kRoutesMax) return false;
  std::vector<Prefix> connected;
  for (const Interface& i : device_.interfaces)
    connected.insert(connected.end(), i.networks.begin(), i.networks.end());
  const AddressSet reached = AddressSet::of(connected);
  return std::all_of(routes_.begin(), routes_.end(), [&](const Route& r) {
    if (r.next_hop) return reached.contains(*r.next_hop);
    return r.interface == "Null0" || find_interface(r.interface).has_value();
  });
}

/// The sources whose best route leads out of the interface (or anywhere), by the routes that are written.
AddressSet RouterDraft::expected_by_routes(std::size_t interface, Family family, bool allow_default,
                                           bool any) const {
  struct Way {
    Prefix prefix;
    bool here;
  };
  std::vector<Way> ways;
  const auto holds = [this](std::size_t i, const Address& hop) {
    const std::vector<Prefix>& networks = device_.interfaces[i].networks;
    return std::any_of(networks.begin(), networks.end(), [&hop](const Prefix& p) { return p.contains(hop); });
  };
  for (std::size_t i = 0; i < device_.interfaces.size(); ++i) {
    if (device_.interfaces[i].shut) continue;
    for (const Prefix& p : device_.interfaces[i].networks)
      if (p.family() == family) ways.push_back({p, any || i == interface});
  }
  for (const Route& r : routes_) {
    if (r.prefix.family() != family || (r.prefix.length() == 0 && !allow_default)) continue;
    bool here = any;
    if (!here && !r.interface.empty()) here = find_interface(r.interface) == interface;
    if (!here && r.interface.empty() && r.next_hop) here = holds(interface, *r.next_hop);
    if (r.interface == "Null0") here = false;
    ways.push_back({r.prefix, here});
  }
  std::stable_sort(ways.begin(), ways.end(),
                   [](const Way& a, const Way& b) { return a.prefix.length() > b.prefix.length(); });
  AddressSet expected, elsewhere;
  for (std::size_t i = 0; i < ways.size();) {
    std::vector<Prefix> here, there;
    const unsigned length = ways[i].prefix.length();
    for (; i < ways.size() && ways[i].prefix.length() == length; ++i)
      (ways[i].here ? here : there).push_back(ways[i].prefix);
    const AddressSet decided = expected.unite(elsewhere);
    // Equal routes to here and elsewhere: either will do.
    expected = expected.unite(AddressSet::of(here).minus(decided));
    elsewhere = elsewhere.unite(AddressSet::of(there).minus(decided).minus(expected));
  }
  return expected;
}

void RouterDraft::add_reverse_path(const ReversePathCheck& c, Missing undefined) {
  const AddressSet whole = AddressSet::all(c.family);
  const bool certain = c.interface < kInterfacesMax && routes_known();
  if (certain)
    ledger_.mark(c.line, Understanding::understood);
  else
    ledger_.mark(c.line, Understanding::in_part,
                 "which sources are expected here, routing decides: only connected networks are certain");
  List list;
  list.name = fmt::format("verify unicast on {}", device_.interfaces[c.interface].name);
  list.line = c.line;
  list.family = c.family;
  list.at_end = Fallthrough::permit;
  Entry e;
  e.line = e.line_last = c.line;
  e.text = LineLedger::bounded(source_.line(c.line));
  e.action = c.list.empty() ? Action::deny : Action::go_to;
  Match m;
  m.box.family = c.family;
  if (certain) {
    m.box.sources = whole.minus(expected_by_routes(c.interface, c.family, c.allow_default, !c.strict));
    e.match.push_back(std::move(m));
  } else {
    // What is connected here is expected, what is connected elsewhere is not; the rest routing decides.
    AddressSet here, elsewhere;
    std::vector<Prefix> ours, others;
    for (std::size_t i = 0; i < device_.interfaces.size() && i < kInterfacesMax; ++i)
      for (const Prefix& p : device_.interfaces[i].networks)
        if (p.family() == c.family) (i == c.interface || !c.strict ? ours : others).push_back(p);
    here = AddressSet::of(ours), elsewhere = AddressSet::of(others);
    m.box.sources = elsewhere.minus(here);
    Match rest = m;
    rest.box.sources = whole.minus(here);
    e.undecided = "which sources are expected here, routing decides";
    if (!m.box.sources.empty() && c.strict) e.match.push_back(std::move(m));
    e.maybe.push_back(std::move(rest));
  }
  if (!c.list.empty()) e.target = bound(c.list, c.family, c.line, undefined);
  list.entries.push_back(std::move(e));
  Stage stage;
  stage.name = list.name;
  stage.ways = {Way::through, Way::to_device};
  stage.family = c.family;
  stage.priority = 1;
  stage.line = c.line;
  stage.lists = {add_list(std::move(list))};
  add_stage_at(std::move(stage), c.interface, true);
}

}  // namespace demarc::router
