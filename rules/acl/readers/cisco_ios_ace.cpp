// Sources: Cisco IOS Security Command Reference (access-list (IP extended), permit (IP), permit (IPv6),
// object-group), "Access Control Lists and IP Fragments" (Cisco document 8014) for what entries with ports do to
// later fragments.
#include "rules/acl/readers/cisco_ios_ace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "rules/acl/readers/cisco_ios_names.h"
#include "rules/text/suggest.h"

namespace demarc::ios {

namespace {

constexpr std::size_t kPortsMax = 64;  // IOS takes ten after `eq`; whatever it takes, a line ends

std::unexpected<Error> wrong(const Cursor& in, std::string what, std::string hint = {}) {
  return std::unexpected(Error{in.last(), std::move(what), std::move(hint)});
}

template <typename Row>
std::string hint_of(std::string_view word, std::span<const Row> rows) {
  std::vector<std::string_view> names;
  for (const Row& row : rows) names.push_back(row.name);
  return suggest(word, std::span<const std::string_view>(names));
}

template <typename Row>
const Row* find(std::string_view word, std::span<const Row> rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [word](const Row& r) { return r.name == word; });
  return found == rows.end() ? nullptr : &*found;
}

std::optional<unsigned> number(std::string_view word, unsigned most) {
  unsigned n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (error != std::errc{} || end != word.data() + word.size() || n > most) return std::nullopt;
  return n;
}

/// Where the packets come from or go to.
struct Place {
  AddressSet addresses = AddressSet::all();
  std::optional<AddressBits> bits = {};
  bool complete = true;  // false: a group of which a member is not known
  std::string unknown_group = {};
};

Result<Address> address(std::string_view word, Family family, const Cursor& in) {
  const std::optional<Address> a = parse_address(word);
  if (!a || a->family() != family)
    return wrong(in, word.empty() ? fmt::format("an {} address is missing", name(family))
                                  : fmt::format("'{}' is no {} address", word, name(family)));
  return *a;
}

Place masked(const Address& base, std::uint32_t wildcard) {
  Place place;
  const std::uint32_t counts = ~wildcard;
  const std::uint32_t value =
      base.ipv4_number() & counts;  // bits that do not count may be set in the base: ignored
  if ((wildcard & (wildcard + 1)) == 0)
    place.addresses = AddressSet::of_ranges({{Address::ipv4(value), Address::ipv4(value | wildcard)}});
  else
    place.bits = AddressBits{Family::ipv4, value, counts};
  if (!place.bits) return place;
  place.addresses = AddressSet{Prefix::containing(Address{}, 0)};
  return place;
}

Result<Place> place(Cursor& in, Family family, const Groups& groups, bool standard) {
  std::string_view word = in.word();
  Place result;
  if (word == "any" || word == "any4" || word == "any6") return result;
  if (word == "host") {
    const Address host = DEMARC_TRY(address(in.word(), family, in));
    result.addresses = AddressSet::single(host);
    return result;
  }
  if (word == "object-group" || word == "addrgroup") {
    const std::string_view group = in.word();
    if (group.empty()) return wrong(in, "the name of the object-group is missing");
    const NetworkGroup* known = groups.network(group);
    if (known != nullptr) result.addresses = known->addresses;
    if (known == nullptr) result.addresses = {};
    result.complete = known != nullptr && known->complete;
    if (!result.complete)
      result.unknown_group = known == nullptr ? fmt::format("object-group {} is not defined", group)
                                              : fmt::format("a member of object-group {} is not known", group);
    return result;
  }
  if (family == Family::ipv6) {
    const Result<Prefix> prefix = parse_prefix(word);
    if (!prefix || prefix->family() != Family::ipv6)
      return wrong(in, fmt::format("'{}' is no IPv6 prefix", word), prefix ? "" : prefix.error().hint);
    result.addresses = AddressSet{*prefix};
    return result;
  }
  const bool shown = standard && word.ends_with(',');  // "192.0.2.0, wildcard bits 0.0.0.255" in show access-lists
  if (shown) word.remove_suffix(1);
  const Address base = DEMARC_TRY(address(word, family, in));
  if (shown) in.word(), in.word();
  const std::optional<Address> wildcard = parse_address(in.peek());
  if (!wildcard || !wildcard->is_ipv4()) {
    if (!standard) {
      in.word();
      return wrong(in, "the wildcard mask is missing", "a single address is written 'host ADDRESS'");
    }
    result.addresses = AddressSet::single(base);  // a standard list: 0.0.0.0 is understood
    return result;
  }
  in.word();
  return masked(base, wildcard->ipv4_number());
}

Result<Port> port(Cursor& in, std::span<const NamedNumber> names) {
  const std::string_view word = in.word();
  if (word.empty()) return wrong(in, "a port is missing");
  if (const std::optional<unsigned> n = number(word, 65535)) return Port(static_cast<std::uint16_t>(*n));
  if (const NamedNumber* row = find(word, names)) return Port(row->number);
  return wrong(in, fmt::format("'{}' is neither a port number nor an IOS port name", word), hint_of(word, names));
}

bool is_port_word(std::string_view word, std::span<const NamedNumber> names) {
  return number(word, 65535).has_value() || find(word, names) != nullptr;
}

/// `eq a b`, `neq a b`, `gt`, `lt`, `range`; none if no operator stands here.
Result<std::optional<PortSet>> ports(Cursor& in, std::span<const NamedNumber> names) {
  const std::string_view op = in.peek();
  if (op == "eq" || op == "neq") {
    in.word();
    std::vector<PortRange> list;
    do {
      const Port p = DEMARC_TRY(port(in, names));
      list.push_back(PortRange::single(p));
    } while (list.size() < kPortsMax && is_port_word(in.peek(), names));
    PortSet set = PortSet::of(std::move(list));
    return op == "eq" ? set : PortSet::all().minus(set);
  }
  if (op == "gt" || op == "lt") {
    in.word();
    const std::uint16_t n = DEMARC_TRY(port(in, names)).number();
    if (op == "gt") return n == 65535 ? PortSet{} : PortSet{{Port(static_cast<std::uint16_t>(n + 1)), Port(65535)}};
    return n == 0 ? PortSet{} : PortSet{{Port(0), Port(static_cast<std::uint16_t>(n - 1))}};
  }
  if (op == "range") {
    in.word();
    const Port first = DEMARC_TRY(port(in, names));
    const Port last = DEMARC_TRY(port(in, names));
    const auto [low, high] = std::minmax(first, last);  // IOS turns a range round that runs backwards
    return PortSet{{low, high}};
  }
  return std::optional<PortSet>();
}

std::span<const NamedNumber> port_names(const ProtocolSet& protocols) {
  return protocols.contains(Protocol::udp) && !protocols.contains(Protocol::tcp) ? ios_udp_ports()
                                                                                 : ios_tcp_ports();
}

/// A type by name, or by number with an optional code.
Result<std::optional<IcmpSet>> icmp(Cursor& in, Family family) {
  const std::span<const NamedIcmp> names = family == Family::ipv4 ? ios_icmp() : ios_icmpv6();
  const std::string_view word = in.peek();
  if (const NamedIcmp* row = find(word, names)) {
    in.word();
    return IcmpSet{row->type};
  }
  const std::optional<unsigned> type = number(word, 255);
  if (!type) return std::optional<IcmpSet>();
  in.word();
  IcmpType t{static_cast<std::uint8_t>(*type), {}};
  if (const std::optional<unsigned> code = number(in.peek(), 255)) {
    in.word();
    t.code = static_cast<std::uint8_t>(*code);
  }
  return IcmpSet{t};
}

std::optional<std::uint8_t> flag_bit(std::string_view word) {
  constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {{"fin", tcp_flag::fin}, {"syn", tcp_flag::syn},
                                                                  {"rst", tcp_flag::rst}, {"psh", tcp_flag::psh},
                                                                  {"ack", tcp_flag::ack}, {"urg", tcp_flag::urg}};
  for (const auto& [flag, bit] : kFlags)
    if (word == flag) return bit;
  return std::nullopt;
}

/// What stands behind the addresses and ports.
struct Options {
  std::optional<ByteSet> flags = {};
  bool fragments = false;
  std::string undecided = {};
};

Result<Options> options(Cursor& in) {
  Options o;
  const auto undecided = [&o](std::string why) {
    o.undecided += (o.undecided.empty() ? "" : ", ") + std::move(why);
  };
  const auto flags = [&o](const ByteSet& more, bool all) {
    o.flags = !o.flags ? more : all ? o.flags->intersect(more) : o.flags->unite(more);
  };
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (const std::optional<std::uint8_t> bit = flag_bit(word)) {  // "syn ack": any of them
      flags(tcp_flags(*bit, *bit), false);
    } else if (word == "established") {
      flags(tcp_flags_established(), false);
    } else if (word == "match-any" || word == "match-all") {
      bool any = false;
      for (std::string_view flag = in.peek(); flag.size() > 1 && (flag[0] == '+' || flag[0] == '-');
           flag = in.peek()) {
        in.word();
        const std::optional<std::uint8_t> value = flag_bit(flag.substr(1));
        if (!value) return wrong(in, fmt::format("'{}' is no TCP flag", flag.substr(1)));
        flags(tcp_flags(*value, flag[0] == '+' ? *value : std::uint8_t{0}), word == "match-all");
        any = true;
      }
      if (!any) return wrong(in, fmt::format("no flag stands behind {}", word), "flags are written +syn or -ack");
    } else if (word == "fragments") {
      o.fragments = true;
    } else if (word == "log" || word == "log-input") {
      if (in.peek() != "" && !flag_bit(in.peek()) && in.peek() != "time-range") in.word();  // a cookie
    } else if (word == "time-range") {
      const std::string_view range = in.word();
      if (range.empty()) return wrong(in, "the name of the time range is missing");
      undecided(fmt::format("time-range {}", range));
    } else if (word == "dscp" || word == "precedence" || word == "tos" || word == "ttl" || word == "option" ||
               word == "flow-label" || word == "dest-option-type" || word == "routing-type" ||
               word == "mobility-type") {
      // Fields that a packet set does not know: some of the packets match.
      std::string text(word);
      if (const std::string_view op = in.peek();
          op == "eq" || op == "gt" || op == "lt" || op == "neq" || op == "range")
        text += fmt::format(" {}", in.word());
      if (!in.at_end()) text += fmt::format(" {}", in.word());
      undecided(std::move(text));
    } else if (word == "routing" || word == "mobility" || word == "dest-option" || word == "hbh" ||
               word == "auth" || word == "undetermined-transport") {
      undecided(std::string(word));
    } else if (word == "reflect") {
      in.word();
      if (in.peek() == "timeout") in.word(), in.word();  // the entry itself matches as ever
    } else if (word.starts_with("(") ||
               word == "sequence") {  // "(12 matches)" of show access-lists; IPv6 puts its number last
      if (word == "sequence") {
        in.word();
        continue;
      }
      while (!in.at_end() && !in.word().ends_with(")")) {}
    } else {
      constexpr std::string_view kKnown[] = {
          "established", "fragments", "log",       "log-input", "time-range", "dscp", "precedence", "tos", "ttl",
          "option",      "match-any", "match-all", "eq",        "range",      "neq",  "gt",         "lt"};
      return wrong(in, fmt::format("'{}' is not understood here", word), suggest(word, std::span(kKnown)));
    }
  }
  return o;
}

Result<ProtocolSet> protocol(std::string_view word, Family family, const Cursor& in) {
  if (word == "ip" || word == "ipv6") return ProtocolSet::all();
  if (word == "icmp") return ProtocolSet{family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6};
  if (word == "tcp-udp") return ProtocolSet{Protocol::tcp, Protocol::udp};
  if (const NamedNumber* row = find(word, ios_protocols()))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(row->number))};
  if (const std::optional<unsigned> n = number(word, 255))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(*n))};
  return wrong(in,
               word.empty() ? "the protocol is missing" : fmt::format("'{}' is no protocol that IOS knows", word),
               hint_of(word, ios_protocols()));
}

bool has_ports(const ProtocolSet& p) {
  return p != ProtocolSet::all() &&
         (p.contains(Protocol::tcp) || p.contains(Protocol::udp) || p.contains(Protocol::sctp));
}

/// The packets, in one box or two: an entry that names ports, types or flags cannot see them in later fragments.
/// A permit lets later fragments by that match in addresses and protocol; a deny leaves them to the entries behind.
void add_matches(const Place& source, const Place& destination, Family family, const ServiceObject& service,
                 const Options& o, Action action, std::vector<Match>& out) {
  Match m;
  m.box.family = family;
  m.box.sources = source.addresses;
  m.box.destinations = destination.addresses;
  m.source_bits = source.bits;
  m.destination_bits = destination.bits;
  m.box.protocols = service.protocols;
  if (o.fragments) {
    m.box.fragments = kLaterFragments;
    out.push_back(std::move(m));
    return;
  }
  const bool looks_deeper = service.ports != PortSet::all() || service.source_ports != PortSet::all() ||
                            service.icmp != IcmpSet::all() || o.flags.has_value();
  if (looks_deeper && action == Action::permit) {
    Match later = m;
    later.box.fragments = kLaterFragments;
    out.push_back(std::move(later));
  }
  if (looks_deeper) m.box.fragments = {Fragment::whole, Fragment::first};
  m.box.ports = service.ports;
  m.box.source_ports = service.source_ports;
  m.box.icmp = service.icmp;
  if (o.flags) m.box.flags = *o.flags;
  out.push_back(std::move(m));
}

}  // namespace

std::optional<unsigned> netmask_length(const Address& mask) {
  const std::uint32_t inverted = ~mask.ipv4_number();
  if ((inverted & (inverted + 1)) != 0) return std::nullopt;
  return static_cast<unsigned>(std::countl_one(mask.ipv4_number()));
}

Result<ServiceObject> read_service_object(Cursor& in) {
  ServiceObject s;
  const std::string_view word = in.word();
  s.protocols = DEMARC_TRY(protocol(word, Family::ipv4, in));
  if (s.protocols == ProtocolSet{Protocol::icmp}) {
    const std::optional<IcmpSet> types = DEMARC_TRY(icmp(in, Family::ipv4));
    if (types) s.icmp = *types;
  } else if (has_ports(s.protocols)) {
    if (in.peek() == "source") {
      in.word();
      const std::optional<PortSet> from = DEMARC_TRY(ports(in, port_names(s.protocols)));
      if (!from) return wrong(in, "no port stands behind source");
      s.source_ports = *from;
    }
    const std::optional<PortSet> to = DEMARC_TRY(ports(in, port_names(s.protocols)));
    if (to) {
      s.ports = *to;
    } else if (!in.at_end()) {  // "tcp www": eq is understood
      const Port p = DEMARC_TRY(port(in, port_names(s.protocols)));
      s.ports = PortSet::single(p);
    }
  }
  if (!in.at_end()) {
    const std::string_view rest = in.word();
    return wrong(in, fmt::format("'{}' is not understood here", rest));
  }
  return s;
}

Result<AddressSet> read_network_object(Cursor& in) {
  const std::string_view word = in.word();
  if (word == "any") return AddressSet{Prefix::containing(Address{}, 0)};
  if (word == "host") {
    const std::optional<Address> host = parse_address(in.word());
    if (!host) return wrong(in, "no address stands behind host", "names are not resolved");
    return AddressSet::single(*host);
  }
  if (word == "range") {
    const std::optional<Address> first = parse_address(in.word());
    const std::optional<Address> last = parse_address(in.word());
    if (!first || !last || first->family() != last->family() || *last < *first)
      return wrong(in, "two addresses stand behind range, the smaller one first");
    return AddressSet::of_ranges({{*first, *last}});
  }
  if (word.find('/') != std::string_view::npos) {
    const Result<Prefix> prefix = parse_prefix(word);
    if (!prefix) return wrong(in, prefix.error().what, prefix.error().hint);
    return AddressSet{*prefix};
  }
  const std::optional<Address> base = parse_address(word);
  if (!base) return wrong(in, fmt::format("'{}' is no address", word));
  const std::optional<Address> mask = parse_address(in.word());
  if (!mask || !mask->is_ipv4())
    return wrong(in, "the netmask is missing", "object-groups hold netmasks, not wildcard masks");
  const std::optional<unsigned> length = netmask_length(*mask);
  if (!length)
    return wrong(in, fmt::format("{} is no netmask", to_string(*mask)),
                 "object-groups hold netmasks, not wildcard masks");
  return AddressSet{Prefix::containing(*base, *length)};
}

Result<void> read_ace(Cursor& in, Kind kind, const Groups& groups, Entry& entry) {
  const Family family = kind == Kind::ipv6 ? Family::ipv6 : Family::ipv4;
  const std::string_view action = in.word();
  if (action == "permit")
    entry.action = Action::permit;
  else if (action == "deny")
    entry.action = Action::deny;
  else
    return wrong(in, fmt::format("'{}' is neither permit nor deny", action));
  if (kind == Kind::standard) {
    const Place source = DEMARC_TRY(place(in, family, groups, true));
    const Options o = DEMARC_TRY(options(in));
    add_matches(source, {}, family, {}, o, entry.action,
                o.undecided.empty() && source.complete ? entry.match : entry.maybe);
    entry.undecided = !source.complete ? source.unknown_group : o.undecided;
    return {};
  }
  std::vector<ServiceObject> services;
  bool services_complete = true;
  std::string undecided;
  const std::string_view word = in.word();
  if (word == "object-group") {
    const std::string_view group_name = in.word();
    const ServiceGroup* group = groups.service(group_name);
    if (group != nullptr) services = group->members;
    if (group == nullptr || !group->complete) {
      undecided = group == nullptr ? fmt::format("object-group {} is not defined", group_name)
                                   : fmt::format("a member of object-group {} is not known", group_name);
      services_complete = false;
      services = {ServiceObject{}};
    }
  } else {
    ServiceObject one;
    one.protocols = DEMARC_TRY(protocol(word, family, in));
    services.push_back(one);
  }
  const bool named = word == "object-group";
  const ProtocolSet written = named ? ProtocolSet::all() : services.front().protocols;
  const Place source = DEMARC_TRY(place(in, family, groups, false));
  if (!named && has_ports(written)) {
    const std::optional<PortSet> from = DEMARC_TRY(ports(in, port_names(written)));
    if (from) services.front().source_ports = *from;
  }
  const Place destination = DEMARC_TRY(place(in, family, groups, false));
  if (!named && has_ports(written)) {
    const std::optional<PortSet> to = DEMARC_TRY(ports(in, port_names(written)));
    if (to) services.front().ports = *to;
  }
  if (!named && (written == ProtocolSet{Protocol::icmp} || written == ProtocolSet{Protocol::icmpv6})) {
    const std::optional<IcmpSet> types = DEMARC_TRY(icmp(in, family));
    if (types) services.front().icmp = *types;
  }
  const Options o = DEMARC_TRY(options(in));
  const auto because = [&undecided](const std::string& why) {
    if (!why.empty()) undecided += (undecided.empty() ? "" : ", ") + why;
  };
  because(o.undecided);
  because(source.unknown_group);
  if (destination.unknown_group != source.unknown_group) because(destination.unknown_group);
  const auto add = [&](const Place& from, const Place& to, std::vector<Match>& out) {
    for (const ServiceObject& service : services) add_matches(from, to, family, service, o, entry.action, out);
  };
  // A group of which a member is missing holds its known members for certain, and possibly any address.
  if (o.undecided.empty() && services_complete) add(source, destination, entry.match);
  if (!undecided.empty()) {
    Place from = source, to = destination;
    if (!from.complete) from.addresses = AddressSet::all();
    if (!to.complete) to.addresses = AddressSet::all();
    add(from, to, entry.maybe);
  }
  entry.undecided = undecided;
  return {};
}

}  // namespace demarc::ios
