// noise_bench [tuples]: unanswered conversations a second through the noise table, and the memory it takes, for
// tuples that are all different, for a flood of one port, and for scans.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "scanner/passive/noise.h"

using namespace demarc;

namespace {

std::uint64_t next(std::uint64_t& state) {  // splitmix64
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

long resident_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word)
    if (word == "VmRSS:") {
      long kib = 0;
      status >> kib;
      return kib;
    }
  return 0;
}

template <typename Make>
void measure(const char* name, std::uint64_t tuples, Make make) {
  NoiseTable table({.memory_max = std::size_t{32} << 20, .hash_key = 1});
  const long before = resident_kib();
  long most = before;
  std::uint64_t state = 1;
  Attempt a;
  a.protocol = Protocol::tcp;
  a.packets_out = 1;
  a.bytes_out = 40;
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < tuples; ++i) {
    make(a, i, next(state));
    a.first = a.last = Timestamp(Nanoseconds(static_cast<std::int64_t>(i)));
    table.attempt(a);
    if (i % 1'000'000 == 0) most = std::max(most, resident_kib());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  most = std::max(most, resident_kib());
  std::vector<ObservedFlow> kept;
  std::vector<TrafficNoise> noise;
  table.finish({}, kept, noise);
  std::uint64_t attempts = kept.size();
  for (const TrafficNoise& n : noise) attempts += n.attempts;
  fmt::print("{:<8} {:>10} attempts {:>6.2f} M/s, {:>6.1f} MiB more resident, {} kept, {} records, total {}\n",
             name, tuples, static_cast<double>(tuples) / seconds / 1e6, static_cast<double>(most - before) / 1024,
             kept.size(), noise.size(), attempts);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t tuples = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50'000'000;
  measure("random", tuples, [](Attempt& a, std::uint64_t, std::uint64_t r) {
    a.initiator = Address::ipv4(static_cast<std::uint32_t>(r));
    a.responder = Address::ipv4(static_cast<std::uint32_t>(r >> 32));
    a.port = static_cast<std::uint16_t>(r * 0x9E3779B97F4A7C15ULL >> 48);
  });
  measure("flood", tuples, [](Attempt& a, std::uint64_t, std::uint64_t r) {
    a.initiator = Address::ipv4(static_cast<std::uint32_t>(r));
    a.responder = Address::ipv4(0xC000020A);
    a.port = 443;
  });
  measure("victim", tuples, [](Attempt& a, std::uint64_t, std::uint64_t r) {
    a.initiator = Address::ipv4(static_cast<std::uint32_t>(r));
    a.responder = Address::ipv4(0xC000020A);
    a.port = static_cast<std::uint16_t>(r >> 32);
  });
  measure("scans", tuples, [](Attempt& a, std::uint64_t i, std::uint64_t) {
    a.initiator = Address::ipv4(static_cast<std::uint32_t>(0x0A000000 + i / 100));
    a.responder = Address::ipv4(0xC000020A);
    a.port = static_cast<std::uint16_t>(i % 100);
  });
}
