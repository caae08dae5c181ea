// Netlink messages as bytes (RFC 3549): requests put together, answers taken apart. No sockets here, so that what
// the kernel might say can be tried out in memory. Numbers in netlink are in the machine's own byte order,
// addresses in the network's.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "probes/wire/bytes.h"
#include "rules/net/address.h"

namespace demarc::netlink {

/// One message: a fixed part after the header, and attributes.
class Request {
 public:
  template <typename Fixed>
  Request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const Fixed& fixed) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = sequence;
    put(&header, sizeof header);
    put(&fixed, sizeof fixed);
  }
  Request& attribute(std::uint16_t type, const void* data, std::size_t size);
  Request& attribute(std::uint16_t type, const Address& address);
  Request& attribute(std::uint16_t type, std::uint32_t number) { return attribute(type, &number, sizeof number); }
  /// The whole message, its length filled in.
  Bytes bytes();

 private:
  void put(const void* data, std::size_t size);  // padded to four bytes
  std::vector<std::uint8_t> bytes_;
};

/// A message that came in.
struct Message {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0, port = 0;
  Bytes payload;
  /// The fixed part, if the payload is long enough for one.
  template <typename Fixed>
  std::optional<Fixed> fixed() const {
    static_assert(std::is_trivially_copyable_v<Fixed>);
    if (payload.size() < sizeof(Fixed)) return std::nullopt;
    Fixed value;
    std::memcpy(&value, payload.data(), sizeof value);
    return value;
  }
  /// What follows the fixed part.
  template <typename Fixed>
  Bytes attributes() const {
    std::size_t skipped = NLMSG_ALIGN(sizeof(Fixed));
    return payload.size() < skipped ? Bytes{} : payload.subspan(skipped);
  }
};

/// Takes the first message off `rest`; none where what is left is no whole message.
std::optional<Message> next_message(Bytes& rest);

struct Attribute {
  std::uint16_t type = 0;  // without the flags for nested and network order
  Bytes data;
  std::optional<std::uint32_t> number() const;
  std::optional<Address> address() const;  // by its length: 4 or 16 bytes
};
/// Takes the first attribute off `rest`; none at the end or where the rest is broken.
std::optional<Attribute> next_attribute(Bytes& rest);

}  // namespace demarc::netlink
