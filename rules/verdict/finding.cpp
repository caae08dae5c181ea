// The kinds of findings as one table: their names, what they mean, how severe they are and what to do, so that the
// engine, the reports and the schema cannot disagree.
#include "rules/verdict/finding.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "rules/text/sha256.h"
#include "rules/verdict/reconcile.h"

namespace demarc {

namespace {

struct KindRow {
  FindingKind kind;
  std::string_view name;
  Severity severity;  // semantics.md section 5; the engine raises it where that section says so
  std::string_view meaning;
  std::string_view remedy;
};

using enum FindingKind;
constexpr std::array<KindRow, kFindingKinds> kKinds{{
    {exposed_forbidden, "exposed-forbidden", Severity::critical,
     "A port answers from a place where the rule set forbids it, whatever else approves it.",
     "Close the port at the filter between the two zones, and stop the service where nobody needs it."},
    {exposed_undocumented, "exposed-undocumented", Severity::medium,
     "A port answers and no rule in force approves it.",
     "Close the port at the filter, or have it approved: a rule with an owner, a reason and all approvals."},
    {passed_undocumented, "passed-undocumented", Severity::medium,
     "Nothing listens, but the target itself answered: the path lets the port through without approval.",
     "Deny the port at the filter; whatever starts listening there would be exposed at once."},
    {outbound_undocumented, "outbound-undocumented", Severity::high,
     "A host of the DMZ opens connections that no rule approves.",
     "Find the process that opens them before anything else: this is how a taken-over server shows. Then deny it "
     "outbound, or have it approved."},
    {host_undocumented, "host-undocumented", Severity::medium, "An address answers that no host entry documents.",
     "Find out whose machine it is. Add it to `hosts`, or take it off the network."},
    {approved_unreachable, "approved-unreachable", Severity::medium, "An approved port is blocked on the way.",
     "Permit it at the filter that refuses, or retire the rule."},
    {approved_not_listening, "approved-not-listening", Severity::low,
     "An approved port is reached and nothing listens there.",
     "Start the service, or retire the rule: an approval without a service waits for somebody else's."},
    {service_mismatch, "service-mismatch", Severity::medium,
     "A port is approved for one service and another one answers.",
     "Find out why another service listens there. Approve what it is, or restore what was approved."},
    {flow_forbidden, "flow-forbidden", Severity::critical, "Hosts hold conversations that the rule set forbids.",
     "Deny it at the filter between the two zones, and ask both owners why it is used."},
    {flow_undocumented, "flow-undocumented", Severity::medium,
     "Hosts hold conversations that no rule in force approves.",
     "Have it approved if it is needed; otherwise deny it at the filter."},
    {attempt_undocumented, "attempt-undocumented", Severity::info,
     "Connections that nothing approves were tried and not established.",
     "Nothing got through. Ask the owner of the source why it tries."},
    {approved_unused, "approved-unused", Severity::low,
     "Nobody used an approved service in the whole window that was watched.",
     "Ask the owner whether it is still needed; retire the rule if not."},
    {acl_permits_undocumented, "acl-permits-undocumented", Severity::medium,
     "A configuration permits what no rule approves.", "Narrow the entry to what is approved."},
    {acl_blocks_approved, "acl-blocks-approved", Severity::medium, "A configuration denies what a rule approves.",
     "Permit it, or retire the rule."},
    {ace_reply_open, "ace-reply-open", Severity::medium, "An entry admits packets by their source port alone.",
     "Require an established connection; a source port can be chosen by anybody."},
    {ace_shadowed, "ace-shadowed", Severity::low, "An entry never decides a packet, because earlier ones do.",
     "Remove it, or move it before the entries that hide it."},
    {ace_redundant, "ace-redundant", Severity::low, "An entry could be removed without changing anything.",
     "Remove it."},
    {ace_unread, "ace-unread", Severity::medium, "A line of a configuration could not be read.",
     "Check it by hand; the verdict is inconclusive where it may match."},
    {ace_broad, "ace-broad", Severity::medium, "An entry permits far more than is approved.",
     "Narrow it to the approved addresses and ports."},
    {views_disagree, "views-disagree", Severity::medium, "Two views of the same packet contradict each other.",
     "Find the other path, filter or configuration that explains it."},
    {rule_expired, "rule-expired", Severity::medium, "A rule has expired.",
     "Renew the approval or remove the rule, and what it opened at the filter."},
    {review_overdue, "review-overdue", Severity::low, "A rule's review is overdue.",
     "Review the rule: keep, narrow or retire it."},
    {approval_missing, "approval-missing", Severity::medium,
     "A rule lacks a required approval and is not in force.", "Obtain the missing approval, or remove the rule."},
    {approval_invalid, "approval-invalid", Severity::medium,
     "An approval was given by somebody who may not give it.", "Have it approved by somebody who may."},
    {rule_overlap, "rule-overlap", Severity::low, "Two rules approve the same.", "Merge them, or narrow one."},
    {rule_broad, "rule-broad", Severity::low, "A rule approves far more than a service needs.",
     "Narrow its addresses or ports."},
    {rule_temporary, "rule-temporary", Severity::low, "A temporary rule has outlived its purpose.",
     "Remove it, or approve it as a permanent one."},
    {answers_everything, "answers-everything", Severity::medium,
     "An address answers on every port: a proxy or tarpit in front of it.",
     "Scan from behind the device that answers, or take the configuration as evidence."},
    {link_control, "link-control", Severity::info,
     "Traffic that runs the link itself: neighbour discovery, DHCP, multicast.",
     "Nothing to do; listed so that it is not missed."},
    {scan_noise, "scan-noise", Severity::info, "Unanswered noise and scans that reached the boundary.",
     "Nothing to do; a change in its amount may be worth a look."},
    {not_measured, "not-measured", Severity::none, "Evidence is missing, and so the verdict is inconclusive here.",
     "Measure it, then verify again."},
}};

const KindRow& row(FindingKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

constexpr bool in_order() {
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (static_cast<std::size_t>(kKinds[i].kind) != i) return false;
  return true;
}
static_assert(in_order(), "the rows stand in the order of the enumeration");

}  // namespace

std::string_view name(FindingKind kind) { return row(kind).name; }
std::string_view meaning(FindingKind kind) { return row(kind).meaning; }
Severity default_severity(FindingKind kind) { return row(kind).severity; }
std::string_view default_remedy(FindingKind kind) { return row(kind).remedy; }

std::optional<FindingKind> parse_finding_kind(std::string_view text) {
  for (const KindRow& r : kKinds)
    if (r.name == text) return r.kind;
  return std::nullopt;
}

std::string_view name(BaselineStatus status) {
  switch (status) {
    case BaselineStatus::none: return "";
    case BaselineStatus::fresh: return "new";
    case BaselineStatus::unchanged: return "unchanged";
    case BaselineStatus::gone: return "gone";
  }
  return "";
}

std::string_view name(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::conforms: return "conforms";
    case Conclusion::violates: return "violates";
    case Conclusion::inconclusive: return "inconclusive";
  }
  return "inconclusive";
}

std::string_view name(MatrixCell::State state) {
  switch (state) {
    case MatrixCell::State::approved_seen: return "approved-seen";
    case MatrixCell::State::approved_not_seen: return "approved-not-seen";
    case MatrixCell::State::approved_not_measured: return "approved-not-measured";
    case MatrixCell::State::undocumented: return "undocumented";
    case MatrixCell::State::forbidden: return "forbidden";
    case MatrixCell::State::unanswered: return "unanswered";
    case MatrixCell::State::not_measured: return "not-measured";
  }
  return "not-measured";
}

bool finding_before(const Finding& a, const Finding& b) {
  if (a.severity != b.severity) return a.severity > b.severity;
  return std::tie(a.kind, a.from_zone, a.to_zone, a.target, a.protocol, a.ports, a.icmp, a.rule, a.service,
                  a.source, a.id, a.title, a.cause) < std::tie(b.kind, b.from_zone, b.to_zone, b.target, b.protocol,
                                                               b.ports, b.icmp, b.rule, b.service, b.source, b.id,
                                                               b.title, b.cause);
}

void set_finding_id(Finding& finding) {
  // Zero bytes between the parts, so that no two lists of parts make the same text. The rule stands for the zone
  // pair where there is one, and both are taken where both are known: one rule may be broken between several pairs.
  std::string text(name(finding.kind));
  const auto add = [&text](std::string_view part) {
    text += '\0';
    text += part;
  };
  add(finding.rule);
  add(finding.from_zone);
  add(finding.to_zone);
  add(finding.target);
  // One card may have several addresses.
  add(finding.target_address ? to_string(*finding.target_address) : std::string());
  add(finding.protocol ? to_string(*finding.protocol) : std::string());
  add(to_string(finding.ports));
  for (const IcmpType& type : finding.icmp) add(to_string(type));
  // Gaps differ in the words of what is missing; how many and how long is no part of them.
  if (finding.kind == FindingKind::not_measured) {
    std::string words = finding.title;
    std::erase_if(words, [](char c) { return c >= '0' && c <= '9'; });
    add(words);
    for (const std::string& vantage : finding.vantages) add(vantage);
    add(finding.source);
  }
  add(finding.kind == FindingKind::outbound_undocumented || finding.kind == FindingKind::attempt_undocumented
          ? finding.source
          : std::string());
  // A line is known by where it stands and what it says, never by its number.
  if (!finding.device.empty() || !finding.entry.empty()) {
    add(finding.device);
    add(finding.list);
    add(finding.entry);
  }
  finding.id = sha256_hex(text).substr(0, 12);
}

}  // namespace demarc
