#include "scanner/files/capture_reader.h"

#include <doctest/doctest.h>

#include "tests/scanner/files/captures.h"

namespace demarc {

TEST_CASE("a capture is told by its first bytes") {
  struct Row {
    std::vector<std::uint8_t> bytes;
    CaptureKind kind;
  };
  for (const Row& row :
       {Row{{0xA1, 0xB2, 0xC3, 0xD4}, CaptureKind::pcap}, Row{{0xD4, 0xC3, 0xB2, 0xA1}, CaptureKind::pcap},
        Row{{0xA1, 0xB2, 0x3C, 0x4D}, CaptureKind::pcap}, Row{{0x4D, 0x3C, 0xB2, 0xA1}, CaptureKind::pcap},
        Row{{0xA1, 0xB2, 0xCD, 0x34}, CaptureKind::pcap}, Row{{0x34, 0xCD, 0xB2, 0xA1}, CaptureKind::pcap},
        Row{{0x0A, 0x0D, 0x0D, 0x0A}, CaptureKind::pcapng}, Row{{0x1F, 0x8B, 8, 0}, CaptureKind::gzip},
        Row{{0x28, 0xB5, 0x2F, 0xFD}, CaptureKind::zstd}, Row{{'{', '"', 'd', 'e'}, CaptureKind::other},
        Row{{0xA1, 0xB2, 0xC3}, CaptureKind::other}, Row{{}, CaptureKind::other}})
    CHECK(sniff_kind(row.bytes) == row.kind);
}

TEST_CASE("what is no capture is refused with a hint") {
  struct Row {
    std::string bytes;
    const char* what;
    const char* hint;
  };
  for (const Row& row :
       {Row{"", "the capture is empty", "an interrupted tcpdump leaves such a file; -U writes packet by packet"},
        Row{"\x1F\x8B\x08\x00", "the capture is compressed more than once", "unpack it by hand once"},
        Row{"\x28\xB5\x2F\xFD", "the capture is compressed more than once", "unpack it by hand once"},
        Row{"<?xml version", "this is neither a pcap nor a pcapng file",
            "tcpdump -w, dumpcap and Wireshark write them"},
        Row{"\xA1\xB2\xC3\xD4", "the pcap header is cut: 4 of 24 bytes are there",
            "the capture had hardly begun; give a longer one"}}) {
    CAPTURE(row.what);
    auto reader = read_capture(std::make_unique<MemorySource>(bytes_of(row.bytes)), "dmz.pcap");
    REQUIRE_FALSE(reader.has_value());
    CHECK(reader.error().where.file == "dmz.pcap");
    CHECK(reader.error().what == row.what);
    CHECK(reader.error().hint == row.hint);
  }
}

TEST_CASE("a missing file and a directory are refused by name") {
  auto missing = open_capture("/nonexistent/dmz.pcap");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().where.file == "/nonexistent/dmz.pcap");
  CHECK(missing.error().what == "cannot be opened: No such file or directory");
  auto directory = open_capture("/tmp");
  REQUIRE_FALSE(directory.has_value());
  CHECK(directory.error().what == "cannot be read: Is a directory");
}

}  // namespace demarc
