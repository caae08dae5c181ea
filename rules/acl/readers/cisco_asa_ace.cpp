// Sources: Cisco ASA Series Command Reference, access-list extended, access-list standard, ipv6 access-list;
// "Access Rules" and "Access Control Lists" of the Firewall Configuration Guide. Datagrams in fragments are put
// together before a list sees them (`fragment reassembly`), so an entry with ports speaks for their later fragments
// too.
#include "rules/acl/readers/cisco_asa_ace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "rules/acl/readers/cisco_asa_names.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/words.h"
#include "rules/text/suggest.h"

namespace demarc::asa {

using words::number;
using words::wrong;

namespace {

const AddressSet& all_of(Family family) {
  static const AddressSet four{Prefix::containing(Address{}, 0)}, six{Prefix::containing(Address::ipv6(0, 0), 0)};
  return family == Family::ipv4 ? four : six;
}

/// `show access-list` with object-group-search writes INSIDE(12) for INSIDE.
std::string_view without_id(std::string_view name) {
  const std::size_t open = name.rfind('(');
  return open != std::string_view::npos && open > 0 && name.ends_with(')') ? name.substr(0, open) : name;
}

bool has_ports(const ProtocolSet& p) {
  return !p.empty() && p.numbers().minus(ProtocolSet::with_ports().numbers()).empty();
}

}  // namespace

void add_reason(std::string& reasons, std::string_view reason) {
  constexpr std::size_t kReasonsMax = 400;
  if (reason.empty() || reasons.find(reason) != std::string::npos || reasons.size() > kReasonsMax) return;
  reasons += fmt::format("{}{}", reasons.empty() ? "" : ", ", reason);
}

void AceReader::know_interfaces() {
  for (std::size_t i = 0; i < device_.interfaces.size(); ++i)
    if (!device_.interfaces[i].nameif.empty()) interfaces_.try_emplace(device_.interfaces[i].nameif, i);
}

std::optional<std::size_t> AceReader::find_interface(std::string_view name) const {
  const auto found = interfaces_.find(name);
  return found == interfaces_.end() ? std::nullopt : std::optional<std::size_t>(found->second);
}

AceReader::Place AceReader::of(Addresses addresses) const {
  Place p;
  p.addresses = std::move(addresses.known);
  p.complete = addresses.complete;
  p.missing = std::move(addresses.missing);
  return p;
}

Result<AceReader::Place> AceReader::of_interface(Cursor& in) const {
  const std::string_view name = in.word();
  if (name.empty()) return wrong(in, "the interface is missing");
  Place p;
  p.addresses = {};
  const std::optional<std::size_t> i = find_interface(name);
  if (i) {  // its own address; the standby's stands behind it
    const std::vector<Address>& all = device_.interfaces[*i].addresses;
    const auto own = std::find_if(all.begin(), all.end(), [](const Address& a) { return a.is_ipv4(); });
    if (own != all.end()) p.addresses = AddressSet::single(*own);
  }
  if (p.addresses.empty()) {
    p.complete = false;
    p.missing = fmt::format("the address of interface {} is not known", name);
  }
  return p;
}

Result<AceReader::Place> AceReader::place(Cursor& in, ListKind kind) {
  const std::string_view word = in.word();
  Place result;
  if (word == "any") {
    if (kind == ListKind::ipv6)
      result.addresses = all_of(Family::ipv6);
    else if (!any_is_both_)
      result.addresses = all_of(Family::ipv4);
    return result;
  }
  if (word == "any4" || word == "any6") {
    result.addresses = all_of(word == "any4" ? Family::ipv4 : Family::ipv6);
    return result;
  }
  if (word == "interface") return of_interface(in);
  if (word == "object" || word == "object-group" || word == "v4-object-group" || word == "v6-object-group") {
    const std::string_view name = in.word();
    if (name.empty()) return wrong(in, fmt::format("the name of the {} is missing", word));
    return of(objects_.addresses(without_id(name)));
  }
  if (word == "object-group-network-service" || word == "fqdn") {
    const std::string_view name = in.word();
    result.addresses = {};
    result.complete = false;
    result.missing = fmt::format("{} {}", word, name);
    if (in.peek() == "(unresolved)" || in.peek() == "(resolved)") in.word();
    return result;
  }
  if (word == "host") {
    const std::string_view text = in.word();
    const std::optional<Address> host = objects_.address(text);
    if (!host) return wrong(in, text.empty() ? "an address is missing" : fmt::format("'{}' is no address", text));
    result.addresses = AddressSet::single(*host);
    if (in.peek().starts_with('(') && !in.peek().starts_with("(hitcnt")) in.word();  // the name it was looked up by
    return result;
  }
  if (word == "range") {  // an object as `show access-list` expands it
    const std::optional<Address> first = objects_.address(in.word()), last = objects_.address(in.word());
    if (!first || !last || first->family() != last->family() || *last < *first)
      return wrong(in, "two addresses stand behind range, the smaller one first");
    result.addresses = AddressSet::of_ranges({{*first, *last}});
    return result;
  }
  if (word.find(':') != std::string_view::npos) {
    const Result<Prefix> prefix = parse_prefix(word);
    if (!prefix) return wrong(in, prefix.error().what, prefix.error().hint);
    result.addresses = AddressSet{*prefix};
    return result;
  }
  const std::optional<Address> base = objects_.address(word);
  if (!base)
    return wrong(in, word.empty() ? "an address is missing" : fmt::format("'{}' is no address", word),
                 "any, host ADDRESS, ADDRESS NETMASK, interface NAME, object NAME or object-group NAME");
  const std::optional<Address> mask = parse_address(in.word());
  if (!mask) return wrong(in, "the netmask is missing", "a single address is written 'host ADDRESS'");
  Network network = DEMARC_TRY(netmasked(*base, *mask, in));
  result.addresses = std::move(network.addresses);
  result.bits = network.bits;
  return result;
}

bool AceReader::begins_place(std::string_view word) const {
  constexpr std::string_view kWords[] = {"any",
                                         "any4",
                                         "any6",
                                         "interface",
                                         "host",
                                         "object",
                                         "object-group",
                                         "object-group-security",
                                         "range",
                                         "object-group-network-service",
                                         "security-group",
                                         "fqdn",
                                         "ifc"};
  return is_one_of(word, kWords) || word.find(':') != std::string_view::npos || objects_.address(word).has_value();
}

/// An operator, or a group of ports. Behind a source, a group may as well be the destination: its kind tells, and
/// where it is not defined, whether another address follows.
Result<Ports> AceReader::ports(Cursor& in, bool source) {
  Ports result{PortSet::all(), true, {}};
  const std::optional<PortSet> written = DEMARC_TRY(read_ports(in));
  if (written) {
    result.known = *written;
    return result;
  }
  if (in.peek() != "object-group") return result;
  Cursor ahead = in;
  ahead.word();
  const std::string_view name = ahead.word();
  const ObjectKind* kind = objects_.kind(without_id(name));
  const bool of_ports = kind != nullptr ? *kind != ObjectKind::network_group && *kind != ObjectKind::undecided_group
                                        : !source || begins_place(ahead.peek());
  if (!of_ports) return result;
  in = ahead;
  return objects_.ports(without_id(name));
}

/// Users and security tags; an interface, in Firepower's lists.
Result<void> AceReader::identity(Cursor& in, bool source, Entry& entry, ByteSet& interfaces) {
  for (std::string_view word = in.peek();; word = in.peek()) {
    if (word == "ifc") {
      in.word();
      const std::string_view name = in.word();
      const std::optional<std::size_t> i = find_interface(name);
      if (i && *i < kInterfacesMax)
        interfaces = ByteSet{static_cast<InterfaceId>(*i)};
      else
        add_reason(entry.undecided, fmt::format("interface {} is not known", name));
    } else if (word == "user" || word == "user-group" || word == "object-group-user" ||
               word == "object-group-security") {
      in.word();
      const std::string_view name = in.word();
      if (name.empty()) return wrong(in, fmt::format("the name behind {} is missing", word));
      if (word.starts_with("object-group")) objects_.use(name);
      add_reason(entry.undecided, fmt::format("{} {}", word, name));
    } else if (word == "security-group") {
      in.word();
      const std::string_view what = in.word(), value = in.word();
      if (value.empty()) return wrong(in, "a security-group has a name or a tag");
      add_reason(entry.undecided,
                 fmt::format("{} security-group {} {}", source ? "source" : "destination", what, value));
    } else {
      return {};
    }
  }
}

Result<void> AceReader::messages(Cursor& in, Services& services) {
  Service& s = services.known.front();
  const bool six = s.protocols == ProtocolSet{Protocol::icmpv6};
  if (in.peek() == "object-group") {
    in.word();
    const Messages group = objects_.messages(without_id(in.word()));
    s.icmp = six ? group.icmp6 : group.icmp;
    services.complete = group.complete;
    services.missing = group.missing;
    return {};
  }
  const std::optional<IcmpSet> written = DEMARC_TRY(read_icmp(in, six));
  if (written) s.icmp = *written;
  return {};
}

Result<void> AceReader::options(Cursor& in, Entry& entry) {
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (word == "log") {
      constexpr std::string_view kLevels[] = {"alerts", "critical", "debugging", "disable",       "emergencies",
                                              "errors", "default",  "warnings",  "informational", "notifications"};
      if (is_one_of(in.peek(), kLevels) || number(in.peek(), 7)) in.word();
    } else if (word == "interval" || word == "rule-id" || word == "event-log") {
      in.word();
    } else if (word == "time-range") {
      const std::string_view range = in.word();
      if (range.empty()) return wrong(in, "the name of the time range is missing");
      add_reason(entry.undecided, fmt::format("time-range {}", range));
    } else if (word == "inactive" || word == "(inactive)") {
      entry.inactive = true;
    } else if (word.starts_with("(hitcnt=")) {
      std::uint64_t n = 0;
      const std::string_view digits = word.substr(8);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
      if (error != std::errc{} || *end != ')') return wrong(in, "a hit count has a number");
      entry.packets = n;
    } else if (word.starts_with("0x") && word.size() > 2 &&
               word.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos) {
      continue;  // the entry's hash in show access-list
    } else {
      constexpr std::string_view kKnown[] = {"log",   "time-range", "inactive", "interval", "eq",       "neq",
                                             "range", "lt",         "gt",       "rule-id",  "event-log"};
      return wrong(in, fmt::format("'{}' is not understood here", word), suggest(word, std::span(kKnown)));
    }
  }
  return {};
}

bool AceReader::afford(const Place& source, const Place& destination, std::size_t matches) {
  constexpr std::size_t kMatchWeight = 8, kSmall = 32;  // in ranges
  const std::size_t each = kMatchWeight + source.addresses.ranges().size() + destination.addresses.ranges().size();
  const std::size_t cost = each * std::max<std::size_t>(matches, 1);
  if (cost <= kSmall) return true;  // bounded by the text
  if (cost > ranges_left_) return false;
  ranges_left_ -= cost;
  return true;
}

Result<void> AceReader::read(Cursor& in, ListKind kind, Entry& entry) {
  const std::string_view action = in.word();
  if (action == "permit" || (action == "trust" && kind == ListKind::advanced))
    entry.action = Action::permit;
  else if (action == "deny")
    entry.action = Action::deny;
  else
    return wrong(in, fmt::format("'{}' is neither permit nor deny", action));

  Services services{{Service{}}, true, {}};
  Service written;  // the protocol, as far as the line itself says it
  Place source, destination;
  ByteSet ingress = ByteSet::all(), egress = ByteSet::all();
  if (kind == ListKind::standard) {
    destination = DEMARC_TRY(place(in, kind));
    if (!any_is_both_ || destination.addresses == AddressSet::all()) source.addresses = all_of(Family::ipv4);
  } else {
    const std::string_view word = in.word();
    const bool named = word == "object" || word == "object-group";
    if (named) {
      const std::string_view name = in.word();
      if (name.empty()) return wrong(in, fmt::format("the name of the {} is missing", word));
      services = objects_.services(without_id(name));
    } else {
      written.protocols = DEMARC_TRY(read_protocol(word, in));
      services.known.front() = written;
    }
    const bool with_ports = !named && has_ports(written.protocols);
    DEMARC_TRY(identity(in, true, entry, ingress));
    source = DEMARC_TRY(place(in, kind));
    Ports source_ports{PortSet::all(), true, {}}, ports = source_ports;
    if (with_ports) source_ports = DEMARC_TRY(this->ports(in, true));
    DEMARC_TRY(identity(in, false, entry, egress));
    destination = DEMARC_TRY(place(in, kind));
    if (with_ports) ports = DEMARC_TRY(this->ports(in, false));
    if (with_ports) {
      services.known.front().source_ports = source_ports.known;
      services.known.front().ports = ports.known;
      services.complete = source_ports.complete && ports.complete;
      services.missing = !source_ports.complete ? source_ports.missing : ports.missing;
    } else if (written.protocols == ProtocolSet{Protocol::icmp} ||
               written.protocols == ProtocolSet{Protocol::icmpv6}) {
      DEMARC_TRY(messages(in, services));
    }
  }
  DEMARC_TRY(options(in, entry));

  const bool decided = entry.undecided.empty();
  add_reason(entry.undecided, services.missing);
  add_reason(entry.undecided, source.missing);
  add_reason(entry.undecided, destination.missing);
  const auto add = [&](const Place& from, const Place& to, const std::vector<Service>& what,
                       std::vector<Match>& out) {
    for (const Service& s : what) {
      Match m;
      if (kind == ListKind::ipv6) m.box.family = Family::ipv6;
      if (s.protocols == ProtocolSet{Protocol::icmp}) m.box.family = Family::ipv4;
      if (s.protocols == ProtocolSet{Protocol::icmpv6}) m.box.family = Family::ipv6;
      m.box.sources = from.addresses;
      m.box.destinations = to.addresses;
      m.source_bits = from.bits;
      m.destination_bits = to.bits;
      m.box.protocols = s.protocols;
      m.box.ports = s.ports;
      m.box.source_ports = s.source_ports;
      m.box.icmp = s.icmp;
      m.box.ingress = ingress;
      m.box.egress = egress;
      out.push_back(std::move(m));
    }
  };
  // What a group holds beside its known members may be anything; what is decided elsewhere is not certain at all.
  Place wide_source = source, wide_destination = destination;
  if (!source.complete) wide_source.addresses = AddressSet::all();
  if (!destination.complete) wide_destination.addresses = AddressSet::all();
  const std::vector<Service> wide = services.complete ? services.known : std::vector<Service>{written};
  const bool snort = kind == ListKind::advanced && action == "permit";
  if (!afford(source, destination, services.known.size() + wide.size())) {
    entry.maybe.assign(1, Match{});
    entry.undecided = "the groups of this configuration are too large to be put together";
    return {};
  }
  if (snort) {
    entry.action = Action::unknown;
    add_reason(entry.undecided, "inspection (Snort) may still stop what the list permits");
  } else if (decided) {
    add(source, destination, services.known, entry.match);
  }
  if (!entry.undecided.empty()) add(wide_source, wide_destination, wide, entry.maybe);
  return {};
}

}  // namespace demarc::asa
