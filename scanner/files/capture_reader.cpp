#include "scanner/files/capture_reader.h"

#include <fmt/format.h>

#include "scanner/files/open_source.h"
#include "scanner/files/pcap_reader.h"
#include "scanner/files/pcapng_reader.h"

namespace demarc {

CaptureKind sniff_kind(Bytes first) {
  if (PcapReader::is_magic(first)) return CaptureKind::pcap;
  if (first.size() >= 4 && be32(first.data()) == 0x0A0D0D0A) return CaptureKind::pcapng;
  if (first.size() >= 2 && first[0] == 0x1F && first[1] == 0x8B) return CaptureKind::gzip;  // RFC 1952 §2.3.1
  if (first.size() >= 4 && le32(first.data()) == 0xFD2FB528) return CaptureKind::zstd;      // RFC 8878 §3.1.1
  return CaptureKind::other;
}

Result<std::unique_ptr<CaptureReader>> read_capture(std::unique_ptr<ByteSource> source, const std::string& name) {
  ByteBuffer buffer(std::move(source));
  buffer.want(kSniffedBytes);
  if (const std::string problem = buffer.problem(); !problem.empty()) return file_failure(name, problem);
  if (buffer.ready().empty())
    return file_failure(name, "the capture is empty",
                        "an interrupted tcpdump leaves such a file; -U writes packet by packet");
  Result<std::unique_ptr<CaptureReader>> reader = failure("");
  switch (sniff_kind(buffer.ready())) {
    case CaptureKind::pcap: reader = PcapReader::open(std::move(buffer)); break;
    case CaptureKind::pcapng: reader = PcapngReader::open(std::move(buffer)); break;
    case CaptureKind::gzip:
    case CaptureKind::zstd:
      return file_failure(name, "the capture is compressed more than once", "unpack it by hand once");
    case CaptureKind::other:
      return file_failure(name, "this is neither a pcap nor a pcapng file",
                          "tcpdump -w, dumpcap and Wireshark write them");
  }
  if (!reader) reader.error().where.file = name;
  return reader;
}

Result<std::unique_ptr<CaptureReader>> open_capture(const std::string& path) {
  std::unique_ptr<ByteSource> source = DEMARC_TRY(open_source(path));
  return read_capture(std::move(source), path == "-" ? "standard input" : path);
}

}  // namespace demarc
