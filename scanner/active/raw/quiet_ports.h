// Source ports on which our own kernel keeps quiet. It knows nothing of the SYNs we send past it and would answer
// their SYN-ACKs with a reset, and the replies to our datagrams with port-unreachables. Where a socket of ours
// holds the port behind a filter that drops everything, it says nothing; and nobody else on this machine is given
// the port. When the process dies, the kernel takes everything back by itself: no rule of a firewall is left
// behind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "rules/net/address.h"
#include "rules/net/port.h"
#include "rules/net/protocol.h"
#include "rules/text/result.h"

namespace demarc {

class QuietPorts {
 public:
  struct Wish {
    Protocol protocol = Protocol::tcp;  // tcp: listening sockets; udp: bound ones
    std::vector<Address> addresses;     // held on each of them (both families possible)
    std::optional<PortRange> exactly;   // --source-port: all of them or an error that names the one that is taken
    std::uint32_t count = 64;           // otherwise so many (a power of two), less where descriptors are scarce
    std::uint64_t seed = 0;             // which of the ephemeral range
  };
  /// Ports below 1024 need CAP_NET_BIND_SERVICE.
  static Result<QuietPorts> hold(const Wish& wish);
  ~QuietPorts();
  QuietPorts(QuietPorts&&) noexcept;
  QuietPorts& operator=(QuietPorts&&) noexcept;
  /// Sorted; without `exactly` the number of them is a power of two, and they lie inside one range as narrow as can
  /// be, so that a kernel filter can tell them by range.
  std::span<const Port> ports() const { return ports_; }
  PortRange range() const { return {ports_.front(), ports_.back()}; }

 private:
  QuietPorts() = default;
  std::vector<Port> ports_;
  std::vector<int> descriptors_;
};

}  // namespace demarc
