// Sources: Cisco IOS Security Command Reference (access-list (IP extended), permit (IP), permit (IPv6),
// object-group); Cisco Nexus 7000 Series NX-OS Security Command Reference (permit, object-group); Cisco IOS XR IP
// Addresses and Services Command Reference (permit (IPv4)); Arista EOS User Manual (ACLs and Route Maps). For what
// entries with ports do to later fragments: "Access Control Lists and IP Fragments" (Cisco document 8014), which
// IOS-XR's reference repeats and EOS's and NX-OS's do not contradict.
#include <fmt/format.h>

#include <bit>

#include "rules/acl/readers/router_ace_parts.h"

namespace demarc::router {

namespace {

Result<Address> address(std::string_view word, Family family, const Cursor& in) {
  const std::optional<Address> a = parse_address(word);
  if (!a || a->family() != family)
    return wrong(in, word.empty() ? fmt::format("an {} address is missing", name(family))
                                  : fmt::format("'{}' is no {} address", word, name(family)));
  return *a;
}

/// Bits that do not count may be set in the base: they are ignored.
Place masked(const Address& base, std::uint32_t wildcard) {
  Place place;
  const std::uint32_t counts = ~wildcard, value = base.ipv4_number() & counts;
  if ((wildcard & (wildcard + 1)) == 0) {
    place.addresses = AddressSet::of_ranges({{Address::ipv4(value), Address::ipv4(value | wildcard)}});
  } else {
    place.bits = AddressBits{Family::ipv4, value, counts};
    place.addresses = AddressSet{Prefix::containing(Address{}, 0)};
  }
  return place;
}

/// The same for IPv6, where NX-OS takes a wildcard mask beside a prefix.
Place masked6(const Address& base, Uint128 wildcard) {
  Place place;
  const Uint128 value = base.number() & ~wildcard;
  if ((wildcard & (wildcard + 1)) == 0) {
    place.addresses =
        AddressSet::of_ranges({{Address::of(Family::ipv6, value), Address::of(Family::ipv6, value | wildcard)}});
  } else {
    place.bits = AddressBits{Family::ipv6, value, ~wildcard};
    place.addresses = AddressSet{Prefix::containing(Address::ipv6(0, 0), 0)};
  }
  return place;
}

Result<Place> group_place(Cursor& in, const Groups& groups) {
  const std::string_view group = in.word();
  if (group.empty()) return wrong(in, "the name of the group is missing");
  Place result;
  const NetworkGroup* known = groups.network(group);
  result.addresses = {};
  result.group = known;
  result.complete = known != nullptr && known->complete;
  result.why = why_incomplete(known, group);
  return result;
}

}  // namespace

Result<Place> place(Cursor& in, const AceDialect& dialect, ListForm form, const Groups& groups) {
  const Family family = form.family;
  std::string_view word = in.word();
  Place result;
  if (word == "any" || (word == "any4" && family == Family::ipv4) || (word == "any6" && family == Family::ipv6))
    return result;
  if (word == "host") {
    const Address host = DEMARC_TRY(address(in.word(), family, in));
    result.addresses = AddressSet::single(host);
    return result;
  }
  if (!word.empty() && word == dialect.network_group) return group_place(in, groups);
  if (word.find('/') != std::string_view::npos && (dialect.prefixes || family == Family::ipv6)) {
    const Prefix prefix = DEMARC_TRY(read_prefix(word, family, in));
    result.addresses = AddressSet{prefix};
    return result;
  }
  if (family == Family::ipv6) {
    const std::optional<Address> base = parse_address(word);
    if (!base || base->is_ipv4()) return wrong(in, fmt::format("'{}' is no IPv6 prefix", word));
    const std::optional<Address> wildcard = parse_address(in.peek());
    if (!wildcard || wildcard->is_ipv4()) {
      if (!form.standard)
        return wrong(in, fmt::format("'{}' is no IPv6 prefix", word), "a single address is written 'host ADDRESS'");
      result.addresses = AddressSet::single(*base);
      return result;
    }
    in.word();
    return masked6(*base, wildcard->number());
  }
  const bool shown =
      form.standard && word.ends_with(',');  // "192.0.2.0, wildcard bits 0.0.0.255": show access-lists
  if (shown) word.remove_suffix(1);
  const Address base = DEMARC_TRY(address(word, family, in));
  if (shown) in.word(), in.word();
  const std::optional<Address> wildcard = parse_address(in.peek());
  if (!wildcard || !wildcard->is_ipv4()) {
    if (!form.standard) {
      in.word();
      return wrong(in, "the wildcard mask is missing", "a single address is written 'host ADDRESS'");
    }
    result.addresses = AddressSet::single(base);  // a standard list: 0.0.0.0 is understood
    return result;
  }
  in.word();
  return masked(base, wildcard->ipv4_number());
}

std::optional<unsigned> netmask_length(const Address& mask) {
  const std::uint32_t inverted = ~mask.ipv4_number();
  if ((inverted & (inverted + 1)) != 0) return std::nullopt;
  return static_cast<unsigned>(std::countl_one(mask.ipv4_number()));
}

Result<Prefix> read_prefix(std::string_view word, Family family, const Cursor& in) {
  const std::size_t slash = word.find('/');
  const std::optional<Address> base = parse_address(word.substr(0, slash));
  const std::optional<std::uint64_t> length =
      slash == std::string_view::npos ? bits(family) : decimal(word.substr(slash + 1), bits(family));
  if (!base || base->family() != family || !length)
    return wrong(in, fmt::format("'{}' is no {} prefix", word, name(family)));
  return Prefix::containing(*base, static_cast<unsigned>(*length));
}

Result<AddressSet> read_network_object(Cursor& in) {
  const std::string_view word = in.word();
  if (word == "any") return AddressSet{Prefix::containing(Address{}, 0)};
  if (word == "host") {
    const std::optional<Address> host = parse_address(in.word());
    if (!host) return wrong(in, "no address stands behind host", "names are not resolved");
    return AddressSet::single(*host);
  }
  if (word == "range") {
    const std::optional<Address> first = parse_address(in.word());
    const std::optional<Address> last = parse_address(in.word());
    if (!first || !last || first->family() != last->family() || *last < *first)
      return wrong(in, "two addresses stand behind range, the smaller one first");
    return AddressSet::of_ranges({{*first, *last}});
  }
  const Family family = word.find(':') != std::string_view::npos ? Family::ipv6 : Family::ipv4;
  if (word.find('/') != std::string_view::npos) {
    const Prefix prefix = DEMARC_TRY(read_prefix(word, family, in));
    return AddressSet{prefix};
  }
  const std::optional<Address> base = parse_address(word);
  if (!base) return wrong(in, fmt::format("'{}' is no address", word));
  const std::optional<Address> mask = parse_address(in.word());
  if (!mask || !mask->is_ipv4() || !base->is_ipv4())
    return wrong(in, "the netmask is missing", "object-groups hold netmasks, not wildcard masks");
  const std::optional<unsigned> length = netmask_length(*mask);
  if (!length)
    return wrong(in, fmt::format("{} is no netmask", to_string(*mask)),
                 "object-groups hold netmasks, not wildcard masks");
  return AddressSet{Prefix::containing(*base, *length)};
}

}  // namespace demarc::router
