// Is silence a filter's decision, or only a router that has no more ICMP errors to give?
//
// A router that rejects by ICMP may send few errors: a Linux router about one a second to each destination. A sweep
// then sees a handful of ports prohibited and thousands silent, though the rule treats all of them alike. While the
// sweep runs the two cannot be told apart. Afterwards they can: we wait until the limit has surely recovered and
// ask a few of the silent ports again, one at a time, further apart than the limit. A port that was silent in the
// sweep and is refused now, by the same router in the same way, shows that the silence was the limit's.
//
// Which ports are then in doubt? A rejecting rule covers a range. Half of the ports asked again lie close to
// refused ones, half far from all of them: if ports far away are refused now, all silence of that target is in
// doubt; if only close ones are, it is the silence within and around the refused ports, as far as those lie apart
// from each other.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "rules/evidence/outcome.h"
#include "rules/net/port.h"

namespace demarc {

/// The ICMP refusals of one target during the sweep.
class Refusals {
 public:
  struct By {
    Address router;
    Answer answer;
    bool operator==(const By&) const = default;
  };

  void add(Port port, const By& by);
  bool empty() const { return ports_.empty(); }
  const std::vector<By>& by() const { return by_; }
  std::size_t count() const { return ports_.size(); }
  /// One refused port of each group of them that lie close together; after settle().
  std::vector<std::uint16_t> groups() const;
  bool is_one_of(const By& by) const;
  /// What the same router refused on another host: rules are written for many hosts at once.
  void add_ports_of(const Refusals& other) {
    ports_.insert(ports_.end(), other.ports_.begin(), other.ports_.end());
  }
  /// To be called before distance(), near() and groups(), and again after more were added.
  void settle();
  /// To the nearest refused port.
  std::uint32_t distance(Port port) const;
  /// Does it lie among the refused ports, as far as they lie apart?
  bool near(Port port) const { return distance(port) <= gap_; }

 private:
  static constexpr std::size_t kByMax = 8;  // routers and ways to refuse that are remembered
  static constexpr std::uint32_t kGapMin = 64;
  static constexpr std::size_t kFewRefusals = 12;  // too few to tell how far apart they lie
  static constexpr std::uint32_t kGapOfFew = 256;
  std::vector<std::uint16_t> ports_;
  std::vector<By> by_;
  std::uint32_t gap_ = kGapMin;
};

/// Chooses which silent ports to ask again: the closest to refused ones, and others at random.
class RecheckChoice {
 public:
  explicit RecheckChoice(std::uint32_t count) : near_max_((count + 1) / 2), far_max_(count / 2) {}
  void offer(std::uint64_t index, Port port, const Refusals& refusals, std::mt19937_64& random);
  struct Candidate {
    std::uint64_t index = 0;
    bool near = false;
  };
  /// The close ones first. None twice.
  std::vector<Candidate> take() const;
  std::uint64_t offered() const { return offered_; }

 private:
  std::size_t near_max_, far_max_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> near_;  // distance, index; sorted
  std::vector<std::uint64_t> far_;                             // a uniform sample
  std::uint64_t offered_ = 0, far_offered_ = 0;
};

/// What the second look says about a target's silence.
enum class LimitedWhere : std::uint8_t { nowhere, near_refusals, everywhere };

}  // namespace demarc
