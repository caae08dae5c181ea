// Packets and answers for the tests of iptables and nftables: one packet, and "permit 7" for what decides it.
#pragma once

#include <fmt/format.h>

#include <string>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"

namespace demarc::netfilter_test {

inline ConcretePacket packet(const char* from, const char* to, Protocol protocol, std::uint16_t port,
                             std::uint16_t source_port = 40000) {
  ConcretePacket p;
  p.packet = {parse_address(from).value(), parse_address(to).value(), protocol, Port(source_port), Port(port), {}};
  if (protocol == Protocol::tcp) p.context.flags = tcp_flag::syn;
  return p;
}
inline ConcretePacket tcp(const char* from, const char* to, std::uint16_t port) {
  return packet(from, to, Protocol::tcp, port);
}
inline ConcretePacket icmp(const char* from, const char* to, std::uint8_t type, std::uint8_t code = 0) {
  ConcretePacket p = packet(from, to, parse_address(from)->is_ipv4() ? Protocol::icmp : Protocol::icmpv6, 0);
  p.packet.icmp = {type, code};
  return p;
}
inline ConcretePacket with_state(ConcretePacket p, ConnectionState state) {
  p.context.state = state;
  return p;
}
inline ConcretePacket with_flags(ConcretePacket p, std::uint8_t flags) {
  p.context.flags = flags;
  return p;
}
inline ConcretePacket fragment(ConcretePacket p, Fragment part) {
  p.context.fragment = part;
  return p;
}

/// "permit 7": the fate and the deciding line; "end" for a list's end, "none" where no stage decides.
inline std::string decide(const Device& device, ConcretePacket p, Way way = Way::through, std::string_view in = "",
                          std::string_view out = "") {
  PacketQuestion q = PacketQuestion::of(p, way);
  q.packets.ingress = q.packets.egress = ByteSet::all();
  if (!in.empty()) q.packets.ingress = ByteSet{device.find_interface(in).value()};
  if (!out.empty()) q.packets.egress = ByteSet{device.find_interface(out).value()};
  const FilterDecision d = Decider(device).decide(q);
  std::string line = d.by.list == kNoList ? "none"
                     : !d.by.entry        ? "end"
                                          : fmt::format("{}", device.lists[d.by.list].entries[*d.by.entry].line);
  return fmt::format("{} {}", name(d.fate), line);
}

inline std::uint64_t lines_counted(const Device& d) {
  return d.coverage.understood + d.coverage.in_part + d.coverage.not_filtering + d.coverage.not_understood;
}
inline std::uint64_t lines_not_blank(std::string_view text) {
  std::uint64_t n = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    n += text.substr(at, end - at).find_first_not_of(" \t\r") != std::string_view::npos ? 1 : 0;
    at = end + 1;
  }
  return n;
}

}  // namespace demarc::netfilter_test
