// How long a rule set of 10,000 rules takes from its bytes to resolved addresses, and how much of that is yaml-cpp
// and our tree alone. The rules look like the example's: nine keys, three approvals, names of zones, hosts and
// groups.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "rules/policy/yaml_reader.h"
#include "rules/policy/yaml_tree.h"

namespace {

std::string rule_set(int rules) {
  std::string text =
      "demarc: 1\nreview: { approval_roles: [network, systems, security] }\n"
      "people:\n  a.ito: { roles: [network] }\n  m.okafor: { roles: [systems] }\n  r.lind: { roles: [security] }\n"
      "zones:\n  internet: { any: true }\n  dmz: { cidrs: [192.0.2.0/24] }\n  back: { cidrs: [10.20.0.0/16] }\n  "
      "office: { cidrs: [10.50.0.0/16] }\n"
      "services: { https: { tcp: [443] }, ssh: { tcp: [22] }, rpc: { tcp: [135, \"49152-65535\"] } }\nhosts:\n";
  for (int i = 0; i < 500; ++i)
    text += fmt::format("  web{}: {{ nics: {{ front: [192.0.2.{}], back: [10.20.{}.{}] }} }}\n", i, i % 250 + 1,
                        i / 250, i % 250 + 1);
  text += "groups:\n";
  for (int i = 0; i < 50; ++i)
    text += fmt::format("  farm{}: [web{}.back, web{}.back, web{}.back]\n", i, i, i + 50, i + 100);
  text += "rules:\n";
  for (int i = 0; i < rules; ++i) {
    text += fmt::format(
        "  - id: R-{:05}\n    service: {}\n    from: {}\n    to: {}\n    owner: web-team\n    reason: Public shop "
        "and customer portal\n    ticket: CHG-{}\n"
        "    approved: {{ network: {{ by: a.ito, date: 2026-02-03 }}, systems: {{ by: m.okafor, date: 2026-02-03 "
        "}}, security: {{ by: r.lind, date: 2026-02-05 }} }}\n"
        "    review_by: 2027-01-05\n",
        i,
        i % 3 == 0   ? "https"
        : i % 3 == 1 ? "ssh"
                     : "rpc",
        i % 2 == 0 ? "[internet, office]" : "office",
        i % 4 == 0 ? fmt::format("farm{}", i % 50) : fmt::format("web{}.back", i % 500), 1000 + i);
  }
  return text;
}

void load(benchmark::State& state) {
  std::string text = rule_set(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    demarc::ReadRuleSet read = demarc::read_rule_set_text("rules.yaml", text);
    if (!read.rules) std::abort();
    benchmark::DoNotOptimize(read.rules->rules.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(load)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);

void tree_alone(benchmark::State& state) {
  std::string text = rule_set(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    demarc::Diagnostics diagnostics;
    demarc::YamlTree tree = demarc::YamlTree::read("rules.yaml", text, 0, diagnostics);
    if (tree.root() == nullptr) std::abort();
    benchmark::DoNotOptimize(tree.root());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(tree_alone)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
