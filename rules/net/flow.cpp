#include "rules/net/flow.h"

#include <fmt/format.h>

namespace demarc {

std::string to_string(const Endpoint& endpoint) {
  return fmt::format(fmt::runtime(endpoint.address.is_ipv4() ? "{}:{}" : "[{}]:{}"), to_string(endpoint.address),
                     endpoint.port.number());
}

std::string to_string(const Packet& packet) {
  std::string what = to_string(packet.protocol);
  if (packet.protocol.is_icmp())
    what += ' ' + describe(packet.destination.family(), packet.icmp);
  else if (packet.protocol.has_ports())
    what += fmt::format("/{}", packet.port.number());
  return fmt::format("{} > {} {}", to_string(packet.source), to_string(packet.destination), what);
}

}  // namespace demarc
