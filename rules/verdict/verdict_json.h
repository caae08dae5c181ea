// The verdict as one JSON document (design.md section 6), written and read again: reports, baselines and other
// tools need nothing else.
#pragma once

#include <string>
#include <string_view>

#include "rules/text/result.h"
#include "rules/verdict/finding.h"

namespace demarc {

/// One document, indented, fields in a fixed order, a newline at the end.
std::string verdict_json(const Verdict& verdict);

/// One finding as a compact JSON object without a newline: a line of `--format jsonl`.
std::string finding_json(const Finding& finding);

/// Reads what verdict_json() wrote. Unknown fields are ignored; an unknown version is refused; depth, size and
/// counts are bounded. `file` names the input in errors, which carry line and column.
Result<Verdict> read_verdict(std::string_view text, std::string_view file);

/// JSON Schema, draft-07.
std::string_view verdict_json_schema();

}  // namespace demarc
