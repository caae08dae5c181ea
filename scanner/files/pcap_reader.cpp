#include "scanner/files/pcap_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace demarc {

namespace {
constexpr std::size_t kFileHeader = 24;
constexpr std::uint32_t kPacketHeader = 16;
constexpr std::uint32_t kMicro = 0xA1B2C3D4, kNano = 0xA1B23C4D, kModified = 0xA1B2CD34;
// Kuznetzov's headers have the interface, the protocol and the packet's direction behind the usual four numbers;
// those of September 1999 two processor numbers as well. Both carry the same magic.
constexpr std::uint32_t kModifiedHeader = 24, kModifiedSmpHeader = 28;
// The last word of the file header: the link type, and where bit 26 says so the length of the frame check sequence
// in the four bits at the top, in units of two bytes (draft-ietf-opsawg-pcap §4).
constexpr std::uint32_t kFcsPresent = 0x04000000;
}  // namespace

bool PcapReader::shape_of(Bytes magic, Shape& shape) {
  if (magic.size() < 4) return false;
  for (bool little : {false, true}) {
    const std::uint32_t number = little ? le32(magic.data()) : be32(magic.data());
    if (number != kMicro && number != kNano && number != kModified) continue;
    shape.little = little;
    shape.nanoseconds = number == kNano;
    shape.modified = number == kModified;
    shape.packet_header = shape.modified ? kModifiedHeader : kPacketHeader;
    return true;
  }
  return false;
}

bool PcapReader::is_magic(Bytes first_four) {
  Shape shape;
  return shape_of(first_four, shape);
}

Result<std::unique_ptr<CaptureReader>> PcapReader::open(ByteBuffer buffer) {
  std::unique_ptr<PcapReader> reader(new PcapReader(std::move(buffer)));
  DEMARC_TRY(reader->read_file_header());
  return std::unique_ptr<CaptureReader>(std::move(reader));
}

Result<void> PcapReader::read_file_header() {
  if (!buffer_.want(kFileHeader))
    return failure(
        fmt::format("the pcap header is cut: {} of {} bytes are there", buffer_.ready().size(), kFileHeader),
        "the capture had hardly begun; give a longer one");
  const std::uint8_t* h = buffer_.ready().data();
  if (!shape_of(buffer_.ready(), shape_)) return failure("this is not a pcap file");
  const std::uint16_t major = shape_.little ? le16(h + 4) : be16(h + 4);
  shape_.minor = shape_.little ? le16(h + 6) : be16(h + 6);
  if (major != 2)
    return failure(fmt::format("pcap version {}.{} is not known", major, shape_.minor),
                   "version 2.4 is what tcpdump and Wireshark write");
  const std::uint32_t network = shape_.number(h + 20);
  shape_.fcs_bytes = (network & kFcsPresent) != 0 ? (network >> 28) * 2 : 0;
  shape_.link = static_cast<LinkType>(network & 0xFFFF);
  buffer_.take(kFileHeader);
  if (shape_.modified) choose_modified_header();
  return {};
}

// Which of the two headers: the one with which a second record follows the first that could be one.
void PcapReader::choose_modified_header() {
  if (!buffer_.want(kModifiedHeader)) return;
  const std::uint32_t captured = shape_.number(buffer_.ready().data() + 8);
  if (captured > kPacketBytesMax) return;
  const auto sound = [&](std::uint32_t header) {
    const std::size_t next = header + captured;
    if (!buffer_.want(next + kPacketHeader)) return buffer_.ready().size() == next;
    const std::uint8_t* first = buffer_.ready().data();
    const std::uint8_t* h = first + next;
    const std::uint32_t fraction = shape_.number(h + 4), length = shape_.number(h + 8);
    const std::uint32_t apart = shape_.number(h) - shape_.number(first);
    return fraction < 1'000'000'000 && length <= kPacketBytesMax && length <= shape_.number(h + 12) &&
           (apart < 86400 || apart > 0xFFFFFFFFU - 86400);
  };
  if (!sound(kModifiedHeader) && sound(kModifiedSmpHeader)) shape_.packet_header = kModifiedSmpHeader;
}

// A record that is a file header: of 2055, with no bytes, and with the version for its microseconds.
bool PcapReader::next_file() {
  Shape shape;
  if (!shape_of(buffer_.ready(), shape) || !buffer_.want(kFileHeader)) return false;
  const std::uint8_t* h = buffer_.ready().data();
  const std::uint32_t version = shape.little ? (std::uint32_t{le16(h + 4)} << 16) | le16(h + 6) : be32(h + 4);
  if (version != 0x00020004) return false;
  if (!read_file_header()) return false;
  ++files_before_;
  return true;
}

void PcapReader::stop(std::string problem) {
  done_ = true;
  if (problem.empty()) return;
  statistics_.truncated = true;
  statistics_.problem_offset = buffer_.offset();
  statistics_.problem = std::move(problem);
}

// Reads until so many bytes are there; if they never come, says why and stops.
bool PcapReader::more(std::size_t bytes) {
  if (buffer_.want(bytes)) return true;
  const std::uint64_t frame = statistics_.packets + 1;
  if (const std::string read_error = buffer_.problem(); !read_error.empty())
    stop(fmt::format("{}, after frame {}", read_error, frame - 1));
  else if (buffer_.ready().empty())
    stop("");
  else
    stop(fmt::format("the file ends in the middle of frame {}, at byte {}: {} of {} bytes are there", frame,
                     buffer_.offset(), buffer_.ready().size(), bytes));
  return false;
}

std::size_t PcapReader::read(std::span<CapturePacket> out) {
  std::size_t count = 0;
  bool looked = false;  // what looks like another file's header here is none
  while (count == 0 && !done_ && !out.empty()) {
    // What is in the window, as far as it goes: reading on would move the packets that the batch already points to.
    const std::uint8_t* const begin = buffer_.ready().data();
    const std::uint8_t* const end = begin + buffer_.ready().size();
    const std::uint8_t* h = begin;
    const std::uint32_t header = shape_.packet_header;
    const Shape shape = shape_;
    std::size_t needed = 0;
    std::uint64_t frame = statistics_.packets;
    while (count < out.size()) {
      needed = header;
      if (static_cast<std::size_t>(end - h) < needed) break;
      std::uint32_t captured = shape.number(h + 8), wire = shape.number(h + 12);
      // Before 2.3 the wire length came first, and with 2.3 it depended on the program (libpcap, sf-pcap.c).
      if (shape.minor < 3 || (shape.minor == 3 && captured > wire)) std::swap(captured, wire);
      needed = std::size_t{header} + captured;
      if (captured > kPacketBytesMax || (captured == 0 && !looked && is_magic(Bytes(h, 4)))) break;
      if (static_cast<std::size_t>(end - h) < needed) break;
      CapturePacket& packet = out[count++];
      packet.at = Timestamp(std::chrono::seconds(shape.number(h)) +
                            Nanoseconds(std::int64_t{shape.number(h + 4)} * (shape.nanoseconds ? 1 : 1000)));
      packet.link = shape.link;
      packet.wire_length = std::max(wire, captured);
      packet.interface = files_before_;
      packet.frame = ++frame;
      packet.bytes = Bytes(h + header, captured);
      if (shape.fcs_bytes != 0) packet.trim(shape.fcs_bytes);
      h += needed;
      looked = false;
    }
    statistics_.packets = frame;
    buffer_.take(static_cast<std::size_t>(h - begin));
    if (count != 0) break;
    if (needed - header > kPacketBytesMax)
      stop(
          fmt::format("damaged at frame {}, byte {}: a packet of {} bytes cannot be; nothing behind it can be read",
                      frame + 1, buffer_.offset(), needed - header));
    else if (buffer_.ready().size() >= needed)
      looked = !next_file();
    else
      more(needed);
  }
  return count;
}

const CaptureStatistics& PcapReader::statistics() {
  statistics_.bytes_read = buffer_.bytes_read();
  return statistics_;
}

}  // namespace demarc
