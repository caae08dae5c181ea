// Laws that any algebra of sets obeys, on random boxes of both families, in both orders.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "rules/space/packet_set.h"
#include "tests/rules/space/naive.h"

using namespace demarc;
using naive::Dice;

namespace {

VariableOrder order_of(std::uint64_t seed) {
  return seed % 2 == 0 ? VariableOrder::ports_first : VariableOrder::addresses_first;
}
bool any_matches(const std::vector<Box>& boxes, const ConcretePacket& p) {
  return std::any_of(boxes.begin(), boxes.end(), [&p](const Box& b) { return naive::matches(b, p); });
}

}  // namespace

TEST_CASE("unions, intersections, differences and complements obey the laws of sets") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(order_of(seed));
    const PacketSet a = space.of(dice.boxes(4)), b = space.of(dice.boxes(4)), c = space.of(dice.boxes(4));
    RC_ASSERT((a | b) == (b | a));
    RC_ASSERT((a & b) == (b & a));
    RC_ASSERT(((a | b) | c) == (a | (b | c)));
    RC_ASSERT(((a & b) & c) == (a & (b & c)));
    RC_ASSERT((a & (b | c)) == ((a & b) | (a & c)));
    RC_ASSERT((a | (a & b)) == a);
    RC_ASSERT((a & (a | b)) == a);
    RC_ASSERT(~(a | b) == (~a & ~b));
    RC_ASSERT(~~a == a);
    RC_ASSERT((a - b) == (a & ~b));
    RC_ASSERT(((a - b) | (a & b)) == a);
    RC_ASSERT((a - a).is_empty());
    RC_ASSERT((a | ~a).is_all());
    RC_ASSERT((a | b).contains(a));
    RC_ASSERT(a.contains(b) == (b - a).is_empty());
    RC_ASSERT(a.overlaps(b) == !(a & b).is_empty());
    RC_ASSERT(((a | b).count() + (a & b).count()) == (a.count() + b.count()));
    RC_ASSERT((a.count() + (~a).count()) == space.all().count());
  }));
}

TEST_CASE("a set holds the packets that its boxes match") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(order_of(seed));
    const std::vector<Box> boxes = dice.boxes(6);
    const PacketSet set = space.of(boxes);
    for (int n = 0; n < 60; ++n) {
      const ConcretePacket p =
          n % 3 == 0 ? dice.packet() : dice.packet_near(boxes[dice.below(static_cast<unsigned>(boxes.size()))]);
      RC_ASSERT(set.contains(p) == any_matches(boxes, p));
      RC_ASSERT((~set).contains(p) != set.contains(p));
    }
  }));
}

TEST_CASE("an ordered list folded by halves decides as its first matching entry does") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(order_of(seed));
    const std::vector<Box> boxes = dice.boxes(12);
    std::vector<ListEntry> entries;
    for (const Box& b : boxes) entries.push_back({space.of(b), dice.one_in(2)});
    const ListDecision decision = space.first_match(entries);
    for (int n = 0; n < 60; ++n) {
      const ConcretePacket p = dice.packet_near(boxes[dice.below(static_cast<unsigned>(boxes.size()))]);
      auto first = std::find_if(boxes.begin(), boxes.end(), [&p](const Box& b) { return naive::matches(b, p); });
      RC_ASSERT(decision.matched.contains(p) == (first != boxes.end()));
      const bool permit = first != boxes.end() && entries[static_cast<std::size_t>(first - boxes.begin())].permit;
      RC_ASSERT(decision.permitted.contains(p) == permit);
    }
  }));
}

TEST_CASE("a cover is disjoint, and is the set") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(order_of(seed));
    const PacketSet set = space.of(dice.boxes(4)) - space.of(dice.boxes(3));
    const Cover whole = set.cover(100000);
    PacketSet seen = space.empty();
    for (const Box& b : whole.boxes) {
      const PacketSet part = space.of(b);
      RC_ASSERT(!part.is_empty());
      RC_ASSERT(!part.overlaps(seen));
      seen |= part;
    }
    RC_ASSERT(whole.complete());
    RC_ASSERT(seen == set);

    const Cover cut = set.cover(3);
    RC_ASSERT(cut.boxes.size() <= 3u);
    const PacketSet shown = space.of(cut.boxes);
    RC_ASSERT(set.contains(shown));
    RC_ASSERT((shown.count() + cut.left_out) == set.count());
  }));
}

TEST_CASE("a sample is in its set, and there is one unless the set is empty") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(order_of(seed));
    const PacketSet set = space.of(dice.boxes(4)) - space.of(dice.boxes(4));
    const std::optional<ConcretePacket> sample = set.sample();
    RC_ASSERT(sample.has_value() == !set.is_empty());
    if (sample) {
      RC_ASSERT(set.contains(*sample));
      RC_ASSERT(set.sample() == sample);
    }
  }));
}

TEST_CASE("the order of the fields and the space do not change what a set is") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace ports(VariableOrder::ports_first), addresses(VariableOrder::addresses_first), third(order_of(seed));
    const std::vector<Box> boxes = dice.boxes(6);
    const PacketSet a = ports.of(boxes), b = addresses.of(boxes);
    RC_ASSERT(addresses.copy_of(a) == b);
    RC_ASSERT(ports.copy_of(b) == a);
    RC_ASSERT(third.copy_of(a) == third.copy_of(b));
    RC_ASSERT(a.count() == b.count());
    RC_ASSERT(a.sources() == b.sources());
  }));
}

TEST_CASE("projections and forgetting agree with membership") {
  CHECK(rc::check([](std::uint64_t seed) {
    Dice dice(seed);
    PacketSpace space(order_of(seed));
    const std::vector<Box> boxes = dice.boxes(4);
    const PacketSet set = space.of(boxes);
    AddressSet sources, destinations;
    for (const Box& b : boxes) {
      const PacketSet one = space.of(b);
      if (one.is_empty()) continue;
      for (Family f : {Family::ipv4, Family::ipv6}) {  // a family whose other end is empty sends nothing
        const Box only{.family = f};
        if ((one & space.of(only)).is_empty()) continue;
        const AddressSet family_all = f == Family::ipv4 ? AddressSet{Prefix::containing(Address::ipv4(0), 0)}
                                                        : AddressSet{Prefix::containing(Address::ipv6(0, 0), 0)};
        sources = sources.unite(b.sources.intersect(family_all));
        destinations = destinations.unite(b.destinations.intersect(family_all));
      }
    }
    RC_ASSERT(set.sources() == sources);
    RC_ASSERT(set.destinations() == destinations);

    const PacketSet wider = set.forget({Field::state, Field::source_port});
    RC_ASSERT(wider.contains(set));
    RC_ASSERT(wider.forget({Field::state}) == wider);
    if (auto p = set.sample()) {
      p->context.state = ConnectionState::invalid;
      p->packet.source_port = Port(9);
      RC_ASSERT(wider.contains(*p));
    }
  }));
}
