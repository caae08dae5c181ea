// iptables: what iptables-restore and ip6tables-restore load, a text for each.
//
// A rule takes one prefix or one range of addresses, one protocol and fifteen ports, so an entry is as many rules
// as that makes.
//
// Sources: iptables(8), iptables-extensions(8): conntrack, multiport (15 ports, a range counts as two), iprange,
// tcp, icmp, icmp6, comment (255 bytes).
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/writers/pieces.h"

namespace demarc {

namespace {

using writing::Piece;

constexpr std::size_t kCommentMax = 200;
constexpr std::size_t kPortsInRule = 15;
constexpr std::size_t kPrefixesMax = 2;  // more of them for one range: the range itself is shorter

std::vector<std::string> places(char option, std::string_view range_option,
                                const std::vector<AddressRange>& ranges) {
  if (ranges.empty()) return {""};
  std::vector<std::string> out;
  for (const AddressRange& r : ranges) {
    const std::vector<Prefix> prefixes = writing::prefixes_of({r});
    if (prefixes.size() > kPrefixesMax) {
      out.push_back(fmt::format("-m iprange --{} {}-{} ", range_option, to_string(r.first), to_string(r.last)));
      continue;
    }
    for (const Prefix& p : prefixes)
      out.push_back(fmt::format("-{} {}/{} ", option, to_string(p.base()), p.length()));
  }
  return out;
}

std::string range_words(const PortRange& r) {
  return r.first == r.last ? to_string(r.first) : fmt::format("{}:{}", r.first.number(), r.last.number());
}

/// Lists of ports as rules take them, each with at most 15; one empty text for every port.
std::vector<std::string> port_lists(const PortSet& set) {
  if (set == PortSet::all()) return {""};
  std::vector<std::string> out;
  std::size_t room = 0;
  for (const PortRange& r : set.ranges()) {
    const std::size_t takes = r.first == r.last ? 1 : 2;
    if (room < takes) out.emplace_back(), room = kPortsInRule;
    out.back() += (out.back().empty() ? "" : ",") + range_words(r);
    room -= takes;
  }
  return out;
}

std::string port_words(std::string_view protocol, std::string_view option, const std::string& ports) {
  if (ports.empty()) return "";
  const bool one = ports.find(',') == std::string::npos;
  if (one && !protocol.empty()) return fmt::format("-m {} --{} {} ", protocol, option, ports);
  return fmt::format("-m multiport --{}s {} ", option, ports);
}

std::string state_words(const StateSet& states) {
  if (states == StateSet::all()) return "";
  constexpr std::pair<ConnectionState, std::string_view> kStates[] = {
      {ConnectionState::invalid, "INVALID"},
      {ConnectionState::fresh, "NEW"},
      {ConnectionState::related, "RELATED"},
      {ConnectionState::established, "ESTABLISHED"}};
  std::string out;
  for (const auto& [state, word] : kStates)
    if (states.contains(state)) out += (out.empty() ? "" : ",") + std::string(word);
  return fmt::format("-m conntrack --ctstate {} ", out);
}

std::vector<std::string> interfaces(char option, const ByteSet& set, const IntendedList& list,
                                    std::string& unsaid) {
  if (set.is_all()) return {""};
  std::vector<std::string> out;
  for (unsigned n = 0; n < 256; ++n) {
    if (!set.contains(static_cast<std::uint8_t>(n))) continue;
    if (n >= list.interfaces.size()) {
      unsaid = "an interface has no name";
      return {};
    }
    out.push_back(fmt::format("-{} {} ", option, list.interfaces[n]));
  }
  return out;
}

std::vector<std::string> flag_words(const Piece& p, std::string& unsaid) {
  if (!p.flags) return {""};
  std::vector<std::string> out;
  if (*p.flags == tcp_flags_established()) return {"-m tcp ! --tcp-flags RST,ACK NONE "};
  for (const writing::FlagTest& t : writing::flag_tests(*p.flags)) {
    if ((t.mask & (tcp_flag::ece | tcp_flag::cwr)) != 0) {
      unsaid = "iptables does not match on the flags ECE and CWR";
      return {};
    }
    out.push_back(fmt::format("-m tcp --tcp-flags {} {} ", writing::flag_names(t.mask, ",", true),
                              t.value == 0 ? "NONE" : writing::flag_names(t.value, ",", true)));
  }
  return out;
}

std::vector<std::string> message_words(const Piece& p) {
  if (!p.icmp) return {""};
  std::vector<std::string> out;
  for (const IcmpType& t : writing::icmp_types(*p.icmp))
    out.push_back(fmt::format("-m {} --{} {} ", p.family == Family::ipv4 ? "icmp" : "icmp6",
                              p.family == Family::ipv4 ? "icmp-type" : "icmpv6-type", to_string(t)));
  return out;
}

std::vector<std::string> protocol_words(const Piece& p, std::string& unsaid) {
  if (p.every_protocol) return {""};
  const auto word = [&p](unsigned n) {
    if (p.family == Family::ipv6 && n == 58) return std::string("ipv6-icmp");
    if (n == 1) return std::string("icmp");
    if (n == 6) return std::string("tcp");
    if (n == 17) return std::string("udp");
    return std::to_string(n);
  };
  std::vector<std::string> out;
  const ByteSet missing = p.protocols.complement();
  if (missing.size() == 1)
    for (unsigned n = 1; n < 256; ++n)
      if (missing.contains(static_cast<std::uint8_t>(n))) return {fmt::format("! -p {} ", word(n))};
  for (unsigned n = 0; n < 256; ++n) {
    if (!p.protocols.contains(static_cast<std::uint8_t>(n))) continue;
    if (n == 0) {
      unsaid = "to iptables protocol 0 is every protocol";
      return {};
    }
    out.push_back(fmt::format("-p {} ", word(n)));
  }
  return out;
}

void write_piece(const Piece& p, const IntendedEntry& entry, const IntendedList& list, WrittenEntry& out) {
  std::string unsaid;
  if (p.fragments != FragmentSet::all()) unsaid = "fragments are put together before a stateful filter sees them";
  if (p.source_bits || p.destination_bits) unsaid = "masks with holes are not written";
  if (p.icmp && p.protocol != (p.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6))
    unsaid = "ICMP of the other family has no messages here";
  const std::vector<std::string> in = interfaces('i', p.ingress, list, unsaid),
                                 leaving = interfaces('o', p.egress, list, unsaid),
                                 protocols = protocol_words(p, unsaid), tests = flag_words(p, unsaid);
  if (!unsaid.empty()) return out.unsaid.push_back(std::move(unsaid));
  const std::vector<std::string> from = places('s', "src-range", p.sources),
                                 to = places('d', "dst-range", p.destinations), types = message_words(p);
  const std::vector<std::string> to_ports = port_lists(p.ports), from_ports = port_lists(p.source_ports);
  std::string_view header;
  if (p.protocol == Protocol::tcp) header = "tcp";
  if (p.protocol == Protocol::udp) header = "udp";
  const std::string comment = writing::plain_comment(entry.comment, kCommentMax);
  std::string tail = comment.empty() ? "" : fmt::format("-m comment --comment \"{}\" ", comment);
  tail += entry.action == Action::permit ? "-j ACCEPT" : "-j DROP";
  const std::size_t count = in.size() * leaving.size() * protocols.size() * tests.size() * from.size() * to.size() *
                            types.size() * to_ports.size() * from_ports.size();
  if (out.lines.size() + count > writing::kLinesMax)
    return out.unsaid.push_back(fmt::format("it would take more than {} lines", writing::kLinesMax));
  const std::string states = state_words(p.states);
  for (const std::string& source : from)
    for (const std::string& destination : to)
      for (const std::string& ingress : in)
        for (const std::string& egress : leaving)
          for (const std::string& protocol : protocols)
            for (const std::string& from_port : from_ports)
              for (const std::string& to_port : to_ports)
                for (const std::string& type : types)
                  for (const std::string& test : tests)
                    out.lines.push_back(source + destination + ingress + egress + protocol + states +
                                        port_words(header, "sport", from_port) +
                                        port_words(header, "dport", to_port) + type + test + tail);
}

std::string_view chain_of(Way way) {
  return way == Way::through ? "FORWARD" : way == Way::to_device ? "INPUT" : "OUTPUT";
}

}  // namespace

WrittenEntry write_iptables_entry(const IntendedEntry& entry, const IntendedList& list, Family family) {
  WrittenEntry out;
  for (const Match& match : entry.match)
    for (const Piece& piece : writing::pieces_of(match, family)) write_piece(piece, entry, list, out);
  return out;
}

Written write_iptables(const IntendedList& list) {
  Written out;
  const std::string_view chain = chain_of(list.way);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (list.family && *list.family != family) continue;
    std::string text =
        fmt::format("# Generated by demarc for {}tables-restore\n*filter\n", family == Family::ipv4 ? "ip" : "ip6");
    for (const Way way : {Way::to_device, Way::through, Way::from_device}) {
      const bool drop = way == list.way && list.at_end != Fallthrough::permit;
      text += fmt::format(":{} {} [0:0]\n", chain_of(way), drop ? "DROP" : "ACCEPT");
    }
    for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
      WrittenEntry written = write_iptables_entry(list.entries[i], list, family);
      for (std::string& why : written.unsaid) out.unsaid.push_back({i, std::move(why)});
      for (const std::string& line : written.lines) text += fmt::format("-A {} {}\n", chain, line);
    }
    text += "COMMIT\n";
    out.texts.push_back({family, std::move(text)});
  }
  return out;
}

}  // namespace demarc
