#include "rules/acl/packet_walk.h"

#include <doctest/doctest.h>

#include "tests/rules/acl/random_device.h"

namespace demarc {
namespace {

TEST_CASE("a packet fares as the naive judge says, in short lists and in long ones") {
  std::uint64_t permits = 0, open = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    Device device = naive::random_device(dice);
    if (seed % 3 == 0) {  // long enough for an index
      List& first = device.lists[0];
      const List more = naive::random_device(dice).lists[0];
      while (!more.entries.empty() && first.entries.size() < 80)
        for (Entry e : more.entries) {
          if (e.target != kNoList || e.action == Action::unknown) e.action = Action::count;
          e.maybe.clear();  // the judge tries every one both ways
          e.match.assign(1, Match{.box = dice.box()});
          first.entries.push_back(std::move(e));
        }
    }
    PacketWalk walk(device);
    for (ListIndex index = 0; index < device.lists.size(); ++index) {
      for (int n = 0; n < 16; ++n) {
        const ConcretePacket p = naive::packet_near_list(dice, device.lists[index]);
        const PacketWalk::Fates f = walk.walk(index, 0, PacketWalk::kToTheEnd, p);
        const naive::Fates expected = naive::fates(device, index, p);
        REQUIRE(f.permit == expected.permit);
        REQUIRE(f.deny == expected.deny);
        REQUIRE((f.on || f.give_back) == expected.on);
        permits += f.permit ? 1 : 0;
        open += f.permit && f.deny ? 1 : 0;
      }
    }
  }
  CHECK(permits > 1000);
  CHECK(open > 500);
}

TEST_CASE("a part of a list, and a list without some of its entries") {
  Device device;
  device.lists.resize(1);
  const Box web{.protocols = {Protocol::tcp}, .ports = PortSet::single(Port(80))};
  for (const Action action : {Action::deny, Action::permit, Action::give_back})
    device.lists[0].entries.push_back(naive::entry(action, {{.box = web}}));
  ConcretePacket p;
  p.packet = {Address::ipv4(1), Address::ipv4(2), Protocol::tcp, Port(40000), Port(80), {}};
  PacketWalk walk(device);
  CHECK(walk.walk(0, 0, 3, p).deny);
  CHECK(walk.walk(0, 1, 3, p).permit);
  CHECK_FALSE(walk.walk(0, 1, 3, p).deny);
  CHECK(walk.walk(0, 2, 3, p).give_back);
  CHECK(walk.walk(0, 0, 0, p).on);
  CHECK(walk.walk(0, 0, 3, p, {true, false, false}).permit);
  p.packet.port = Port(81);
  CHECK(walk.walk(0, 0, 3, p).on);
}

TEST_CASE("lists that call in a circle may do anything, and calls that fork at every turn end soon") {
  Device device;
  device.lists.resize(64);
  for (ListIndex i = 0; i + 1 < 64; ++i)
    for (int twice = 0; twice < 2; ++twice) {
      Entry e = naive::entry(Action::jump, {Match{}});
      e.target = i + 1;
      device.lists[i].at_end = Fallthrough::give_back;
      device.lists[i].entries.push_back(std::move(e));
    }
  device.lists[63].at_end = Fallthrough::give_back;
  PacketWalk walk(device);
  const ConcretePacket p{};
  CHECK(walk.walk(0, 0, PacketWalk::kToTheEnd, p).on);
  Entry back = naive::entry(Action::jump, {Match{}});
  back.target = 0;
  device.lists[63].entries.push_back(back);
  PacketWalk circle(device);
  CHECK(circle.walk(0, 0, PacketWalk::kToTheEnd, p).permit);
  CHECK(circle.walk(0, 0, PacketWalk::kToTheEnd, p).deny);
}

}  // namespace
}  // namespace demarc
