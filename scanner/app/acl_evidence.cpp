#include "scanner/app/acl_evidence.h"

#include "scanner/app/evidence_files.h"

namespace demarc {

Result<Snapshot> read_flows(const FlowsRequest& request, const CommonOptions& options) {
  EvidenceRequest evidence;
  evidence.files = request.files;
  evidence.sensor = request.sensor;
  evidence.rules = request.rules;
  evidence.open_tunnels = request.open_tunnels;
  evidence.sampling = request.sampling;
  evidence.memory_mib = request.memory_mib;
  Snapshot snapshot = DEMARC_TRY(read_evidence(evidence, options));
  if (snapshot.flows.empty())
    return failure("these files hold no conversations", "captures and flow records do");
  return snapshot;
}

}  // namespace demarc
