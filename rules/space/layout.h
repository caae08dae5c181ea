// Shared by the files of this folder: fields as runs of levels, packets as bits, and the ranges of a field's
// numbers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "rules/net/address.h"
#include "rules/space/diagram.h"

namespace demarc {

/// Numbers of one field; both ends belong to it.
struct Range {
  Uint128 first, last;
};
using Ranges = std::vector<Range>;

constexpr Uint128 low_mask(unsigned bits) { return bits >= 128 ? ~Uint128{0} : (Uint128{1} << bits) - 1; }

/// The levels of a field, most significant bit first.
struct FieldSpan {
  Diagram::Level first = 0, bits = 0;
  Diagram::Level end() const { return first + bits; }
};

/// An assignment of all variables.
class BitKey {
 public:
  void put(FieldSpan span, Uint128 number) {
    if (span.bits > 64) {
      put64(span.first, span.bits - 64, static_cast<std::uint64_t>(number >> 64));
      put64(span.end() - 64, 64, static_cast<std::uint64_t>(number));
    } else {
      put64(span.first, span.bits, static_cast<std::uint64_t>(number));
    }
  }
  bool bit(Diagram::Level level) const { return (words_[level / 64] >> (63 - level % 64) & 1) != 0; }

 private:
  void put64(std::uint32_t first, std::uint32_t bits, std::uint64_t number) {
    const std::size_t word = first / 64;
    const std::uint32_t end = first % 64 + bits;
    if (end <= 64) {
      words_[word] |= number << (64 - end);
    } else {
      words_[word] |= number >> (end - 64);
      words_[word + 1] |= number << (128 - end);
    }
  }
  std::array<std::uint64_t, 6> words_{};
};

/// The numbers of a field in ascending order, with what must hold below them; numbers for which nothing holds are
/// left out and neighbours with the same edge are joined. `e` must not test a level above the field. Stops when
/// `each` returns false and returns false then. Each range costs at most a walk down the field: whatever is not
/// false leads somewhere.
template <typename Each>
bool for_each_range(const Diagram& d, Diagram::Edge e, FieldSpan span, Each each) {
  std::optional<std::pair<Range, Diagram::Edge>> pending;
  auto visit = [&](auto& self, Diagram::Edge x, unsigned bits, Uint128 base) -> bool {  // bits: still to decide
    if (x == Diagram::kFalse) return true;
    const Diagram::Level at = d.level(x);
    if (at >= span.end()) {
      const Range r{base, base | low_mask(bits)};
      if (pending && pending->second == x && pending->first.last + 1 == r.first) {
        pending->first.last = r.last;
        return true;
      }
      if (pending && !each(pending->first, pending->second)) {
        pending.reset();
        return false;
      }
      pending = {r, x};
      return true;
    }
    const Diagram::Level here = span.end() - bits;
    const bool tested = at == here;
    const Uint128 middle = base | Uint128{1} << (bits - 1);
    return self(self, tested ? d.low(x) : x, bits - 1, base) &&
           self(self, tested ? d.high(x) : x, bits - 1, middle);
  };
  const bool whole = visit(visit, e, span.bits, 0);
  if (pending && !each(pending->first, pending->second)) return false;
  return whole;
}

}  // namespace demarc
