// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): the keyed hash behind everything
// that a stranger must not be able to guess, in 64 or 128 bits, fast enough for every packet.
#pragma once

#include <array>
#include <cstdint>

#include "probes/wire/bytes.h"

namespace demarc {

using HashKey = std::array<std::uint8_t, 16>;

std::uint64_t keyed_hash(const HashKey& key, Bytes message);
/// The 128-bit variant of the same construction.
std::array<std::uint8_t, 16> keyed_hash_128(const HashKey& key, Bytes message);

/// The same for a message that is a few 64-bit words (each in little-endian byte order), without a detour over
/// bytes.
std::uint64_t keyed_hash(const HashKey& key, std::uint64_t a, std::uint64_t b);
std::uint64_t keyed_hash(const HashKey& key, std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d);

}  // namespace demarc
