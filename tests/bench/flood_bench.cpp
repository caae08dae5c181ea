// A SYN flood of distinct tuples against a flow table under a memory cap, with living conversations in it:
//   flood_bench [TUPLES [MEMORY_MIB [CONVERSATIONS]]]        50000000 512 100000
// Every conversation speaks again in turns while the flood goes on. Packets are made in memory, so the time is the
// table's alone. It fails if a conversation was lost or doubled, if a total is not exact, or if memory went over.
#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "probes/wire/decode.h"
#include "scanner/passive/flow_table.h"

namespace {

using namespace demarc;

class Feed {
 public:
  explicit Feed(FlowTable& table) : table_(table) {}
  void tcp(std::uint32_t from, std::uint16_t from_port, std::uint32_t to, std::uint16_t to_port, std::uint8_t flags,
           std::uint32_t seq, std::uint32_t ack) {
    FlowPacket& p = batch_[count_++];
    p = FlowPacket{};
    p.at = now_ += 1000;
    p.frame = ++frame_;
    p.digest.source_low = from, p.digest.destination_low = to;
    p.digest.source_port = from_port, p.digest.port = to_port;
    p.digest.protocol = 6;
    p.digest.tcp_flags = flags;
    p.digest.tcp_seq = seq, p.digest.tcp_ack = ack;
    p.digest.length = 40;
    p.digest.has_ports = true;
    table_.prepare(p);
    if (count_ == batch_.size()) flush();
  }
  void flush() {
    table_.on_packets(std::span(batch_).first(count_));
    count_ = 0;
  }
  std::uint64_t packets() const { return frame_; }

 private:
  FlowTable& table_;
  std::array<FlowPacket, 256> batch_;
  std::size_t count_ = 0;
  std::int64_t now_ = 1'795'000'000'000'000'000;
  std::uint64_t frame_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t tuples = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50'000'000;
  const std::uint64_t memory = (argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 512) << 20;
  const auto talks = static_cast<std::uint32_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 100'000);
  constexpr std::uint32_t kServer = 0xC000020A;
  FlowOptions options;
  options.memory_max = memory;
  options.hash_key = 42;
  FlowTable table(options);
  Feed feed(table);
  const auto start = std::chrono::steady_clock::now();
  const auto client = [](std::uint32_t i) { return 0xC6120000U + i; };
  for (std::uint32_t i = 0; i < talks; ++i) {
    feed.tcp(client(i), 40000, kServer, 443, tcp_flag::syn, 100, 0);
    feed.tcp(kServer, 443, client(i), 40000, tcp_flag::syn | tcp_flag::ack, 500, 101);
    feed.tcp(client(i), 40000, kServer, 443, tcp_flag::ack, 101, 501);
  }
  for (std::uint64_t i = 0; i < tuples; ++i) {
    // An odd factor: 2^32 different senders before one comes back, and then with another port.
    const auto from = static_cast<std::uint32_t>(i * 2654435761U);
    feed.tcp(from, static_cast<std::uint16_t>(1024 + (i >> 32)), kServer, static_cast<std::uint16_t>(80 + i % 3),
             tcp_flag::syn, static_cast<std::uint32_t>(i), 0);
    if (i % 16 == 0 && talks != 0)
      feed.tcp(client(static_cast<std::uint32_t>(i / 16 % talks)), 40000, kServer, 443, tcp_flag::ack, 102, 501);
  }
  feed.flush();
  FlowEvidence evidence;
  evidence.sources.resize(1);
  table.finish(evidence);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::uint64_t packets = 0, conversations = 0, established = 0, attempts = 0;
  for (const ObservedFlow& f : evidence.flows) {
    packets += f.packets_out + f.packets_in;
    conversations += f.conversations;
    established += f.established;
  }
  for (const TrafficNoise& n : evidence.noise) packets += n.packets, attempts += n.attempts;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print("{} packets in {:.1f} s, {:.2f} Mpps, {} MiB peak; {} flows, {} noise records\n", feed.packets(),
             seconds, static_cast<double>(feed.packets()) / seconds / 1e6, usage.ru_maxrss / 1024,
             evidence.flows.size(), evidence.noise.size());
  fmt::print("established {} of {}, conversations and attempts {} of {}, packets {} of {}, aggregated {}\n",
             established, talks, conversations + attempts, tuples + talks, packets, feed.packets(),
             evidence.sources[0].aggregated);
  const bool exact =
      established == talks && conversations + attempts == tuples + talks && packets == feed.packets();
  return exact && static_cast<std::uint64_t>(usage.ru_maxrss) * 1024 <= memory ? 0 : 1;
}
