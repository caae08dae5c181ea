#include "rules/acl/readers/line_ledger.h"

#include <algorithm>

namespace demarc {

namespace {
constexpr std::size_t kTextMax = 500;
}

std::string LineLedger::bounded(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(" \t\r"), text.size());
  text.remove_prefix(first);
  text = text.substr(0, text.find_last_not_of(" \t\r") + 1);
  if (text.size() <= kTextMax) return std::string(text);
  return std::string(text.substr(0, kTextMax)) + "...";
}

void LineLedger::mark(std::uint32_t line, Understanding understanding, std::string why) {
  LineCoverage& coverage = device_.coverage;
  switch (understanding) {
    case Understanding::understood: ++coverage.understood; return;
    case Understanding::not_filtering: ++coverage.not_filtering; return;
    case Understanding::in_part: ++coverage.in_part; break;
    case Understanding::not_understood: ++coverage.not_understood; break;
  }
  if (device_.lines.size() < Device::kLineReportsMax)
    device_.lines.push_back({line, understanding, bounded(source_.line(line)), std::move(why)});
}

}  // namespace demarc
