// What the readers of word-by-word dialects share: nothing here knows a dialect.
#pragma once

#include <charconv>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "rules/text/cursor.h"

namespace demarc::words {

/// A decimal number up to `most`, with nothing before or behind it.
inline std::optional<unsigned> number(std::string_view word, unsigned most) {
  unsigned n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size() || n > most) return std::nullopt;
  return n;
}

/// An error about the word last taken.
inline std::unexpected<Error> wrong(const Cursor& in, std::string what, std::string hint = {}) {
  return std::unexpected(Error{in.last(), std::move(what), std::move(hint)});
}

}  // namespace demarc::words
