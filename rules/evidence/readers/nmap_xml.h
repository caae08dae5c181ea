// nmap's XML output as evidence, so that yesterday's scans count. Streamed: such files reach gigabytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/outcome.h"
#include "rules/text/result.h"

namespace demarc {

/// Reads `nmap -oX` of nmap 4 and later. `extraports` are resolved to ports through `scaninfo`, `extrareasons` and
/// the ports listed; where nmap does not say which port had which state, those ports are not counted and a note
/// says so. An end in the middle of the document is an interrupted scan; any other malformed XML is an error with
/// its place. A document type with a subset or any entity declaration is refused.
class NmapXmlReader {
 public:
  explicit NmapXmlReader(std::string file);
  ~NmapXmlReader();
  NmapXmlReader(NmapXmlReader&&) noexcept;
  NmapXmlReader& operator=(NmapXmlReader&&) noexcept;
  Result<void> feed(std::string_view bytes);
  /// One run. Its vantage point is unknown: the caller, or the rule set, has to say where nmap stood.
  Result<ScanRun> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<ScanRun> read_nmap_xml(std::string file, std::string_view text);

}  // namespace demarc
