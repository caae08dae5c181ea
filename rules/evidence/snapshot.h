// All evidence of one verdict, read and measured; from here on nothing touches the network.
#pragma once

#include <string>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "rules/evidence/outcome.h"
#include "rules/evidence/witness.h"

namespace demarc {

/// What a file was taken for, by its content.
enum class EvidenceKind : std::uint8_t { scan_journal, nmap_xml, capture, flow_records, witness };
std::string_view name(EvidenceKind kind);

struct EvidenceFile {
  std::string name;
  EvidenceKind kind = EvidenceKind::scan_journal;
  std::string sha256;
  std::uint64_t size = 0;
  std::string note;  // "interrupted", "truncated after frame 912", ...
};

struct Snapshot {
  std::vector<EvidenceFile> files;
  std::vector<ScanRun> scans;
  std::vector<FlowEvidence> flows;
  std::vector<WitnessRun> witnesses;
};

}  // namespace demarc
