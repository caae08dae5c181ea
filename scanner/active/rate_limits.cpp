#include "scanner/active/rate_limits.h"

#include <algorithm>

namespace demarc {

void Refusals::add(Port port, const By& by) {
  ports_.push_back(port.number());
  if (by_.size() < kByMax && !is_one_of(by)) by_.push_back(by);
}

bool Refusals::is_one_of(const By& by) const { return std::find(by_.begin(), by_.end(), by) != by_.end(); }

void Refusals::settle() {
  std::sort(ports_.begin(), ports_.end());
  ports_.erase(std::unique(ports_.begin(), ports_.end()), ports_.end());
  gap_ = ports_.size() < kFewRefusals ? kGapOfFew : kGapMin;
  if (ports_.size() < 3) return;
  std::vector<std::uint32_t> gaps;
  for (std::size_t i = 1; i < ports_.size(); ++i)
    gaps.push_back(static_cast<std::uint32_t>(ports_[i] - ports_[i - 1]));
  auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  // Gaps between random members of a range are exponentially distributed: one in a thousand is ten times the
  // median.
  gap_ = std::max(gap_, 10 * *middle);
}

std::vector<std::uint16_t> Refusals::groups() const {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < ports_.size(); ++i)
    if (i == 0 || static_cast<std::uint32_t>(ports_[i] - ports_[i - 1]) > gap_) out.push_back(ports_[i]);
  return out;
}

std::uint32_t Refusals::distance(Port port) const {
  if (ports_.empty()) return 65536;
  auto after = std::lower_bound(ports_.begin(), ports_.end(), port.number());
  std::uint32_t best = 65536;
  if (after != ports_.end()) best = static_cast<std::uint32_t>(*after - port.number());
  if (after != ports_.begin()) best = std::min(best, static_cast<std::uint32_t>(port.number() - *(after - 1)));
  return best;
}

void RecheckChoice::offer(std::uint64_t index, Port port, const Refusals& refusals, std::mt19937_64& random) {
  ++offered_;
  std::pair<std::uint32_t, std::uint64_t> here{refusals.distance(port), index};
  if (near_.size() < near_max_ || (!near_.empty() && here < near_.back())) {
    near_.insert(std::upper_bound(near_.begin(), near_.end(), here), here);
    if (near_.size() > near_max_) near_.pop_back();
  }
  if (refusals.near(port)) return;
  ++far_offered_;
  // Reservoir sampling: every port far from refused ones has the same chance. Some spare ones, in case they are
  // among the closest as well.
  std::size_t room = far_max_ + near_max_;
  if (far_.size() < room) {
    far_.push_back(index);
  } else if (room > 0) {
    std::uint64_t slot = std::uniform_int_distribution<std::uint64_t>(0, far_offered_ - 1)(random);
    if (slot < room) far_[static_cast<std::size_t>(slot)] = index;
  }
}

std::vector<RecheckChoice::Candidate> RecheckChoice::take() const {
  std::vector<Candidate> chosen;
  for (const auto& [distance, index] : near_) chosen.push_back({index, true});
  std::size_t far = 0;
  for (std::uint64_t index : far_) {
    if (far == far_max_) break;
    bool already = std::any_of(chosen.begin(), chosen.end(), [&](const Candidate& c) { return c.index == index; });
    if (already) continue;
    chosen.push_back({index, false});
    ++far;
  }
  return chosen;
}

}  // namespace demarc
