// A window on a stream of bytes: as much as was read and not yet taken, contiguous, read in large pieces. Memory
// does not depend on what a file claims about itself.
//
// read(2) into a window measures faster than mmap(2) (0.10 against 0.14 s for 1.1 GB in the page cache: no page
// faults), so there is one way for files, pipes and unpacked bytes. keep() lets another thread work on what has
// been read while this one reads on: the window is then left alone, and the next piece goes into another one.
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
  /// The first window, and the only one of a short capture: a directory of ten thousand ring files is read often.
  static constexpr std::size_t kFirstWindow = std::size_t{64} << 10;

  explicit ByteBuffer(std::unique_ptr<ByteSource> source);

  /// What is there without reading. Valid until the next want() or skip() that reads.
  Bytes ready() const { return Bytes(bytes_ + begin_, end_ - begin_); }
  /// Reads until `count` bytes are there; false if the stream ends before. Moves what ready() gave.
  bool want(std::size_t count);
  /// Forgets bytes that are ready.
  void take(std::size_t count) { begin_ += count; }
  /// Forgets bytes, ready or not; how many there really were.
  std::uint64_t skip(std::uint64_t count);
  /// As long as a copy of this lives, in whatever thread, what ready() gave stays where it is and as it is, also
  /// while the stream is read on and after this buffer has gone. A window that is kept takes up to 2 MiB.
  std::shared_ptr<const void> keep();
  /// Bytes taken since the start.
  std::uint64_t offset() const { return read_ - (end_ - begin_); }
  /// Of the file: compressed bytes, where it is compressed.
  std::uint64_t bytes_read() const { return source_->bytes_of_file().value_or(read_); }
  bool at_end() const { return at_end_ && begin_ == end_; }
  std::string problem() const { return source_->problem(); }

 private:
  class Windows;
  void read_some();
  std::unique_ptr<ByteSource> source_;
  std::shared_ptr<Windows> windows_;  // those nobody uses, to be used again
  std::shared_ptr<std::uint8_t[]> window_;
  std::uint8_t* bytes_ = nullptr;  // window_'s
  std::size_t room_ = kFirstWindow;
  bool kept_ = false;  // somebody may hold window_
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t read_ = 0;
  bool at_end_ = false;
};

}  // namespace demarc
