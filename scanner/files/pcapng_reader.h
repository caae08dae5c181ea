// pcapng (draft-ietf-opsawg-pcapng), streamed: several sections, each with its own byte order and interfaces, each
// interface with its own link type and clock.
#pragma once

#include <optional>
#include <vector>

#include "scanner/files/byte_buffer.h"
#include "scanner/files/capture_reader.h"

namespace demarc {

class PcapngReader : public CaptureReader {
 public:
  static constexpr std::size_t kInterfacesMax = 65536;  // in a section

  /// Reads the first section header. The error has no file name yet.
  static Result<std::unique_ptr<CaptureReader>> open(ByteBuffer buffer);

  std::size_t read(std::span<CapturePacket> out) override;
  const CaptureStatistics& statistics() override;
  std::shared_ptr<const void> keep() override { return buffer_.keep(); }

 private:
  struct Interface {
    LinkType link = LinkType::ethernet;
    std::uint32_t snaplen = 0;         // 0: no bound
    std::uint8_t resolution = 6;       // if_tsresol: 10^-n, or 2^-n with the top bit
    std::int64_t offset_seconds = 0;   // if_tsoffset
    std::uint32_t fcs_bytes = 0;       // if_fcslen
    std::uint64_t drops_counted = 0;   // told packet by packet
    std::uint64_t drops_reported = 0;  // told by the statistics block: since the start of the capture
  };
  enum class Step { packet, other, need_more, stopped };

  explicit PcapngReader(ByteBuffer buffer) : buffer_(std::move(buffer)) {}
  Step step(CapturePacket& out, bool may_read);
  Step section(bool may_read);
  Step packet_block(std::uint32_t type, Bytes body, CapturePacket& out);
  bool enhanced(std::uint32_t type, Bytes body, CapturePacket& out);
  std::uint32_t read_packet_options(Bytes options, std::uint32_t type, Interface& interface) const;
  bool simple(Bytes body, CapturePacket& out);
  void describe_interface(Bytes body);
  void interface_statistics(Bytes body);
  /// The value of an option, empty if it is not there.
  std::optional<Bytes> option(Bytes options, std::uint16_t code) const;
  Timestamp time(const Interface& interface, std::uint64_t ticks) const;
  void unreadable(std::string why);
  void stop(std::string problem);
  void cut(std::size_t needed);
  void end_section();

  std::uint16_t u16(const std::uint8_t* p) const { return little_ ? le16(p) : be16(p); }
  std::uint32_t u32(const std::uint8_t* p) const { return little_ ? le32(p) : be32(p); }
  std::uint64_t u64(const std::uint8_t* p) const { return little_ ? le64(p) : be64(p); }

  ByteBuffer buffer_;
  bool little_ = false, done_ = false;
  std::vector<Interface> interfaces_;    // of this section
  std::uint32_t interfaces_before_ = 0;  // of the sections before
  std::uint64_t drops_before_ = 0;
  std::uint64_t records_ = 0;  // packet blocks, readable or not: what Wireshark numbers
  Timestamp last_time_;
  CaptureStatistics statistics_;
};

}  // namespace demarc
