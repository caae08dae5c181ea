// Junos: a firewall filter for each family, as `set` commands.
//
// A term takes any number of addresses, ports and protocols, so an entry is a term for each protocol that it looks
// into. A filter keeps no state and sees no ports of later fragments: a term that names ports matches whole packets
// and first fragments alone. TCP flags are compared in any fragment, unless the term asks for the offset.
//
// Sources: Routing Policies, Firewall Filters, and Traffic Policers User Guide, "Firewall Filter Match Conditions
// for IPv4 Traffic" and "... IPv6 Traffic", "Bit-Field Values"; names of terms hold 64 characters.
#include "rules/acl/writers/junos.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/writers/pieces.h"

namespace demarc {

namespace {

using writing::Piece;
using Statements = std::vector<std::string>;

constexpr std::size_t kNameMax = 48;         // leaves room for a number
constexpr std::size_t kExpressionMax = 250;  // of TCP flags
const FragmentSet kUncut{Fragment::whole, Fragment::first};

std::string protocol_word(unsigned number) {
  switch (number) {
    case 1: return "icmp";
    case 6: return "tcp";
    case 17: return "udp";
    case 47: return "gre";
    case 50: return "esp";
    case 51: return "ah";
    case 58: return "icmp6";
    case 132: return "sctp";
    default: return std::to_string(number);
  }
}

/// A number that says of an IPv6 header that another header follows.
bool is_extension(unsigned number) { return number == 0 || number == 43 || number == 44 || number == 60; }

void add_protocols(const Piece& p, Statements& out, std::string& unsaid) {
  if (p.every_protocol) return;
  const bool turned = p.protocols.size() > 128;
  const ByteSet named = turned ? p.protocols.complement() : p.protocols;
  const std::string_view field = p.family == Family::ipv4 ? "protocol" : "next-header";
  for (unsigned n = 0; n < 256; ++n) {
    if (!named.contains(static_cast<std::uint8_t>(n))) continue;
    if (p.family == Family::ipv6 && is_extension(n)) unsaid = "what follows an extension header is not matched";
    out.push_back(fmt::format("from {}{} {}", field, turned ? "-except" : "", protocol_word(n)));
  }
}

void add_addresses(std::string_view field, const std::vector<AddressRange>& ranges, Statements& out) {
  if (ranges.empty()) return;
  for (const Prefix& p : writing::prefixes_of(ranges))
    out.push_back(fmt::format("from {} {}/{}", field, to_string(p.base()), p.length()));
}

void add_ports(std::string_view field, const PortSet& set, Statements& out) {
  if (set == PortSet::all()) return;
  for (const PortRange& r : set.ranges()) out.push_back(fmt::format("from {} {}", field, to_string(r)));
}

void add_interfaces(const Piece& p, const IntendedList& list, Statements& out, std::string& unsaid) {
  if (!p.egress.is_all()) unsaid = "a filter does not match on the interface that a packet leaves by";
  if (p.ingress.is_all()) return;
  for (unsigned n = 0; n < 256; ++n) {
    if (!p.ingress.contains(static_cast<std::uint8_t>(n))) continue;
    if (n < list.interfaces.size())
      out.push_back(fmt::format("from interface {}", list.interfaces[n]));
    else
      unsaid = "an interface has no name";
  }
}

void add_fragments(const Piece& p, Statements& out, std::string& unsaid) {
  const bool is_ipv4 = p.family == Family::ipv4;
  if (p.looks_deeper() && (p.fragments == FragmentSet::all() || p.fragments == kUncut)) {
    if (p.flags && is_ipv4) out.emplace_back("from fragment-offset 0");
    return;
  }
  if (p.fragments == FragmentSet::all()) return;
  if (!is_ipv4 || p.looks_deeper())
    unsaid = is_ipv4 ? "ports of later fragments are not seen" : "fragments of IPv6 are not matched";
  else if (p.fragments == kLaterFragments)
    out.emplace_back("from is-fragment");
  else if (p.fragments == kUncut)
    out.emplace_back("from fragment-offset 0");
  else if (p.fragments == FragmentSet{Fragment::first})
    out.emplace_back("from first-fragment");
  else
    unsaid = "a filter does not tell these fragments apart";
}

void add_flags(const Piece& p, Statements& out, std::string& unsaid) {
  if (!p.flags) return;
  if (*p.flags == tcp_flags_established()) return out.emplace_back("from tcp-established"), void();
  constexpr std::string_view kNames[] = {"fin", "syn", "rst", "push", "ack", "urgent"};
  std::string any;
  for (const writing::FlagTest& t : writing::flag_tests(*p.flags)) {
    if ((t.mask & (tcp_flag::ece | tcp_flag::cwr)) != 0)
      unsaid = "a filter does not match on the flags ECE and CWR";
    std::string every;
    for (unsigned bit = 0; bit < std::size(kNames); ++bit)
      if ((t.mask >> bit & 1) != 0)
        every +=
            fmt::format("{}{}{}", every.empty() ? "" : " & ", (t.value >> bit & 1) != 0 ? "" : "!", kNames[bit]);
    any += fmt::format("{}({})", any.empty() ? "" : " | ", every);
  }
  if (any.size() > kExpressionMax) unsaid = "the flags take too long an expression";
  out.push_back(fmt::format("from tcp-flags \"{}\"", any));
}

/// "from icmp-type 3", "from icmp-type 13-255".
Statements numbers(std::string_view field, const ByteSet& set) {
  Statements out;
  for (unsigned n = 0; n < 256; ++n) {
    if (!set.contains(static_cast<std::uint8_t>(n))) continue;
    const unsigned first = n;
    while (n < 255 && set.contains(static_cast<std::uint8_t>(n + 1))) ++n;
    out.push_back(first == n ? fmt::format("from {} {}", field, n) : fmt::format("from {} {}-{}", field, first, n));
  }
  return out;
}

/// Whole types in one term, single messages of a type in one each; one empty list where no message is named.
std::vector<Statements> messages(const Piece& p) {
  if (!p.icmp) return {{}};
  ByteSet whole;
  std::map<std::uint8_t, ByteSet> single;
  for (const IcmpType& t : writing::icmp_types(*p.icmp))
    t.code ? single[t.type].insert(*t.code) : whole.insert(t.type);
  std::vector<Statements> out;
  if (!whole.empty()) out.push_back(numbers("icmp-type", whole));
  for (const auto& [type, codes] : single) {
    out.push_back({fmt::format("from icmp-type {}", type)});
    for (std::string& code : numbers("icmp-code", codes)) out.back().push_back(std::move(code));
  }
  return out;
}

/// "WEB-001 https, owner web-team: replies" as "WEB-001-https-replies".
std::string wanted_name(const IntendedEntry& entry) {
  const std::string_view comment = entry.comment;
  std::string name(comment.substr(0, comment.find(',')));
  if (comment.ends_with(": replies") && !name.ends_with(": replies")) name += " replies";
  return writing::plain_name(name, entry.action == Action::permit ? "permit" : "deny", kNameMax);
}

void write_piece(const Piece& p, const IntendedEntry& entry, const IntendedList& list, WrittenEntry& out) {
  std::string unsaid;
  if (p.states != StateSet::all()) unsaid = "a filter keeps no state of connections";
  if (p.source_bits || p.destination_bits) unsaid = "masks with holes are not written";
  if (p.icmp && p.protocol != (p.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6))
    unsaid = "ICMP of the other family has no messages here";
  Statements same;
  add_interfaces(p, list, same, unsaid);
  add_addresses("source-address", p.sources, same);
  add_addresses("destination-address", p.destinations, same);
  add_protocols(p, same, unsaid);
  add_ports("source-port", p.source_ports, same);
  add_ports("destination-port", p.ports, same);
  add_flags(p, same, unsaid);
  add_fragments(p, same, unsaid);
  if (same.size() > writing::kLinesMax)
    unsaid = fmt::format("it would take more than {} statements", writing::kLinesMax);
  if (!unsaid.empty()) return out.unsaid.push_back(std::move(unsaid));
  for (const Statements& some : messages(p)) {
    std::string term = wanted_name(entry);
    for (const std::string& s : same) term += '\n' + s;
    for (const std::string& s : some) term += '\n' + s;
    term += entry.action == Action::permit ? "\nthen accept" : "\nthen discard";
    out.lines.push_back(std::move(term));
  }
}

}  // namespace

std::string junos_filter(Family family, std::string_view name) {
  return fmt::format("firewall family {} filter {}", family == Family::ipv4 ? "inet" : "inet6", name);
}

std::vector<std::string> junos_commands(std::string_view written, std::string_view filter, UniqueNames& names,
                                        std::string& name) {
  const std::size_t first = std::min(written.find('\n'), written.size());
  name = names.give(written.substr(0, first));
  std::vector<std::string> out;
  for (std::size_t at = first + 1; at < written.size();) {
    const std::size_t end = std::min(written.find('\n', at), written.size());
    out.push_back(fmt::format("set {} term {} {}", filter, name, written.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

WrittenEntry write_junos_entry(const IntendedEntry& entry, const IntendedList& list, Family family) {
  WrittenEntry out;
  for (const Match& match : entry.match)
    for (const Piece& piece : writing::pieces_of(match, family)) write_piece(piece, entry, list, out);
  return out;
}

Written write_junos(const IntendedList& list) {
  Written out;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (list.family && *list.family != family) continue;
    const std::string filter = junos_filter(family, writing::plain_name(list.name, "filter", 60));
    UniqueNames names;
    std::string text, name;
    const auto term = [&](std::string_view written) {
      for (const std::string& command : junos_commands(written, filter, names, name)) text += command + '\n';
    };
    for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
      WrittenEntry written = write_junos_entry(list.entries[i], list, family);
      for (std::string& why : written.unsaid) out.unsaid.push_back({i, std::move(why)});
      for (const std::string& line : written.lines) term(line);
    }
    term(list.at_end == Fallthrough::permit ? "rest\nthen accept" : "rest\nthen discard");
    out.texts.push_back({family, std::move(text)});
  }
  return out;
}

}  // namespace demarc
