// Large captures for speed: many ordinary conversations at once, written as fast as the disk takes them. Nothing is
// kept but what is going on, so a capture of fifty million conversations needs no memory of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/text/result.h"

namespace demarc::traffic {

struct BulkShape {
  std::string_view name;
  std::uint64_t packets = 0, conversations = 0;
  std::uint32_t snaplen = 262144;
  std::uint32_t mean_packet = 580;  // bytes of a whole IP packet, on average
  std::uint32_t together = 0;       // conversations going on at a time
  std::uint32_t seconds = 300;      // from the first packet to the last
  bool flood = false;               // one SYN from each of as many five-tuples, nothing else
};

/// The shapes that docs/performance.md speaks of: a, b, c, flood.
const BulkShape* bulk_shape(std::string_view name);

struct BulkWritten {
  std::uint64_t packets = 0, bytes = 0;  // of the file
  std::uint64_t wire_bytes = 0;          // of whole IP packets
  std::uint64_t conversations = 0;       // begun
};
/// A pcap file with nanoseconds; "-" is standard output.
Result<BulkWritten> write_bulk(const BulkShape& shape, const std::string& path, std::uint64_t seed);

}  // namespace demarc::traffic
