// The verdict of every single conversation, for lists of them. Findings are made elsewhere; this is the column
// beside each line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/evidence/observed_flow.h"
#include "rules/policy/rule_set.h"

namespace demarc {

enum class FlowState : std::uint8_t {
  approved,
  undocumented,
  forbidden,
  link_control,     // runs the link: multicast, DHCP, neighbour discovery
  same_subnet,      // crosses no filter, in a zone whose `intra` is allowed
  no_conversation,  // an ICMP error: it belongs to what it quotes
};
std::string_view name(FlowState state);  // "approved", "link-control"

struct FlowOpinionRow {
  FlowState state = FlowState::no_conversation;
  std::string_view rule;  // the id of the rule, exception or entry that decides; empty: none. The rule set's.
  std::string note;       // "data connection announced by ftp", "port-scan"; empty: nothing to add
};

/// One row for each of the evidence's flows, in their order, by the rules in force when they were seen. Pure.
std::vector<FlowOpinionRow> judge_flow_list(const RuleSet& rules, const FlowEvidence& evidence);

}  // namespace demarc
