// What pcap_fuzz and pcapng_fuzz share: a capture from memory, through reader and decoder, and for a share of them
// through a small flow table.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>

#include "probes/wire/decode.h"
#include "scanner/files/capture_reader.h"
#include "scanner/passive/flow_table.h"
#include "tests/fuzz/share.h"

namespace demarc {

inline int fuzz_capture(Bytes bytes) {
  // The same bytes in one piece and in tiny ones must give the same packets.
  std::uint64_t counted[2] = {0, 0}, sums[2] = {0, 0};
  const bool in_pieces = one_in(8, bytes.data(), bytes.size());
  for (const bool tiny : {false, true}) {
    if (tiny && !in_pieces) return 0;
    auto reader = read_capture(std::make_unique<MemorySource>(bytes, tiny ? 7 : SIZE_MAX), "fuzz");
    if (!reader) return 0;
    std::optional<FlowTable> table;
    if (in_pieces) {
      FlowOptions options;
      options.hash_key = 1;
      options.conversations_max = 16;
      options.records_max = 16;
      table.emplace(options);
    }
    std::array<CapturePacket, 8> batch;
    std::uint64_t packets = 0, in_flows = 0;
    while (const std::size_t count = (*reader)->read(batch)) {
      for (std::size_t i = 0; i < count; ++i) {
        const CapturePacket& packet = batch[i];
        if (packet.bytes.size() > kPacketBytesMax || packet.wire_length < packet.bytes.size() ||
            packet.at < Timestamp{})
          std::abort();
        for (const std::uint8_t byte : packet.bytes) sums[tiny] = sums[tiny] * 31 + byte;
        sums[tiny] += static_cast<std::uint64_t>(packet.at.since_epoch().count());
        PacketView view;
        if (decode(packet.link, packet.bytes, packet.wire_length, view) && table)
          table->on_packet(packet.at, view, {0, packet.frame});
      }
      packets += count;
    }
    const CaptureStatistics& statistics = (*reader)->statistics();
    if (statistics.packets != packets || statistics.bytes_read > bytes.size()) std::abort();
    if (statistics.truncated && statistics.problem.empty()) std::abort();
    counted[tiny] = packets;
    if (!table) continue;
    FlowEvidence evidence;
    table->finish(evidence);
    for (const ObservedFlow& flow : evidence.flows) in_flows += flow.packets_in + flow.packets_out;
    if (in_flows > packets || evidence.flows.size() > 16) std::abort();
  }
  if (counted[0] != counted[1] || sums[0] != sums[1]) std::abort();
  return 0;
}

}  // namespace demarc
