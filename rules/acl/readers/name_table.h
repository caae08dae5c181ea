// Tables of names: a word and what it stands for. Each dialect has its own, since the same word is another number
// in the next.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/icmp.h"
#include "rules/text/suggest.h"

namespace demarc {

struct NamedNumber {
  std::string_view name;
  std::uint16_t number;
};

struct NamedIcmp {
  std::string_view name;
  IcmpType type;
};
constexpr IcmpType icmp_whole(std::uint8_t type) { return {type, {}}; }
constexpr IcmpType icmp_coded(std::uint8_t type, std::uint8_t code) { return {type, code}; }

/// The row of that name; none if there is none.
template <typename Rows>
const std::ranges::range_value_t<Rows>* find_named(std::string_view word, const Rows& rows) {
  for (const auto& row : rows)
    if (row.name == word) return &row;
  return nullptr;
}

/// "did you mean ...?" from the names of a table.
template <typename Rows>
std::string suggest_named(std::string_view word, const Rows& rows) {
  std::vector<std::string_view> names;
  for (const auto& row : rows) names.push_back(row.name);
  return suggest(word, std::span<const std::string_view>(names));
}

template <typename Words>
bool is_one_of(std::string_view word, const Words& words) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// The names alone.
template <typename Row, std::size_t N>
constexpr std::array<std::string_view, N> names_of(const Row (&rows)[N]) {
  std::array<std::string_view, N> names;
  for (std::size_t i = 0; i < N; ++i) names[i] = rows[i].name;
  return names;
}

}  // namespace demarc
