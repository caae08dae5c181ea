// Questions to an ASA configuration, and answers as short as a table row.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <string>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"

namespace demarc::asa_support {

inline Device read(std::string text) {
  return read_configuration(Source("fw.cfg", std::move(text)), Dialect::cisco_asa).value();
}
/// With a version line in front, so that line 1 is that.
inline Device read9(std::string text) { return read("ASA Version 9.16(1)\n" + std::move(text)); }

inline std::string sample(const char* name) {
  std::ifstream in(std::string(DEMARC_SOURCE_DIR) + "/tests/rules/acl/samples/" + name, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline ConcretePacket packet(const char* from, const char* to, Protocol protocol, std::uint16_t port = 0,
                             std::uint16_t source_port = 40000) {
  ConcretePacket p;
  p.packet = {parse_address(from).value(), parse_address(to).value(), protocol, Port(source_port), Port(port), {}};
  return p;
}
inline ConcretePacket tcp(const char* from, const char* to, std::uint16_t port, std::uint16_t source_port = 40000) {
  return packet(from, to, Protocol::tcp, port, source_port);
}
inline ConcretePacket icmp(const char* from, const char* to, std::uint8_t type, std::uint8_t code = 0) {
  ConcretePacket p = packet(from, to, parse_address(from)->is_ipv4() ? Protocol::icmp : Protocol::icmpv6);
  p.packet.icmp = {type, code};
  return p;
}

/// "permit 3": the fate and the deciding line; 0 for what is implied.
inline std::string answer(const Device& device, const FilterDecision& d) {
  const std::string line = d.by.list == kNoList || !d.by.entry
                               ? "end"
                               : fmt::format("{}", device.lists[d.by.list].entries[*d.by.entry].line);
  return fmt::format("{} {}", name(d.fate), line);
}
inline std::string decide(const Device& device, std::string_view list, const ConcretePacket& p) {
  PacketQuestion q = PacketQuestion::of(p);
  q.list = device.find_list(list);
  if (q.list == kNoList) return "no such list";
  return answer(device, Decider(device).decide(q));
}
/// The whole device.
inline std::string through(const Device& device, ConcretePacket p, std::string_view in, std::string_view out) {
  const std::optional<InterfaceId> from = device.find_interface(in), to = device.find_interface(out);
  if (!from || !to) return "no such interface";
  p.context.ingress = *from, p.context.egress = *to;
  return answer(device, Decider(device).decide(PacketQuestion::of(p)));
}
inline std::string to_device(const Device& device, ConcretePacket p, std::string_view in) {
  const std::optional<InterfaceId> from = device.find_interface(in);
  if (!from) return "no such interface";
  p.context.ingress = p.context.egress = *from;
  return answer(device, Decider(device).decide(PacketQuestion::of(p, Way::to_device)));
}

inline std::uint64_t lines_counted(const Device& d) {
  return d.coverage.understood + d.coverage.in_part + d.coverage.not_filtering + d.coverage.not_understood;
}
inline std::uint64_t lines_written(const std::string& text) {
  const Source source("fw.cfg", text);
  std::uint64_t n = 0;
  for (std::uint32_t i = 1; i <= source.line_count(); ++i)
    n += source.line(i).find_first_not_of(" \t\r") != std::string_view::npos ? 1 : 0;
  return n;
}
/// What was not plainly understood, for a failure to show.
inline std::string open_lines(const Device& d) {
  std::string out;
  for (const LineReport& l : d.lines) out += fmt::format("{}: {} ({})\n", l.line, l.text, l.why);
  return out;
}

}  // namespace demarc::asa_support
