// The aims of issue 4 on a capture of every kind of conversation: 99.95 percent of openers right in every kind,
// nothing wrong that is called certain; and states, use, packets and bytes as they were made, all of them.
#include "tests/agreement/observed.h"
#include "tests/support/traffic/kinds.h"
#include "tests/support/traffic/score.h"

namespace demarc {

using namespace traffic;

TEST_CASE("every kind of conversation comes out as it was made") {
  for (const std::uint64_t seed : {1U, 2U}) {
    CAPTURE(seed);
    const MadeCapture made = make_kinds(seed, 60);
    REQUIRE(made.flows().size() > 5000);
    const TemporaryCapture file;
    REQUIRE(made.write(file.path, LinkType::ethernet, 262144).has_value());
    const FlowEvidence evidence = observed(file.path, true);
    CHECK(evidence.sources.at(0).packets == made.packets().size());
    std::vector<SaidFlow> answers;
    for (const ObservedFlow& flow : evidence.flows) answers.push_back(said(flow, evidence));
    const Score result = score(made.flows(), answers, true);
    // What was folded into noise is counted there, each attempt once, and nothing else is.
    std::uint64_t folded = 0, unanswered = 0;
    for (const TrafficNoise& noise : evidence.noise) folded += noise.attempts;
    for (const auto& [kind, k] : result.kinds) {
      CAPTURE(kind);
      CAPTURE(k.example);
      if (is_noise(kind)) {
        unanswered += k.missing;
      } else {
        CHECK(k.right_percent() >= 99.95);
        CHECK(k.missing == 0);
      }
      CHECK(k.wrong == 0);
      CHECK(k.wrong_certain == 0);
      CHECK(k.state_wrong == 0);
      CHECK(k.use_wrong == 0);
      CHECK(k.packets_wrong == 0);
      CHECK(k.bytes_wrong == 0);
      CHECK(k.parent_wrong == 0);
      CHECK(k.service_wrong == 0);
    }
    CHECK(folded == unanswered);
    CAPTURE(result.invented_example);
    CHECK(result.invented == 0);
  }
}

}  // namespace demarc
