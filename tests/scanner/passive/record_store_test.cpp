#include "scanner/passive/record_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

namespace demarc {
namespace {

// `record` numbers them, so that each can be found again.
std::vector<ObservedFlow> random_records(std::uint32_t count, std::uint32_t hosts, std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  std::vector<ObservedFlow> records(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    ObservedFlow& f = records[i];
    const bool v6 = random() % 5 == 0;
    const auto address = [&] {
      const std::uint32_t host = random() % hosts;
      return v6 ? Address::ipv6(0x20010DB8ULL << 32 | host % 3, host) : Address::ipv4(0xC0000200U + host);
    };
    f.initiator = address();
    f.responder = address();
    f.protocol = Protocol(random() % 3 == 0 ? 17 : 6);
    f.port = Port(static_cast<std::uint16_t>(random() % 4));
    f.first = Timestamp(Nanoseconds(random() % 1000));
    f.record = i;
    f.states.add(ConnState::SF, i + 1);
  }
  return records;
}

auto order(const ObservedFlow& f) {
  return std::tie(f.protocol, f.initiator, f.responder, f.port, f.icmp, f.initiator_port, f.first, f.source,
                  f.record);
}

}  // namespace

TEST_CASE("records are sorted, whole, and found again, by one thread and by two") {
  struct Row {
    std::uint32_t count, hosts;
  };
  for (const Row& row : {Row{0, 1}, Row{1, 1}, Row{2, 1}, Row{1000, 40}, Row{32768, 250}, Row{70001, 3},
                         Row{70001, 60000}}) {
    for (const unsigned threads : {1U, 2U}) {
      CAPTURE(row.count);
      CAPTURE(row.hosts);
      CAPTURE(threads);
      const std::vector<ObservedFlow> before = random_records(row.count, row.hosts, row.count + row.hosts);
      std::vector<ObservedFlow> after = before;
      std::vector<std::uint32_t> positions;
      sort_records(after, &positions, threads);
      REQUIRE(positions.size() == before.size());
      CHECK(std::is_sorted(after.begin(), after.end(),
                           [](const ObservedFlow& a, const ObservedFlow& b) { return order(a) < order(b); }));
      std::size_t wrong = 0;
      for (std::uint32_t i = 0; i < row.count; ++i) {
        const ObservedFlow& there = after[positions[i]];
        wrong += there.record != i || order(there) != order(before[i]) || !(there.states == before[i].states);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("two threads sort what was sorted and what was turned around") {
  std::vector<ObservedFlow> records = random_records(40000, 500, 7);
  sort_records(records, nullptr, 1);
  const auto same = [](const std::vector<ObservedFlow>& a, const std::vector<ObservedFlow>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const ObservedFlow& x, const ObservedFlow& y) { return order(x) == order(y); });
  };
  std::vector<ObservedFlow> again = records;
  sort_records(again, nullptr, 2);
  CHECK(same(again, records));
  std::reverse(again.begin(), again.end());
  sort_records(again, nullptr, 2);
  CHECK(same(again, records));
}

}  // namespace demarc
