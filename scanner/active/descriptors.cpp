#include "scanner/active/descriptors.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace demarc {

namespace {

constexpr std::uint32_t kSpared = 16;  // for journals, logs and whatever else the program opens meanwhile

std::uint64_t descriptors_in_use() {
  std::uint64_t used = 0;
  if (DIR* directory = opendir("/proc/self/fd")) {
    while (readdir(directory) != nullptr) ++used;
    closedir(directory);
  } else {
    used = 16;
  }
  return used;
}

}  // namespace

Result<SocketRoom> room_for_sockets(std::uint32_t probes_max, std::uint32_t conversations_max) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return failure(fmt::format("cannot read the limit of open files: {}", std::strerror(errno)));
  // The soft limit is only a default for programs that use select().
  rlim_t wanted = rlim_t{probes_max} + conversations_max + 64;
  if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = std::min(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  std::uint64_t used = descriptors_in_use();
  std::uint64_t room = limit.rlim_cur > used + kSpared ? limit.rlim_cur - used - kSpared : 0;
  if (room < 4) return failure("too few open files are allowed to probe anything", "raise the limit (ulimit -n)");
  SocketRoom result;
  result.conversations =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room / 4, 1, std::max(1U, conversations_max)));
  result.probes = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(room - result.conversations, 1, std::max(1U, probes_max)));
  return result;
}

}  // namespace demarc
