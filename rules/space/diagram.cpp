#include "rules/space/diagram.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

#include <fmt/format.h>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

namespace demarc {
namespace {

constexpr std::size_t kTableFirst = std::size_t{1} << 12;
constexpr std::size_t kCacheFirst = std::size_t{1} << 14;
constexpr std::size_t kCacheMax = std::size_t{1} << 22;

constexpr std::uint64_t mix(std::uint64_t x) {
  x *= 0x9E3779B97F4A7C15ULL;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93ULL;
  return x ^ x >> 29;
}
constexpr std::uint64_t pair(std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} << 32 | b; }
constexpr std::uint32_t hash(Diagram::Level level, Diagram::Edge low, Diagram::Edge high) {
  return static_cast<std::uint32_t>(mix(pair(low, high) ^ std::uint64_t{level} * 0xC2B2AE3D27D4EB4FULL));
}

}  // namespace

Diagram::Diagram(Level levels, SpaceLimits limits) : levels_(levels), limits_(limits) {
  nodes_.push_back({levels, kTrue, kTrue});
  table_.resize(kTableFirst);
  cache_.resize(kCacheFirst);
}

Diagram::CacheLine& Diagram::line(std::uint32_t operation, Edge a, Edge b) {
  return cache_[mix(pair(a, b) + std::uint64_t{operation} * 0xA0761D6478BD642FULL) & (cache_.size() - 1)];
}

void Diagram::step() {
  if (++steps_ > limits_.steps_max) {
    throw SpaceExhausted(fmt::format("a comparison of packet sets needs more than {} steps", limits_.steps_max));
  }
}

Diagram::Edge Diagram::make(Level level, Edge low, Edge high) {
  if (low == high) return low;
  if ((high & 1U) != 0) return complement(make(level, complement(low), complement(high)));
  assert(level < this->level(low) && level < this->level(high));
  const std::size_t mask = table_.size() - 1;
  const std::uint32_t hashed = hash(level, low, high);
  std::size_t slot = hashed & mask;
  for (; table_[slot] != 0; slot = (slot + 1) & mask) {
    if (table_[slot] >> 32 != hashed) continue;  // most strangers are told apart without a look at their node
    const auto number = static_cast<std::uint32_t>(table_[slot]);
    const Node& n = nodes_[number];
    if (n.low == low && n.high == high && n.level == level) return number << 1;
  }
  if (nodes_.size() >= limits_.nodes_max || nodes_.size() >= std::size_t{1} << 31) {
    throw SpaceExhausted(
        fmt::format("a comparison of packet sets needs more than {} diagram nodes", limits_.nodes_max));
  }
  auto number = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({level, low, high});
  table_[slot] = pair(hashed, number);
  if (nodes_.size() * 2 > table_.size()) grow_table();
  return number << 1;
}

void Diagram::grow_table() {
  const std::vector<std::uint64_t> old_table = std::exchange(table_, std::vector<std::uint64_t>(table_.size() * 2));
  const std::size_t mask = table_.size() - 1;
  for (std::uint64_t entry : old_table) {
    if (entry == 0) continue;
    std::size_t slot = (entry >> 32) & mask;
    while (table_[slot] != 0) slot = (slot + 1) & mask;
    table_[slot] = entry;
  }
  if (cache_.size() < kCacheMax && cache_.size() < table_.size()) {
    std::vector<CacheLine> old = std::exchange(cache_, std::vector<CacheLine>(cache_.size() * 2));
    for (const CacheLine& kept : old) {
      if (kept.operation != 0) line(kept.operation, kept.a, kept.b) = kept;
    }
  }
}

Diagram::Edge Diagram::conjunction(Edge a, Edge b) {
  if (a == b || b == kTrue) return a;
  if (a == kTrue) return b;
  if (a == kFalse || b == kFalse || a == complement(b)) return kFalse;
  if (a > b) std::swap(a, b);
  constexpr std::uint32_t kConjunction = 1;
  if (const CacheLine& known = line(kConjunction, a, b);
      known.operation == kConjunction && known.a == a && known.b == b) {
    return known.result;
  }
  step();
  const Level level_a = level(a), level_b = level(b), top = std::min(level_a, level_b);
  const Edge low_result = conjunction(level_a == top ? low(a) : a, level_b == top ? low(b) : b);
  const Edge high_result = conjunction(level_a == top ? high(a) : a, level_b == top ? high(b) : b);
  const Edge result = make(top, low_result, high_result);
  line(kConjunction, a, b) = {kConjunction, a, b, result};  // the cache may have grown meanwhile
  return result;
}

Diagram::Edge Diagram::insert(Level at, Edge x, Edge y) {
  if (x == y) return x;
  const Level level_x = level(x), level_y = level(y), top = std::min(level_x, level_y);
  if (top > at) return make(at, x, y);
  if ((x & 1U) != 0) return complement(insert(at, complement(x), complement(y)));
  const std::uint32_t operation = at + 2;
  if (const CacheLine& known = line(operation, x, y);
      known.operation == operation && known.a == x && known.b == y) {
    return known.result;
  }
  step();
  const Edge low_result = insert(at, level_x == top ? low(x) : x, level_y == top ? low(y) : y);
  const Edge high_result = insert(at, level_x == top ? high(x) : x, level_y == top ? high(y) : y);
  const Edge result = make(top, low_result, high_result);
  line(operation, x, y) = {operation, x, y, result};
  return result;
}

bool Diagram::overlap(Edge a, Edge b) {
  boost::unordered_flat_set<std::uint64_t> apart;  // pairs known to have nothing in common
  auto search = [&](auto& self, Edge x, Edge y) -> bool {
    if (x == kFalse || y == kFalse || x == complement(y)) return false;
    if (x == kTrue || y == kTrue || x == y) return true;  // whatever is not false can be satisfied
    if (x > y) std::swap(x, y);
    if (apart.contains(pair(x, y))) return false;
    step();
    const Level level_x = level(x), level_y = level(y), top = std::min(level_x, level_y);
    if (self(self, level_x == top ? high(x) : x, level_y == top ? high(y) : y) ||
        self(self, level_x == top ? low(x) : x, level_y == top ? low(y) : y)) {
      return true;
    }
    apart.insert(pair(x, y));
    if (apart.size() > limits_.nodes_max) throw SpaceExhausted("a comparison of packet sets needs too many steps");
    return false;
  };
  return search(search, a, b);
}

Diagram::Edge Diagram::forget(Edge e, const std::vector<bool>& levels) {
  Level last = 0;  // one beyond the last level to forget
  for (Level l = 0; l < levels.size(); ++l) {
    if (levels[l]) last = l + 1;
  }
  boost::unordered_flat_map<Edge, Edge> known;
  auto forget_in = [&](auto& self, Edge x) -> Edge {
    const Level at = level(x);
    if (at >= last) return x;
    if (auto found = known.find(x); found != known.end()) return found->second;
    step();
    const Edge low_result = self(self, low(x));
    const Edge high_result = levels[at] && low_result == kTrue ? kTrue : self(self, high(x));
    const Edge result = levels[at] ? disjunction(low_result, high_result) : make(at, low_result, high_result);
    known.emplace(x, result);
    return result;
  };
  return forget_in(forget_in, e);
}

Count Diagram::count(Edge e) const {
  boost::unordered_flat_map<std::uint32_t, Count> known;  // by node: assignments of its level and all below
  auto count_in = [&](auto& self, Edge x) -> Count {      // assignments of the edge's level and all below
    if (x == kTrue) return Count(1);
    if (x == kFalse) return Count();
    const Level at = level(x);
    Count regular;
    if (auto found = known.find(x >> 1); found != known.end()) {
      regular = found->second;
    } else {
      const Node n = nodes_[x >> 1];
      regular = (self(self, n.low) << (level(n.low) - at - 1)) + (self(self, n.high) << (level(n.high) - at - 1));
      known.emplace(x >> 1, regular);
    }
    return (x & 1U) == 0 ? regular : Count::power_of_two(levels_ - at) - regular;
  };
  return count_in(count_in, e) << level(e);
}

std::size_t Diagram::size(std::span<const Edge> edges) const {
  boost::unordered_flat_set<std::uint32_t> seen;
  std::vector<std::uint32_t> open;
  for (Edge e : edges) open.push_back(e >> 1);
  while (!open.empty()) {
    const std::uint32_t number = open.back();
    open.pop_back();
    if (number == 0 || !seen.insert(number).second) continue;
    open.push_back(nodes_[number].low >> 1);
    open.push_back(nodes_[number].high >> 1);
  }
  return seen.size();
}

}  // namespace demarc
