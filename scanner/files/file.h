// Small, careful file operations: what goes wrong is said with the file's name and what to do about it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "rules/text/result.h"
#include "rules/text/sha256.h"
#include "scanner/files/byte_source.h"

namespace demarc {

/// "permission denied: ...", with a hint, for a failed system call on a file.
Error file_error(std::string_view path, std::string_view what, int errno_value);

/// The whole file, "-" for standard input. Refuses directories and more than `size_max` bytes.
Result<std::string> read_whole_file(const std::string& path, std::uint64_t size_max);

struct FileDigest {
  std::string sha256;  // lower-case hex
  std::uint64_t size = 0;
};
Result<FileDigest> sha256_of_file(const std::string& path);

/// The same in steps, so that the work can change hands.
class FileHashing {
 public:
  static Result<FileHashing> open(const std::string& path);
  /// Takes the next piece; false: that was all, and `digest` is whole.
  Result<bool> step();
  FileDigest digest;

 private:
  FileHashing(std::string path, FileSource source) : path_(std::move(path)), source_(std::move(source)) {}
  std::string path_;
  FileSource source_;
  Sha256 hash_;
};

/// All or nothing: a temporary file beside it, fsync, rename, fsync of the directory. "-" is standard output;
/// what is no regular file (/dev/null, a pipe) is written to directly.
Result<void> write_file_atomically(const std::string& path, std::string_view bytes);
/// The same for what need not stand in memory as a whole: `write` hands its pieces to the function it is given, and
/// stops where that says false, because nothing more can be written.
using TakePiece = std::function<bool(std::string_view piece)>;
Result<void> write_file_atomically(const std::string& path, const std::function<void(const TakePiece&)>& write);

/// Appends records; each append() is whole or an error, and then the file has been cut back to the last whole one.
class AppendFile {
 public:
  enum class Mode { create_new, append_or_create };
  static Result<AppendFile> open(const std::string& path, Mode mode);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  Result<void> append(std::string_view bytes);
  Result<void> sync();
  Result<void> close();
  std::uint64_t size() const { return size_; }

 private:
  AppendFile(int fd, std::string path, std::uint64_t size) : fd_(fd), path_(std::move(path)), size_(size) {}
  int fd_ = -1;
  std::string path_;
  std::uint64_t size_ = 0;
};

}  // namespace demarc
