#include "rules/evidence/observed_flow.h"

#include "rules/evidence/snapshot.h"

namespace demarc {

namespace {
constexpr std::array<std::string_view, kConnStates> kNames{"S0",   "S1",     "SF",    "REJ", "S2",  "S3", "RSTO",
                                                           "RSTR", "RSTOS0", "RSTRH", "SH",  "SHR", "OTH"};
}

std::string_view name(ConnState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<ConnState> parse_conn_state(std::string_view text) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == text) return static_cast<ConnState>(i);
  return std::nullopt;
}

std::string_view name(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::scan_journal: return "scan journal";
    case EvidenceKind::nmap_xml: return "nmap XML";
    case EvidenceKind::capture: return "capture";
    case EvidenceKind::flow_records: return "flow records";
    case EvidenceKind::witness: return "witness";
  }
  return "";
}

}  // namespace demarc
