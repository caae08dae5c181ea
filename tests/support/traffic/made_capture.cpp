#include "tests/support/traffic/made_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "scanner/files/pcap_writer.h"

namespace demarc::traffic {

std::uint32_t MadeCapture::add_flow(TrueFlow flow) {
  flows_.push_back(std::move(flow));
  return static_cast<std::uint32_t>(flows_.size() - 1);
}

void MadeCapture::add_packet(Timestamp at, std::uint32_t flow, bool from_initiator, Frame ip, std::uint16_t vlan) {
  if (flow != kNone) count(at, flow, from_initiator, ip.size());
  packets_.push_back({at, flow, vlan, std::move(ip)});
}

void MadeCapture::count(Timestamp at, std::uint32_t flow, bool from_initiator, std::size_t bytes) {
  TrueFlow& f = flows_[flow];
  const bool is_first = f.packets_out + f.packets_in == 0;
  f.first = is_first ? at : std::min(f.first, at);
  f.last = is_first ? at : std::max(f.last, at);
  ++(from_initiator ? f.packets_out : f.packets_in);
  (from_initiator ? f.bytes_out : f.bytes_in) += bytes;
}

void MadeCapture::arrange() {
  std::stable_sort(packets_.begin(), packets_.end(),
                   [](const MadePacket& a, const MadePacket& b) { return a.at < b.at; });
  std::vector<std::uint32_t> moved(flows_.size(), kNone);
  std::vector<TrueFlow> kept;
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    if (flows_[i].packets_out + flows_[i].packets_in == 0) continue;
    moved[i] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(std::move(flows_[i]));
  }
  for (TrueFlow& flow : kept)
    if (flow.parent != kNone) flow.parent = moved[flow.parent];
  flows_ = std::move(kept);
  std::uint32_t frame = 0;
  for (MadePacket& packet : packets_) {
    ++frame;
    if (packet.flow == kNone) continue;
    packet.flow = moved[packet.flow];
    if (packet.flow != kNone && flows_[packet.flow].frame_first == 0) flows_[packet.flow].frame_first = frame;
  }
}

Frame MadeCapture::framed(const MadePacket& packet, LinkType link) {
  if (link == LinkType::ethernet && packet.vlan != 0) return craft_ethernet(packet.ip, {packet.vlan});
  return craft_frame(link, packet.ip);
}

Result<void> MadeCapture::write(const std::string& path, LinkType link, std::uint32_t snaplen) const {
  PcapWriter writer = DEMARC_TRY(PcapWriter::create(path, link, snaplen));
  for (const MadePacket& packet : packets_) {
    const Frame frame = framed(packet, link);
    const Bytes kept = Bytes(frame).first(std::min<std::size_t>(frame.size(), snaplen));
    if (!writer.write(packet.at, kept, static_cast<std::uint32_t>(frame.size()))) break;
  }
  return writer.close();
}

Result<void> write_truth(const std::string& path, const std::vector<TrueFlow>& flows) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return failure(fmt::format("{} cannot be written", path), "");
  fmt::print(file,
             R"({{"truth":"flows","version":1,"flows":{}}})"
             "\n",
             flows.size());
  for (const TrueFlow& f : flows) {
    std::string line =
        fmt::format(R"({{"kind":"{}","protocol":"{}","initiator":"{}","responder":"{}")", f.kind,
                    to_string(f.protocol), to_string(f.initiator.address), to_string(f.responder.address));
    if (f.protocol.is_icmp())
      line += fmt::format(R"(,"types":"{}","id":{})", to_string(f.icmp), f.initiator.port.number());
    else
      line +=
          fmt::format(R"(,"initiator_port":{},"port":{})", f.initiator.port.number(), f.responder.port.number());
    line += fmt::format(
        R"(,"state":"{}","established":{},"opener":"{}","packets_out":{},"packets_in":{},"bytes_out":{},)"
        R"("bytes_in":{},"frame":{},"first":"{}","last":"{}")",
        name(f.state), f.established, f.opener == Opener::known ? "known" : "either", f.packets_out, f.packets_in,
        f.bytes_out, f.bytes_in, f.frame_first, to_string(f.first), to_string(f.last));
    if (!f.service.empty()) line += fmt::format(R"(,"service":"{}")", f.service);
    if (f.tunnel) line += fmt::format(R"(,"tunnel":"{}")", name(*f.tunnel));
    if (f.parent != kNone) {
      const TrueFlow& parent = flows[f.parent];
      line += fmt::format(R"(,"parent":{{"initiator":"{}","responder":"{}","port":{},"by":"{}"}})",
                          to_string(parent.initiator.address), to_string(parent.responder.address),
                          parent.responder.port.number(), f.by ? name(*f.by) : "");
    }
    fmt::print(file, "{}}}\n", line);
  }
  fmt::print(file, R"({{"end":"complete"}})"
                   "\n");
  const bool bad = std::ferror(file) != 0;
  if (std::fclose(file) != 0 || bad) return failure(fmt::format("{} could not be written whole", path), "");
  return {};
}

}  // namespace demarc::traffic
