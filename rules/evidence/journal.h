// The scan journal: JSON Lines, a header, records, an end record (design.md section 6). Written as the scan goes,
// so that a kill at any moment loses at most the outcomes not yet confirmed; read back in a stream, so that its
// size does not matter.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rules/evidence/outcome.h"
#include "rules/text/result.h"

namespace demarc {

// --- Writing: each function returns whole lines
// ---------------------------------------------------------------------

std::string journal_header(const ScanHeader& header);
/// Outcomes that differ only in their port share a record; an open port has one of its own, with its time and
/// service. `services` is what Outcome::service points into. `at` is when these outcomes were confirmed.
std::string journal_records(std::span<const Outcome> outcomes, std::span<const ServiceSeen> services, Timestamp at);
std::string journal_canary(const CanaryLook& look);
std::string journal_unroutable(const Unasked& unasked);
std::string journal_note(std::string_view note);
std::string journal_resumed(Timestamp at);
std::string journal_asked(const AskedSoFar& asked, Timestamp at);
std::string journal_end(const ScanSummary& summary);

// --- Reading
// ----------------------------------------------------------------------------------------------------------

/// Fed with a journal's bytes in any pieces. Unknown fields are ignored, an unknown major version is refused. A
/// last line without its end is what a kill leaves: it is dropped and said. Any other malformed line is an error
/// with its place.
class JournalReader {
 public:
  explicit JournalReader(std::string file);
  ~JournalReader();
  JournalReader(JournalReader&&) noexcept;
  JournalReader& operator=(JournalReader&&) noexcept;

  Result<void> feed(std::string_view bytes);
  /// Ends the input. Outcomes come sorted and merged: see compact().
  Result<ScanRun> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<ScanRun> read_journal(std::string file, std::string_view text);

/// Sorts outcomes by target, protocol and port, and merges neighbours that differ only in their ports (and line).
void compact(std::vector<Outcome>& outcomes);

/// draft-07 JSON Schema of one line of a journal.
std::string scan_json_schema();

}  // namespace demarc
