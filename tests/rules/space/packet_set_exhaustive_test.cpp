// Every short list over a tiny universe, every packet of it, against the naive judge.
#include <doctest/doctest.h>

#include <functional>

#include "rules/space/packet_set.h"
#include "tests/rules/space/naive.h"

using namespace demarc;

namespace {

/// Two values of each field, all combinations that exist: a UDP packet has no flags to vary, ESP no ports.
std::vector<ConcretePacket> all_packets() {
  std::vector<ConcretePacket> packets;
  auto with_context = [&packets](Packet p, std::uint8_t flags) {
    for (unsigned n = 0; n < 8; ++n) {
      packets.push_back({p,
                         {flags, (n & 1) != 0 ? ConnectionState::established : ConnectionState::fresh,
                          (n & 2) != 0 ? Fragment::middle : Fragment::whole,
                          static_cast<InterfaceId>((n & 4) != 0 ? 200 : 0), 0}});
    }
  };
  for (Family family : {Family::ipv4, Family::ipv6}) {
    auto address = [family](unsigned n) {
      return family == Family::ipv4 ? Address::ipv4(0xC0000200 + n) : Address::ipv6(0x20010DB800000000, n);
    };
    for (unsigned ends = 0; ends < 4; ++ends) {
      Packet p{address(1 + (ends & 1)), address(254 + (ends >> 1)), Protocol::esp, {}, {}, {}};
      with_context(p, 0);
      p.protocol = family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6;
      for (std::uint8_t type : {std::uint8_t{0}, std::uint8_t{8}}) {
        p.icmp = {type, 0};
        with_context(p, 0);
      }
      p.icmp = {};
      for (unsigned ports = 0; ports < 4; ++ports) {
        p.port = Port((ports & 1) != 0 ? 0 : 2048);  // as numbers the same as ICMP types 0 and 8
        p.source_port = Port((ports & 2) != 0 ? 65535 : 40000);
        p.protocol = Protocol::udp;
        with_context(p, 0);
        p.protocol = Protocol::tcp;
        with_context(p, tcp_flag::syn);
        with_context(p, tcp_flag::ack);
      }
    }
  }
  return packets;
}

Box only(const ConcretePacket& c) {
  const Packet& p = c.packet;
  Box b;
  b.sources = AddressSet::single(p.source);
  b.destinations = AddressSet::single(p.destination);
  b.protocols = {p.protocol};
  if (p.protocol.has_ports()) {
    b.ports = PortSet::single(p.port);
    b.source_ports = PortSet::single(p.source_port);
  }
  if (p.protocol.is_icmp()) b.icmp = {p.icmp};
  if (p.protocol == Protocol::tcp) b.flags = {c.context.flags};
  b.states = {c.context.state};
  b.fragments = {c.context.fragment};
  b.ingress = {c.context.ingress};
  b.egress = {c.context.egress};
  return b;
}

using Constraint = std::function<void(Box&)>;
/// One or two constraints for each field, by field.
std::vector<std::vector<Constraint>> constraints() {
  const AddressSet low{parse_prefix("192.0.2.1").value(), parse_prefix("2001:db8::2").value()};
  const AddressSet high{parse_prefix("192.0.2.254").value(), parse_prefix("2001:db8::ff").value()};
  return {
      {[](Box& b) { b.family = Family::ipv4; }, [](Box& b) { b.family = Family::ipv6; }},
      {[low](Box& b) { b.sources = low; }, [](Box& b) { b.sources = {parse_prefix("192.0.2.0/24").value()}; }},
      {[high](Box& b) { b.destinations = high; }},
      {[](Box& b) { b.protocols = {Protocol::tcp}; },
       [](Box& b) { b.protocols = {Protocol::udp, Protocol::icmp, Protocol::esp}; }},
      {[](Box& b) { b.ports = PortSet::single(Port{2048}); }, [](Box& b) { b.ports = {{Port{0}, Port{2047}}}; }},
      {[](Box& b) { b.source_ports = {{Port{1024}, Port{65534}}}; }},
      {[](Box& b) { b.icmp = {{8, 0}}; }, [](Box& b) { b.icmp = {{0, {}}}; }},
      {[](Box& b) { b.flags = tcp_flags_established(); }},
      {[](Box& b) { b.states = {ConnectionState::fresh, ConnectionState::invalid}; }},
      {[](Box& b) { b.fragments = kLaterFragments; }},
      {[](Box& b) { b.ingress = {200}; }},
  };
}

struct Universe {
  explicit Universe(VariableOrder order) : space(order), packets(all_packets()) {
    const auto all = constraints();
    add({});
    for (const auto& field : all) {
      for (const Constraint& c : field) {
        Box b;
        c(b);
        add(b);
      }
    }
    singles = boxes.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = i + 1; j < all.size(); ++j) {
        for (const Constraint& first : all[i]) {
          for (const Constraint& second : all[j]) {
            Box b;
            first(b);
            second(b);
            add(b);
          }
        }
      }
    }
  }
  void add(const Box& b) {
    boxes.push_back(b);
    sets.push_back(space.of(b));
    std::vector<bool> matched;
    for (const ConcretePacket& p : packets) matched.push_back(naive::matches(b, p));
    matches.push_back(std::move(matched));
  }
  /// Bit n of `permits`: does entry n permit. Nothing is said about entries that no packet reaches.
  void judge(std::initializer_list<std::size_t> list, unsigned permits) {
    std::vector<ListEntry> entries;
    for (std::size_t index : list) entries.push_back({sets[index], (permits >> entries.size() & 1) != 0});
    const ListDecision decision = space.first_match(entries);
    std::size_t wrong = 0;
    for (std::size_t n = 0; n < packets.size(); ++n) {
      bool matched = false, permitted = false;
      unsigned position = 0;
      for (std::size_t index : list) {
        if (matches[index][n]) {
          matched = true;
          permitted = (permits >> position & 1) != 0;
          break;
        }
        ++position;
      }
      if (decision.permitted.contains(packets[n]) != permitted) ++wrong;
      if (n % 16 == 0 && decision.matched.contains(packets[n]) != matched) ++wrong;
    }
    REQUIRE(wrong == 0);
  }

  PacketSpace space;
  std::vector<ConcretePacket> packets;
  std::vector<Box> boxes;
  std::vector<PacketSet> sets;
  std::vector<std::vector<bool>> matches;  // by box and packet
  std::size_t singles = 0;                 // boxes with at most one constraint come first
};

}  // namespace

TEST_CASE("the tiny universe is what it says") {
  for (VariableOrder order : {VariableOrder::ports_first, VariableOrder::addresses_first}) {
    Universe u(order);
    std::vector<Box> points;
    for (const ConcretePacket& p : u.packets) points.push_back(only(p));
    const PacketSet universe = u.space.of(points);
    CHECK(u.packets.size() == 2 * 4 * 8 * (1 + 2 + 4 + 8));
    CHECK(universe.count() == Count(u.packets.size()));
    // The count of each box within the universe is the number of packets that match it.
    for (std::size_t b = 0; b < u.boxes.size(); ++b) {
      const auto expected = static_cast<std::uint64_t>(std::count(u.matches[b].begin(), u.matches[b].end(), true));
      CAPTURE(to_string(u.boxes[b]));
      REQUIRE((u.sets[b] & universe).count() == Count(expected));
    }
  }
}

TEST_CASE("every list of two entries decides every packet as the naive judge does") {
  for (VariableOrder order : {VariableOrder::ports_first, VariableOrder::addresses_first}) {
    Universe u(order);
    for (std::size_t first = 0; first < u.boxes.size(); ++first) {
      for (std::size_t second = 0; second < u.singles; ++second) u.judge({first, second}, first % 2 == 0 ? 1 : 2);
    }
  }
}

TEST_CASE("every list of three entries with one constraint each decides every packet as the naive judge does") {
  Universe u(VariableOrder::ports_first);
  for (std::size_t a = 1; a < u.singles; ++a) {
    for (std::size_t b = 1; b < u.singles; ++b) {
      for (std::size_t c = 0; c < u.singles; ++c) {
        if (a != b && b != c && a != c) u.judge({a, b, c}, (a + b + c) % 2 == 0 ? 5 : 2);
      }
    }
  }
}
