// What a rule's options match.
// Source: iptables(8), iptables-extensions(8); net/netfilter/xt_tcpudp.c and ip_tables.c for what a match does with
// later fragments (`-m tcp` never matches one) and with an interface that the hook does not know.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/iptables_names.h"
#include "rules/acl/readers/iptables_rule_reader.h"
#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/netfilter_names.h"
#include "rules/text/suggest.h"

namespace demarc {

using netfilter::Matches;
using netfilter::Term;

namespace {

std::vector<std::string_view> list(std::string_view text) {
  std::vector<std::string_view> parts;
  while (parts.size() < 1000) {
    const std::size_t end = std::min(text.find(','), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

Result<PortRange> ports(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const auto one = [](std::string_view word, std::uint16_t otherwise) -> Result<std::uint16_t> {
    if (word.empty()) return otherwise;
    if (const std::optional<std::uint16_t> n = netfilter::port_number(word)) return *n;
    return failure(fmt::format("'{}' is neither a port number nor a service's name", word),
                 suggest(word, netfilter::port_words()));
  };
  if (text.empty()) return failure("a port is missing");
  const std::uint16_t low = DEMARC_TRY(one(first, 0));
  if (colon == std::string_view::npos) return PortRange::single(Port(low));
  const std::uint16_t high = DEMARC_TRY(one(text.substr(colon + 1), 65535));
  if (high < low) return failure("the range runs backwards");
  return PortRange{Port(low), Port(high)};
}

Result<PortSet> port_list(std::string_view text) {
  std::vector<PortRange> ranges;
  for (const std::string_view part : list(text)) {
    const PortRange one = DEMARC_TRY(ports(part));
    ranges.push_back(one);
  }
  return PortSet::of(std::move(ranges));
}

std::optional<std::uint8_t> flags(std::string_view text) {
  constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {
      {"FIN", tcp_flag::fin}, {"SYN", tcp_flag::syn}, {"RST", tcp_flag::rst}, {"PSH", tcp_flag::psh},
      {"ACK", tcp_flag::ack}, {"URG", tcp_flag::urg}, {"ALL", 0x3F},          {"NONE", 0}};
  std::uint8_t all = 0;
  for (const std::string_view part : list(text)) {
    const auto row =
        std::find_if(std::begin(kFlags), std::end(kFlags), [part](const auto& f) { return f.first == part; });
    if (row == std::end(kFlags)) return std::nullopt;
    all = static_cast<std::uint8_t>(all | row->second);
  }
  return all;
}

Match of_protocol(Protocol p) {
  Match m;
  m.box.protocols = {p};
  return m;
}

}  // namespace

Result<void> IptablesRuleReader::address(bool source) {
  const std::string text = DEMARC_TRY(value());
  Term term;
  std::vector<AddressRange> ranges;
  for (const std::string_view part : list(text)) {
    const std::size_t slash = part.find('/');
    const std::optional<Address> base = parse_address(part.substr(0, slash));
    if (!base || base->family() != around_.family)
      return failure(fmt::format("'{}' is no {} address", part, name(around_.family)),
                   base ? "" : "names are not resolved");
    const unsigned all = bits(base->family());
    std::optional<std::uint64_t> length = all;
    if (slash != std::string_view::npos) {
      length = netfilter::whole_number(part.substr(slash + 1), all);
      const std::optional<Address> mask = parse_address(part.substr(slash + 1));
      if (!length && (!mask || mask->family() != base->family()))
        return failure(fmt::format("'{}' is neither a prefix length nor a mask", part.substr(slash + 1)));
      if (!length) {
        const Uint128 width = all == 32 ? Uint128{0xFFFFFFFF} : ~Uint128{0};
        const Uint128 hole = ~mask->number() & width;
        if ((hole & (hole + 1)) != 0) {  // ones behind zeros
          Match m;
          m.box.family = base->family();
          (source ? m.source_bits : m.destination_bits) =
              AddressBits{base->family(), base->number() & mask->number(), mask->number()};
          term.certain.push_back(std::move(m));
          continue;
        }
        unsigned ones = 0;
        for (unsigned i = 0; i < all; ++i) ones += (mask->number() >> i & 1) != 0 ? 1 : 0;
        length = ones;
      }
    }
    const Prefix p = Prefix::containing(*base, static_cast<unsigned>(*length));
    ranges.push_back({p.first(), p.last()});
  }
  if (!ranges.empty()) {
    Match m;
    (source ? m.box.sources : m.box.destinations) = AddressSet::of_ranges(std::move(ranges));
    term.certain.push_back(std::move(m));
  }
  add(std::move(term));
  return {};
}

Result<void> IptablesRuleReader::interface(bool in) {
  std::string text = DEMARC_TRY(value());
  if (text == "+") {  // any, also none; turned round, never (and iptables-save then forgets it)
    if (negated_) add(Term::of(Match{}));
    return {};
  }
  if (text.ends_with('+')) text.back() = '*';
  const std::optional<InterfaceId> id = around_.interfaces.id(text);
  if (!id) return failure("more interfaces are named than can be told apart");
  Match m;
  (in ? m.box.ingress : m.box.egress) = ByteSet{*id};
  add(Term::of(std::move(m)));
  return {};
}

Result<Term> IptablesRuleReader::transport_term() {
  bare_header_ = false;
  Term term;
  term.reads_transport = true;
  if (!protocol_ || !protocol_->has_ports())
    return failure("ports without a protocol that has them", "-p tcp or -p udp stands before");
  term.limit(of_protocol(*protocol_));
  return term;
}

Result<void> IptablesRuleReader::port(bool destination) {
  const std::string text = DEMARC_TRY(value());
  const PortRange range = DEMARC_TRY(ports(text));
  Term term = DEMARC_TRY(transport_term());
  Match m;
  (destination ? m.box.ports : m.box.source_ports) = PortSet{range};
  if (range == PortRange::all()) m.box.protocols = {*protocol_};
  term.certain.push_back(std::move(m));
  add(std::move(term));
  return {};
}

Result<void> IptablesRuleReader::multiport(bool source, bool destination) {
  const std::string text = DEMARC_TRY(value());
  const PortSet set = DEMARC_TRY(port_list(text));
  Term term = DEMARC_TRY(transport_term());
  for (const bool to : {false, true}) {
    if (!(to ? destination : source)) continue;
    Match m;
    (to ? m.box.ports : m.box.source_ports) = set;
    term.certain.push_back(std::move(m));
  }
  add(std::move(term));
  return {};
}

Result<void> IptablesRuleReader::tcp_flags(bool syn) {
  std::uint8_t mask = tcp_flag::fin | tcp_flag::syn | tcp_flag::rst | tcp_flag::ack, set = tcp_flag::syn;
  if (!syn) {
    const std::string examined = DEMARC_TRY(value());
    const std::string wanted = DEMARC_TRY(value());
    const std::optional<std::uint8_t> m = flags(examined), s = flags(wanted);
    if (!m || !s)
      return failure(fmt::format("'{} {}' are no TCP flags", examined, wanted),
                   "SYN, ACK, FIN, RST, URG, PSH, ALL or NONE");
    mask = *m, set = *s;
  }
  Term term;
  term.reads_transport = true;
  bare_header_ = false;
  term.limit(of_protocol(Protocol::tcp));
  if ((set & ~mask) == 0) {
    Match m;
    m.box.flags = demarc::tcp_flags(mask, set);
    term.certain.push_back(std::move(m));
  }
  add(std::move(term));
  return {};
}

Result<void> IptablesRuleReader::icmp(Family family) {
  const std::string text = DEMARC_TRY(value());
  const std::optional<IcmpSet> types = iptables_icmp(family, text);
  if (!types) return failure(fmt::format("'{}' is no ICMP type", text), suggest(text, iptables_icmp_words(family)));
  if (*types == IcmpSet::all() && !negated_) return {};  // the match alone: what `bare_header_` says
  Term term;
  term.reads_transport = true;
  bare_header_ = false;
  term.limit(of_protocol(family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6));
  Match m;
  m.box.icmp = *types;
  term.certain.push_back(std::move(m));
  add(std::move(term));
  return {};
}

Result<void> IptablesRuleReader::state() {
  const std::string text = DEMARC_TRY(value());
  Term term;
  term.of_state = true;
  Match m;
  m.box.states = {};
  for (const std::string_view word : list(text)) {
    if (word == "NEW") {
      m.box.states.insert(ConnectionState::fresh);
    } else if (word == "ESTABLISHED") {
      m.box.states.insert(ConnectionState::established);
    } else if (word == "RELATED") {
      m.box.states.insert(ConnectionState::related);
    } else if (word == "INVALID") {
      m.box.states.insert(ConnectionState::invalid);
    } else if (word == "UNTRACKED") {
      term.untracked = true;
    } else if (word == "SNAT" || word == "DNAT") {
      term.extra = {Match{}};
      term.undecided = fmt::format("whether the connection was translated ({})", word);
    } else {
      constexpr std::string_view kStates[] = {"NEW",       "ESTABLISHED", "RELATED", "INVALID",
                                              "UNTRACKED", "SNAT",        "DNAT"};
      return failure(fmt::format("'{}' is no connection state", word), suggest(word, std::span(kStates)));
    }
  }
  out_.tracks = true;
  if (!m.box.states.empty()) term.certain.push_back(std::move(m));
  add(std::move(term));
  return {};
}

Result<void> IptablesRuleReader::range(bool source) {
  const std::string text = DEMARC_TRY(value());
  const std::size_t dash = text.find('-');
  const std::optional<Address> first = parse_address(std::string_view(text).substr(0, dash));
  const std::optional<Address> last =
      dash == std::string::npos ? first : parse_address(std::string_view(text).substr(dash + 1));
  if (!first || !last || first->family() != around_.family || last->family() != around_.family || *last < *first)
    return failure(fmt::format("'{}' is no range of {} addresses", text, name(around_.family)));
  Match m;
  (source ? m.box.sources : m.box.destinations) = AddressSet::of_ranges({{*first, *last}});
  add(Term::of(std::move(m)));
  return {};
}

Result<void> IptablesRuleReader::set() {
  const std::string text = DEMARC_TRY(value());
  if (at_ >= words_.size()) return failure("the directions are missing behind the set", "src, dst or src,dst");
  const std::string directions = words_[at_++].text;
  for (const std::string_view word : list(directions))
    if (word != "src" && word != "dst") return failure(fmt::format("'{}' is no direction", word), "src or dst");
  add(around_.sets.term(text, directions, around_.interfaces));
  return {};
}

Result<void> IptablesRuleReader::address_type(bool source) {
  const std::string text = DEMARC_TRY(value());
  Term term;
  std::vector<AddressRange> ranges;
  std::string open;
  for (const std::string_view word : list(text)) {
    if (word == "MULTICAST") {
      const Prefix p = around_.family == Family::ipv4 ? Prefix::containing(Address::ipv4(0xE0000000), 4)
                                                      : Prefix::containing(Address::ipv6(0xFF00000000000000, 0), 8);
      ranges.push_back({p.first(), p.last()});
    } else if (word == "LOCAL" && around_.own_addresses != nullptr) {
      const Prefix loop = around_.family == Family::ipv4 ? Prefix::containing(Address::ipv4(0x7F000000), 8)
                                                         : Prefix::host(Address::ipv6(0, 1));
      ranges.push_back({loop.first(), loop.last()});
      for (const Address& a : *around_.own_addresses)
        if (a.family() == around_.family) ranges.push_back({a, a});
    } else {
      constexpr std::string_view kTypes[] = {"UNSPEC",   "UNICAST",   "LOCAL",     "BROADCAST",
                                             "ANYCAST",  "MULTICAST", "BLACKHOLE", "UNREACHABLE",
                                             "PROHIBIT", "THROW",     "NAT",       "XRESOLVE"};
      if (!is_one_of(word, kTypes))
        return failure(fmt::format("'{}' is no type of address", word), suggest(word, std::span(kTypes)));
      open = fmt::format("-m addrtype: which addresses are {} depends on the routing table", word);
    }
  }
  if (!ranges.empty()) {
    Match m;
    (source ? m.box.sources : m.box.destinations) = AddressSet::of_ranges(std::move(ranges));
    term.certain.push_back(std::move(m));
  }
  if (!open.empty()) term.extra = {Match{}}, term.undecided = std::move(open);
  add(std::move(term));
  return {};
}

void IptablesRuleReader::finish() {
  if (!bare_header_) return;
  // `-m tcp` without an option still wants to see the header; iptables-nft forgets that on loading.
  Match seen, later;
  seen.box.family = later.box.family = around_.family;
  seen.box.fragments = {Fragment::whole, Fragment::first};
  later.box.fragments = kLaterFragments;
  Term term = Term::of(std::move(seen));
  term.extra = {std::move(later)};
  term.undecided = "a match without options sees later fragments or not, as iptables' variant has it";
  out_.rule.terms.push_back(std::move(term));
}

}  // namespace demarc
