// One finding a row (RFC 4180: CRLF, quotes doubled). Spreadsheets run what looks like a formula, so csv_field()
// defuses it, and they cut cells at 32,767 characters, so a banner is shortened before they do it in silence.
#include <array>

#include "reports/formats/renderers.h"
#include "rules/text/escape.h"

namespace demarc {

namespace {

constexpr std::size_t kCellBytesMax = 8000;

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::string evidence_cell(const Finding& finding) {
  std::string out;
  for (const EvidenceRef& evidence : finding.evidence) {
    if (out.size() > kCellBytesMax) break;
    if (!out.empty()) out += "\n";
    out += place_text(evidence);
    if (!evidence.text.empty()) out += (out.empty() ? "" : ": ") + clipped(evidence.text, kCellBytesMax / 2);
  }
  return out;
}

struct Column {
  std::string_view title;
  std::string (*cell)(const Finding&);
};

const std::array kColumns = {
    Column{"id", [](const Finding& f) { return f.id; }},
    Column{"severity", [](const Finding& f) { return std::string(name(f.severity)); }},
    Column{"kind", [](const Finding& f) { return std::string(name(f.kind)); }},
    Column{"status", [](const Finding& f) { return std::string(f.accepted ? "accepted" : "open"); }},
    Column{"baseline", [](const Finding& f) { return std::string(name(f.baseline)); }},
    Column{"rule", [](const Finding& f) { return f.rule; }},
    Column{"from_zone", [](const Finding& f) { return f.from_zone; }},
    Column{"to_zone", [](const Finding& f) { return f.to_zone; }},
    Column{"source", [](const Finding& f) { return f.source; }},
    Column{"target", [](const Finding& f) { return f.target; }},
    Column{"target_address",
           [](const Finding& f) { return f.target_address ? to_string(*f.target_address) : std::string(); }},
    Column{"protocol", [](const Finding& f) { return f.protocol ? to_string(*f.protocol) : std::string(); }},
    Column{"ports", [](const Finding& f) { return to_string(f.ports); }},
    Column{"service", [](const Finding& f) { return f.service; }},
    Column{"title", [](const Finding& f) { return f.title; }},
    Column{"cause", [](const Finding& f) { return f.cause; }},
    Column{"remedy", [](const Finding& f) { return f.remedy; }},
    Column{"remedy_configuration", [](const Finding& f) { return joined(f.remedy_configuration, "\n"); }},
    Column{"sample", [](const Finding& f) { return f.sample ? to_string(*f.sample) : std::string(); }},
    Column{"vantages", [](const Finding& f) { return joined(f.vantages, ", "); }},
    Column{"application", [](const Finding& f) { return f.application; }},
    Column{"owner", [](const Finding& f) { return f.owner; }},
    Column{"tags", [](const Finding& f) { return joined(f.tags, ", "); }},
    Column{"accepted_reason", [](const Finding& f) { return f.accepted_reason; }},
    Column{"evidence", evidence_cell},
    Column{"device", [](const Finding& f) { return f.device; }},
    Column{"list", [](const Finding& f) { return f.list; }},
};

}  // namespace

std::string render_csv(const Verdict& verdict, const ReportOptions&) {
  std::string out;
  auto end_cell = [&out](std::size_t i) { out += i + 1 == kColumns.size() ? "\r\n" : ","; };
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    out += kColumns[i].title;
    end_cell(i);
  }
  for (const Finding& finding : verdict.findings) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      out += csv_field(clipped(kColumns[i].cell(finding), kCellBytesMax));
      end_cell(i);
    }
  }
  return out;
}

}  // namespace demarc
