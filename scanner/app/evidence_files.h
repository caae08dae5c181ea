// Reads evidence of every kind into one snapshot. What a file is, its content tells.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "rules/evidence/snapshot.h"
#include "rules/policy/rule_set.h"
#include "rules/text/result.h"
#include "scanner/app/commands.h"

namespace demarc {

struct EvidenceRequest {
  /// "FILE", or "NAME=FILE" where NAME is a vantage point or a sensor of the rule set: where an nmap scan or a
  /// capture was made.
  std::vector<std::string> files;
  std::string vantage, sensor;  // for all files that do not say themselves
  const RuleSet* rules = nullptr;
  bool open_tunnels = false;  // in captures
};

/// Everything, or the first file that cannot be read at all. Damage inside a file is in the snapshot's notes.
Result<Snapshot> read_evidence(const EvidenceRequest& request, const CommonOptions& options);

/// That a capture shows tunnels which nobody asked to open.
std::string tunnels_note(const FlowSource& source);

/// What a file is, by its first bytes. The error says that it is none of ours.
Result<EvidenceKind> evidence_kind(const std::string& file);

/// Ports that servers use, for captures that begin in mid-stream: the rule set's and the catalogue's.
void server_ports(const RuleSet* rules, PortSet& tcp, PortSet& udp);

}  // namespace demarc
