// demarc scan --remote: the far side of `scan --all`. The rule set comes over standard input (remote_request.h),
// the journal goes to standard output, and the scan ends in order when the asker says so or is gone.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>

#include "scanner/app/console.h"
#include "scanner/app/remote_request.h"
#include "scanner/app/world.h"
#include "scanner/files/file.h"

namespace demarc {

namespace {

constexpr const char* kScopeLimit = "/etc/demarc/scope.yaml";  // of the machine, where the key's line names none
constexpr int kRequestPatienceMs = 60'000;

/// Reads standard input until the request is whole.
Result<RemoteRequestReader> read_request() {
  RemoteRequestReader reader;
  std::string buffer(64 * 1024, '\0');
  while (!reader.complete()) {
    pollfd ready{STDIN_FILENO, POLLIN, 0};
    int n = poll(&ready, 1, kRequestPatienceMs);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return failure("no request came within a minute", "--remote is for 'demarc scan --all'");
    ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) return failure("the request ended before it was whole", "--remote is for 'demarc scan --all'");
    DEMARC_TRY(reader.feed(std::string_view(buffer.data(), static_cast<std::size_t>(size))));
  }
  return reader;
}

/// Bytes as a file without a name, for what takes a path. Stays open for the rest of the process.
Result<std::string> nameless_file(const char* what, const std::string& bytes) {
  int fd = memfd_create(what, MFD_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(what, "cannot be kept in memory", errno));
  for (std::size_t at = 0; at < bytes.size();) {
    ssize_t n = write(fd, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno != EINTR) return std::unexpected(file_error(what, "cannot be kept in memory", errno));
    if (n > 0) at += static_cast<std::size_t>(n);
  }
  return fmt::format("/proc/self/fd/{}", fd);
}

/// "stop", or the end of the input: nobody waits for the rest. By a signal and not by a thread: the raw engine
/// gives up its privilege for the whole process, which it can only while there is one thread.
void on_input(int) {
  static std::size_t seen = 0;  // bytes that are no "stop": there is nothing else to say
  int problem = errno;
  char buffer[256];
  for (;;) {
    ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (size <= 0) {
      request_stop();
      break;
    }
    seen += static_cast<std::size_t>(size);
    if (seen >= kStopLine.size()) request_stop();
  }
  errno = problem;
}

Result<void> watch_input(std::string_view already_read) {
  struct sigaction action {};
  action.sa_handler = on_input;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  int flags = fcntl(STDIN_FILENO, F_GETFL);
  if (sigaction(SIGIO, &action, nullptr) != 0 || fcntl(STDIN_FILENO, F_SETOWN, getpid()) != 0 || flags < 0 ||
      fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK | O_ASYNC) != 0) {
    return std::unexpected(file_error("standard input", "cannot be watched", errno));
  }
  if (!already_read.empty()) request_stop();
  raise(SIGIO);  // what came before anybody watched
  return {};
}

}  // namespace

int run_scan_remote(const ScanCommand& command) {
  if (!command.common.outputs.empty() || !command.resume.empty() || !command.selection.scope.empty() ||
      (!command.common.rules_file.empty() && command.common.rules_file != "-")) {
    say(Error{{},
              "--remote takes its rule set from standard input and writes its journal to standard output",
              "it is for 'demarc scan --all' on another machine"});
    return kCouldNotRun;
  }
  std::signal(SIGPIPE, SIG_IGN);  // a write to nobody is an error like any other
  Result<RemoteRequestReader> read = read_request();
  if (!read) return say(read.error()), kCouldNotRun;
  RemoteRequest request = read->take();

  ScanCommand scan = command;
  scan.remote = false;  // from here on it is a scan like any other
  if (scan.selection.scope_limit.empty()) {
    struct stat info {};
    // Anything but "it is not there" must not be taken for "anything goes": reading it says why it cannot be read.
    if (stat(kScopeLimit, &info) == 0 || errno != ENOENT) scan.selection.scope_limit = kScopeLimit;
  }
  scan.common.rules_file.clear();
  scan.common.rule_bundle = std::make_shared<RuleBundle>(std::move(request.rules));
  scan.common.format = "jsonl";
  scan.journal_to_stdout = true;
  if (request.targets) {
    Result<std::string> path = nameless_file("targets", *request.targets);
    if (!path) return say(path.error()), kCouldNotRun;
    scan.selection.targets_file = *path;
  }
  if (request.journal) {
    Result<std::string> path = nameless_file("journal", *request.journal);
    if (!path) return say(path.error()), kCouldNotRun;
    scan.resume = *path;
  }
  if (Result<void> watched = watch_input(read->rest()); !watched) return say(watched.error()), kCouldNotRun;
  return run_scan(scan);
}

}  // namespace demarc
