// Sources: Cisco IOS Security Command Reference (access-list (IP extended), permit (IP), permit (IPv6),
// object-group); Cisco Nexus 7000 Series NX-OS Security Command Reference (permit, object-group); Cisco IOS XR IP
// Addresses and Services Command Reference (permit (IPv4)); Arista EOS User Manual (ACLs and Route Maps). For what
// entries with ports do to later fragments: "Access Control Lists and IP Fragments" (Cisco document 8014), which
// IOS-XR's reference repeats and EOS's and NX-OS's do not contradict.
#include "rules/acl/readers/router_ace.h"

#include <fmt/format.h>

#include <charconv>

#include "rules/acl/readers/router_ace_parts.h"

namespace demarc::router {

namespace {

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
      undecided.add(why_incomplete(group, group_name));
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
