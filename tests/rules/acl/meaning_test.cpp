#include "rules/acl/meaning.h"

#include <doctest/doctest.h>

#include "tests/rules/acl/random_device.h"

namespace demarc {
namespace {

using naive::entry;
Match to_port(std::uint16_t port) {
  return {.box = {.protocols = {Protocol::tcp}, .ports = PortSet::single(Port(port))}};
}
ConcretePacket tcp(std::uint16_t port) {
  ConcretePacket p;
  p.packet = {Address::ipv4(0xC6336407), Address::ipv4(0xC000020A), Protocol::tcp, Port(40000), Port(port), {}};
  return p;
}

TEST_CASE("every packet fares as a person who follows the lists would say, undecided entries tried both ways") {
  std::uint64_t undecided = 0, permitted = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device device = naive::random_device(dice);
    PacketSpace space;
    Meaning meaning(device, space);
    for (ListIndex index = 0; index < device.lists.size(); ++index) {
      const Outcomes outcomes = meaning.list(index);
      const Bounds permitted_set = outcomes.permitted(), denied_set = outcomes.denied();
      REQUIRE(permitted_set.possible.contains(permitted_set.certain));
      for (int n = 0; n < 24; ++n) {
        const ConcretePacket p = naive::packet_near_list(dice, device.lists[index]);
        const naive::Fates fates = naive::fates(device, index, p);
        REQUIRE(outcomes.permit.contains(p) == fates.permit);
        REQUIRE(outcomes.deny.contains(p) == fates.deny);
        REQUIRE(outcomes.on.contains(p) == fates.on);
        REQUIRE(permitted_set.certain.contains(p) == (fates.permit && !fates.deny && !fates.on));
        REQUIRE(denied_set.certain.contains(p) == (fates.deny && !fates.permit && !fates.on));
        undecided += fates.permit && fates.deny ? 1 : 0;
        permitted += fates.permit ? 1 : 0;
      }
    }
  }
  // The dice reach what the test is about.
  CHECK(undecided > 100);
  CHECK(permitted > 1000);
}

TEST_CASE("a deny that cannot be decided makes what it covers undetermined, and nothing else") {
  Device d;
  d.lists.resize(1);
  d.lists[0].entries = {entry(Action::deny, {}, {to_port(22)}), entry(Action::permit, {to_port(22), to_port(443)})};
  d.stages.push_back({.name = "in", .lists = {0}});
  PacketSpace space;
  Meaning meaning(d, space);
  const Bounds through = meaning.permitted(Way::through);
  CHECK(through.certain.contains(tcp(443)));
  CHECK_FALSE(through.certain.contains(tcp(22)));
  CHECK(through.possible.contains(tcp(22)));
  CHECK_FALSE(through.possible.contains(tcp(25)));
  CHECK_FALSE(through.is_exact());
}

TEST_CASE("a time range before the same permit leaves no doubt") {
  Device d;
  d.lists.resize(1);
  d.lists[0].entries = {entry(Action::permit, {}, {to_port(443)}), entry(Action::permit, {to_port(443)})};
  PacketSpace space;
  CHECK(Meaning(d, space).permitted_by(0).is_exact());
}

TEST_CASE("stages: all that a packet meets must let it through, those of other interfaces do not matter") {
  Device d;
  d.interfaces.resize(2);
  d.lists.resize(3);
  d.lists[0].entries = {entry(Action::permit, {to_port(443), to_port(25)})};
  d.lists[1].entries = {entry(Action::deny, {to_port(25)})};
  d.lists[1].at_end = Fallthrough::permit;
  d.lists[2].entries = {entry(Action::permit, {to_port(22)})};
  d.stages = {{.name = "in on 0", .lists = {0}, .ingress = {0}},
              {.name = "out on 1", .lists = {1}, .egress = {1}},
              {.name = "to the device", .ways = {Way::to_device}, .lists = {2}}};
  PacketSpace space;
  Meaning meaning(d, space);
  const Bounds through = meaning.permitted(Way::through), local = meaning.permitted(Way::to_device);
  const auto at = [](ConcretePacket p, InterfaceId in, InterfaceId out) {
    p.context.ingress = in, p.context.egress = out;
    return p;
  };
  CHECK(through.certain.contains(at(tcp(443), 0, 1)));
  CHECK_FALSE(through.certain.contains(at(tcp(25), 0, 1)));  // the second stage stops it
  CHECK(through.certain.contains(at(tcp(25), 0, 0)));
  CHECK_FALSE(through.certain.contains(at(tcp(80), 0, 1)));
  CHECK(through.certain.contains(at(tcp(80), 1, 1)));  // no stage stands where it enters
  CHECK(local.certain.contains(at(tcp(22), 1, 0)));
  CHECK_FALSE(local.possible.contains(at(tcp(443), 1, 0)));
}

TEST_CASE("of several lists in one stage each but the last gives way at its end") {
  Device d;
  d.lists.resize(2);
  d.lists[0].entries = {entry(Action::deny, {to_port(25)})};
  d.lists[1].entries = {entry(Action::permit, {to_port(25), to_port(443)})};
  d.stages = {{.name = "both", .lists = {0, 1}}};
  PacketSpace space;
  Meaning meaning(d, space);
  const Bounds through = meaning.permitted(Way::through);
  CHECK_FALSE(through.possible.contains(tcp(25)));
  CHECK(through.certain.contains(tcp(443)));
  CHECK_FALSE(through.possible.contains(tcp(80)));
}

TEST_CASE("lists that call each other in a circle decide nothing") {
  Device d;
  d.lists.resize(2);
  d.lists[0].entries = {entry(Action::jump, {{}})};
  d.lists[0].entries[0].target = 1;
  d.lists[1].entries = {entry(Action::jump, {{}})};
  d.lists[1].entries[0].target = 0;
  PacketSpace space;
  Meaning meaning(d, space);
  const Bounds bounds = meaning.permitted_by(0);
  CHECK(bounds.certain.is_empty());
  CHECK(bounds.possible.is_all());
}

}  // namespace
}  // namespace demarc
