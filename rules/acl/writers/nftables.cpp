// nftables: a table of family inet with one chain, for `nft -f`.
//
// A rule takes any number of addresses and ports, so an entry is a rule for each family and protocol. Address lists
// of three ranges and more become named sets: a change of a list is then a change of one place.
//
// Sources: nft(8), "Payload expressions", "Sets", "Statements"; comments hold 128 bytes.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/writers/pieces.h"

namespace demarc {

namespace {

using writing::Piece;

constexpr std::size_t kCommentMax = 120;
constexpr std::size_t kInlineMax = 2;  // ranges that stand in the rule itself

struct Sets {
  writing::NameBook names{"addresses", 32};
  std::string text;
  bool allowed = true;  // false: everything inline
};

std::string range_words(const AddressRange& r) {
  if (r.first == r.last) return to_string(r.first);
  const std::vector<Prefix> prefixes = writing::prefixes_of({r});
  if (prefixes.size() == 1) return to_string(prefixes[0]);
  return fmt::format("{}-{}", to_string(r.first), to_string(r.last));
}

std::string addresses(std::string_view field, Family family, const std::vector<AddressRange>& ranges,
                      std::string_view wanted, Sets& sets) {
  if (ranges.empty()) return "";
  std::string elements;
  for (const AddressRange& r : ranges) elements += (elements.empty() ? "" : ", ") + range_words(r);
  const std::string_view ip = family == Family::ipv4 ? "ip" : "ip6";
  if (ranges.size() == 1) return fmt::format("{} {} {} ", ip, field, elements);
  if (ranges.size() <= kInlineMax || !sets.allowed) return fmt::format("{} {} {{ {} }} ", ip, field, elements);
  const std::string tail = family == Family::ipv4 ? "" : "-v6";
  const auto [name, is_new] = sets.names.name(elements, wanted.empty() ? "" : std::string(wanted) + tail);
  if (is_new)
    sets.text += fmt::format("\tset {} {{\n\t\ttype {}\n\t\tflags interval\n\t\telements = {{ {} }}\n\t}}\n", name,
                             family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr", elements);
  return fmt::format("{} {} @{} ", ip, field, name);
}

std::string port_words(std::string_view protocol, std::string_view field, const PortSet& set) {
  if (set == PortSet::all()) return "";
  std::string elements;
  for (const PortRange& r : set.ranges()) elements += (elements.empty() ? "" : ", ") + to_string(r);
  return set.ranges().size() == 1 ? fmt::format("{} {} {} ", protocol, field, elements)
                                  : fmt::format("{} {} {{ {} }} ", protocol, field, elements);
}

std::string protocol_words(const Piece& p) {
  if (p.every_protocol) return "";
  // What is missing may be shorter than what is there.
  const bool turned = p.protocols.size() > 128;
  const ByteSet named = turned ? p.protocols.complement() : p.protocols;
  std::string elements;
  for (unsigned n = 0; n < 256; ++n)
    if (named.contains(static_cast<std::uint8_t>(n)))
      elements += (elements.empty() ? "" : ", ") + std::to_string(n);
  if (named.size() > 1) elements = fmt::format("{{ {} }}", elements);
  return fmt::format("meta l4proto {}{} ", turned ? "!= " : "", elements);
}

std::string_view header_name(Protocol protocol) {
  switch (protocol.number()) {
    case 6: return "tcp";
    case 17: return "udp";
    case 33: return "dccp";
    case 132: return "sctp";
    case 136: return "udplite";
    default: return "";
  }
}

std::string state_words(const StateSet& states) {
  if (states == StateSet::all()) return "";
  constexpr std::pair<ConnectionState, std::string_view> kStates[] = {{ConnectionState::established, "established"},
                                                                      {ConnectionState::related, "related"},
                                                                      {ConnectionState::fresh, "new"},
                                                                      {ConnectionState::invalid, "invalid"}};
  std::string out;
  for (const auto& [state, word] : kStates)
    if (states.contains(state)) out += (out.empty() ? "" : ",") + std::string(word);
  return fmt::format("ct state {} ", out);
}

std::string interface_words(std::string_view field, const ByteSet& set, const IntendedList& list,
                            std::string& unsaid) {
  if (set.is_all()) return "";
  std::string elements;
  std::size_t count = 0;
  for (unsigned n = 0; n < 256; ++n) {
    if (!set.contains(static_cast<std::uint8_t>(n))) continue;
    if (n >= list.interfaces.size()) return unsaid = "an interface has no name", "";
    elements += fmt::format("{}\"{}\"", count++ == 0 ? "" : ", ", list.interfaces[n]);
  }
  return count == 1 ? fmt::format("{} {} ", field, elements) : fmt::format("{} {{ {} }} ", field, elements);
}

/// The tests on flags; one empty text for every flag byte.
std::vector<std::string> flag_words(const Piece& p) {
  if (!p.flags) return {""};
  if (*p.flags == tcp_flags_established()) return {"tcp flags & (rst | ack) != 0x0 "};
  std::vector<std::string> out;
  for (const writing::FlagTest& t : writing::flag_tests(*p.flags)) {
    const std::string mask = writing::flag_names(t.mask, " | ", false);
    const std::string value = t.value == 0 ? "0x0" : writing::flag_names(t.value, " | ", false);
    out.push_back(fmt::format("tcp flags & ({}) == {} ", mask, value));
  }
  return out;
}

/// Whole types in one set, single messages each by itself.
std::vector<std::string> message_words(const Piece& p) {
  if (!p.icmp) return {""};
  const std::string_view field = p.family == Family::ipv4 ? "icmp" : "icmpv6";
  std::vector<std::string> out;
  std::string types;
  std::size_t count = 0;
  std::map<std::uint8_t, std::string> codes;
  for (const IcmpType& t : writing::icmp_types(*p.icmp)) {
    std::string& list = t.code ? codes[t.type] : types;
    list += (list.empty() ? "" : ", ") + std::to_string(t.code ? *t.code : t.type);
    if (!t.code) ++count;
  }
  if (count == 1) out.push_back(fmt::format("{} type {} ", field, types));
  if (count > 1) out.push_back(fmt::format("{} type {{ {} }} ", field, types));
  for (const auto& [type, list] : codes)
    out.push_back(list.find(',') == std::string::npos
                      ? fmt::format("{} type {} {} code {} ", field, type, field, list)
                      : fmt::format("{} type {} {} code {{ {} }} ", field, type, field, list));
  return out;
}

std::string bits_words(std::string_view field, const std::optional<AddressBits>& bits) {
  if (!bits) return "";
  const auto text = [&](Uint128 number) { return to_string(Address::of(bits->family, number)); };
  return fmt::format("{} {} & {} == {} ", bits->family == Family::ipv4 ? "ip" : "ip6", field, text(bits->mask),
                     text(bits->value & bits->mask));
}

void write_piece(const Piece& p, const IntendedEntry& entry, const IntendedList& list, Sets& sets,
                 WrittenEntry& out) {
  std::string unsaid;
  if (p.fragments != FragmentSet::all()) unsaid = "fragments are put together before a stateful filter sees them";
  if (p.icmp && p.protocol != (p.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6))
    unsaid = "ICMP of the other family has no messages here";
  std::string head =
      interface_words("iifname", p.ingress, list, unsaid) + interface_words("oifname", p.egress, list, unsaid);
  if (!unsaid.empty()) return out.unsaid.push_back(std::move(unsaid));
  head += state_words(p.states);
  const std::string from = addresses("saddr", p.family, p.sources, entry.source_name, sets) +
                           bits_words("saddr", p.source_bits),
                    to = addresses("daddr", p.family, p.destinations, entry.destination_name, sets) +
                         bits_words("daddr", p.destination_bits);
  if (from.empty() && to.empty() && !p.icmp && !list.family)
    head += fmt::format("meta nfproto {} ", p.family == Family::ipv4 ? "ipv4" : "ipv6");
  head += from + to;
  if (p.ports != PortSet::all() || p.source_ports != PortSet::all()) {
    const std::string_view protocol = header_name(*p.protocol);
    head += port_words(protocol, "sport", p.source_ports) + port_words(protocol, "dport", p.ports);
  } else if (!p.icmp && !p.flags) {
    head += protocol_words(p);
  }
  const std::string comment = writing::plain_comment(entry.comment, kCommentMax);
  for (const std::string& type : message_words(p))
    for (const std::string& test : flag_words(p))
      out.lines.push_back(fmt::format("{}{}{}{}{}", head, type, test,
                                      entry.action == Action::permit ? "accept" : "drop",
                                      comment.empty() ? "" : fmt::format(" comment \"{}\"", comment)));
  if (out.lines.size() > writing::kLinesMax) {
    out.lines.clear();
    out.unsaid.push_back(fmt::format("it would take more than {} lines", writing::kLinesMax));
  }
}

/// A match of both families that names no address and no message of one is one rule, not two.
bool is_same_for_both(const Match& match, const IntendedList& list) {
  return !list.family && !match.box.family && match.box.sources == AddressSet::all() &&
         match.box.destinations == AddressSet::all() && match.box.icmp == IcmpSet::all() && !match.source_bits &&
         !match.destination_bits;
}

WrittenEntry entry_lines(const IntendedEntry& entry, const IntendedList& list, std::optional<Family> family,
                         Sets& sets) {
  WrittenEntry out;
  for (const Match& match : entry.match) {
    if (is_same_for_both(match, list)) {  // in each family's words the same
      IntendedList one = {.family = Family::ipv4, .interfaces = list.interfaces};  // no word for the family
      for (const Piece& p : writing::pieces_of(match, Family::ipv4)) write_piece(p, entry, one, sets, out);
      continue;
    }
    for (const Family f : {Family::ipv4, Family::ipv6})
      if (family.value_or(f) == f && list.family.value_or(f) == f)
        for (const Piece& p : writing::pieces_of(match, f)) write_piece(p, entry, list, sets, out);
  }
  return out;
}

}  // namespace

WrittenEntry write_nftables_entry(const IntendedEntry& entry, const IntendedList& list, Family family) {
  Sets sets;
  sets.allowed = false;
  return entry_lines(entry, list, family, sets);
}

Written write_nftables(const IntendedList& list) {
  Written out;
  Sets sets;
  std::string rules;
  for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
    WrittenEntry written = entry_lines(list.entries[i], list, std::nullopt, sets);
    for (std::string& why : written.unsaid) out.unsaid.push_back({i, std::move(why)});
    for (const std::string& line : written.lines) rules += fmt::format("\t\t{}\n", line);
  }
  const std::string_view table = !list.family ? "inet" : *list.family == Family::ipv4 ? "ip" : "ip6";
  const std::string_view hook = list.way == Way::through     ? "forward"
                                : list.way == Way::to_device ? "input"
                                                             : "output";
  std::string text = fmt::format("table {} demarc {{\n{}", table, sets.text);
  text += fmt::format("\tchain {} {{\n\t\ttype filter hook {} priority filter; policy {};\n{}\t}}\n}}\n",
                      writing::plain_name(list.name, hook, 60), hook,
                      list.at_end == Fallthrough::permit ? "accept" : "drop", rules);
  out.texts.push_back({list.family, std::move(text)});
  return out;
}

}  // namespace demarc
