// What the tests of router readers share: a text read, a packet asked, and samples cut and mutated.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <string>

#include "rules/acl/decide.h"
#include "rules/acl/readers/reader.h"

namespace demarc::testing {

inline Device read_as(Dialect dialect, std::string text) {
  return read_configuration(Source("edge.cfg", std::move(text)), dialect).value();
}

inline ConcretePacket packet(const char* from, const char* to, Protocol protocol, std::uint16_t port,
                             std::uint16_t source_port = 40000) {
  ConcretePacket p;
  p.packet = {parse_address(from).value(), parse_address(to).value(), protocol, Port(source_port), Port(port), {}};
  return p;
}
inline ConcretePacket icmp(const char* from, const char* to, std::uint8_t type, std::uint8_t code) {
  ConcretePacket p = packet(from, to, parse_address(from)->is_ipv4() ? Protocol::icmp : Protocol::icmpv6, 0);
  p.packet.icmp = {type, code};
  return p;
}

/// "permit 3": the fate and the deciding line, asked of one list.
inline std::string decide(const Device& device, std::string_view list, const ConcretePacket& p) {
  PacketQuestion q = PacketQuestion::of(p);
  q.list = device.find_list(list);
  if (q.list == kNoList) return "no such list";
  const FilterDecision d = Decider(device).decide(q);
  const std::string line = d.by.list == kNoList || !d.by.entry
                               ? "end"
                               : fmt::format("{}", device.lists[d.by.list].entries[*d.by.entry].line);
  return fmt::format("{} {}", name(d.fate), line);
}

/// The fate on a way through the whole device, between two interfaces by name.
inline std::string through(const Device& device, ConcretePacket p, std::string_view in, std::string_view out,
                           Way way = Way::through) {
  p.context.ingress = device.find_interface(in).value_or(0);
  p.context.egress = device.find_interface(out).value_or(0);
  return std::string(name(Decider(device).decide(PacketQuestion::of(p, way)).fate));
}

inline std::uint64_t lines_that_are_not_blank(std::string_view text) {
  std::uint64_t lines = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) ++lines;
  }
  return lines;
}
inline std::uint64_t lines_accounted(const Device& d) {
  return d.coverage.understood + d.coverage.in_part + d.coverage.not_filtering + d.coverage.not_understood;
}

/// Read whatever it is: it must not crash, every line must be accounted for, and indices must hold.
inline void survives(Dialect dialect, const std::string& text) {
  const Result<Device> read = read_configuration(Source("cut.cfg", text), dialect);
  REQUIRE(read);
  const Device& d = *read;
  REQUIRE(lines_accounted(d) == lines_that_are_not_blank(text));
  for (const List& list : d.lists)
    for (const Entry& e : list.entries)
      if (e.action == Action::jump || e.action == Action::go_to) REQUIRE(e.target < d.lists.size());
  for (const Stage& stage : d.stages)
    for (const ListIndex list : stage.lists) REQUIRE(list < d.lists.size());
}

/// Every cut, and some hundred mutations: bytes changed, lines doubled, taken out and swapped.
inline void survives_cuts_and_mutations(Dialect dialect, const std::string& sample) {
  for (std::size_t cut = 0; cut <= sample.size(); ++cut) survives(dialect, sample.substr(0, cut));
  std::mt19937 dice(20261128);
  const auto below = [&dice](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(dice); };
  constexpr std::string_view kBytes = " \n\t!/.:0123456789aeinoprst-+()[]\x80\xff";
  for (int round = 0; round < 400; ++round) {
    std::string text = sample;
    for (std::size_t n = 1 + below(6); n > 0; --n) {
      const std::size_t at = below(text.size());
      const std::size_t begin = text.rfind('\n', at) + 1, end = std::min(text.find('\n', at), text.size() - 1) + 1;
      const std::string line = begin < end ? text.substr(begin, end - begin) : std::string("\n");
      switch (below(4)) {
        case 0: text[at] = kBytes[below(kBytes.size())]; break;
        case 1: text.insert(text.rfind('\n', below(text.size())) + 1, line); break;
        case 2: text.erase(begin < end ? begin : 0, line.size()); break;
        case 3: text.insert(at, 1, kBytes[below(kBytes.size())]); break;
      }
      if (text.empty()) text = "\n";
    }
    CAPTURE(round);
    survives(dialect, text);
  }
}

}  // namespace demarc::testing
