#include "rules/space/box.h"

#include <algorithm>

#include <fmt/format.h>

namespace demarc {
namespace {

constexpr struct {
  std::uint8_t bit;
  char letter;
} kFlagLetters[] = {{tcp_flag::fin, 'F'}, {tcp_flag::syn, 'S'}, {tcp_flag::rst, 'R'}, {tcp_flag::psh, 'P'},
                    {tcp_flag::ack, 'A'}, {tcp_flag::urg, 'U'}, {tcp_flag::ece, 'E'}, {tcp_flag::cwr, 'C'}};
constexpr std::string_view kStateNames[] = {"new", "established", "related", "invalid"};
constexpr std::string_view kFragmentNames[] = {"whole", "first", "last", "middle"};

std::string numbers_text(const ByteSet& set) {
  std::vector<PortRange> ranges;
  for (unsigned n = 0; n < 256; ++n) {
    if (set.contains(static_cast<std::uint8_t>(n)))
      ranges.push_back(PortRange::single(Port(static_cast<std::uint16_t>(n))));
  }
  return to_string(PortSet::of(std::move(ranges)));
}

std::string protocols_text(const ProtocolSet& set) {
  if (set.numbers().is_all()) return "ip";
  if (set.empty()) return "nothing";
  auto list = [](const ByteSet& numbers) {
    std::string text;
    for (unsigned n = 0; n < 256; ++n) {
      if (!numbers.contains(static_cast<std::uint8_t>(n))) continue;
      if (!text.empty()) text += ',';
      text += to_string(Protocol(static_cast<std::uint8_t>(n)));
    }
    return text;
  };
  if (set.numbers().size() > 128) return "ip except " + list(set.numbers().complement());
  return list(set.numbers());
}

std::string flags_text(const ByteSet& set) {
  if (set == tcp_flags_established()) return "established";
  if (set.complement() == tcp_flags_established()) return "other than established";
  std::string text;
  unsigned shown = 0;
  for (unsigned n = 0; n < 256; ++n) {
    if (!set.contains(static_cast<std::uint8_t>(n))) continue;
    if (shown++ == 8) return text + fmt::format(" and {} more", set.size() - 8);
    if (!text.empty()) text += ',';
    std::string letters;
    for (auto [bit, letter] : kFlagLetters) {
      if ((n & bit) != 0) letters += letter;
    }
    text += letters.empty() ? "none" : letters;
  }
  return text.empty() ? "never" : text;
}

template <typename E, std::size_t N>
std::string values_text(const FourSet<E>& set, const std::string_view (&names)[N]) {
  std::string text;
  for (std::size_t i = 0; i < N; ++i) {
    if (!set.contains(static_cast<E>(i))) continue;
    if (!text.empty()) text += ',';
    text += names[i];
  }
  return text.empty() ? "never" : text;
}

std::string icmp_text(const IcmpSet& set) {
  std::string text;
  for (const PortRange& r : set.numbers().ranges()) {
    if (!text.empty()) text += ',';
    const unsigned first = r.first.number(), last = r.last.number();
    const bool whole_types = (first & 0xFF) == 0 && (last & 0xFF) == 0xFF;
    auto end = [whole_types](unsigned n) {
      return whole_types ? fmt::format("{}", n >> 8) : fmt::format("{}/{}", n >> 8, n & 0xFF);
    };
    text += end(first);
    if (whole_types ? first >> 8 != last >> 8 : first != last) text += "-" + end(last);
  }
  return text.empty() ? "never" : text;
}

/// Addresses of one family; by what is missing where that is shorter.
std::string addresses_text(const AddressSet& set) {
  const std::size_t count = set.prefixes().size();
  if (count > 2) {
    const Address zero = set.ranges().front().first.is_ipv4() ? Address{} : Address::ipv6(0, 0);
    const AddressSet missing = AddressSet{Prefix::containing(zero, 0)}.minus(set);
    if (missing.prefixes().size() * 2 <= count) return "any but " + to_string(missing);
  }
  return to_string(set);
}

bool is_all(const PortSet& set) { return set.ranges().size() == 1 && set.ranges().front() == PortRange::all(); }

}  // namespace

ProtocolSet ProtocolSet::with_ports() {
  ProtocolSet set;
  for (unsigned n = 0; n < 256; ++n) {
    if (Protocol p(static_cast<std::uint8_t>(n)); p.has_ports()) set.insert(p);
  }
  return set;
}

ProtocolSet ProtocolSet::icmp() { return {Protocol::icmp, Protocol::icmpv6}; }

ByteSet tcp_flags(std::uint8_t mask, std::uint8_t value) {
  ByteSet set;
  for (unsigned n = 0; n < 256; ++n) {
    if ((n & mask) == (value & mask)) set.insert(static_cast<std::uint8_t>(n));
  }
  return set;
}

ByteSet tcp_flags_established() { return tcp_flags(tcp_flag::ack | tcp_flag::rst, 0).complement(); }

IcmpSet IcmpSet::of(std::span<const IcmpType> types) {
  std::vector<PortRange> ranges;
  for (const IcmpType& t : types) {
    const unsigned base = static_cast<unsigned>(t.type) << 8;
    ranges.push_back({Port(static_cast<std::uint16_t>(base | t.code.value_or(0))),
                      Port(static_cast<std::uint16_t>(base | t.code.value_or(255)))});
  }
  return of_numbers(PortSet::of(std::move(ranges)));
}

IcmpSet IcmpSet::of_numbers(PortSet numbers) {
  IcmpSet set;
  set.numbers_ = std::move(numbers);
  return set;
}

bool IcmpSet::contains(IcmpType type) const { return numbers_.contains(of({&type, 1}).numbers()); }

std::string to_string(const Box& box) {
  auto end = [&box](const AddressSet& set) -> std::string {
    const AddressSet universe = AddressSet::all();
    if (set == universe) return "any";
    if (set.empty()) return "nowhere";
    const bool one_family = set.ranges().front().first.family() == set.ranges().back().last.family();
    if (!box.family) return one_family ? addresses_text(set) : to_string(set);
    std::vector<AddressRange> kept;
    for (const AddressRange& r : set.ranges()) {
      if (r.first.family() == *box.family) kept.push_back(r);
    }
    if (kept.empty()) return "nowhere";
    const bool whole = kept.size() == 1 && std::find(universe.ranges().begin(), universe.ranges().end(),
                                                     kept.front()) != universe.ranges().end();
    return whole ? "any" : addresses_text(AddressSet::of_ranges(std::move(kept)));
  };
  std::string text =
      fmt::format("{} > {} {}", end(box.sources), end(box.destinations), protocols_text(box.protocols));
  if (!is_all(box.ports)) text += "/" + (box.ports.empty() ? "never" : to_string(box.ports));
  if (box.icmp != IcmpSet::all()) text += " " + icmp_text(box.icmp);
  if (!is_all(box.source_ports))
    text += " from port " + (box.source_ports.empty() ? "never" : to_string(box.source_ports));
  if (!box.flags.is_all()) text += " flags " + flags_text(box.flags);
  if (box.states != StateSet::all()) text += " state " + values_text(box.states, kStateNames);
  if (box.fragments != FragmentSet::all()) text += " fragment " + values_text(box.fragments, kFragmentNames);
  if (!box.ingress.is_all()) text += " in " + numbers_text(box.ingress);
  if (!box.egress.is_all()) text += " out " + numbers_text(box.egress);
  if (box.family) text += fmt::format(" ({})", name(*box.family));
  return text;
}

}  // namespace demarc
