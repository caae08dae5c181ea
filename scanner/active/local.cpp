#include "scanner/active/local.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <tuple>

#include "scanner/active/socket_address.h"

namespace demarc {

Result<std::vector<LocalAddress>> local_addresses() {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0)
    return failure(std::string("cannot list the addresses of this machine: ") + std::strerror(errno));
  std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(raw, freeifaddrs);
  std::vector<LocalAddress> found;
  for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    std::optional<Endpoint> endpoint = endpoint_of(entry->ifa_addr);
    if (endpoint) found.push_back({endpoint->address, entry->ifa_name});
  }
  std::sort(found.begin(), found.end(), [](const LocalAddress& a, const LocalAddress& b) {
    return std::tie(a.address, a.interface_name) < std::tie(b.address, b.interface_name);
  });
  return found;
}

OwnAddresses::OwnAddresses(const std::vector<LocalAddress>& list) {
  for (const LocalAddress& local : list) sorted_.push_back(local.address);
  std::sort(sorted_.begin(), sorted_.end());
}

bool OwnAddresses::contains(const Address& address) const {
  return classify(address) == AddressClass::loopback || std::binary_search(sorted_.begin(), sorted_.end(), address);
}

Result<Address> source_address_for(const Address& destination) {
  SocketAddress to(destination, Port{9});
  int fd = socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(std::string("cannot open a socket: ") + std::strerror(errno));
  // Connecting a datagram socket looks up the route and sends nothing.
  int status = connect(fd, to.get(), to.size());
  int cause = errno;
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (status == 0 && getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    status = -1;
    cause = errno;
  }
  close(fd);
  if (status != 0) return failure("no route to " + to_string(destination) + ": " + std::strerror(cause));
  std::optional<Endpoint> endpoint = endpoint_of(reinterpret_cast<const sockaddr*>(&own));
  if (!endpoint) return failure("no source address for " + to_string(destination));
  return endpoint->address;
}

}  // namespace demarc
