// Cisco IOS and IOS-XE: extended lists for IPv4, IPv6 lists.
//
// Every address is a prefix, so a set of addresses is as many lines as it has prefixes. Remarks are written without
// a number and counted on like an entry: where IOS-XE numbers them itself, the entries' numbers still fit.
//
// Sources: Cisco IOS Security Command Reference (permit (IP), permit (IPv6), remark); "ACL - Named ACL Support for
// Noncontiguous Ports on an ACE" (ten ports behind `eq`, IPv4 alone); Cisco document 8014 (fragments).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "rules/acl/writers/pieces.h"

namespace demarc {

namespace {

using writing::Piece;

constexpr std::size_t kRemarkMax = 100;
constexpr std::size_t kPortsInLine = 10;

std::string wildcard(unsigned length) {
  const std::uint32_t mask = length == 0 ? ~0U : (1U << (32 - length)) - 1U;
  return to_string(Address::ipv4(mask));
}

std::string place(const Prefix& p) {
  if (p.is_host()) return fmt::format("host {}", to_string(p.base()));
  if (p.family() == Family::ipv6) return to_string(p);
  return fmt::format("{} {}", to_string(p.base()), wildcard(p.length()));
}

/// The ends' words; none where the ranges and the bits have nothing in common.
std::vector<std::string> places(Family family, const std::vector<AddressRange>& ranges,
                                const std::optional<AddressBits>& bits, std::string& unsaid) {
  std::vector<std::string> out;
  if (!bits) {
    if (ranges.empty()) return {"any"};
    for (const Prefix& p : writing::prefixes_of(ranges)) out.push_back(place(p));
    return out;
  }
  if (family == Family::ipv6) {
    unsaid = "IPv6 lists have no wildcard masks";
    return out;
  }
  const auto value = static_cast<std::uint32_t>(bits->value), mask = static_cast<std::uint32_t>(bits->mask);
  std::vector<Prefix> prefixes = writing::prefixes_of(ranges);
  if (ranges.empty()) prefixes = {Prefix::containing(Address{}, 0)};
  for (const Prefix& p : prefixes) {
    const std::uint32_t fixed = p.length() == 0 ? 0U : ~0U << (32 - p.length());
    if (((p.base().ipv4_number() ^ value) & fixed & mask) != 0) continue;
    const std::uint32_t counts = fixed | mask;
    const std::uint32_t base = (p.base().ipv4_number() | (value & mask)) & counts;
    out.push_back(fmt::format("{} {}", to_string(Address::ipv4(base)), to_string(Address::ipv4(~counts))));
  }
  return out;
}

/// " eq 80 443", " range 1 9", ...; one empty text for every port.
std::vector<std::string> ports(const PortSet& set, bool several) {
  if (set == PortSet::all()) return {""};
  std::vector<std::string> out;
  std::vector<std::uint16_t> singles;
  const auto flush = [&] {
    if (!singles.empty()) out.push_back(fmt::format(" eq {}", fmt::join(singles, " ")));
    singles.clear();
  };
  for (const PortRange& r : set.ranges()) {
    if (r.size() <= 2 && several) {
      for (std::uint32_t n = r.first.number(); n <= r.last.number(); ++n) {
        singles.push_back(static_cast<std::uint16_t>(n));
        if (singles.size() == kPortsInLine) flush();
      }
    } else if (r.size() == 1) {
      out.push_back(fmt::format(" eq {}", r.first.number()));
    }
  }
  flush();
  for (const PortRange& r : set.ranges()) {
    if (r.size() == 1 || (r.size() == 2 && several)) continue;
    if (r.last.number() == 65535)
      out.push_back(fmt::format(" gt {}", r.first.number() - 1));
    else if (r.first.number() == 0)
      out.push_back(fmt::format(" lt {}", r.last.number() + 1));
    else
      out.push_back(fmt::format(" range {} {}", r.first.number(), r.last.number()));
  }
  return out;
}

std::vector<std::string> messages(const Piece& p) {
  if (!p.icmp) return {""};
  std::vector<std::string> out;
  for (const IcmpType& t : writing::icmp_types(*p.icmp))
    out.push_back(t.code ? fmt::format(" {} {}", t.type, *t.code) : fmt::format(" {}", t.type));
  return out;
}

/// " established", " match-all +syn -ack"; one empty text for every flag byte.
std::vector<std::string> flags(const Piece& p, std::string& unsaid) {
  if (!p.flags) return {""};
  if (*p.flags == tcp_flags_established()) return {" established"};
  std::vector<std::string> out;
  for (const writing::FlagTest& test : writing::flag_tests(*p.flags)) {
    if ((test.mask & (tcp_flag::ece | tcp_flag::cwr)) != 0) {
      unsaid = "IOS does not match on the flags ECE and CWR";
      return {};
    }
    std::string words = " match-all";
    for (unsigned bit = 0; bit < 6; ++bit)
      if ((test.mask >> bit & 1) != 0)
        words += fmt::format(" {}{}", (test.value >> bit & 1) != 0 ? '+' : '-',
                             writing::flag_names(static_cast<std::uint8_t>(1U << bit), "", false));
    out.push_back(std::move(words));
  }
  return out;
}

std::string protocol_word(Family family, std::uint8_t number) {
  if (Protocol(number) == (family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6)) return "icmp";
  if (number == 6) return "tcp";
  if (number == 17) return "udp";
  if (number == 50) return "esp";
  if (number == 132) return "sctp";
  return std::to_string(number);
}

/// Why no line can say the piece; empty: lines can.
std::string cannot_say(const Piece& p) {
  if (p.states != StateSet::all()) return "a list without state cannot match on connection state";
  if (!p.ingress.is_all() || !p.egress.is_all())
    return "interfaces are what a list is bound to, not what it matches";
  const bool later = p.fragments == kLaterFragments;
  if (p.fragments != FragmentSet::all() && !(later && !p.looks_deeper()))
    return "IOS tells later fragments from the rest by `fragments`, and that without ports or flags";
  if (p.icmp && p.protocol != (p.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6))
    return "ICMP of the other family has no messages here";
  const bool ports = p.ports != PortSet::all() || p.source_ports != PortSet::all();
  if (ports && p.protocol != Protocol::tcp && p.protocol != Protocol::udp && p.protocol != Protocol::sctp)
    return fmt::format("IOS does not match on the ports of {}", to_string(*p.protocol));
  return "";
}

void write_piece(const Piece& p, Action action, WrittenEntry& out) {
  std::string unsaid = cannot_say(p);
  const std::vector<std::string> from = places(p.family, p.sources, p.source_bits, unsaid),
                                 to = places(p.family, p.destinations, p.destination_bits, unsaid),
                                 tests = flags(p, unsaid);
  if (!unsaid.empty()) return out.unsaid.push_back(std::move(unsaid));
  const bool several = p.family == Family::ipv4 && (p.protocol == Protocol::tcp || p.protocol == Protocol::udp);
  const std::vector<std::string> to_ports = ports(p.ports, several), from_ports = ports(p.source_ports, several),
                                 types = messages(p);
  std::vector<std::string> protocols;
  if (p.every_protocol) protocols.emplace_back(p.family == Family::ipv4 ? "ip" : "ipv6");
  for (unsigned n = 0; n < 256 && !p.every_protocol; ++n)
    if (p.protocols.contains(static_cast<std::uint8_t>(n)))
      protocols.push_back(protocol_word(p.family, static_cast<std::uint8_t>(n)));
  const std::size_t count = protocols.size() * from.size() * to.size() * from_ports.size() * to_ports.size() *
                            types.size() * tests.size();
  if (out.lines.size() + count > writing::kLinesMax)
    return out.unsaid.push_back(fmt::format("it would take more than {} lines", writing::kLinesMax));
  const std::string_view later = p.fragments == kLaterFragments ? " fragments" : "";
  for (const std::string& protocol : protocols)
    for (const std::string& source : from)
      for (const std::string& from_port : from_ports)
        for (const std::string& destination : to)
          for (const std::string& to_port : to_ports)
            for (const std::string& type : types)
              for (const std::string& test : tests)
                out.lines.push_back(fmt::format("{} {} {}{} {}{}{}{}{}", name(action), protocol, source, from_port,
                                                destination, to_port, type, test, later));
}

}  // namespace

WrittenEntry write_cisco_ios_entry(const IntendedEntry& entry, const IntendedList&, Family family) {
  WrittenEntry out;
  for (const Match& match : entry.match)
    for (const Piece& piece : writing::pieces_of(match, family)) write_piece(piece, entry.action, out);
  return out;
}

Written write_cisco_ios(const IntendedList& list) {
  Written out;
  const std::string name = writing::plain_name(list.name, "DEMARC", 60);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (list.family && *list.family != family) continue;
    const bool v4 = family == Family::ipv4;
    // Lists of the two families share one space of names.
    std::string text = v4 ? fmt::format("ip access-list extended {}\n", name)
                          : fmt::format("ipv6 access-list {}{}\n", name, list.family ? "" : "-V6");
    unsigned sequence = 0;
    for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
      const WrittenEntry written = write_cisco_ios_entry(list.entries[i], list, family);
      for (const std::string& why : written.unsaid) out.unsaid.push_back({i, why});
      if (written.lines.empty()) continue;
      if (const std::string remark = writing::plain_comment(list.entries[i].comment, kRemarkMax); !remark.empty()) {
        text += fmt::format(" remark {}\n", remark);
        sequence += 10;
      }
      for (const std::string& line : written.lines)
        text += fmt::format(" {}{} {}\n", v4 ? "" : "sequence ", sequence += 10, line);
    }
    if (list.at_end == Fallthrough::permit)
      text += fmt::format(" {}{} permit {} any any\n", v4 ? "" : "sequence ", sequence += 10, v4 ? "ip" : "ipv6");
    else if (sequence == 0)  // a list without an entry permits everything; neighbour discovery stays permitted
      text += v4 ? " 10 deny ip any any\n" : " sequence 10 deny tcp host :: host ::\n";
    out.texts.push_back({list.family ? list.family : std::optional(family), std::move(text)});
  }
  return out;
}

}  // namespace demarc
