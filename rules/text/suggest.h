// "did you mean": the nearest known word to one that nobody knows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace demarc {

/// Damerau-Levenshtein distance (optimal string alignment) without regard to case; stops counting above `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit = 8);

/// The candidate nearest to the word, if it is near enough to be a slip of the fingers. Ties go to the first.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string> candidates);

/// "did you mean 'x'?", or an empty text.
std::string suggest(std::string_view word, std::span<const std::string_view> candidates);
std::string suggest(std::string_view word, std::span<const std::string> candidates);

}  // namespace demarc
