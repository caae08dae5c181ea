#include <cstdint>
#include <cstdlib>

#include "rules/evidence/flow_records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  Result<FlowEvidence> read =
      read_flow_records("fuzz", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!read) return 0;
  std::string text = flow_records(*read);
  Result<FlowEvidence> again = read_flow_records("again", text);
  if (!again || flow_records(*again) != text) std::abort();
  return 0;
}
