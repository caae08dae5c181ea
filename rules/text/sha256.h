// SHA-256 (FIPS 180-4): names rule sets, scopes and evidence in journals and reports. Captures have gigabytes, so it is
// libcrypto's, which knows each processor's instructions for it; sha256.cpp is the only file here that includes it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
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
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

/// Lower-case hex of the digest of a text.
std::string sha256_hex(std::string_view bytes);

}  // namespace demarc
