// Cisco ASA (9.x: one list for both families): an extended list, with object-groups where an entry has more than
// one prefix or port range.
//
// The device keeps state and puts fragments together, so neither replies nor fragments are written. Masks are
// netmasks.
//
// Sources: Cisco ASA Series Command Reference (access-list extended, object-group network, object-group service,
// port-object); "any4" and "any6" since 9.0(1).
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/writers/pieces.h"

namespace demarc {

namespace {

using writing::Piece;

constexpr std::size_t kRemarkMax = 100;

std::string netmask(unsigned length) { return to_string(Address::ipv4(length == 0 ? 0U : ~0U << (32 - length))); }

std::string place(const Prefix& p) {
  if (p.is_host()) return fmt::format("host {}", to_string(p.base()));
  if (p.family() == Family::ipv6) return to_string(p);
  return fmt::format("{} {}", to_string(p.base()), netmask(p.length()));
}

struct Groups {
  writing::NameBook names{"addresses", 60};
  std::string text;
  bool allowed = true;
};

/// One set of words where a group may be made, otherwise one for each prefix.
std::vector<std::string> places(Family family, const std::vector<AddressRange>& ranges, std::string_view wanted,
                                Groups& groups) {
  if (ranges.empty()) return {family == Family::ipv4 ? "any4" : "any6"};
  std::vector<std::string> words;
  for (const Prefix& p : writing::prefixes_of(ranges)) words.push_back(place(p));
  if (words.size() == 1 || !groups.allowed) return words;
  std::string members;
  for (const std::string& w : words) members += fmt::format(" network-object {}\n", w);
  const auto [name, is_new] = groups.names.name(
      members, fmt::format("{}{}", wanted.empty() ? "addresses" : wanted, family == Family::ipv4 ? "" : "-v6"));
  if (is_new) groups.text += fmt::format("object-group network {}\n{}", name, members);
  return {fmt::format("object-group {}", name)};
}

std::string range_words(const PortRange& r) {
  if (r.first == r.last) return fmt::format("eq {}", r.first.number());
  return fmt::format("range {} {}", r.first.number(), r.last.number());
}

std::vector<std::string> ports(Protocol protocol, const PortSet& set, Groups& groups) {
  if (set == PortSet::all()) return {""};
  std::vector<std::string> words;
  for (const PortRange& r : set.ranges()) words.push_back(' ' + range_words(r));
  const bool grouped = protocol == Protocol::tcp || protocol == Protocol::udp;
  if (words.size() == 1 || !groups.allowed || !grouped) return words;
  std::string members;
  for (const std::string& w : words) members += fmt::format(" port-object{}\n", w);
  const std::string kind = to_string(protocol);
  const auto [name, is_new] = groups.names.name(kind + members, kind + "-ports");
  if (is_new) groups.text += fmt::format("object-group service {} {}\n{}", name, kind, members);
  return {fmt::format(" object-group {}", name)};
}

std::string protocol_word(Family family, unsigned n) {
  if (n == 1 && family == Family::ipv4) return "icmp";
  if (n == 58 && family == Family::ipv6) return "icmp6";
  if (n == 6) return "tcp";
  if (n == 17) return "udp";
  if (n == 132) return "sctp";
  return std::to_string(n);
}

std::string cannot_say(const Piece& p) {
  if (p.states != StateSet::all()) return "state is the device's own affair, and no entry matches on it";
  if (!p.ingress.is_all() || !p.egress.is_all())
    return "interfaces are what a list is bound to, not what it matches";
  if (p.fragments != FragmentSet::all()) return "fragments are put together before a list sees them";
  if (p.flags) return "no entry matches on TCP flags";
  if (p.source_bits || p.destination_bits) return "masks with holes are not written";
  if (p.icmp && p.protocol != (p.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6))
    return "ICMP of the other family has no messages here";
  if (!p.every_protocol && p.protocols.contains(0)) return "to ASA protocol 0 is every protocol";
  const bool ports = p.ports != PortSet::all() || p.source_ports != PortSet::all();
  if (ports && p.protocol != Protocol::tcp && p.protocol != Protocol::udp && p.protocol != Protocol::sctp)
    return fmt::format("ASA does not match on the ports of {}", to_string(*p.protocol));
  return "";
}

void write_piece(const Piece& p, const IntendedEntry& entry, Groups& groups, bool both_families,
                 WrittenEntry& out) {
  if (std::string unsaid = cannot_say(p); !unsaid.empty()) return out.unsaid.push_back(std::move(unsaid));
  std::vector<std::string> from = places(p.family, p.sources, entry.source_name, groups),
                           to = places(p.family, p.destinations, entry.destination_name, groups);
  if (both_families) from = to = {"any"};
  std::vector<std::string> protocols;
  if (p.every_protocol) protocols.emplace_back("ip");
  for (unsigned n = 0; n < 256 && !p.every_protocol; ++n)
    if (p.protocols.contains(static_cast<std::uint8_t>(n))) protocols.push_back(protocol_word(p.family, n));
  std::vector<std::string> from_ports{""}, to_ports{""}, types{""};
  if (p.protocol && p.protocol->has_ports()) {
    from_ports = ports(*p.protocol, p.source_ports, groups);
    to_ports = ports(*p.protocol, p.ports, groups);
  }
  if (p.icmp) {
    types.clear();
    for (const IcmpType& t : writing::icmp_types(*p.icmp))
      types.push_back(t.code ? fmt::format(" {} {}", t.type, *t.code) : fmt::format(" {}", t.type));
  }
  const std::size_t count =
      protocols.size() * from.size() * to.size() * from_ports.size() * to_ports.size() * types.size();
  if (out.lines.size() + count > writing::kLinesMax)
    return out.unsaid.push_back(fmt::format("it would take more than {} lines", writing::kLinesMax));
  for (const std::string& protocol : protocols)
    for (const std::string& source : from)
      for (const std::string& from_port : from_ports)
        for (const std::string& destination : to)
          for (const std::string& to_port : to_ports)
            for (const std::string& type : types)
              out.lines.push_back(fmt::format("{} {} {}{} {}{}{}", name(entry.action), protocol, source, from_port,
                                              destination, to_port, type));
}

bool is_same_for_both(const Match& match) {
  const Box& b = match.box;
  // A protocol that both families call ICMP is another one in each.
  return !b.family && b.sources == AddressSet::all() && b.destinations == AddressSet::all() &&
         b.icmp == IcmpSet::all() && !match.source_bits && !match.destination_bits &&
         (b.protocols == ProtocolSet::all() ||
          (!b.protocols.contains(Protocol::icmp) && !b.protocols.contains(Protocol::icmpv6)));
}

WrittenEntry entry_lines(const IntendedEntry& entry, std::optional<Family> family, Groups& groups) {
  WrittenEntry out;
  for (const Match& match : entry.match) {
    if (!family && is_same_for_both(match)) {
      for (const Piece& p : writing::pieces_of(match, Family::ipv4)) write_piece(p, entry, groups, true, out);
      continue;
    }
    for (const Family f : {Family::ipv4, Family::ipv6})
      if (family.value_or(f) == f)
        for (const Piece& p : writing::pieces_of(match, f)) write_piece(p, entry, groups, false, out);
  }
  return out;
}

}  // namespace

WrittenEntry write_cisco_asa_entry(const IntendedEntry& entry, const IntendedList&, Family family) {
  Groups groups;
  groups.allowed = false;
  return entry_lines(entry, family, groups);
}

Written write_cisco_asa(const IntendedList& list) {
  Written out;
  Groups groups;
  const std::string name = writing::plain_name(list.name, "DEMARC", 60);
  std::string lines;
  for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
    WrittenEntry written = entry_lines(list.entries[i], list.family, groups);
    for (std::string& why : written.unsaid) out.unsaid.push_back({i, std::move(why)});
    if (written.lines.empty()) continue;
    if (const std::string remark = writing::plain_comment(list.entries[i].comment, kRemarkMax); !remark.empty())
      lines += fmt::format("access-list {} remark {}\n", name, remark);
    for (const std::string& line : written.lines) lines += fmt::format("access-list {} extended {}\n", name, line);
  }
  // The end of a list is written: an empty one would not exist.
  lines += fmt::format("access-list {} extended {} ip any any\n", name,
                       list.at_end == Fallthrough::permit ? "permit" : "deny");
  out.texts.push_back({list.family, groups.text + lines});
  return out;
}

}  // namespace demarc
