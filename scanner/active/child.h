// A program of our own beside us: its three standard streams are pipes, and it leads a process group, so that
// Ctrl-C at the terminal reaches us and not it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"

namespace demarc {

class Child {
 public:
  /// Starts `program` (looked for in PATH if it has no '/') with the given argument vector. No shell is involved.
  /// The child has our environment, without what sshd said to ourselves, and every signal as usual.
  static Result<Child> start(const std::string& program, const std::vector<std::string>& arguments);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  /// Ends it (SIGKILL to its group) if it still runs.
  ~Child();

  /// Our ends: non-blocking; -1 once closed.
  int input() const { return in_; }
  int output() const { return out_; }
  int errors() const { return err_; }
  void close_input() { close_end(in_); }
  void close_output() { close_end(out_); }
  void close_errors() { close_end(err_); }

  /// To its process group.
  void signal(int number);
  /// Its exit code, or 128 and the signal that ended it; nullopt: it runs.
  std::optional<int> ended();

 private:
  Child(pid_t pid, int in, int out, int err) : pid_(pid), in_(in), out_(out), err_(err) {}
  static void close_end(int& end);
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::optional<int> code_;
};

}  // namespace demarc
