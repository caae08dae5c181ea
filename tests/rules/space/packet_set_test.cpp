#include "rules/space/packet_set.h"

#include <doctest/doctest.h>

using namespace demarc;

namespace {

AddressSet net(const char* text) { return AddressSet{parse_prefix(text).value()}; }
Address ip(const char* text) { return parse_address(text).value(); }
Box tcp(const char* from, const char* to, std::uint16_t port) {
  return {.sources = net(from),
          .destinations = net(to),
          .protocols = {Protocol::tcp},
          .ports = PortSet::single(Port{port})};
}
std::string text(const Cover& cover) {
  std::string all;
  for (const Box& b : cover.boxes) all += to_string(b) + "\n";
  return all;
}

}  // namespace

TEST_CASE("of an address what a prefix fixes is forgotten, and the host's bits are kept") {
  PacketSpace space;
  const auto to = [&](const char* prefix) {
    return space.of(Box{.destinations = AddressSet{*parse_prefix(prefix)}, .protocols = {Protocol::tcp}});
  };
  const auto tcp = [&](Family family) { return space.of(Box{.family = family, .protocols = {Protocol::tcp}}); };
  const PacketSet seven = to("192.0.2.7"),
                  prefix = space.of(Box{.destinations = AddressSet{*parse_prefix("10.1.2.0/24")}});
  CHECK((seven.forget_network(Field::destination, *parse_prefix("10.1.2.0/24")) & prefix) == to("10.1.2.7"));
  CHECK(seven.forget_network(Field::destination, *parse_prefix("10.1.2.0/32")) == tcp(Family::ipv4));
  CHECK(seven.forget_network(Field::destination, *parse_prefix("0.0.0.0/0")) == seven);
  CHECK(seven.forget_network(Field::source, *parse_prefix("10.1.2.0/24")) == seven);
  const PacketSet six = to("2001:db8::7"),
                  there = space.of(Box{.destinations = AddressSet{*parse_prefix("2001:db8:1::/48")}});
  CHECK((six.forget_network(Field::destination, *parse_prefix("2001:db8:1::/48")) & there) == to("2001:db8:1::7"));
  CHECK(six.forget_network(Field::destination, *parse_prefix("10.1.2.0/24")) == tcp(Family::ipv6));
}

TEST_CASE("nothing and everything") {
  for (VariableOrder order : {VariableOrder::ports_first, VariableOrder::addresses_first}) {
    PacketSpace space(order);
    CHECK(space.empty().is_empty());
    CHECK(space.empty() == ~space.all());
    CHECK(space.of(Box{}) == space.all());
    CHECK(space.unite_all({}) == space.empty());
    CHECK(space.first_match({}).matched.is_empty());
    CHECK_FALSE(space.empty().sample());
    CHECK(space.empty().cover().boxes.empty());
    CHECK(text(space.all().cover()) == "any > any ip\n");
    CHECK(space.of(Box{.ports = {}}).is_empty());
    CHECK(space.of(Box{.states = {}}).is_empty());
    CHECK(space.of(Box{.sources = {}}).is_empty());
    CHECK(space.of(Box{.sources = net("192.0.2.1"), .destinations = net("2001:db8::1")}).is_empty());
  }
}

TEST_CASE("a constraint on a field that a packet lacks is not met") {
  PacketSpace space;
  CHECK(space.of(Box{.protocols = {Protocol::esp}, .ports = PortSet::single(Port{80})}).is_empty());
  CHECK(space.of(Box{.protocols = {Protocol::icmp}, .source_ports = PortSet::single(Port{80})}).is_empty());
  CHECK(space.of(Box{.protocols = {Protocol::udp}, .flags = {tcp_flag::syn}}).is_empty());
  CHECK(space.of(Box{.ports = PortSet::single(Port{80}), .icmp = {{8, 0}}}).is_empty());
  // Port 2048 and echo request are the same number, and different packets.
  const PacketSet port = space.of(Box{.ports = PortSet::single(Port{2048})}),
                  echo = space.of(Box{.icmp = {{8, 0}}});
  CHECK_FALSE(port.overlaps(echo));
  CHECK((~port).contains(echo));
  CHECK(space.of(Box{.ports = PortSet{{Port{0}, Port{79}}}}) ==
        space.of(Box{.protocols = ProtocolSet::with_ports()}) -
            space.of(Box{.ports = PortSet{{Port{80}, Port{65535}}}}));
}

TEST_CASE("how many packets") {
  PacketSpace space;
  // Fields of every packet here: state 2 bits, fragment 2, both interfaces 16.
  const Box udp{.sources = net("192.0.2.0/24"),
                .destinations = net("198.51.100.1"),
                .protocols = {Protocol::udp},
                .ports = PortSet::single(Port{53})};
  CHECK(space.of(udp).count() == Count::power_of_two(8 + 16 + 20));
  Box echo = udp;
  echo.protocols = {Protocol::icmp};
  echo.ports = PortSet::all();
  echo.icmp = {{8, {}}};
  CHECK(space.of(echo).count() == Count::power_of_two(8 + 8 + 20));
  Box esp = udp;
  esp.protocols = {Protocol::esp};
  esp.ports = PortSet::all();
  CHECK(space.of(esp).count() == Count::power_of_two(8 + 20));
  Box tcp6 = tcp("2001:db8::/64", "2001:db8:1::1", 443);
  CHECK(space.of(tcp6).count() == Count::power_of_two(64 + 16 + 8 + 20));
}

TEST_CASE("a sample is a packet that somebody would send") {
  struct Row {
    Box box;
    std::string text;
  };
  const Row rows[] = {
      {{}, "198.51.100.7 > 192.0.2.10 tcp/443"},
      {tcp("10.1.0.0/16", "192.0.2.128/25", 445), "10.1.0.1 > 192.0.2.129 tcp/445"},
      {{.destinations = net("192.0.2.0/24"), .protocols = {Protocol::udp}, .ports = {{Port{0}, Port{20}}}},
       "198.51.100.7 > 192.0.2.10 udp/1"},
      {{.protocols = {Protocol::icmp}}, "198.51.100.7 > 192.0.2.10 icmp echo-request"},
      {{.sources = net("2001:db8:7::/48")}, "2001:db8:7::1 > 2001:db8::10 tcp/443"},
      {{.sources = net("224.0.0.0/4"), .protocols = {Protocol::esp}}, "224.0.0.1 > 192.0.2.10 esp"},
  };
  for (VariableOrder order : {VariableOrder::ports_first, VariableOrder::addresses_first}) {
    PacketSpace space(order);
    for (const Row& row : rows) {
      const ConcretePacket sample = space.of(row.box).sample().value();
      CHECK(to_string(sample.packet) == row.text);
    }
    const ConcretePacket any = space.all().sample().value();
    CHECK(any.packet.source_port == Port{40000});
    CHECK(any.context == PacketContext{});
    CHECK(space.of(Box{.source_ports = {{Port{1}, Port{1100}}}}).sample()->packet.source_port == Port{1024});
  }
}

TEST_CASE("a cover reads like the difference that an engineer would write down") {
  PacketSpace space;
  const PacketSet configured =
      space.of(tcp("0.0.0.0/0", "192.0.2.0/28", 443)) | space.of(tcp("0.0.0.0/0", "192.0.2.0/28", 445));
  const PacketSet approved = space.of(tcp("0.0.0.0/0", "192.0.2.10", 443));
  CHECK(text((configured - approved).cover()) ==
        "any > 192.0.2.0/29, 192.0.2.8/31, 192.0.2.11, 192.0.2.12/30 tcp/443 (IPv4)\n"
        "any > 192.0.2.0/28 tcp/445 (IPv4)\n");
  CHECK(text((~space.of(Box{.protocols = {Protocol::tcp}})).cover()) == "any > any ip except tcp\n");
  CHECK(text((space.of(Box{.protocols = {Protocol::tcp, Protocol::icmp}}) -
              space.of(Box{.ports = PortSet::single(Port{22})}))
                 .cover()) == "any > any icmp\nany > any tcp/0-21,23-65535\n");
}

TEST_CASE("a cover is cut short, says so, and never walks all paths") {
  PacketSpace space;
  // Two wildcards with holes: 2^16 source ranges times 2^16 destination ranges.
  const PacketSet odd = space.address_bits(PacketSpace::End::source, Family::ipv4, 0x1, 0x55555555) &
                        space.address_bits(PacketSpace::End::destination, Family::ipv4, 0x1, 0x55555555);
  const Cover cover = odd.cover(10);
  CHECK(cover.boxes.size() <= 10);
  CHECK_FALSE(cover.complete());
  Count shown;
  for (const Box& b : cover.boxes) {
    CHECK(odd.contains(space.of(b)));
    shown += space.of(b).count();
  }
  CHECK(shown + cover.left_out == odd.count());
  CHECK_FALSE(odd.cover(0).complete());
}

TEST_CASE("wildcard masks may have holes") {
  PacketSpace space;
  // Cisco: 192.0.2.1 0.0.0.254: the odd addresses.
  const PacketSet odd = space.address_bits(PacketSpace::End::destination, Family::ipv4, 0xC0000201, ~Uint128{254});
  CHECK(odd.contains(Packet{ip("198.51.100.1"), ip("192.0.2.17"), Protocol::esp, {}, {}, {}}));
  CHECK_FALSE(odd.contains(Packet{ip("198.51.100.1"), ip("192.0.2.18"), Protocol::esp, {}, {}, {}}));
  CHECK_FALSE(odd.contains(Packet{ip("198.51.100.1"), ip("192.0.3.17"), Protocol::esp, {}, {}, {}}));
  CHECK(odd.destinations().size() == 128);
  CHECK(odd.sources() == AddressSet{parse_prefix("0.0.0.0/0").value()});
  CHECK(space.address_bits(PacketSpace::End::source, Family::ipv6, 0, 0) == space.of(Box{.family = Family::ipv6}));
  const Address low = ip("2001:db8::"), high = ip("2001:db8::1");
  CHECK(space.address_bits(PacketSpace::End::source, Family::ipv6, low.number(), ~Uint128{1}) ==
        space.of(Box{.family = Family::ipv6, .sources = AddressSet::of_ranges({{low, high}})}));
}

TEST_CASE("a set of addresses with too many ranges is refused, not listed") {
  PacketSpace space;
  const PacketSet holes = space.address_bits(PacketSpace::End::source, Family::ipv4, 0x1, 0x55555555 << 0) &
                          space.address_bits(PacketSpace::End::source, Family::ipv6, 1, 0x5555555555555555);
  CHECK(holes.is_empty());  // no packet has both families
  const PacketSet many = space.address_bits(PacketSpace::End::source, Family::ipv6, 1, 0x5555555555555555);
  CHECK_THROWS_AS(many.sources(), SpaceExhausted);
}

TEST_CASE("a packet between the families is in no set") {
  PacketSpace space;
  const Packet impossible{ip("192.0.2.1"), ip("2001:db8::1"), Protocol::tcp, Port{1}, Port{2}, {}};
  CHECK_FALSE(space.all().contains(impossible));
  CHECK(space.all().ports_between(impossible.source, impossible.destination, Protocol::tcp).empty());
}

TEST_CASE("the order is chosen from the list") {
  std::vector<Box> structured, ranges;
  std::uint32_t n = 12345;
  auto next = [&n] { return n = n * 1664525 + 1013904223; };
  for (std::uint16_t i = 0; i < 300; ++i) {
    structured.push_back(Box{.sources = AddressSet::single(Address::ipv4(0x0A000000 + (next() >> 16))),
                             .destinations = AddressSet::single(Address::ipv4(0xC0000200 + (next() >> 24))),
                             .protocols = {Protocol::tcp},
                             .ports = PortSet::single(Port(static_cast<std::uint16_t>(20 + i % 5)))});
    auto range = [&next] {
      auto [first, last] = std::minmax({Address::ipv4(next()), Address::ipv4(next())});
      return AddressSet::of_ranges({{first, last}});
    };
    auto ports = [&next] {
      auto [first, last] = std::minmax({next() >> 16, next() >> 16});
      return PortSet{{Port(static_cast<std::uint16_t>(first)), Port(static_cast<std::uint16_t>(last))}};
    };
    // Nearly every line has its own pair of ports, and few hosts.
    ranges.push_back(Box{.sources = AddressSet::single(Address::ipv4(next() >> 12)),
                         .destinations = range(),
                         .protocols = {Protocol::tcp},
                         .ports = ports(),
                         .source_ports = ports()});
  }
  CHECK(choose_order(structured) == VariableOrder::ports_first);
  CHECK(choose_order(ranges) == VariableOrder::addresses_first);
  CHECK(choose_order({}) == VariableOrder::ports_first);
}

TEST_CASE("sets of different spaces are not mixed") {
  PacketSpace one, other;
  CHECK_THROWS_AS(one.all() & other.all(), std::logic_error);
  CHECK_THROWS_AS((void)one.all().overlaps(other.all()), std::logic_error);
  CHECK_THROWS_AS((void)PacketSet().count(), std::logic_error);
  CHECK_THROWS_AS((void)PacketSet().complement(), std::logic_error);
  CHECK(other.copy_of(one.all()).is_all());
}

TEST_CASE("a space that may not grow says so instead of growing") {
  PacketSpace space(VariableOrder::ports_first, {.nodes_max = 2000, .steps_max = 100000});
  std::vector<Box> boxes;
  for (std::uint32_t n = 0; n < 200; ++n) {
    boxes.push_back(Box{.sources = AddressSet::single(Address::ipv4(n * 2654435761U)),
                        .destinations = AddressSet::single(Address::ipv4(n * 40503U))});
  }
  CHECK_THROWS_AS(space.of(boxes), SpaceExhausted);
}
