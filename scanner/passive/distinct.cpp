#include "scanner/passive/distinct.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "rules/evidence/noise_criteria.h"

namespace demarc {

namespace {
constexpr unsigned kIndexBits = 13;
constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;
constexpr unsigned kValueBits = 64 - kIndexBits;  // "q": a register holds 0 to q + 1
constexpr std::size_t kFewPorts = 64;

double sigma(double x) {  // of the share of empty registers
  if (x == 1.0) return INFINITY;
  double y = 1, z = x, before;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

double tau(double x) {  // of the share of registers that are not full
  if (x == 0.0 || x == 1.0) return 0;
  double y = 1, z = 1 - x, before;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}
}  // namespace

void DistinctCount::enter(std::uint64_t fingerprint) {
  const std::size_t place = fingerprint >> kValueBits;
  const std::uint64_t rest = fingerprint << kIndexBits;
  const unsigned first_one = rest == 0 ? kValueBits + 1 : static_cast<unsigned>(std::countl_zero(rest)) + 1;
  registers_[place] = std::max(registers_[place], static_cast<std::uint8_t>(first_one));
}

void DistinctCount::grow() {
  registers_.assign(kRegisters, 0);
  for (const std::uint64_t fingerprint : few_) enter(fingerprint);
  few_ = {};
}

void DistinctCount::add(std::uint64_t fingerprint) {
  if (!registers_.empty()) return enter(fingerprint);
  const auto place = std::lower_bound(few_.begin(), few_.end(), fingerprint);
  if (place != few_.end() && *place == fingerprint) return;
  if (few_.size() == noise_criteria::kDistinctExact) {
    grow();
    return enter(fingerprint);
  }
  few_.insert(place, fingerprint);
}

void DistinctCount::add(const DistinctCount& other) {
  for (const std::uint64_t fingerprint : other.few_) add(fingerprint);
  if (other.registers_.empty()) return;
  if (registers_.empty()) grow();
  for (std::size_t i = 0; i < kRegisters; ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
}

std::uint64_t DistinctCount::count() const {
  if (registers_.empty()) return few_.size();
  std::array<std::uint32_t, kValueBits + 2> with{};
  for (const std::uint8_t value : registers_) ++with[value];
  const double m = static_cast<double>(kRegisters);
  double z = m * tau(1 - with[kValueBits + 1] / m);
  for (unsigned k = kValueBits; k >= 1; --k) z = 0.5 * (z + with[k]);
  z += m * sigma(with[0] / m);
  const double estimate = m * m / (2 * std::log(2.0) * z);
  // More than kDistinctExact were seen: that is certain.
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(std::llround(estimate)),
                                 noise_criteria::kDistinctExact + 1);
}

void PortBits::add(std::uint16_t port) {
  if (all_) {
    all_->set(port);
    return;
  }
  const auto place = std::lower_bound(few_.begin(), few_.end(), port);
  if (place != few_.end() && *place == port) return;
  if (few_.size() < kFewPorts) {
    few_.insert(place, port);
    return;
  }
  all_ = std::make_unique<std::bitset<65536>>();
  for (const std::uint16_t p : few_) all_->set(p);
  all_->set(port);
  few_ = {};
}

void PortBits::add(const PortBits& other) {
  for (const std::uint16_t port : other.few_) add(port);
  if (!other.all_) return;
  if (!all_) {
    all_ = std::make_unique<std::bitset<65536>>();
    for (const std::uint16_t port : few_) all_->set(port);
    few_ = {};
  }
  *all_ |= *other.all_;
}

std::uint32_t PortBits::count() const { return static_cast<std::uint32_t>(all_ ? all_->count() : few_.size()); }

PortSet PortBits::ports(std::size_t ranges_max) const {
  std::vector<PortRange> ranges;
  const auto next = [&](std::uint16_t number) {
    const Port port{number};
    if (!ranges.empty() && ranges.back().last.number() + 1 == number)
      ranges.back().last = port;
    else
      ranges.push_back(PortRange::single(port));
  };
  if (all_) {
    for (std::uint32_t port = 0; port < 65536; ++port)
      if ((*all_)[port]) next(static_cast<std::uint16_t>(port));
  } else {
    for (const std::uint16_t port : few_) next(port);
  }
  if (ranges.size() > ranges_max) {
    const auto first = static_cast<std::ptrdiff_t>(ranges_max / 2);
    const auto last = static_cast<std::ptrdiff_t>(ranges_max - ranges_max / 2);
    ranges.erase(ranges.begin() + first, ranges.end() - last);
  }
  return PortSet::of(std::move(ranges));
}

}  // namespace demarc
