// How many different ones there were, in bounded memory.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rules/net/port.h"

namespace demarc {

/// Counts different things by their 64-bit fingerprints: exactly up to noise_criteria::kDistinctExact (two of 1,024
/// things share a fingerprint once in 10^13 runs), above that by HyperLogLog with 2^13 registers (standard
/// error 1.2 percent), read by Ertl's estimator (arXiv:1702.01284, algorithm 6), which needs no range of its own
/// for small numbers.
class DistinctCount {
 public:
  void add(std::uint64_t fingerprint);
  void add(const DistinctCount& other);
  std::uint64_t count() const;
  bool exact() const { return registers_.empty(); }
  /// Bytes on the heap.
  std::size_t heap() const { return few_.capacity() * sizeof(std::uint64_t) + registers_.capacity(); }

 private:
  void enter(std::uint64_t fingerprint);
  void grow();
  std::vector<std::uint64_t> few_;       // sorted; empty once there are registers
  std::vector<std::uint8_t> registers_;  // position of the first one-bit, from 1; 0: nothing came here
};

/// A set of ports, exact: a short list first, one bit for each port from then on.
class PortBits {
 public:
  void add(std::uint16_t port);
  void add(const PortBits& other);
  std::uint32_t count() const;
  /// At most that many ranges: the first and the last ones.
  PortSet ports(std::size_t ranges_max) const;
  /// Bytes on the heap.
  std::size_t heap() const { return few_.capacity() * sizeof(std::uint16_t) + (all_ ? sizeof(*all_) : 0); }

 private:
  std::vector<std::uint16_t> few_;  // sorted; empty once there are bits
  std::unique_ptr<std::bitset<65536>> all_;
};

}  // namespace demarc
