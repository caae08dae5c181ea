#include "scanner/files/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>


namespace demarc {

namespace {

/// Small enough to be hashed out of the nearest caches.
constexpr std::size_t kHashedPiece = std::size_t{64} << 10;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  /// 0, or the errno of a close that lost data.
  int close() { return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno; }

 private:
  int fd_;
};

// All bytes, or the errno that stopped them. A disk that fills up shows as a short write and then ENOSPC.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

std::string_view hint_for(int errno_value) {
  switch (errno_value) {
    case ENOENT: return "is the name right? names are relative to the directory you are in";
    case EACCES:
    case EPERM: return "you have no permission for it; see ls -l";
    case EISDIR: return "it is a directory; name a file";
    case ENOTDIR: return "a part of the path is no directory";
    case ENOSPC:
    case EDQUOT: return "the disk is full; free some space or write somewhere else";
    case EROFS: return "the file system is read-only; write somewhere else";
    case EEXIST: return "it exists already; name another file or remove it";
    case EMFILE:
    case ENFILE: return "too many files are open; see ulimit -n";
    case EFBIG: return "the file would become larger than is allowed; see ulimit -f";
    default: return "";
  }
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_directory(const std::string& path) {
  // Best effort: some file systems refuse fsync on directories, and the data itself is safe already.
  const Descriptor directory(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
}

/// All that `write` has to say, or the errno that stopped it.
int write_pieces(int fd, const std::function<void(const TakePiece&)>& write) {
  int problem = 0;
  write([&](std::string_view piece) {
    if (problem == 0) problem = write_all(fd, piece);
    return problem == 0;
  });
  return problem;
}

Result<void> write_directly(int fd, bool owned, const std::string& path,
                            const std::function<void(const TakePiece&)>& write) {
  int problem = write_pieces(fd, write);
  if (owned && ::close(fd) != 0 && problem == 0) problem = errno;
  if (problem != 0)
    return std::unexpected(file_error(path == "-" ? "standard output" : path, "cannot be written", problem));
  return {};
}

}  // namespace

Error file_error(std::string_view path, std::string_view what, int errno_value) {
  return Error{Location{.file = std::string(path)}, fmt::format("{}: {}", what, std::strerror(errno_value)),
               std::string(hint_for(errno_value))};
}

Result<std::string> read_whole_file(const std::string& path, std::uint64_t size_max) {
  FileSource source = DEMARC_TRY(FileSource::open(path));
  const std::string name = path == "-" ? "standard input" : path;
  std::string text;
  std::vector<std::uint8_t> piece(64 * 1024);
  for (;;) {
    const std::size_t count = source.read(piece);
    if (count == 0) break;
    if (text.size() + count > size_max)
      return file_failure(name, fmt::format("is larger than {} bytes", size_max), "is this the right file?");
    text.append(reinterpret_cast<const char*>(piece.data()), count);
  }
  if (const std::string problem = source.problem(); !problem.empty()) return file_failure(name, problem);
  return text;
}

Result<FileHashing> FileHashing::open(const std::string& path) {
  FileSource source = DEMARC_TRY(FileSource::open(path));
  return FileHashing(path, std::move(source));
}

Result<bool> FileHashing::step() {
  std::array<std::uint8_t, kHashedPiece> piece;
  const std::size_t count = source_.read(piece);
  hash_.update({reinterpret_cast<const char*>(piece.data()), count});
  digest.size += count;
  if (count != 0) return true;
  if (const std::string problem = source_.problem(); !problem.empty()) return file_failure(path_, problem);
  digest.sha256 = hash_.finish_hex();
  return false;
}

Result<FileDigest> sha256_of_file(const std::string& path) {
  FileHashing hashing = DEMARC_TRY(FileHashing::open(path));
  for (;;) {
    const bool more = DEMARC_TRY(hashing.step());
    if (!more) return hashing.digest;
  }
}

Result<void> write_file_atomically(const std::string& path, std::string_view bytes) {
  return write_file_atomically(path, [&](const TakePiece& take) { take(bytes); });
}

Result<void> write_file_atomically(const std::string& path, const std::function<void(const TakePiece&)>& write) {
  if (path == "-") return write_directly(STDOUT_FILENO, false, path, write);
  struct stat status{};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return std::unexpected(file_error(path, "cannot be written", EISDIR));
  if (exists && !S_ISREG(status.st_mode)) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return std::unexpected(file_error(path, "cannot be written", errno));
    return write_directly(fd, true, path, write);
  }
  // Through a symbolic link the file it names is replaced, not the link.
  std::string target = path;
  if (char* resolved = exists ? ::realpath(path.c_str(), nullptr) : nullptr) {
    target = resolved;
    std::free(resolved);
  }
  std::string temporary = target + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(file_error(path, "cannot be written", errno));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  int problem = ::fchmod(file.get(), exists ? (status.st_mode & 07777) : (0666 & ~mask)) == 0 ? 0 : errno;
  if (problem == 0) problem = write_pieces(file.get(), write);
  if (problem == 0 && ::fsync(file.get()) != 0 && errno != EINVAL) problem = errno;
  if (const int closing = file.close(); problem == 0) problem = closing;
  if (problem == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) problem = errno;
  if (problem != 0) {
    ::unlink(temporary.c_str());
    return std::unexpected(file_error(path, "cannot be written", problem));
  }
  sync_directory(target);
  return {};
}

Result<AppendFile> AppendFile::open(const std::string& path, Mode mode) {
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (mode == Mode::create_new ? O_EXCL : 0);
  const int fd = ::open(path.c_str(), flags, 0640);
  if (fd < 0) return std::unexpected(file_error(path, "cannot be written", errno));
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    const int problem = errno;
    ::close(fd);
    return std::unexpected(file_error(path, "cannot be examined", problem));
  }
  sync_directory(path);
  return AppendFile(fd, path, static_cast<std::uint64_t>(status.st_size));
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), size_(other.size_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  return *this;
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> AppendFile::append(std::string_view bytes) {
  if (const int problem = write_all(fd_, bytes); problem != 0) {
    // Half a record would be read as damage. If even this fails (a pipe), the reader's own check has to do.
    [[maybe_unused]] const int cut_back = ::ftruncate(fd_, static_cast<off_t>(size_));
    return std::unexpected(file_error(path_, "cannot be written", problem));
  }
  size_ += bytes.size();
  return {};
}

Result<void> AppendFile::sync() {
  if (::fdatasync(fd_) != 0 && errno != EINVAL)
    return std::unexpected(file_error(path_, "cannot be written", errno));
  return {};
}

Result<void> AppendFile::close() {
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0)
    return std::unexpected(file_error(path_, "cannot be written", errno));
  return {};
}

}  // namespace demarc
