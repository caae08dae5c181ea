// gzip and zstd data of any kind, and a capture reader behind it. In one piece and in tiny ones the same bytes come
// out, and the same is said about their end.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "scanner/files/capture_reader.h"
#include "scanner/files/open_source.h"
#include "tests/fuzz/share.h"

namespace demarc {

namespace {
struct Plain {
  std::uint64_t bytes = 0, sum = 0;
  std::string problem;
  bool operator==(const Plain&) const = default;
};

Plain plain_of(Bytes packed, std::size_t piece, std::size_t room) {
  Plain out;
  UnpackLimits limits;
  limits.free_bytes = 1U << 20;
  auto source = unpack(std::make_unique<MemorySource>(packed, piece), "fuzz", false, limits);
  if (!source) {
    out.problem = source.error().what;
    return out;
  }
  static std::array<std::uint8_t, 65536> space;
  const std::span<std::uint8_t> buffer(space.data(), room);
  while (const std::size_t count = (*source)->read(buffer)) {
    if (count > room) std::abort();
    for (std::size_t i = 0; i < count; ++i) out.sum = out.sum * 31 + buffer[i];
    out.bytes += count;
    if (out.bytes > limits.free_bytes + limits.ratio_max * (packed.size() + 1) + (1U << 18)) std::abort();
  }
  out.problem = (*source)->problem();
  return out;
}
}  // namespace

}  // namespace demarc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  const Bytes packed(data, size);
  const Plain whole = plain_of(packed, SIZE_MAX, 65536);
  // Where a bomb is given up depends on the pieces.
  if (whole.bytes <= (1U << 20) && one_in(4, data, size)) {
    const Plain tiny = plain_of(packed, 3, 4096);
    if (tiny.bytes != whole.bytes || tiny.sum != whole.sum || tiny.problem != whole.problem) std::abort();
  }
  if (whole.bytes < 24) return 0;  // no capture begins so
  UnpackLimits limits;
  limits.free_bytes = 1U << 20;
  auto source = unpack(std::make_unique<MemorySource>(packed), "fuzz", false, limits);
  if (!source) return 0;
  auto reader = read_capture(std::move(*source), "fuzz");
  if (!reader) return 0;
  std::array<CapturePacket, 64> batch;
  std::uint64_t packets = 0;
  while (const std::size_t count = (*reader)->read(batch)) packets += count;
  const CaptureStatistics& statistics = (*reader)->statistics();
  if (statistics.packets != packets || statistics.bytes_read > size) std::abort();
  return 0;
}
