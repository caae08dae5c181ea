// Any bytes as a rule set, and as the files it includes: never a crash, always either a rule set or an error with
// words, and every place that an error names must exist.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "rules/policy/yaml_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace demarc;
  std::string text(reinterpret_cast<const char*>(data), size);
  RuleFiles files;
  files.read = [&](const std::string& path) -> Result<std::string> {
    if (path.size() > 200) return failure("no such file");
    return text;  // whatever it includes is this text again
  };
  files.environment = [](std::string_view) -> std::optional<std::string> { return "lab"; };
  files.time_zone_bytes = [&](std::string_view) -> Result<std::string> { return text; };
  ReadRuleSet read = read_rule_set("rules.yaml", files);
  if (read.rules.has_value() == read.diagnostics.has_errors()) std::abort();
  for (const Diagnostic& diagnostic : read.diagnostics.all()) {
    const Location& where = diagnostic.error.where;
    if (diagnostic.error.what.empty() || where.file.empty()) std::abort();
    if (!where.line_text.empty() && where.column > where.line_text.size() + 1) std::abort();
  }
  if (render(read.diagnostics).find('\x1b') != std::string::npos) std::abort();
  return 0;
}
