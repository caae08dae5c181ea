// From a capture to flows, and the limits beside it in the same run:
//   traffic_bench CAPTURE [RUNS [ROW]]        ROW: a part of a row's name
// Each row runs in a process of its own, so that its peak memory is its own: reading alone; a bare walk that reads
// and digests; the same with a plain flow table that knows nothing of states, time or bounds (the limit of one
// thread); the whole of observe() with one thread and with two, and with one record for each conversation.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "probes/wire/digest.h"
#include "scanner/passive/listener.h"
#include "scanner/passive/pages.h"

namespace {

using namespace demarc;

struct Measured {
  std::uint64_t packets = 0, flows = 0, conversations = 0;
};

constexpr std::size_t kBatch = 256;

Measured walk(const std::string& path, bool digesting) {
  auto reader = open_capture(path);
  if (!reader) std::exit(2);
  std::array<CapturePacket, kBatch> batch;
  Measured out;
  std::uint64_t used = 0;
  PacketDigest packet;
  while (const std::size_t count = (*reader)->read(batch)) {
    out.packets += count;
    if (digesting)
      for (std::size_t i = 0; i < count; ++i)
        if (digest(batch[i].link, batch[i].bytes, batch[i].wire_length, packet))
          used += packet.port + packet.length;
  }
  if (digesting && used == 0) std::exit(2);
  return out;
}

// An exact bidirectional flow table of IPv4 and nothing else, a cache line a flow, grown by doubling.
class PlainTable {
 public:
  struct Flow {
    std::uint64_t ends = 0, rest = 0;  // rest 0: free
    std::uint64_t bytes[2] = {0, 0};
    std::uint32_t packets[2] = {0, 0};
    std::int64_t first = 0, last = 0;
  };
  struct Key {
    std::uint64_t ends, rest, hash;
    bool reversed;
  };
  static Key key_of(const PacketDigest& p) {
    const bool reversed = (p.source_low << 16 | p.source_port) > (p.destination_low << 16 | p.port);
    Key k{reversed ? p.destination_low << 32 | p.source_low : p.source_low << 32 | p.destination_low,
          (reversed ? std::uint64_t{p.port} << 16 | p.source_port : std::uint64_t{p.source_port} << 16 | p.port) |
              std::uint64_t{p.protocol} << 32,
          0, reversed};
    std::uint64_t h = (k.ends ^ 0x9E3779B97F4A7C15ULL) * 0xD6E8FEB86659FD93ULL;
    h = (h ^ (h >> 32) ^ k.rest) * 0xBF58476D1CE4E5B9ULL;
    k.hash = h ^ (h >> 31);
    return k;
  }
  void prefetch(const Key& key) const { __builtin_prefetch(&flows_[key.hash & (flows_.size() - 1)], 1); }
  void count(const Key& key, const PacketDigest& p, std::int64_t at) {
    if ((size_ + 1) * 2 > flows_.size()) grow();
    Flow& f = place(key.ends, key.rest, key.hash);
    if (f.rest == 0) f.ends = key.ends, f.rest = key.rest, f.first = at, ++size_;
    f.last = at;
    ++f.packets[key.reversed];
    f.bytes[key.reversed] += p.length;
  }
  std::size_t size() const { return size_; }

 private:
  Flow& place(std::uint64_t ends, std::uint64_t rest, std::uint64_t hash) {
    std::size_t i = hash & (flows_.size() - 1);
    while (flows_[i].rest != 0 && !(flows_[i].ends == ends && flows_[i].rest == rest))
      i = (i + 1) & (flows_.size() - 1);
    return flows_[i];
  }
  void grow() {
    const Pages<Flow> old = std::exchange(flows_, Pages<Flow>(flows_.size() * 2, true));
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (old[i].rest == 0) continue;
      std::uint64_t h = (old[i].ends ^ 0x9E3779B97F4A7C15ULL) * 0xD6E8FEB86659FD93ULL;
      h = (h ^ (h >> 32) ^ old[i].rest) * 0xBF58476D1CE4E5B9ULL;
      place(old[i].ends, old[i].rest, h ^ (h >> 31)) = old[i];
    }
  }
  Pages<Flow> flows_{std::size_t{1} << 16};
  std::size_t size_ = 0;
};

Measured plain(const std::string& path) {
  auto reader = open_capture(path);
  if (!reader) std::exit(2);
  std::array<CapturePacket, kBatch> batch;
  std::array<PacketDigest, kBatch> digests;
  std::array<PlainTable::Key, kBatch> keys;
  PlainTable table;
  Measured out;
  while (const std::size_t count = (*reader)->read(batch)) {
    out.packets += count;
    for (std::size_t i = 0; i < count; ++i) {
      if (!digest(batch[i].link, batch[i].bytes, batch[i].wire_length, digests[i])) digests[i].length = 0;
      keys[i] = PlainTable::key_of(digests[i]);
      table.prefetch(keys[i]);
    }
    for (std::size_t i = 0; i < count; ++i)
      if (digests[i].length != 0) table.count(keys[i], digests[i], batch[i].at.since_epoch().count());
  }
  out.flows = out.conversations = table.size();
  return out;
}

Measured whole(const std::string& path, unsigned threads, bool per_conversation) {
  ObserveRequest request;
  request.captures = {{path, ""}};
  request.threads = threads;
  request.flow.per_conversation = per_conversation;
  request.flow.server_ports_tcp = request.flow.server_ports_udp = PortSet{{Port{1}, Port{1023}}};
  const auto evidence = observe(request);
  if (!evidence) std::exit(2);
  Measured out{evidence->sources[0].packets, evidence->flows.size(), 0};
  for (const ObservedFlow& flow : evidence->flows) out.conversations += flow.conversations;
  return out;
}

// One measurement in a child: its time, its counts, its peak memory.
template <typename Work>
bool row(const char* name, Work&& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto start = std::chrono::steady_clock::now();
    const Measured m = work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto cpu = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    fmt::print(
        "{:<34} {:>7.3f} s {:>6.2f} Mpps, cpu {:>6.3f} s {:>6.2f} Mpps, {:>5} MiB peak {:>9} packets {:>8} records "
        "{:>8} conversations\n",
        name, seconds, static_cast<double>(m.packets) / seconds / 1e6, cpu(usage.ru_utime) + cpu(usage.ru_stime),
        static_cast<double>(m.packets) / (cpu(usage.ru_utime) + cpu(usage.ru_stime)) / 1e6, usage.ru_maxrss / 1024,
        m.packets, m.flows, m.conversations);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

struct Row {
  const char* name;
  Measured (*work)(const std::string& path);
};
constexpr Row kRows[] = {
    {"read, data dropped", [](const std::string& path) { return walk(path, false); }},
    {"read and digest (bare walk)", [](const std::string& path) { return walk(path, true); }},
    {"bare walk, plain flow table", [](const std::string& path) { return plain(path); }},
    {"observe, one thread", [](const std::string& path) { return whole(path, 1, false); }},
    {"observe, two threads", [](const std::string& path) { return whole(path, 2, false); }},
    {"per conversation, two threads", [](const std::string& path) { return whole(path, 2, true); }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} CAPTURE [RUNS [ROW]]\n", argv[0]);
    return 2;
  }
  const std::string path = argv[1], chosen = argc > 3 ? argv[3] : "";
  const int runs = argc > 2 ? std::atoi(argv[2]) : 3;
  for (int i = 0; i < runs; ++i)
    for (const Row& r : kRows)
      if (std::string_view(r.name).find(chosen) != std::string_view::npos &&
          !row(r.name, [&] { return r.work(path); }))
        return 2;
  return 0;
}
