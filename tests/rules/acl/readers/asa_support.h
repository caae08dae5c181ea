// Questions to an ASA configuration, and answers as short as a table row.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/rules/acl/readers/ask.h"

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

using ask::answer;
using ask::icmp;
using ask::lines_not_blank;

inline ConcretePacket packet(const char* from, const char* to, Protocol protocol, std::uint16_t port = 0,
                             std::uint16_t source_port = 40000) {
  return ask::packet(from, to, protocol, port, source_port);
}
inline ConcretePacket tcp(const char* from, const char* to, std::uint16_t port, std::uint16_t source_port = 40000) {
  return packet(from, to, Protocol::tcp, port, source_port);
}

/// "permit 3": the fate and the deciding line, asked of one list.
inline std::string decide(const Device& device, std::string_view list, const ConcretePacket& p) {
  return ask::list(device, list, p);
}
/// The whole device.
inline std::string through(const Device& device, ConcretePacket p, std::string_view in, std::string_view out) {
  return ask::way(device, std::move(p), in, out);
}
inline std::string to_device(const Device& device, ConcretePacket p, std::string_view in) {
  return ask::way(device, std::move(p), in, in, Way::to_device);
}

inline std::uint64_t lines_counted(const Device& d) { return ask::counted(d.coverage); }
/// What was not plainly understood, for a failure to show.
inline std::string open_lines(const Device& d) {
  std::string out;
  for (const LineReport& l : d.lines) out += fmt::format("{}: {} ({})\n", l.line, l.text, l.why);
  return out;
}

}  // namespace demarc::asa_support
