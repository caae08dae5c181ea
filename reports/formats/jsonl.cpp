// One finding a line, in the verdict's order, for jq, grep and log collectors. Accepted and gone findings are there
// too, with their marks, and so are the gaps: who filters should know what is filtered out.
#include "reports/formats/renderers.h"
#include "rules/verdict/verdict_json.h"

namespace demarc {

std::string render_jsonl(const Verdict& verdict, const ReportOptions&) {
  std::string out;
  for (const Finding& finding : verdict.findings) {
    out += finding_json(finding);
    out += '\n';
  }
  return out;
}

}  // namespace demarc
