// Verdicts made by hand for the tests of the reports: an ordinary one, a clean one, an unfinished one, a huge one,
// and one in which every text tries to break out of the report that shows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rules/verdict/finding.h"

namespace demarc::samples {

Verdict ordinary();
Verdict clean();
Verdict inconclusive();
/// 500 findings, 12 zones, 20 services and more.
Verdict large();
/// Each text field of an ordinary verdict holds one of hostile_texts().
Verdict hostile();
/// An ordinary verdict with one more finding, whose evidence holds the short hostile texts: small enough for golden
/// files.
Verdict injected();
const std::vector<std::string>& hostile_texts();

/// By the name of its function.
Verdict by_name(std::string_view name);

}  // namespace demarc::samples
