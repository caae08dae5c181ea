#include "rules/acl/readers/nftables_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/netfilter_names.h"
#include "rules/acl/readers/nftables_names.h"
#include "rules/text/suggest.h"

namespace demarc::nft {

using netfilter::Matches;

Result<void> ValueReader::collect(const KnownField& k, const Expr& e, Values& out, unsigned depth) {
  if (depth > kDepthMax) return wrong("sets lie too deep in each other");
  switch (e.kind) {
    case Expr::Kind::set:
    case Expr::Kind::list:
      if (e.kind == Expr::Kind::list && e.text == "|") break;
      for (const Expr& part : e.parts) DEMARC_TRY(collect(k, part, out, depth + 1));
      return {};
    case Expr::Kind::element:
      if (!e.text.empty()) return wrong(fmt::format("'{}' may end or be limited", to_text(e.parts[0])));
      return collect(k, e.parts[0], out, depth + 1);
    case Expr::Kind::reference: {
      const Set* set = around_.table.find_set(e.text);
      if (set == nullptr || set->changes) return wrong(fmt::format("what is in set {} is not known", e.text));
      return collect(k, set->content, out, depth + 1);
    }
    case Expr::Kind::other: return wrong(e.text);
    default: break;
  }
  if (e.kind == Expr::Kind::value && e.text == "*" && k.field != Field::iif && k.field != Field::oif) {
    out.any = true;
    return {};
  }
  switch (k.field) {
    case Field::saddr:
    case Field::daddr: return address(k, e, out);
    case Field::iif:
    case Field::oif: return interface(e, out);
    case Field::tcp_flags:
    case Field::ct_state: {
      const std::uint8_t bits = DEMARC_TRY(bits_of(k.field, e));
      if (k.field == Field::tcp_flags) {
        out.numbers.push_back(PortRange::single(Port(bits)));
      } else {
        for (unsigned i = 0; i < 4; ++i)
          if (bits == state_bit(state_of(i))) out.states.insert(state_of(i));
        if (bits == kUntracked) out.untracked = true;
      }
      return {};
    }
    default: break;
  }
  const Expr& first = e.kind == Expr::Kind::range ? e.parts[0] : e;
  const Expr& last = e.kind == Expr::Kind::range ? e.parts[1] : e;
  const std::uint16_t low = DEMARC_TRY(number(k, first));
  const std::uint16_t high = DEMARC_TRY(number(k, last));
  if (high < low) return wrong(fmt::format("'{}' runs backwards", to_text(e)));
  out.numbers.push_back({Port(low), Port(high)});
  return {};
}

Result<void> ValueReader::address(const KnownField& k, const Expr& e, Values& out) const {
  const auto one = [&](const Expr& part) -> Result<Prefix> {
    const std::size_t slash = part.text.find('/');
    const std::optional<Address> a = parse_address(std::string_view(part.text).substr(0, slash));
    std::optional<std::uint64_t> length;
    if (a && slash != std::string::npos)
      length = netfilter::whole_number(std::string_view(part.text).substr(slash + 1), demarc::bits(a->family()));
    if (!a || part.kind != Expr::Kind::value || (slash != std::string::npos && !length) ||
        (k.domain.box.family && a->family() != *k.domain.box.family))
      return wrong(fmt::format("'{}' is no address for {}", to_text(part), k.text),
                   a ? "" : "names are not resolved");
    return Prefix::containing(*a, length ? static_cast<unsigned>(*length) : demarc::bits(a->family()));
  };
  if (e.kind == Expr::Kind::range) {
    const Prefix first = DEMARC_TRY(one(e.parts[0]));
    const Prefix last = DEMARC_TRY(one(e.parts[1]));
    if (last.last() < first.first()) return wrong(fmt::format("'{}' runs backwards", to_text(e)));
    out.addresses.push_back({first.first(), last.last()});
    return {};
  }
  const Prefix p = DEMARC_TRY(one(e));
  out.addresses.push_back({p.first(), p.last()});
  return {};
}

Result<void> ValueReader::interface(const Expr& e, Values& out) {
  if (e.kind != Expr::Kind::value && e.kind != Expr::Kind::quoted)
    return wrong(fmt::format("'{}' is no interface", to_text(e)));
  const std::optional<InterfaceId> id = around_.interfaces.id(e.text);
  if (!id) return wrong("more interfaces are named than can be told apart");
  out.interfaces.insert(*id);
  return {};
}

Result<std::uint16_t> ValueReader::number(const KnownField& k, const Expr& e) const {
  const std::string& word = e.text;
  const auto is_word = e.kind == Expr::Kind::value || e.kind == Expr::Kind::quoted;
  const auto not_a = [&](std::string_view kind, std::span<const std::string_view> names) {
    return wrong(fmt::format("'{}' is no {}", to_text(e), kind), suggest(word, names));
  };
  if (!is_word) return not_a("value", {});
  switch (k.field) {
    case Field::protocol:
    case Field::nexthdr:
      if (const std::optional<std::uint8_t> p = netfilter::protocol_number(word)) return *p;
      return not_a("protocol", netfilter::protocol_words());
    case Field::sport:
    case Field::dport:
      if (const std::optional<std::uint16_t> p = netfilter::port_number(word)) return *p;
      return not_a("port", netfilter::port_words());
    case Field::icmp_type:
    case Field::icmp_code: {
      if (const std::optional<std::uint64_t> n = netfilter::whole_number(word, 255))
        return static_cast<std::uint16_t>(*n);
      const Family family = *k.domain.box.family;
      const bool type = k.field == Field::icmp_type;
      if (const std::optional<std::uint8_t> n = type ? nft::icmp_type(family, word) : nft::icmp_code(family, word))
        return *n;
      return not_a(type ? "ICMP type" : "ICMP code", icmp_type_words(family));
    }
    case Field::nfproto:
      if (word == "ipv4" || word == "2") return std::uint16_t{4};
      if (word == "ipv6" || word == "10") return std::uint16_t{6};
      return not_a("family: ipv4 or ipv6", {});
    case Field::ethertype:
      if (word == "ip" || word == "2048" || word == "0x0800" || word == "8") return std::uint16_t{4};
      if (word == "ip6" || word == "34525" || word == "0x86dd") return std::uint16_t{6};
      return std::uint16_t{0};  // ARP, VLAN, ...: no IP packet
    case Field::fragment:
      if (word == "exists" || word == "true" || word == "1") return std::uint16_t{1};
      if (word == "missing" || word == "false" || word == "0") return std::uint16_t{0};
      return not_a("existence: exists or missing", {});
    case Field::source_type:
    case Field::destination_type: {
      constexpr std::string_view kTypes[] = {"unspec",    "unicast",   "local",       "broadcast", "anycast",
                                             "multicast", "blackhole", "unreachable", "prohibit"};
      for (std::uint16_t i = 0; i < std::size(kTypes); ++i)
        if (word == kTypes[i]) return i;
      return not_a("type of address", kTypes);
    }
    default: return not_a("value", {});
  }
}

ByteSet ValueReader::bytes(const std::vector<PortRange>& ranges) {
  ByteSet set;
  for (const PortRange& r : ranges)
    for (unsigned n = r.first.number(); n <= r.last.number() && n < 256; ++n)
      set.insert(static_cast<std::uint8_t>(n));
  return set;
}

void ValueReader::to_matches(const KnownField& k, const Values& v, Matches& out) {
  Match m;
  switch (k.field) {
    case Field::saddr:
    case Field::daddr:
      if (v.addresses.empty()) return;
      (k.field == Field::saddr ? m.box.sources : m.box.destinations) = AddressSet::of_ranges(v.addresses);
      break;
    case Field::protocol: m.box.protocols = ProtocolSet(bytes(v.numbers)); break;
    case Field::nexthdr: {
      // The header behind IPv6's own. Of a fragment, where it is not put together, that is the fragment header.
      const ByteSet numbers = bytes(v.numbers);
      if (numbers.contains(44)) {
        Match fragment;
        fragment.box.family = Family::ipv6;
        fragment.box.fragments = {Fragment::first, Fragment::middle, Fragment::last};
        out.push_back(std::move(fragment));
      }
      m.box.family = Family::ipv6;
      m.box.fragments = {Fragment::whole};
      m.box.protocols = ProtocolSet(numbers);
      break;
    }
    case Field::sport: m.box.source_ports = PortSet::of(v.numbers); break;
    case Field::dport: m.box.ports = PortSet::of(v.numbers); break;
    case Field::icmp_type: {
      std::vector<PortRange> ranges;
      for (const PortRange& r : v.numbers)
        ranges.push_back({Port(static_cast<std::uint16_t>(r.first.number() << 8)),
                          Port(static_cast<std::uint16_t>(std::min<unsigned>(r.last.number(), 255) << 8 | 0xFF))});
      m.box.icmp = IcmpSet::of_numbers(PortSet::of(std::move(ranges)));
      break;
    }
    case Field::icmp_code: {
      std::vector<PortRange> ranges;
      const ByteSet codes = bytes(v.numbers);
      for (unsigned n = 0; n < 65536; ++n)
        if (codes.contains(static_cast<std::uint8_t>(n & 0xFF)))
          ranges.push_back(PortRange::single(Port(static_cast<std::uint16_t>(n))));
      m.box.icmp = IcmpSet::of_numbers(PortSet::of(std::move(ranges)));
      break;
    }
    case Field::tcp_flags: m.box.flags = bytes(v.numbers); break;
    case Field::ct_state:
      if (v.states.empty()) return;
      m.box.states = v.states;
      break;
    case Field::iif: m.box.ingress = v.interfaces; break;
    case Field::oif: m.box.egress = v.interfaces; break;
    case Field::nfproto:
    case Field::ethertype:
      for (const auto& [number, family] : {std::pair{4, Family::ipv4}, std::pair{6, Family::ipv6}}) {
        if (!bytes(v.numbers).contains(static_cast<std::uint8_t>(number))) continue;
        Match one;
        one.box.family = family;
        out.push_back(std::move(one));
      }
      return;
    case Field::fragment: {
      const ByteSet wanted = bytes(v.numbers);
      m.box.family = Family::ipv6;
      m.box.fragments = {};
      if (wanted.contains(0)) m.box.fragments.insert(Fragment::whole);
      if (wanted.contains(1))
        for (const Fragment f : {Fragment::first, Fragment::middle, Fragment::last}) m.box.fragments.insert(f);
      break;
    }
    case Field::source_type:
    case Field::destination_type: return address_types(k, v, out);
    case Field::frag_off:
    case Field::open: return;
  }
  if (std::optional<Match> some = netfilter::meet(m, m)) out.push_back(std::move(*some));
}

void ValueReader::address_types(const KnownField& k, const Values& v, Matches& out) const {
  constexpr std::uint8_t kLocal = 2, kMulticast = 5;
  const ByteSet wanted = bytes(v.numbers);
  std::vector<AddressRange> ranges;
  const auto add = [&ranges](const Prefix& p) { ranges.push_back({p.first(), p.last()}); };
  if (wanted.contains(kMulticast)) {
    add(Prefix::containing(Address::ipv4(0xE0000000), 4));
    add(Prefix::containing(Address::ipv6(0xFF00000000000000, 0), 8));
  }
  if (wanted.contains(kLocal) && around_.own_addresses != nullptr) {
    add(Prefix::containing(Address::ipv4(0x7F000000), 8));
    add(Prefix::host(Address::ipv6(0, 1)));
    for (const Address& a : *around_.own_addresses) add(Prefix::host(a));
  }
  Match m;
  if (ranges.empty()) return;
  (k.field == Field::source_type ? m.box.sources : m.box.destinations) = AddressSet::of_ranges(std::move(ranges));
  out.push_back(std::move(m));
}

}  // namespace demarc::nft
