// The noise table: names and numbers of single scenes, totals against a naive map, and floods under a small budget.
#include "scanner/passive/noise.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

namespace demarc {

namespace {

constexpr std::uint64_t kKey = 42;

Address inside(std::uint32_t n) { return Address::ipv4(0xC0000200U + n); }   // 192.0.2.0
Address outside(std::uint32_t n) { return Address::ipv4(0xC6336400U + n); }  // 198.51.100.0

Attempt attempt(Address from, Address to, std::uint16_t port, std::int64_t second = 0,
                Protocol protocol = Protocol::tcp) {
  Attempt a;
  a.initiator = from;
  a.responder = to;
  a.protocol = protocol;
  a.port = port;
  a.initiator_certain = true;
  a.packets_out = 3;
  a.bytes_out = 180;
  a.record = static_cast<std::uint32_t>(second) + 1;
  a.first = Timestamp::from_seconds(1'000'000 + second);
  a.last = Timestamp::from_seconds(1'000'007 + second);
  return a;
}

struct Finished {
  std::vector<ObservedFlow> kept;
  std::vector<TrafficNoise> noise;
};
Finished finish(NoiseTable& table, std::span<const ObservedFlow> records = {}) {
  Finished r;
  table.finish(records, r.kept, r.noise);
  return r;
}

struct Sum {
  std::uint64_t attempts = 0, packets = 0, bytes = 0;
  bool operator==(const Sum&) const = default;
  void add(const Attempt& a) {
    attempts += a.conversations;
    packets += a.packets_out + a.packets_in;
    bytes += a.bytes_out + a.bytes_in;
  }
};
Sum sum_of(const Finished& r) {
  Sum s;
  for (const ObservedFlow& f : r.kept) {
    s.attempts += f.conversations;
    s.packets += f.packets_out + f.packets_in;
    s.bytes += f.bytes_out + f.bytes_in;
  }
  for (const TrafficNoise& n : r.noise) {
    s.attempts += n.attempts;
    s.packets += n.packets;
    s.bytes += n.bytes;
  }
  return s;
}

auto fields(const TrafficNoise& n) {
  return std::tie(n.kind, n.initiator, n.responder, n.protocol, n.ports, n.attempts, n.initiators, n.responders,
                  n.packets, n.bytes, n.source, n.record, n.first, n.last);
}
bool same(const std::vector<TrafficNoise>& a, const std::vector<TrafficNoise>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const TrafficNoise& x, const TrafficNoise& y) { return fields(x) == fields(y); });
}
auto fields(const ObservedFlow& f) {
  return std::tie(f.protocol, f.initiator, f.responder, f.port, f.icmp, f.tunnel, f.initiator_certain, f.source,
                  f.record, f.conversations, f.packets_out, f.packets_in, f.bytes_out, f.bytes_in, f.first, f.last);
}
bool same(const std::vector<ObservedFlow>& a, const std::vector<ObservedFlow>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ObservedFlow& x, const ObservedFlow& y) {
    return fields(x) == fields(y) && x.states == y.states;
  });
}

const TrafficNoise* find(const Finished& r, NoiseKind kind, std::optional<Address> initiator,
                         std::optional<Address> responder) {
  for (const TrafficNoise& n : r.noise)
    if (n.kind == kind && n.initiator == initiator && n.responder == responder) return &n;
  return nullptr;
}

}  // namespace

TEST_CASE("nineteen ports are nineteen attempts, twenty are a scan") {
  NoiseTable table({.hash_key = kKey});
  for (std::uint16_t port = 1; port <= 19; ++port) table.attempt(attempt(outside(1), inside(10), port, port));
  // Asking again is not asking more.
  for (std::uint16_t port = 1; port <= 19; ++port) {
    Attempt again = attempt(outside(1), inside(10), port, 100);
    again.state = ConnState::REJ;
    again.packets_in = 1;
    again.bytes_in = 40;
    table.attempt(again);
  }
  Finished r = finish(table);
  CHECK(r.noise.empty());
  REQUIRE(r.kept.size() == 19);
  const ObservedFlow& f = r.kept[6];
  CHECK(f.initiator == outside(1));
  CHECK(f.responder == inside(10));
  CHECK(f.port == Port(7));
  CHECK(f.conversations == 2);
  CHECK(f.established == 0);
  CHECK(f.initiator_certain);
  CHECK(f.states[ConnState::S0] == 1);
  CHECK(f.states[ConnState::REJ] == 1);
  CHECK(f.packets_out == 6);
  CHECK(f.packets_in == 1);
  CHECK(f.bytes_in == 40);
  CHECK(f.record == 8);
  CHECK(f.first == Timestamp::from_seconds(1'000'007));
  CHECK(f.last == Timestamp::from_seconds(1'000'107));

  // The table is empty again; a year passes between two ports of a slow scan.
  for (std::uint16_t port = 1; port <= 25; ++port)
    table.attempt(attempt(outside(1), inside(10), static_cast<std::uint16_t>(port * 2), port * 31'557'600LL));
  table.attempt(attempt(outside(1), inside(11), 80));
  r = finish(table);
  CHECK(r.kept.size() == 1);
  REQUIRE(r.noise.size() == 1);
  const TrafficNoise& n = r.noise[0];
  CHECK(n.kind == NoiseKind::port_scan);
  CHECK(n.initiator == outside(1));
  CHECK(n.responder == inside(10));
  CHECK(to_string(n.ports) == "2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42,44,46,48,50");
  CHECK(n.attempts == 25);
  CHECK(n.initiators == 1);
  CHECK(n.responders == 1);
  CHECK(n.packets == 75);
  CHECK(n.bytes == 25 * 180);
  CHECK(n.record == 31'557'601);
  CHECK(n.first == Timestamp::from_seconds(1'000'000 + 31'557'600));
  CHECK(n.last == Timestamp::from_seconds(1'000'007 + 25 * 31'557'600LL));
}

TEST_CASE("one port on twenty hosts is a host scan, and so is a ping sweep") {
  NoiseTable table({.hash_key = kKey});
  for (std::uint32_t host = 1; host <= 30; ++host) {
    table.attempt(attempt(outside(1), inside(host), 445));
    table.attempt(attempt(outside(2), inside(host), 8 << 8, 0, Protocol::icmp));
    if (host <= 19) table.attempt(attempt(outside(3), inside(host), 22));
  }
  const Finished r = finish(table);
  CHECK(r.kept.size() == 19);
  REQUIRE(r.noise.size() == 2);
  const TrafficNoise* scan = find(r, NoiseKind::host_scan, outside(1), std::nullopt);
  REQUIRE(scan != nullptr);
  CHECK(scan->responders == 30);
  CHECK(to_string(scan->ports) == "445");
  const TrafficNoise* sweep = find(r, NoiseKind::host_scan, outside(2), std::nullopt);
  REQUIRE(sweep != nullptr);
  CHECK(sweep->protocol == Protocol::icmp);
  CHECK(sweep->ports.empty());
  CHECK(sweep->attempts == 30);
}

TEST_CASE("a flood is one only where hardly anybody is served") {
  for (const std::uint32_t served : {0U, 700U, 800U}) {
    NoiseTable table({.hash_key = kKey});
    for (std::uint32_t i = 0; i < 3000; ++i) {
      Attempt a = attempt(Address::ipv4(0x0A000000U + i * 7919), inside(10), 443, i);
      a.packets_out = 1;
      table.attempt(a);
    }
    ObservedFlow served_one;
    served_one.initiator = outside(1);
    served_one.responder = inside(10);
    served_one.protocol = Protocol::tcp;
    served_one.port = Port(443);
    served_one.conversations = served_one.established = served;
    const Finished r = finish(table, std::span(&served_one, 1));
    REQUIRE(r.noise.size() == 1);
    CHECK(r.noise[0].kind == (served == 800 ? NoiseKind::attempts : NoiseKind::syn_flood));
    CHECK(r.noise[0].responder == inside(10));
    CHECK_FALSE(r.noise[0].initiator.has_value());
    CHECK(r.noise[0].attempts == 3000);
    CHECK(r.noise[0].initiators > 2910);
    CHECK(r.noise[0].initiators < 3090);
    CHECK(r.noise[0].packets == 3000);
    CHECK(r.kept.empty());
  }
  NoiseTable table({.hash_key = kKey});
  for (std::uint32_t i = 0; i < 1024; ++i) table.attempt(attempt(Address::ipv4(0x0A000000U + i), inside(10), 443));
  const Finished r = finish(table);
  CHECK(r.noise.empty());
  CHECK(r.kept.size() == 1024);
}

TEST_CASE("many scans of one initiator are one record") {
  NoiseTable table({.hash_key = kKey});
  for (std::uint32_t host = 1; host <= 3; ++host)
    for (std::uint16_t port = 1; port <= 100; ++port) {
      table.attempt(attempt(outside(1), inside(host), port));
      for (std::uint32_t k = 0; k < 20; ++k) table.attempt(attempt(outside(2), inside(host * 20 + k), port));
    }
  table.attempt(attempt(outside(2), inside(200), 7777));
  const Finished r = finish(table);
  CHECK(r.kept.empty());
  CHECK(r.noise.size() == 4);
  for (std::uint32_t host = 1; host <= 3; ++host)
    CHECK(find(r, NoiseKind::port_scan, outside(1), inside(host)) != nullptr);
  const TrafficNoise* all = find(r, NoiseKind::port_scan, outside(2), std::nullopt);
  REQUIRE(all != nullptr);
  CHECK(all->responders == 61);
  CHECK(to_string(all->ports) == "1-100,7777");
  CHECK(all->attempts == 6001);
  CHECK(all->first == Timestamp::from_seconds(1'000'000));
}

TEST_CASE("answers that nobody asked for stand under their sender") {
  NoiseTable table({.hash_key = kKey});
  for (std::uint32_t host = 1; host <= 40; ++host) {
    Attempt a = attempt(outside(9), inside(host), 80, host);
    a.state = ConnState::SHR;
    table.backscatter(a);
  }
  table.backscatter(attempt(outside(9), inside(3), 443));
  table.backscatter(attempt(outside(8), inside(3), 53, 0, Protocol::udp));
  const Finished r = finish(table);
  CHECK(r.kept.empty());
  REQUIRE(r.noise.size() == 2);
  const TrafficNoise* tcp = find(r, NoiseKind::backscatter, outside(9), std::nullopt);
  REQUIRE(tcp != nullptr);
  CHECK(tcp->attempts == 41);
  CHECK(tcp->responders == 40);
  CHECK(to_string(tcp->ports) == "80,443");
  CHECK(tcp->record == 1);
}

TEST_CASE("both families, and conversations in a tunnel stay apart") {
  NoiseTable table({.hash_key = kKey});
  Attempt a = attempt(Address::ipv6(0x20010DB800000000ULL, 1), Address::ipv6(0x20010DB800000001ULL, 2), 22);
  table.attempt(a);
  a.tunnel = 0;
  table.attempt(a);
  // The same numbers as an IPv4 address are another address.
  table.attempt(attempt(Address::ipv4(1), Address::ipv4(2), 22));
  table.attempt(attempt(Address::ipv6(0, 1), Address::ipv6(0, 2), 22));
  const Finished r = finish(table);
  REQUIRE(r.kept.size() == 4);
  CHECK(r.kept[0].initiator == Address::ipv4(1));
  CHECK(r.kept[2].tunnel == 0);
  CHECK(r.kept[3].tunnel == kNone32);
}

namespace {

// Few hosts and ports, so that scans of all kinds arise by chance and touch each other.
std::vector<Attempt> random_attempts(std::mt19937& random, std::size_t many) {
  std::vector<Attempt> all;
  const std::uint32_t initiators = 1 + static_cast<std::uint32_t>(random() % 40),
                      responders = 1 + static_cast<std::uint32_t>(random() % 40),
                      ports = 1 + static_cast<std::uint32_t>(random() % 60);
  for (std::size_t i = 0; i < many; ++i) {
    const bool v6 = random() % 4 == 0;
    const auto from = static_cast<std::uint32_t>(random() % initiators),
               to = static_cast<std::uint32_t>(random() % responders);
    const Protocol protocol = random() % 3 == 0 ? Protocol::udp : random() % 9 == 0 ? Protocol::esp : Protocol::tcp;
    Attempt a = attempt(v6 ? Address::ipv6(0x20010DB800000000ULL, from) : outside(from),
                        v6 ? Address::ipv6(0x20010DB800000001ULL, to) : inside(to),
                        protocol == Protocol::esp ? std::uint16_t{0} : static_cast<std::uint16_t>(random() % ports),
                        static_cast<std::int64_t>(random() % 1000), protocol);
    a.packets_out = random() % 5;
    a.packets_in = random() % 3;
    a.bytes_out = random() % 5000;
    a.bytes_in = random() % 5000;
    a.source = static_cast<std::uint32_t>(random() % 3);
    a.record = static_cast<std::uint32_t>(random() % 10'000);
    a.state = static_cast<ConnState>(random() % kConnStates);
    all.push_back(a);
  }
  return all;
}

using Tuple = std::tuple<Protocol, Address, Address, std::uint16_t>;
Tuple tuple_of(const Attempt& a) { return {a.protocol, a.initiator, a.responder, a.port}; }
Tuple tuple_of(const ObservedFlow& f) { return {f.protocol, f.initiator, f.responder, f.port.number()}; }

struct Seen {
  Sum sum;
  StateCounts states;
  std::tuple<Timestamp, std::uint32_t, std::uint32_t> first;
  Timestamp last;
};
using Naive = std::map<Tuple, Seen>;
Naive naive_of(const std::vector<Attempt>& all) {
  Naive naive;
  for (const Attempt& a : all) {
    const std::tuple<Timestamp, std::uint32_t, std::uint32_t> first{a.first, a.source, a.record};
    const auto [place, fresh] = naive.try_emplace(tuple_of(a), Seen{{}, {}, first, a.last});
    Seen& seen = place->second;
    seen.sum.add(a);
    seen.states.add(a.state);
    seen.first = std::min(seen.first, first);
    seen.last = std::max(seen.last, a.last);
  }
  return naive;
}

// What is true of any result with memory to spare.
void check_against_naive(const std::vector<Attempt>& all, const Finished& r) {
  Naive folded = naive_of(all);
  std::map<std::tuple<Protocol, Address, Address>, std::uint32_t> of_pair;
  std::map<std::tuple<Protocol, Address, std::uint16_t>, std::uint32_t> of_port;
  for (const ObservedFlow& f : r.kept) {
    const auto found = folded.find(tuple_of(f));
    RC_ASSERT(found != folded.end());
    const Seen& seen = found->second;
    RC_ASSERT((Sum{f.conversations, f.packets_out + f.packets_in, f.bytes_out + f.bytes_in}) == seen.sum);
    RC_ASSERT(f.states == seen.states);
    RC_ASSERT(std::tuple(f.first, f.source, f.record) == seen.first);
    RC_ASSERT(f.last == seen.last);
    if (f.protocol.has_ports())
      RC_ASSERT(++of_pair[std::tuple(f.protocol, f.initiator, f.responder)] < noise_criteria::kPortScanPorts);
    RC_ASSERT(++of_port[std::tuple(f.protocol, f.initiator, f.port.number())] <
              noise_criteria::kHostScanResponders);
    folded.erase(found);
  }
  // Every other one is in exactly one noise record: the sums agree, and each record's own numbers are those of
  // some of them.
  Sum in_noise, in_folded;
  for (const auto& [tuple, seen] : folded) {
    in_folded.attempts += seen.sum.attempts;
    in_folded.packets += seen.sum.packets;
    in_folded.bytes += seen.sum.bytes;
  }
  for (const TrafficNoise& n : r.noise) {
    in_noise.attempts += n.attempts;
    in_noise.packets += n.packets;
    in_noise.bytes += n.bytes;
    RC_ASSERT(n.initiator.has_value());
    std::set<Address> responders;
    for (const auto& [tuple, seen] : folded) {
      const auto& [protocol, initiator, responder, port] = tuple;
      if (protocol != n.protocol || initiator != *n.initiator) continue;
      if (n.responder && *n.responder != responder) continue;
      if (n.protocol.has_ports() && !n.ports.contains(Port(port))) continue;
      responders.insert(responder);
    }
    RC_ASSERT(n.responders <= responders.size());
    if (n.kind == NoiseKind::host_scan) RC_ASSERT(n.responders >= noise_criteria::kHostScanResponders);
    if (n.kind == NoiseKind::port_scan) RC_ASSERT(n.ports.size() >= noise_criteria::kPortScanPorts);
  }
  RC_ASSERT(in_noise == in_folded);
}

}  // namespace

TEST_CASE("what comes in comes out: against a naive map") {
  CHECK(rc::check("with memory to spare", [](std::uint32_t seed) {
    std::mt19937 random(seed);
    const std::vector<Attempt> all = random_attempts(random, random() % 4000);
    NoiseTable table({.hash_key = seed});
    for (const Attempt& a : all) table.attempt(a);
    RC_ASSERT(table.given_up().empty());
    check_against_naive(all, finish(table));
  }));
  CHECK(rc::check("spread over three tables", [](std::uint32_t seed) {
    std::mt19937 random(seed);
    const std::vector<Attempt> all = random_attempts(random, random() % 4000);
    std::vector<NoiseTable> tables;
    for (int i = 0; i < 3; ++i) tables.emplace_back(NoiseOptions{.hash_key = seed});
    for (const Attempt& a : all) tables[random() % 3].attempt(a);
    tables[0].absorb(tables[1]);
    tables[0].absorb(tables[2]);
    check_against_naive(all, finish(tables[0]));
    const Finished nothing = finish(tables[1]);
    RC_ASSERT(nothing.kept.empty());
    RC_ASSERT(nothing.noise.empty());
  }));
}

TEST_CASE("the key changes nothing, and the same input gives the same records") {
  std::mt19937 random(11);
  const std::vector<Attempt> all = random_attempts(random, 20'000);
  std::optional<Finished> before;
  for (const std::uint64_t key : {1ULL, 1ULL, 0x123456789ABCDEFULL}) {
    NoiseTable table({.hash_key = key});
    for (const Attempt& a : all) table.attempt(a);
    Finished r = finish(table);
    CHECK_FALSE(r.noise.empty());
    if (before) {
      CHECK(same(before->noise, r.noise));
      CHECK(same(before->kept, r.kept));
    }
    before = std::move(r);
  }
}

namespace {

struct Flooded {
  Finished result;
  std::size_t memory = 0;
  Sum sum;
  std::uint64_t given_up = 0;
};

// Random tuples, and in every thousandth place one of a scan, a host scan, a flood of one port, or backscatter.
Flooded flood(std::size_t memory_max, std::uint64_t tuples, std::uint64_t key) {
  std::mt19937_64 random(7);
  NoiseTable table({.memory_max = memory_max, .hash_key = key});
  Flooded f;
  for (std::uint64_t i = 0; i < tuples; ++i) {
    const std::uint64_t word = random(), more = random();
    Attempt a = attempt(Address::ipv4(static_cast<std::uint32_t>(word)),
                        Address::ipv4(static_cast<std::uint32_t>(word >> 32)), static_cast<std::uint16_t>(more),
                        static_cast<std::int64_t>(i / 1000), more & 0x10000 ? Protocol::tcp : Protocol::udp);
    const auto n = static_cast<std::uint32_t>(i / 1000);
    if (i % 250 == 3) a = attempt(outside(1), inside(10), static_cast<std::uint16_t>(1 + n % 4000), n);
    if (i % 250 == 5) a = attempt(outside(2), Address::ipv4(0xCB007100U + n % 4000), 445, n);
    if (i % 100 == 7) a = attempt(a.initiator, inside(20), 443, n);
    // One source that never asks the same host or the same port twice.
    if (i % 250 == 9) a = attempt(outside(3), a.responder, a.port, n, Protocol::udp);
    // One responder, many sources and ports.
    if (i % 250 == 11) a = attempt(a.initiator, inside(30), a.port, n, Protocol::udp);
    a.bytes_out = more >> 54;
    f.sum.add(a);
    if (i % 1000 == 13) {
      const Attempt answer = attempt(outside(4), a.responder, 80, n);
      table.backscatter(answer);
      f.sum.add(answer);
    }
    table.attempt(a);
    if (i % 997 == 0) f.memory = std::max(f.memory, table.memory());
  }
  f.memory = std::max(f.memory, table.memory());
  for (const std::uint64_t lost : table.given_up()) f.given_up += lost;
  f.result = finish(table);
  return f;
}

}  // namespace

TEST_CASE("a flood of random tuples under a small budget: totals exact, and the large ones are found") {
  constexpr std::size_t kBudget = std::size_t{6} << 20;
  constexpr std::uint64_t kTuples = 1'500'000;
  const Flooded f = flood(kBudget, kTuples, 1);
  CHECK(f.memory <= kBudget);
  CHECK(sum_of(f.result) == f.sum);
  CHECK(f.result.kept.size() < 20'000);
  CHECK(f.given_up > kTuples / 2);
  CHECK(f.given_up < f.sum.attempts);

  const TrafficNoise* scan = find(f.result, NoiseKind::port_scan, outside(1), inside(10));
  REQUIRE(scan != nullptr);
  CHECK(scan->attempts > 5900);  // of 6000; the first ones may have folded before anybody could know
  const TrafficNoise* hosts = find(f.result, NoiseKind::host_scan, outside(2), std::nullopt);
  REQUIRE(hosts != nullptr);
  CHECK(hosts->attempts > 5900);
  const TrafficNoise* syns = find(f.result, NoiseKind::syn_flood, std::nullopt, inside(20));
  REQUIRE(syns != nullptr);
  CHECK(to_string(syns->ports) == "443");
  CHECK(syns->attempts > 14'900);
  CHECK(std::abs(static_cast<double>(syns->initiators) - static_cast<double>(syns->attempts)) <
        0.03 * static_cast<double>(syns->attempts));
  const TrafficNoise* wanderer = find(f.result, NoiseKind::attempts, outside(3), std::nullopt);
  REQUIRE(wanderer != nullptr);
  CHECK(wanderer->attempts > 5000);
  const TrafficNoise* victim = find(f.result, NoiseKind::attempts, std::nullopt, inside(30));
  REQUIRE(victim != nullptr);
  CHECK(victim->attempts > 5000);
  const TrafficNoise* answers = find(f.result, NoiseKind::backscatter, outside(4), std::nullopt);
  REQUIRE(answers != nullptr);
  CHECK(answers->attempts == 1500);

  const Flooded again = flood(kBudget, kTuples, 1);
  CHECK(same(f.result.noise, again.result.noise));
  CHECK(same(f.result.kept, again.result.kept));
}

TEST_CASE("more scanners than there is room for: none of their packets is lost, the busy one keeps its name") {
  constexpr std::size_t kBudget = std::size_t{3} << 20;
  NoiseTable table({.memory_max = kBudget, .hash_key = 5});
  Sum sum;
  std::size_t memory = 0;
  for (std::uint32_t scanner = 0; scanner < 20'000; ++scanner) {
    for (std::uint16_t port = 1; port <= 21; ++port) {
      const Attempt a = attempt(Address::ipv4(0x0A000000U + scanner), inside(scanner % 200), port);
      table.attempt(a);
      sum.add(a);
    }
    for (std::uint32_t k = 0; k < 4; ++k) {
      const Attempt a = attempt(outside(1), inside(k), static_cast<std::uint16_t>(scanner));
      table.attempt(a);
      sum.add(a);
      Attempt b = attempt(Address::ipv4(0x0B000000U + scanner * 4 + k), inside(k), 80);
      table.backscatter(b);
      sum.add(b);
    }
    memory = std::max(memory, table.memory());
  }
  CHECK(memory <= kBudget);
  const Finished r = finish(table);
  CHECK(sum_of(r) == sum);
  std::uint64_t busy = 0;
  for (const TrafficNoise& n : r.noise)
    if (n.initiator == outside(1)) busy += n.attempts;
  CHECK(busy > 79'000);
  const TrafficNoise* rest = find(r, NoiseKind::port_scan, std::nullopt, std::nullopt);
  REQUIRE(rest != nullptr);
  CHECK(rest->attempts > 21 * 10'000);
  CHECK(rest->responders == 200);
  CHECK(find(r, NoiseKind::backscatter, std::nullopt, std::nullopt) != nullptr);
}

TEST_CASE("any small budget and any number of protocols: totals stay exact") {
  CHECK(rc::check("under pressure", [](std::uint32_t seed) {
    std::mt19937 random(seed);
    NoiseTable table({.memory_max = 0, .hash_key = seed});
    Sum sum;
    std::size_t memory = 0;
    const std::uint32_t spread = 1U << (4 + random() % 20);
    for (int i = 0; i < 20'000; ++i) {
      Attempt a =
          attempt(outside(static_cast<std::uint32_t>(random() % spread)),
                  inside(static_cast<std::uint32_t>(random() % spread)),
                  static_cast<std::uint16_t>(random() % spread), i, Protocol(static_cast<std::uint8_t>(random())));
      a.state = static_cast<ConnState>(random() % kConnStates);
      a.conversations = 1 + static_cast<std::uint32_t>(random() % 3);
      sum.add(a);
      if (random() % 5 == 0)
        table.backscatter(a);
      else
        table.attempt(a);
      if (i % 64 == 0) memory = std::max(memory, table.memory());
    }
    RC_ASSERT(memory <= (std::size_t{2} << 20));
    RC_ASSERT(sum_of(finish(table)) == sum);
  }));
}

}  // namespace demarc
