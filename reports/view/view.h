// What every report shows, worked out once: which findings are open, which are the worst, what was not measured,
// how the zone by service picture is laid out. A format only decides how it looks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/text/number.h"
#include "rules/verdict/finding.h"

namespace demarc {

/// `--by`: what the findings are grouped by.
enum class GroupBy : std::uint8_t { none, application, zone, owner, tag };
std::string_view name(GroupBy by);
std::optional<GroupBy> parse_group_by(std::string_view text);

/// Severities from the worst to the mildest that counts.
inline constexpr std::array kSeveritiesFalling = {Severity::critical, Severity::high, Severity::medium,
                                                  Severity::low, Severity::info};

/// How many open findings of each severity.
struct SeverityTally {
  std::array<std::uint64_t, 6> by_severity{};  // indexed by Severity
  std::uint64_t operator[](Severity severity) const { return by_severity[static_cast<std::size_t>(severity)]; }
  void add(Severity severity) { ++by_severity[static_cast<std::size_t>(severity)]; }
  std::uint64_t total() const;
  /// The worst that occurs; `none` if nothing does.
  Severity worst() const;
};
/// "2 critical, 1 high"; "no findings".
std::string describe(const SeverityTally& tally);

/// Findings that share a value of `--by`. A finding with several tags is in several groups.
struct FindingGroup {
  std::string name;  // "shop", "internet to dmz-front", "no owner named"
  std::vector<const Finding*> findings;
  SeverityTally tally;
};

/// The picture: zone pairs down, services across. What does not fit a page is left out by least concern and
/// counted.
struct MatrixView {
  struct Row {
    std::string from_zone, to_zone;
    std::vector<const MatrixCell*> cells;  // one for each column; null where the verdict says nothing
  };
  std::vector<std::string> services;
  std::vector<Row> rows;
  std::size_t services_left_out = 0, rows_left_out = 0;
  bool empty() const { return rows.empty(); }
};

/// Everything a format needs. Points into the verdict, which must outlive it.
struct View {
  std::string headline;                 // the verdict in one sentence
  std::string caveat;                   // what weakens it, in one sentence; empty if nothing does
  std::vector<std::string> next_steps;  // what to do now, most urgent first; never empty
  SeverityTally tally;                  // of `open`
  std::vector<const Finding*> open;     // neither accepted, nor gone since the baseline, nor a gap
  std::vector<const Finding*> worst;    // the first of `open` that somebody should read
  std::vector<const Finding*> accepted, gone, gaps;
  std::uint64_t fresh = 0;  // of `open`, new since the baseline
  bool has_baseline = false;
  std::vector<const CoverageRow*> unmet;
  std::vector<FindingGroup> groups;  // of `open`; one group without a name for GroupBy::none
  MatrixView matrix;
};

struct ViewOptions {
  GroupBy by = GroupBy::none;
  std::size_t worst_max = 5;
  std::size_t matrix_services_max = 20;
  std::size_t matrix_rows_max = 60;
};

View make_view(const Verdict& verdict, const ViewOptions& options = {});

/// "internet to dmz-front", or what is known of it.
std::string zone_pair(const Finding& finding);
/// "tcp/445", "tcp/137-139,445", "icmp echo-request", "esp"; empty if the finding names none.
std::string ports_text(const Finding& finding);
/// "web1.back tcp/445": target and ports, whatever of both is known.
std::string subject_text(const Finding& finding);
/// "office.jsonl, record 12".
std::string place_text(const EvidenceRef& evidence);
/// "1,200 of 4,000 asked, 310 answered"; for a sensor "184,467 packets seen, none dropped".
std::string amounts_text(const CoverageRow& row);
/// What a state of the matrix means, for legends: "approved, and seen to work".
std::string_view meaning(MatrixCell::State state);

/// "1 finding", "3 findings".
std::string counted(std::uint64_t number, std::string_view singular, std::string_view plural);

/// At most `bytes_max` bytes of a foreign text, cut between characters, with a note of how long it was. A banner
/// may be a megabyte; a report that holds it is no report. Escape afterwards.
std::string clipped(std::string_view text, std::size_t bytes_max);

}  // namespace demarc
