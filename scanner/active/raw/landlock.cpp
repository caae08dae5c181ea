#include "scanner/active/raw/landlock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace demarc {

namespace {

using Rights = std::uint64_t;
constexpr Rights kExecute = LANDLOCK_ACCESS_FS_EXECUTE, kReadFile = LANDLOCK_ACCESS_FS_READ_FILE,
                 kReadDirectory = LANDLOCK_ACCESS_FS_READ_DIR, kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr Rights kRefer = Rights{1} << 13, kTruncate = Rights{1} << 14, kIoctlDevice = Rights{1} << 15;
constexpr Rights kMake = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;
/// What can be said of a file that is no directory.
constexpr Rights kOfFiles = kExecute | kReadFile | kWriteFile | kTruncate | kIoctlDevice;

/// Everything that a kernel of this version can deny.
Rights handled_by(int abi) {
  Rights rights = (Rights{1} << 13) - 1;
  if (abi >= 2) rights |= kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDevice;
  return rights;
}

struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;  // version 4: left alone, connecting is what we do
  std::uint64_t scoped = 0;   // version 6: abstract sockets (1) and signals (2) to others
};
std::size_t size_for(int abi) { return abi >= 6 ? 24 : abi >= 4 ? 16 : 8; }

bool allow(int ruleset, const std::string& path, Rights rights, std::vector<std::string>& missing) {
  int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  struct stat kind{};
  if (fd < 0 || fstat(fd, &kind) != 0) {
    missing.push_back(fmt::format("{}: {}", path, std::strerror(errno)));
    if (fd >= 0) close(fd);
    return true;
  }
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(kind.st_mode) ? rights : rights & kOfFiles;
  rule.parent_fd = fd;
  bool added = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  int cause = errno;
  close(fd);
  errno = cause;
  return added;
}

}  // namespace

int landlock_abi() {
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

bool landlock_restrict(const LandlockWish& wish, int abi, std::vector<std::string>& missing) {
  RulesetAttributes attributes;
  attributes.files = handled_by(abi);
  if (abi >= 6 && !wish.children) attributes.scoped = 3;
  int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size_for(abi), 0));
  if (ruleset < 0) return false;
  const Rights read = kReadFile | kReadDirectory;
  bool good = true;
  for (const std::string& path : wish.readable) good = good && allow(ruleset, path, read, missing);
  for (const std::string& path : wish.writable)
    good =
        good && allow(ruleset, path, (read | kWriteFile | kMake | kRefer | kTruncate) & attributes.files, missing);
  if (wish.children) {
    good = good && allow(ruleset, "/", read | kExecute, missing);
    for (const char* device : {"/dev/null", "/dev/tty", "/dev/ptmx", "/dev/pts"})
      if (access(device, F_OK) == 0)
        good = good && allow(ruleset, device, (read | kWriteFile | kIoctlDevice) & attributes.files, missing);
  }
  good = good && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  int cause = errno;
  close(ruleset);
  errno = cause;
  return good;
}

}  // namespace demarc
