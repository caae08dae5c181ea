// Packets out of a capture, whatever its format: pcap, pcapng, or a live interface.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "probes/wire/bytes.h"
#include "probes/wire/link_type.h"
#include "rules/net/time.h"
#include "rules/text/result.h"
#include "scanner/files/byte_source.h"

namespace demarc {

/// A frame as it was captured. The bytes stay where they are until the reader is asked again.
struct CapturePacket {
  Timestamp at;
  LinkType link = LinkType::ethernet;
  std::uint32_t wire_length = 0;  // at least bytes.size()
  std::uint32_t interface = 0;    // counts on over the sections of a pcapng file
  std::uint64_t frame = 0;        // from 1, as Wireshark counts
  Bytes bytes;
};

/// What a reader knows besides the packets. Complete once read() has given 0.
struct CaptureStatistics {
  std::uint64_t packets = 0;
  std::uint64_t bytes_read = 0;  // of the file
  std::uint64_t dropped = 0;     // by the kernel or the interface, as the capture says
  std::uint64_t unreadable = 0;  // packets whose record is whole but makes no sense (an interface nobody described)
  bool truncated = false;        // ends in the middle of a record, or in damage that nothing can be read behind
  std::uint64_t problem_offset = 0;  // where the first problem is, in bytes from the start
  std::string problem;               // in words; empty: nothing is wrong
};

class CaptureReader {
 public:
  virtual ~CaptureReader() = default;
  /// Fills `out` from the front and says how many packets; 0 at the end. A batch, so that whoever follows can look
  /// ahead.
  virtual std::size_t read(std::span<CapturePacket> out) = 0;
  virtual const CaptureStatistics& statistics() = 0;
  /// The memory of the packets that the last read() gave: they stay as they are for as long as somebody holds it.
  /// Null: they do not outlive the next read(). To be let go of by the thread that reads.
  virtual std::shared_ptr<const void> keep() const { return nullptr; }
};

/// What a file is, by its first bytes.
enum class CaptureKind : std::uint8_t { pcap, pcapng, gzip, zstd, other };
CaptureKind sniff_kind(Bytes first_bytes);
inline constexpr std::size_t kSniffedBytes = 4;

/// No packet is longer than this in a sound capture (libpcap's own bound).
inline constexpr std::uint32_t kPacketBytesMax = 262144;

/// A reader for the format that the bytes show. The error says why there is none: empty, compressed, something
/// else. `name` is for messages.
Result<std::unique_ptr<CaptureReader>> read_capture(std::unique_ptr<ByteSource> source, const std::string& name);
/// The same for a file, or "-".
Result<std::unique_ptr<CaptureReader>> open_capture(const std::string& path);

}  // namespace demarc
