// The bytes of a pcapng file block by block, for tests and generators of captures: named parts, not hex.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scanner/files/capture_reader.h"

namespace demarc {

class PcapngBytes {
 public:
  struct Interface {
    LinkType link = LinkType::ethernet;
    std::uint32_t snaplen = 0;
    std::optional<std::uint8_t> resolution = {};      // if_tsresol
    std::optional<std::int64_t> offset_seconds = {};  // if_tsoffset
  };

  explicit PcapngBytes(bool little_endian = true) : little_(little_endian) {}

  PcapngBytes& section();
  /// From here on sections are of the other byte order.
  PcapngBytes& section(bool little_endian);
  PcapngBytes& interface(const Interface& interface);
  PcapngBytes& enhanced_packet(std::uint32_t interface, std::uint64_t ticks, Bytes bytes, std::uint32_t wire_length,
                               std::optional<std::uint64_t> drops = {});
  PcapngBytes& simple_packet(Bytes bytes, std::uint32_t wire_length);
  PcapngBytes& obsolete_packet(std::uint16_t interface, std::uint16_t drops, std::uint64_t ticks, Bytes bytes,
                               std::uint32_t wire_length);
  PcapngBytes& interface_statistics(std::uint32_t interface, std::uint64_t ticks,
                                    std::optional<std::uint64_t> interface_drops,
                                    std::optional<std::uint64_t> system_drops);
  PcapngBytes& block(std::uint32_t type, Bytes body);
  std::vector<std::uint8_t> take() { return std::move(out_); }
  const std::vector<std::uint8_t>& bytes() const { return out_; }

 private:
  bool little_;
  std::vector<std::uint8_t> out_;
};

}  // namespace demarc
