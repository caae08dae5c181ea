#include "rules/verdict/suggest_router.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace demarc {

namespace {

/// How a dialect leads into a list. IOS and EOS have a word for the kind of an IPv4 list.
struct RouterWords {
  Dialect dialect;
  std::string_view ipv4, ipv4_standard, ipv6;
  std::string_view ipv6_number;  // before the number of a line of an IPv6 list
};
constexpr RouterWords kRouters[] = {
    {Dialect::cisco_ios, "ip access-list extended ", "ip access-list standard ", "ipv6 access-list ", "sequence "},
    {Dialect::cisco_nxos, "ip access-list ", "ip access-list ", "ipv6 access-list ", ""},
    {Dialect::cisco_xr, "ipv4 access-list ", "ipv4 access-list ", "ipv6 access-list ", ""},
    {Dialect::arista_eos, "ip access-list ", "ip access-list standard ", "ipv6 access-list ", ""},
};

const RouterWords* words_of(Dialect dialect) {
  const auto* const found = std::find_if(std::begin(kRouters), std::end(kRouters),
                                         [dialect](const RouterWords& w) { return w.dialect == dialect; });
  return found == std::end(kRouters) ? nullptr : found;
}

std::string_view first_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view w = text.substr(0, std::min(text.find_first_of(" \t"), text.size()));
  text.remove_prefix(w.size());
  return w;
}

std::optional<std::uint32_t> number_of(std::string_view w) {
  std::uint32_t n = 0;
  const auto [end, error] = std::from_chars(w.data(), w.data() + w.size(), n);
  return error == std::errc{} && end == w.data() + w.size() ? std::optional(n) : std::nullopt;
}

}  // namespace

bool is_router(Dialect dialect) { return words_of(dialect) != nullptr; }

RouterLine take_apart(std::string_view text) {
  RouterLine line;
  const std::string_view whole = text, first = first_word(text);
  if (first == "access-list")
    first_word(text);
  else if (first == "sequence")
    line.number = number_of(first_word(text));
  else if (line.number = number_of(first); !line.number)
    text = whole;
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  line.words = text;
  return line;
}

std::vector<std::uint32_t> line_numbers(const List& list) {
  std::vector<std::size_t> by_line;
  for (std::size_t i = 0; i < list.entries.size(); ++i)
    if (list.entries[i].line != 0) by_line.push_back(i);
  std::stable_sort(by_line.begin(), by_line.end(),
                   [&](std::size_t a, std::size_t b) { return list.entries[a].line < list.entries[b].line; });
  std::vector<std::uint32_t> out(list.entries.size());
  std::uint32_t last = 0;
  for (const std::size_t i : by_line) {
    out[i] = take_apart(list.entries[i].text).number.value_or(last + 10);
    last = std::max(last, out[i]);
  }
  return out;
}

bool is_standard(const List& list) {
  for (const Entry& e : list.entries) {
    if (e.line == 0 || e.action == Action::unknown) continue;
    std::string_view words = take_apart(e.text).words;
    first_word(words);
    const std::string_view second = first_word(words);
    // Where an extended list has a protocol.
    return second == "any" || second == "host" || second.find('.') != std::string_view::npos;
  }
  return false;
}

std::string list_command(Dialect dialect, const List& list) {
  const RouterWords& w = *words_of(dialect);
  return fmt::format("{}{}",
                     list.family == Family::ipv6 ? w.ipv6
                     : is_standard(list)         ? w.ipv4_standard
                                                 : w.ipv4,
                     list.name);
}

std::optional<std::string> resequence_command(Dialect dialect, const List& list, std::uint32_t step) {
  const std::string into = list_command(dialect, list);
  const std::string_view family = list.family == Family::ipv6    ? "ipv6"
                                  : dialect == Dialect::cisco_xr ? "ipv4"
                                                                 : "ip";
  switch (dialect) {
    case Dialect::cisco_ios:
      if (list.family == Family::ipv6) return std::nullopt;
      return fmt::format("ip access-list resequence {} {} {}\n{}", list.name, step, step, into);
    case Dialect::cisco_nxos:
      return fmt::format("resequence {} access-list {} {} {}\n{}", family, list.name, step, step, into);
    case Dialect::cisco_xr:  // of EXEC mode
      return fmt::format("do resequence access-list {} {} {} {}\n{}", family, list.name, step, step, into);
    case Dialect::arista_eos: return fmt::format("{}\n resequence {} {}", into, step, step);
    default: return std::nullopt;
  }
}

std::string numbered_line(Dialect dialect, const List& list, std::uint32_t number, std::string_view words) {
  return fmt::format(" {}{} {}", list.family == Family::ipv6 ? words_of(dialect)->ipv6_number : "", number, words);
}

std::string remove_line(Dialect dialect, const List& list, std::string_view text, std::uint32_t number) {
  // An IPv6 list of IOS has no numbers that could be taken away.
  if (dialect == Dialect::cisco_ios && list.family == Family::ipv6)
    return fmt::format(" no {}", take_apart(text).words);
  return fmt::format(" no {}", number);
}

IntendedEntry as_alike(Dialect dialect, const IntendedEntry& entry) {
  if (dialect != Dialect::cisco_nxos && dialect != Dialect::cisco_xr) return entry;
  IntendedEntry out = entry;
  out.match.clear();
  const auto each = [](const PortSet& set) {
    return set == PortSet::all() ? std::vector<PortRange>(1, {Port{0}, Port{65535}}) : set.ranges();
  };
  for (const Match& m : entry.match)
    for (const PortRange& from : each(m.box.source_ports))
      for (const PortRange& to : each(m.box.ports)) {
        Match one = m;
        one.box.source_ports = PortSet{from};
        one.box.ports = PortSet{to};
        out.match.push_back(std::move(one));
      }
  return out;
}

bool say_alike(Dialect dialect, std::string& line) {
  if (dialect == Dialect::cisco_ios || !is_router(dialect)) return true;
  if (dialect == Dialect::cisco_xr)
    for (const std::string_view action : {"permit ip ", "deny ip "})
      if (line.starts_with(action)) line.insert(action.size() - 1, "v4");
  return dialect == Dialect::cisco_xr || line.find(" match-") == std::string::npos;
}

std::optional<std::vector<std::uint32_t>> numbers_between(std::uint32_t before, std::uint32_t after,
                                                          std::uint32_t count) {
  std::vector<std::uint32_t> out;
  const std::uint32_t next = after == 0 ? before + 10 * (count + 1) : after;
  if (next <= before || next - before <= count) return std::nullopt;
  // In tens where there is room for them, else evenly.
  const std::uint32_t step = (next - before) / (count + 1);
  const std::uint32_t tens = (before / 10 + 1) * 10;
  const bool by_ten = count == 0 || tens + 10 * (count - 1) < next;
  for (std::uint32_t k = 0; k < count; ++k)
    out.push_back(by_ten ? tens + 10 * k : before + std::max(1U, step) * (k + 1));
  return out;
}

}  // namespace demarc
