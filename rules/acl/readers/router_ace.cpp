// Sources: Cisco IOS Security Command Reference (access-list (IP extended), permit (IP), permit (IPv6),
// object-group); Cisco Nexus 7000 Series NX-OS Security Command Reference (permit, object-group); Cisco IOS XR IP
// Addresses and Services Command Reference (permit (IPv4)); Arista EOS User Manual (ACLs and Route Maps). For what
// entries with ports do to later fragments: "Access Control Lists and IP Fragments" (Cisco document 8014), which
// IOS-XR's reference repeats and EOS's and NX-OS's do not contradict.
#include "rules/acl/readers/router_ace.h"
#include "rules/acl/readers/name_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "rules/text/suggest.h"

namespace demarc::router {

namespace {

constexpr std::size_t kPortsMax = 64;  // IOS takes ten after `eq`; whatever a dialect takes, a line ends

std::unexpected<Error> wrong(const Cursor& in, std::string what, std::string hint = {}) {
  return std::unexpected(Error{in.last(), std::move(what), std::move(hint)});
}

/// Why something is not decided, said once. Bounded: a line may hold a million reasons.
class Reasons {
 public:
  void add(std::string_view why) {
    constexpr std::size_t kTextMax = 400;
    if (why.empty() || text_.size() > kTextMax || text_.find(why) != std::string::npos) return;
    why = why.substr(0, kTextMax);
    if (!text_.empty()) text_ += ", ";
    text_ += why;
  }
  std::string take() { return std::move(text_); }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

/// Where the packets come from or go to.
struct Place {
  AddressSet addresses = AddressSet::all();
  std::optional<AddressBits> bits = {};
  const NetworkGroup* group = nullptr;  // whose addresses are yet to be written out
  bool complete = true;                 // false: a group of which a member is not known
  std::string why = {};

  std::size_t ranges() const { return (group != nullptr ? group->addresses : addresses).ranges().size(); }
  void write_out() {
    if (group != nullptr) addresses = group->addresses;
  }
};

Result<Address> address(std::string_view word, Family family, const Cursor& in) {
  const std::optional<Address> a = parse_address(word);
  if (!a || a->family() != family)
    return wrong(in, word.empty() ? fmt::format("an {} address is missing", name(family))
                                  : fmt::format("'{}' is no {} address", word, name(family)));
  return *a;
}

/// Bits that do not count may be set in the base: they are ignored.
Place masked(const Address& base, std::uint32_t wildcard) {
  Place place;
  const std::uint32_t counts = ~wildcard, value = base.ipv4_number() & counts;
  if ((wildcard & (wildcard + 1)) == 0) {
    place.addresses = AddressSet::of_ranges({{Address::ipv4(value), Address::ipv4(value | wildcard)}});
  } else {
    place.bits = AddressBits{Family::ipv4, value, counts};
    place.addresses = AddressSet{Prefix::containing(Address{}, 0)};
  }
  return place;
}

/// The same for IPv6, where NX-OS takes a wildcard mask beside a prefix.
Place masked6(const Address& base, Uint128 wildcard) {
  Place place;
  const Uint128 value = base.number() & ~wildcard;
  if ((wildcard & (wildcard + 1)) == 0) {
    place.addresses =
        AddressSet::of_ranges({{Address::of(Family::ipv6, value), Address::of(Family::ipv6, value | wildcard)}});
  } else {
    place.bits = AddressBits{Family::ipv6, value, ~wildcard};
    place.addresses = AddressSet{Prefix::containing(Address::ipv6(0, 0), 0)};
  }
  return place;
}

Result<Place> group_place(Cursor& in, const Groups& groups) {
  const std::string_view group = in.word();
  if (group.empty()) return wrong(in, "the name of the group is missing");
  Place result;
  const NetworkGroup* known = groups.network(group);
  result.addresses = {};
  result.group = known;
  result.complete = known != nullptr && known->complete;
  if (known == nullptr)
    result.why = fmt::format("object-group {} is not defined", group);
  else if (!known->complete)
    result.why = fmt::format("a member of object-group {} is not known", group);
  return result;
}

Result<Place> place(Cursor& in, const AceDialect& dialect, ListForm form, const Groups& groups) {
  const Family family = form.family;
  std::string_view word = in.word();
  Place result;
  if (word == "any" || (word == "any4" && family == Family::ipv4) || (word == "any6" && family == Family::ipv6))
    return result;
  if (word == "host") {
    const Address host = DEMARC_TRY(address(in.word(), family, in));
    result.addresses = AddressSet::single(host);
    return result;
  }
  if (!word.empty() && word == dialect.network_group) return group_place(in, groups);
  if (word.find('/') != std::string_view::npos && (dialect.prefixes || family == Family::ipv6)) {
    const Prefix prefix = DEMARC_TRY(read_prefix(word, family, in));
    result.addresses = AddressSet{prefix};
    return result;
  }
  if (family == Family::ipv6) {
    const std::optional<Address> base = parse_address(word);
    if (!base || base->is_ipv4()) return wrong(in, fmt::format("'{}' is no IPv6 prefix", word));
    const std::optional<Address> wildcard = parse_address(in.peek());
    if (!wildcard || wildcard->is_ipv4()) {
      if (!form.standard)
        return wrong(in, fmt::format("'{}' is no IPv6 prefix", word), "a single address is written 'host ADDRESS'");
      result.addresses = AddressSet::single(*base);
      return result;
    }
    in.word();
    return masked6(*base, wildcard->number());
  }
  const bool shown =
      form.standard && word.ends_with(',');  // "192.0.2.0, wildcard bits 0.0.0.255": show access-lists
  if (shown) word.remove_suffix(1);
  const Address base = DEMARC_TRY(address(word, family, in));
  if (shown) in.word(), in.word();
  const std::optional<Address> wildcard = parse_address(in.peek());
  if (!wildcard || !wildcard->is_ipv4()) {
    if (!form.standard) {
      in.word();
      return wrong(in, "the wildcard mask is missing", "a single address is written 'host ADDRESS'");
    }
    result.addresses = AddressSet::single(base);  // a standard list: 0.0.0.0 is understood
    return result;
  }
  in.word();
  return masked(base, wildcard->ipv4_number());
}

Result<Port> port(Cursor& in, const AceDialect& dialect, std::span<const NamedNumber> names) {
  const std::string_view word = in.word();
  if (const std::optional<std::uint64_t> n = decimal(word, 65535)) return Port(static_cast<std::uint16_t>(*n));
  if (const NamedNumber* row = find_named(word, names)) return Port(row->number);
  return wrong(in,
               word.empty() ? "a port is missing"
                            : fmt::format("'{}' is neither a port number nor an {} port name", word, dialect.name),
               suggest_named(word, names));
}

bool is_port_word(std::string_view word, std::span<const NamedNumber> names) {
  return decimal(word, 65535) || find_named(word, names) != nullptr;
}

std::span<const NamedNumber> port_names(const ProtocolSet& protocols, const RouterNames& names) {
  return protocols.contains(Protocol::udp) && !protocols.contains(Protocol::tcp) ? names.udp : names.tcp;
}

/// Ports as they stand in an entry: a comparison or a group of them.
struct Ports {
  PortSet set = PortSet::all();
  bool complete = true;
  std::string why = {};
};

Result<Ports> ports_or_group(Cursor& in, const AceDialect& dialect, const Groups& groups,
                             std::span<const NamedNumber> names) {
  Ports result;
  if (!dialect.port_group.empty() && in.peek() == dialect.port_group) {
    in.word();
    const std::string_view group = in.word();
    if (group.empty()) return wrong(in, "the name of the group of ports is missing");
    const PortGroup* known = groups.ports(group);
    result.set = known != nullptr ? known->ports : PortSet{};
    result.complete = known != nullptr && known->complete;
    if (known == nullptr)
      result.why = fmt::format("object-group {} is not defined", group);
    else if (!known->complete)
      result.why = fmt::format("a member of object-group {} is not known", group);
    return result;
  }
  const std::optional<PortSet> set = DEMARC_TRY(read_ports(in, dialect, names));
  if (set) result.set = *set;
  return result;
}

/// A type by name, or by number with an optional code.
Result<std::optional<IcmpSet>> icmp(Cursor& in, Family family, const RouterNames& all) {
  const std::span<const NamedIcmp> names = family == Family::ipv4 ? all.icmp : all.icmpv6;
  const std::string_view word = in.peek();
  if (const NamedIcmp* row = find_named(word, names)) {
    in.word();
    return IcmpSet{row->type};
  }
  const std::optional<std::uint64_t> type = decimal(word, 255);
  if (!type) return std::optional<IcmpSet>();
  in.word();
  IcmpType t{static_cast<std::uint8_t>(*type), {}};
  if (const std::optional<std::uint64_t> code = decimal(in.peek(), 255)) {
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

const AceOption* find_option(std::string_view word, const AceDialect& dialect) {
  const auto found = std::find_if(dialect.options.begin(), dialect.options.end(),
                                  [word](const AceOption& o) { return o.word == word; });
  return found == dialect.options.end() ? nullptr : &*found;
}

/// Words that every dialect has, for hints.
constexpr std::string_view kCommonOptions[] = {"established", "fragments", "match-any", "match-all", "eq",
                                               "range",       "neq",       "gt",        "lt"};

/// What stands behind the addresses and ports.
struct Options {
  std::optional<ByteSet> flags = {}, flags_possible = {};
  unsigned flag_words = 0;
  bool fragments = false, silent = false;
  Reasons undecided = {};
};

bool is_option(std::string_view word, const AceDialect& dialect) {
  return flag_bit(word) || find_option(word, dialect) != nullptr || word.starts_with('(') ||
         word.starts_with('[') || is_one_of(word, kCommonOptions);
}

Result<void> option(Cursor& in, const AceOption& row, const AceDialect& dialect, Options& o) {
  std::string text(row.word);
  const auto take = [&] {
    const std::string_view word = in.word();
    if (!word.empty()) text += fmt::format(" {}", word);
    return word;
  };
  switch (row.takes) {
    case AceOption::Takes::none: break;
    case AceOption::Takes::word:
      if (take().empty()) return wrong(in, fmt::format("a word is missing behind {}", row.word));
      break;
    case AceOption::Takes::comparison: {
      const std::string_view op = take();
      if (op == "range") take(), take();
      if (op == "eq" || op == "gt" || op == "lt" || op == "neq") take();
      break;
    }
    case AceOption::Takes::cookie:
      if (!in.at_end() && !is_option(in.peek(), dialect)) in.word();
      break;
    case AceOption::Takes::rest:
      while (!in.at_end()) take();
      break;
  }
  if (row.does == AceOption::Does::undecides) o.undecided.add(text);
  if (row.does == AceOption::Does::silences) o.silent = true;
  return {};
}

/// "match-all +syn -ack"; IOS-XR also writes "+ syn", EOS a list without signs.
Result<void> flag_list(Cursor& in, bool all, Options& o) {
  bool any = false;
  while (!in.at_end()) {
    std::string_view flag = in.peek();
    if (flag[0] != '+' && flag[0] != '-') break;
    in.word();
    const bool set = flag[0] == '+';
    flag.remove_prefix(1);
    if (flag.empty()) flag = in.word();
    const std::optional<std::uint8_t> bit = flag_bit(flag);
    if (!bit) return wrong(in, fmt::format("'{}' is no TCP flag", flag));
    const ByteSet more = tcp_flags(*bit, set ? *bit : std::uint8_t{0});
    o.flags = !o.flags ? more : all ? o.flags->intersect(more) : o.flags->unite(more);
    any = true;
  }
  if (!any)
    return wrong(in, fmt::format("no flag stands behind {}", all ? "match-all" : "match-any"),
                 "flags are written +syn or -ack");
  return {};
}

Result<Options> options(Cursor& in, const AceDialect& dialect) {
  Options o;
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (const std::optional<std::uint8_t> bit = flag_bit(word)) {  // "syn ack": any of them, on IOS
      const ByteSet more = tcp_flags(*bit, *bit);
      o.flags_possible = o.flags_possible ? o.flags_possible->unite(more) : more;
      o.flags = !o.flags ? more : dialect.flag_words_differ ? o.flags->intersect(more) : o.flags->unite(more);
      ++o.flag_words;
    } else if (word == "established") {
      o.flags = o.flags ? o.flags->unite(tcp_flags_established()) : tcp_flags_established();
      if (o.flags_possible) o.flags_possible = o.flags_possible->unite(tcp_flags_established());
    } else if (word == "match-any" || word == "match-all") {
      DEMARC_TRY(flag_list(in, word == "match-all", o));
    } else if (word == "fragments") {
      o.fragments = true;
    } else if (word.starts_with('(') || word.starts_with('[')) {  // counters, as shown
      const char close = word[0] == '(' ? ')' : ']';
      for (std::string_view part = word; !part.ends_with(close) && !in.at_end();) part = in.word();
    } else if (const AceOption* row = find_option(word, dialect)) {
      DEMARC_TRY(option(in, *row, dialect, o));
    } else {
      std::vector<std::string_view> known(std::begin(kCommonOptions), std::end(kCommonOptions));
      for (const AceOption& each : dialect.options) known.push_back(each.word);
      return wrong(in, fmt::format("'{}' is not understood here", word),
                   suggest(word, std::span<const std::string_view>(known)));
    }
  }
  return o;
}

Result<ProtocolSet> protocol(std::string_view word, Family family, const Cursor& in, const AceDialect& dialect) {
  if (word == "ip" || word == "ipv4" || word == "ipv6") return ProtocolSet::all();
  if (word == "icmp" || (word == "icmpv6" && family == Family::ipv6))
    return ProtocolSet{family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6};
  if (word == "tcp-udp") return ProtocolSet{Protocol::tcp, Protocol::udp};
  if (const NamedNumber* row = find_named(word, dialect.names.protocols))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(row->number))};
  if (const std::optional<std::uint64_t> n = decimal(word, 255))
    return ProtocolSet{Protocol(static_cast<std::uint8_t>(*n))};
  return wrong(in,
               word.empty() ? "the protocol is missing"
                            : fmt::format("'{}' is no protocol that {} knows", word, dialect.name),
               suggest_named(word, dialect.names.protocols));
}

bool has_ports(const ProtocolSet& p) {
  return p != ProtocolSet::all() &&
         (p.contains(Protocol::tcp) || p.contains(Protocol::udp) || p.contains(Protocol::sctp));
}

/// The packets, in one box or two: an entry that names ports, types or flags cannot see them in later fragments.
/// A permit lets later fragments by that match in addresses and protocol; a deny leaves them to the entries behind.
void add_matches(const Place& source, const Place& destination, Family family, const ServiceObject& service,
                 const std::optional<ByteSet>& flags, bool fragments, Action action, std::vector<Match>& out) {
  Match m;
  m.box.family = family;
  m.box.sources = source.addresses;
  m.box.destinations = destination.addresses;
  m.source_bits = source.bits;
  m.destination_bits = destination.bits;
  m.box.protocols = service.protocols;
  if (fragments) {
    m.box.fragments = kLaterFragments;
    out.push_back(std::move(m));
    return;
  }
  const bool looks_deeper = service.ports != PortSet::all() || service.source_ports != PortSet::all() ||
                            service.icmp != IcmpSet::all() || flags.has_value();
  if (looks_deeper && action == Action::permit) {
    Match later = m;
    later.box.fragments = kLaterFragments;
    out.push_back(std::move(later));
  }
  if (looks_deeper) m.box.fragments = {Fragment::whole, Fragment::first};
  m.box.ports = service.ports;
  m.box.source_ports = service.source_ports;
  m.box.icmp = service.icmp;
  if (flags) m.box.flags = *flags;
  out.push_back(std::move(m));
}

/// An entry that names a source and nothing else.
Result<void> read_standard(Cursor& in, const AceDialect& dialect, ListForm form, const Groups& groups,
                           Entry& entry) {
  form.standard = true;
  Place source = DEMARC_TRY(place(in, dialect, form, groups));
  source.write_out();
  Options o = DEMARC_TRY(options(in, dialect));
  if (o.silent && entry.action == Action::deny) entry.refusal = Refusal::silence;
  Reasons undecided = std::move(o.undecided);
  const bool certain = undecided.empty();
  undecided.add(source.why);
  if (certain) add_matches(source, {}, form.family, {}, {}, o.fragments, entry.action, entry.match);
  if (!certain || !source.complete) {
    Place from = source;
    if (!from.complete) from.addresses = AddressSet::all();
    add_matches(from, {}, form.family, {}, {}, o.fragments, entry.action, entry.maybe);
  }
  entry.undecided = undecided.take();
  return {};
}

bool names_a_source(std::string_view word, const AceDialect& dialect, Family family) {
  if (word == "any" || word == "host" || (!word.empty() && word == dialect.network_group)) return true;
  const std::optional<Address> a = parse_address(word.substr(0, word.find('/')));
  return a && a->family() == family;
}

/// What an entry says about protocol, ports and types.
struct Services {
  std::vector<ServiceObject> known = {};
  bool complete = true;                      // the known ones are all
  std::optional<ServiceObject> widest = {};  // where not: none of the others is outside of it
};

/// Ranges that the entry writes out of groups, if that is much; false: more than may be. A match that looks at
/// ports has a second one beside it, for later fragments.
bool afford(const Groups& groups, const Services& services, const Place& source, const Place& destination) {
  const std::size_t ranges = 2 * (source.ranges() + destination.ranges() + 1) * services.known.size();
  if (groups.ranges_left == nullptr || ranges <= 16) return true;
  if (*groups.ranges_left < ranges) return false;
  *groups.ranges_left -= ranges;
  return true;
}

}  // namespace

std::optional<std::uint64_t> decimal(std::string_view word, std::uint64_t most) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size() || n > most) return std::nullopt;
  return n;
}

std::optional<unsigned> netmask_length(const Address& mask) {
  const std::uint32_t inverted = ~mask.ipv4_number();
  if ((inverted & (inverted + 1)) != 0) return std::nullopt;
  return static_cast<unsigned>(std::countl_one(mask.ipv4_number()));
}

std::optional<std::uint64_t> matches_shown(std::string_view text) {
  for (std::size_t at = text.find_first_of("(["); at != std::string_view::npos;
       at = text.find_first_of("([", at + 1)) {
    std::string_view inside = text.substr(at + 1);
    const bool word_first = inside.starts_with("match=") || inside.starts_with("match ");
    if (word_first) inside.remove_prefix(6);
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), n);
    if (error != std::errc{}) continue;
    inside.remove_prefix(static_cast<std::size_t>(end - inside.data()));
    if (word_first || inside.starts_with(" match") || inside.starts_with(" hw match")) return n;
  }
  return std::nullopt;
}

void make_unknown(Entry& entry, std::optional<Family> family, std::string why) {
  entry.match.clear();
  entry.maybe.assign(1, Match{});
  entry.maybe[0].box.family = family;
  entry.action = Action::unknown;
  entry.undecided = std::move(why);
}

Result<Prefix> read_prefix(std::string_view word, Family family, const Cursor& in) {
  const std::size_t slash = word.find('/');
  const std::optional<Address> base = parse_address(word.substr(0, slash));
  const std::optional<std::uint64_t> length =
      slash == std::string_view::npos ? bits(family) : decimal(word.substr(slash + 1), bits(family));
  if (!base || base->family() != family || !length)
    return wrong(in, fmt::format("'{}' is no {} prefix", word, name(family)));
  return Prefix::containing(*base, static_cast<unsigned>(*length));
}

Result<std::optional<PortSet>> read_ports(Cursor& in, const AceDialect& dialect,
                                          std::span<const NamedNumber> names) {
  const std::string_view op = in.peek();
  if (op == "eq" || op == "neq") {
    in.word();
    std::vector<PortRange> list;
    do {
      const Port p = DEMARC_TRY(port(in, dialect, names));
      list.push_back(PortRange::single(p));
    } while (list.size() < kPortsMax && is_port_word(in.peek(), names));
    PortSet set = PortSet::of(std::move(list));
    return op == "eq" ? set : PortSet::all().minus(set);
  }
  if (op == "gt" || op == "lt") {
    in.word();
    const Port bound = DEMARC_TRY(port(in, dialect, names));
    const std::uint16_t n = bound.number();
    if (op == "gt") return n == 65535 ? PortSet{} : PortSet{{Port(static_cast<std::uint16_t>(n + 1)), Port(65535)}};
    return n == 0 ? PortSet{} : PortSet{{Port(0), Port(static_cast<std::uint16_t>(n - 1))}};
  }
  if (op == "range") {
    in.word();
    const Port first = DEMARC_TRY(port(in, dialect, names));
    const Port last = DEMARC_TRY(port(in, dialect, names));
    const auto [low, high] = std::minmax(first, last);  // IOS turns a range round that runs backwards
    return PortSet{{low, high}};
  }
  return std::optional<PortSet>();
}

Result<ServiceObject> read_service_object(Cursor& in, const AceDialect& dialect) {
  ServiceObject s;
  const std::string_view word = in.word();
  s.protocols = DEMARC_TRY(protocol(word, Family::ipv4, in, dialect));
  if (s.protocols == ProtocolSet{Protocol::icmp}) {
    const std::optional<IcmpSet> types = DEMARC_TRY(icmp(in, Family::ipv4, dialect.names));
    if (types) s.icmp = *types;
  } else if (has_ports(s.protocols)) {
    const std::span<const NamedNumber> names = port_names(s.protocols, dialect.names);
    if (in.peek() == "source") {
      in.word();
      const std::optional<PortSet> from = DEMARC_TRY(read_ports(in, dialect, names));
      if (!from) return wrong(in, "no port stands behind source");
      s.source_ports = *from;
    }
    const std::optional<PortSet> to = DEMARC_TRY(read_ports(in, dialect, names));
    if (to) {
      s.ports = *to;
    } else if (!in.at_end()) {  // "tcp www": eq is understood
      const Port p = DEMARC_TRY(port(in, dialect, names));
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
  const Family family = word.find(':') != std::string_view::npos ? Family::ipv6 : Family::ipv4;
  if (word.find('/') != std::string_view::npos) {
    const Prefix prefix = DEMARC_TRY(read_prefix(word, family, in));
    return AddressSet{prefix};
  }
  const std::optional<Address> base = parse_address(word);
  if (!base) return wrong(in, fmt::format("'{}' is no address", word));
  const std::optional<Address> mask = parse_address(in.word());
  if (!mask || !mask->is_ipv4() || !base->is_ipv4())
    return wrong(in, "the netmask is missing", "object-groups hold netmasks, not wildcard masks");
  const std::optional<unsigned> length = netmask_length(*mask);
  if (!length)
    return wrong(in, fmt::format("{} is no netmask", to_string(*mask)),
                 "object-groups hold netmasks, not wildcard masks");
  return AddressSet{Prefix::containing(*base, *length)};
}

Result<void> read_ace(Cursor& in, const AceDialect& dialect, ListForm form, const Groups& groups, Entry& entry) {
  const Family family = form.family;
  const std::string_view action = in.word();
  if (action == "permit")
    entry.action = Action::permit;
  else if (action == "deny")
    entry.action = Action::deny;
  else
    return wrong(in, fmt::format("'{}' is neither permit nor deny", action));
  if (form.standard || (dialect.source_alone && names_a_source(in.peek(), dialect, family)))
    return read_standard(in, dialect, form, groups, entry);

  Services services;
  Reasons undecided;
  const std::string_view word = in.word();
  const bool named = !dialect.service_group.empty() && word == dialect.service_group;
  if (named) {
    const std::string_view group_name = in.word();
    const ServiceGroup* group = groups.service(group_name);
    if (group != nullptr) services.known = group->members;
    services.complete = group != nullptr && group->complete;
    if (!services.complete) {
      undecided.add(group == nullptr ? fmt::format("object-group {} is not defined", group_name)
                                     : fmt::format("a member of object-group {} is not known", group_name));
      services.widest.emplace();
    }
  } else {
    ServiceObject one;
    one.protocols = DEMARC_TRY(protocol(word, family, in, dialect));
    services.known.push_back(std::move(one));
  }
  const ProtocolSet written = named ? ProtocolSet::all() : services.known.front().protocols;
  const bool with_ports = !named && has_ports(written);
  const std::span<const NamedNumber> names = port_names(written, dialect.names);
  const auto take = [&](const Ports& ports, PortSet ServiceObject::*which) {
    ServiceObject& one = services.known.front();
    one.*which = ports.set;
    if (ports.complete) {
      if (services.widest) (*services.widest).*which = ports.set;
      return;
    }
    undecided.add(ports.why);
    if (!services.widest) services.widest = one;
    (*services.widest).*which = PortSet::all();
    services.complete = false;
  };
  Place source = DEMARC_TRY(place(in, dialect, form, groups));
  if (with_ports) {
    const Ports from = DEMARC_TRY(ports_or_group(in, dialect, groups, names));
    take(from, &ServiceObject::source_ports);
  }
  Place destination = DEMARC_TRY(place(in, dialect, form, groups));
  if (with_ports) {
    const Ports to = DEMARC_TRY(ports_or_group(in, dialect, groups, names));
    take(to, &ServiceObject::ports);
  }
  if (!named && (written == ProtocolSet{Protocol::icmp} || written == ProtocolSet{Protocol::icmpv6})) {
    const std::optional<IcmpSet> types = DEMARC_TRY(icmp(in, family, dialect.names));
    if (types) services.known.front().icmp = *types;
  }
  Options o = DEMARC_TRY(options(in, dialect));
  if (o.silent && entry.action == Action::deny) entry.refusal = Refusal::silence;
  if (o.flags && written != ProtocolSet{Protocol::tcp} && !named)
    return wrong(in, "flags are matched in TCP alone");
  const bool certain = o.undecided.empty();
  const bool flags_differ = dialect.flag_words_differ && o.flag_words > 1;
  undecided.add(o.undecided.take());
  undecided.add(source.why);
  undecided.add(destination.why);
  if (flags_differ) undecided.add("whether several flags mean any or all of them");
  if (!services.known.empty() && !afford(groups, services, source, destination)) {
    entry.maybe.assign(1, Match{});
    entry.maybe[0].box.family = family;
    entry.undecided = "its groups, written out, are more than is kept of one configuration";
    return {};
  }
  source.write_out();
  destination.write_out();
  // A group of which a member is missing holds its known members for certain, and possibly anything.
  if (certain)
    for (const ServiceObject& service : services.known)
      add_matches(source, destination, family, service, o.flags, o.fragments, entry.action, entry.match);
  if (!undecided.empty()) {
    Place from = source, to = destination;
    if (!from.complete) from.addresses = AddressSet::all();
    if (!to.complete) to.addresses = AddressSet::all();
    const std::optional<ByteSet>& flags = flags_differ ? o.flags_possible : o.flags;
    if (services.widest)
      add_matches(from, to, family, *services.widest, flags, o.fragments, entry.action, entry.maybe);
    else
      for (const ServiceObject& service : services.known)
        add_matches(from, to, family, service, flags, o.fragments, entry.action, entry.maybe);
  }
  entry.undecided = undecided.take();
  return {};
}

}  // namespace demarc::router
