#include "flow_reader_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  demarc::read_hostile(demarc::RecordFormat::suricata_eve, data, size);
  return 0;
}
