#include "scanner/files/open_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "scanner/files/read_ahead.h"
#include "scanner/files/unpacking.h"

namespace demarc {

namespace {

struct PackingRow {
  Packing packing;
  std::string_view magic;
  std::string_view name;  // of the format, for messages
  std::string_view tool;  // what turns it into plain bytes on standard output
};
// The magic numbers: RFC 1952 §2.3.1, RFC 8878 §3.1.1, and each format's own description. LZ4's is that of its
// frames.
constexpr PackingRow kPackings[] = {
    {Packing::gzip, "\x1F\x8B", "gzip", "gzip -dc"},
    {Packing::zstd, "\x28\xB5\x2F\xFD", "zstd", "zstd -dc"},
    {Packing::xz, std::string_view("\xFD\x37\x7A\x58\x5A\x00", 6), "xz", "xz -dc"},
    {Packing::bzip2, "BZh", "bzip2", "bzip2 -dc"},
    {Packing::lz4, "\x04\x22\x4D\x18", "lz4", "lz4 -dc"},
    {Packing::compress, "\x1F\x9D", "compress", "gzip -dc"},
    {Packing::lzip, "LZIP", "lzip", "lzip -dc"},
    {Packing::zip, "PK\x03\x04", "zip", "unzip -p"},
    {Packing::seven_zip, "7z\xBC\xAF\x27\x1C", "7z", "7z x -so"},
};

/// Bytes that were read to look at them, then the source they came from.
class AfterLook : public ByteSource {
 public:
  AfterLook(std::vector<std::uint8_t> head, std::unique_ptr<ByteSource> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}
  std::size_t read(std::span<std::uint8_t> into) override {
    if (given_ == head_.size()) return rest_->read(into);
    const std::size_t count = std::min(into.size(), head_.size() - given_);
    std::memcpy(into.data(), head_.data() + given_, count);
    given_ += count;
    return count;
  }
  std::string problem() const override { return given_ == head_.size() ? rest_->problem() : std::string(); }

 private:
  std::vector<std::uint8_t> head_;
  std::size_t given_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

}  // namespace

Packing sniff_packing(Bytes first) {
  for (const PackingRow& row : kPackings)
    if (first.size() >= row.magic.size() && std::memcmp(first.data(), row.magic.data(), row.magic.size()) == 0)
      return row.packing;
  // A zstd file may begin with a frame to be skipped (RFC 8878 §3.1.2), as pzstd's do.
  if (first.size() >= 4 && (le32(first.data()) & 0xFFFFFFF0U) == 0x184D2A50U) return Packing::zstd;
  return Packing::none;
}

Result<std::unique_ptr<ByteSource>> unpack(std::unique_ptr<ByteSource> source, const std::string& name,
                                           bool own_thread, const UnpackLimits& limits) {
  std::vector<std::uint8_t> head(kPackingBytes);
  std::size_t size = 0;
  while (size < head.size()) {
    const std::size_t count = source->read(std::span(head).subspan(size));
    if (count == 0) break;
    size += count;
  }
  head.resize(size);
  const Packing packing = sniff_packing(head);
  std::unique_ptr<ByteSource> whole = std::make_unique<AfterLook>(std::move(head), std::move(source));
  std::unique_ptr<Unpacker> unpacker;
  switch (packing) {
    case Packing::none: return whole;
    case Packing::gzip: unpacker = make_gzip_unpacker(); break;
    case Packing::zstd: unpacker = make_zstd_unpacker(); break;
    default: {
      const PackingRow& row = *std::find_if(std::begin(kPackings), std::end(kPackings),
                                            [&](const PackingRow& r) { return r.packing == packing; });
      return file_failure(
          name, fmt::format("the file is compressed with {}, which is not read here", row.name),
          fmt::format("unpack it first, for example: {} FILE | demarc COMMAND -; gzip and zstd are read "
                      "as they are",
                      row.tool));
    }
  }
  whole = std::make_unique<UnpackingSource>(std::move(whole), std::move(unpacker), limits);
  if (own_thread) whole = std::make_unique<ReadAhead>(std::move(whole));
  return whole;
}

Result<std::unique_ptr<ByteSource>> open_source(const std::string& path) {
  FileSource source = DEMARC_TRY(FileSource::open(path));
  return unpack(std::make_unique<FileSource>(std::move(source)), path == "-" ? "standard input" : path);
}

}  // namespace demarc
