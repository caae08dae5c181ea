// A window on a stream of bytes: as much as was read and not yet taken, contiguous, read in 1 MiB pieces. Memory
// does not depend on what a file claims about itself.
#pragma once

#include <cstdint>
#include <memory>

#include "scanner/files/byte_source.h"

namespace demarc {

class ByteBuffer {
 public:
  static constexpr std::size_t kPiece = std::size_t{1} << 20;
  /// No more than this can be asked for at once.
  static constexpr std::size_t kWindowMax = kPiece;

  explicit ByteBuffer(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)), bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(kSize)) {}

  /// What is there without reading. Valid until the next want() or skip() that reads.
  Bytes ready() const { return Bytes(bytes_.get() + begin_, end_ - begin_); }
  /// Reads until `count` bytes are there; false if the stream ends before. Moves what ready() gave.
  bool want(std::size_t count);
  /// Forgets bytes that are ready.
  void take(std::size_t count) { begin_ += count; }
  /// Forgets bytes, ready or not; how many there really were.
  std::uint64_t skip(std::uint64_t count);
  /// Bytes taken since the start.
  std::uint64_t offset() const { return read_ - (end_ - begin_); }
  /// Of the file: compressed bytes, where it is compressed.
  std::uint64_t bytes_read() const { return source_->bytes_of_file().value_or(read_); }
  bool at_end() const { return at_end_ && begin_ == end_; }
  std::string problem() const { return source_->problem(); }

 private:
  void read_some();
  std::unique_ptr<ByteSource> source_;
  static constexpr std::size_t kSize = kWindowMax + kPiece;
  std::unique_ptr<std::uint8_t[]> bytes_;  // left as it is: zeroing two megabytes for each small file is dear
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t read_ = 0;
  bool at_end_ = false;
};

}  // namespace demarc
