// Questions that tests of readers ask: one packet through a list or a device, and who decides.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"

namespace demarc::ask {

inline ConcretePacket packet(const char* from, const char* to, Protocol protocol, std::uint16_t port,
                             std::uint16_t source_port = 40000) {
  ConcretePacket p;
  p.packet = {parse_address(from).value(), parse_address(to).value(), protocol, Port(source_port), Port(port), {}};
  return p;
}
inline ConcretePacket icmp(const char* from, const char* to, std::uint8_t type, std::uint8_t code = 0) {
  ConcretePacket p = packet(from, to, parse_address(from)->is_ipv4() ? Protocol::icmp : Protocol::icmpv6, 0);
  p.packet.icmp = {type, code};
  return p;
}

/// "permit 3": the fate, and the line of the entry that decides; "end" where that is none's.
inline std::string answer(const Device& device, const FilterDecision& d) {
  const std::string line = d.by.list == kNoList || !d.by.entry
                               ? "end"
                               : fmt::format("{}", device.lists[d.by.list].entries[*d.by.entry].line);
  return fmt::format("{} {}", name(d.fate), line);
}
/// One list asked by itself.
inline std::string list(const Device& device, std::string_view list, const ConcretePacket& p) {
  PacketQuestion q = PacketQuestion::of(p);
  q.list = device.find_list(list);
  return q.list == kNoList ? "no such list" : answer(device, Decider(device).decide(q));
}
/// The same for the whole way from one interface to another.
inline std::string way(const Device& device, ConcretePacket p, std::string_view in, std::string_view out,
                       Way way = Way::through) {
  const auto a = device.find_interface(in), b = device.find_interface(out);
  if (!a || !b) return "no such interface";
  p.context.ingress = *a, p.context.egress = *b;
  return answer(device, Decider(device).decide(PacketQuestion::of(p, way)));
}

/// How many lines a report accounts for, to be held against those that are not blank.
inline std::uint64_t counted(const LineCoverage& c) {
  return c.understood + c.in_part + c.not_filtering + c.not_understood;
}
inline std::uint64_t lines_not_blank(std::string_view text) {
  std::uint64_t n = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    n += text.substr(0, end).find_first_not_of(" \t\r") != std::string_view::npos ? 1U : 0U;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return n;
}

/// Every cut of a text at a byte, and mutations from seeds: what is read of them.
template <typename F>
void mangle(std::string_view sample, std::size_t stride, unsigned mutations, F check) {
  for (std::size_t n = 0; n < sample.size(); n += stride) check(std::string(sample.substr(0, n)));
  for (std::uint64_t seed = 1; seed <= mutations; ++seed) {
    std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL;
    const auto below = [&state](std::size_t most) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      return static_cast<std::size_t>(state % most);
    };
    std::string text(sample);
    for (std::size_t edits = 1 + below(6); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0: text[at] = static_cast<char>(static_cast<unsigned char>(below(256))); break;
        case 1: text.erase(at, 1 + below(20)); break;
        case 2: text.insert(at, text.substr(below(text.size()), below(40))); break;
        default: text.insert(at, 1, "{}[];\"\n ,:"[below(10)]); break;
      }
      if (text.empty()) text = " ";
    }
    check(text);
  }
}

}  // namespace demarc::ask
