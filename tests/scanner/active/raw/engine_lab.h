// A filter between us and a host, in networks of the test's own, and what a scan through it tells:
//
//   ours  192.0.2.1  ----  192.0.2.2  filter  198.51.100.1  ----  198.51.100.2  host (also .3)
//   2001:db8::1           2001:db8::2        2001:db8:1::1       2001:db8:1::2
//
// The host's packets reach us with a TTL one less than the filter's. ICMP errors are not limited.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "probes/wire/decode.h"
#include "scanner/active/raw_scan.h"
#include "scanner/active/socket_address.h"
#include "tests/scanner/active/raw/two_networks.h"

namespace demarc::test {

inline const Address kHost = *parse_address("198.51.100.2"), kOtherHost = *parse_address("198.51.100.3");
inline const Address kHost6 = *parse_address("2001:db8:1::2");

class FilteredHost {
 public:
  FilteredHost() {
    if (!near_.ready() || !run("nft list tables")) return;
    near_.at_far([&] {
      int filter = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
      if (enter_own_network() && run("echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode")) {
        host_ = ::open("/proc/thread-self/ns/net", O_RDONLY);
        run("sysctl -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 "
            "net.ipv4.icmp_msgs_burst=10000");
      }
      if (setns(filter, CLONE_NEWNET) != 0) std::abort();
      close(filter);
      if (host_ < 0) return;
      ready_ =
          run(fmt::format("ip link add inside type veth peer name outside netns /proc/self/fd/{}", host_)) &&
          run("ip address add 198.51.100.1/24 dev inside && ip address add 2001:db8:1::1/64 dev inside nodad && "
              "ip link set inside up") &&
          run("sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1") &&
          run("nft add table inet guard && nft add chain inet guard forward '{ type filter hook forward priority "
              "0; }'");
      // A router asks for neighbours from its link-local address.
      run("ip address add fe80::2/64 dev far nodad && ip address add fe80::1/64 dev inside nodad");
      run("sysctl -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 "
          "net.ipv4.icmp_msgs_burst=10000");
    });
    at_host([&] {
      ready_ = ready_ &&
               run("ip address add 198.51.100.2/24 dev outside && ip address add 198.51.100.3/24 dev outside && "
                   "ip address add 2001:db8:1::2/64 dev outside nodad && ip link set outside up") &&
               run("ip route add default via 198.51.100.1 && ip route add default via 2001:db8:1::1");
    });
    ready_ = ready_ && run("ip route add default via 192.0.2.2 && ip route add default via 2001:db8::2");
  }
  ~FilteredHost() {
    for (auto& [fd, address] : listeners_) close(fd);
    if (host_ >= 0) close(host_);
  }
  FilteredHost(const FilteredHost&) = delete;
  FilteredHost& operator=(const FilteredHost&) = delete;

  bool ready() const { return ready_; }
  template <typename Do>
  void at_filter(Do what) {
    near_.at_far(what);
  }
  template <typename Do>
  void at_host(Do what) {
    near_.at_far([&] {
      const int filter = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
      if (setns(host_, CLONE_NEWNET) != 0) std::abort();
      what();
      if (setns(filter, CLONE_NEWNET) != 0) std::abort();
      close(filter);
    });
  }
  /// Rules of the filter's forward chain, one after another; each must load.
  void filter(const std::vector<std::string>& rules) {
    at_filter([&] {
      for (const std::string& rule : rules)
        REQUIRE_MESSAGE(run("nft add rule inet guard forward '" + rule + "'"), rule);
    });
  }
  /// A listener that accepts by the kernel alone and says nothing.
  void open_tcp(std::uint16_t port, const Address& address = kHost) {
    at_host([&] {
      const int fd = socket(address.is_ipv4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
      SocketAddress at(address, Port{port});
      REQUIRE(bind(fd, at.get(), at.size()) == 0);
      REQUIRE(listen(fd, 512) == 0);
      listeners_.emplace_back(fd, address);
    });
  }

 private:
  TwoNetworks near_;
  int host_ = -1;
  bool ready_ = false;
  std::vector<std::pair<int, Address>> listeners_;
};

/// What a scan told, by the work's index: the last word of each.
struct ToldSink final : ScanSink {
  std::map<std::uint64_t, ScanFound> found;
  std::map<std::uint64_t, int> times;
  std::vector<CanaryLook> looks;
  std::vector<std::string> notes;
  std::vector<AskedSoFar> asked;
  ScanProgress last;
  std::function<void()> on_batch;
  std::function<Result<void>()> refuse;
  Result<void> on_found(std::span<const ScanFound> batch) override {
    if (refuse) return refuse();
    for (const ScanFound& f : batch) {
      found.insert_or_assign(f.index, f);
      ++times[f.index];
    }
    if (on_batch) on_batch();
    return {};
  }
  Result<void> on_canary(const CanaryLook& look) override {
    looks.push_back(look);
    return {};
  }
  Result<void> on_asked(const AskedSoFar& so_far) override {
    asked.push_back(so_far);
    return {};
  }
  Result<void> on_note(const std::string& note) override {
    notes.push_back(note);
    return {};
  }
  void on_progress(const ScanProgress& progress) override { last = progress; }
  bool noted(std::string_view words) const {
    return std::any_of(notes.begin(), notes.end(),
                       [&](const std::string& note) { return note.find(words) != std::string::npos; });
  }
};

inline Target lab_target(const Address& address) {
  const Prefix prefixes[] = {*parse_prefix("198.51.100.0/24"), *parse_prefix("2001:db8:1::/64"),
                             *parse_prefix("192.0.2.0/24")};
  static const Scope scope = *Scope::from_prefixes(prefixes);
  return *scope.admit(address);
}

struct Item {
  Address target;
  Protocol protocol;
  std::uint16_t port = 0;
  IcmpType icmp = {};
};

/// A request that asks these in this order, fast, with nothing beside it.
struct LabRequest : ScanRequest {
  explicit LabRequest(std::vector<Item> items) : list(std::make_shared<std::vector<Item>>(std::move(items))) {
    work_count = list->size();
    work = [items = list](std::uint64_t i) {
      const Item& item = (*items)[i];
      return ScanWork{lab_target(item.target), Port{item.port}, item.protocol, item.icmp, Speak::freely, 0, 0};
    };
    auto places = std::make_shared<std::map<std::tuple<Address, int, int, int>, std::uint64_t>>();
    for (std::uint64_t i = 0; i < work_count; ++i) {
      const Item& item = (*list)[i];
      (*places)[{item.target, item.protocol.number(), item.port, item.icmp.type}] = i;
    }
    index_of = [places](const Address& target, Protocol protocol, Port port,
                        IcmpType icmp) -> std::optional<std::uint64_t> {
      const auto at = places->find({target, protocol.number(), port.number(), icmp.type});
      if (at == places->end()) return std::nullopt;
      return at->second;
    };
    pace.rate_max = pace.rate_max_per_target = 20000;
    pace.states_max_per_path = 0;
    pace.decoys_per_target = 0;
    pace.tries_max = pace.tries_limit = 2;
    pace.rechecks_max = 0;
    pace.listen_time = std::chrono::milliseconds(100);
    services = false;
  }
  std::shared_ptr<std::vector<Item>> list;
};

inline std::vector<Item> tcp_ports(const Address& target, unsigned first, unsigned last) {
  std::vector<Item> items;
  for (unsigned port = first; port <= last; ++port)
    items.push_back({target, Protocol::tcp, static_cast<std::uint16_t>(port)});
  return items;
}

inline RawOptions raw_options() {
  RawOptions options;
  options.ability = raw_ability();
  return options;
}

/// Every IP packet that an interface of some network takes in, with the kernel's time, until stop().
class Capture {
 public:
  struct Packet {
    Timestamp at;
    std::vector<std::uint8_t> bytes;
    PacketView view;
  };
  /// To be made inside of that network.
  explicit Capture(const char* interface) {
    fd_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int on = 1, room = 64 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    thread_ = std::thread([this] { listen(); });
  }
  ~Capture() {
    stop();
    close(fd_);
  }
  /// What came in, in order.
  const std::vector<Packet>& stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return packets_;
  }

 private:
  void listen() {
    std::uint8_t buffer[2048];
    for (;;) {
      pollfd wait{fd_, POLLIN, 0};
      if (poll(&wait, 1, 20) <= 0) {
        if (stop_) return;
        continue;
      }
      sockaddr_ll from{};
      alignas(cmsghdr) char control[256];
      iovec part{buffer, sizeof buffer};
      msghdr message{};
      message.msg_name = &from;
      message.msg_namelen = sizeof from;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t size = recvmsg(fd_, &message, 0);
      if (size <= 0 || from.sll_pkttype == PACKET_OUTGOING) continue;
      Packet packet;
      packet.bytes.assign(buffer, buffer + size);
      if (!decode_ip(packet.bytes, static_cast<std::uint32_t>(size), packet.view)) continue;
      for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec at{};
        std::memcpy(&at, CMSG_DATA(c), sizeof at);
        packet.at = Timestamp(Nanoseconds(std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec));
      }
      packets_.push_back(std::move(packet));
    }
  }
  int fd_;
  std::atomic<bool> stop_{false};
  std::vector<Packet> packets_;
  std::thread thread_;
};

}  // namespace demarc::test
