// What the tests of iptables and nftables share: packets, "permit 7" for what decides one, rows of their tables,
// and samples cut and mutated.
#pragma once

#include <random>

#include "tests/rules/acl/readers/ask.h"

namespace demarc::netfilter_test {

using ask::icmp;

inline const char *const kOut = "198.51.100.7", *const kWeb = "192.0.2.10";
inline const char *const kOut6 = "2001:db8:a::7", *const kWeb6 = "2001:db8:c::10";

/// A rule's condition, and whether a packet meets it.
struct MatchRow {
  const char* rule;
  ConcretePacket packet;
  bool matches;
};
/// A rule that the text does not decide, what is said of it, and whether its line is understood all the same.
struct OpenRow {
  const char* rule;
  const char* why;
  bool understood;
};

/// TCP packets here begin connections, unless with_flags() says else.
inline ConcretePacket packet(const char* from, const char* to, Protocol protocol, std::uint16_t port,
                             std::uint16_t source_port = 40000) {
  ConcretePacket p = ask::packet(from, to, protocol, port, source_port);
  if (protocol == Protocol::tcp) p.context.flags = tcp_flag::syn;
  return p;
}
inline ConcretePacket tcp(const char* from, const char* to, std::uint16_t port) {
  return packet(from, to, Protocol::tcp, port);
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

/// Every cut, and mutations made of the sample's own pieces and of `bytes`: each is read and answers a question,
/// and where lines are counted (a JSON text's are not), every line that is not blank has its state.
inline void survives_cuts_and_mutations(Dialect dialect, const std::string& sample, std::string_view bytes,
                                        int mutations, bool lines_count = true) {
  const auto check = [&](const std::string& text) {
    const Result<Device> d = read_configuration(Source("damaged", text), dialect);
    if (!d) return;
    CAPTURE(text);
    if (lines_count) REQUIRE(ask::counted(d->coverage) == ask::lines_not_blank(text));
    Decider(*d).decide(PacketQuestion::of(tcp(kOut, kWeb, 80)));
  };
  for (std::size_t cut = 0; cut <= sample.size(); ++cut) check(sample.substr(0, cut));
  std::mt19937 engine(7);
  const auto dice = [&engine] { return static_cast<std::uint32_t>(engine()); };
  for (int n = 0; n < mutations; ++n) {
    std::string text = sample;
    for (unsigned i = 1 + dice() % 6; i > 0; --i) {
      const std::size_t at = dice() % text.size();
      if (dice() % 3 == 0)
        text.insert(at, text.substr(dice() % text.size(), dice() % 20));
      else
        text[at] = bytes[dice() % bytes.size()];
    }
    check(text);
  }
}

}  // namespace demarc::netfilter_test
