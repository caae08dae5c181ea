#include "rules/verdict/neighbours.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>

namespace demarc {

namespace {

constexpr std::uint32_t kLeafParts = 8;
constexpr std::size_t kSample = 24;

bool takes_part(const Entry& e) { return !e.inactive && e.action != Action::count; }

/// By what a node may be cut.
constexpr std::array<std::uint64_t (*)(const Hull&), 7> kKeys{
    [](const Hull& h) { return h.destination_first; },
    [](const Hull& h) { return h.destination_last; },
    [](const Hull& h) { return h.source_first; },
    [](const Hull& h) { return h.source_last; },
    [](const Hull& h) { return std::uint64_t{h.port_first} << 16 | h.port_last; },
    [](const Hull& h) { return h.protocols; },
    [](const Hull& h) { return std::uint64_t{h.fragments.contains(Fragment::whole)}; },
};

/// A number that leaves some below it and some not, about as many; none where all are the same.
std::optional<std::uint64_t> pivot_of(std::vector<std::uint64_t>& numbers) {
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  const std::uint64_t median = *middle;
  if (*std::min_element(numbers.begin(), middle + 1) < median) return median;
  std::optional<std::uint64_t> above;
  for (auto n = middle; n != numbers.end(); ++n)
    if (*n > median && (!above || *n < *above)) above = *n;
  return above;
}

}  // namespace

Neighbours::Neighbours(const List& list) : list_(list), found_(list.entries.size() / 64 + 1) {
  for (std::uint32_t i = 0; i < list.entries.size(); ++i) {
    const Entry& e = list.entries[i];
    if (!takes_part(e)) continue;
    for (const std::vector<Match>* matches : {&e.match, &e.maybe})
      for (const Match& m : *matches)
        if (const Hull hull = hull_of(m.box); meet(hull, hull)) parts_.push_back({hull, i});
  }
  if (!parts_.empty()) build(0, static_cast<std::uint32_t>(parts_.size()));
}

void Neighbours::build(std::uint32_t first, std::uint32_t last) {
  const std::size_t here = nodes_.size();
  nodes_.push_back({.first = first, .last = last});
  for (std::uint32_t p = first; p < last; ++p) nodes_[here].hull.add(parts_[p].hull);
  if (last - first > kLeafParts) {
    const std::uint32_t middle = cut(first, last);
    if (middle != first) {
      build(first, middle);
      build(middle, last);
    }
  }
  nodes_[here].behind = static_cast<std::uint32_t>(nodes_.size());
}

std::uint32_t Neighbours::cut(std::uint32_t first, std::uint32_t last) {
  const std::span<Part> parts(parts_.data() + first, last - first);
  std::array<Hull, kSample> sample;
  for (std::size_t n = 0; n < kSample; ++n) sample[n] = parts[n * parts.size() / kSample].hull;

  struct Cut {
    std::uint64_t cost = ~std::uint64_t{0};  // comparisons of the sample with what it would not be kept from
    std::size_t key = 0;
    std::uint64_t pivot = 0;  // what is below goes to the front
  } best;
  std::vector<std::uint64_t> numbers(parts.size());
  for (std::size_t k = 0; k < kKeys.size(); ++k) {
    const auto key = kKeys[k];
    std::transform(parts.begin(), parts.end(), numbers.begin(), [key](const Part& p) { return key(p.hull); });
    const std::optional<std::uint64_t> pivot = pivot_of(numbers);
    if (!pivot) continue;
    Hull low, high;
    std::uint64_t low_size = 0;
    for (const Part& p : parts) {
      const bool is_low = key(p.hull) < *pivot;
      (is_low ? low : high).add(p.hull);
      low_size += is_low ? 1 : 0;
    }
    std::uint64_t cost = 0;
    for (const Hull& asked : sample)
      cost += (meet(asked, low) ? low_size : 0) + (meet(asked, high) ? parts.size() - low_size : 0);
    if (cost < best.cost) best = {cost, k, *pivot};
  }
  const auto middle = std::partition(parts.begin(), parts.end(),
                                     [&](const Part& p) { return kKeys[best.key](p.hull) < best.pivot; });
  return first + static_cast<std::uint32_t>(middle - parts.begin());
}

void Neighbours::collect(const Hull& asked, std::vector<std::uint32_t>& out) const {
  for (std::size_t n = 0; n < nodes_.size();) {
    const Node& node = nodes_[n];
    if (!meet(asked, node.hull)) {
      n = node.behind;
      continue;
    }
    if (++n != node.behind) continue;
    for (std::uint32_t p = node.first; p < node.last; ++p)
      if (meet(asked, parts_[p].hull)) out.push_back(parts_[p].entry);
  }
}

void Neighbours::find(std::uint32_t entry, std::vector<std::uint32_t>& out) {
  out.clear();
  const Entry& e = list_.entries[entry];
  for (const std::vector<Match>* matches : {&e.match, &e.maybe})
    for (const Match& m : *matches) collect(hull_of(m.box), out);
  put_in_order(out);
  if (const auto self = std::lower_bound(out.begin(), out.end(), entry); self != out.end() && *self == entry)
    out.erase(self);
}

/// In their order, each once.
void Neighbours::put_in_order(std::vector<std::uint32_t>& entries) {
  if (entries.size() < 32 + found_.size() / 16) {
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    return;
  }
  for (const std::uint32_t i : entries) found_[i / 64] |= std::uint64_t{1} << (i % 64);
  entries.clear();
  for (std::size_t word = 0; word < found_.size(); ++word) {
    for (std::uint64_t rest = found_[word]; rest != 0; rest &= rest - 1)
      entries.push_back(static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(std::countr_zero(rest)));
    found_[word] = 0;
  }
}

}  // namespace demarc
