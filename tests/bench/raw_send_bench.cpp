// How to give SYNs to the kernel fastest: sendmmsg on AF_PACKET through and past the queueing discipline, a
// TPACKET_V2 transmit ring, and AF_XDP in copy mode; over a veth pair in networks of our own, in turns, in one run.
// Channel keeps the winner that also works on every driver.
//
//   raw_send_bench [PACKETS-PER-ROUND [ROUNDS]]         as root; prints packets/s and CPU per packet, median of
//   rounds
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "probes/wire/probe_packet.h"
#include "scanner/active/raw/channel.h"
#include "tests/scanner/active/raw/two_networks.h"

using namespace demarc;
using namespace demarc::test;

namespace {

constexpr std::uint32_t kBatch = 128;

double seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Ends {
  NetworkInterface interface;
  LinkAddress to;
};

/// The SYN with this number, from its Ethernet header on; what each way of sending has to write anew for each
/// packet.
std::size_t write_frame(std::uint8_t* out, std::size_t room, const Ends& ends, std::uint32_t number) {
  std::memcpy(out, ends.to.bytes.data(), 6);
  std::memcpy(out + 6, ends.interface.address.bytes.data(), 6);
  out[12] = 0x08;
  out[13] = 0x00;
  ProbeIp ip;
  ip.source = kNear;
  ip.destination = kFar;
  ProbeTcp tcp;
  tcp.source_port = 40000;
  tcp.port = static_cast<std::uint16_t>(number);
  tcp.seq = number;
  tcp.flags = 0x02;
  return 14 + write_tcp({out + 14, room - 14}, ip, tcp);
}

/// Sends so many packets, all of them.
using Sender = std::function<bool(std::uint32_t packets)>;

Sender by_channel(const Ends& ends, bool bypass) {
  ChannelOptions options;
  options.interface = ends.interface;
  options.filter.addresses = {Address::ipv4(1)};  // nothing is to come in
  options.ring_bytes = std::size_t{1} << 20;
  options.bypass_qdisc = bypass;
  options.batch = kBatch;
  auto channel = std::make_shared<Channel>(Channel::open(options).value());
  return [channel, ends](std::uint32_t packets) {
    ProbeIp ip;
    ip.source = kNear;
    ip.destination = kFar;
    ProbeTcp tcp;
    tcp.source_port = 40000;
    tcp.flags = 0x02;
    for (std::uint32_t number = 0; number < packets;) {
      while (!channel->full() && number < packets) {
        tcp.port = static_cast<std::uint16_t>(number);
        tcp.seq = number++;
        channel->commit(write_tcp(channel->room(), ip, tcp), ends.to);
      }
      while (channel->queued() != 0)
        if (Channel::Flushed flushed = channel->flush(); flushed.lost != 0 || flushed.down) return false;
    }
    return true;
  };
}

Sender by_ring(const Ends& ends, bool bypass) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  int version = TPACKET_V2, on = 1;
  setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version);
  if (bypass) setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  constexpr unsigned kFrame = 2048, kFrames = 4096;
  tpacket_req request{};
  request.tp_block_size = 1 << 16;
  request.tp_frame_size = kFrame;
  request.tp_frame_nr = kFrames;
  request.tp_block_nr = kFrames * kFrame / request.tp_block_size;
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_ifindex = ends.interface.index;
  if (setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof request) != 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    return nullptr;
  void* map = mmap(nullptr, std::size_t{kFrame} * kFrames, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return nullptr;
  auto* ring = static_cast<std::uint8_t*>(map);
  return [=, next = 0U](std::uint32_t packets) mutable {
    constexpr std::size_t kData = TPACKET2_HDRLEN - sizeof(sockaddr_ll);
    for (std::uint32_t number = 0; number < packets;) {
      std::uint32_t batch = 0;
      while (batch < kBatch && number < packets) {
        std::uint8_t* frame = ring + std::size_t{next} * kFrame;
        auto& head = *reinterpret_cast<tpacket2_hdr*>(frame);
        if (std::atomic_ref(head.tp_status).load(std::memory_order_acquire) != TP_STATUS_AVAILABLE) break;
        head.tp_len = static_cast<std::uint32_t>(write_frame(frame + kData, kFrame - kData, ends, number++));
        std::atomic_ref(head.tp_status).store(TP_STATUS_SEND_REQUEST, std::memory_order_release);
        next = (next + 1) % kFrames;
        ++batch;
      }
      if (send(fd, nullptr, 0, MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != ENOBUFS) return false;
    }
    while (send(fd, nullptr, 0, 0) > 0) {}
    return true;
  };
}

/// One of the two rings that we use of an AF_XDP socket.
struct XdpRing {
  std::uint32_t *producer = nullptr, *consumer = nullptr;
  std::uint8_t* entries = nullptr;
};

Sender by_xdp(const Ends& ends) {
  int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  constexpr std::uint32_t kFrame = 2048, kFrames = 4096;
  void* memory =
      mmap(nullptr, std::size_t{kFrame} * kFrames, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  xdp_umem_reg area{};
  area.addr = reinterpret_cast<std::uint64_t>(memory);
  area.len = std::uint64_t{kFrame} * kFrames;
  area.chunk_size = kFrame;
  std::uint32_t entries = kFrames;
  if (memory == MAP_FAILED || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &area, sizeof area) != 0 ||
      setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof entries) != 0 ||
      setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof entries) != 0 ||
      setsockopt(fd, SOL_XDP, XDP_TX_RING, &entries, sizeof entries) != 0)
    return nullptr;
  xdp_mmap_offsets offsets{};
  socklen_t size = sizeof offsets;
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) return nullptr;
  auto map_ring = [&](const xdp_ring_offset& o, std::size_t entry, off_t where) -> std::optional<XdpRing> {
    void* map = mmap(nullptr, o.desc + entries * entry, PROT_READ | PROT_WRITE, MAP_SHARED, fd, where);
    if (map == MAP_FAILED) return std::nullopt;
    auto* base = static_cast<std::uint8_t*>(map);
    return XdpRing{reinterpret_cast<std::uint32_t*>(base + o.producer),
                   reinterpret_cast<std::uint32_t*>(base + o.consumer), base + o.desc};
  };
  std::optional<XdpRing> out = map_ring(offsets.tx, sizeof(xdp_desc), XDP_PGOFF_TX_RING);
  std::optional<XdpRing> done =
      map_ring(offsets.cr, sizeof(std::uint64_t), static_cast<off_t>(XDP_UMEM_PGOFF_COMPLETION_RING));
  sockaddr_xdp at{};
  at.sxdp_family = AF_XDP;
  at.sxdp_ifindex = static_cast<std::uint32_t>(ends.interface.index);
  at.sxdp_flags = XDP_COPY;
  if (!out || !done || bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) return nullptr;
  auto* bytes = static_cast<std::uint8_t*>(memory);
  return [=](std::uint32_t packets) {
    auto load = [](std::uint32_t* p) { return std::atomic_ref(*p).load(std::memory_order_acquire); };
    auto store = [](std::uint32_t* p, std::uint32_t v) { std::atomic_ref(*p).store(v, std::memory_order_release); };
    std::uint32_t number = 0, finished = 0;
    while (finished < packets) {
      // A frame may be written again once it is completed; they complete in order.
      std::uint32_t place = load(out->producer), batch = 0;
      while (batch < kBatch && number < packets && number - finished < kFrames) {
        std::uint64_t frame = std::uint64_t{place % kFrames} * kFrame;
        auto length = static_cast<std::uint32_t>(write_frame(bytes + frame, kFrame, ends, number++));
        xdp_desc entry{frame, length, 0};
        std::memcpy(out->entries + (place % kFrames) * sizeof entry, &entry, sizeof entry);
        ++place;
        ++batch;
      }
      store(out->producer, place);
      if (sendto(fd, nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0 && errno != EAGAIN && errno != EBUSY &&
          errno != ENOBUFS)
        return false;
      std::uint32_t completed = load(done->producer);
      finished += completed - load(done->consumer);
      store(done->consumer, completed);
    }
    return true;
  };
}

struct Way {
  const char* name;
  Sender send;
  std::vector<double> rate, cpu;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::uint64_t received(TwoNetworks& lab) {
  std::uint64_t count = 0;
  lab.at_far([&] {
    if (std::FILE* file = std::fopen("/proc/net/dev", "re")) {
      char line[512];
      unsigned long long bytes = 0, packets = 0;
      while (std::fgets(line, sizeof line, file) != nullptr)
        if (std::sscanf(line, " far: %llu %llu", &bytes, &packets) == 2) count = packets;
      std::fclose(file);
    }
  });
  return count;
}

}  // namespace

int main(int count, char** words) {
  std::uint32_t packets = 500'000, rounds = 7;
  if (count > 1) std::from_chars(words[1], words[1] + std::strlen(words[1]), packets);
  if (count > 2) std::from_chars(words[2], words[2] + std::strlen(words[2]), rounds);
  TwoNetworks lab;
  if (!lab.ready()) {
    fmt::print(stderr, "raw_send_bench: no network namespaces with a veth pair here (root and iproute2)\n");
    return 77;
  }
  // Nobody answers, and nothing is looked at beyond the cable.
  lab.at_far([] {
    run("ip address flush dev far; ip link set far promisc off; ip link set far address 02:00:00:00:00:99");
  });
  Ends ends{TwoNetworks::interface("near"), LinkAddress{{2, 0, 0, 0, 0, 0x77}, 6}};
  std::vector<Way> ways;
  ways.push_back({"sendmmsg, bypass (Channel)", by_channel(ends, true), {}, {}});
  ways.push_back({"sendmmsg, queueing", by_channel(ends, false), {}, {}});
  ways.push_back({"TX ring, bypass", by_ring(ends, true), {}, {}});
  ways.push_back({"TX ring, queueing", by_ring(ends, false), {}, {}});
  ways.push_back({"AF_XDP, copy mode", by_xdp(ends), {}, {}});
  for (std::uint32_t round = 0; round < rounds + 1; ++round) {
    for (Way& way : ways) {
      if (!way.send) continue;
      std::uint64_t before = received(lab);
      double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
      bool good = way.send(packets);
      wall = seconds(CLOCK_MONOTONIC) - wall;
      cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
      std::uint64_t arrived = received(lab) - before;
      if (!good || arrived < packets) {
        fmt::print(stderr, "{}: only {} of {} arrived\n", way.name, arrived, packets);
        if (!good) way.send = nullptr;
        continue;
      }
      if (round == 0) continue;  // warms up
      way.rate.push_back(packets / wall);
      way.cpu.push_back(cpu / packets * 1e6);
    }
  }
  fmt::print("{} SYNs a round, {} rounds in turns, medians\n", packets, rounds);
  for (const Way& way : ways) {
    if (way.rate.empty())
      fmt::print("{:<28} not here\n", way.name);
    else
      fmt::print("{:<28} {:>9.0f} packets/s  {:.3f} us CPU a packet  {:.2f} x\n", way.name, median(way.rate),
                 median(way.cpu), median(way.rate) / median(ways[0].rate));
  }
  return 0;
}
