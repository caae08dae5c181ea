// Writes one pcapng file in which every link layer and tunnel that is read stands once for each of four packets,
// and beside it what our decoder reads in it, a line a packet: for tests/lab/tshark_reading.
//   layer_captures OUT.pcapng OUT.txt
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "probes/wire/craft_layers.h"
#include "probes/wire/craft_tunnels.h"
#include "probes/wire/tunnel.h"
#include "scanner/files/pcapng_writer.h"

namespace {

using namespace demarc;

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10");
const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10");
const Address kLeft = *parse_address("203.0.113.1"), kRight = *parse_address("203.0.113.2");
const Address kLeft6 = *parse_address("2001:db8:f::1"), kRight6 = *parse_address("2001:db8:f::2");

std::vector<Frame> packets() {
  std::vector<Frame> out;
  for (const bool v6 : {false, true}) {
    const Address &c = v6 ? kClient6 : kClient, &s = v6 ? kServer6 : kServer;
    out.push_back(craft_tcp(c, s,
                            {.source_port = 40000,
                             .port = 443,
                             .seq = 1000,
                             .flags = tcp_flag::syn,
                             .payload = "hello",
                             .options = {2, 4, 5, 0xB4}}));
    IpCraft ip;
    if (v6)
      ip.extensions = {{0, Frame(6)}, {60, Frame(6)}};
    else
      ip.options = {0x94, 4, 0, 0};
    out.push_back(craft_udp(s, c, 53, 33000, "answer", ip));
  }
  return out;
}

void append(std::string& list, const std::string& value) { list += (list.empty() ? "" : ",") + value; }

/// As tshark lists its fields: those of IPv4 and of IPv6, of TCP and of UDP each in the order of the levels.
struct Line {
  std::string source, destination, protocol, length, source6, destination6, length6;
  std::string tcp_source, tcp_port, tcp_payload, udp_source, udp_port, udp_length;

  void level(const PacketView& view) {
    if (view.source.is_ipv4()) {
      append(source, to_string(view.source));
      append(destination, to_string(view.destination));
      append(protocol, std::to_string(view.protocol.number()));
      append(length, std::to_string(view.length));
    } else {
      append(source6, to_string(view.source));
      append(destination6, to_string(view.destination));
      append(length6, std::to_string(view.length - 40));
    }
    if (view.protocol == Protocol::tcp) {
      append(tcp_source, std::to_string(view.source_port));
      append(tcp_port, std::to_string(view.port));
      append(tcp_payload, std::to_string(view.payload_length));
    }
    if (view.protocol == Protocol::udp) {
      append(udp_source, std::to_string(view.source_port));
      append(udp_port, std::to_string(view.port));
      append(udp_length, std::to_string(view.payload_length + 8));
    }
  }
};

Line read(LinkType link, const Frame& frame) {
  Line line;
  PacketView levels[2];
  bool good = decode(link, frame, 0, levels[0]);
  for (int depth = 0; good && depth < kTunnelDepthMax; ++depth) {
    line.level(levels[depth % 2]);
    TunnelView tunnel;
    good = decode_inner(levels[depth % 2], levels[(depth + 1) % 2], tunnel);
  }
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: {} OUT.pcapng OUT.txt\n", argv[0]);
    return 2;
  }
  struct Entry {
    std::string name;
    LinkType link;
    Frame frame;
  };
  std::vector<Entry> entries;
  for (const Frame& packet : packets()) {
    for (const LayerCraft& layer : layer_crafts())
      entries.push_back({std::string(layer.name), layer.link, layer.frame(packet)});
    for (const TunnelCraft& tunnel : tunnel_crafts())
      for (const bool v4 : {true, false})
        if (can_carry(tunnel, v4, packet))
          entries.push_back(
              {fmt::format("{} over {}", tunnel.name, v4 ? "IPv4" : "IPv6"), LinkType::ethernet,
               craft_ethernet(tunnel.packet(v4 ? kLeft : kLeft6, v4 ? kRight : kRight6, packet, 77))});
  }
  PcapngBytes file;
  file.section();
  std::map<LinkType, std::uint32_t> interfaces;
  for (const Entry& entry : entries)
    if (interfaces.try_emplace(entry.link, static_cast<std::uint32_t>(interfaces.size())).second)
      file.interface({.link = entry.link, .snaplen = 65535});
  std::string text;
  std::uint64_t ticks = 1'795'000'000'000'000;
  for (const Entry& entry : entries) {
    file.enhanced_packet(interfaces[entry.link], ticks += 1000, entry.frame,
                         static_cast<std::uint32_t>(entry.frame.size()));
    const Line l = read(entry.link, entry.frame);
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", entry.name, l.source,
                        l.destination, l.protocol, l.length, l.source6, l.destination6, l.length6, l.tcp_source,
                        l.tcp_port, l.tcp_payload, l.udp_source, l.udp_port, l.udp_length);
  }
  const std::vector<std::uint8_t>& bytes = file.bytes();
  std::ofstream capture(argv[1], std::ios::binary);
  capture.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  std::ofstream lines(argv[2], std::ios::binary);
  lines << text;
  return capture.flush() && lines.flush() ? 0 : 1;
}
