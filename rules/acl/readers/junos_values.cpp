#include "rules/acl/readers/junos_values.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "rules/acl/readers/junos_names.h"

namespace demarc::junos {

namespace {

std::optional<unsigned> number(std::string_view word, unsigned most) {
  unsigned n = 0;
  const bool hex = word.starts_with("0x");
  if (hex) word.remove_prefix(2);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n, hex ? 16 : 10);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size() || n > most) return std::nullopt;
  return n;
}

/// "(syn & !ack) | rst": a set of flag bytes. None where it is no such expression.
class FlagExpression {
 public:
  explicit FlagExpression(std::string_view text) : text_(text) {}
  std::optional<ByteSet> read() {
    if (text_.size() > kLengthMax) return std::nullopt;  // which bounds the depth as well
    std::optional<ByteSet> all = any();
    blanks();
    return at_ == text_.size() ? all : std::nullopt;
  }

 private:
  static constexpr std::size_t kLengthMax = 256;
  void blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool sign(std::string_view signs) {
    blanks();
    if (at_ >= text_.size() || signs.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  std::optional<ByteSet> any() {
    std::optional<ByteSet> left = every();
    while (left && sign("|,")) {
      const std::optional<ByteSet> right = every();
      left = right ? std::optional(left->unite(*right)) : std::nullopt;
    }
    return left;
  }
  std::optional<ByteSet> every() {
    std::optional<ByteSet> left = one();
    while (left && sign("&+")) {
      const std::optional<ByteSet> right = one();
      left = right ? std::optional(left->intersect(*right)) : std::nullopt;
    }
    return left;
  }
  std::optional<ByteSet> one() {
    if (sign("!")) {
      const std::optional<ByteSet> not_this = one();
      return not_this ? std::optional(not_this->complement()) : std::nullopt;
    }
    if (sign("(")) {
      const std::optional<ByteSet> inside = any();
      return sign(")") ? inside : std::nullopt;
    }
    blanks();
    const std::size_t begin = at_;
    while (at_ < text_.size() && std::string_view(" |,&+!()").find(text_[at_]) == std::string_view::npos) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {
        {"fin", tcp_flag::fin},  {"syn", tcp_flag::syn}, {"rst", tcp_flag::rst},
        {"push", tcp_flag::psh}, {"ack", tcp_flag::ack}, {"urgent", tcp_flag::urg}};
    for (const auto& [name, bit] : kFlags)
      if (word == name) return tcp_flags(bit, bit);
    const std::optional<unsigned> bits = number(word, 0x3F);
    if (!bits || std::popcount(*bits) != 1) return std::nullopt;
    return tcp_flags(static_cast<std::uint8_t>(*bits), static_cast<std::uint8_t>(*bits));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<PortRange> parse_junos_range(std::string_view word, std::span<const NamedNumber> names,
                                           unsigned most) {
  const auto one = [&](std::string_view text) -> std::optional<unsigned> {
    if (const NamedNumber* row = find_named(text, names)) return row->number;
    return number(text, most);
  };
  const auto port = [](unsigned n) { return Port(static_cast<std::uint16_t>(n)); };
  if (const auto n = one(word)) return PortRange::single(port(*n));
  if (word.size() > 64) return std::nullopt;
  // Names may hold dashes: "ftp-data-http".
  for (std::size_t dash = word.find('-'); dash != std::string_view::npos; dash = word.find('-', dash + 1)) {
    const auto first = one(word.substr(0, dash)), last = one(word.substr(dash + 1));
    if (first && last && *first <= *last) return PortRange{port(*first), port(*last)};
  }
  return std::nullopt;
}

std::optional<ByteSet> parse_junos_flags(std::string_view text) { return FlagExpression(text).read(); }

std::optional<WrittenAddress> parse_junos_address(std::string_view word) {
  const std::size_t slash = word.find('/');
  std::string base(word.substr(0, std::min(slash, word.size())));
  if (base.size() > 64) return std::nullopt;
  if (base.find(':') == std::string::npos)
    for (auto dots = std::count(base.begin(), base.end(), '.'); dots < 3; ++dots) base += ".0";  // "10/8"
  const std::optional<Address> address = parse_address(base);
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return WrittenAddress{Prefix::host(*address)};
  const std::string_view length = word.substr(slash + 1);
  if (const std::optional<unsigned> n = number(length, bits(address->family())))
    return WrittenAddress{Prefix::containing(*address, *n)};
  const std::optional<Address> mask = parse_address(length);
  if (!mask || !mask->is_ipv4() || !address->is_ipv4()) return std::nullopt;
  const std::uint32_t m = mask->ipv4_number();
  if ((~m & (~m + 1)) == 0)
    return WrittenAddress{Prefix::containing(*address, static_cast<unsigned>(std::countl_one(m)))};
  return WrittenAddress{{}, AddressBits{Family::ipv4, address->ipv4_number() & m, m}};
}

std::optional<PortRange> parse_junos_ports(std::string_view word) {
  return parse_junos_range(word, junos::ports(), 65535);
}

std::optional<Protocol> parse_junos_protocol(std::string_view word) {
  const std::optional<PortRange> range = parse_junos_range(word, junos::protocols(), 255);
  if (!range || range->first != range->last) return std::nullopt;
  return Protocol(static_cast<std::uint8_t>(range->first.number()));
}

// Prefixes either hold one another or are disjoint, so in the order of their first address, the wider first, those
// around a place are a stack.
AddressSet longest_match(std::vector<ListedPrefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end(), [](const ListedPrefix& a, const ListedPrefix& b) {
    return std::pair(a.prefix.first(), a.prefix.length()) < std::pair(b.prefix.first(), b.prefix.length());
  });
  std::vector<AddressRange> ranges;
  std::vector<ListedPrefix> around;
  Address at;             // from here on nothing is said yet
  bool at_known = false;  // false: behind the last address of all
  const auto say = [&](const Address& last) {
    if (at_known && !around.back().except && at <= last) ranges.push_back({at, last});
  };
  const auto leave = [&] {
    const Address last = around.back().prefix.last();
    say(last);
    around.pop_back();
    const Uint128 top = last.is_ipv4() ? Uint128{0xFFFFFFFF} : ~Uint128{0};
    at_known = last.number() != top;
    if (at_known) at = Address::of(last.family(), last.number() + 1);
  };
  for (const ListedPrefix& p : prefixes) {
    while (!around.empty() && !around.back().prefix.contains(p.prefix)) leave();
    const Address first = p.prefix.first();
    if (!around.empty() && at_known && at < first) say(Address::of(first.family(), first.number() - 1));
    around.push_back(p);
    at = first;
    at_known = true;
  }
  while (!around.empty()) leave();
  return AddressSet::of_ranges(std::move(ranges));
}

}  // namespace demarc::junos
