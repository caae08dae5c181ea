#include "scanner/files/unpacking.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/scanner/files/captures.h"
#include "tests/scanner/files/packed.h"

namespace demarc {

namespace {

using Bin = std::vector<std::uint8_t>;

struct Unpacked {
  std::string plain, problem, refused;
  std::uint64_t taken = 0;
};

Unpacked unpack_all(Bytes packed, std::size_t piece = SIZE_MAX, bool own_thread = false,
                    const UnpackLimits& limits = {}, std::size_t room = 4096) {
  Unpacked out;
  auto source = unpack(std::make_unique<MemorySource>(packed, piece), "dmz.gz", own_thread, limits);
  if (!source) {
    out.refused = source.error().what;
    return out;
  }
  Bin buffer(room);
  while (const std::size_t count = (*source)->read(buffer))
    out.plain.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  CHECK((*source)->read(buffer) == 0);  // the end stays the end
  out.problem = (*source)->problem();
  out.taken = (*source)->bytes_of_file().value_or(0);
  return out;
}

std::string text_of(std::size_t size) {
  std::string text;
  for (std::uint32_t x = 1; text.size() < size; x = x * 1664525 + 1013904223)
    text += "line " + std::to_string(x >> 20) + "\n";
  text.resize(size);
  return text;
}

void append(Bin& to, const Bin& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

TEST_CASE("gzip and zstd give what went in, in whatever pieces, in one thread or two") {
  const std::string text = text_of(300'000);
  for (const Bin& packed :
       {gzipped(bytes_of(text)), zstd_packed(bytes_of(text)), gzipped(bytes_of("")), zstd_packed(bytes_of(""))}) {
    const bool empty = packed.size() < 100;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, SIZE_MAX})
      for (const bool thread : {false, true}) {
        const Unpacked got = unpack_all(packed, piece, thread);
        CHECK(got.plain == (empty ? "" : text));
        CHECK(got.problem.empty());
        CHECK(got.taken == packed.size());
      }
  }
}

TEST_CASE("several members or frames are one file, and padding of zeros is none of it") {
  const std::string a = text_of(1000), b = text_of(70'000);
  Bin gzip = gzipped(bytes_of(a)), zstd = zstd_packed(bytes_of(a));
  append(gzip, gzipped(bytes_of(b)));
  append(zstd, {0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4});  // a frame to be skipped
  append(zstd, zstd_packed(bytes_of(b)));
  for (const std::size_t piece : {std::size_t{1}, SIZE_MAX}) {
    CHECK(unpack_all(gzip, piece).plain == a + b);
    CHECK(unpack_all(gzip, piece).problem.empty());
    CHECK(unpack_all(zstd, piece).plain == a + b);
    CHECK(unpack_all(zstd, piece).problem.empty());
  }
  Bin skipped_first = {0x51, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 9, 9};
  append(skipped_first, zstd_packed(bytes_of(a)));
  CHECK(unpack_all(skipped_first).plain == a);
  gzip.resize(gzip.size() + 512, 0);
  CHECK(unpack_all(gzip, 3).plain == a + b);
  CHECK(unpack_all(gzip, 3).problem.empty());
}

TEST_CASE("a file cut at any byte gives what was whole and says where it ends") {
  const std::string text = text_of(2000);
  for (const bool gzip : {true, false}) {
    Bin packed = gzip ? gzipped(bytes_of(text)) : zstd_packed(bytes_of(text));
    const std::size_t first = packed.size();
    append(packed, gzip ? gzipped(bytes_of(text)) : zstd_packed(bytes_of(text)));
    for (std::size_t cut = 6; cut < packed.size(); ++cut) {
      CAPTURE(gzip);
      CAPTURE(cut);
      const Unpacked got = unpack_all(Bytes(packed).first(cut), 11);
      CHECK((text + text).starts_with(got.plain));
      if (cut >= first) CHECK(got.plain.size() >= text.size());
      if (cut == first)
        CHECK(got.problem.empty());
      else
        CHECK(got.problem == "the compressed file is cut: it ends in the middle, at byte " + std::to_string(cut));
    }
  }
}

TEST_CASE("damage is found, wherever it is, and nothing wrong comes before the checksum that shows it") {
  const std::string text = text_of(3000);
  for (const bool gzip : {true, false}) {
    const Bin packed = gzip ? gzipped(bytes_of(text)) : zstd_packed(bytes_of(text));
    for (std::size_t at = 12; at < packed.size(); ++at) {
      Bin damaged = packed;
      damaged[at] ^= 0x55;
      CAPTURE(gzip);
      CAPTURE(at);
      const Unpacked got = unpack_all(damaged);
      // Either it is said, or nothing was wrong with the text (a byte that means nothing).
      if (got.problem.empty()) CHECK(got.plain == text);
    }
  }
  Bin junk = gzipped(bytes_of(text));
  append(junk, {'h', 'e', 'l', 'l', 'o'});
  CHECK(unpack_all(junk).plain == text);
  CHECK(unpack_all(junk).problem == "the compressed file is damaged at byte " + std::to_string(junk.size() - 5) +
                                        ": what follows the last member is not gzip data");
  Bin zjunk = zstd_packed(bytes_of(text));
  append(zjunk, {'h', 'e', 'l', 'l', 'o'});
  CHECK(unpack_all(zjunk).plain == text);
  CHECK(unpack_all(zjunk).problem.find("what follows the last frame is not zstd data") != std::string::npos);
}

TEST_CASE("what comes out before damage, and where that is said to be, does not depend on pieces and room") {
  const std::string text = text_of(3000);
  std::vector<Bin> damaged;
  for (const bool gzip : {true, false}) {
    const Bin packed = gzip ? gzipped(bytes_of(text)) : zstd_packed(bytes_of(text));
    for (std::size_t at = 12; at < packed.size(); at += 3) {
      damaged.push_back(packed);
      damaged.back()[at] ^= 0x55;
    }
  }
  // A frame with a window of 2 MiB and no length, a run of 83,127 zeros, and a block of 333,136 bytes, which none
  // is.
  damaged.push_back({0x28, 0xB5, 0x2F, 0xFD, 0, 0x58, 0xBA, 0x25, 0x0A, 0, 0x85, 0xAA, 0x28, 1, 2, 3, 4, 5});
  const std::size_t run = damaged.size() - 1;
  // A frame that says 4,867 bytes (two bytes behind its window, with 256 added) and holds a block of three as they
  // are.
  damaged.push_back({0x28, 0xB5, 0x2F, 0xFD, 0x50, 0x4B, 0x03, 0x12, 0x19, 0, 0, 1, 2, 3});
  // Behind a sound frame, what zstd 0.5 wrote: nobody's capture, and read in one piece only.
  damaged.push_back(zstd_packed(bytes_of(text)));
  append(damaged.back(), {0x25, 0xB5, 0x2F, 0xFD, 4, 0x58, 0x25, 5, 0, 1, 2, 3});
  for (std::size_t i = 0; i < damaged.size(); ++i) {
    CAPTURE(i);
    const Unpacked whole = unpack_all(damaged[i], SIZE_MAX, false, {}, 65536);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, SIZE_MAX})
      for (const std::size_t room : {std::size_t{100}, std::size_t{4096}, std::size_t{1} << 20}) {
        const Unpacked got = unpack_all(damaged[i], piece, false, {}, room);
        CHECK(got.plain == whole.plain);
        CHECK(got.problem == whole.problem);
      }
  }
  const Unpacked zeros = unpack_all(damaged[run]);
  CHECK(zeros.plain == std::string(83'127, '\0'));
  CHECK(zeros.problem.starts_with("the compressed file is damaged at byte 10: "));
  const Unpacked old = unpack_all(damaged.back());
  CHECK(old.plain == text);
  CHECK(old.problem == "the compressed file is damaged at byte " + std::to_string(damaged.back().size() - 12) +
                           ": what follows the last frame is not zstd data");
}

TEST_CASE("a bomb ends at the limit, and what is no bomb does not") {
  const std::string zeros(8'000'000, '\0');
  UnpackLimits limits;
  limits.free_bytes = 1'000'000;
  for (const Bin& packed : {gzipped(bytes_of(zeros)), zstd_packed(bytes_of(zeros))}) {
    const Unpacked got = unpack_all(packed, SIZE_MAX, false, limits);
    CHECK(got.plain.size() >= limits.free_bytes);
    CHECK(got.plain.size() < 3'000'000);
    CHECK(got.problem.find("the compressed file was given up at byte ") == 0);
    CHECK(unpack_all(packed, SIZE_MAX, false).plain.size() == zeros.size());  // small enough for any ratio
  }
  const std::string text = text_of(4'000'000);  // a sound ratio beyond the free bytes
  CHECK(unpack_all(gzipped(bytes_of(text)), SIZE_MAX, false, limits).problem.empty());
}

TEST_CASE("a frame that wants more memory than it may have is refused with the way out") {
  const std::string text = text_of(100);
  const Unpacked got = unpack_all(zstd_packed(bytes_of(text), 1, 28));
  CHECK(got.plain.empty());
  CHECK(got.problem.find("window of more than 128 MiB; zstd -d --long=31 unpacks it") != std::string::npos);
}

TEST_CASE("what is packed otherwise is refused by name") {
  struct Row {
    std::string bytes;
    Packing packing;
    const char* what;
  };
  for (const Row& row :
       {Row{std::string("\xFD\x37\x7A\x58\x5A\x00\x00", 7), Packing::xz,
            "the file is compressed with xz, which is not read here"},
        Row{"BZh91AY", Packing::bzip2, "the file is compressed with bzip2, which is not read here"},
        Row{"\x04\x22\x4D\x18"
            "abc",
            Packing::lz4, "the file is compressed with lz4, which is not read here"},
        Row{"\x1F\x9D"
            "abcdef",
            Packing::compress, "the file is compressed with compress, which is not read here"},
        Row{"LZIPxx", Packing::lzip, "the file is compressed with lzip, which is not read here"},
        Row{"PK\x03\x04xx", Packing::zip, "the file is compressed with zip, which is not read here"},
        Row{"7z\xBC\xAF\x27\x1C", Packing::seven_zip, "the file is compressed with 7z, which is not read here"}}) {
    CHECK(sniff_packing(bytes_of(row.bytes)) == row.packing);
    CHECK(unpack_all(bytes_of(row.bytes)).refused == row.what);
  }
  for (const char* plain : {"", "B", "{\"demarc\"", "\x1F"}) {
    CHECK(sniff_packing(bytes_of(plain)) == Packing::none);
    CHECK(unpack_all(bytes_of(plain), 1).plain == plain);
  }
}

TEST_CASE("a capture reads the same packed and plain, and a packed one that is cut gives its packets") {
  std::vector<std::uint8_t> file;
  append_pcap_header({}, file);
  for (int i = 0; i < 500; ++i)
    append_pcap_packet({}, kStart + Nanoseconds(i * 1000), bytes_of("packet " + std::to_string(i)), 60, file);
  const auto read_packed = [](Bytes packed) {
    ReadCapture out;
    auto source = unpack(std::make_unique<MemorySource>(packed), "dmz.pcap.gz");
    REQUIRE(source.has_value());
    auto reader = read_capture(std::move(*source), "dmz.pcap.gz");
    REQUIRE(reader.has_value());
    std::array<CapturePacket, 16> batch;
    while (const std::size_t count = (*reader)->read(batch))
      for (std::size_t i = 0; i < count; ++i)
        out.packets.push_back({batch[i].at, batch[i].link, batch[i].wire_length, batch[i].interface, batch[i].frame,
                               std::string(batch[i].bytes.begin(), batch[i].bytes.end())});
    out.statistics = (*reader)->statistics();
    return out;
  };
  const ReadCapture plain = read_all(file);
  for (const Bin& packed : {gzipped(file), zstd_packed(file)}) {
    const ReadCapture got = read_packed(packed);
    CHECK(got.packets == plain.packets);
    CHECK(got.statistics.bytes_read == packed.size());
    CHECK_FALSE(got.statistics.truncated);
  }
  const Bin packed = gzipped(file);
  const ReadCapture cut = read_packed(Bytes(packed).first(packed.size() / 2));
  CHECK(cut.packets.size() > 10);
  CHECK(cut.packets.size() < 500);
  CHECK(std::equal(cut.packets.begin(), cut.packets.end(), plain.packets.begin()));
  CHECK(cut.statistics.truncated);
  CHECK(cut.statistics.problem == "the compressed file is cut: it ends in the middle, at byte " +
                                      std::to_string(packed.size() / 2) + ", after frame " +
                                      std::to_string(cut.packets.size()));
}

TEST_CASE("a reader that goes away early leaves no thread behind, however far it was") {
  const std::string text = text_of(8'000'000);
  const Bin packed = gzipped(bytes_of(text), 1);
  for (const int reads : {0, 1, 2, 3, 40}) {
    auto source = unpack(std::make_unique<MemorySource>(packed), "dmz.gz");
    REQUIRE(source.has_value());
    Bin room(100'000);
    for (int i = 0; i < reads; ++i) REQUIRE((*source)->read(room) != 0);
  }
}

}  // namespace demarc
