// How demarc says that something went wrong in what the world gave it: a value or an error that has a place.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace demarc {

/// A place in a text. Lines and columns count from 1, columns in bytes; 0 means "the whole file" (or the whole
/// line).
struct Location {
  std::string file = {};
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 0;    // of what the caret underlines, in bytes
  std::string line_text = {};  // the line itself, without its end; empty where the input is binary

  auto operator<=>(const Location&) const = default;
};

/// Bad input: where, what, and what to do about it.
struct Error {
  Location where = {};
  std::string what = {};
  std::string hint = {};

  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = std::expected<T, Error>;

/// An error without a place: a usage error, or one whose place the caller adds.
inline std::unexpected<Error> failure(std::string what, std::string hint = {}) {
  return std::unexpected(Error{{}, std::move(what), std::move(hint)});
}
/// An error about a whole file.
inline std::unexpected<Error> file_failure(std::string_view file, std::string what, std::string hint = {}) {
  return std::unexpected(Error{Location{.file = std::string(file)}, std::move(what), std::move(hint)});
}

namespace detail {
template <typename T>
T take(Result<T>& result) {
  return std::move(*result);
}
inline void take(Result<void>&) {}
}  // namespace detail

}  // namespace demarc

/// The value of a Result, or an early return of its error. One to a statement; none in a coroutine or inside
/// aggregate braces, where GCC 12 leaks the temporaries.
#define DEMARC_TRY(...)                                                                   \
  __extension__({                                                                         \
    auto demarc_try_result = (__VA_ARGS__);                                               \
    if (!demarc_try_result) return std::unexpected(std::move(demarc_try_result).error()); \
    ::demarc::detail::take(demarc_try_result);                                            \
  })
