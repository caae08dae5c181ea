// What a journal reader takes, a writer must be able to write back, and the reader read again as the same.
#include <cstdint>
#include <cstdlib>

#include "rules/evidence/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  Result<ScanRun> run = read_journal("fuzz", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!run || run->outcomes.size() > 1000) return 0;
  std::string text =
      journal_header(run->header) + journal_records(run->outcomes, run->services, run->header.started);
  Result<ScanRun> again = read_journal("again", text);
  if (!again) std::abort();
  return 0;
}
