#include "scanner/files/pcap_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {
constexpr std::size_t kFileHeader = 24, kPacketHeader = 16, kModifiedPacketHeader = 24;
constexpr std::uint32_t kMicro = 0xA1B2C3D4, kNano = 0xA1B23C4D, kModified = 0xA1B2CD34;
}  // namespace

bool PcapReader::shape_of(Bytes magic, Shape& shape) {
  if (magic.size() < 4) return false;
  for (bool little : {false, true}) {
    const std::uint32_t number = little ? le32(magic.data()) : be32(magic.data());
    if (number != kMicro && number != kNano && number != kModified) continue;
    shape = {little, number == kNano, number == kModified};
    return true;
  }
  return false;
}

bool PcapReader::is_magic(Bytes first_four) {
  Shape shape;
  return shape_of(first_four, shape);
}

Result<std::unique_ptr<CaptureReader>> PcapReader::open(ByteBuffer buffer) {
  Shape shape;
  if (!buffer.want(kFileHeader))
    return failure(
        fmt::format("the pcap header is cut: {} of {} bytes are there", buffer.ready().size(), kFileHeader),
        "the capture had hardly begun; give a longer one");
  const std::uint8_t* h = buffer.ready().data();
  if (!shape_of(buffer.ready(), shape)) return failure("this is not a pcap file");
  const std::uint16_t major = shape.little ? le16(h + 4) : be16(h + 4);
  const std::uint16_t minor = shape.little ? le16(h + 6) : be16(h + 6);
  if (major != 2)
    return failure(fmt::format("pcap version {}.{} is not known", major, minor),
                   "version 2.4 is what tcpdump and Wireshark write");
  // The upper half holds the length of a frame check sequence: trailing bytes that the IP length leaves out anyway.
  const std::uint32_t network = shape.little ? le32(h + 20) : be32(h + 20);
  buffer.take(kFileHeader);
  return std::unique_ptr<CaptureReader>(
      new PcapReader(std::move(buffer), shape, static_cast<LinkType>(network & 0xFFFF)));
}

void PcapReader::stop(std::string problem) {
  done_ = true;
  if (problem.empty()) return;
  statistics_.truncated = true;
  statistics_.problem_offset = buffer_.offset();
  statistics_.problem = std::move(problem);
}

std::size_t PcapReader::read(std::span<CapturePacket> out) {
  const std::size_t header = shape_.modified ? kModifiedPacketHeader : kPacketHeader;
  std::size_t count = 0;
  while (count < out.size() && !done_) {
    // Reading on would move the packets that the batch already points to: those go out first.
    const auto have = [&](std::size_t bytes) {
      return buffer_.ready().size() >= bytes || (count == 0 && buffer_.want(bytes));
    };
    const auto cut = [&](std::size_t bytes) {
      const std::string read_error = buffer_.problem();
      const std::uint64_t frame = statistics_.packets + 1;
      if (!read_error.empty())
        stop(fmt::format("{}, after frame {}", read_error, frame - 1));
      else if (buffer_.ready().empty())
        stop("");
      else
        stop(fmt::format("the file ends in the middle of frame {}, at byte {}: {} of {} bytes are there", frame,
                         buffer_.offset(), buffer_.ready().size(), bytes));
    };
    if (!have(header)) {
      if (count == 0) cut(header);
      break;
    }
    const std::uint8_t* h = buffer_.ready().data();
    const std::uint32_t captured = number(h + 8), wire = number(h + 12);
    if (captured > kPacketBytesMax) {
      stop(
          fmt::format("damaged at frame {}, byte {}: a packet of {} bytes cannot be; nothing behind it can be read",
                      statistics_.packets + 1, buffer_.offset(), captured));
      break;
    }
    if (!have(header + captured)) {
      if (count == 0) cut(header + captured);
      break;
    }
    h = buffer_.ready().data();  // have() may have moved it
    const std::uint32_t seconds = number(h), fraction = number(h + 4);
    CapturePacket& packet = out[count++];
    packet.at = Timestamp(std::chrono::seconds(seconds) +
                          Nanoseconds(std::int64_t{fraction} * (shape_.nanoseconds ? 1 : 1000)));
    packet.link = link_;
    packet.wire_length = std::max(wire, captured);
    packet.interface = 0;
    packet.frame = ++statistics_.packets;
    packet.bytes = Bytes(h + header, captured);
    buffer_.take(header + captured);
  }
  return count;
}

const CaptureStatistics& PcapReader::statistics() {
  statistics_.bytes_read = buffer_.bytes_read();
  return statistics_;
}

}  // namespace demarc
