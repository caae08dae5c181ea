#include "scanner/active/raw/netlink.h"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace demarc::netlink {

namespace {

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

}  // namespace

void Request::put(const void* data, std::size_t size) {
  const auto* begin = static_cast<const std::uint8_t*>(data);
  bytes_.insert(bytes_.end(), begin, begin + size);
  bytes_.resize(aligned(bytes_.size()));
}

Request& Request::attribute(std::uint16_t type, const void* data, std::size_t size) {
  rtattr header{};
  header.rta_len = static_cast<std::uint16_t>(sizeof header + size);
  header.rta_type = type;
  put(&header, sizeof header);
  put(data, size);
  return *this;
}

Request& Request::attribute(std::uint16_t type, const Address& address) {
  std::array<std::uint8_t, 16> bytes = address.bytes();
  return attribute(type, bytes.data(), address.is_ipv4() ? 4 : 16);
}

Bytes Request::bytes() {
  auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
  return bytes_;
}

std::optional<Message> next_message(Bytes& rest) {
  nlmsghdr header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) return std::nullopt;
  Message message;
  message.type = header.nlmsg_type;
  message.flags = header.nlmsg_flags;
  message.sequence = header.nlmsg_seq;
  message.port = header.nlmsg_pid;
  message.payload = rest.subspan(sizeof header, header.nlmsg_len - sizeof header);
  rest = rest.subspan(std::min(rest.size(), aligned(header.nlmsg_len)));
  return message;
}

std::optional<Attribute> next_attribute(Bytes& rest) {
  rtattr header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  if (header.rta_len < sizeof header || header.rta_len > rest.size()) return std::nullopt;
  Attribute attribute;
  attribute.type = static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK);
  attribute.data = rest.subspan(sizeof header, header.rta_len - sizeof header);
  rest = rest.subspan(std::min(rest.size(), aligned(header.rta_len)));
  return attribute;
}

std::optional<std::uint32_t> Attribute::number() const {
  std::uint32_t value;
  if (data.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, data.data(), sizeof value);
  return value;
}

std::optional<Address> Attribute::address() const {
  if (data.size() == 4) return Address::from_ipv4_bytes(data.data());
  if (data.size() == 16) return Address::from_ipv6_bytes(data.data());
  return std::nullopt;
}

}  // namespace demarc::netlink
