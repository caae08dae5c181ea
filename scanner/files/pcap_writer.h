// Writes a pcap file with nanosecond time stamps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scanner/files/capture_reader.h"

namespace demarc {

class PcapWriter {
 public:
  /// Creates or empties the file; "-" is standard output.
  static Result<PcapWriter> create(const std::string& path, LinkType link, std::uint32_t snaplen = kPacketBytesMax);
  PcapWriter(PcapWriter&& other) noexcept;
  PcapWriter& operator=(PcapWriter&& other) noexcept;
  ~PcapWriter();  // without close(): what is in the buffer is written, errors are lost

  /// False once the disk refuses; close() says why. Packets after that are not written.
  bool write(Timestamp at, Bytes bytes, std::uint32_t wire_length);
  /// What is buffered goes to the file, so that a reader sees whole packets.
  bool flush();
  /// Flushes and closes. The error names the file and how many packets are safely in it.
  Result<void> close();

 private:
  PcapWriter(int fd, bool owned, std::string path) : fd_(fd), owned_(owned), path_(std::move(path)) {}
  int fd_ = -1;
  bool owned_ = false;
  std::string path_, problem_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t packets_ = 0, packets_flushed_ = 0;
};

/// The bytes of a classic pcap file, for tests and generators: header and records by name, not by hex.
struct PcapShape {
  bool little_endian = true;
  bool nanoseconds = false;
  bool modified = false;  // the header of Kuznetzov's patch, eight bytes longer for each packet
  std::uint32_t snaplen = kPacketBytesMax;
  LinkType link = LinkType::ethernet;
};
void append_pcap_header(const PcapShape& shape, std::vector<std::uint8_t>& out);
void append_pcap_packet(const PcapShape& shape, Timestamp at, Bytes bytes, std::uint32_t wire_length,
                        std::vector<std::uint8_t>& out);

}  // namespace demarc
