// Frames: the first byte chooses the link type, the next two how much longer the frame was on the wire. What
// decode() accepts must lie within the frame; what it accepts is followed by a flow table.
#include <cstdint>
#include <cstdlib>

#include "probes/wire/decode.h"
#include "scanner/passive/flow_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  static constexpr LinkType kLinks[] = {LinkType::null, LinkType::ethernet,      LinkType::raw,
                                        LinkType::loop, LinkType::linux_cooked,  LinkType::ipv4,
                                        LinkType::ipv6, LinkType::linux_cooked2, static_cast<LinkType>(105)};
  if (size < 3) return 0;
  const Bytes frame(data + 3, size - 3);
  const auto wire = static_cast<std::uint32_t>(frame.size()) + be16(data + 1);
  PacketView view;
  if (!decode(kLinks[data[0] % std::size(kLinks)], frame, wire, view)) return 0;
  if (view.length > wire || view.payload_length > view.length || view.payload.size() > view.payload_length)
    std::abort();
  if (!view.payload.empty() && (view.payload.data() < frame.data() ||
                                view.payload.data() + view.payload.size() > frame.data() + frame.size()))
    std::abort();
  FlowOptions options;
  options.hash_key = 1;
  FlowTable table(options);
  table.on_packet(Timestamp::from_seconds(1), view, {0, 1});
  table.on_packet(Timestamp::from_seconds(2), view, {0, 2});
  FlowEvidence evidence;
  table.finish(evidence);
  std::uint64_t packets = 0;
  for (const ObservedFlow& flow : evidence.flows) packets += flow.packets_in + flow.packets_out;
  if (packets > 2) std::abort();
  return 0;
}
