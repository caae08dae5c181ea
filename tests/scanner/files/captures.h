// What the tests of the readers share.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "scanner/files/capture_reader.h"
#include "scanner/files/pcap_writer.h"
#include "scanner/files/pcapng_writer.h"

namespace demarc {

struct ReadPacket {
  Timestamp at;
  LinkType link;
  std::uint32_t wire_length, interface;
  std::uint64_t frame;
  std::string bytes;
  bool operator==(const ReadPacket&) const = default;
};
struct ReadCapture {
  std::vector<ReadPacket> packets;
  CaptureStatistics statistics;
  std::string refused;  // the error, if there was no reader at all
};

inline ReadCapture read_all(Bytes file, std::size_t piece = SIZE_MAX, std::size_t batch_size = 4) {
  ReadCapture out;
  auto reader = read_capture(std::make_unique<MemorySource>(file, piece), "dmz.pcap");
  if (!reader) {
    out.refused = reader.error().what;
    return out;
  }
  std::vector<CapturePacket> batch(batch_size);
  while (const std::size_t count = (*reader)->read(batch))
    for (std::size_t i = 0; i < count; ++i) {
      const CapturePacket& p = batch[i];
      out.packets.push_back(
          {p.at, p.link, p.wire_length, p.interface, p.frame, std::string(p.bytes.begin(), p.bytes.end())});
    }
  out.statistics = (*reader)->statistics();
  return out;
}

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline const Timestamp kStart = Timestamp::from_seconds(1'795'000'000);

}  // namespace demarc
