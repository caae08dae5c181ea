#include "rules/acl/writers/pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace demarc::writing {

namespace {

/// The set's addresses of the family; none: it has none. An empty vector: all of them.
std::optional<std::vector<AddressRange>> within(const AddressSet& set, Family family) {
  const AddressSet part = set.intersect(AddressSet::all(family));
  if (part.empty()) return std::nullopt;
  return part == AddressSet::all(family) ? std::vector<AddressRange>{} : part.ranges();
}

void add_flag_tests(const ByteSet& flags, unsigned bit, FlagTest so_far, std::vector<FlagTest>& out) {
  bool all = true, any = false;
  for (unsigned n = 0; n < 256; ++n) {
    if ((n & so_far.mask) != so_far.value) continue;
    const bool in = flags.contains(static_cast<std::uint8_t>(n));
    all = all && in, any = any || in;
  }
  if (!any) return;
  if (all) return out.push_back(so_far);
  const auto b = static_cast<std::uint8_t>(1U << bit);
  FlagTest next{static_cast<std::uint8_t>(so_far.mask | b), static_cast<std::uint8_t>(so_far.value | b)};
  add_flag_tests(flags, bit + 1, next, out);
  next.value = so_far.value;
  add_flag_tests(flags, bit + 1, next, out);
}

}  // namespace

std::vector<Piece> pieces_of(const Match& match, Family family) {
  std::vector<Piece> out;
  const Box& b = match.box;
  if (b.family && *b.family != family) return out;
  for (const std::optional<AddressBits>* bits : {&match.source_bits, &match.destination_bits})
    if (*bits && (*bits)->family != family) return out;
  Piece p;
  p.family = family;
  const std::optional<std::vector<AddressRange>> from = within(b.sources, family),
                                                 to = within(b.destinations, family);
  if (!from || !to || b.states.empty() || b.fragments.empty() || b.ingress.empty() || b.egress.empty()) return out;
  p.sources = *from, p.destinations = *to;
  p.source_bits = match.source_bits, p.destination_bits = match.destination_bits;
  p.states = b.states, p.fragments = b.fragments;
  p.ingress = b.ingress, p.egress = b.egress;
  const bool ports = b.ports != PortSet::all() || b.source_ports != PortSet::all();
  const bool icmp = b.icmp != IcmpSet::all();
  const bool flags = !b.flags.is_all();
  if ((ports && (b.ports.empty() || b.source_ports.empty())) || (icmp && b.icmp.empty()) ||
      (flags && b.flags.empty()))
    return out;
  if (!ports && !icmp && !flags) {
    p.every_protocol = b.protocols == ProtocolSet::all();
    p.protocols = b.protocols.numbers();
    if (p.protocols.size() == 1)
      for (unsigned n = 0; n < 256; ++n)
        if (p.protocols.contains(static_cast<std::uint8_t>(n))) p.protocol = Protocol(static_cast<std::uint8_t>(n));
    if (!p.protocols.empty()) out.push_back(std::move(p));
    return out;
  }
  // A field that is named binds its protocols alone; two that no protocol has both of hold nothing.
  for (unsigned n = 0; n < 256; ++n) {
    const Protocol protocol(static_cast<std::uint8_t>(n));
    if (!b.protocols.contains(protocol) || (ports && !protocol.has_ports()) || (icmp && !protocol.is_icmp()) ||
        (flags && protocol != Protocol::tcp))
      continue;
    Piece one = p;
    one.protocol = protocol;
    one.protocols = ByteSet{protocol.number()};
    one.ports = b.ports, one.source_ports = b.source_ports;
    if (icmp) one.icmp = b.icmp;
    if (flags) one.flags = b.flags;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Prefix> prefixes_of(const std::vector<AddressRange>& ranges) {
  return AddressSet::of_ranges(ranges).prefixes();
}

std::vector<FlagTest> flag_tests(const ByteSet& flags) {
  std::vector<FlagTest> out;
  // SYN, ACK and RST are what lists ask about: tested first, they make few tests.
  ByteSet turned;
  constexpr std::array<unsigned, 8> kOrder{1, 4, 2, 0, 3, 5, 6, 7};
  const auto turn = [&kOrder](unsigned n, bool back) {
    unsigned result = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const unsigned from = back ? i : kOrder[i], to = back ? kOrder[i] : i;
      if ((n >> from & 1U) != 0) result |= 1U << to;
    }
    return static_cast<std::uint8_t>(result);
  };
  for (unsigned n = 0; n < 256; ++n)
    if (flags.contains(static_cast<std::uint8_t>(n))) turned.insert(turn(n, false));
  add_flag_tests(turned, 0, {}, out);
  for (FlagTest& test : out) test = {turn(test.mask, true), turn(test.value, true)};
  return out;
}

std::string flag_names(std::uint8_t bits, std::string_view separator, bool capital) {
  constexpr std::array<std::array<std::string_view, 2>, 8> kNames{{{"fin", "FIN"},
                                                                   {"syn", "SYN"},
                                                                   {"rst", "RST"},
                                                                   {"psh", "PSH"},
                                                                   {"ack", "ACK"},
                                                                   {"urg", "URG"},
                                                                   {"ecn", "ECE"},
                                                                   {"cwr", "CWR"}}};
  std::string out;
  for (unsigned i = 0; i < 8; ++i) {
    if ((bits >> i & 1) == 0) continue;
    if (!out.empty()) out += separator;
    out += kNames[i][capital ? 1 : 0];
  }
  return out;
}

std::vector<IcmpType> icmp_types(const IcmpSet& set) {
  std::vector<IcmpType> out;
  for (const PortRange& range : set.numbers().ranges()) {
    for (std::uint32_t n = range.first.number(); n <= range.last.number();) {
      const auto type = static_cast<std::uint8_t>(n >> 8), code = static_cast<std::uint8_t>(n & 255);
      if (code == 0 && n + 255 <= range.last.number()) {
        out.push_back({type, {}});
        n += 256;
      } else {
        out.push_back({type, code});
        ++n;
      }
    }
  }
  return out;
}

std::string plain_comment(std::string_view comment, std::size_t most) {
  std::string out;
  for (const char c : comment) {
    if (out.size() == most) break;
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '\'' && c != '`' && c != '?' &&
                       c != '$' && c != '!';
    out += plain ? c : c == '"' || c == '\'' || c == '`' ? '.' : ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  out.erase(0, std::min(out.find_first_not_of(' '), out.size()));
  return out;
}

std::string plain_name(std::string_view wanted, std::string_view otherwise, std::size_t most) {
  std::string out;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (const char c : wanted) {
    if (out.size() == most) break;
    if (letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_')
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  if (out.empty()) out = otherwise;
  if (!letter(out[0])) out.insert(0, "n-");
  return out;
}

std::pair<std::string, bool> NameBook::name(const std::string& content, std::string_view wanted) {
  if (const auto known = names_.find(content); known != names_.end()) return {known->second, false};
  const std::string base = plain_name(wanted, otherwise_, longest_ - 6);
  std::string name = base;
  for (std::size_t n = 2; !used_.insert(name).second; ++n) name = fmt::format("{}-{}", base, n);
  return {names_.emplace(content, std::move(name)).first->second, true};
}

}  // namespace demarc::writing
