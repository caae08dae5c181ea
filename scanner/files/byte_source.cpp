#include "scanner/files/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "scanner/files/file.h"

namespace demarc {

std::size_t MemorySource::read(std::span<std::uint8_t> into) {
  const std::size_t count = std::min({into.size(), rest_.size(), piece_max_});
  if (count != 0) std::memcpy(into.data(), rest_.data(), count);
  rest_ = rest_.subspan(count);
  return count;
}

Result<FileSource> FileSource::open(const std::string& path) {
  if (path == "-") return FileSource(STDIN_FILENO, false);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(path, "cannot be opened", errno));
  FileSource source(fd, true);
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::unexpected(file_error(path, "cannot be examined", errno));
  if (S_ISDIR(status.st_mode)) return std::unexpected(file_error(path, "cannot be read", EISDIR));
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);  // only advice
  return source;
}

FileSource::FileSource(FileSource&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      owned_(std::exchange(other.owned_, false)),
      problem_(std::move(other.problem_)) {}

FileSource& FileSource::operator=(FileSource&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(problem_, other.problem_);
  return *this;
}

FileSource::~FileSource() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

std::size_t FileSource::read(std::span<std::uint8_t> into) {
  for (;;) {
    const ssize_t count = ::read(fd_, into.data(), into.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    problem_ = std::string("reading failed: ") + std::strerror(errno);
    return 0;
  }
}

}  // namespace demarc
