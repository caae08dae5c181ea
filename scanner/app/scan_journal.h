// A scan's journal as the command sees it: where it goes, what is written, what the closing table shows, and how an
// earlier part of the same run is read back.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scanner/active/scan.h"
#include "scanner/app/progress.h"
#include "scanner/app/selection.h"
#include "scanner/files/file.h"

namespace demarc {

/// Where the journal goes: a file that only ever grows, or standard output, or nowhere (a terminal shows the result
/// instead).
class JournalOutput {
 public:
  static Result<JournalOutput> to_file(const std::string& path, AppendFile::Mode mode);
  static JournalOutput to_stdout();
  static JournalOutput nowhere() { return {}; }
  Result<void> append(const std::string& lines);
  Result<void> close();

 private:
  std::optional<AppendFile> file_;
  bool stdout_ = false;
};

/// Numbers services, writes records, and keeps what the closing table shows.
class JournalSink : public ScanSink {
 public:
  JournalSink(JournalOutput& journal, const ScanPlan& plan, const CommonOptions& options)
      : journal_(journal), plan_(plan), progress_(options, "scan", "probes/s") {}

  Result<void> on_found(std::span<const ScanFound> found) override;
  Result<void> on_canary(const CanaryLook& look) override;
  Result<void> on_asked(const AskedSoFar& asked) override;
  Result<void> on_note(const std::string& note) override;
  void on_progress(const ScanProgress& p) override;
  void clear_progress() { progress_.clear(); }

  /// What an earlier part of the run found, so that the closing table is whole.
  void count(const Outcome& o, const std::optional<ServiceSeen>& service);
  std::string table() const;

 private:
  struct OpenPort {
    std::string what;  // "443/tcp", "echo-request"
    std::optional<ServiceSeen> service;
    Doubt doubt = Doubt::none;
  };
  struct Tally {
    std::map<std::pair<Protocol, std::uint32_t>, OpenPort> open;
    std::uint64_t closed = 0, silent = 0, doubtful = 0, reset_by_filter = 0, perhaps = 0;
    std::map<Address, std::uint64_t> refused;
  };
  JournalOutput& journal_;
  const ScanPlan& plan_;
  Progress progress_;
  std::map<Address, Tally> tallies_;
};

/// Cuts a half-written last line off a journal that a kill ended, so that what is appended stands on its own line.
Result<void> cut_half_line(const std::string& path);

struct Resumed {
  ScanRun run;
  std::vector<bool> answered;  // by number in the plan
};
/// The journal of the same plan and shard, with the seed of the run it began as.
Result<Resumed> read_resumed(const std::string& path, const Selected& selected);

}  // namespace demarc
