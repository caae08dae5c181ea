// acl_bench [LINES] [DIRECTORY]: how long a configuration with one list of LINES entries (default 10000) takes to read,
// to check line by line, and to compare with a version of it in which every hundredth line is another, and with one
// that has nothing to do with it. Beside it, in the same run, the limit: the meaning of the same list alone, as one
// set, and nothing asked of it. With DIRECTORY, the configurations are written there as well, for
// "demarc acl check" and "demarc acl diff" as whole processes.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "rules/acl/meaning.h"
#include "rules/acl/readers/reader.h"
#include "rules/space/packet_set.h"
#include "rules/verdict/anomalies.h"
#include "rules/verdict/compare.h"
#include "tests/support/large_lists.h"

namespace {

using namespace demarc;

template <typename F>
double seconds(F&& f) {
  const std::clock_t start = std::clock();  // of this process: one thread works, and others do not disturb it
  f();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

double mib_at_most() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

Device read(const std::string& name, const std::string& text) {
  Result<Device> device = read_configuration(Source(name, text));
  if (!device || device->coverage.not_understood != 0) {
    fmt::print(stderr, "acl_bench: {} is not read\n", name);
    std::exit(2);
  }
  return std::move(*device);
}

/// The meaning of the list as one set, and nothing asked of it.
double limit_seconds(const Device& device) {
  const VariableOrder order = choose_order(boxes_of(device));
  return seconds([&] {
    PacketSpace space(order, SpaceLimits{.nodes_max = 100'000'000});
    if (Meaning(device, space).permitted_by(0).certain.is_empty()) std::exit(2);
  });
}

void row(std::string_view what, double s, double limit, double mib, const std::string& found) {
  fmt::print("{:<34} {:>8.2f} {:>8.2f} {:>8.0f}  {}\n", what, s, s / limit, mib, found);
}

std::string told(const Comparison& c) {
  return c.decided ? fmt::format("{} pairs of lines, {} packets left out", c.differences.size(),
                                 describe(c.left_out))
                   : "not decided";
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t lines = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  if (lines < 100) return fmt::print(stderr, "acl_bench: give 100 lines or more\n"), 2;
  const std::vector<large_lists::Line> list = large_lists::structured(lines, 1);
  std::vector<large_lists::Line> changed = list;
  const std::vector<large_lists::Line> fresh = large_lists::structured(lines / 100, 2);
  for (std::size_t n = 0; n < fresh.size(); ++n) changed[n * 100 + 3] = fresh[n];
  const std::string texts[] = {large_lists::ios_configuration(list), large_lists::ios_configuration(changed),
                               large_lists::ios_configuration(large_lists::structured(lines, 3))};
  constexpr const char* kNames[] = {"before.cfg", "after.cfg", "other.cfg"};
  if (argc > 2)
    for (std::size_t n = 0; n < 3; ++n) std::ofstream(fmt::format("{}/{}", argv[2], kNames[n])) << texts[n];

  fmt::print("{} lines, {:.1f} MB\n{:<34} {:>8} {:>8} {:>8}\n", lines, static_cast<double>(texts[0].size()) / 1e6,
             "", "CPU s", "x limit", "MiB");
  Device before;
  const double reading = seconds([&] { before = read(kNames[0], texts[0]); });
  const double read_mib = mib_at_most();
  DeviceReport report;
  const double checked = seconds([&] { report = find_anomalies(before); });
  std::size_t shadowed = 0, redundant = 0;
  for (const EntryReport& e : report.lists[0].entries) {
    shadowed += e.status == EntryStatus::shadowed ? 1 : 0;
    redundant += e.status == EntryStatus::redundant ? 1 : 0;
  }
  const std::string found =
      report.lists[0].decided ? fmt::format("{} shadowed, {} redundant", shadowed, redundant) : "not decided";
  const double check_mib = mib_at_most();
  report = {};
  const Device after = read(kNames[1], texts[1]), other = read(kNames[2], texts[2]);
  Comparison comparison;
  const double versions = seconds([&] { comparison = compare(before, after); });
  const std::string versions_told = told(comparison);
  const double versions_mib = mib_at_most();
  const double unrelated = seconds([&] { comparison = compare(before, other); });
  const double unrelated_mib = mib_at_most();
  const double limit = limit_seconds(before);  // last: it takes the most memory
  row("limit: the list as one set", limit, limit, mib_at_most(), "");
  row("read", reading, limit, read_mib, "");
  row("check every line", checked, limit, check_mib, found);
  row("compare, each hundredth line new", versions, limit, versions_mib, versions_told);
  row("compare with another list", unrelated, limit, unrelated_mib, told(comparison));
}
