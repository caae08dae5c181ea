// What complains about the documentation (lint.h). Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "rules/policy/lint.h"
#include "rules/policy/lint_touching.h"

namespace demarc {

class Linter {
 public:
  Linter(const RuleSet& rules, Timestamp at, const BreadthLimits& limits)
      : rules_(rules), at_(at), limits_(limits), today_(rules.time_zone.date(at)), speech_(rules) {}

  std::vector<LintFinding> run();

 private:
  LintFinding& add(std::string kind, Severity severity, std::string rule, const Location& where, std::string title,
                   std::string cause, std::string remedy);
  void dates_and_approvals(const Rule& rule, const RuleState& state, std::string_view what);

  // --- Breadth ---

  void breadth(const Rule& rule);
  void temporary(const Rule& rule);

  // --- Against each other ---

  void overlaps();

  template <typename Get>
  linting::Dimension addresses_of(const std::vector<std::uint32_t>& considered, Get get) const;
  /// Ports on a line: protocol x 65,536 + port. Source ports do not count here, the exact comparison knows them.
  linting::Dimension ports_of(const std::vector<std::uint32_t>& considered, std::vector<std::uint32_t>& values);
  bool report_overlap(const Rule& a, std::uint32_t a_services, const Rule& b, std::uint32_t b_services);
  /// Rules that approve what an entry forbids: by semantics.md the entry wins, and the rule promises what does not
  /// hold.
  void forbidden();
  /// Do two sets share an address? Without building the intersection: most pairs share none.
  static bool touch(const AddressSet& a, const AddressSet& b);
  bool wholly_lifted(const Rule& rule, std::uint32_t services, const ForbiddenEntry& entry);
  void bounds(const Exception& x);

  // --- Names ---

  void accepted();
  static std::vector<std::string> non_empty(std::vector<std::string> list);
  bool is_forbidden_id(std::string_view id) const;
  void retired();
  void refer(const EndpointSet& ends);
  void refer(std::string_view name);
  void unused();

  const RuleSet& rules_;
  Timestamp at_;
  BreadthLimits limits_;
  Date today_;
  linting::Speech speech_;
  std::vector<RuleState> states_;
  std::unordered_set<std::string> used_;
  std::vector<const AddressSet*> used_addresses_;
  std::vector<LintFinding> out_;
};

}  // namespace demarc
