// SARIF 2.1.0 (OASIS), so that findings appear beside the line of the rule set that they are about.
#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "reports/formats/renderers.h"
#include "rules/text/json_writer.h"

namespace demarc {

namespace {

constexpr std::size_t kTextBytesMax = 4000, kNameBytesMax = 400;

std::string text(std::string_view foreign) { return clipped(foreign, kTextBytesMax); }
std::string short_text(std::string_view foreign) { return clipped(foreign, kNameBytesMax); }

std::string_view level(Severity severity) {
  switch (severity) {
    case Severity::critical:
    case Severity::high: return "error";
    case Severity::medium: return "warning";
    case Severity::low:
    case Severity::info: return "note";
    case Severity::none: return "none";
  }
  return "none";
}

/// §3.10: a URI reference; what a path may not hold raw is percent-encoded (RFC 3986 §2.1).
std::string uri(std::string_view path) {
  std::string out;
  for (char c : path) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void write_message(JsonWriter& json, std::string_view key, std::string_view message) {
  json.key(key).begin_object().field("text", message).end_object();
}

/// Of a finding about a configuration, the line that decides: its first evidence.
std::optional<Location> configured_place(const Finding& finding) {
  const bool about_lines = !finding.device.empty() || finding.kind == FindingKind::acl_blocks_approved;
  if (!about_lines || finding.evidence.empty()) return std::nullopt;
  const EvidenceRef& evidence = finding.evidence.front();
  constexpr std::string_view kLine = "line ";
  if (evidence.file.empty() || !evidence.place.starts_with(kLine)) return std::nullopt;
  Location where{.file = evidence.file};
  const char* end = evidence.place.data() + evidence.place.size();
  const auto [rest, error] = std::from_chars(evidence.place.data() + kLine.size(), end, where.line);
  if (error != std::errc() || rest != end) return std::nullopt;
  return where;
}

void write_result(JsonWriter& json, const Finding& finding, const Verdict& verdict,
                  const std::map<std::string, const RuleRow*>& rules) {
  json.begin_object();
  json.field("ruleId", name(finding.kind));
  bool gap = finding.kind == FindingKind::not_measured;
  json.field("kind",
             gap ? "open" : "fail");  // §3.27.9: open, where the evidence did not suffice; a level then is none
  json.field("level", gap ? "none" : level(finding.severity));
  write_message(json, "message",
                finding.remedy.empty()
                    ? text(finding.title)
                    : text(finding.title) + ". " + text(finding.cause) + " Remedy: " + text(finding.remedy));
  json.key("locations").begin_array().begin_object();
  auto rule = rules.find(finding.rule);
  const Location* where = rule == rules.end() || rule->second->where.line == 0 ? nullptr : &rule->second->where;
  // What is about a line of a configuration stands there.
  const std::optional<Location> configured = configured_place(finding);
  if (configured) where = &*configured;
  json.key("physicalLocation").begin_object();
  std::string_view file = where != nullptr && !where->file.empty() ? std::string_view(where->file)
                                                                   : std::string_view(verdict.rules_file);
  json.key("artifactLocation").begin_object().field("uri", uri(short_text(file))).end_object();
  if (where != nullptr && where->line != 0) {
    json.key("region").begin_object().field("startLine", where->line).end_object();
  }
  json.end_object();
  std::string subject = subject_text(finding);
  if (!subject.empty()) {
    json.key("logicalLocations")
        .begin_array()
        .begin_object()
        .field("name", short_text(subject))
        .field("kind", "resource")
        .end_object()
        .end_array();
  }
  json.end_object().end_array();
  json.key("partialFingerprints").begin_object().field("demarcFindingId/v1", short_text(finding.id)).end_object();
  if (finding.baseline == BaselineStatus::fresh) json.field("baselineState", "new");
  if (finding.baseline == BaselineStatus::unchanged) json.field("baselineState", "unchanged");
  if (finding.baseline == BaselineStatus::gone) json.field("baselineState", "absent");
  if (finding.accepted) {
    json.key("suppressions")
        .begin_array()
        .begin_object()
        .field("kind", "external")
        .field("justification", text(finding.accepted_reason));
    json.end_object().end_array();
  }
  json.key("properties").begin_object().field("severity", name(finding.severity));
  json.field_unless_empty("rule", short_text(finding.rule));
  json.field_unless_empty("fromZone", short_text(finding.from_zone))
      .field_unless_empty("toZone", short_text(finding.to_zone));
  if (finding.sample) json.field("packet", to_string(*finding.sample));
  if (!finding.evidence.empty()) {
    json.key("evidence").begin_array();
    for (const EvidenceRef& evidence : finding.evidence) {
      json.begin_object()
          .field("file", short_text(evidence.file))
          .field("place", short_text(evidence.place))
          .field("text", text(evidence.text))
          .end_object();
    }
    json.end_array();
  }
  json.end_object().end_object();
}

}  // namespace

std::string render_sarif(const Verdict& verdict, const ReportOptions&) {
  std::map<std::string, const RuleRow*> rules;
  for (const RuleRow& rule : verdict.rules) rules.emplace(rule.id, &rule);
  std::set<FindingKind> kinds;
  for (const Finding& finding : verdict.findings) kinds.insert(finding.kind);

  JsonWriter json(JsonWriter::Style::indented);
  json.begin_object();
  json.field("$schema",
             "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json");
  json.field("version", "2.1.0");
  json.key("runs").begin_array().begin_object();
  json.key("tool")
      .begin_object()
      .key("driver")
      .begin_object()
      .field("name", "demarc")
      .field_unless_empty("version", short_text(verdict.tool_version));
  json.key("rules").begin_array();
  for (FindingKind kind : kinds) {
    json.begin_object().field("id", name(kind));
    write_message(json, "shortDescription", meaning(kind));
    json.end_object();
  }
  json.end_array().end_object().end_object();
  json.key("invocations").begin_array().begin_object().field("executionSuccessful", true).end_object().end_array();
  json.key("results").begin_array();
  for (const Finding& finding : verdict.findings) write_result(json, finding, verdict, rules);
  json.end_array();
  json.key("properties").begin_object();
  json.field("conclusion", name(verdict.conclusion))
      .field("complete", verdict.complete)
      .field_unless_empty("rulesSha256", short_text(verdict.rules_sha256));
  json.end_object();
  json.end_object().end_array().end_object();
  return json.take() + "\n";
}

}  // namespace demarc
