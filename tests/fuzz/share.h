// A check that costs more than all others together is worth its time for some inputs, not for every one: a target
// that is ten times as fast looks at ten times as many. Which inputs it is depends on their bytes alone, so that
// one that failed fails again. The replay of the ordinary tests checks everything.
#pragma once

#include <cstddef>
#include <cstdint>

namespace demarc {

#ifdef DEMARC_FUZZ_REPLAY
inline constexpr bool kFuzzReplay = true;
#else
inline constexpr bool kFuzzReplay = false;
#endif

/// True for one in `n` of all inputs.
inline bool one_in(std::uint32_t n, const std::uint8_t* data, std::size_t size) {
  if (kFuzzReplay) return true;
  std::uint32_t h = 2166136261U;  // FNV-1a
  for (std::size_t i = 0; i < size; ++i) h = (h ^ data[i]) * 16777619U;
  return (h >> 8) % n == 0;
}

/// Whether an input of this size has its turn at the `i`th of `n` kinds. Most mutations keep the size, and with it
/// what the input is tried on.
inline bool has_turn(std::size_t i, std::size_t n, std::size_t size) { return kFuzzReplay || size % n == i; }

}  // namespace demarc
