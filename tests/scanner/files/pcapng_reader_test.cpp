#include "scanner/files/pcapng_reader.h"

#include <doctest/doctest.h>

#include "tests/scanner/files/captures.h"

namespace demarc {

namespace {
// Two sections of different byte order, three interfaces, every kind of packet block.
std::vector<std::uint8_t> sample(bool little, std::vector<std::size_t>* ends = nullptr) {
  PcapngBytes file(little);
  const auto mark = [&] {
    if (ends != nullptr) ends->push_back(file.bytes().size());
  };
  file.section()
      .interface({.link = LinkType::ethernet, .snaplen = 96})
      .interface({.link = LinkType::raw, .resolution = 9});
  file.enhanced_packet(0, 1'795'000'000'000'001, bytes_of("first"), 1500);
  mark();
  file.block(0x0BAD, bytes_of("unknown blocks are skipped"));
  file.enhanced_packet(1, 1'795'000'000'000'000'002, bytes_of("second"), 6);
  mark();
  file.simple_packet(bytes_of("third"), 5);
  mark();
  file.section(!little).interface({.link = LinkType::linux_cooked2, .resolution = 3, .offset_seconds = 3600});
  file.obsolete_packet(0, 2, 1'795'000'000'003, bytes_of("fourth"), 6);
  mark();
  return file.take();
}
}  // namespace

TEST_CASE("sections, interfaces, clocks and packet blocks") {
  for (const bool little : {true, false}) {
    CAPTURE(little);
    const ReadCapture read = read_all(sample(little));
    REQUIRE(read.refused.empty());
    REQUIRE(read.packets.size() == 4);
    CHECK(read.packets[0] == ReadPacket{kStart + Nanoseconds(1000), LinkType::ethernet, 1500, 0, 1, "first"});
    CHECK(read.packets[1] == ReadPacket{kStart + Nanoseconds(2), LinkType::raw, 6, 1, 2, "second"});
    CHECK(read.packets[2] == ReadPacket{kStart + Nanoseconds(2), LinkType::ethernet, 5, 0, 3, "third"});
    CHECK(read.packets[3] == ReadPacket{kStart + Nanoseconds(3'000'000) + std::chrono::seconds(3600),
                                        LinkType::linux_cooked2, 6, 2, 4, "fourth"});
    CHECK_FALSE(read.statistics.truncated);
    CHECK(read.statistics.dropped == 2);
    CHECK(read.statistics.problem.empty());
  }
}

TEST_CASE("time resolutions: powers of ten and of two, coarse, fine and absurd") {
  struct Row {
    std::uint8_t resolution;
    std::uint64_t ticks;
    std::int64_t offset;
    std::int64_t nanoseconds;
  };
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  for (const Row& row :
       {Row{6, 1'500'000, 0, 1'500'000'000}, Row{0, 7, 0, 7'000'000'000}, Row{9, 7, 0, 7}, Row{12, 7'999, 0, 7},
        Row{29, ~std::uint64_t{0}, 0, 0}, Row{127, ~std::uint64_t{0}, 0, 0}, Row{0x80, 3, 0, 3'000'000'000},
        Row{0x8A, 1536, 0, 1'500'000'000}, Row{0xFF, ~std::uint64_t{0}, 0, 0}, Row{0, ~std::uint64_t{0}, 0, kMax},
        Row{6, 0, -5, 0}, Row{6, 0, 5, 5'000'000'000}, Row{6, 0, std::numeric_limits<std::int64_t>::max(), kMax},
        Row{6, 5'000'000, std::numeric_limits<std::int64_t>::min(), 0}}) {
    CAPTURE(static_cast<int>(row.resolution));
    CAPTURE(row.ticks);
    CAPTURE(row.offset);
    PcapngBytes file;
    file.section().interface({.link = LinkType::raw, .resolution = row.resolution, .offset_seconds = row.offset});
    file.enhanced_packet(0, row.ticks, bytes_of("x"), 1);
    CHECK(read_all(file.bytes()).packets.at(0).at == Timestamp(Nanoseconds(row.nanoseconds)));
  }
}

TEST_CASE("drops: the larger of what packets and statistics blocks say, summed over interfaces and sections") {
  PcapngBytes file;
  file.section().interface({}).interface({});
  file.enhanced_packet(0, 1, bytes_of("x"), 1, 5);
  file.interface_statistics(0, 2, 3, std::nullopt);
  file.interface_statistics(1, 2, 10, 7);
  file.interface_statistics(1, 3, 20, 7);  // counted from the start: the later one replaces the earlier
  file.section().interface({}).interface_statistics(0, 1, std::nullopt, 100);
  CHECK(read_all(file.bytes()).statistics.dropped == 5 + 27 + 100);
}

TEST_CASE("a simple packet is cut by the interface's snap length") {
  PcapngBytes file;
  file.section().interface({.link = LinkType::raw, .snaplen = 4}).simple_packet(bytes_of("0123456789"), 10);
  const ReadPacket packet = read_all(file.bytes()).packets.at(0);
  CHECK(packet.bytes == "0123");
  CHECK(packet.wire_length == 10);
}

TEST_CASE("a packet that makes no sense is counted, and reading goes on") {
  PcapngBytes file;
  file.section().interface({.link = LinkType::raw});
  file.enhanced_packet(3, 1, bytes_of("stray"), 5).enhanced_packet(0, 2, bytes_of("good"), 4);
  const ReadCapture read = read_all(file.bytes());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0].frame == 2);
  CHECK(read.statistics.unreadable == 1);
  CHECK_FALSE(read.statistics.truncated);
  CHECK(read.statistics.problem == "frame 1 cannot be read: interface 3 was never described");
}

TEST_CASE("a captured length that lies about its block is counted as unreadable") {
  PcapngBytes file;
  file.section().interface({.link = LinkType::raw});
  const std::size_t block = file.bytes().size();
  file.enhanced_packet(0, 1, bytes_of("abcd"), 4).enhanced_packet(0, 2, bytes_of("good"), 4);
  auto bytes = file.take();
  bytes[block + 8 + 12] = 200;
  const ReadCapture read = read_all(bytes);
  CHECK(read.packets.size() == 1);
  CHECK(read.statistics.problem == "frame 1 cannot be read: it claims 200 bytes, its block has room for 4");
}

TEST_CASE("a file cut at any byte gives its whole packets") {
  for (const bool little : {true, false}) {
    std::vector<std::size_t> ends;
    const auto file = sample(little, &ends);
    for (std::size_t cut = 0; cut <= file.size(); ++cut) {
      CAPTURE(cut);
      const ReadCapture read = read_all(Bytes(file).first(cut));
      std::size_t whole = 0;
      while (whole < ends.size() && ends[whole] <= cut) ++whole;
      CHECK(read.packets.size() == whole);
      if (cut == file.size()) CHECK_FALSE(read.statistics.truncated);
      if (whole > 0 && cut == ends[whole - 1] + 5) CHECK(read.statistics.truncated);
    }
  }
}

TEST_CASE("block lengths that cannot be end the reading and take no memory") {
  struct Row {
    std::uint32_t type, length;
    bool truncated;
  };
  for (const Row& row : {Row{6, 8, true}, Row{6, 13, true}, Row{6, 0xFFFFFFFC, true}, Row{1, 0x40000000, true},
                         Row{0x0BAD, 0xFFFFFFF0, true}, Row{0x0A0D0D0A, 0xFFFFFFF0, true}}) {
    CAPTURE(row.type);
    CAPTURE(row.length);
    PcapngBytes file;
    file.section().interface({.link = LinkType::raw}).enhanced_packet(0, 1, bytes_of("whole"), 5);
    auto bytes = file.take();
    ByteWriter(bytes, true).u32(row.type).u32(row.length).u32(0x1A2B3C4D).u16(1).u16(0).zeros(64);
    const ReadCapture read = read_all(bytes);
    CHECK(read.packets.size() == 1);
    CHECK(read.statistics.truncated == row.truncated);
    CHECK_FALSE(read.statistics.problem.empty());
  }
}

TEST_CASE("a large unknown block is skipped without keeping it") {
  PcapngBytes file;
  file.section().interface({.link = LinkType::raw});
  file.block(0x0BAD, std::vector<std::uint8_t>(5'000'000)).enhanced_packet(0, 1, bytes_of("behind"), 6);
  const ReadCapture read = read_all(file.bytes());
  REQUIRE(read.packets.size() == 1);
  CHECK(read.packets[0].bytes == "behind");
  CHECK(read.statistics.problem.empty());
}

TEST_CASE("lengths at both ends of a block must agree") {
  auto bytes = sample(true);
  PcapngBytes head;
  head.section()
      .interface({.link = LinkType::ethernet, .snaplen = 96})
      .interface({.link = LinkType::raw, .resolution = 9});
  const std::size_t block = head.bytes().size();
  bytes[block + 8 + 20 + 8] ^= 1;  // the length behind the first packet
  const ReadCapture read = read_all(bytes);
  CHECK(read.packets.empty());
  CHECK(read.statistics.truncated);
  CHECK(read.statistics.problem.find("a block that says 40 bytes at its start and 41 at its end") !=
        std::string::npos);
}

TEST_CASE("pieces and batches of any size give the same packets") {
  const auto file = sample(true);
  const ReadCapture whole = read_all(file);
  for (const std::size_t piece : {1U, 5U, 64U})
    for (const std::size_t batch : {1U, 3U, 64U}) CHECK(read_all(file, piece, batch).packets == whole.packets);
}

}  // namespace demarc
