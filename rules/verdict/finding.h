// A finding: one cause, stated with its proof and its remedy. And the verdict, which is findings, coverage and the
// picture of the boundary, complete enough that every report can be drawn from it alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/net/flow.h"
#include "rules/net/icmp.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/net/time.h"
#include "rules/policy/rule_set.h"

namespace demarc {

/// The kinds of design.md section 5.
enum class FindingKind : std::uint8_t {
  exposed_forbidden,
  exposed_undocumented,
  passed_undocumented,
  outbound_undocumented,
  host_undocumented,
  approved_unreachable,
  approved_not_listening,
  service_mismatch,
  flow_forbidden,
  flow_undocumented,
  attempt_undocumented,
  approved_unused,
  acl_permits_undocumented,
  acl_blocks_approved,
  ace_reply_open,
  ace_shadowed,
  ace_redundant,
  ace_unread,
  ace_broad,
  views_disagree,
  rule_expired,
  review_overdue,
  approval_missing,
  approval_invalid,
  rule_overlap,
  rule_broad,
  rule_temporary,
  answers_everything,
  link_control,
  scan_noise,
  not_measured,
};
inline constexpr std::size_t kFindingKinds = static_cast<std::size_t>(FindingKind::not_measured) + 1;
std::string_view name(FindingKind kind);  // "exposed-forbidden"
std::optional<FindingKind> parse_finding_kind(std::string_view text);
/// One sentence for people: what findings of this kind mean.
std::string_view meaning(FindingKind kind);

/// Where a proof stands: a file and its line, journal record or frame.
struct EvidenceRef {
  std::string file;
  std::string place;  // "line 214", "record 12", "frame 1880"
  std::string text;   // what it says, already harmless only in the sense of bytes_escaped: still foreign text
  bool operator==(const EvidenceRef&) const = default;
};

enum class BaselineStatus : std::uint8_t { none, fresh, unchanged, gone };
std::string_view name(BaselineStatus status);  // "new", "unchanged", "gone"

struct Finding {
  std::string
      id;  // 12 hex digits: a hash of kind, rule or zone pair, target, protocol and ports (never lines or times)
  FindingKind kind = FindingKind::not_measured;
  Severity severity = Severity::none;
  std::string rule;  // the rule or forbidden entry it is about; may be empty
  std::string from_zone, to_zone;
  std::string source;  // who asked or opened, for people: vantage point, host name or address; may be empty
  std::string target;  // host or host.nic where the rule set names it, otherwise the address; may be empty
  std::optional<Address> target_address;
  std::optional<Protocol> protocol;
  PortSet ports;
  std::vector<IcmpType> icmp;
  std::string service;  // the catalogue's or the rule set's name for it; may be empty
  std::string title;    // one line: what is wrong, with names
  std::string cause;    // why it is so: "rule-expired", "no rule approves it", ...; a sentence
  std::string remedy;   // what to do, in words
  std::vector<std::string> remedy_configuration;  // the same as lines of the device's own syntax, where known
  std::optional<Packet> sample;                   // a packet that proves it
  std::vector<EvidenceRef> evidence;
  std::vector<std::string> vantages;  // from where it was seen
  std::string device, list, entry;  // of a finding about a configuration: where it stands, and the line as written
  std::string application, owner;   // of the rule, or of the rule nearest to it
  std::vector<std::string> tags;
  bool accepted = false;  // by the rule set's `accepted`: listed, does not fail
  std::string accepted_reason;
  BaselineStatus baseline = BaselineStatus::none;
};

enum class Conclusion : std::uint8_t { conforms, violates, inconclusive };
std::string_view name(Conclusion conclusion);

/// What had to be asked, and what was: one row for each vantage point and protocol, each sensor, ...
struct CoverageRow {
  std::string what;                                     // "external tcp", "sensor tap-front", "ICMP from office"
  std::uint64_t asked = 0, answered = 0, required = 0;  // ports x targets; for sensors: packets seen, dropped, 0
  bool met = false;
  std::string gap;  // what is missing, in words; empty if met
};

/// One cell of the zone by service matrix.
struct MatrixCell {
  std::string from_zone, to_zone, service;  // the service's name, or "tcp/8443"
  enum class State : std::uint8_t {
    approved_seen,
    approved_not_seen,
    approved_not_measured,
    undocumented,
    forbidden,
    unanswered,
    not_measured
  } state = State::not_measured;
  bool approved = false, forbidden = false, reachable = false, observed = false;
  std::vector<std::string> rules, findings;  // ids
  /// What the configurations say: "permits", "denies", "partly", "undetermined", "not measured"; empty: none was
  /// given.
  std::string configured = {};
};
std::string_view name(MatrixCell::State state);

/// One rule with what was found about it in each view.
struct RuleRow {
  std::string id, service, from, to, owner, application, ticket, reason;
  std::vector<std::string> tags;
  bool in_force = false;
  std::string state;       // "in force", "expired 2026-03-31", "approval missing: security", "proposed"
  std::string review_by;   // date or empty
  std::string reachable;   // "open from external, office", "blocked from external", "not measured"
  std::string observed;    // "1,204 conversations, last 2026-11-23T09:12:01Z", "none in 3 h 2 min", "not measured"
  std::string configured;  // "permitted by edge.cfg:12", "blocked in part by edge.cfg:30", "not measured"
  std::vector<std::string> lines;     // of configurations that let it through or stop it: "edge.cfg:12"
  std::vector<std::string> findings;  // ids
  Location where;
};

/// One line of a configuration that a path asks, with what it is for.
struct LineRow {
  std::string device, file, list, text;
  std::uint32_t line = 0;
  std::string action;                          // "permit", "deny", ...
  std::string status;                          // "live", "shadowed", "redundant", "unread", "partial"
  std::vector<std::string> pairs;              // whose packets it decides: "internet > dmz"
  std::vector<std::string> rules;              // that need it
  std::optional<std::uint64_t> packets;        // its counter, where the configuration shows one
  std::optional<std::uint64_t> conversations;  // observed, that it decided; none: no flows were given
  std::string last;                            // of these
  std::string use;                             // in words: what can be said about its use
  std::vector<std::string> findings;           // ids
};

struct VantageRow {
  std::string name, zone, source_address, method, started, finished,
      end;  // end: "complete", "interrupted", "never ran"
  std::uint64_t sent = 0;
  double loss_estimate = -1;
};

struct EvidenceRow {
  std::string file, kind, sha256, note;
  std::uint64_t size = 0;
};

struct Verdict {
  Conclusion conclusion = Conclusion::inconclusive;
  bool complete = false;
  std::string tool_version;
  std::string rules_name, rules_file, rules_sha256, scope_sha256;
  Timestamp as_of;
  std::string authorised_by, authorised_ticket;
  std::map<std::string, std::uint64_t>
      counts;  // by severity name, not counting accepted ones; and "accepted", "not-measured"
  std::vector<CoverageRow> coverage;
  std::vector<Finding> findings;   // sorted: severity falling, then kind, zones, target, protocol, ports, id
  std::vector<MatrixCell> matrix;  // sorted by zones, service
  std::vector<RuleRow> rules;      // in the rule set's order
  std::vector<LineRow> lines;      // by device, file and line
  std::vector<VantageRow> vantages;
  std::vector<EvidenceRow> evidence;
  std::vector<std::string> notes;  // assumptions the reader must know
};

}  // namespace demarc
