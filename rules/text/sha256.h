// SHA-256 (FIPS 180-4): what names a rule set, a piece of evidence or a style sheet by its content.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace demarc {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// Takes its input in pieces, so that a file need not be in memory.
class Sha256 {
 public:
  void update(std::string_view bytes);
  /// The digest of all that was given. Nothing may be given afterwards.
  Sha256Digest finish();

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};
  std::uint64_t length_ = 0;  // bytes so far
};

Sha256Digest sha256(std::string_view bytes);
/// 64 lower-case hex digits.
std::string to_hex(const Sha256Digest& digest);
/// RFC 4648 §4, with padding.
std::string to_base64(const Sha256Digest& digest);
inline std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

}  // namespace demarc
