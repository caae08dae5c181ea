// From a capture to flows, and the limits beside it in the same run:
//   traffic_bench CAPTURE [RUNS]
// Each row runs in a process of its own, so that its peak memory is its own: reading alone, reading and decoding,
// the whole of observe(), and observe() with one record for each conversation.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "probes/wire/decode.h"
#include "scanner/passive/listener.h"

namespace {

using namespace demarc;

struct Measured {
  std::uint64_t packets = 0, flows = 0, conversations = 0;
};

Measured walk(const std::string& path, bool decoding) {
  auto reader = open_capture(path);
  if (!reader) std::exit(2);
  std::array<CapturePacket, kPacketBatch> batch;
  Measured out;
  std::uint64_t used = 0;
  PacketView view;
  while (const std::size_t count = (*reader)->read(batch)) {
    out.packets += count;
    if (decoding)
      for (std::size_t i = 0; i < count; ++i)
        if (decode(batch[i].link, batch[i].bytes, batch[i].wire_length, view)) used += view.port + view.length;
  }
  if (decoding && used == 0) std::exit(2);
  return out;
}

Measured whole(const std::string& path, bool per_conversation) {
  ObserveRequest request;
  request.captures = {{path, ""}};
  request.flow.per_conversation = per_conversation;
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
    fmt::print("{:<34} {:>8.3f} s {:>8.2f} Mpps {:>7} MiB peak {:>10} packets {:>9} records {:>9} conversations\n",
               name, seconds, static_cast<double>(m.packets) / seconds / 1e6, usage.ru_maxrss / 1024, m.packets,
               m.flows, m.conversations);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} CAPTURE [RUNS]\n", argv[0]);
    return 2;
  }
  const std::string path = argv[1];
  const int runs = argc > 2 ? std::atoi(argv[2]) : 3;
  for (int i = 0; i < runs; ++i) {
    const bool good = row("read, data dropped", [&] { return walk(path, false); }) &&
                      row("read and decode", [&] { return walk(path, true); }) &&
                      row("observe", [&] { return whole(path, false); }) &&
                      row("observe, per conversation", [&] { return whole(path, true); });
    if (!good) return 2;
  }
  return 0;
}
