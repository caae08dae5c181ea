#include "scanner/files/pcap_reader.h"

#include <doctest/doctest.h>

#include "tests/scanner/files/captures.h"

namespace demarc {

namespace {
std::vector<std::uint8_t> three_packets(const PcapShape& shape) {
  std::vector<std::uint8_t> file;
  append_pcap_header(shape, file);
  append_pcap_packet(shape, kStart + Nanoseconds(1'002'003), bytes_of("first"), 5, file);
  append_pcap_packet(shape, kStart + Nanoseconds(2'002'003), bytes_of(""), 0, file);
  append_pcap_packet(shape, kStart + Nanoseconds(3'002'003), bytes_of("third, cut"), 1500, file);
  return file;
}
}  // namespace

TEST_CASE("all shapes of pcap give the same packets") {
  for (const bool little : {true, false})
    for (const bool nano : {true, false})
      for (const bool modified : {true, false}) {
        if (nano && modified) continue;
        CAPTURE(little);
        CAPTURE(nano);
        CAPTURE(modified);
        const auto file = three_packets(
            {.little_endian = little, .nanoseconds = nano, .modified = modified, .link = LinkType::linux_cooked});
        const ReadCapture read = read_all(file);
        REQUIRE(read.refused.empty());
        REQUIRE(read.packets.size() == 3);
        CHECK(read.packets[0] == ReadPacket{kStart + Nanoseconds(nano ? 1'002'003 : 1'002'000),
                                            LinkType::linux_cooked, 5, 0, 1, "first"});
        CHECK(read.packets[1].bytes.empty());
        CHECK(read.packets[2].bytes == "third, cut");
        CHECK(read.packets[2].wire_length == 1500);
        CHECK(read.packets[2].frame == 3);
        CHECK_FALSE(read.statistics.truncated);
        CHECK(read.statistics.problem.empty());
        CHECK(read.statistics.packets == 3);
        CHECK(read.statistics.bytes_read == file.size());
      }
}

TEST_CASE("the size of pieces and batches changes nothing") {
  const auto file = three_packets({});
  const ReadCapture whole = read_all(file);
  for (const std::size_t piece : {1U, 3U, 16U, 17U})
    for (const std::size_t batch : {1U, 2U, 64U}) CHECK(read_all(file, piece, batch).packets == whole.packets);
}

TEST_CASE("a file cut at any byte gives its whole packets and says where it ends") {
  const auto file = three_packets({});
  const std::size_t ends[] = {24, 24 + 16 + 5, 24 + 16 + 5 + 16, file.size()};
  for (std::size_t cut = 24; cut <= file.size(); ++cut) {
    CAPTURE(cut);
    const ReadCapture read = read_all(Bytes(file).first(cut));
    std::size_t whole = 0;
    while (whole < 3 && ends[whole + 1] <= cut) ++whole;
    CHECK(read.packets.size() == whole);
    const bool at_end = cut == ends[whole];
    CHECK(read.statistics.truncated == !at_end);
    if (at_end)
      CHECK(read.statistics.problem.empty());
    else
      CHECK(read.statistics.problem_offset == ends[whole]);
  }
  CHECK(read_all(Bytes(file).first(50)).statistics.problem ==
        "the file ends in the middle of frame 2, at byte 45: 5 of 16 bytes are there");
}

TEST_CASE("a packet length that cannot be ends the reading and takes no memory") {
  auto file = three_packets({});
  file[24 + 16 + 5 + 8 + 3] = 0x7F;  // frame 2 claims two gigabytes
  const ReadCapture read = read_all(file);
  CHECK(read.packets.size() == 1);
  CHECK(read.statistics.truncated);
  CHECK(read.statistics.problem ==
        "damaged at frame 2, byte 45: a packet of 2130706432 bytes cannot be; nothing behind it can be read");
}

TEST_CASE("a wire length below the captured one is a lie") {
  std::vector<std::uint8_t> file;
  append_pcap_header({}, file);
  append_pcap_packet({}, kStart, bytes_of("0123456789"), 4, file);
  CHECK(read_all(file).packets.at(0).wire_length == 10);
}

TEST_CASE("an unknown version is refused") {
  auto file = three_packets({});
  file[4] = 3;
  CHECK(read_all(file).refused == "pcap version 3.4 is not known");
}

TEST_CASE("many packets across the window's edge") {
  std::vector<std::uint8_t> file;
  append_pcap_header({}, file);
  const std::string big(60'000, 'x');
  for (int i = 0; i < 100; ++i) append_pcap_packet({}, kStart + Nanoseconds(i * 1000), bytes_of(big), 60'000, file);
  const ReadCapture read = read_all(file, SIZE_MAX, 64);
  REQUIRE(read.packets.size() == 100);
  for (const ReadPacket& packet : read.packets) CHECK(packet.bytes == big);
}

namespace {
void put32(std::vector<std::uint8_t>& file, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) file[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * i));
}
}  // namespace

TEST_CASE("Kuznetzov's two headers share a magic, and the records tell which one it is") {
  for (const std::size_t more : {8U, 12U}) {
    std::vector<std::uint8_t> file;
    append_pcap_header({.modified = true}, file);
    for (int i = 0; i < 4; ++i) {
      std::vector<std::uint8_t> record;
      append_pcap_packet({}, kStart + Nanoseconds(i * 1000), bytes_of("0123456789"), 10, record);
      record.insert(record.begin() + 16, more, 0x00);
      file.insert(file.end(), record.begin(), record.end());
    }
    for (const std::size_t piece : {std::size_t{3}, SIZE_MAX}) {
      const ReadCapture read = read_all(file, piece);
      CAPTURE(more);
      REQUIRE(read.packets.size() == 4);
      CHECK(read.packets[3].bytes == "0123456789");
      CHECK(read.statistics.problem.empty());
    }
  }
}

TEST_CASE("a frame check sequence is no part of the packet") {
  std::vector<std::uint8_t> file;
  append_pcap_header({}, file);
  put32(file, 20, 0x24000001);  // Ethernet; two times two bytes
  append_pcap_packet({}, kStart, bytes_of("packetFCS!"), 10, file);
  append_pcap_packet({}, kStart, bytes_of("cut"), 60, file);
  append_pcap_packet({}, kStart, bytes_of("x"), 1, file);  // shorter than what should be at its end
  const ReadCapture read = read_all(file);
  REQUIRE(read.packets.size() == 3);
  CHECK(read.packets[0].bytes == "packet");
  CHECK(read.packets[0].wire_length == 6);
  CHECK(read.packets[0].link == LinkType::ethernet);
  CHECK(read.packets[1].bytes == "cut");
  CHECK(read.packets[1].wire_length == 56);
  CHECK(read.packets[2].bytes.empty());
  put32(file, 20, 0x20000001);  // without the bit the four others mean nothing
  CHECK(read_all(file).packets.at(0).bytes == "packetFCS!");
}

TEST_CASE("old versions have the two lengths the other way round") {
  for (const std::uint8_t minor : {std::uint8_t{2}, std::uint8_t{3}, std::uint8_t{4}}) {
    std::vector<std::uint8_t> file;
    append_pcap_header({}, file);
    file[6] = minor;
    append_pcap_packet({}, kStart, bytes_of("0123456789"), 60, file);
    if (minor < 4) {
      put32(file, 24 + 8, 60);
      put32(file, 24 + 12, 10);
    }
    const ReadCapture read = read_all(file);
    REQUIRE(read.packets.size() == 1);
    CHECK(read.packets[0].bytes == "0123456789");
    CHECK(read.packets[0].wire_length == 60);
  }
}

TEST_CASE("captures put one behind the other are all read, each as it is") {
  auto file = three_packets({});
  const auto second = three_packets({.little_endian = false, .nanoseconds = true, .link = LinkType::raw});
  file.insert(file.end(), second.begin(), second.end());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, SIZE_MAX}) {
    const ReadCapture read = read_all(file, piece);
    REQUIRE(read.packets.size() == 6);
    CHECK(read.packets[5].bytes == "third, cut");
    CHECK(read.packets[5].link == LinkType::raw);
    CHECK(read.packets[5].interface == 1);
    CHECK(read.packets[5].frame == 6);
    CHECK(read.packets[4].at == kStart + Nanoseconds(2'002'003));
    CHECK(read.statistics.problem.empty());
  }
  // A packet of 2055 without a byte is a packet where no version follows.
  std::vector<std::uint8_t> future;
  append_pcap_header({}, future);
  append_pcap_packet({}, Timestamp::from_seconds(0xA1B2C3D4), {}, 0, future);
  append_pcap_packet({}, kStart, bytes_of("behind it"), 9, future);
  for (const std::size_t piece : {std::size_t{1}, SIZE_MAX}) {
    const ReadCapture read = read_all(future, piece);
    REQUIRE(read.packets.size() == 2);
    CHECK(read.packets[1].bytes == "behind it");
  }
}

}  // namespace demarc
