// Sources: Cisco IOS Security Command Reference (access-list (IP extended), permit (IP), permit (IPv6),
// object-group); Cisco Nexus 7000 Series NX-OS Security Command Reference (permit, object-group); Cisco IOS XR IP
// Addresses and Services Command Reference (permit (IPv4)); Arista EOS User Manual (ACLs and Route Maps). For what
// entries with ports do to later fragments: "Access Control Lists and IP Fragments" (Cisco document 8014), which
// IOS-XR's reference repeats and EOS's and NX-OS's do not contradict.
#include <fmt/format.h>

#include <algorithm>

#include "rules/acl/readers/name_table.h"
#include "rules/acl/readers/router_ace_parts.h"
#include "rules/text/suggest.h"

namespace demarc::router {

namespace {

std::optional<std::uint8_t> flag_bit(std::string_view word) {
  constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {{"fin", tcp_flag::fin}, {"syn", tcp_flag::syn},
                                                                  {"rst", tcp_flag::rst}, {"psh", tcp_flag::psh},
                                                                  {"ack", tcp_flag::ack}, {"urg", tcp_flag::urg}};
  for (const auto& [flag, bit] : kFlags)
    if (word == flag) return bit;
  return std::nullopt;
}

const AceOption* find_option(std::string_view word, const AceDialect& dialect) {
  const auto found = std::find_if(dialect.options.begin(), dialect.options.end(),
                                  [word](const AceOption& o) { return o.word == word; });
  return found == dialect.options.end() ? nullptr : &*found;
}

/// Words that every dialect has, for hints.
constexpr std::string_view kCommonOptions[] = {"established", "fragments", "match-any", "match-all", "eq",
                                               "range",       "neq",       "gt",        "lt"};

bool is_option(std::string_view word, const AceDialect& dialect) {
  return flag_bit(word) || find_option(word, dialect) != nullptr || word.starts_with('(') ||
         word.starts_with('[') || is_one_of(word, kCommonOptions);
}

Result<void> option(Cursor& in, const AceOption& row, const AceDialect& dialect, Options& o) {
  std::string text(row.word);
  const auto take = [&] {
    const std::string_view word = in.word();
    if (!word.empty()) text += fmt::format(" {}", word);
    return word;
  };
  switch (row.takes) {
    case AceOption::Takes::none: break;
    case AceOption::Takes::word:
      if (take().empty()) return wrong(in, fmt::format("a word is missing behind {}", row.word));
      break;
    case AceOption::Takes::comparison: {
      const std::string_view op = take();
      if (op == "range") take(), take();
      if (op == "eq" || op == "gt" || op == "lt" || op == "neq") take();
      break;
    }
    case AceOption::Takes::cookie:
      if (!in.at_end() && !is_option(in.peek(), dialect)) in.word();
      break;
    case AceOption::Takes::rest:
      while (!in.at_end()) take();
      break;
  }
  if (row.does == AceOption::Does::undecides) o.undecided.add(text);
  if (row.does == AceOption::Does::silences) o.silent = true;
  return {};
}

/// "match-all +syn -ack"; IOS-XR also writes "+ syn", EOS a list without signs.
Result<void> flag_list(Cursor& in, bool all, Options& o) {
  bool any = false;
  while (!in.at_end()) {
    std::string_view flag = in.peek();
    if (flag[0] != '+' && flag[0] != '-') break;
    in.word();
    const bool set = flag[0] == '+';
    flag.remove_prefix(1);
    if (flag.empty()) flag = in.word();
    const std::optional<std::uint8_t> bit = flag_bit(flag);
    if (!bit) return wrong(in, fmt::format("'{}' is no TCP flag", flag));
    const ByteSet more = tcp_flags(*bit, set ? *bit : std::uint8_t{0});
    o.flags = !o.flags ? more : all ? o.flags->intersect(more) : o.flags->unite(more);
    any = true;
  }
  if (!any)
    return wrong(in, fmt::format("no flag stands behind {}", all ? "match-all" : "match-any"),
                 "flags are written +syn or -ack");
  return {};
}

}  // namespace

Result<Options> options(Cursor& in, const AceDialect& dialect) {
  Options o;
  while (!in.at_end()) {
    const std::string_view word = in.word();
    if (const std::optional<std::uint8_t> bit = flag_bit(word)) {  // "syn ack": any of them, on IOS
      const ByteSet more = tcp_flags(*bit, *bit);
      o.flags_possible = o.flags_possible ? o.flags_possible->unite(more) : more;
      o.flags = !o.flags ? more : dialect.flag_words_differ ? o.flags->intersect(more) : o.flags->unite(more);
      ++o.flag_words;
    } else if (word == "established") {
      o.flags = o.flags ? o.flags->unite(tcp_flags_established()) : tcp_flags_established();
      if (o.flags_possible) o.flags_possible = o.flags_possible->unite(tcp_flags_established());
    } else if (word == "match-any" || word == "match-all") {
      DEMARC_TRY(flag_list(in, word == "match-all", o));
    } else if (word == "fragments") {
      o.fragments = true;
    } else if (word.starts_with('(') || word.starts_with('[')) {  // counters, as shown
      const char close = word[0] == '(' ? ')' : ']';
      for (std::string_view part = word; !part.ends_with(close) && !in.at_end();) part = in.word();
    } else if (const AceOption* row = find_option(word, dialect)) {
      DEMARC_TRY(option(in, *row, dialect, o));
    } else {
      std::vector<std::string_view> known(std::begin(kCommonOptions), std::end(kCommonOptions));
      for (const AceOption& each : dialect.options) known.push_back(each.word);
      return wrong(in, fmt::format("'{}' is not understood here", word),
                   suggest(word, std::span<const std::string_view>(known)));
    }
  }
  return o;
}

}  // namespace demarc::router
