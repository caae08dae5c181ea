// The progress line: rate, share done, time left and loss, for anything that runs longer than a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "scanner/app/commands.h"

namespace demarc {

class Progress {
 public:
  /// `unit`: what is counted, "probes/s".
  Progress(const CommonOptions& options, std::string label, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  struct State {
    std::uint64_t done = 0, total = 0;  // total 0: not known
    double rate = 0;                    // units a second
    double loss = -1;                   // share lost; -1: not known
    std::optional<std::chrono::seconds> left;
    std::string detail;  // "12 open"
  };
  void show(const State& state);
  /// Takes the line away, so that what follows stands alone.
  void clear();

 private:
  enum class Mode { none, line, json } mode_;
  std::string label_, unit_;
  std::chrono::steady_clock::time_point started_, shown_{};
  bool on_screen_ = false;
};

}  // namespace demarc
