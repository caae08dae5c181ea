// Conversations for the `acl` commands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/evidence/snapshot.h"
#include "rules/policy/rule_set.h"
#include "rules/text/result.h"
#include "scanner/app/commands.h"

namespace demarc {

struct FlowsRequest {
  std::vector<std::string> files;
  std::string sensor;
  const RuleSet* rules = nullptr;
  bool open_tunnels = false;
  std::uint32_t sampling = 0;
  std::uint64_t memory_mib = 0;
};

/// Captures and flow records of any make. Files without a conversation are an error.
Result<Snapshot> read_flows(const FlowsRequest& request, const CommonOptions& options);

}  // namespace demarc
