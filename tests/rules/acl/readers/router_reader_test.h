// What the tests of router readers share: a text read, a packet asked, and samples cut and mutated.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <string>

#include "tests/rules/acl/readers/ask.h"

namespace demarc::testing {

inline Device read_as(Dialect dialect, std::string text) {
  return read_configuration(Source("edge.cfg", std::move(text)), dialect).value();
}

using ask::icmp;
using ask::packet;

/// "permit 3": the fate and the deciding line, asked of one list.
inline std::string decide(const Device& device, std::string_view list, const ConcretePacket& p) {
  return ask::list(device, list, p);
}

/// An entry, a packet, and what it gets where one entry of the opposite action for all packets stands behind that
/// one.
struct EntryRow {
  const char* entry;
  ConcretePacket packet;
  const char* fate;  // of the entry's line 2, or of the one behind it
};
/// `list` writes list L: the entry in line 2, then "deny" or "permit".
template <std::size_t N>
void check_entries(Dialect dialect, const EntryRow (&rows)[N],
                   fmt::format_string<const char*&, const char*&> list) {
  for (const EntryRow& row : rows) {
    const char* entry = row.entry;
    const char* rest = std::string_view(entry).starts_with("permit") ? "deny" : "permit";
    CAPTURE(entry);
    const Device d = read_as(dialect, fmt::format(list, entry, rest));
    CHECK(d.coverage.not_understood == 0);
    CHECK(decide(d, "L", row.packet) == row.fate);
  }
}

/// The fate on a way through the whole device, between two interfaces by name.
inline std::string through(const Device& device, ConcretePacket p, std::string_view in, std::string_view out,
                           Way way = Way::through) {
  p.context.ingress = device.find_interface(in).value_or(0);
  p.context.egress = device.find_interface(out).value_or(0);
  return std::string(name(Decider(device).decide(PacketQuestion::of(p, way)).fate));
}

/// Read whatever it is: it must not crash, every line must be accounted for, and indices must hold.
inline void survives(Dialect dialect, const std::string& text) {
  const Result<Device> read = read_configuration(Source("cut.cfg", text), dialect);
  REQUIRE(read);
  const Device& d = *read;
  REQUIRE(ask::counted(d.coverage) == ask::lines_not_blank(text));
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
