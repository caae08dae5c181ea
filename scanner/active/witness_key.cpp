#include "scanner/active/witness_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr std::size_t kFileMax = 4096;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Forgets what was in it; the compiler must not think that nobody would look.
void wipe(void* bytes, std::size_t size) { ::explicit_bzero(bytes, size); }

}  // namespace

Result<WitnessKey> read_witness_key_file(const std::string& path) {
  // The open file is looked at, not the name, so that nothing can be swapped in between. Not blocking: a FIFO
  // would.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return std::unexpected(file_error(path, "the witness key cannot be read", errno));
  struct stat about{};
  if (::fstat(file.get(), &about) != 0)
    return std::unexpected(file_error(path, "the witness key cannot be read", errno));
  if (!S_ISREG(about.st_mode)) return file_failure(path, "a witness key is kept in a regular file");
  if ((about.st_mode & 077U) != 0)
    return file_failure(path,
                        fmt::format("others may read or change this key (mode {:04o})", about.st_mode & 07777U),
                        fmt::format("if nobody did: chmod 600 {}; otherwise make a new one", path));
  if (about.st_uid != ::geteuid() && about.st_uid != 0)
    return file_failure(path, "this key belongs to another user", "make one of your own with --new-key");
  char text[kFileMax + 1];
  std::size_t size = 0;
  while (size < sizeof text) {
    const ssize_t n = ::read(file.get(), text + size, sizeof text - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(file_error(path, "the witness key cannot be read", errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  Result<WitnessKey> key = parse_witness_key(std::string_view(text, size));
  wipe(text, sizeof text);
  if (!key) return file_failure(path, key.error().what, key.error().hint);
  return key;
}

Result<WitnessKey> create_witness_key_file(const std::string& path) {
  WitnessKey key;
  for (std::size_t have = 0; have < key.bytes.size();) {
    const ssize_t n = ::getrandom(key.bytes.data() + have, key.bytes.size() - have, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure(fmt::format("the kernel gives no random numbers: {}", std::strerror(errno)));
    have += static_cast<std::size_t>(n);
  }
  std::string text;
  for (const std::uint8_t byte : key.bytes) text += fmt::format("{:02x}", byte);
  text += '\n';
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EEXIST)
    return file_failure(path, "the file exists already", "a key is never overwritten: give another name");
  if (fd < 0) return std::unexpected(file_error(path, "the key cannot be written", errno));
  const Descriptor file(fd);
  const auto give_up = [&](int problem) {
    ::unlink(path.c_str());
    return std::unexpected(file_error(path, "the key cannot be written", problem));
  };
  // The umask may have taken bits away, never added any; a default ACL may have.
  if (::fchmod(fd, 0600) != 0) return give_up(errno);
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t n = ::write(fd, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return give_up(errno);
    written += static_cast<std::size_t>(n);
  }
  if (::fsync(fd) != 0 && errno != EINVAL) return give_up(errno);
  wipe(text.data(), text.size());
  return key;
}

}  // namespace demarc
