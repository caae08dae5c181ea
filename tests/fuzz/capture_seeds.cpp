// Writes the seeds for frame_fuzz, pcap_fuzz, pcapng_fuzz and unpack_fuzz: small captures that between them use
// every feature.
//   capture_seeds tests/fuzz/corpus
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "probes/wire/craft.h"
#include "probes/wire/craft_layers.h"
#include "probes/wire/craft_tunnels.h"
#include "probes/wire/decode.h"
#include "scanner/files/pcap_writer.h"
#include "scanner/files/pcapng_writer.h"
#include "tests/scanner/files/packed.h"

namespace {

using namespace demarc;

const Address kClient = *parse_address("198.51.100.7"), kServer = *parse_address("192.0.2.10"),
              kRouter = *parse_address("203.0.113.1");
const Address kClient6 = *parse_address("2001:db8::7"), kServer6 = *parse_address("2001:db8:1::10"),
              kRouter6 = *parse_address("2001:db8:2::1");

std::vector<Frame> packets(bool v6) {
  const Address &c = v6 ? kClient6 : kClient, &s = v6 ? kServer6 : kServer, &r = v6 ? kRouter6 : kRouter;
  std::vector<Frame> out;
  const std::uint8_t ack = tcp_flag::ack;
  out.push_back(craft_tcp(
      c, s, {.source_port = 40000, .port = 443, .seq = 99, .flags = tcp_flag::syn, .options = {2, 4, 5, 0xB4}}));
  out.push_back(craft_tcp(
      s, c, {.source_port = 443, .port = 40000, .seq = 499, .ack = 100, .flags = tcp_flag::syn | tcp_flag::ack}));
  out.push_back(craft_tcp(
      c, s, {.source_port = 40000, .port = 443, .seq = 100, .ack = 500, .flags = ack, .payload = "hello"}));
  out.push_back(craft_tcp(
      s, c, {.source_port = 443, .port = 40000, .seq = 500, .ack = 105, .flags = tcp_flag::fin | tcp_flag::ack}));
  out.push_back(
      craft_tcp(c, s, {.source_port = 40000, .port = 443, .seq = 105, .ack = 501, .flags = tcp_flag::rst}));
  const Frame query = craft_udp(c, s, 5000, 53, "query");
  out.push_back(query);
  out.push_back(craft_icmp_error(r, v6 ? 1 : 3, v6 ? 4 : 3, query));
  out.push_back(craft_icmp(c, s, v6 ? 128 : 8, 0, 0x00070001));
  out.push_back(craft_icmp(s, c, v6 ? 129 : 0, 0, 0x00070001));
  for (Frame& piece : craft_fragments(craft_udp(c, s, 5001, 514, std::string(40, 'x')), 24, 9))
    out.push_back(std::move(piece));
  IpCraft ip;
  if (v6)
    ip.extensions = {{0, Frame{5, 2, 0, 0}}, {60, Frame(6)}};
  else
    ip.options = {0x94, 4, 0, 0};
  out.push_back(craft_udp(c, s, 5002, 161, "", ip));
  out.push_back(craft_ip(c, s, Protocol::esp, Frame(16, 0xAA)));
  return out;
}

void write(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void frames(const std::filesystem::path& folder) {
  static constexpr LinkType kLinks[] = {LinkType::null, LinkType::ethernet,     LinkType::raw,
                                        LinkType::loop, LinkType::linux_cooked, LinkType::ipv4,
                                        LinkType::ipv6, LinkType::linux_cooked2};
  int number = 0;
  for (const bool v6 : {false, true})
    for (const Frame& packet : packets(v6)) {
      std::uint8_t link = static_cast<std::uint8_t>(number % 8);
      if (link == 5 || link == 6) link = v6 ? 6 : 5;
      Frame seed{link, 0, 0};
      const Frame frame = craft_frame(kLinks[link], packet);
      seed.insert(seed.end(), frame.begin(), frame.end());
      write(folder / fmt::format("{:02}", number++), seed);
    }
  const Frame packet = packets(false)[0], packet6 = packets(true)[5];
  std::uint8_t choice = 9;  // as frame_fuzz counts
  for (const LayerCraft& layer : layer_crafts()) {
    Frame seed{choice++, 0, 0};
    ByteWriter(seed).bytes(layer.frame(choice % 2 == 0 ? packet : packet6));
    std::string file(layer.name);
    std::replace(file.begin(), file.end(), ' ', '-');
    write(folder / ("layer-" + file), seed);
  }
  for (const TunnelCraft& tunnel : tunnel_crafts())
    for (const bool v4 : {true, false})
      for (const Frame* inner : {&packet, &packet6}) {
        if (!can_carry(tunnel, v4, *inner) || (v4 == (inner == &packet6) && can_carry(tunnel, true, packet)))
          continue;
        Frame seed{1, 0, 0};
        ByteWriter(seed).bytes(
            craft_ethernet(tunnel.packet(v4 ? kRouter : kRouter6, v4 ? kServer : kServer6, *inner, 77), {42}));
        std::string file(tunnel.name);
        std::replace(file.begin(), file.end(), ' ', '-');
        write(folder / fmt::format("tunnel-{}{}", file, v4 ? "" : "-v6"), seed);
      }
  Frame several{9, 0, 0};
  for (const LayerCraft& layer : layer_crafts()) {
    if (layer.link == LinkType::wifi) break;
    ++several[0];
  }
  ByteWriter(several).bytes(craft_amsdu({packet, packet6, packets(false)[5]}));
  write(folder / "amsdu", several);
  Frame tagged{1, 0, 0};
  const Frame frame = craft_ethernet(packets(false)[0], {7, 300});
  tagged.insert(tagged.end(), frame.begin(), frame.end());
  write(folder / "vlan", tagged);
}

void pcaps(const std::filesystem::path& folder) {
  struct Row {
    const char* name;
    PcapShape shape;
    bool v6;
  };
  for (const Row& row :
       {Row{"little-micro", {.little_endian = true}, false}, Row{"big-micro", {.little_endian = false}, true},
        Row{"little-nano", {.little_endian = true, .nanoseconds = true, .link = LinkType::linux_cooked2}, true},
        Row{"big-modified", {.little_endian = false, .modified = true, .link = LinkType::raw}, false},
        Row{"snapped", {.little_endian = true, .snaplen = 60, .link = LinkType::null}, false}}) {
    std::vector<std::uint8_t> file;
    append_pcap_header(row.shape, file);
    Timestamp at = Timestamp::from_seconds(1'795'000'000);
    for (const Frame& packet : packets(row.v6)) {
      const Frame frame = craft_frame(row.shape.link, packet);
      at = at + Nanoseconds(1'234'567);
      append_pcap_packet(row.shape, at, Bytes(frame).first(std::min<std::size_t>(frame.size(), row.shape.snaplen)),
                         static_cast<std::uint32_t>(frame.size()), file);
    }
    write(folder / row.name, file);
  }
}

void pcapngs(const std::filesystem::path& folder) {
  for (const bool little : {true, false}) {
    PcapngBytes file(little);
    file.section()
        .interface({.link = LinkType::ethernet, .snaplen = 65535})
        .interface({.link = LinkType::raw, .resolution = 9, .offset_seconds = 60});
    std::uint64_t ticks = 1'795'000'000'000'000;
    for (const Frame& packet : packets(false))
      file.enhanced_packet(0, ticks += 100, craft_frame(LinkType::ethernet, packet), 60);
    for (const Frame& packet : packets(true))
      file.enhanced_packet(1, (ticks += 100) * 1000, packet, static_cast<std::uint32_t>(packet.size()), 2);
    file.interface_statistics(0, ticks, 3, 4).block(0x0BAD, Frame(5, 1));
    file.section(!little).interface({.link = LinkType::linux_cooked, .snaplen = 48, .resolution = 0x94});
    const Frame packet = craft_frame(LinkType::linux_cooked, packets(false)[5]);
    file.simple_packet(Bytes(packet).first(48), static_cast<std::uint32_t>(packet.size()));
    file.obsolete_packet(0, 1, 7'000'000, packet, static_cast<std::uint32_t>(packet.size()));
    file.enhanced_packet(9, 0, packet, 0);  // an interface that nobody described
    write(folder / (little ? "little" : "big"), file.take());
  }
}

// A small capture as gzip and zstd pack it: one member, two of them, stored instead of packed, a frame to be
// skipped.
void unpacks(const std::filesystem::path& folder) {
  std::vector<std::uint8_t> file;
  append_pcap_header({}, file);
  for (const Frame& packet : packets(false)) {
    const Frame frame = craft_frame(LinkType::ethernet, packet);
    append_pcap_packet({}, Timestamp::from_seconds(1'795'000'000), frame, static_cast<std::uint32_t>(frame.size()),
                       file);
  }
  const Bytes first = Bytes(file).first(400), rest = Bytes(file).subspan(400);
  const auto joined = [](std::vector<std::uint8_t> a, const std::vector<std::uint8_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  write(folder / "gzip", gzipped(file));
  write(folder / "gzip-members", joined(gzipped(first), gzipped(rest)));
  write(folder / "gzip-stored", gzipped(first, 0));
  write(folder / "gzip-padded", joined(gzipped(first), std::vector<std::uint8_t>(40, 0)));
  write(folder / "zstd", zstd_packed(file));
  write(folder / "zstd-frames", joined(zstd_packed(first), zstd_packed(rest, 19)));
  write(folder / "zstd-skipped", joined({0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2}, zstd_packed(first)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: {} FOLDER\n", argv[0]);
    return 2;
  }
  const std::filesystem::path corpus = argv[1];
  frames(corpus / "frame");
  pcaps(corpus / "pcap");
  pcapngs(corpus / "pcapng");
  unpacks(corpus / "unpack");
  return 0;
}
