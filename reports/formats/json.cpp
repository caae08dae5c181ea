// The verdict's own document: what rules/verdict writes is what it reads again.
#include "reports/formats/renderers.h"
#include "rules/verdict/verdict_json.h"

namespace demarc {

std::string render_json(const Verdict& verdict, const ReportOptions&) { return verdict_json(verdict); }

}  // namespace demarc
