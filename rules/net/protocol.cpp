#include "rules/net/protocol.h"

#include <charconv>

namespace demarc {

namespace {
struct Row {
  std::string_view name;
  std::uint8_t number;
};
constexpr Row kProtocols[] = {
    {"icmp", 1},   {"igmp", 2},    {"ipip", 4},   {"tcp", 6},       {"egp", 8},   {"igp", 9},
    {"udp", 17},   {"dccp", 33},   {"ipv6", 41},  {"rsvp", 46},     {"gre", 47},  {"esp", 50},
    {"ah", 51},    {"icmpv6", 58}, {"eigrp", 88}, {"ospf", 89},     {"pim", 103}, {"ipcomp", 108},
    {"vrrp", 112}, {"l2tp", 115},  {"sctp", 132}, {"udplite", 136},
};
}  // namespace

std::string to_string(Protocol protocol) {
  for (const Row& row : kProtocols)
    if (row.number == protocol.number()) return std::string(row.name);
  return std::to_string(protocol.number());
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  for (const Row& row : kProtocols)
    if (row.name == text) return Protocol(row.number);
  unsigned number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole =
      problem == std::errc() && end == text.data() + text.size() && (text.size() == 1 || text.front() != '0');
  if (!whole || number > 255) return std::nullopt;
  return Protocol(static_cast<std::uint8_t>(number));
}

}  // namespace demarc
