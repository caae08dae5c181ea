// Where the bytes of a capture come from: a file, standard input, or memory (tests and fuzzing). Readers of
// evidence open theirs by open_source.h, which also unpacks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "probes/wire/bytes.h"
#include "rules/text/result.h"

namespace demarc {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills the front of `into` and says how much; 0 at the end or after an error.
  virtual std::size_t read(std::span<std::uint8_t> into) = 0;
  /// What went wrong, in words; empty: nothing.
  virtual std::string problem() const { return {}; }
  /// How many bytes of the file as it lies there are used up, where that differs from what was read: compressed
  /// ones.
  virtual std::optional<std::uint64_t> bytes_of_file() const { return std::nullopt; }
};

/// The bytes must outlive it. `piece_max` makes it give less at a time than was asked, as pipes do.
class MemorySource : public ByteSource {
 public:
  explicit MemorySource(Bytes bytes, std::size_t piece_max = SIZE_MAX) : rest_(bytes), piece_max_(piece_max) {}
  std::size_t read(std::span<std::uint8_t> into) override;

 private:
  Bytes rest_;
  std::size_t piece_max_;
};

/// A file by read(2), "-" for standard input.
class FileSource : public ByteSource {
 public:
  /// Refuses directories; every error says what to do.
  static Result<FileSource> open(const std::string& path);
  FileSource(FileSource&& other) noexcept;
  FileSource& operator=(FileSource&& other) noexcept;
  ~FileSource() override;
  std::size_t read(std::span<std::uint8_t> into) override;
  std::string problem() const override { return problem_; }

 private:
  FileSource(int fd, bool owned) : fd_(fd), owned_(owned) {}
  int fd_ = -1;
  bool owned_ = false;
  std::string problem_;
};

/// Standard input, looked at and not taken: what this reads, a FileSource of "-" gives before the rest. Each look
/// begins at the beginning. Not while somebody reads standard input.
class StandardInputLook : public ByteSource {
 public:
  std::size_t read(std::span<std::uint8_t> into) override;
  std::string problem() const override { return problem_; }

 private:
  std::size_t given_ = 0;
  std::string problem_;
};

}  // namespace demarc
