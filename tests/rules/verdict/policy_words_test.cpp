// The rule set's reader stands below the verdict and repeats the names of the kinds of findings. Here both are
// seen.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "rules/policy/yaml_reader.h"
#include "rules/verdict/finding.h"

namespace demarc {
namespace {

ReadRuleSet accepting(std::string_view kind) {
  return read_rule_set_text("t.yaml", fmt::format("demarc: 1\nzones:\n  rest: {{ any: true }}\naccepted:\n  - {{ "
                                                  "kind: {}, reason: known, expires: 2027-01-31 }}\n",
                                                  kind));
}

TEST_CASE("a rule set may accept exactly the kinds of findings that a verdict knows") {
  std::set<std::string_view> known;
  for (std::size_t k = 0; k < kFindingKinds; ++k) {
    const std::string_view kind = name(static_cast<FindingKind>(k));
    CAPTURE(kind);
    known.insert(kind);
    const ReadRuleSet read = accepting(kind);
    REQUIRE(read.rules.has_value());
    REQUIRE(read.rules->accepted.size() == 1);
    CHECK(parse_finding_kind(read.rules->accepted[0].kind) == static_cast<FindingKind>(k));
  }
  // A word like none of them is answered with the whole list.
  const ReadRuleSet refused = accepting("qqqqqqqqqqqqqqqqqqqqqqqq");
  REQUIRE_FALSE(refused.rules.has_value());
  std::string listed;
  for (const Diagnostic& diagnostic : refused.diagnostics.all())
    if (diagnostic.error.hint.starts_with("one of: ")) listed = diagnostic.error.hint.substr(8);
  REQUIRE_FALSE(listed.empty());
  for (std::string_view rest = listed; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(", "));
    CAPTURE(word);
    CHECK(parse_finding_kind(word).has_value());
    known.erase(word);
    rest.remove_prefix(std::min(rest.size(), word.size() + 2));
  }
  CHECK(known.empty());
}

}  // namespace
}  // namespace demarc
