// Titled text files that anyone who knows firewalls can write: a rule set, and all that demarc says about it, word
// for word. To whoever got a file wrong the message is the product, so the whole text is compared, the caret's line
// included.
//
//   =TITLE= a prefix with host bits
//   =ENVIRONMENT= DEMARC_ENV=lab          (optional)
//   =RULES=
//   ...rules.yaml...
//   =FILE= env/lab.yaml                   (optional, repeated)
//   ...
//   =DIAGNOSTICS=
//   ...what render() gives; nothing if there is nothing to say...
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "rules/policy/yaml_reader.h"

namespace demarc {
namespace {

struct Scenario {
  std::string file, title, expected;
  std::map<std::string, std::string> files, environment;
};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

std::vector<Scenario> read_scenarios(const std::filesystem::path& path) {
  std::vector<Scenario> out;
  std::string* into = nullptr;
  std::istringstream lines(slurp(path));
  for (std::string line; std::getline(lines, line);) {
    auto after = [&](std::string_view marker) { return line.substr(std::min(marker.size() + 1, line.size())); };
    if (line.starts_with("=TITLE=")) {
      out.push_back({});
      out.back().file = path.filename().string();
      out.back().title = after("=TITLE=");
      into = nullptr;
    } else if (line.starts_with("=ENVIRONMENT=")) {
      std::string pair = after("=ENVIRONMENT=");
      out.back().environment[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    } else if (line.starts_with("=RULES=")) {
      into = &out.back().files["rules.yaml"];
    } else if (line.starts_with("=FILE=")) {
      into = &out.back().files[after("=FILE=")];
    } else if (line.starts_with("=DIAGNOSTICS=")) {
      into = &out.back().expected;
    } else {
      REQUIRE_MESSAGE((into != nullptr || line.empty()), path.string());
      if (into != nullptr) *into += line + '\n';
    }
  }
  // A blank line sets a scenario apart from the next one.
  for (Scenario& scenario : out)
    while (scenario.expected.ends_with("\n\n") || scenario.expected == "\n") scenario.expected.pop_back();
  return out;
}

std::vector<Scenario> all_scenarios() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(DEMARC_SOURCE_DIR) / "tests/scenarios/rules"))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Scenario> out;
  for (const std::filesystem::path& path : paths) {
    std::vector<Scenario> more = read_scenarios(path);
    REQUIRE_MESSAGE(!more.empty(), path.string());
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

RuleFiles world_of(const Scenario& scenario) {
  RuleFiles world;
  world.read = [&scenario](const std::string& path) -> Result<std::string> {
    auto found = scenario.files.find(path);
    if (found == scenario.files.end()) return failure("no such file");
    return found->second;
  };
  world.environment = [&scenario](std::string_view name) -> std::optional<std::string> {
    auto found = scenario.environment.find(std::string(name));
    if (found == scenario.environment.end()) return std::nullopt;
    return found->second;
  };
  world.time_zone_bytes = [](std::string_view) -> Result<std::string> { return failure("no such file"); };
  return world;
}

TEST_CASE("every rule-set scenario says exactly what it is expected to say") {
  std::vector<Scenario> scenarios = all_scenarios();
  CHECK(scenarios.size() >= 200);
  for (const Scenario& scenario : scenarios) {
    INFO(scenario.file << ": " << scenario.title);
    ReadRuleSet read = read_rule_set("rules.yaml", world_of(scenario));
    CHECK(render(read.diagnostics) == scenario.expected);
    CHECK(read.rules.has_value() == !read.diagnostics.has_errors());
    CHECK(read.diagnostics.has_errors() == (scenario.expected.find(": error: ") != std::string::npos));
  }
}

TEST_CASE("titles are unique within a file, so that a failure names one scenario") {
  std::map<std::pair<std::string, std::string>, int> seen;
  for (const Scenario& scenario : all_scenarios()) {
    int times = ++seen[std::pair(scenario.file, scenario.title)];
    CHECK_MESSAGE(times == 1, scenario.file << ": " << scenario.title);
  }
}

}  // namespace
}  // namespace demarc
