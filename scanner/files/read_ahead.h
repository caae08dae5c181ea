// A source whose reading is slow enough to deserve a thread: it works ahead by a few pieces and no more, so memory
// stays what it is however slow the reader.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "scanner/files/byte_source.h"

namespace demarc {

class ReadAhead : public ByteSource {
 public:
  static constexpr std::size_t kPieces = 4, kPieceBytes = std::size_t{1} << 20;

  explicit ReadAhead(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead() override;
  /// The first one is done here; the thread begins with the second.
  std::size_t read(std::span<std::uint8_t> into) override;
  std::string problem() const override { return problem_; }
  std::optional<std::uint64_t> bytes_of_file() const override { return bytes_of_file_; }

 private:
  struct Piece {
    std::vector<std::uint8_t> bytes;
    std::size_t size = 0;  // 0: the end
    std::optional<std::uint64_t> bytes_of_file;
    std::string problem;
  };
  void work();

  std::unique_ptr<ByteSource> source_;  // of the thread, once it runs
  bool first_ = true, ended_ = false;
  std::string problem_;
  std::optional<std::uint64_t> bytes_of_file_;
  std::size_t given_ = 0;  // of the piece that is being read

  Piece pieces_[kPieces];
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t made_ = 0, used_ = 0;  // pieces since the start; guarded by mutex_
  bool stop_ = false;                  // guarded by mutex_
  std::thread thread_;
};

}  // namespace demarc
