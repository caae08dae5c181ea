// The classic capture file (draft-ietf-opsawg-pcap), streamed: both byte orders, micro- and nanoseconds, and the
// packet headers of Kuznetzov's patches, which are longer. Old versions that have the two lengths the other way
// round are read as libpcap reads them, and captures that somebody put one behind the other (cat, gzip members) as
// what they are.
#pragma once

#include "scanner/files/byte_buffer.h"
#include "scanner/files/capture_reader.h"

namespace demarc {

class PcapReader : public CaptureReader {
 public:
  /// Reads the file header. The error has no file name yet.
  static Result<std::unique_ptr<CaptureReader>> open(ByteBuffer buffer);
  static bool is_magic(Bytes first_four);

  std::size_t read(std::span<CapturePacket> out) override;
  const CaptureStatistics& statistics() override;
  std::shared_ptr<const void> keep() override { return buffer_.keep(); }

 private:
  /// What the file header says of the records behind it.
  struct Shape {
    bool little = false, nanoseconds = false, modified = false;
    std::uint16_t minor = 4;
    std::uint32_t packet_header = 16;
    std::uint32_t fcs_bytes = 0;  // of a frame check sequence at the end of each frame
    LinkType link = LinkType::ethernet;
    std::uint32_t number(const std::uint8_t* p) const { return little ? le32(p) : be32(p); }
  };
  explicit PcapReader(ByteBuffer buffer) : buffer_(std::move(buffer)) {}
  static bool shape_of(Bytes magic, Shape& shape);
  Result<void> read_file_header();
  void choose_modified_header();
  bool next_file();
  bool more(std::size_t bytes);
  void stop(std::string problem);

  ByteBuffer buffer_;
  Shape shape_;
  std::uint32_t files_before_ = 0;
  bool done_ = false;
  CaptureStatistics statistics_;
};

}  // namespace demarc
