#include "scanner/files/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "scanner/files/file.h"

namespace demarc {

namespace {

/// What was read of standard input to look at it, and not yet given. The process has one standard input.
std::vector<std::uint8_t> looked_at;

std::size_t copy_front(Bytes from, std::span<std::uint8_t> into) {
  const std::size_t count = std::min(into.size(), from.size());
  if (count != 0) std::memcpy(into.data(), from.data(), count);
  return count;
}

std::size_t read_some(int fd, std::span<std::uint8_t> into, std::string& problem) {
  for (;;) {
    const ssize_t count = ::read(fd, into.data(), into.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    problem = std::string("reading failed: ") + std::strerror(errno);
    return 0;
  }
}

}  // namespace

std::size_t MemorySource::read(std::span<std::uint8_t> into) {
  const std::size_t count = copy_front(rest_, into.first(std::min(into.size(), piece_max_)));
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
  if (fd_ == STDIN_FILENO && !looked_at.empty()) {
    const std::size_t count = copy_front(looked_at, into);
    looked_at.erase(looked_at.begin(), looked_at.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  return read_some(fd_, into, problem_);
}

std::size_t StandardInputLook::read(std::span<std::uint8_t> into) {
  std::size_t count = copy_front(Bytes(looked_at).subspan(given_), into);
  if (count == 0) {
    count = read_some(STDIN_FILENO, into, problem_);
    looked_at.insert(looked_at.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(count));
  }
  given_ += count;
  return count;
}

}  // namespace demarc
