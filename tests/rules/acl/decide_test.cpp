#include "rules/acl/decide.h"

#include <doctest/doctest.h>

#include "rules/acl/meaning.h"
#include "tests/rules/acl/random_device.h"

namespace demarc {
namespace {

TEST_CASE("one packet is decided as the naive judge decides, and the line named is the one that does it") {
  std::uint64_t permits = 0, open = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device device = naive::random_device(dice);
    Decider decider(device);
    for (ListIndex index = 0; index < device.lists.size(); ++index) {
      for (int n = 0; n < 16; ++n) {
        const ConcretePacket p = naive::packet_near_list(dice, device.lists[index]);
        PacketQuestion q = PacketQuestion::of(p);
        q.list = index;
        const FilterDecision d = decider.decide(q);
        naive::Fates fates = naive::fates(device, index, p);
        // The list's own end is applied; what it gives back nobody stops.
        if (fates.on) (device.lists[index].at_end == Fallthrough::deny ? fates.deny : fates.permit) = true;
        const Fate expected = fates.permit && fates.deny ? Fate::undetermined
                              : fates.permit             ? Fate::permit
                                                         : Fate::deny;
        REQUIRE(name(d.fate) == name(expected));
        if (d.by.list != kNoList && d.by.entry && d.fate != Fate::undetermined) {
          const Entry& e = device.lists[d.by.list].entries[*d.by.entry];
          REQUIRE(naive::matches_any(e.match, p) + naive::matches_any(e.maybe, p) > 0);
          REQUIRE(e.action != (d.fate == Fate::permit ? Action::deny : Action::permit));
        }
        permits += d.fate == Fate::permit ? 1 : 0;
        open += d.fate == Fate::undetermined ? 1 : 0;
      }
    }
  }
  CHECK(permits > 1000);
  CHECK(open > 500);
}

TEST_CASE("a question that leaves fields open is decided only if all its packets fare alike") {
  std::uint64_t mixed = 0, decided = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    naive::Dice dice(seed);
    const Device device = naive::random_device(dice);
    Decider decider(device);
    PacketSpace space;
    Meaning meaning(device, space);
    for (ListIndex index = 0; index < device.lists.size(); ++index) {
      PacketQuestion q;
      q.packets = dice.box();
      q.list = index;
      const PacketSet asked = space.of(q.packets);
      if (asked.is_empty()) continue;
      const Outcomes o = meaning.list(index);
      const bool denies_at_end = device.lists[index].at_end == Fallthrough::deny;
      const PacketSet permit = denies_at_end ? o.permit : o.permit | o.on,
                      deny = denies_at_end ? o.deny | o.on : o.deny;
      const bool may_permit = asked.overlaps(permit), may_deny = asked.overlaps(deny);
      const Fate expected = may_permit && may_deny ? Fate::undetermined : may_permit ? Fate::permit : Fate::deny;
      REQUIRE(name(decider.decide(q).fate) == name(expected));
      (expected == Fate::undetermined ? mixed : decided) += 1;
    }
  }
  CHECK(mixed > 50);
  CHECK(decided > 50);
}

TEST_CASE("of no packet nothing is said") {
  Device device;
  Stage stage;
  device.lists.emplace_back();
  stage.lists = {0};
  device.stages = {stage};
  PacketQuestion q;
  q.packets.ports = PortSet::single(Port(443));
  q.packets.icmp = {IcmpType{8, 0}};
  const FilterDecision d = Decider(device).decide(q);
  CHECK(name(d.fate) == "undetermined");
  CHECK(d.why == "there is no such packet");
}

TEST_CASE("a stage without lists lets everything through, and lists that are called twice are walked once") {
  Device device;
  // Each list calls the next one twice, and what the line may not match goes on: 2^40 ways through.
  constexpr ListIndex kLists = 40;
  for (ListIndex i = 0; i < kLists; ++i) {
    List list;
    list.name = std::to_string(i);
    list.at_end = i == 0 ? Fallthrough::deny : Fallthrough::give_back;
    for (int twice = 0; i + 1 < kLists && twice < 2; ++twice) {
      Entry call;
      call.action = Action::jump;
      call.target = i + 1;
      call.maybe = {Match{}};
      list.entries.push_back(call);
    }
    device.lists.push_back(std::move(list));
  }
  device.stages.emplace_back();
  device.stages.emplace_back();
  device.stages[1].lists = {0};
  PacketQuestion q;  // of everything: by sets
  CHECK(name(Decider(device).decide(q).fate) == "deny");
  device.stages.pop_back();
  CHECK(name(Decider(device).decide(q).fate) == "permit");
}

}  // namespace
}  // namespace demarc
