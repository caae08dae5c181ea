// The two stores of a noise table and what is done with them: noise.cpp says what becomes of one conversation,
// noise_sinks.cpp what sinks take and when they go, noise_result.cpp what is told at the end. noise_parts.h says
// what they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "scanner/passive/hash_index.h"
#include "scanner/passive/noise.h"
#include "scanner/passive/noise_parts.h"

namespace demarc {

class NoiseTable::Body {
 public:
  explicit Body(const NoiseOptions& options) : hash_(options.hash_key) {
    doorkeeper_.resize(std::max(options.memory_max, noise_parts::kMemoryMin) / 64);
    const std::size_t room =
        std::max(options.memory_max, noise_parts::kMemoryMin) - noise_parts::kBytesRest - doorkeeper_.bytes();
    held_max_ = static_cast<std::uint32_t>(std::min<std::size_t>(room / 5 * 3 / noise_parts::kBytesHeld, 1U << 28));
    sinks_bytes_max_ = room / 5 * 2;
  }

  void attempt(const Attempt& a);
  void backscatter(const Attempt& a);
  void prefetch(const Attempt& a) const {
    const Ends e = Ends::of(a);
    for (const Level level : {Level::initiator, Level::pair, Level::host_port, Level::server})
      groups_index_.prefetch(hash_of(e.at(level), level));
  }
  void absorb(Body& other);
  void finish(std::span<const ObservedFlow> records, std::vector<ObservedFlow>& kept,
              std::vector<TrafficNoise>& noise);
  std::size_t memory() const {
    return held_.bytes() + groups_.capacity() * sizeof(Group) + sinks_bytes_ + groups_index_.size() * 26 +
           held_index_.size() * 26 + doorkeeper_.bytes();
  }

  std::vector<std::uint64_t> given_up;

 private:
  using Level = noise_parts::Level;
  using Ends = noise_parts::Ends;
  using Totals = noise_parts::Totals;
  using Held = noise_parts::Held;
  using Group = noise_parts::Group;
  using Sink = noise_parts::Sink;
  static constexpr std::uint32_t kNone = noise_parts::kNone;

  std::uint32_t hash_of(const Ends& e, Level level) const {
    const std::uint64_t rest = (std::uint64_t{e.port} << 32) | (std::uint64_t{e.protocol} << 16) |
                               (std::uint64_t{e.v6} << 8) | static_cast<std::uint64_t>(level);
    return hash_(e.initiator_high, e.initiator_low, e.responder_high, e.responder_low, rest);
  }
  std::uint32_t held_hash(const Ends& e, std::uint32_t tunnel) const {
    const std::uint64_t rest = (std::uint64_t{e.port} << 48) | (std::uint64_t{e.protocol} << 40) |
                               (std::uint64_t{e.v6} << 36) | (std::uint64_t{1} << 35) | tunnel;
    return hash_(e.initiator_high, e.initiator_low, e.responder_high, e.responder_low, rest);
  }
  std::uint64_t fingerprint(std::uint64_t high, std::uint64_t low, bool v6) const {
    return (std::uint64_t{hash_(high, low, v6, 1, 0x6669)} << 32) | hash_(low, high, 2, v6, 0x6E67);
  }

  // Groups.
  std::uint32_t find_group(const Ends& e, Level level, std::uint32_t hash) const {
    return groups_index_.find(hash, [&](std::uint32_t i) {
      const Group& g = groups_[i];
      if (g.level != level) return false;
      return (g.sink != kNone ? sinks_[g.sink].ends : held_[g.head].ends.at(level)) == e;
    });
  }
  std::uint32_t add_group(Level level, std::uint32_t hash) {
    std::uint32_t number;
    if (free_groups_.empty()) {
      number = static_cast<std::uint32_t>(groups_.size());
      groups_.emplace_back();
    } else {
      number = free_groups_.back();
      free_groups_.pop_back();
      groups_[number] = Group{};
    }
    groups_[number].level = level;
    groups_[number].in_use = true;
    groups_index_.insert(hash, number);
    return number;
  }
  void drop_group(std::uint32_t number, const Ends& ends) {
    groups_index_.erase(hash_of(ends, groups_[number].level), number);
    groups_[number].in_use = false;
    free_groups_.push_back(number);
  }

  // Held conversations.
  void hold(const Attempt& a, const Ends& e, const StateCounts* states);
  void add_to(Held& h, const Attempt& a, const StateCounts* states);
  void release(std::uint32_t number);
  void fold_members(std::uint32_t group);
  void fold_half();

  void give_up(std::uint32_t source, std::uint64_t conversations) {
    if (given_up.size() <= source) given_up.resize(std::size_t{source} + 1);
    given_up[source] += conversations;
  }

  // Sinks.
  std::uint32_t sink_of(const Ends& e, Level level, NoiseKind kind);
  void drop_sink(std::uint32_t number);
  void take(std::uint32_t sink, const Ends& e, const Totals& totals);
  void take(std::uint32_t sink, const Sink& other);
  void close(std::uint32_t group, const Ends& e, Level level);
  void add_scan(const Ends& e, std::uint32_t scan);
  void close_initiator(std::uint32_t initiator);
  void drop_sinks();
  std::uint32_t rest_of(NoiseKind kind, std::uint8_t protocol);
  std::uint32_t closed_sink_of(const Ends& e) const;
  std::uint32_t sink_at_once(const Ends& e);
  NoiseKind kind_of(const Sink& s) const;
  TrafficNoise noise_of(const Sink& s) const;
  void clear();

  KeyedHash hash_;
  std::uint32_t held_max_ = 0;
  std::size_t sinks_bytes_max_ = 0;

  noise_parts::Doorkeeper doorkeeper_;
  noise_parts::HeldStore held_;
  std::vector<std::uint32_t> free_held_;
  HashIndex held_index_;
  std::uint32_t serial_ = 0, clock_ = 0;

  std::vector<Group> groups_;
  std::vector<std::uint32_t> free_groups_;
  HashIndex groups_index_;

  std::deque<Sink> sinks_;
  std::vector<std::uint32_t> free_sinks_;
  std::size_t sinks_bytes_ = 0;
  std::uint64_t sinks_clock_ = 0;
};

}  // namespace demarc
