// What the readers of word-by-word dialects share: nothing here knows a dialect.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/cursor.h"
#include "rules/text/suggest.h"

namespace demarc::words {

/// A decimal number up to `most`, with nothing before or behind it.
inline std::optional<unsigned> number(std::string_view word, unsigned most) {
  unsigned n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size() || n > most) return std::nullopt;
  return n;
}

/// The row of that name.
template <typename Row>
const Row* find(std::string_view word, std::span<const Row> rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [word](const Row& r) { return r.name == word; });
  return found == rows.end() ? nullptr : &*found;
}

/// "did you mean ...?" from the names of a table.
template <typename Row>
std::string hint(std::string_view word, std::span<const Row> rows) {
  std::vector<std::string_view> names;
  for (const Row& row : rows) names.push_back(row.name);
  return suggest(word, std::span<const std::string_view>(names));
}

/// An error about the word last taken.
inline std::unexpected<Error> wrong(const Cursor& in, std::string what, std::string hint = {}) {
  return std::unexpected(Error{in.last(), std::move(what), std::move(hint)});
}

}  // namespace demarc::words
