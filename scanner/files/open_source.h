// A file as whoever wrote it meant it: evidence is kept compressed (tcpdump -z gzip, logrotate, zstd), and every
// reader of evidence opens its files here. What the first bytes show as gzip or zstd is unpacked on the way, so
// that no reader knows of it.
//
// gzip inflates at 140 MB/s, a tenth of what a capture reader takes, so unpacking is a thread's work of its own. It
// starts with the second piece: whoever only looks at the first bytes of a thousand files starts no thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "rules/text/result.h"
#include "scanner/files/byte_source.h"

namespace demarc {

/// How a file is packed, by its first bytes.
enum class Packing : std::uint8_t { none, gzip, zstd, xz, bzip2, lz4, compress, lzip, zip, seven_zip };
Packing sniff_packing(Bytes first_bytes);
inline constexpr std::size_t kPackingBytes = 6;

/// What unpacking may give. Memory does not depend on it: this bounds the time that a bomb costs.
struct UnpackLimits {
  /// Up to here any ratio is read.
  std::uint64_t free_bytes = std::uint64_t{4} << 30;
  /// Beyond it, this many bytes out of each one in, over the file as a whole, end the reading with a problem.
  /// Captures shrink to a half or a twentieth, floods of one packet to a hundredth; bombs begin at a thousand.
  std::uint64_t ratio_max = 300;
};

/// Opens a file, "-" for standard input; gzip (RFC 1952, several members) and zstd (RFC 8878, several frames) are
/// unpacked. The error says why there is nothing to read: it cannot be opened, or it is packed by something that is
/// not read here, and by which command it becomes readable. Cut or damaged data gives what was whole before; then
/// read() gives 0 and problem() says where, in bytes of the file as it lies there.
Result<std::unique_ptr<ByteSource>> open_source(const std::string& path);

/// The same for bytes from anywhere. `name` is for messages; `own_thread` false unpacks where read() is called.
Result<std::unique_ptr<ByteSource>> unpack(std::unique_ptr<ByteSource> source, const std::string& name,
                                           bool own_thread = true, const UnpackLimits& limits = {});

}  // namespace demarc
