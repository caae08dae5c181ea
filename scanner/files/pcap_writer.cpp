#include "scanner/files/pcap_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "scanner/files/file.h"

namespace demarc {

namespace {
constexpr std::size_t kBuffer = 256 * 1024;
constexpr PcapShape kWritten{.little_endian = true,
                             .nanoseconds = true,
                             .modified = false,
                             .snaplen = kPacketBytesMax,
                             .link = LinkType::ethernet};
}  // namespace

void append_pcap_header(const PcapShape& shape, std::vector<std::uint8_t>& out) {
  ByteWriter w(out, shape.little_endian);
  w.u32(shape.modified ? 0xA1B2CD34U : shape.nanoseconds ? 0xA1B23C4DU : 0xA1B2C3D4U);
  w.u16(2).u16(4).u32(0).u32(0).u32(shape.snaplen).u32(static_cast<std::uint16_t>(shape.link));
}

void append_pcap_packet(const PcapShape& shape, Timestamp at, Bytes bytes, std::uint32_t wire_length,
                        std::vector<std::uint8_t>& out) {
  ByteWriter w(out, shape.little_endian);
  const std::int64_t nanoseconds = (at - Timestamp::from_seconds(at.seconds())).count();
  w.u32(static_cast<std::uint32_t>(at.seconds()));
  w.u32(static_cast<std::uint32_t>(shape.nanoseconds ? nanoseconds : nanoseconds / 1000));
  w.u32(static_cast<std::uint32_t>(bytes.size())).u32(wire_length);
  if (shape.modified) w.u32(0).u16(0).u8(0).u8(0);
  w.bytes(bytes);
}

Result<PcapWriter> PcapWriter::create(const std::string& path, LinkType link, std::uint32_t snaplen) {
  const bool standard = path == "-";
  const int fd = standard ? STDOUT_FILENO : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return std::unexpected(file_error(path, "cannot be written", errno));
  PcapWriter writer(fd, !standard, standard ? "standard output" : path);
  PcapShape shape = kWritten;
  shape.link = link;
  shape.snaplen = snaplen;
  append_pcap_header(shape, writer.buffer_);
  if (!writer.flush()) return std::unexpected(writer.close().error());
  return writer;
}

PcapWriter::PcapWriter(PcapWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      owned_(std::exchange(other.owned_, false)),
      path_(std::move(other.path_)),
      problem_(std::move(other.problem_)),
      buffer_(std::move(other.buffer_)),
      packets_(other.packets_),
      packets_flushed_(other.packets_flushed_) {}

PcapWriter& PcapWriter::operator=(PcapWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(path_, other.path_);
  std::swap(problem_, other.problem_);
  std::swap(buffer_, other.buffer_);
  std::swap(packets_, other.packets_);
  std::swap(packets_flushed_, other.packets_flushed_);
  return *this;
}

PcapWriter::~PcapWriter() {
  if (fd_ < 0) return;
  flush();
  if (owned_) ::close(fd_);
}

bool PcapWriter::write(Timestamp at, Bytes bytes, std::uint32_t wire_length) {
  if (!problem_.empty()) return false;
  append_pcap_packet(kWritten, at, bytes, wire_length, buffer_);
  ++packets_;
  return buffer_.size() < kBuffer || flush();
}

bool PcapWriter::flush() {
  if (!problem_.empty()) return false;
  std::size_t written = 0;
  while (written < buffer_.size()) {
    const ssize_t count = ::write(fd_, buffer_.data() + written, buffer_.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      problem_ = count == 0 ? "nothing was written" : std::strerror(errno);
      return false;
    }
    written += static_cast<std::size_t>(count);
  }
  buffer_.clear();
  packets_flushed_ = packets_;
  return true;
}

Result<void> PcapWriter::close() {
  flush();
  if (owned_ && fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && problem_.empty())
    problem_ = std::strerror(errno);
  fd_ = -1;
  if (problem_.empty()) return {};
  return file_failure(path_,
                      fmt::format("cannot be written: {}; at least the first {} of {} packets are in it", problem_,
                                  packets_flushed_, packets_),
                      "is the disk full? free some space or write somewhere else");
}

}  // namespace demarc
