// Frames: the first byte chooses the link type, the next two how much longer the frame was on the wire. What
// decode() accepts must lie within the frame; so must every packet of a frame that holds several, and what is
// inside tunnels; digest() must say the same as decode(). A flow table follows all of it for a share of the frames.
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "probes/wire/craft_layers.h"
#include "probes/wire/digest.h"
#include "probes/wire/tunnel.h"
#include "scanner/passive/flow_table.h"
#include "tests/fuzz/share.h"

namespace {

using namespace demarc;

void must(bool holds) {
  if (!holds) std::abort();
}

bool within(Bytes part, Bytes frame) {
  return part.empty() || (part.data() >= frame.data() && part.data() + part.size() <= frame.data() + frame.size());
}

void must_be_sound(const PacketView& view, Bytes frame) {
  must(view.payload_length <= view.length && view.payload.size() <= view.payload_length);
  must(within(view.payload, frame) && within(view.tcp_options, frame));
}

void must_agree(const PacketDigest& a, const PacketView& view) {
  const PacketDigest b = digest_of(view);
  must(a.source() == b.source() && a.destination() == b.destination() && a.protocol == b.protocol);
  must(a.source_port == b.source_port && a.port == b.port && a.tcp_flags == b.tcp_flags);
  must(a.tcp_seq == b.tcp_seq && a.tcp_ack == b.tcp_ack && a.ttl == b.ttl && a.has_ports == b.has_ports);
  must(a.length == b.length && a.payload_length == b.payload_length);
  must(a.payload_captured == b.payload_captured && (a.payload_captured == 0 || a.payload == b.payload));
  must(!view.fragment);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first nine are as they were when the seeds were first written; then every layer there is.
  static constexpr LinkType kLinks[] = {LinkType::null, LinkType::ethernet,      LinkType::raw,
                                        LinkType::loop, LinkType::linux_cooked,  LinkType::ipv4,
                                        LinkType::ipv6, LinkType::linux_cooked2, static_cast<LinkType>(147)};
  if (size < 3) return 0;
  const std::span<const LayerCraft> layers = layer_crafts();
  const std::size_t choice = data[0] % (std::size(kLinks) + layers.size());
  const LinkType link = choice < std::size(kLinks) ? kLinks[choice] : layers[choice - std::size(kLinks)].link;
  const Bytes frame(data + 3, size - 3);
  const auto wire = static_cast<std::uint32_t>(frame.size()) + be16(data + 1);
  std::optional<FlowTable> table;
  if (one_in(8, data, size)) {
    FlowOptions options;
    options.hash_key = 1;
    options.conversations_max = 64;
    options.records_max = 64;
    options.noise = false;
    table.emplace(options);
  }
  std::uint64_t given = 0;
  const auto give = [&](const PacketView& view, std::uint32_t tunnel) {
    if (!table) return;
    ++given;
    table->on_packet(Timestamp::from_seconds(static_cast<std::int64_t>(given)), view, {0, given}, tunnel);
  };

  PacketView levels[2];
  PacketDigest digested;
  const bool common = digest(link, frame, wire, digested);
  bool good = decode(link, frame, wire, levels[0]);
  must(!common || good);
  if (common) must_agree(digested, levels[0]);
  for (std::size_t packets = 0;; ++packets) {
    must(packets <= size);
    const std::uint32_t more_at = levels[0].more_at, more_wire = levels[0].more_wire;
    must(good == (levels[0].problem == DecodeProblem::none));
    if (good) {
      must_be_sound(levels[0], frame);
      give(levels[0], kNone32);
      give(levels[0], kNone32);
    }
    for (std::uint32_t depth = 0; good && depth < kTunnelDepthMax; ++depth) {
      const PacketView& outer = levels[depth % 2];
      PacketView& inner = levels[(depth + 1) % 2];
      TunnelView tunnel;
      good = decode_inner(outer, inner, tunnel);
      must(good == (inner.problem == DecodeProblem::none) && (tunnel.found || !good));
      must(!tunnel.found || may_be_tunnel(outer));
      must(inner.problem != DecodeProblem::encapsulated || !inner.closed.empty());
      if (!good) break;
      must_be_sound(inner, outer.payload);
      give(inner, depth);
    }
    if (more_at == 0 || packets > 8) break;
    levels[0].more_at = more_at, levels[0].more_wire = more_wire;
    good = decode_next(frame, levels[0]);
  }
  if (!table) return 0;
  FlowEvidence evidence;
  evidence.sources.emplace_back();
  table->finish(evidence);
  std::uint64_t packets = 0;
  for (const ObservedFlow& flow : evidence.flows) packets += flow.packets_in + flow.packets_out;
  must(packets <= given);
  return 0;
}
