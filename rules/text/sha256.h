// SHA-256 (FIPS 180-4): names rule sets, scopes and evidence in journals and reports. Not used against an adversary
// who needs secrecy, so no constant-time concerns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace demarc {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// The digest; the object is spent afterwards.
  std::array<std::uint8_t, 32> finish();
  /// The digest in lower-case hex.
  std::string finish_hex();

 private:
  void block(const std::uint8_t* bytes);
  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
};

/// Lower-case hex of the digest of a text.
std::string sha256_hex(std::string_view bytes);

}  // namespace demarc
