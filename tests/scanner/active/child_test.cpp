#include "scanner/active/child.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

using namespace demarc;

namespace {

/// All that a descriptor gives until it ends.
std::string read_all(int fd) {
  std::string out;
  char buffer[4096];
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    poll(&ready, 1, 10'000);
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (ready.revents == 0) return out + "(ten seconds of silence)";
      continue;
    }
    if (n <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

int wait_for(Child& child) {
  for (int i = 0; i < 10'000; ++i) {
    if (std::optional<int> code = child.ended()) return *code;
    usleep(1000);
  }
  return -1;
}

}  // namespace

TEST_CASE("arguments arrive as they are, whatever a shell would make of them") {
  Result<Child> child = Child::start("printf", {"printf", "%s|%s|%s", "$HOME; id", "`a` 'b' \"c\"", "line\nline"});
  REQUIRE(child);
  CHECK(read_all(child->output()) == "$HOME; id|`a` 'b' \"c\"|line\nline");
  CHECK(wait_for(*child) == 0);
}

TEST_CASE("three pipes: what is written comes back, and errors have a pipe of their own") {
  Result<Child> child = Child::start("sh", {"sh", "-c", "cat; echo trouble >&2; exit 3"});
  REQUIRE(child);
  REQUIRE(write(child->input(), "hello\n", 6) == 6);
  child->close_input();
  CHECK(read_all(child->output()) == "hello\n");
  CHECK(read_all(child->errors()) == "trouble\n");
  CHECK(wait_for(*child) == 3);
  child->signal(SIGKILL);  // of a process that is gone: nothing
}

TEST_CASE("a program that is not there is an error, and a signal is told from an exit") {
  CHECK_FALSE(Child::start("/nonexistent/program", {"program"}));
  Result<Child> child = Child::start("sleep", {"sleep", "60"});
  REQUIRE(child);
  CHECK_FALSE(child->ended());
  child->signal(SIGTERM);
  CHECK(wait_for(*child) == 128 + SIGTERM);
}

TEST_CASE("what sshd said to us is not said to a child, and signals are as usual there") {
  setenv("SSH_ORIGINAL_COMMAND", "demarc scan --remote", 1);
  signal(SIGPIPE, SIG_IGN);
  Result<Child> child =
      Child::start("sh", {"sh", "-c", "printf '%s' \"${SSH_ORIGINAL_COMMAND:-nothing}\"; kill -PIPE $$"});
  unsetenv("SSH_ORIGINAL_COMMAND");
  REQUIRE(child);
  CHECK(read_all(child->output()) == "nothing");
  CHECK(wait_for(*child) == 128 + SIGPIPE);
  signal(SIGPIPE, SIG_DFL);
}

TEST_CASE("who lets go of a child ends it, and its children") {
  pid_t grandchild = 0;
  {
    Result<Child> child = Child::start("sh", {"sh", "-c", "sleep 60 & echo $!; wait"});
    REQUIRE(child);
    std::string line;
    for (char c = 0; c != '\n';) {
      pollfd ready{child->output(), POLLIN, 0};
      REQUIRE(poll(&ready, 1, 10'000) == 1);
      REQUIRE(read(child->output(), &c, 1) == 1);
      line += c;
    }
    grandchild = static_cast<pid_t>(std::strtol(line.c_str(), nullptr, 10));
    REQUIRE(grandchild > 1);
    CHECK(kill(grandchild, 0) == 0);
  }
  bool gone = false;
  for (int i = 0; i < 5000 && !gone; ++i) {
    // A zombie that nobody has waited for yet still has its number: its state tells.
    std::string path = "/proc/" + std::to_string(grandchild) + "/stat";
    FILE* file = fopen(path.c_str(), "r");
    char state = 'X';
    if (file == nullptr || fscanf(file, "%*d (%*[^)]) %c", &state) != 1 || state == 'Z') gone = true;
    if (file != nullptr) fclose(file);
    if (!gone) usleep(1000);
  }
  CHECK(gone);
}
