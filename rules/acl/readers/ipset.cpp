// Source: ipset(8) for the types and their elements; net/netfilter/ipset for what a test looks up: that it fails
// where the packet has no such port (ip_set_getport.c), and that bitmap:port takes TCP and UDP only.
#include "rules/acl/readers/ipset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/acl/readers/iptables_names.h"
#include "rules/acl/readers/netfilter_names.h"
#include "rules/text/cursor.h"
#include "rules/text/suggest.h"

namespace demarc {

namespace {

std::unexpected<Error> wrong(const Cursor& in, std::string what, std::string hint = {}) {
  return std::unexpected(Error{in.last(), std::move(what), std::move(hint)});
}

constexpr std::size_t kGroupsMax = netfilter::kBoxesMax;

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (parts.size() < 8) {
    const std::size_t end = std::min(text.find(by), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

/// "192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9".
std::optional<std::pair<AddressRange, std::uint8_t>> addresses(std::string_view text) {
  const std::size_t dash = text.find('-'), slash = text.find('/');
  const std::optional<Address> first = parse_address(text.substr(0, std::min(dash, slash)));
  if (!first) return std::nullopt;
  const std::uint8_t all = static_cast<std::uint8_t>(bits(first->family()));
  if (dash != std::string_view::npos) {
    const std::optional<Address> last = parse_address(text.substr(dash + 1));
    if (!last || last->family() != first->family() || *last < *first) return std::nullopt;
    return std::pair{AddressRange{*first, *last}, all};
  }
  if (slash == std::string_view::npos) return std::pair{AddressRange{*first, *first}, all};
  const std::optional<std::uint64_t> length = netfilter::whole_number(text.substr(slash + 1), all);
  if (!length) return std::nullopt;
  const Prefix p = Prefix::containing(*first, static_cast<unsigned>(*length));
  return std::pair{AddressRange{p.first(), p.last()}, static_cast<std::uint8_t>(*length)};
}

}  // namespace

IpSets::Set* IpSets::find(std::string_view name) {
  const auto found = sets_.find(name);
  return found == sets_.end() ? nullptr : &found->second;
}

Result<void> IpSets::read(const Source& source, std::uint32_t line) {
  Cursor in(source.name(), source.line(line), line);
  const std::string_view command = in.word();
  return command == "create" || command == "-N" ? create(source, line) : add(source, line);
}

Result<void> IpSets::create(const Source& source, std::uint32_t line) {
  Cursor in(source.name(), source.line(line), line);
  in.word();
  Set set;
  set.name = in.word();
  set.type = in.word();
  set.line = line;
  const std::size_t colon = set.type.find(':');
  if (set.name.empty() || colon == std::string::npos)
    return wrong(in, fmt::format("'{}' is no type of set", set.type),
                 "types are written hash:net, bitmap:port, list:set");
  const std::string_view method = std::string_view(set.type).substr(0, colon);
  bool v4 = method == "hash" || set.type.starts_with("bitmap:ip");
  if (set.type != "list:set")
    for (const std::string_view part : split(std::string_view(set.type).substr(colon + 1), ',')) {
      set.dimensions.push_back(part == "ip"      ? Dimension::address
                               : part == "net"   ? Dimension::network
                               : part == "port"  ? Dimension::port
                               : part == "iface" ? Dimension::interface
                                                 : Dimension::other);
      if (set.dimensions.back() == Dimension::other)
        set.incomplete = fmt::format("set {} looks up a {}", set.name, part), v4 = v4 && part != "mac";
    }
  if (std::count_if(set.dimensions.begin(), set.dimensions.end(),
                    [](Dimension d) { return d == Dimension::address || d == Dimension::network; }) > 2)
    set.incomplete = fmt::format("sets of type {} are not read", set.type);
  if (v4) set.family = Family::ipv4;
  if (set.type == "hash:mac") set.family.reset();
  while (!in.at_end()) {
    const std::string_view option = in.word();
    if (option == "family") {
      const std::string_view family = in.word();
      if (family != "inet" && family != "inet6" && family != "ipv4" && family != "ipv6")
        return wrong(in, fmt::format("'{}' is no family", family), "inet or inet6");
      set.family = family.ends_with('6') ? Family::ipv6 : Family::ipv4;
    } else if (option == "timeout") {
      in.word();
      set.expires = true;
    } else if (option == "netmask") {
      const std::optional<std::uint64_t> n = netfilter::whole_number(in.word(), 128);
      if (!n) return wrong(in, "no prefix length stands behind netmask");
      set.netmask = static_cast<std::uint8_t>(*n);
    } else if (option == "bitmask") {
      in.word();
      set.incomplete = fmt::format("set {} looks up by a bit mask", set.name);
    } else if (option != "counters" && option != "comment" && option != "skbinfo" && option != "forceadd") {
      in.word();  // hashsize, maxelem, range, size, bucketsize, initval, markmask: with a value
    }
  }
  if (std::find(changing_.begin(), changing_.end(), set.name) != changing_.end()) set.changes = true;
  std::string name = set.name;
  sets_.insert_or_assign(std::move(name), std::move(set));
  return {};
}

Result<void> IpSets::add(const Source& source, std::uint32_t line) {
  Cursor in(source.name(), source.line(line), line);
  in.word();
  Set* set = find(in.word());
  if (set == nullptr) return wrong(in, "the set is not created before", "'ipset save' prints the sets' types");
  const std::string_view entry = in.word();
  if (set->type == "list:set") {
    set->members.emplace_back(entry);
    return {};
  }
  Element element;
  bool own_timeout = false;
  while (!in.at_end()) {
    const std::string_view option = in.word();
    if (option == "nomatch") element.nomatch = true;
    if (option == "timeout") own_timeout = in.word() != "0";
  }
  element.lasts = !set->expires || !own_timeout;
  const std::string what = fmt::format("'{}' is no element of a set of type {}", entry, set->type);
  const auto fail = [&]() -> Result<void> {
    if (set->incomplete.empty()) set->incomplete = fmt::format("an element of set {} is not understood", set->name);
    return wrong(in, what);
  };
  if (std::find(set->dimensions.begin(), set->dimensions.end(), Dimension::other) != set->dimensions.end())
    return {};
  const std::vector<std::string_view> parts = split(entry, ',');
  if (parts.size() != set->dimensions.size()) return fail();
  unsigned address = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    switch (set->dimensions[i]) {
      case Dimension::address:
      case Dimension::network: {
        auto range = addresses(parts[i]);
        if (!range || address > 1) return fail();
        if (set->family && range->first.first.family() != *set->family) return fail();
        if (set->netmask < bits(range->first.first.family()))
          range->first = {Prefix::containing(range->first.first, set->netmask).first(),
                          Prefix::containing(range->first.last, set->netmask).last()};
        element.address[address] = range->first;
        element.length[address++] = range->second;
        break;
      }
      case Dimension::port: {
        std::string_view ports = parts[i];
        const bool bitmap = set->type == "bitmap:port";
        element.protocol = Protocol::tcp.number();
        if (const std::size_t colon = ports.find(':'); colon != std::string_view::npos) {
          const std::optional<std::uint8_t> p = netfilter::protocol_number(ports.substr(0, colon));
          if (!p || bitmap) return fail();
          element.protocol = *p;
          ports.remove_prefix(colon + 1);
        }
        if (Protocol(element.protocol).is_icmp()) {
          const std::optional<IcmpSet> types =
              iptables_icmp(element.protocol == 1 ? Family::ipv4 : Family::ipv6, ports);
          if (!types || types->numbers().ranges().size() != 1) return fail();
          element.ports = types->numbers().ranges()[0];
          break;
        }
        const std::size_t dash = ports.find('-');
        const std::optional<std::uint16_t> first = netfilter::port_number(ports.substr(0, dash));
        const std::optional<std::uint16_t> last =
            dash == std::string_view::npos ? first : netfilter::port_number(ports.substr(dash + 1));
        if (!first || !last || *last < *first) return fail();
        element.ports = {Port(*first), Port(*last)};
        break;
      }
      case Dimension::interface:
        if (parts[i].starts_with("physdev:")) return fail();
        element.interface_name = parts[i];
        break;
      case Dimension::other: break;
    }
  }
  set->elements.push_back(std::move(element));
  return {};
}

void IpSets::may_change(std::string_view name) {
  changing_.emplace_back(name);
  if (Set* set = find(name)) set->changes = true;
}

/// What is in the set for certain. `open`: why more may be.
netfilter::Matches IpSets::matches(const Set& set, std::span<const bool> source,
                                   netfilter::InterfaceNames& interfaces, std::string& open) {
  struct Group {
    Match rest;
    std::map<unsigned, std::pair<std::vector<AddressRange>, std::vector<AddressRange>>>
        by_length;  // in, and exceptions
  };
  std::map<std::tuple<unsigned, unsigned, unsigned, std::string_view, AddressRange>, Group> groups;
  if (source.size() < set.dimensions.size()) return {};  // too few directions: the test never holds
  std::array<std::size_t, 2> address_at{};
  std::size_t port_at = 0, interface_at = 0, addresses = 0;
  bool ports = false;
  for (std::size_t i = 0; i < set.dimensions.size(); ++i) {
    if (set.dimensions[i] == Dimension::port) port_at = i, ports = true;
    if (set.dimensions[i] == Dimension::interface) interface_at = i;
    if ((set.dimensions[i] == Dimension::address || set.dimensions[i] == Dimension::network) && addresses < 2)
      address_at[addresses++] = i;
  }
  const bool bitmap = set.type == "bitmap:port";
  // Where a longer prefix is there with whatever interface, the kernel asks for no shorter one
  // (IP_SET_HASH_WITH_MULTI in ip_set_hash_gen.h).
  const bool longest_only = set.type == "hash:net,iface";
  std::map<unsigned, std::vector<AddressRange>> longest;
  if (longest_only)
    for (const Element& e : set.elements) longest[e.length[0]].push_back(e.address[0]);
  for (const Element& e : set.elements) {
    if (e.nomatch && addresses > 1) {
      open = fmt::format("set {} has exceptions in two dimensions", set.name);
      return {};
    }
    if (!e.lasts && !e.nomatch) continue;
    Group& group = groups[{e.protocol, e.ports.first.number(), e.ports.last.number(), e.interface_name,
                           addresses > 1 ? e.address[1] : AddressRange{}}];
    if (groups.size() > kGroupsMax) {
      open = fmt::format("set {} takes more boxes than are kept", set.name);
      return {};
    }
    auto& [in, out] = group.by_length[e.length[0]];
    (e.nomatch ? out : in).push_back(e.address[0]);
    if (group.by_length.size() != 1 || in.size() + out.size() != 1) continue;
    Match& m = group.rest;
    m.box.family = set.family;
    if (ports) {
      const Protocol p(e.protocol);
      m.box.protocols = bitmap ? ProtocolSet{Protocol::tcp, Protocol::udp} : ProtocolSet{p};
      // A later fragment shows no port, and the test fails.
      if (p.has_ports() || p.is_icmp()) m.box.fragments = {Fragment::whole, Fragment::first};
      if (p.is_icmp())
        m.box.icmp = IcmpSet::of_numbers(PortSet{e.ports});
      else if (p.has_ports())
        (source[port_at] ? m.box.source_ports : m.box.ports) = PortSet{e.ports};
    }
    if (!e.interface_name.empty()) {
      const std::optional<InterfaceId> id = interfaces.id(e.interface_name);
      if (!id) {
        open = "more interfaces are named than can be told apart";
        return {};
      }
      (source[interface_at] ? m.box.ingress : m.box.egress) = ByteSet{*id};
    }
    if (addresses > 1)
      (source[address_at[1]] ? m.box.sources : m.box.destinations) = AddressSet::of_ranges({e.address[1]});
  }
  netfilter::Matches all;
  for (auto& [key, group] : groups) {
    if (addresses == 0) {
      all.push_back(group.rest);
      continue;
    }
    for (const auto& [length, ranges] : longest) group.by_length.try_emplace(length);
    AddressSet set_of;
    for (auto& [length, ranges] : group.by_length) {  // from the shortest prefixes to the longest, which win
      if (longest_only) set_of = set_of.minus(AddressSet::of_ranges(longest[length]));
      set_of = set_of.unite(AddressSet::of_ranges(ranges.first)).minus(AddressSet::of_ranges(ranges.second));
    }
    Match first;
    (source[address_at[0]] ? first.box.sources : first.box.destinations) = std::move(set_of);
    if (std::optional<Match> both = netfilter::meet(group.rest, first)) all.push_back(std::move(*both));
  }
  // Bitmaps of ports: one box for all.
  if (bitmap && all.size() > 1) {
    std::vector<PortRange> ranges;
    for (const Match& m : all) {
      const std::vector<PortRange>& one = (source[0] ? m.box.source_ports : m.box.ports).ranges();
      ranges.insert(ranges.end(), one.begin(), one.end());
    }
    (source[0] ? all[0].box.source_ports : all[0].box.ports) = PortSet::of(std::move(ranges));
    all.resize(1);
  }
  return all;
}

netfilter::Term IpSets::term(std::string_view name, std::string_view directions,
                             netfilter::InterfaceNames& interfaces) {
  using netfilter::Term;
  Set* set = find(name);
  if (set == nullptr) return Term::open(fmt::format("set {} is not in the file ('ipset save' prints it)", name));
  ++set->uses;
  if (!set->incomplete.empty()) return Term::open(set->incomplete);
  if (set->changes) return Term::open(fmt::format("rules change what is in set {}", name));
  if (set->type == "list:set") {
    Term all;
    netfilter::Matches together;
    for (const std::string& member : set->members) {
      if (const Set* inner = find(member); inner != nullptr && inner->type == "list:set")
        return Term::open(fmt::format("set {} holds a list of sets", name));  // no kernel takes that
      Term one = term(member, directions, interfaces);
      if (one.set) together.insert(together.end(), one.set->begin(), one.set->end());
      all.extra.insert(all.extra.end(), one.extra.begin(), one.extra.end());
      if (!one.undecided.empty()) all.undecided = one.undecided;
      if (together.size() > netfilter::kBoxesMax)
        return Term::open(fmt::format("set {} takes more boxes than are kept", name));
    }
    all.set = std::make_shared<const netfilter::Matches>(std::move(together));
    return all;
  }
  Term result;
  auto known = set->tests.find(directions);
  if (known == set->tests.end()) {
    std::array<bool, 8> source{};
    const std::vector<std::string_view> words = split(directions, ',');
    for (std::size_t i = 0; i < words.size(); ++i) source[i] = words[i] == "src";
    std::string open;
    netfilter::Matches all = matches(*set, std::span(source).first(words.size()), interfaces, open);
    if (!open.empty()) {
      set->incomplete = open;
      return Term::open(open);
    }
    known = set->tests.emplace(std::string(directions), std::make_shared<const netfilter::Matches>(std::move(all)))
                .first;
  }
  result.set = known->second;
  if (set->expires) {
    Match any;
    any.box.family = set->family;
    result.extra = {any};
    result.undecided = fmt::format("elements of set {} come and go with time", name);
  }
  return result;
}

std::vector<NamedObject> IpSets::objects() const {
  std::vector<NamedObject> all;
  for (const auto& [name, set] : sets_) {
    NamedObject object;
    object.name = name;
    object.kind = "ipset " + set.type;
    object.line = set.line;
    object.uses = set.uses;
    all.push_back(std::move(object));
  }
  std::sort(all.begin(), all.end(), [](const NamedObject& a, const NamedObject& b) { return a.line < b.line; });
  return all;
}

}  // namespace demarc
