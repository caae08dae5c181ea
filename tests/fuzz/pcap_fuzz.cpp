#include "tests/fuzz/capture_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return demarc::fuzz_capture(demarc::Bytes(data, size));
}
