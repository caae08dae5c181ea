// How fast is the packet algebra on lists as they are: a DMZ's ten thousand lines (few services, many pairs of
// hosts and prefixes, some denies), and five thousand lines of unrelated ranges, the worst case.
//
// The number after a benchmark's name is the order: 0 ports first, 1 addresses first.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

#include "rules/space/packet_set.h"
#include "rules/space/port_slices.h"
#include "tests/support/large_lists.h"

#ifdef DEMARC_WITH_BUDDY
#include <bdd.h>
#endif

namespace {

using namespace demarc;
using large_lists::Line;
using large_lists::random_ranges;
using large_lists::structured;

VariableOrder order(const benchmark::State& state) { return static_cast<VariableOrder>(state.range(0)); }

PacketSet permitted(PacketSpace& space, const std::vector<Line>& list) {
  std::vector<ListEntry> entries;
  for (const Line& l : list) entries.push_back({space.of(l.box), l.permit});
  return space.first_match(entries).permitted;
}

std::vector<Box> boxes(const std::vector<Line>& list) {
  std::vector<Box> all;
  for (const Line& l : list) all.push_back(l.box);
  return all;
}

void report(benchmark::State& state, PacketSpace& space, const PacketSet& set) {
  state.counters["nodes"] = static_cast<double>(set.node_count());
  state.counters["nodes_made"] = static_cast<double>(space.node_count());
}

void first_match_structured(benchmark::State& state) {
  const std::vector<Line> list = structured(static_cast<std::size_t>(state.range(1)), 1);
  for (auto _ : state) {
    PacketSpace space(order(state));
    const PacketSet set = permitted(space, list);
    report(state, space, set);
  }
}
BENCHMARK(first_match_structured)
    ->ArgsProduct({{0, 1}, {10'000}})
    ->Args({0, 50'000})
    ->Unit(benchmark::kMillisecond);

void first_match_random_ranges(benchmark::State& state) {
  const std::vector<Line> list = random_ranges(static_cast<std::size_t>(state.range(1)), 1);
  for (auto _ : state) {
    PacketSpace space(order(state));
    try {
      const PacketSet set = permitted(space, list);
      report(state, space, set);
    } catch (const SpaceExhausted& e) {
      state.SkipWithError(e.what());
    }
  }
}
BENCHMARK(first_match_random_ranges)
    ->Args({0, 500})
    ->Args({1, 500})
    ->Args({1, 5'000})
    ->Unit(benchmark::kMillisecond);

void choose(benchmark::State& state) {
  const std::vector<Box> all = boxes(state.range(0) == 0 ? structured(10'000, 1) : random_ranges(5'000, 1));
  for (auto _ : state) {
    const bool expected = choose_order(all) == static_cast<VariableOrder>(state.range(0));
    if (!expected) state.SkipWithError("the slower order was chosen");
  }
}
BENCHMARK(choose)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void unite_structured(benchmark::State& state) {
  const std::vector<Box> all = boxes(structured(10'000, 1));
  for (auto _ : state) {
    PacketSpace space(order(state));
    const PacketSet set = space.of(all);
    report(state, space, set);
  }
}
BENCHMARK(unite_structured)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// Two versions of a list, the second with a hundred lines changed; both are built anew, then subtracted both ways.
void difference_of_versions(benchmark::State& state) {
  std::vector<Line> before = structured(10'000, 1), after = before;
  const std::vector<Line> fresh = structured(100, 2);
  for (std::size_t n = 0; n < fresh.size(); ++n) after[n * 97 + 3] = fresh[n];
  for (auto _ : state) {
    PacketSpace space(order(state));
    const PacketSet a = permitted(space, before), b = permitted(space, after);
    const PacketSet opened = b - a, closed = a - b;
    benchmark::DoNotOptimize(opened.cover(32));
    benchmark::DoNotOptimize(closed.cover(32));
    benchmark::DoNotOptimize(opened.count());
    benchmark::DoNotOptimize(closed.sample());
    report(state, space, opened);
  }
}
BENCHMARK(difference_of_versions)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// Half of them about a line's own hosts and port, so that some are permitted; the others anywhere in the networks.
std::vector<Packet> questions(const std::vector<Line>& list, std::size_t count) {
  std::mt19937_64 random(3);
  std::vector<Packet> packets;
  for (std::size_t n = 0; n < count; ++n) {
    const Box& line = list[random() % list.size()].box;
    Packet p{Address::ipv4(0x0A000000 + static_cast<std::uint32_t>(random() % (400 * 256))),
             Address::ipv4(0xAC100000 + static_cast<std::uint32_t>(random() % (100 * 256))),
             Protocol::tcp,
             Port(40000),
             line.ports.ranges().front().first,
             {}};
    if (n % 2 == 0) {
      p.source = line.sources.ranges().front().last;
      p.destination = line.destinations.ranges().front().last;
    }
    packets.push_back(p);
  }
  return packets;
}

void million_point_lookups(benchmark::State& state) {
  PacketSpace space(order(state));
  const std::vector<Line> list = structured(10'000, 1);
  const PacketSet set = permitted(space, list);
  const std::vector<Packet> packets = questions(list, 1'000'000);
  for (auto _ : state) {
    std::size_t inside = 0;
    for (const Packet& p : packets) inside += set.contains(p) ? 1 : 0;
    state.counters["inside"] = static_cast<double>(inside);
  }
}
BENCHMARK(million_point_lookups)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void million_port_slices(benchmark::State& state) {
  PacketSpace space(order(state));
  const std::vector<Line> list = structured(10'000, 1);
  const PacketSet set = permitted(space, list);
  const std::vector<Packet> packets = questions(list, 1'000'000);
  for (auto _ : state) {
    PortSlices slices(set);  // its preparation counts
    std::size_t ports = 0;
    for (const Packet& p : packets) ports += slices.between(p.source, p.destination, p.protocol).size();
    state.counters["ports"] = static_cast<double>(ports);
  }
}
BENCHMARK(million_port_slices)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void prepare_port_slices(benchmark::State& state) {
  PacketSpace space(order(state));
  const PacketSet set = permitted(space, structured(10'000, 1));
  for (auto _ : state) benchmark::DoNotOptimize(PortSlices(set).between(Address(), Address(), Protocol::tcp));
}
BENCHMARK(prepare_port_slices)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void thousand_port_slices_unprepared(benchmark::State& state) {
  PacketSpace space(order(state));
  const std::vector<Line> list = structured(10'000, 1);
  const PacketSet set = permitted(space, list);
  const std::vector<Packet> packets = questions(list, 1'000);
  for (auto _ : state) {
    for (const Packet& p : packets) {
      benchmark::DoNotOptimize(set.ports_between(p.source, p.destination, p.protocol, SliceContext::opening()));
    }
  }
}
BENCHMARK(thousand_port_slices_unprepared)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

#ifdef DEMARC_WITH_BUDDY
/// The same list, order and fold in BuDDy. A box is a conjunction of field ranges, built from BuDDy's operations.
void buddy_first_match_structured(benchmark::State& state) {
  const std::vector<Line> list = structured(10'000, 1);
  constexpr int kProtocol = 0, kPort = 8, kDestination = 24, kSource = 56, kVariables = 88;
  for (auto _ : state) {
    bdd_init(2'000'000, 200'000);
    bdd_gbc_hook(nullptr);
    bdd_setmaxincrease(2'000'000);
    bdd_setvarnum(kVariables);
    {
      auto at_least = [](int first, int bits, std::uint64_t n) {
        bdd e = bddtrue;
        for (int b = 0; b < bits; ++b) {
          const bdd v = bdd_ithvar(first + bits - 1 - b);
          e = (n >> b & 1) != 0 ? v & e : v | e;
        }
        return e;
      };
      auto at_most = [](int first, int bits, std::uint64_t n) {
        bdd e = bddtrue;
        for (int b = 0; b < bits; ++b) {
          const bdd v = bdd_nithvar(first + bits - 1 - b);
          e = (n >> b & 1) != 0 ? v | e : v & e;
        }
        return e;
      };
      auto range = [&](int first, int bits, std::uint64_t from, std::uint64_t to) {
        return at_least(first, bits, from) & at_most(first, bits, to);
      };
      auto addresses = [&](int first, const AddressSet& set) {
        const AddressRange& r = set.ranges().front();
        return range(first, 32, r.first.low(), r.last.low());
      };
      std::vector<std::pair<bdd, bdd>> folded;  // permitted, matched
      for (const Line& l : list) {
        const std::uint64_t protocol = l.box.protocols.contains(Protocol::udp) ? 17 : 6;
        const PortRange ports = l.box.ports.ranges().front();
        const bdd match = range(kProtocol, 8, protocol, protocol) &
                          range(kPort, 16, ports.first.number(), ports.last.number()) &
                          addresses(kDestination, l.box.destinations) & addresses(kSource, l.box.sources);
        folded.emplace_back(l.permit ? match : bddfalse, match);
      }
      while (folded.size() > 1) {
        std::vector<std::pair<bdd, bdd>> next;
        for (std::size_t n = 0; n + 1 < folded.size(); n += 2) {
          const auto& [permitted_a, matched_a] = folded[n];
          const auto& [permitted_b, matched_b] = folded[n + 1];
          next.emplace_back(permitted_a | (permitted_b - matched_a), matched_a | matched_b);
        }
        if (folded.size() % 2 != 0) next.push_back(folded.back());
        folded = std::move(next);
      }
      state.counters["nodes"] = bdd_nodecount(folded.front().first);
    }
    bdd_done();
  }
}
BENCHMARK(buddy_first_match_structured)->Iterations(2)->Unit(benchmark::kMillisecond);
#endif

}  // namespace
