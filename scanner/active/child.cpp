#include "scanner/active/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace demarc {

namespace {

/// Both ends of a pipe, closed unless they are taken.
struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (int end : ends)
      if (end >= 0) close(end);
  }
  bool open() { return pipe2(ends, O_CLOEXEC) == 0; }
  int take(int which) { return std::exchange(ends[which], -1); }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<Child> Child::start(const std::string& program, const std::vector<std::string>& arguments) {
  auto failed = [&](int problem) {
    return failure(fmt::format("cannot start {}: {}", program, std::strerror(problem)),
                   problem == ENOENT && program == "ssh" ? "install openssh-client" : "");
  };
  Pipe in, out, err;
  if (!in.open() || !out.open() || !err.open()) return failed(errno);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.ends[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&usual, number);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> words = arguments, variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("SSH_ORIGINAL_COMMAND=")) variables.emplace_back(*variable);
  std::vector<char*> argv = pointers(words), envp = pointers(variables);
  pid_t pid = -1;
  int problem = posix_spawnp(&pid, program.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (problem != 0) return failed(problem);

  for (int end : {in.ends[1], out.ends[0], err.ends[0]}) fcntl(end, F_SETFL, O_NONBLOCK);
  return Child(pid, in.take(1), out.take(0), err.take(0));
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      in_(std::exchange(other.in_, -1)),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      code_(other.code_) {}

Child& Child::operator=(Child&& other) noexcept {
  Child taken(std::move(other));
  std::swap(pid_, taken.pid_);
  std::swap(in_, taken.in_);
  std::swap(out_, taken.out_);
  std::swap(err_, taken.err_);
  std::swap(code_, taken.code_);
  return *this;
}

Child::~Child() {
  close_input();
  close_output();
  close_errors();
  if (pid_ < 0 || code_) return;
  signal(SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

void Child::close_end(int& end) {
  if (end >= 0) close(end);
  end = -1;
}

void Child::signal(int number) {
  // Not once it was waited for: the number may be somebody else's by then.
  if (pid_ > 0 && !code_) kill(-pid_, number);
}

std::optional<int> Child::ended() {
  if (code_ || pid_ < 0) return code_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

}  // namespace demarc
