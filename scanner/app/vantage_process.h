// One vantage point at work: a process here or behind ssh, what it is sent, what it says, and its journal. Foreign
// text and numbers come out of it; everything is bounded, and nothing reaches the terminal unescaped.
#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/result.h"
#include "scanner/active/child.h"
#include "scanner/app/progress.h"
#include "scanner/app/vantage_stream.h"
#include "scanner/files/file.h"

namespace demarc {

class VantageProcess {
 public:
  struct Setup {
    std::string name;     // of the vantage point
    std::string program;  // "ssh", or ourselves
    std::vector<std::string> arguments;
    std::string request;  // for its standard input
    std::string journal;  // the file
    bool resumed = false;
    std::string resumed_text;  // the file's whole records
    VantageStream::Expected expected;
  };
  enum class State { running, ended, lost, not_begun };

  explicit VantageProcess(Setup setup);
  /// An error if the journal to resume is another plan's, or the process cannot be started.
  Result<void> start();

  /// What poll() is to wait for.
  void add_to(std::vector<pollfd>& waiting) const;
  /// Reads and writes what is possible without waiting. An error is ours (a full disk), not the vantage point's.
  Result<void> work();
  /// In order: the far side writes its end record.
  void ask_to_stop();
  /// Not in order: its journal ends here, as lost.
  Result<void> give_up(const std::string& why);

  const std::string& name() const { return setup_.name; }
  const std::string& journal() const { return setup_.journal; }
  State state() const { return state_; }
  const std::string& why() const { return why_; }
  const Progress::State& progress() const { return progress_; }
  const VantageStream& stream() const { return stream_; }

 private:
  using Clock = std::chrono::steady_clock;
  void write_input();
  Result<void> read_output();
  void read_errors();
  void take_error_line(std::string_view line);
  Result<void> keep(std::string_view lines);
  Result<void> finish(std::optional<int> code);

  Setup setup_;
  VantageStream stream_;
  std::optional<Child> child_;
  std::optional<AppendFile> file_;
  std::optional<Error> disk_;  // our own trouble with the journal
  std::string to_send_, errors_pending_;
  std::size_t sent_ = 0, said_ = 0, errors_bytes_ = 0;
  Progress::State progress_;
  State state_ = State::not_begun;
  std::string why_;
  Clock::time_point heard_{}, output_ended_{}, stop_asked_{};
};

}  // namespace demarc
