#include <cstdint>

#include "rules/evidence/readers/nmap_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Twice: whole, and in small pieces, which must not matter to memory safety.
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)demarc::read_nmap_xml("fuzz", text);
  demarc::NmapXmlReader reader("fuzz");
  for (std::size_t at = 0; at < text.size(); at += 7)
    if (!reader.feed(text.substr(at, 7))) return 0;
  (void)reader.finish();
  return 0;
}
