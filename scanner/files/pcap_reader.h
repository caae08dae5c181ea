// The classic capture file (draft-ietf-opsawg-pcap), streamed.
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
  std::shared_ptr<const void> keep() const override { return buffer_.keep(); }

 private:
  struct Shape {
    bool little = false, nanoseconds = false, modified = false;
  };
  PcapReader(ByteBuffer buffer, Shape shape, LinkType link)
      : buffer_(std::move(buffer)), shape_(shape), link_(link) {}
  static bool shape_of(Bytes magic, Shape& shape);
  void stop(std::string problem);
  std::uint32_t number(const std::uint8_t* p) const { return shape_.little ? le32(p) : be32(p); }

  ByteBuffer buffer_;
  Shape shape_;
  LinkType link_;
  bool done_ = false;
  CaptureStatistics statistics_;
};

}  // namespace demarc
