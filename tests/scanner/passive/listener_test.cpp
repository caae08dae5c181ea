#include "scanner/passive/listener.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "scanner/files/pcap_writer.h"
#include "scanner/files/pcapng_writer.h"
#include "tests/scanner/passive/talk.h"

namespace demarc {

namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "demarc-listen-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const char* name, const std::vector<std::uint8_t>& bytes) const {
    const std::string path = (path_ / name).string();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path;
  }

 private:
  std::filesystem::path path_;
};

const Timestamp kStart = Timestamp::from_seconds(1'795'000'000);

// The handshake and exchange of one conversation, one packet a second.
std::vector<Frame> conversation() {
  return {
      craft_tcp(kClient, kServer, {.source_port = 40000, .port = 443, .seq = 99, .flags = tcp_flag::syn}),
      craft_tcp(
          kServer, kClient,
          {.source_port = 443, .port = 40000, .seq = 499, .ack = 100, .flags = tcp_flag::syn | tcp_flag::ack}),
      craft_tcp(
          kClient, kServer,
          {.source_port = 40000, .port = 443, .seq = 100, .ack = 500, .flags = tcp_flag::ack, .payload = "hello"}),
      craft_tcp(
          kServer, kClient,
          {.source_port = 443, .port = 40000, .seq = 500, .ack = 105, .flags = tcp_flag::ack, .payload = "world"})};
}

template <typename Keep>
std::vector<std::uint8_t> pcap_of(const std::vector<Frame>& packets, Keep&& keep) {
  PcapShape shape;
  shape.link = LinkType::raw;
  std::vector<std::uint8_t> file;
  append_pcap_header(shape, file);
  for (std::size_t i = 0; i < packets.size(); ++i)
    if (keep(i))
      append_pcap_packet(shape, kStart + std::chrono::seconds(i), packets[i],
                         static_cast<std::uint32_t>(packets[i].size()), file);
  return file;
}
std::vector<std::uint8_t> pcap_of(const std::vector<Frame>& packets) {
  return pcap_of(packets, [](std::size_t) { return true; });
}

ObserveRequest request_for(std::vector<CaptureInput> captures) {
  ObserveRequest request;
  request.captures = std::move(captures);
  request.flow = options_for_tests();
  return request;
}

}  // namespace

TEST_CASE("a capture becomes flows and a source with its statistics") {
  const Folder folder;
  const std::string path = folder.write("dmz.pcap", pcap_of(conversation()));
  const auto evidence = observe(request_for({{path, "tap-back"}}));
  REQUIRE(evidence.has_value());
  CHECK(evidence->file == path);
  CHECK(evidence->complete);
  REQUIRE(evidence->sources.size() == 1);
  const FlowSource& source = evidence->sources[0];
  CHECK(source.file == path);
  CHECK(source.sensor == "tap-back");
  CHECK(source.packets == 4);
  CHECK(source.undecoded == 0);
  CHECK_FALSE(source.truncated);
  CHECK(source.first == kStart);
  CHECK(source.last == kStart + std::chrono::seconds(3));
  REQUIRE(evidence->flows.size() == 1);
  CHECK(states(evidence->flows[0]) == "S1");
  CHECK(evidence->flows[0].record == 1);
}

TEST_CASE("captures of one sensor share their conversations, in time order, whatever order they are given in") {
  const Folder folder;
  const auto packets = conversation();
  const std::string early = folder.write("early.pcap", pcap_of(packets, [](std::size_t i) { return i < 2; }));
  const std::string late = folder.write("late.pcap", pcap_of(packets, [](std::size_t i) { return i >= 2; }));
  const std::string out = folder.write("out.pcap", pcap_of(packets, [](std::size_t i) { return i % 2 == 0; }));
  const std::string in = folder.write("in.pcap", pcap_of(packets, [](std::size_t i) { return i % 2 == 1; }));
  for (const auto& [one, other] :
       {std::pair{early, late}, std::pair{late, early}, std::pair{out, in}, std::pair{in, out}}) {
    const auto evidence = observe(request_for({{one, "tap"}, {other, "tap"}}));
    REQUIRE(evidence.has_value());
    REQUIRE(evidence->flows.size() == 1);
    CHECK(evidence->flows[0].conversations == 1);
    CHECK(evidence->flows[0].established == 1);
    CHECK(evidence->flows[0].initiator_certain);
    CHECK(evidence->sources[evidence->flows[0].source].file == (one == early || one == out ? one : other));
    CHECK(evidence->sources[0].packets == 2);
    CHECK(evidence->sources[1].packets == 2);
  }
  const auto apart = observe(request_for({{early, "front"}, {late, "back"}}));
  REQUIRE(apart.has_value());
  CHECK(apart->flows.size() == 2);
}

TEST_CASE("a cut capture: what is whole counts, the rest is said") {
  const Folder folder;
  auto bytes = pcap_of(conversation());
  bytes.resize(bytes.size() - 3);
  const auto evidence = observe(request_for({{folder.write("cut.pcap", bytes), ""}}));
  REQUIRE(evidence.has_value());
  CHECK(evidence->sources[0].packets == 3);
  CHECK(evidence->sources[0].truncated);
  CHECK(evidence->sources[0].problem.find("the file ends in the middle of frame 4") == 0);
  REQUIRE(evidence->flows.size() == 1);
  CHECK(evidence->flows[0].established == 1);
}

TEST_CASE("what cannot be counted is counted as such") {
  const Folder folder;
  PcapngBytes file;
  file.section().interface({.link = LinkType::ethernet}).interface({.link = static_cast<LinkType>(147)});
  Frame arp, trill;
  ByteWriter(arp).zeros(12).u16(0x0806).zeros(46);
  ByteWriter(trill).zeros(12).u16(0x22F3).zeros(46);
  const Frame whole = craft_frame(LinkType::ethernet, conversation()[0]);
  file.enhanced_packet(0, 1, arp, 60).enhanced_packet(0, 2, trill, 60).enhanced_packet(1, 3, arp, 60);
  file.enhanced_packet(0, 4, Bytes(whole).first(30), 60)
      .enhanced_packet(0, 5, whole, 60)
      .enhanced_packet(7, 6, whole, 60);
  file.interface_statistics(0, 7, 11, std::nullopt);
  const auto evidence = observe(request_for({{folder.write("odd.pcapng", file.take()), ""}}));
  REQUIRE(evidence.has_value());
  const FlowSource& source = evidence->sources[0];
  CHECK(source.packets == 6);
  CHECK(source.undecoded == 3);  // TRILL, the unknown link type, the unknown interface
  CHECK(source.snapped == 1);
  CHECK(source.dropped == 11);
  CHECK(evidence->flows.size() == 1);
  CHECK(evidence->flows[0].record == 5);
}

TEST_CASE("a filter and a count choose packets") {
  const Folder folder;
  auto packets = conversation();
  packets.push_back(craft_udp(kClient, kServer, 5000, 53, "query"));
  const std::string path = folder.write("dmz.pcap", pcap_of(packets));
  ObserveRequest request = request_for({{path, ""}});
  request.filter = "udp port 53";
  auto evidence = observe(request);
  REQUIRE(evidence.has_value());
  REQUIRE(evidence->flows.size() == 1);
  CHECK(evidence->flows[0].protocol == Protocol::udp);
  CHECK(evidence->flows[0].record == 5);
  CHECK(evidence->sources[0].packets == 1);

  request.filter = "tcp";
  request.packets_max = 2;
  evidence = observe(request);
  REQUIRE(evidence.has_value());
  CHECK(evidence->sources[0].packets == 2);

  request.filter = "udp prot 53";
  evidence = observe(request);
  REQUIRE_FALSE(evidence.has_value());
  CHECK(evidence.error().what.find("the filter 'udp prot 53' cannot be used: ") == 0);
}

TEST_CASE("a file that cannot be read refuses the whole, by name") {
  const Folder folder;
  const std::string good = folder.write("good.pcap", pcap_of(conversation()));
  const std::string bad = folder.write("bad.pcap", {'h', 'e', 'l', 'l', 'o'});
  const auto evidence = observe(request_for({{good, ""}, {bad, ""}}));
  REQUIRE_FALSE(evidence.has_value());
  CHECK(evidence.error().where.file == bad);
  CHECK_FALSE(observe(request_for({})).has_value());
}

TEST_CASE("a stop leaves the evidence incomplete") {
  const Folder folder;
  const std::atomic<bool> stop{true};
  const auto evidence = observe(request_for({{folder.write("dmz.pcap", pcap_of(conversation())), ""}}), {}, &stop);
  REQUIRE(evidence.has_value());
  CHECK_FALSE(evidence->complete);
}

TEST_CASE("two threads give the same evidence as one, over many windows of the reader") {
  const Folder folder;
  std::vector<Frame> packets;
  for (std::uint16_t i = 0; i < 3000; ++i) {
    const auto port = static_cast<std::uint16_t>(20000 + i % 700);
    packets.push_back(
        craft_tcp(kClient, kServer, {.source_port = port, .port = 22, .seq = 99, .flags = tcp_flag::syn}));
    packets.push_back(craft_tcp(
        kServer, kClient,
        {.source_port = 22, .port = port, .seq = 499, .ack = 100, .flags = tcp_flag::syn | tcp_flag::ack}));
    packets.push_back(craft_tcp(kClient, kServer,
                                {.source_port = port, .port = 22, .seq = 100, .ack = 500, .flags = tcp_flag::ack}));
    packets.push_back(craft_tcp(kServer, kClient,
                                {.source_port = 22,
                                 .port = port,
                                 .seq = 500,
                                 .ack = 100,
                                 .flags = tcp_flag::ack,
                                 .payload = "SSH-2.0-OpenSSH_9.2p1\r\n" + std::string(1200, 'x')}));
  }
  const std::string path = folder.write("dmz.pcap", pcap_of(packets));
  ObserveRequest request = request_for({{path, "tap"}});
  request.threads = 1;
  const auto one = observe(request);
  request.threads = 2;
  const auto two = observe(request);
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  REQUIRE(one->flows.size() == two->flows.size());
  REQUIRE(one->services.size() == 1);
  CHECK(one->services == two->services);
  for (std::size_t i = 0; i < one->flows.size(); ++i) {
    CHECK(one->flows[i].service == 0);
    CHECK(two->flows[i].service == 0);
    CHECK(one->flows[i].conversations == two->flows[i].conversations);
    CHECK(one->flows[i].bytes_in == two->flows[i].bytes_in);
    CHECK(one->flows[i].states == two->flows[i].states);
  }
}

TEST_CASE("progress is told, the last time with everything") {
  const Folder folder;
  const auto bytes = pcap_of(conversation());
  ObserveProgress last;
  const auto evidence =
      observe(request_for({{folder.write("dmz.pcap", bytes), ""}}), [&](const ObserveProgress& p) { last = p; });
  REQUIRE(evidence.has_value());
  CHECK(last.packets == 4);
  CHECK(last.conversations == 1);
  CHECK(last.bytes == bytes.size());
  CHECK(last.bytes_total == bytes.size());
}

}  // namespace demarc
