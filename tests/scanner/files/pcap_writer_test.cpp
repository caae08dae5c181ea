#include "scanner/files/pcap_writer.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "scanner/files/file.h"
#include "tests/scanner/files/captures.h"

namespace demarc {

TEST_CASE("what the writer writes the reader reads, nanoseconds and lengths included") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("demarc-writer-" + std::to_string(::getpid()) + ".pcap")).string();
  {
    auto writer = PcapWriter::create(path, LinkType::raw, 128);
    REQUIRE(writer.has_value());
    CHECK(writer->write(kStart + Nanoseconds(123'456'789), bytes_of("hello"), 1500));
    CHECK(writer->write(kStart + Nanoseconds(1'999'999'999), bytes_of("there"), 5));
    CHECK(writer->close().has_value());
  }
  const auto file = read_whole_file(path, 1 << 20);
  REQUIRE(file.has_value());
  const ReadCapture read = read_all(bytes_of(*file));
  REQUIRE(read.packets.size() == 2);
  CHECK(read.packets[0] == ReadPacket{kStart + Nanoseconds(123'456'789), LinkType::raw, 1500, 0, 1, "hello"});
  CHECK(read.packets[1].at == kStart + Nanoseconds(1'999'999'999));
  std::filesystem::remove(path);
}

TEST_CASE("a full disk is said, with how much is safe") {
  if (::access("/dev/full", W_OK) != 0) {
    MESSAGE("skipped: there is no /dev/full here");
    return;
  }
  auto writer = PcapWriter::create("/dev/full", LinkType::raw);
  REQUIRE_FALSE(writer.has_value());
  CHECK(writer.error().where.file == "/dev/full");
  CHECK(writer.error().what ==
        "cannot be written: No space left on device; at least the first 0 of 0 packets are in it");
}

TEST_CASE("a place that cannot be written is refused") {
  auto writer = PcapWriter::create("/nonexistent/out.pcap", LinkType::raw);
  REQUIRE_FALSE(writer.has_value());
  CHECK(writer.error().what == "cannot be written: No such file or directory");
}

}  // namespace demarc
