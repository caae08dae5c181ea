// Which of many rules may overlap (lint.cpp): values that touch on a line, and what services say. Internal to this
// folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "rules/policy/approval.h"
#include "rules/space/packet_set.h"

namespace demarc::linting {

using Bits = std::vector<std::uint64_t>;

/// Distinct values with ranges on a line; which of them touch.
template <typename Point>
class Touching {
 public:
  struct Range {
    Point first, last;
    std::uint32_t id;
  };
  void add(const Point& first, const Point& last, std::uint32_t id) { ranges_.push_back({first, last, id}); }
  /// For each id the ids it touches, itself included.
  std::vector<std::vector<std::uint32_t>> neighbours(std::size_t ids) {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<std::vector<std::uint32_t>> out(ids);
    std::vector<Range> open;
    for (const Range& range : ranges_) {
      std::erase_if(open, [&](const Range& o) { return o.last < range.first; });
      for (const Range& o : open) {
        out[o.id].push_back(range.id);
        out[range.id].push_back(o.id);
      }
      out[range.id].push_back(range.id);
      open.push_back(range);
      tidy_if_large(out[range.id]);
    }
    for (std::vector<std::uint32_t>& list : out) tidy(list);
    return out;
  }

 private:
  static void tidy(std::vector<std::uint32_t>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  static void tidy_if_large(std::vector<std::uint32_t>& list) {
    if (list.size() > 65536 && std::has_single_bit(list.size())) tidy(list);
  }
  std::vector<Range> ranges_;
};

/// One dimension of the rules: the value each has, and for a value the rules it touches.
class Dimension {
 public:
  Dimension(std::vector<std::uint32_t> value_of, std::vector<std::vector<std::uint32_t>> neighbours)
      : value_of_(std::move(value_of)),
        neighbours_(std::move(neighbours)),
        having_(neighbours_.size()),
        rows_(neighbours_.size()) {
    for (std::uint32_t r = 0; r < value_of_.size(); ++r) having_[value_of_[r]].push_back(r);
  }
  const Bits& touching(std::uint32_t rule) {
    Bits& row = rows_[value_of_[rule]];
    if (row.empty()) {
      std::size_t words = (value_of_.size() + 63) / 64;
      constexpr std::size_t kWordsMax = 8U << 20;  // 64 MB
      if ((kept_ += words) > kWordsMax) {
        for (Bits& other : rows_) other.clear();
        kept_ = words;
      }
      row.assign(words, 0);
      for (std::uint32_t value : neighbours_[value_of_[rule]])
        for (std::uint32_t r : having_[value]) row[r / 64] |= std::uint64_t{1} << (r % 64);
    }
    return row;
  }

 private:
  std::vector<std::uint32_t> value_of_;
  std::vector<std::vector<std::uint32_t>> neighbours_, having_;
  std::vector<Bits> rows_;
  std::size_t kept_ = 0;
};

/// What services say, without addresses, as sets of packets; lists of services by number.
class Speech {
 public:
  explicit Speech(const RuleSet& rules)
      : rules_(&rules), ipv4_(family_set(Family::ipv4)), ipv6_(family_set(Family::ipv6)) {}

  std::uint32_t add(std::vector<std::uint32_t> services) {
    std::sort(services.begin(), services.end());
    services.erase(std::unique(services.begin(), services.end()), services.end());
    auto [at, fresh] = numbers_.emplace(services, static_cast<std::uint32_t>(lists_.size()));
    if (fresh) lists_.push_back(services);
    return at->second;
  }
  const std::vector<std::uint32_t>& list(std::uint32_t id) const { return lists_[id]; }
  std::size_t size() const { return lists_.size(); }

  struct Relation {
    bool overlap[2] = {false, false};  // IPv4, IPv6
    bool first_in_second[2] = {false, false}, second_in_first[2] = {false, false};
  };
  const Relation& relation(std::uint32_t a, std::uint32_t b) {
    auto [at, fresh] = relations_.try_emplace(std::uint64_t{a} << 32 | b);
    if (fresh) {
      for (int f = 0; f < 2; ++f) {
        PacketSet x = set(a) & (f == 0 ? ipv4_ : ipv6_), y = set(b) & (f == 0 ? ipv4_ : ipv6_);
        at->second.overlap[f] = x.overlaps(y);
        at->second.first_in_second[f] = y.contains(x);
        at->second.second_in_first[f] = x.contains(y);
      }
    }
    return at->second;
  }
  /// A packet that both lists of services have, with these ends; none if they have none in common.
  std::optional<Packet> sample(std::uint32_t a, std::uint32_t b, const AddressSet& from, const AddressSet& to) {
    Box ends;
    ends.sources = from;
    ends.destinations = to;
    std::optional<ConcretePacket> found = (set(a) & set(b) & space_.of(ends)).sample();
    if (!found) return std::nullopt;
    return found->packet;
  }

 private:
  PacketSet family_set(Family family) {
    Box box;
    box.family = family;
    return space_.of(box);
  }
  const PacketSet& set(std::uint32_t id) {
    auto [at, fresh] = sets_.try_emplace(id);
    if (fresh) at->second = space_.of(opening_boxes(*rules_, lists_[id], AddressSet::all(), AddressSet::all()));
    return at->second;
  }
  const RuleSet* rules_;
  PacketSpace space_;
  PacketSet ipv4_, ipv6_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> numbers_;
  std::vector<std::vector<std::uint32_t>> lists_;
  std::unordered_map<std::uint32_t, PacketSet> sets_;
  std::unordered_map<std::uint64_t, Relation> relations_;
};

}  // namespace demarc::linting
