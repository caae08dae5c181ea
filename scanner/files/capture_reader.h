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

  /// Takes a frame check sequence of so many bytes off the end; of a frame that was cut it may not be there.
  void trim(std::uint32_t fcs_bytes) {
    wire_length -= fcs_bytes < wire_length ? fcs_bytes : wire_length;
    if (bytes.size() > wire_length) bytes = bytes.first(wire_length);
  }
};

/// What a reader knows besides the packets. Complete once read() has given 0.
struct CaptureStatistics {
  std::uint64_t packets = 0;
  std::uint64_t bytes_read = 0;  // of the file as it lies there
  std::uint64_t dropped = 0;     // by the kernel or the interface, as the capture says
  std::uint64_t unreadable = 0;  // packets whose record is whole but makes no sense (an interface nobody described)
  bool truncated = false;        // ends in the middle of a record, or in damage that nothing can be read behind
  std::uint64_t problem_offset = 0;  // where the first problem is, in bytes from the start of what was unpacked
  std::string problem;               // in words; empty: nothing is wrong
};

class CaptureReader {
 public:
  virtual ~CaptureReader() = default;
  /// Fills `out` from the front and says how many packets; 0 at the end. A batch, so that whoever follows can look
  /// ahead.
  virtual std::size_t read(std::span<CapturePacket> out) = 0;
  virtual const CaptureStatistics& statistics() = 0;
  /// For pipelines of several threads: as long as a copy of this lives, the bytes that the last read() gave stay
  /// where they are and as they are, in whatever thread, also after this reader has read on or gone. A batch stands
  /// in one window of 2 MiB, and so do the batches around it: ask for each batch, let go when its packets are dealt
  /// with, and memory is two windows and those that are held. Costs two atomic operations a batch. None: this
  /// source cannot keep bytes (a live interface), copy them.
  virtual std::shared_ptr<const void> keep() { return nullptr; }
};

/// How many packets a batch should have: enough to look ahead, and to pay for handing it to another thread.
inline constexpr std::size_t kPacketBatch = 256;

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
