// Any bytes as a saved verdict: what is taken must be writable, and what was written must be read again as the
// same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "rules/verdict/verdict_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  const Result<Verdict> read = read_verdict(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!read) {
    if (read.error().what.empty()) std::abort();
    return 0;
  }
  const std::string text = verdict_json(*read);
  const Result<Verdict> again = read_verdict(text, "again");
  if (!again || verdict_json(*again) != text) std::abort();
  for (const Finding& finding : read->findings)
    if (finding_json(finding).find('\n') != std::string::npos) std::abort();
  return 0;
}
