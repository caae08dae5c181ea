// From command line words to a plan: which vantage point, which targets and ports, which share of the work.
#pragma once

#include <optional>
#include <string>

#include "rules/plan/work.h"
#include "rules/policy/scope.h"
#include "scanner/app/commands.h"

namespace demarc {

struct Selected {
  std::optional<RuleSet> rules;  // none: --scope was given instead
  std::optional<Scope> scope;
  const Vantage* vantage = nullptr;
  ScanPlan plan;
  std::uint32_t shard = 1, shards = 1;
  std::uint32_t tries = 0;
  std::string limit_note;  // what --scope-limit left out
};

/// Everything that plan and scan have in common. Errors have been said already: nullopt is exit 2.
std::optional<Selected> select(const Selection& selection, const CommonOptions& options);

/// A machine with several cards stands for one of them: targets that its routes reach through another card, with
/// another source address, are unroutable from this vantage point. Asks the kernel's routes, sends nothing. Does
/// nothing where this machine is not the vantage point, or where a translation hides it.
void leave_out_foreign_sources(Selected& selected);

/// "2/8", or "auto/8" under a scheduler.
struct ShardOption {
  std::uint32_t index = 1, count = 1;
};
Result<ShardOption> parse_shard(std::string_view text);

/// Addresses, prefixes, or names of the rule set, which stand for their addresses.
Result<std::vector<Prefix>> parse_prefixes(const std::vector<std::string>& words, std::string_view option,
                                           const RuleSet* rules);

/// "22,80-90,U:53,I:8": TCP without a letter; ICMP queries by type or name, "echo" and "timestamp" among them.
struct PortsOption {
  std::optional<PortSet> tcp, udp;
  std::optional<std::vector<IcmpType>> icmp;  // of both families: the numbers differ
};
Result<PortsOption> parse_ports_option(std::string_view text);

}  // namespace demarc
