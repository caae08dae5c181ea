#include "scanner/active/raw/quiet_ports.h"

#include <dirent.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <random>

#include "scanner/active/raw/packet_filter.h"
#include "scanner/active/socket_address.h"

#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73  // <linux/in6.h>, which the C library's header leaves out
#endif

namespace demarc {

namespace {

/// Descriptors that close themselves unless they are taken.
class Held {
 public:
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { clear(); }
  void add(int fd) { descriptors_.push_back(fd); }
  void clear() {
    for (int fd : descriptors_) close(fd);
    descriptors_.clear();
  }
  std::vector<int> take() { return std::move(descriptors_); }

 private:
  std::vector<int> descriptors_;
};

/// Binding to a link-local address needs its interface.
std::uint32_t scope_of(const Address& address) {
  if (address.is_ipv4() || classify(address) != AddressClass::link_local) return 0;
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return 0;
  std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(raw, freeifaddrs);
  for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET6) continue;
    std::optional<Endpoint> endpoint = endpoint_of(entry->ifa_addr);
    if (endpoint && endpoint->address == address)
      return reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_scope_id;
  }
  return 0;
}

struct Place {
  Address address;
  std::uint32_t scope = 0;
};

/// Makes a TCP socket drop whatever comes for it, before anything is answered. A filter is the plain way; newer
/// kernels want CAP_NET_ADMIN for one on TCP. Without it: a signature that nobody has (RFC 2385), asked of every
/// peer, and segments without one are dropped in silence, too. A kernel built without signatures can still demand a
/// TTL that only a neighbour's packet could have.
bool deafen_tcp(int fd, Family family) {
  if (attach_filter(fd, deaf_filter())) return true;
  if (errno != EPERM) return false;
  tcp_md5sig signature{};
  sockaddr_storage every{};
  every.ss_family = family == Family::ipv4 ? AF_INET : AF_INET6;
  std::memcpy(&signature.tcpm_addr, &every, sizeof signature.tcpm_addr);
  signature.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;  // of length 0
  signature.tcpm_keylen = 16;
  if (getrandom(signature.tcpm_key, signature.tcpm_keylen, 0) == signature.tcpm_keylen &&
      setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &signature, sizeof signature) == 0)
    return true;
  int hops = 255;
  return family == Family::ipv4 ? setsockopt(fd, IPPROTO_IP, IP_MINTTL, &hops, sizeof hops) == 0
                                : setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &hops, sizeof hops) == 0;
}

/// A deaf socket on one port of one address; 0, or the errno of what failed.
int hold_one(Protocol protocol, const Place& place, Port port, Held& held) {
  bool tcp = protocol == Protocol::tcp;
  SocketAddress at(place.address, port);
  int fd = socket(at.family(), (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  held.add(fd);
  int on = 1;
  if (!place.address.is_ipv4()) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // Deaf before it can hear: a SYN between listen() and the filter would be answered.
  if (!(tcp ? deafen_tcp(fd, place.address.family()) : attach_filter(fd, deaf_filter()))) return errno;
  sockaddr_storage name{};
  std::memcpy(&name, at.get(), at.size());
  if (!place.address.is_ipv4()) reinterpret_cast<sockaddr_in6*>(&name)->sin6_scope_id = place.scope;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&name), at.size()) != 0) return errno;
  if (tcp && listen(fd, 1) != 0) return errno;
  return 0;
}

struct Failed {
  int error = 0;
  Port port;
  Address address;
};

Failed hold_range(Protocol protocol, const std::vector<Place>& places, PortRange range, Held& held) {
  for (std::uint32_t number = range.first.number(); number <= range.last.number(); ++number) {
    Port port{static_cast<std::uint16_t>(number)};
    for (const Place& place : places)
      if (int error = hold_one(protocol, place, port, held); error != 0) return {error, port, place.address};
  }
  return {};
}

PortRange ephemeral_range() {
  unsigned first = 32768, last = 60999;  // the kernel's default
  if (std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    unsigned a = 0, b = 0;
    if (std::fscanf(file, "%5u %5u", &a, &b) == 2 && a >= 1024 && a <= b && b <= 65535) first = a, last = b;
    std::fclose(file);
  }
  return {Port{static_cast<std::uint16_t>(first)}, Port{static_cast<std::uint16_t>(last)}};
}

/// Descriptors we may still open, the soft limit raised as far as it is worth it.
std::uint64_t descriptors_left(std::uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  std::uint64_t used = 16;
  if (DIR* directory = opendir("/proc/self/fd")) {
    used = 0;
    while (readdir(directory) != nullptr) ++used;
    closedir(directory);
  }
  rlim_t enough = used + 2 * wanted + 64;
  if (limit.rlim_cur < enough && limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = std::min(enough, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

Error explain(const Failed& failed, Protocol protocol) {
  std::string what = fmt::format("cannot hold {} port {} of {}: {}", to_string(protocol), to_string(failed.port),
                                 to_string(failed.address), std::strerror(failed.error));
  switch (failed.error) {
    case EADDRINUSE: return {{}, what, "a program of this machine uses it: choose another --source-port"};
    case EACCES:
      return {{},
              what,
              "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, or: setcap cap_net_bind_service+ep on the "
              "program"};
    case EADDRNOTAVAIL: return {{}, what, "it is not an address of this machine"};
    case EMFILE:
    case ENFILE: return {{}, what, "raise the limit of open files (ulimit -n), or give fewer source ports"};
    default: return {{}, what, ""};
  }
}

}  // namespace

QuietPorts::~QuietPorts() {
  for (int fd : descriptors_) close(fd);
}
QuietPorts::QuietPorts(QuietPorts&& other) noexcept
    : ports_(std::move(other.ports_)), descriptors_(std::move(other.descriptors_)) {
  other.descriptors_.clear();
}
QuietPorts& QuietPorts::operator=(QuietPorts&& other) noexcept {
  std::swap(ports_, other.ports_);
  std::swap(descriptors_, other.descriptors_);
  return *this;
}

Result<QuietPorts> QuietPorts::hold(const Wish& wish) {
  if (wish.protocol != Protocol::tcp && wish.protocol != Protocol::udp)
    return failure(fmt::format("{} has no ports to be quiet on", to_string(wish.protocol)));
  if (wish.addresses.empty()) return failure("no address was given to be quiet on");
  std::vector<Place> places;
  for (const Address& address : wish.addresses) places.push_back({address, scope_of(address)});

  QuietPorts quiet;
  auto keep = [&](PortRange range, Held& held) {
    for (std::uint32_t number = range.first.number(); number <= range.last.number(); ++number)
      quiet.ports_.push_back(Port{static_cast<std::uint16_t>(number)});
    quiet.descriptors_ = held.take();
  };

  if (wish.exactly) {
    if (wish.exactly->first.number() == 0) return failure("port 0 cannot be a source port");
    descriptors_left(std::uint64_t{wish.exactly->size()} * places.size());
    Held held;
    Failed failed = hold_range(wish.protocol, places, *wish.exactly, held);
    if (failed.error != 0) return std::unexpected(explain(failed, wish.protocol));
    keep(*wish.exactly, held);
    return quiet;
  }

  PortRange ephemeral = ephemeral_range();
  std::uint32_t count = std::bit_floor(std::clamp(wish.count, 1U, std::min(ephemeral.size(), 4096U)));
  // Most descriptors are for others.
  std::uint64_t share = descriptors_left(std::uint64_t{count} * places.size()) / 4 / places.size();
  if (share < count) count = std::bit_floor(static_cast<std::uint32_t>(std::max<std::uint64_t>(share, 1)));
  std::mt19937_64 random(wish.seed);
  Failed failed;
  for (; count > 0; count /= 2) {
    // Windows that begin at a multiple of their size, in an order of our own; a few may be in use.
    std::uint32_t first = (ephemeral.first.number() + count - 1) / count,
                  end = (ephemeral.last.number() + 1U) / count;
    if (first >= end) continue;
    std::vector<std::uint32_t> windows(end - first);
    for (std::uint32_t i = 0; i < windows.size(); ++i) windows[i] = first + i;
    constexpr std::size_t kTriesMax = 64;
    for (std::size_t i = 0; i < std::min(kTriesMax, windows.size()); ++i) {
      std::swap(windows[i], windows[i + random() % (windows.size() - i)]);
      PortRange window{Port{static_cast<std::uint16_t>(windows[i] * count)},
                       Port{static_cast<std::uint16_t>(windows[i] * count + count - 1)}};
      Held held;
      failed = hold_range(wish.protocol, places, window, held);
      if (failed.error == 0) {
        keep(window, held);
        return quiet;
      }
      if (failed.error != EADDRINUSE && failed.error != EACCES) break;
    }
    // Fewer ports help against few descriptors and against many windows in use, and against nothing else.
    if (failed.error != EADDRINUSE && failed.error != EMFILE && failed.error != ENFILE) break;
  }
  return std::unexpected(explain(failed, wish.protocol));
}

}  // namespace demarc
