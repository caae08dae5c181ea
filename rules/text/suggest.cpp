#include "rules/text/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace demarc {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::size_t kWordMax = 64;  // longer words are no slips, and the distance is quadratic

template <typename Text>
std::optional<std::string_view> nearest_of(std::string_view word, std::span<const Text> candidates) {
  if (word.empty() || word.size() > kWordMax) return std::nullopt;
  std::size_t allowed = word.size() <= 3 ? 1 : word.size() <= 7 ? 2 : 3;
  std::optional<std::string_view> best;
  for (const Text& candidate : candidates) {
    std::size_t distance = edit_distance(word, candidate, allowed);
    if (distance > allowed || (best && distance == allowed)) continue;
    best = candidate;
    if (distance == 0) break;
    allowed = distance;
  }
  return best;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > kWordMax || b.size() > kWordMax) return a == b ? 0 : limit + 1;
  std::size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (gap > limit) return limit + 1;
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + cost});
      bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  return nearest_of(word, candidates);
}
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string> candidates) {
  return nearest_of(word, candidates);
}

namespace {
std::string question(std::optional<std::string_view> candidate) {
  return candidate ? fmt::format("did you mean '{}'?", *candidate) : std::string();
}
}  // namespace

std::string suggest(std::string_view word, std::span<const std::string_view> candidates) {
  return question(nearest(word, candidates));
}
std::string suggest(std::string_view word, std::span<const std::string> candidates) {
  return question(nearest(word, candidates));
}

}  // namespace demarc
