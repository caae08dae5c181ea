// The large captures of the benchmarks, in small: they hold what they are said to hold.
#include "tests/support/traffic/bulk.h"
#include "tests/agreement/observed.h"

namespace demarc {

using namespace traffic;

TEST_CASE("the benchmark's shapes hold the conversations and packets that they promise") {
  for (const char* name : {"a", "b", "c"}) {
    CAPTURE(std::string(name));
    BulkShape shape = *bulk_shape(name);
    shape.packets = 60'000, shape.conversations = 5'000, shape.together = std::min(shape.together, 1'000U);
    const TemporaryCapture file, again;
    const auto written = write_bulk(shape, file.path, 7);
    REQUIRE(written.has_value());
    CHECK(written->packets == shape.packets);
    CHECK(written->conversations == shape.conversations);
    CHECK(written->bytes == std::filesystem::file_size(file.path));
    const FlowEvidence evidence = observed(file.path, false);
    std::uint64_t packets = 0, bytes = 0, established = 0;
    for (const ObservedFlow& flow : evidence.flows) {
      packets += flow.packets_out + flow.packets_in;
      bytes += flow.bytes_out + flow.bytes_in;
      established += flow.established;
    }
    CHECK(evidence.flows.size() == shape.conversations);
    CHECK(packets == shape.packets);
    CHECK(bytes == written->wire_bytes);
    CHECK(established * 100 >= shape.conversations * 95);
    CHECK(evidence.sources.at(0).undecoded + evidence.sources.at(0).snapped == 0);
    // The same seed, the same bytes.
    REQUIRE(write_bulk(shape, again.path, 7).has_value());
    CHECK(std::filesystem::file_size(again.path) == written->bytes);
  }
}

TEST_CASE("a flood is one SYN from each end") {
  BulkShape shape = *bulk_shape("flood");
  shape.packets = shape.conversations = 100'000;
  const TemporaryCapture file;
  REQUIRE(write_bulk(shape, file.path, 7).has_value());
  CHECK(observed(file.path, false).flows.size() == shape.packets);
  // Folded, every attempt is counted once.
  std::uint64_t attempts = 0;
  const FlowEvidence folded = observed(file.path, true);
  for (const TrafficNoise& noise : folded.noise) attempts += noise.attempts;
  for (const ObservedFlow& flow : folded.flows) attempts += flow.conversations;
  CHECK(attempts == shape.packets);
}

}  // namespace demarc
