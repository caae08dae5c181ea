#include "flow_reader_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using demarc::RecordFormat;
  const bool is_json = size != 0 && (data[0] == '{' || data[0] == '[');
  demarc::read_hostile(is_json ? RecordFormat::nfdump_json : RecordFormat::nfdump_csv, data, size);
  return 0;
}
